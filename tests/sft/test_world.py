"""Several processes: who does what of a step, and the same training as one process does."""

import contextlib
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import weakref
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import read_json
from collectivesft.config.experiment import read_experiment
from collectivesft.models.registry import blocks, register
from collectivesft.sft.distributed.stop_signal import REQUEUE
from collectivesft.sft.distributed.world import World, deal
from collectivesft.sft.loop.trainer import Trainer
from collectivesft.sft.train import load
from tests.helpers import torch_server
from tests.helpers.training_job import steps_taken

ROOT = Path(__file__).parents[2]
LAUNCH = "collectivesft.sft.distributed.launcher"
LORA = {"method": "lora", "lora": {"r": 4, "alpha": 8}}
SETTINGS = {
    "ddp": {"distributed": "ddp"},
    "fsdp": {"distributed": "fsdp", "weight_decay": 0.1},
    "fsdp, less memory": {"distributed": "fsdp", "gradient_checkpointing": True},
    "adapters": {"distributed": "ddp"} | LORA,
}


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=40),
    size=st.integers(1, 8),
    cuts=st.sets(st.integers(1, 39)),
)
def test_every_pass_is_dealt_once_and_hands_are_even(lengths, size, cuts):
    places = [0, *sorted(cut for cut in cuts if cut < len(lengths)), len(lengths)]
    passes = [list(range(a, b)) for a, b in pairwise(places)]
    hands = deal(passes, np.array(lengths), size)
    assert len(hands) == size
    assert len({len(hand) for hand in hands}) == 1
    assert sorted(group for hand in hands for group in hand if group) == sorted(passes)
    assert sum(not group for hand in hands for group in hand) < size


def test_one_process_keeps_the_order_of_the_plan():
    passes = [[3], [0, 1], [2]]
    assert deal(passes, np.array([1, 2, 3, 4]), 1) == [passes]


def test_long_passes_go_to_different_hands():
    passes, lengths = [[0], [1], [2], [3]], np.array([10, 9, 1, 2])
    hands = deal(passes, lengths, 2)
    assert {frozenset(i for group in hand for i in group) for hand in hands} == {
        frozenset({0, 2}),
        frozenset({1, 3}),
    }


def test_sharded_adapters_are_refused(workshop):
    recipe = workshop.recipe(**LORA, distributed="fsdp")
    with pytest.raises(InputError, match="adapters are small, use ddp"):
        read_experiment(recipe)


@pytest.mark.parametrize(("method", "strategy"), [("full", "fsdp"), ("lora", "ddp")])
def test_what_is_large_is_sharded_by_itself(workshop, method, strategy):
    assert read_experiment(workshop.recipe(method=method)).training.strategy == strategy


def start(job, launch: list[str] | int = 2, python: str = sys.executable) -> subprocess.Popen:
    """``sft train`` under torchrun: so many processes on this node, or as ``launch`` says."""
    if isinstance(launch, int):
        launch = ["--standalone", f"--nproc-per-node={launch}"]
    # torchrun starts its own interpreter for a module, and here the one that it is given.
    program = [] if python == sys.executable else ["--no-python", python]
    program += ["-m", "collectivesft", "sft", "train", *job.options, "--threads", "1"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [python, "-m", LAUNCH, *launch, *program],
        env=env, stderr=subprocess.PIPE, text=True, cwd=job.folder,
    )  # fmt: skip


def finish(job, processes: int = 2) -> str:
    """Train to the end; by forks, as what the commands start with is not in question here."""
    process = start(job, processes, torch_server.command())
    _, messages = process.communicate(timeout=1500)
    assert process.returncode == 0, messages
    return messages


