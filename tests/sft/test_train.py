"""Training: the schedule, the loss, and the same bytes after any kill."""

import json
import math
import os
import signal
import stat
import time

import numpy as np
import pytest
import yaml

from collectivesft.common.errors import InputError, UserError
from collectivesft.config.experiment import Training, read_experiment
from collectivesft.sft.batches.packing import Plan
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.distributed.world import World
from collectivesft.sft.loop import trainer as module
from collectivesft.sft.loop.checkpoint import trainable
from collectivesft.sft.loop.trainer import learning_rate
from collectivesft.sft.train import load, train
from tests.helpers.training_job import digests, steps_taken

ALONE = World(0, 1, "cpu")
LORA = {"method": "lora", "lora": {"r": 4, "alpha": 8, "dropout": 0.2}, "eval_steps": 2}


class TestLearningRate:
    RATE = 0.01

    def rates(self, steps: int, **training) -> list[float]:
        made = Training(learning_rate=self.RATE, **training)
        return [learning_rate(made, step, steps) / self.RATE for step in range(steps)]

    def test_warm_up_reaches_the_rate_in_equal_parts(self):
        found = self.rates(20, lr_scheduler="constant", warmup_ratio=0.2)
        assert found == pytest.approx([0.25, 0.5, 0.75, 1.0] + [1.0] * 16)

    def test_linear_falls_to_one_part_of_the_rest(self):
        found = self.rates(5, lr_scheduler="linear", warmup_ratio=0)
        assert found == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2])

    def test_cosine_is_half_way_in_the_middle(self):
        found = self.rates(12, lr_scheduler="cosine", warmup_ratio=2 / 12)
        assert found[:3] == pytest.approx([0.5, 1.0, 1.0])
        assert found[7] == pytest.approx(0.5)
        assert found[11] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.9)))

    def test_published_warm_up_of_a_twentieth(self):
        found = self.rates(100)
        assert found[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
        assert found[5] == 1.0 and found[6] < 1.0

    @pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
    @pytest.mark.parametrize("steps", [1, 2, 7])
    def test_no_step_is_wasted_on_a_rate_of_zero(self, schedule, steps):
        assert all(0 < rate <= 1 for rate in self.rates(steps, lr_scheduler=schedule))


def test_history_tells_every_step(job):
    done = job(epochs=2, eval_steps=4, warmup_ratio=0.5).run()
    tokens = Tokens.load(done.tokens, "train")
    rows = done.history
    steps, evaluations = [r for r in rows if "loss" in r], [r for r in rows if "eval_loss" in r]
    assert [r["step"] for r in steps] == [1, 2, 3, 4, 5, 6]
    assert [r["epoch"] for r in steps] == [0.3333, 0.6667, 1.0, 1.3333, 1.6667, 2.0]
    assert steps[2]["tokens"] == len(tokens.ids) and steps[5]["tokens"] == 2 * len(tokens.ids)
    training = read_experiment(done.recipe).training
    assert [r["learning_rate"] for r in steps] == [learning_rate(training, n, 6) for n in range(6)]
    assert [r["step"] for r in evaluations] == [4, 6]
    assert all(set(r) == {"step", "epoch", "tokens", "eval_loss"} for r in evaluations)


def padded_loss(model, tokens: Tokens, examples: list[int]):
    """The usual way: one padded batch, labels of -100 where there is no loss."""
    import torch

    width = max(int(tokens.lengths[i]) for i in examples)
    ids = torch.zeros(len(examples), width, dtype=torch.long)
    seen, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, i in enumerate(examples):
        span = slice(int(tokens.offsets[i]), int(tokens.offsets[i + 1]))
        part = torch.from_numpy(tokens.ids[span].astype(np.int64))
        learned = torch.from_numpy(tokens.mask[span].astype(bool))
        ids[row, : len(part)], seen[row, : len(part)] = part, 1
        labels[row, : len(part)] = torch.where(learned, part, -100)
    return model(input_ids=ids, attention_mask=seen, labels=labels, use_cache=False).loss


def test_steps_equal_those_of_a_padded_reference(job):
    """Packed in several passes of at most 128 tokens, against one padded batch a step."""
    import torch
    from transformers import AutoModelForCausalLM

    settings = {"epochs": 2, "lr_scheduler": "linear", "warmup_ratio": 0.2, "max_grad_norm": 0.5}
    done = job(max_tokens_per_forward=128, weight_decay=0.1, **settings).run()
    training, tokens = read_experiment(done.recipe).training, Tokens.load(done.tokens, "train")
    plan = Plan(tokens.lengths, training)
    assert any(len(plan.step(number)) > 1 for number in range(plan.steps))

    model = AutoModelForCausalLM.from_pretrained(done.base, dtype=torch.float32)
    norms = [value for name, value in model.named_parameters() if "norm" in name]
    others = [value for name, value in model.named_parameters() if "norm" not in name]
    groups = [{"params": norms, "weight_decay": 0.0}, {"params": others, "weight_decay": 0.1}]
    optimizer = torch.optim.AdamW(groups, lr=1.0, eps=1e-8)
    losses = []
    for number in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(training, number, plan.steps)
        loss = padded_loss(model, tokens, [i for batch in plan.step(number) for i in batch])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss.item())
    found = [row["loss"] for row in done.history if "loss" in row]
    assert found == pytest.approx(losses, rel=2e-5)
    assert max(losses) - min(losses) > 0.1


