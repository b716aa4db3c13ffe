"""A recipe says what its schema knows, or one message names the key that is wrong."""

from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.config.experiment import Training, read_experiment, read_model
from collectivesft.raw.fetch_model import read_source

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "config/models").glob("*.yaml")), ids=str)
def test_models_of_the_repository_are_valid(path):
    assert read_model(path).title
    assert read_source(path).kind in ("hub", "pypi", "random")


@pytest.mark.parametrize("path", sorted((ROOT / "config/experiments").glob("*.yaml")), ids=str)
def test_experiments_of_the_repository_are_valid(path):
    assert read_experiment(path).base


def test_defaults_are_those_of_the_papers_model_card():
    training = Training()
    assert training.method == "full"
    assert training.learning_rate == 2e-5
    assert training.schedule == "cosine"
    assert training.warmup_ratio == 0.05
    assert (training.examples_per_step, training.epochs, training.seed) == (256, 3, 42)
    assert training.cutoff == 1024


def test_the_papers_run_is_that_of_its_model_card():
    run = read_experiment(ROOT / "config/experiments/collective.yaml")
    assert run.base == "internlm2_5-7b"
    assert run.mixture == {"validation": 0.1}
    assert run.training == Training(gradient_checkpointing=True)
    assert run.training.precision == "bfloat16"


ABLATIONS = [
    "exam-only", "dialogue-only", "qa-only", "ner-only", "cmb-only", "no-near-dedup",
    "no-decontamination", "fraction-1", "fraction-10", "collective-published-yaml",
]  # fmt: skip


@pytest.mark.parametrize("name", ABLATIONS)
def test_ablations_differ_from_the_papers_run_in_their_data_alone(name):
    run, paper = (
        read_experiment(ROOT / f"config/experiments/{each}.yaml") for each in (name, "collective")
    )
    assert (run.base, run.training) == (paper.base, paper.training)
    assert run.mixture["validation"] == 0.1
    assert (run.mixture, run.curation) != (paper.mixture, paper.curation)


def test_published_yaml_names_twelve_sets():
    run = read_experiment(ROOT / "config/experiments/collective-published-yaml.yaml")
    assert run.mixture["max_samples"] == 1000
    assert len(set(run.mixture["datasets"])) == 12
    assert "pubmedqa" not in run.mixture["datasets"]


WRONG = {
    "typo in training": ({"learnin_rate": 1e-3}, "training.learnin_rate: Extra inputs"),
    "typo below lora": ({"lora": {"rank": 4}}, "training.lora.rank: Extra inputs"),
    "unknown schedule": ({"schedule": "step"}, "training.schedule: Input should be 'cosine'"),
    "rate of 0": ({"learning_rate": 0}, "training.learning_rate: Input should be greater than 0"),
    "word for a number": ({"epochs": "three"}, "training.epochs: Input should be a valid number"),
    "dropout of 1": ({"lora": {"dropout": 1}}, "training.lora.dropout: Input should be less"),
}


@pytest.mark.parametrize("training, message", WRONG.values(), ids=list(WRONG))
def test_wrong_key_or_value_is_named(workshop, training, message):
    path = workshop.recipe(**training)
    with pytest.raises(InputError) as caught:
        read_experiment(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert str(caught.value).endswith("Correct that key.")


def test_unknown_key_at_the_top_is_named(workshop):
    path = workshop.yaml({"title": "T", "base": "tiny", "mixtures": {}})
    with pytest.raises(InputError, match="mixtures: Extra inputs are not permitted"):
        read_experiment(path)


def test_missing_key_is_named(workshop):
    with pytest.raises(InputError, match="licence: Field required"):
        read_model(workshop.model(licence=None))


def test_unknown_chat_template_is_refused(workshop):
    with pytest.raises(InputError, match="chat_template: Input should be 'gemma', "):
        read_model(workshop.model(template="alpaca"))


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "just words"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match="the file: Input should be a valid dictionary"):
        read_experiment(path)
