"""Decide ``precision: auto``: bfloat16 where the processors multiply it, float32 elsewhere."""

from pathlib import Path

from collectivesft.config.experiment import Training
from collectivesft.sft.distributed.world import World

# Flags of processors whose matrix products in bfloat16 are faster than those in float32.
FAST = {"avx512_bf16", "amx_bf16"}
CPUINFO = Path("/proc/cpuinfo")


def cpu_flags(path: Path = CPUINFO) -> set[str]:
    """Return the flags of this machine's processor; none where the system does not tell them."""
    if not path.is_file():
        return set()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return set(value.split())
    return set()


def decided(training: Training, world: World) -> Training:
    """Return a training whose precision is bfloat16 or float32, the same in all processes.

    Args:
        training: ``auto`` takes bfloat16 on GPUs, and on processors with a flag of ``FAST``.
    """
    if training.precision != "auto":
        return training
    slow = world.device == "cpu" and not cpu_flags() & FAST
    anywhere = world.sum(float(slow)) != [0.0]
    return training.model_copy(update={"precision": "float32" if anywhere else "bfloat16"})