KINDS = ["llama", "gemma3", "gpt2", "cpmant", "pangu_alpha"]


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_decay_where_they_do_in_transformers_trainer(workshop, kind, method):
    from transformers import Trainer

    training = read_experiment(workshop.recipe(method=method)).training
    model = load(workshop.base(kind), training, ALONE)
    names = {id(value): name for name, value in trainable(model).items()}
    first, *rest = module.decay_groups(model, 0.1)
    wanted = set(Trainer.get_decay_parameter_names(None, model)) & set(names.values())
    assert first["weight_decay"] == 0.1 and {names[id(p)] for p in first["params"]} == wanted
    still = [names[id(p)] for group in rest for p in group["params"]]
    assert sorted(still) == sorted(set(names.values()) - wanted)
    assert all(group["weight_decay"] == 0 for group in rest)
    assert (method == "full") == any("norm" in n or "ln_" in n for n in still)


def test_without_decay_the_optimiser_keeps_the_model_s_order(workshop):
    model = load(workshop.base(), read_experiment(workshop.recipe()).training, ALONE)
    (group,) = module.decay_groups(model, 0.0)
    assert list(map(id, group["params"])) == list(map(id, trainable(model).values()))


def test_the_loss_of_a_small_job_falls(job):
    losses = [
        row["loss"] for row in job(epochs=30, learning_rate=3e-3).run().history if "loss" in row
    ]
    assert sum(losses[-3:]) < 0.3 * sum(losses[:3])


def test_gradient_checkpointing_changes_memory_alone(job):
    plain = job("plain", **LORA).run()
    saving = job("saving", **LORA, gradient_checkpointing=True).run()
    assert [r.get("loss") for r in plain.history] == [r.get("loss") for r in saving.history]
    model = load(saving.base, read_experiment(saving.recipe).training, ALONE)
    assert model.base_model.model.is_activation_checkpointing


def test_evaluation_does_not_change_training(job):
    often = job("often", **LORA | {"eval_steps": 1}).run()
    seldom = job("seldom", **LORA | {"eval_steps": 100}).run()
    assert digests(often.folder / "trained") == digests(seldom.folder / "trained")
    losses = [[r for r in done.history if "loss" in r] for done in (often, seldom)]
    assert losses[0] == losses[1]
    assert sum("eval_loss" in r for r in often.history) == 6
    assert sum("eval_loss" in r for r in seldom.history) == 1  # at the end in any case


def test_evaluation_is_the_mean_loss_over_the_validation_part(job):
    import torch
    from transformers import AutoModelForCausalLM

    done = job(max_tokens_per_forward=64).run()
    model = AutoModelForCausalLM.from_pretrained(done.folder / "trained", dtype=torch.float32)
    with torch.no_grad():
        wanted = padded_loss(model, Tokens.load(done.tokens, "validation"), [0, 1]).item()
    assert done.history[-1]["eval_loss"] == pytest.approx(wanted, rel=1e-5)


def test_an_empty_validation_part_is_not_evaluated(job, workshop, conversations, tmp_path):
    from collectivesft.sft.tokenize import tokenize

    made = job(eval_steps=1)
    made.tokens = tmp_path / "tokens"
    parts = (workshop.mixture(conversations), workshop.mixture([]))
    tokenize(*parts, made.base, made.recipe, made.tokens)
    assert all("loss" in row for row in made.run().history)


