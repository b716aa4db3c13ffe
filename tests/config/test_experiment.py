"""A recipe says what its schema knows, or one message names the key that is wrong."""

from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_yaml
from collectivesft.config.experiment import (
    Experiment,
    Training,
    read_experiment,
    read_model,
    training_name,
)
from collectivesft.sources.model_source import read_source

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "config/models").glob("*.yaml")), ids=str)
def test_models_of_the_repository_are_valid(path):
    assert read_model(path).title
    assert read_source(path).kind in ("hub", "pypi", "folder", "random")


@pytest.mark.parametrize("path", sorted((ROOT / "config/experiments").glob("*.yaml")), ids=str)
def test_experiments_of_the_repository_are_valid(path):
    assert read_experiment(path).base


def test_defaults_are_those_of_the_papers_model_card():
    training = Training()
    assert training.method == "full"
    assert training.learning_rate == 2e-5
    assert training.lr_scheduler == "cosine"
    assert training.warmup_ratio == 0.05
    assert (training.global_batch_size, training.epochs, training.seed) == (256, 3, 42)
    assert training.max_length == 1024


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
    "typo in training": (
        {"learnin_rate": 1e-3},
        "training.learnin_rate: unknown key; did you mean 'learning_rate'? Correct",
    ),
    "batch of a device": (
        {"per_device_train_batch_size": 4},
        "training.per_device_train_batch_size: unknown key; write global_batch_size, the examples "
        "of one optimiser step on all devices.",
    ),
    "typo below lora": ({"lora": {"rank": 4}}, "training.lora.rank: unknown key; known: alpha"),
    "unknown schedule": (
        {"lr_scheduler": "step"},
        "training.lr_scheduler: 'step'; allowed: cosine, linear or constant.",
    ),
    "rate of 0": ({"learning_rate": 0}, "training.learning_rate: 0; allowed: a number, above 0,"),
    "word for a number": (
        {"epochs": "three"},
        "training.epochs: 'three'; allowed: a number, above 0.",
    ),
    "dropout of 1": (
        {"lora": {"dropout": 1}},
        "training.lora.dropout: 1; allowed: a number, at least 0, below 1.",
    ),
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
    with pytest.raises(InputError, match="mixtures: unknown key; did you mean"):
        read_experiment(path)


def test_missing_key_is_named(workshop):
    with pytest.raises(InputError, match="licence: missing; allowed: text"):
        read_model(workshop.model(licence=None))


def test_unknown_chat_template_is_refused(workshop):
    with pytest.raises(InputError, match=r"chat_template: .*; allowed: gemma, gemma_base, chatml"):
        read_model(workshop.model(template="alpaca"))


@pytest.mark.parametrize(
    ("template", "end", "message"),
    [
        ("mine.jinja", None, "chat_template is a file; add end_of_turn"),
        ("chatml", "<end>", "end_of_turn is part of chatml; remove the key"),
        ("words", None, "words ends turns by word_tokenizer.eos_token; add it"),
    ],
)
def test_a_template_in_a_file_has_an_end_of_turn_and_only_that(workshop, template, end, message):
    with pytest.raises(InputError, match=message):
        read_model(workshop.model(template=template, end_of_turn=end))


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "just words"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"the file: .*; allowed: a map of keys and values"):
        read_experiment(path)


@pytest.mark.parametrize(
    ("written", "key", "value"),
    [
        ("cutoff: 512", "max_length", 512),
        ("cutoff_len: 512", "max_length", 512),
        ("schedule: linear", "lr_scheduler", "linear"),
        ("lr_scheduler_type: linear", "lr_scheduler", "linear"),
        ("num_train_epochs: 2.0", "epochs", 2),
        ("examples_per_step: 64", "global_batch_size", 64),
        ("tokens_per_batch: 64", "max_tokens_per_forward", 64),
        ("parallel: ddp", "distributed", "ddp"),
        ("learning_rate: 1e-5", "learning_rate", 1e-5),
    ],
)
def test_former_names_and_those_of_other_tools_are_taken(tmp_path, written, key, value):
    path = tmp_path / "mine.yaml"
    path.write_text(f"title: a\nbase: b\ntraining:\n  {written}\n", encoding="utf-8")
    assert getattr(read_experiment(path).training, key) == value


