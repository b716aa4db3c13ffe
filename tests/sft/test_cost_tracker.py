"""Costs of a training are measured apart from the results, over all tries."""

import pytest

from collectivesft.common.files import read_json
from collectivesft.config.experiment import ModelRecipe, Training, read_experiment
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.distributed.world import World
from collectivesft.sft.loop import cost_tracker as module
from collectivesft.sft.loop.cost_tracker import Costs, Work, peak
from collectivesft.sft.plan import flops_per_token
from collectivesft.sft.train import load, train

ALONE = World(0, 1, "cpu")


def test_a_training_tells_its_costs_beside_its_results(job, tmp_path):
    made, costs = job(save_steps=2), tmp_path / "costs.json"
    train(*made.arguments, threads=1, costs=costs)
    found, tokens = read_json(costs), Tokens.load(made.tokens, "train")
    assert (found["device"], found["processes"], found["tries"]) == ("cpu", 1, 1)
    assert (found["steps"], found["tokens"]) == (6, 2 * len(tokens.ids))
    assert found["wall_s"] > 0 and found["cpu_s"] > 0
    assert found["tokens_per_s"] == pytest.approx(found["tokens"] / found["wall_s"])
    assert found["gpu_hours"] == 0
    assert found["mfu"] is found["energy_kwh"] is found["peak_flop_per_s"] is None  # no GPU
    training = read_experiment(made.recipe).training
    work, labels = Work(load(made.base, training, ALONE), training), int(tokens.mask.sum())
    assert found["flop"] == pytest.approx(2 * work(tokens.lengths.tolist(), labels))


def test_costs_of_all_tries_are_added_up(job, tmp_path, monkeypatch):
    from collectivesft.sft.loop import trainer

    made, costs = job(save_steps=1), tmp_path / "costs.json"
    rate = trainer.learning_rate

    def interrupt(training, step, steps):
        if step == 4:
            raise KeyboardInterrupt
        return rate(training, step, steps)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "learning_rate", interrupt)
        made.run()
    first = read_json(made.folder / "checkpoints/costs.json")
    assert (first["tries"], first["steps"]) == (1, 4)
    train(*made.arguments, threads=1, costs=costs)
    found = read_json(costs)
    assert (found["tries"], found["steps"]) == (2, 6)
    assert found["wall_s"] > first["wall_s"] and found["flop"] > first["flop"]


def test_costs_of_another_training_are_forgotten(tmp_path):
    for name in ("one", "two"):
        costs = Costs(tmp_path / "costs.json", name, ALONE, Training())
        costs.start()
        costs.step(10, 1e9)
        costs.save()
        assert costs.save()["steps"] == 1  # saved again: the same sums


def test_utilisation_and_energy_are_those_of_the_gpus(tmp_path, monkeypatch):
    joules, times = iter([1000.0, 721_000.0]), iter([0.0, 100.0])
    monkeypatch.setattr(module, "energy", lambda world: next(joules))
    monkeypatch.setattr(module, "device_name", lambda world: "NVIDIA H100 80GB HBM3")
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times))
    costs = Costs(tmp_path / "costs.json", "mine", World(0, 1, "cuda:0"), Training())
    costs.start()
    costs.step(5000, 989e12 * 40)
    found = costs.save()
    assert found["mfu"] == pytest.approx(0.4)
    assert found["energy_kwh"] == pytest.approx(0.2)
    assert found["gpu_hours"] == pytest.approx(100 / 3600)
    assert found["tokens_per_s"] == 50


@pytest.mark.parametrize(
    ("name", "tera"),
    [("NVIDIA H100 80GB HBM3", 989), ("NVIDIA H100 PCIe", 756), ("NVIDIA H200", 989),
     ("NVIDIA A100-SXM4-80GB", 312), ("NVIDIA GeForce RTX 4090", 165)],
)  # fmt: skip
def test_peaks_are_those_of_the_gpus_names(name, tera):
    assert peak(name, Training()) == tera * 1e12
    assert peak(name, Training(precision="float32")) is None
    assert peak("cpu", Training()) is None


def test_work_is_that_of_the_estimate(workshop):
    """A plan in which all tokens carry loss and all lengths are the same."""
    base, length = workshop.base(), 50
    for method in ("full", "lora"):
        training = read_experiment(workshop.recipe(method=method)).training
        model = load(base, training, ALONE)
        inner = getattr(model, "get_base_model", lambda model=model: model)()
        weights = sum(p.numel() for n, p in inner.named_parameters() if "lora_" not in n)
        words, hidden = inner.get_input_embeddings().weight.shape
        shape = {"layers": 2, "hidden": hidden, "intermediate": 64, "key_value": 16}
        recipe = ModelRecipe(
            title="t", licence="l", source={}, chat_template="chatml",
            parameters=weights + words * hidden,  # tied: the estimate takes the table away
            shape=shape | {"vocabulary": words},
        )  # fmt: skip
        wanted = flops_per_token(recipe, recipe.shape, training, length)
        assert Work(inner, training)([length] * 3, 3 * length) == pytest.approx(3 * length * wanted)