FULL = {"eval_steps": 2, "weight_decay": 0.1}
HALF = {"precision": "bfloat16", "master_weights": "bfloat16", "weight_decay": 0.1}


@pytest.mark.parametrize("settings", [LORA, FULL, HALF], ids=["lora", "full", "half"])
def test_same_bytes_wherever_it_was_interrupted(job, monkeypatch, settings):
    settings = settings | {"save_steps": 2, "epochs": 2}
    whole = job("whole", **settings).run().result
    for stop in range(6):
        broken = job(f"broken{stop}", **settings)

        def interrupt(training, step, steps, stop=stop):
            if step == stop:
                raise KeyboardInterrupt
            return learning_rate(training, step, steps)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(module, "learning_rate", interrupt)
            broken.run()
        assert not (broken.folder / "trained").exists()
        assert not (broken.folder / "history.jsonl").exists()
        assert [row["step"] for row in broken.curve if "loss" in row] == list(range(1, stop + 1))
        assert broken.run().result == whole
        assert broken.curve == broken.history


def test_goes_on_from_the_last_checkpoint(job, monkeypatch):
    made = job(save_steps=2, epochs=2).run()
    assert made.checkpoints == ["step-00000004", "step-00000006"]
    (made.folder / "checkpoints/step-00000006").rename(made.folder / "elsewhere")
    taken = steps_taken(monkeypatch)
    made.run()
    assert taken == [4, 5]
    taken.clear()
    made.run()
    assert taken == []  # only the results are written again


def test_a_half_written_checkpoint_is_ignored(job, monkeypatch):
    made = job(save_steps=2, epochs=2)
    whole = made.run().result
    folder = made.folder / "checkpoints"
    left = folder / ".step-00000006.abcd.partial"
    left.mkdir()
    (left / "lock").touch()  # of a dead process
    (folder / "step-00000006").rename(left / "step-00000006")
    (left / "step-00000006/state.json").unlink()
    taken = steps_taken(monkeypatch)
    assert made.run().result == whole
    assert taken == [4, 5]
    assert made.checkpoints == ["step-00000004", "step-00000006"]


OTHERS = {
    "rate": {"learning_rate": 2e-3},
    "seed": {"seed": 1},
    "length": {"epochs": 1},
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=list(OTHERS))
def test_another_recipe_starts_from_step_0_once_the_first_has_finished(
    job, workshop, monkeypatch, change
):
    made = job(save_steps=2).run()
    fresh = job("fresh", save_steps=2, **change).run()
    made.recipe = workshop.recipe(save_steps=2, **change)
    taken = steps_taken(monkeypatch)
    assert made.run().result == fresh.result
    assert taken[0] == 0


def interrupted(made, monkeypatch, stop: int) -> None:
    """Run a training until step ``stop``."""

    def interrupt(training, step, steps):
        if step == stop:
            raise KeyboardInterrupt
        return learning_rate(training, step, steps)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "learning_rate", interrupt)
        made.run()


@pytest.mark.parametrize("change", OTHERS.values(), ids=list(OTHERS))
def test_another_recipe_never_takes_the_place_of_an_unfinished_training(
    job, workshop, monkeypatch, change
):
    made = job(save_steps=2, epochs=2)
    interrupted(made, monkeypatch, 4)
    before = made.checkpoints, digests(made.folder / "checkpoints/step-00000004"), made.curve
    old, (name, value) = made.recipe, *change.items()
    made.recipe = workshop.recipe(**{"save_steps": 2, "epochs": 2} | change)
    with pytest.raises(UserError, match=rf"training\.{name} was .*, is now {value}"):
        made.run()
    after = made.checkpoints, digests(made.folder / "checkpoints/step-00000004"), made.curve
    assert before == after
    made.recipe = old
    taken = steps_taken(monkeypatch)
    made.run()
    assert taken == [4, 5]


NOT_DECISIVE = {
    "packing": {"max_tokens_per_forward": 64},
    "saves": {"save_steps": 1},
    "evaluations": {"eval_steps": 1},
    "memory": {"gradient_checkpointing": True},
    "processes": {"parallel": "ddp"},
}