@pytest.mark.parametrize(
    "written", ["learning_rate: .inf", "seed: -1", "epochs: .nan", "max_length: 12.5", "seed: true"]
)
def test_numbers_that_make_no_training_are_refused(tmp_path, written):
    path = tmp_path / "mine.yaml"
    path.write_text(f"title: a\nbase: b\ntraining:\n  {written}\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"training\.{written.split(':')[0]}: .*; allowed: "):
        read_experiment(path)


def test_settings_that_do_not_decide_weights_are_keys_of_a_training():
    from collectivesft.sft import train

    assert set(Training.model_fields) >= train._NOT_DECISIVE


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([1, 2], "the first of seeds is training.seed, here 42"),
        ([42, 42], "seeds are different whole numbers"),
        ([42, -1], r"seeds\.1: -1; allowed: a whole number, at least 0"),
        ([42], "seeds"),
    ],
)
def test_seeds_that_cannot_be_trained_are_refused(workshop, seeds, message):
    path = workshop.yaml({"title": "Mine", "base": "tiny", "seeds": seeds})
    with pytest.raises(InputError, match=message):
        read_experiment(path)


def test_a_further_seed_changes_the_seed_only(workshop):
    path = workshop.yaml({"title": "Mine", "base": "tiny", "seeds": [42, 7]})
    experiment = read_experiment(path)
    repeat = experiment.with_seed(7)
    assert repeat.training.seed == 7 and repeat.seeds is None
    assert repeat.with_seed(42) == experiment.model_copy(update={"seeds": None})


def test_the_run_with_meds_ins_differs_by_that_dataset_only():
    usual, run = (read_yaml(ROOT / f"config/{name}.yaml") for name in ("config", "medsins"))
    assert run["datasets"] == [*usual["datasets"], "meds_ins"]
    found = read_experiment(ROOT / "config/experiments/collective-plus-medsins.yaml")
    paper = read_experiment(ROOT / "config/experiments/collective.yaml")
    assert (found.training, found.mixture, found.base) == (
        paper.training, paper.mixture, paper.base,
    )  # fmt: skip


def test_draws_begin_at_the_first_draw():
    mixture = {"choose": 2, "draw": 2}
    with pytest.raises(
        ValueError, match=r"draws counts from mixture\.draw 1; remove mixture\.draw"
    ):
        Experiment(title="t", base="b", draws=3, mixture=mixture)
    assert Experiment(title="t", base="b", draws=3, mixture=mixture | {"draw": 1}).draws == 3


GRID = sorted(
    path
    for path in (ROOT / "config/experiments").glob("budget-*.yaml")
    if not path.stem.startswith(("budget-7b-", "budget-real-"))
)


@pytest.mark.parametrize("small", GRID, ids=lambda path: path.stem)
def test_the_grid_at_7b_differs_from_the_small_one_in_size_only(small):
    large = read_experiment(small.with_name(small.name.replace("budget-", "budget-7b-")))
    one = read_experiment(small)
    assert large.mixture == one.mixture | {"examples": 20000}
    assert (large.title, large.draws, large.curation) == (one.title, one.draws, one.curation)
    assert large.base == "internlm2_5-7b" and large.training.precision == "bfloat16"


@pytest.mark.parametrize(
    ("out", "name"),
    [
        ("3_sft/budget-2/tokens", "budget-2"),
        ("3_sft/budget-2-draw3/tokens", "budget-2-draw3"),
        ("3_sft/budget-2-seed43/trained", "budget-2-seed43"),
        ("budget-2-draw3/3_sft/budget-2-draw2/trained", "budget-2-draw2"),
        ("3_sft/budget-20-draw3/tokens", "budget-2"),
        ("out", "budget-2"),
    ],
)
def test_progress_names_the_training_that_repeats_an_experiment(out, name):
    assert training_name(Path("config/experiments/budget-2.yaml"), Path(out)) == name
