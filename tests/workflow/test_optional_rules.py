"""Perplexity and completion in the workflow: rules that only a run which asks for them pays for."""

import pytest


@pytest.mark.parametrize(
    ("measure", "target", "setting", "command", "made"),
    [
        (
            "sft perplexity",
            "6_paper/values.json",
            "perplexity_examples=7",
            [
                "--train results/tiny/2_curated/mixtures/tiny/train.parquet",
                "--examples 7",
                "config/experiments/tiny.yaml",
            ],
            "3_sft/tiny/perplexity.json",
        ),
        (
            "scores completion",
            "4_scores/table.csv",
            "completion_ngram=5",
            ["--name tiny-random", "--ngram 5"],
            "4_scores/tiny-random/cmb.completion.json",
        ),
    ],
    ids=["perplexity", "completion"],
)
def test_it_is_measured_only_where_the_configuration_asks_for_it(
    new_place, measure, target, setting, command, made
):
    option = f"--{measure.split()[1]}"
    place = new_place("optional")
    without = place.snakemake("-n", "-p", f"results/tiny/{target}")
    assert without.returncode == 0, without.stdout
    assert measure not in without.stdout and option not in without.stdout
    done = place.snakemake("-n", "-p", f"results/tiny/{target}", "--config", setting)
    assert done.returncode == 0, done.stdout
    (line,) = (line for line in done.stdout.splitlines() if measure in line)
    assert all(words in line for words in command)
    assert f"{option} results/tiny/{made}" in done.stdout
