"""Draws of datasets in the workflow: each its own mixture, tokens and training."""

import re

import yaml

from tests.helpers import snakemake_server


def test_each_further_draw_is_mixed_trained_and_summarised(new_place):
    place = new_place("draws")
    path = place.folder / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8"))
    recipe |= {"draws": 2, "mixture": {"choose": 2, "examples": 8}}
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    done = place.snakemake("-n", "-p", "results/tiny/4_scores/table.csv")
    assert done.returncode == 0, done.stdout
    assert len(re.findall(r"curated mix ", done.stdout)) == 2
    (repeat,) = re.findall(r"--stats (\S+) --draw 2", done.stdout)
    assert repeat == "results/tiny/2_curated/mixtures/tiny-draw2/mixture.json"
    assert len(re.findall(r"sft tokenize ", done.stdout)) == 2
    trainings = re.findall(r"sft train .*", done.stdout)
    assert any("--tokens results/tiny/3_sft/tiny-draw2/tokens " in line for line in trainings)
    answers = "--answers results/tiny/4_scores/tiny{}/cmb.answer.answers.jsonl"
    assert f"{answers.format('')} {answers.format('-draw2')} --model tiny " in done.stdout


def test_only_draws_are_compared_by_their_diversity(new_place):
    """A further seed trains on the same mixture: one point more would be no further mixture."""
    place = new_place("seeds-of-a-budget")
    path = place.folder / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8"))
    recipe |= {"seeds": [42, 43], "mixture": {"choose": 2, "examples": 8}}
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    done = place.snakemake("-n", "-p", "results/tiny/5_figures/diversity.svg")
    assert done.returncode == 0, done.stdout
    (line,) = re.findall(r".*figures diversity .*", done.stdout)
    assert "--mixture tiny=" in line and "tiny-seed" not in line


def test_hidden_states_are_measured_only_where_the_configuration_asks_for_it(new_place):
    place = new_place("hidden-states")
    path = place.folder / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8"))
    recipe |= {"draws": 2, "mixture": {"choose": 2, "examples": 8}}
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    figure = "results/tiny/5_figures/diversity.svg"
    without = place.snakemake("-n", "-p", figure)
    assert without.returncode == 0, without.stdout
    assert "sft diversity" not in without.stdout and "--diversity" not in without.stdout
    done = place.snakemake("-n", "-p", figure, "--config", "diversity_examples=7")
    assert done.returncode == 0, done.stdout
    lines = re.findall(r"sft diversity .*", done.stdout)
    assert len(lines) == 2
    assert all("--pool results/tiny/2_curated/full/decontaminate.parquet" in one for one in lines)
    assert all("--examples 7 " in one for one in lines)
    (drawn,) = re.findall(r"figures diversity .*", done.stdout)
    for name in ("tiny", "tiny-draw2"):
        assert f"--diversity {name}=results/tiny/3_sft/{name}/diversity.json" in drawn


def test_draws_without_a_choice_are_refused(new_place):
    place = new_place("draws-alone")
    path = place.folder / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8")) | {"draws": 2}
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    done = place.snakemake("-n")
    assert done.returncode != 0
    assert "draws repeats mixture.choose; add it" in done.stdout + (done.stderr or "")


def test_more_draws_than_different_choices_are_refused(new_place):
    place = new_place("draws-too-many")
    path = place.folder / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8"))
    datasets = yaml.safe_load((place.folder / "config/config.yaml").read_text("utf-8"))["datasets"]
    recipe |= {"draws": 2, "mixture": {"choose": len(datasets), "examples": 26}}
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    done = place.snakemake("-n")
    assert done.returncode != 0
    words = f"{len(datasets)} of {len(datasets)} datasets: 1 choice for 2 draws"
    assert words in done.stdout


def test_the_grid_at_7b_is_planned_without_an_edit(new_place):
    command = [snakemake_server.command(), "-n", "--configfile", "config/diversity-7b.yaml"]
    done = new_place("grid-7b").run(*command)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^sft_train +19$", done.stdout, re.M)


def test_a_budget_of_tokens_is_counted_by_the_base_before_the_mixture(new_place):
    place = new_place("tokens")
    path = place.folder / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8"))
    recipe |= {"mixture": {"tokens": 900, "examples_by": "rows"}}
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    done = place.snakemake("-n", "-p", "results/tiny/3_sft/tiny/tokens")
    assert done.returncode == 0, done.stdout
    (counted,) = re.findall(r"sft lengths .*--out (\S+)", done.stdout)
    assert counted == "results/tiny/2_curated/mixtures/tiny/lengths.parquet"
    assert f"--lengths {counted}" in done.stdout
