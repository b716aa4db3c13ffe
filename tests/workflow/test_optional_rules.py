"""Perplexity and completion in the workflow: rules that only a run which asks for them pays for."""


def test_perplexity_is_measured_only_where_the_configuration_asks_for_it(new_place):
    place = new_place("perplexity")
    values = "results/tiny/6_paper/values.json"
    without = place.snakemake("-n", "-p", values)
    assert without.returncode == 0, without.stdout
    assert "sft perplexity" not in without.stdout and "--perplexity" not in without.stdout
    done = place.snakemake("-n", "-p", values, "--config", "perplexity_examples=7")
    assert done.returncode == 0, done.stdout
    (command,) = (line for line in done.stdout.splitlines() if "sft perplexity" in line)
    assert "--train results/tiny/2_curated/mixtures/tiny/train.parquet" in command
    assert "--examples 7" in command and "config/experiments/tiny.yaml" in command
    assert "--perplexity results/tiny/3_sft/tiny/perplexity.json" in done.stdout


def test_completion_is_measured_only_where_the_configuration_asks_for_it(new_place):
    place = new_place("completion")
    table = "results/tiny/4_scores/table.csv"
    without = place.snakemake("-n", "-p", table)
    assert without.returncode == 0, without.stdout
    assert "scores completion" not in without.stdout and "--completion" not in without.stdout
    done = place.snakemake("-n", "-p", table, "--config", "completion_ngram=5")
    assert done.returncode == 0, done.stdout
    (command,) = (line for line in done.stdout.splitlines() if "scores completion" in line)
    assert "--name tiny-random" in command and "--ngram 5" in command
    assert "--completion results/tiny/4_scores/tiny-random/cmb.completion.json" in done.stdout
