"""Seeds of an experiment in the workflow: one more training each, on the same tokens."""

import re

import yaml


def test_each_further_seed_is_trained_scored_and_summarised(new_place):
    place = new_place("seeds")
    path = place.folder / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8")) | {"seeds": [42, 7]}
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    table = "results/tiny/4_scores/table.csv"
    comparison = "results/tiny/4_scores/tiny-random/cmb.answer.comparison.json"
    done = place.snakemake("-n", "-p", table, comparison)
    assert done.returncode == 0, done.stdout
    trainings = re.findall(r"sft train .*", done.stdout)
    assert len(trainings) == 2
    (repeat,) = (line for line in trainings if "--seed" in line)
    assert "--seed 7" in repeat and "/tiny-seed7/trained" in repeat
    assert "--tokens results/tiny/3_sft/tiny/tokens " in repeat
    assert "--recipe config/experiments/tiny.yaml" in repeat
    assert len(re.findall(r"sft tokenize ", done.stdout)) == 1
    answers = "--answers results/tiny/4_scores/tiny{}/cmb.answer.answers.jsonl"
    assert f"{answers.format('')} {answers.format('-seed7')} --model tiny " in done.stdout
    assert "--seeds results/tiny/4_scores/tiny/cmb.answer.seeds.json" in done.stdout
    assert "--first-seed results/tiny/4_scores/tiny-seed7/cmb.answer.answers.jsonl" in done.stdout
    assert "tiny-seed7/cmb.answer.scores.json" not in table_inputs(done.stdout)


def table_inputs(plan: str) -> str:
    """The command of the table of scores, whose rows are the experiments' first seeds."""
    return next(line for line in plan.splitlines() if "scores table" in line)