@pytest.mark.parametrize("change", NOT_DECISIVE.values(), ids=list(NOT_DECISIVE))
def test_a_training_resumes_after_a_change_that_decides_no_weight(
    job, workshop, monkeypatch, change
):
    made = job(save_steps=2, epochs=2)
    interrupted(made, monkeypatch, 4)
    made.recipe = workshop.recipe(**{"save_steps": 2, "epochs": 2} | change)
    whole = job("whole", epochs=2).run()
    taken = steps_taken(monkeypatch)
    made.run()
    assert taken == [4, 5]
    losses = ([row["loss"] for row in each.history if "loss" in row] for each in (made, whole))
    assert next(losses) == pytest.approx(next(losses), rel=2e-5)


def test_a_checkpoint_of_another_base_is_ignored(job, workshop, monkeypatch, tmp_path):
    """Same name, same size, other weights: a new revision of the base model."""
    from collectivesft.models.convert import random_model
    from collectivesft.sft.base import make_base

    made, recipe = job(**LORA, save_steps=2), workshop.model()
    made.base, newer = tmp_path / "base", tmp_path / "newer"
    make_base(recipe, workshop.manifest(), made.base)
    made.run()
    monkeypatch.setattr(random_model, "SEED", 1)
    make_base(recipe, workshop.manifest(), newer)
    made.base = newer
    taken = steps_taken(monkeypatch)
    made.run()
    assert taken[0] == 0


NOT_A_NUMBER = (
    r"step \d+: the (loss|gradient|validation loss) is (nan|inf)\. Lower training\.learning"
)


def test_a_loss_that_is_no_number_ends_with_what_to_change(job, monkeypatch):
    import torch

    before = []

    def poisoned(model, batch):
        weights = next(model.parameters()).detach().clone()
        before.append(weights)
        loss = module_loss(model, batch)
        return loss if torch.equal(weights, before[0]) else loss * math.nan  # after a step

    module_loss = module.loss_sum
    monkeypatch.setattr(module, "loss_sum", poisoned)
    made = job()
    with pytest.raises(UserError, match=NOT_A_NUMBER) as caught:
        made.run()
    assert "training.learning_rate" in str(caught.value)
    assert "training.precision" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert made.written == ["checkpoints"]


def test_a_gradient_that_is_no_number_never_reaches_the_weights(job, monkeypatch):
    import torch

    def poisoned(model, batch):
        loss = module_loss(model, batch)
        return loss + 0 * torch.sqrt(loss * 0)  # value of the loss, gradient of nan

    module_loss = module.loss_sum
    monkeypatch.setattr(module, "loss_sum", poisoned)
    made = job(max_steps=1)
    with pytest.raises(UserError, match=r"step 1: the gradient is nan\. No step") as caught:
        made.run()
    assert str(made.base) in str(caught.value)
    assert "training.precision" in str(caught.value)
    assert (made.curve, made.checkpoints, made.written) == ([], [], ["checkpoints"])


def test_a_validation_loss_that_is_no_number_is_not_written(job, monkeypatch):
    monkeypatch.setattr(module.Trainer, "evaluate", lambda self: math.nan)
    made = job(max_steps=1)
    with pytest.raises(UserError, match=r"step 1: the validation loss is nan\. Lower"):
        made.run()
    assert ["loss" in row for row in made.curve] == [True]  # the step's own
    assert (made.checkpoints, made.written) == ([], ["checkpoints"])


@pytest.mark.parametrize("at", ["loss_sum", "load", "save"])
@pytest.mark.parametrize(
    "error", ["CUDA out of memory", "DefaultCPUAllocator: can't allocate memory: 9 bytes"]
)
def test_too_little_memory_ends_with_what_to_change(job, monkeypatch, at, error):
    import torch

    from collectivesft.sft import train as whole

    def full(*_):
        raise (torch.OutOfMemoryError if "CUDA" in error else RuntimeError)(error)

    monkeypatch.setattr(module if at == "loss_sum" else whole, at, full)
    made = job()
    with pytest.raises(UserError, match=r"memory is too small .*max_tokens_per_forward") as caught:
        made.run()
    assert str(caught.value).startswith(str(made.recipe))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_small_steps_are_not_rounded_away_in_bfloat16(job, workshop, method):
    """The published rate, 2e-5, is below bfloat16's resolution of most weights."""
    import torch

    recipe = workshop.recipe(method=method, precision="bfloat16", learning_rate=2e-5)
    model = load(workshop.base(), read_experiment(recipe).training, ALONE)
    trained = [p for p in model.parameters() if p.requires_grad]
    assert {p.dtype for p in trained} == {torch.float32}

    half = job("half", precision="bfloat16", learning_rate=2e-5, method=method).run()
    full = job("full", precision="float32", learning_rate=2e-5, method=method).run()
    losses = [[r["loss"] for r in done.history if "loss" in r] for done in (half, full)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]  # the passes themselves are in bfloat16