def losses(job) -> list[float]:
    return [row.get("loss", row.get("eval_loss")) for row in job.history]


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_two_processes_train_as_one_does(job, settings):
    """Several passes a step of one to three, so that a process is idle at times."""
    import torch
    from safetensors.torch import load_file

    common = settings | {
        "epochs": 3,
        "max_tokens_per_forward": 96,
        "eval_steps": 2,
        "save_steps": 2,
    }
    one, two = job("one", **common).run(), job("two", **common)
    finish(two)
    assert losses(two) == pytest.approx(losses(one), rel=2e-5)
    assert [row["tokens"] for row in two.history] == [row["tokens"] for row in one.history]
    name = "adapter_model" if settings.get("method") == "lora" else "model"
    mine, theirs = (load_file(each.folder / f"trained/{name}.safetensors") for each in (one, two))
    assert mine.keys() == theirs.keys()
    for key, value in mine.items():
        assert value.dtype == theirs[key].dtype
        torch.testing.assert_close(value, theirs[key], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SETTINGS["fsdp"], SETTINGS["adapters"]], ids=["fsdp", "lora"])
@pytest.mark.parametrize("order", [(2, 1), (1, 2)], ids=["two to one", "one to two"])
def test_a_training_resumes_on_another_number_of_processes(job, settings, order, monkeypatch):
    common = settings | {
        "epochs": 2,
        "max_tokens_per_forward": 96,
        "save_steps": 2,
        "eval_steps": 2,
    }
    whole, made = job("whole", **common).run(), job("made", **common)
    finish(made, order[0]) if order[0] > 1 else made.run()
    before = made.history
    for name in ("checkpoints/step-00000006", "trained"):
        shutil.rmtree(made.folder / name)
    (made.folder / "history.jsonl").unlink()
    taken = steps_taken(monkeypatch)
    finish(made, order[1]) if order[1] > 1 else made.run()
    if order[1] == 1:
        assert taken == [4, 5]
    assert made.checkpoints == ["step-00000004", "step-00000006"]
    assert made.history[:4] == before[:4]  # the first four steps were not taken again
    assert losses(made) == pytest.approx(losses(whole), rel=2e-5)


