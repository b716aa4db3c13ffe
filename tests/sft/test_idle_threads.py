"""Threads that wait use no CPU: a busy machine must not multiply the time of a training."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The kernels of a training step, in the sizes of the demo's model, on two threads: for each line of
# stdin the steps once, then CPU seconds and the loss.
STEPS = """
import sys, time
import collectivesft, torch

torch.set_num_threads(2)
print("ready", flush=True)
for _ in sys.stdin:
    started = time.process_time()
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Linear(256, 512), torch.nn.GELU(), torch.nn.Linear(512, 256)
    )
    optimizer = torch.optim.AdamW(layers.parameters())
    inputs = torch.randn(64, 256)
    for _ in range(50):
        loss = (layers(inputs) - inputs).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    bits = loss.detach().numpy().tobytes().hex()
    print(time.process_time() - started, bits, flush=True)
"""


def start() -> subprocess.Popen:
    names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    process = subprocess.Popen(
        [sys.executable, "-c", STEPS], env=kept | {"PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def ask(process: subprocess.Popen) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


def answer(process: subprocess.Popen) -> tuple[float, str]:
    seconds, loss = process.stdout.readline().split()
    return float(seconds), loss


@pytest.mark.slow
def test_four_trainings_at_once_take_little_more_cpu_time_than_in_turn():
    processes = [start() for _ in range(4)]
    in_turn, together = [], []
    for process in processes * 2:  # the first round allocates and loads kernels
        ask(process)
        in_turn.append(answer(process))
    for process in processes:
        ask(process)
    together = [answer(process) for process in processes]
    for process in processes:
        process.communicate()
    assert len({loss for _, loss in in_turn + together}) == 1
    cpu = [sum(seconds for seconds, _ in part) for part in (in_turn[4:], together)]
    assert cpu[1] <= 1.5 * cpu[0], f"{cpu[1]:.1f} s of CPU time together, {cpu[0]:.1f} s in turn"


def test_a_policy_that_a_user_sets_is_kept():
    code = "import os, collectivesft; print(os.environ['OMP_WAIT_POLICY'])"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"PYTHONPATH": str(ROOT / "src")}
    for added, policy in (({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")):
        made = subprocess.check_output([sys.executable, "-c", code], env=environment | added)
        assert made.decode().strip() == policy