def test_written_folders_hold_weights_and_configuration_that_others_can_read(job):
    for name, settings, names in (
        ("lora", LORA, ["adapter_config.json", "adapter_model.safetensors"]),
        ("full", {}, ["config.json", "generation_config.json", "model.safetensors"]),
    ):
        folder = job(name, **settings).run().folder / "trained"
        assert sorted(path.name for path in folder.iterdir()) == names
        wanted = stat.S_IMODE(folder.stat().st_mode) & 0o666
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {wanted}


def test_adapter_is_on_all_linear_layers_listed_in_order(job):
    folder = job(**LORA).run().folder / "trained"
    content = json.loads((folder / "adapter_config.json").read_text())
    names = content["target_modules"]
    assert names == sorted(names)  # a set's order would differ from run to run
    parts = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    assert {name.rsplit(".", 1)[-1] for name in names} == set(parts)
    assert len(names) == 2 * len(parts)


def test_log_holds_our_lines_only(job, capfd, recwarn):
    made = job(**LORA)
    capfd.readouterr()  # of the tokens, where no test before this one needed them
    made.run()
    lines = capfd.readouterr().err.splitlines()
    assert [line.split(" in ")[0] for line in lines] == [
        f"{made.recipe.stem}, train: each step's loss: {made.folder}/checkpoints/history.jsonl",
        f"{made.recipe.stem}, train: 6/6",
    ]
    assert [str(w.message) for w in recwarn if w.category is FutureWarning] == []


@pytest.mark.slow
def test_same_bytes_after_sigkill(job, start):
    """Killed after one step, killed while a checkpoint is written, then left alone."""
    settings = LORA | {"epochs": 12, "save_steps": 1, "eval_steps": 5}
    whole, broken = job("whole", **settings), job("broken", **settings)

    def begin(made):
        return start("sft", "train", *made.options, "--threads", "1")

    def kill_when(process, ready) -> None:
        while not ready():
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.0005)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        steps = [row["step"] for row in broken.curve if "loss" in row]
        assert steps == list(range(1, len(steps) + 1)) and len(steps) >= last_step()
        assert not (broken.folder / "trained").exists()
        assert not (broken.folder / "history.jsonl").exists()

    def last_step() -> int:
        folders = (broken.folder / "checkpoints").glob("step-*")
        return max((int(path.name.removeprefix("step-")) for path in folders), default=0)

    def writing() -> bool:
        return last_step() >= 12 and any(broken.folder.glob("checkpoints/.step-*.partial/step-*"))

    other = begin(whole)
    kill_when(begin(broken), lambda: last_step() >= 1)
    first = last_step()
    kill_when(begin(broken), writing)
    assert first < last_step() < 36
    end = begin(broken)
    errors = [process.communicate(timeout=1500)[1] for process in (other, end)]
    assert (other.returncode, end.returncode) == (0, 0), errors
    assert broken.result == whole.result
    for made in (whole, broken):
        grown = made.folder / "checkpoints/history.jsonl"
        assert grown.read_bytes() == (made.folder / "history.jsonl").read_bytes()
    for made, text in zip((whole, broken), errors, strict=True):
        assert text.splitlines()[-1].split(" in ")[0] == f"{made.recipe.stem}, train: 36/36"


def test_a_further_seed_is_the_recipe_with_that_seed(workshop, job):
    """And no other number is taken for a seed of the experiment."""
    plain = job("plain", **LORA, seed=7, max_steps=2).run()
    several = job("several", **LORA, max_steps=2)
    content = yaml.safe_load(several.recipe.read_text("utf-8")) | {"seeds": [42, 7]}
    recipe = workshop.yaml(content)
    arguments = [recipe if value == several.recipe else value for value in several.arguments]
    with pytest.raises(InputError, match=r"no seed 8\. Add it to `seeds`"):
        train(*arguments, threads=1, seed=8)
    train(*arguments, threads=1, seed=7)
    assert digests(several.folder / "trained") == digests(plain.folder / "trained")