KINDS = ["gemma3", "gpt2", "cpmant", "pangu_alpha"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_shard_any_architecture(job, kind):
    """Tied words (all but CPM-Ant), a scale that is no weight (Gemma), a layer apart (PanGu)."""
    import torch
    from safetensors.torch import load_file

    common = {"kind": kind, "distributed": "fsdp", "max_steps": 2, "save_steps": 1}
    one, two = job("one", **common).run(), job("two", **common)
    finish(two)
    assert losses(two) == pytest.approx(losses(one), rel=2e-5)
    mine, theirs = (load_file(each.folder / "trained/model.safetensors") for each in (one, two))
    assert mine.keys() == theirs.keys()
    for key, value in mine.items():
        if not key.endswith("attn.bias"):  # has the keys' in it, whose gradient is rounding alone
            torch.testing.assert_close(value, theirs[key], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", [*KINDS, "llama"])
def test_every_layer_is_sharded_by_itself(workshop, kind):
    """Only parameters outside of layers are gathered for a whole pass: words, norms, places."""
    from transformers import AutoModelForCausalLM

    register()
    model = AutoModelForCausalLM.from_pretrained(workshop.base(kind))
    layers = blocks(model)
    assert len(layers) == model.config.num_hidden_layers
    inside = {id(p) for layer in layers for p in layer.parameters()}
    rest = [name for name, p in model.named_parameters() if id(p) not in inside]
    assert all(
        any(part in name for part in ("embed", "norm", "wte", "wpe", "wqe", "ln_f", "lm_head"))
        or name.endswith("position_bias.relative_attention_bias")
        for name in rest
    ), rest


def test_a_model_whose_layers_nobody_names_is_refused(workshop, monkeypatch):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(workshop.base())
    model._no_split_modules = None
    with pytest.raises(UserError, match=r"LlamaForCausalLM .* Set training\.distributed to ddp"):
        blocks(model)


@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_process_alone_holds_a_model_that_is_to_be_sharded(workshop, monkeypatch, rank):
    """In main memory: one GPU's may be too small for it. The others get their parts from it."""
    seen = []
    monkeypatch.setattr(World, "shard", lambda self, model, half: seen.append(model))
    training = read_experiment(workshop.recipe(distributed="fsdp")).training
    load(workshop.base("gemma3"), training, World(rank, 2, "cuda:7", "fsdp"))
    tensors = [*seen[0].parameters(), *seen[0].buffers()]
    assert {tensor.device.type for tensor in tensors} == {("cpu", "meta")[rank]}


SHARE = """
import ctypes, gc, sys
import torch
from torch.testing._internal.distributed.fake_pg import FakeStore
from transformers import LlamaConfig, LlamaForCausalLM
from collectivesft.sft.distributed.world import World

def memory():
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def hand_out(world, module):
    seen.append(memory() - before)
    own(world, module)
    for p in module.parameters():
        if not hasattr(p, "to_local"):
            p.data.fill_(1)  # untouched pages are not counted

torch.distributed.init_process_group("fake", rank=1, world_size=8, store=FakeStore())
shape = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12}
with torch.device("meta"):
    model = LlamaForCausalLM(LlamaConfig(vocab_size=100, num_attention_heads=8, **shape))
own, World._hand_out, seen, before = World._hand_out, hand_out, [], memory()
World(1, 8, "cpu", "fsdp").shard(model, half=False)
size = 4 * sum(p.numel() for p in model.model.layers[0].parameters())
print(max((b - a) / size for a, b in zip(seen[1:], seen[2:])))
"""


@pytest.mark.slow
def test_no_more_than_a_share_of_a_layer_stays():
    """One of eight processes, the others made up: a layer is gone before the next one comes."""
    env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SHARE]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.3  # an eighth, and what Python itself takes


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_processes_train_in_bfloat16_alone_as_one_does(job, parallel):
    """Near, as sums are rounded elsewhere and shards by other chances; the same after a restart."""
    import torch
    from safetensors.torch import load_file

    half = {"precision": "bfloat16", "master_weights": "bfloat16", "distributed": parallel}
    common = half | {"epochs": 3, "max_tokens_per_forward": 96, "save_steps": 2}
    one, two = job("one", **common).run(), job("two", **common)
    finish(two)
    assert losses(two) == pytest.approx(losses(one), rel=0.1)
    mine, theirs = (load_file(each.folder / "trained/model.safetensors") for each in (one, two))
    assert {value.dtype for value in theirs.values()} == {torch.bfloat16}
    for key, value in mine.items():
        torch.testing.assert_close(value, theirs[key], rtol=0.1, atol=0.02)
    (two.folder / f"checkpoints/{two.checkpoints[-1]}").rename(two.folder / "elsewhere")
    whole = two.result
    finish(two)
    assert two.result == whole


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SETTINGS["fsdp"], SETTINGS["adapters"]], ids=["fsdp", "ddp"])
def test_two_nodes_train_as_one_does(job, settings):
    """One torchrun a node, which find each other as in an allocation of a scheduler."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = settings | {"epochs": 3, "max_tokens_per_forward": 96, "save_steps": 2}
    one, two = job("one", **common).run(), job("two", **common)
    place = ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--rdzv-id=7"]
    launch = ["--nnodes=2", "--nproc-per-node=1", *place]
    nodes = [start(two, launch), start(two, launch)]
    messages = [node.communicate(timeout=1500)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], messages
    assert losses(two) == pytest.approx(losses(one), rel=2e-5)
    assert sum("train: 9/9" in text for text in messages) == 1  # the first process alone reports
    assert read_json(two.folder / "checkpoints/costs.json")["processes"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SETTINGS["ddp"], SETTINGS["fsdp"]], ids=["ddp", "fsdp"])
def test_killed_processes_go_on_to_the_same_bytes(job, settings):
    common = settings | {"epochs": 20, "save_steps": 5}
    whole, broken = job("whole", **common), job("broken", **common)
    finish(whole)
    process = start(broken)
    wait_for(broken.folder / "checkpoints/step-00000010")
    for pid in [process.pid, *children(process.pid)]:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    assert not (broken.folder / "trained").exists()
    assert len(broken.curve) >= 10  # evaluated at the end alone
    finish(broken)
    assert broken.result == whole.result
    assert broken.curve == broken.history  # the first process alone wrote it


def test_nothing_holds_the_process_group_when_a_training_has_finished(tmp_path):
    """Else its end waits for gloo's thread, which may wait for Python's lock: for ever."""
    import torch
    import torch.distributed as dist

    store = dist.FileStore(str(tmp_path / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        trainer = Trainer.__new__(Trainer)
        trainer.trackers = None
        trainer.replica = World(0, 2, "cpu").replicate(torch.nn.Linear(2, 2))
        trainer.replica(torch.ones(1, 2)).sum().backward()
        replica = weakref.ref(trainer.replica)
        reducer = weakref.ref(trainer.replica.reducer)
        trainer.finish()
        gc.collect()
        assert replica() is None
        assert reducer() is None
    finally:
        dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_request_to_stop_saves_and_asks_for_a_requeue(job, processes):
    common = {"epochs": 100, "save_steps": 10}
    whole, stopped = job("whole", **common), job("stopped", **common)
    finish(whole, processes)
    process = start(stopped, processes)
    wait_for(stopped.folder / "checkpoints/step-00000010")
    process.send_signal(signal.SIGTERM)
    _, messages = process.communicate(timeout=1500)
    assert process.returncode == REQUEUE, messages
    assert "stopped on request after step" in messages
    assert "Traceback" not in messages
    assert stopped.checkpoints[-1] < "step-00000300"
    assert not (stopped.folder / "trained").exists()
    finish(stopped, processes)
    assert stopped.result == whole.result


def children(parent: int) -> list[int]:
    """Processes that this one started: torchrun gives them sessions of their own."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


