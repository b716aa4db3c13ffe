"""Measure the time, operations and energy of a training.

A measurement is never part of a result. The figures of earlier tries lie in the folder of
checkpoints and are added up. The work of a killed try after its last checkpoint is lost with it.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collectivesft.common.files import read_json, write_json
from collectivesft.config.experiment import Training
from collectivesft.sft.distributed.gpu_specs import GPUS
from collectivesft.sft.distributed.world import World

# Part of a GPU's name as its driver tells it, the most exact first, and the peak of dense bfloat16
# matrix products in FLOP/s, by the makers' data sheets.
PEAKS = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": GPUS["h100-80gb"][1],
    "H200": GPUS["h200-141gb"][1],
    "A100": GPUS["a100-80gb"][1],
    "4090": GPUS["rtx4090-24gb"][1],
}
SUMS = ("tries", "steps", "tokens", "wall_s", "cpu_s", "flop", "gpu_hours", "energy_kwh")


def device_name(world: World) -> str:
    """The GPU's name, or ``cpu``."""
    import torch

    return "cpu" if world.device == "cpu" else torch.cuda.get_device_name(world.device)


def peak(name: str, training: Training) -> float | None:
    """FLOP/s of one GPU at most, where they are known."""
    if training.precision != "bfloat16":
        return None
    return next((value for part, value in PEAKS.items() if part in name), None)


class Work:
    """Operations that a model needs for some examples, forward and backward.

    As ``estimate.flops_per_token``, but with the lengths as they are, and with the output layer
    only where there is loss. Recomputation is not counted.
    """

    def __init__(self, model: Any, training: Training):
        config, words = model.config, model.get_input_embeddings().weight
        head = model.get_output_embeddings()
        self._output = (words if head is None else head.weight).numel()
        other = 0 if head is None or head.weight is words else self._output
        every = sum(p.numel() for name, p in model.named_parameters() if "lora_" not in name)
        self._inner = every - words.numel() - other
        self._passes = 3 if training.method == "full" else 2  # frozen weights get no gradient
        self._attention = 2 * config.num_hidden_layers * config.hidden_size

    def __call__(self, lengths: list[int], labels: int) -> float:
        """Of examples of these lengths, with so many labels."""
        products = 2 * (self._inner * sum(lengths) + self._output * labels)
        scores = self._attention * sum(length**2 for length in lengths)
        return float(self._passes * products + 3 * scores)


def energy(world: World) -> float | None:
    """Joules that this process's GPU has used since its driver was loaded; None: not told."""
    if world.device == "cpu":
        return None
    import torch

    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        unit = f"GPU-{torch.cuda.get_device_properties(world.device).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(unit)
        return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
    except pynvml.NVMLError:  # older GPUs count none
        return None


@dataclass
class Costs:
    """The costs of one training over all of its tries.

    Attributes:
        path: file in the folder of checkpoints where they are kept.
        fingerprint: of the training; those of a different one are forgotten.
    """

    path: Path
    fingerprint: str
    world: World
    training: Training
    before: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        """A try begins."""
        found = read_json(self.path) if self.path.exists() else {}
        self.before = found if found.get("fingerprint") == self.fingerprint else {}
        self._wall, self._cpu, self._energy = self._now()
        self._steps, self._tokens, self._flop = 0, 0, 0.0

    def _now(self) -> tuple[float, float, float | None]:
        return time.monotonic(), time.process_time(), energy(self.world)

    def step(self, tokens: float, flop: float) -> None:
        """A step was taken, by all processes together."""
        self._steps += 1
        self._tokens += int(tokens)
        self._flop += flop

    def utilisation(self, flop: float, seconds: float) -> float | None:
        """Share of all processes' peak that so many operations in this time are, where known."""
        most = peak(device_name(self.world), self.training)
        return flop / (most * seconds * self.world.size) if most and seconds else None

    def save(self) -> dict[str, Any]:
        """Keep the sums over all tries; all processes must call. Returns them, in each."""
        wall, cpu, joules = self._now()
        told = joules is not None and self._energy is not None
        used = joules - self._energy if told else 0.0
        cpus, joules, tellers = self.world.sum(cpu - self._cpu, used, float(told))
        seconds = wall - self._wall
        gpu = self.world.device != "cpu"
        new = (1, self._steps, self._tokens, seconds, cpus, self._flop)
        new += (seconds * self.world.size / 3600 if gpu else 0.0, joules / 3.6e6)
        sums = {k: (self.before.get(k) or 0) + v for k, v in zip(SUMS, new, strict=True)}
        facts = sums | self._facts(sums)
        if tellers < self.world.size or self.before.get("energy_kwh", 0) is None:
            facts["energy_kwh"] = None  # some of it was not measured: no sum
        if self.world.first:
            write_json(self.path, facts | {"fingerprint": self.fingerprint})
        return facts

    def _facts(self, sums: dict[str, Any]) -> dict[str, Any]:
        name = device_name(self.world)
        seconds = sums["wall_s"]
        return {
            "device": name,
            "processes": self.world.size,
            "tokens_per_s": sums["tokens"] / seconds if seconds else None,
            "peak_flop_per_s": peak(name, self.training),
            "mfu": self.utilisation(sums["flop"], seconds),
        }
