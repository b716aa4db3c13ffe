"""Perplexity of datasets in the workflow: a rule that only a run which asks for it pays for."""


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