STOPS = "import os, signal, time; signal.signal(signal.{name}, lambda *_: os._exit(75)); "


@pytest.mark.parametrize(
    ("code", "request_", "wanted"),
    [
        (STOPS.format(name="SIGTERM") + "print('up', flush=True); time.sleep(60)", "SIGTERM", 75),
        (STOPS.format(name="SIGUSR1") + "print('up', flush=True); time.sleep(60)", "SIGUSR1", 75),
        ("raise SystemExit(75)", None, 75),  # each process was asked, the launcher was not
        ("raise SystemExit(3)", None, 1),
        ("pass", None, 0),
    ],
    ids=["asked", "asked by SIGUSR1", "processes stopped", "processes failed", "done"],
)
def test_the_launcher_hands_on_what_became_of_its_processes(tmp_path, code, request_, wanted):
    (tmp_path / "work.py").write_text(code)
    command = [sys.executable, "-m", LAUNCH, "--standalone", "--nproc-per-node=1"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*command, str(tmp_path / "work.py")], env=env, **pipes)
    if request_:
        assert process.stdout.readline() == "up\n"
        process.send_signal(getattr(signal, request_))
    _, errors = process.communicate(timeout=1500)
    assert process.returncode == wanted, errors
    assert ("Traceback" in errors) is (wanted == 1)


def wait_for(path: Path, seconds: float = 500) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path.name}"
        time.sleep(0.05)


def test_a_request_in_one_process_saves_and_says_so(job, monkeypatch, capsys):
    """The step is finished and saved; the exit code asks for a requeue."""
    from collectivesft import cli
    from collectivesft.sft.loop import trainer

    def interrupt(training, step, steps):
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return 1e-3

    stopped = job(save_steps=1000)
    monkeypatch.setattr(trainer, "learning_rate", interrupt)
    monkeypatch.setattr(sys, "argv", ["collectivesft", "sft", "train", *stopped.options])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == REQUEUE
    assert "stopped on request after step 3 of 6" in capsys.readouterr().err
    assert stopped.checkpoints == ["step-00000003"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
