"""The profiles and the local rules name rules that exist: Snakemake itself would not say."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = {
    name
    for path in (ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").glob("[0-9]_*.smk"))
    for name in re.findall(r"^rule (\w+):", path.read_text(encoding="utf-8"), re.M)
}
PROFILES = {
    name: yaml.safe_load((ROOT / f"workflow/profiles/{name}/config.yaml").read_text("utf-8"))
    for name in ("slurm", "lsf")
}
SNAKEFILE = (ROOT / "workflow/Snakefile").read_text(encoding="utf-8")
LOCAL = set(re.findall(r"^    (\w+),$", SNAKEFILE.split("localrules:")[1].split("\n\n")[0], re.M))


# Their commands speak with the internet.
OUTSIDE = {"raw_fetch", "raw_fetch_model", "hub_publish", "hub_verify", "hub_push_data"}


def test_downloads_and_uploads_run_where_the_workflow_was_started():
    assert OUTSIDE | {"scores_judge", "scores_criteria", "scores_check"} <= LOCAL


@pytest.fixture(params=PROFILES)
def profile(request):
    return {"groups": {}} | PROFILES[request.param]


def test_every_name_is_a_rule(profile):
    assert profile["groups"].keys() | profile["set-resources"].keys() | LOCAL <= RULES


def test_a_rule_that_runs_here_is_not_sent_away(profile):
    assert not LOCAL & (profile["groups"].keys() | profile["set-resources"].keys())


def test_memory_and_time_grow_from_try_to_try(profile):
    everything = [profile["default-resources"], *profile["set-resources"].values()]
    for resources in everything:
        for key in ("mem_mb", "runtime"):
            assert re.fullmatch(r"attempt \* \d+", resources[key])


def test_a_released_model_s_answer_has_the_memory_that_the_model_needs(snakemake, clone):
    """Its weights in bfloat16: 15.5 GB of the paper's model, which 8 GB did not hold."""
    path = clone / "config/models/tiny-random.yaml"
    text = re.sub(r"parameters: \d+", "parameters: 7737708544", path.read_text("utf-8"))
    path.write_text(text, encoding="utf-8")
    target = "results/tiny/7_hub/tiny/answer.json"
    done = snakemake("-n", "--configfile", "config/tiny.yaml", "--", target)
    block = (done.stdout + done.stderr).split("rule hub_answer:")[1]
    assert re.search(r"mem_mb=(\d+)", block)[1] == "19475"
    assert all("hub_answer" in profile["set-resources"] for profile in PROFILES.values())


def test_one_try_asks_for_no_more_than_a_node_has(profile):
    most = max(int(r["mem_mb"].split()[-1]) for r in profile["set-resources"].values())
    assert most * (profile["retries"] + 1) <= profile["resources"]["mem_mb"]


def test_both_schedulers_are_asked_for_the_same():
    """But for what only one of them has."""
    slurm, lsf = (
        {
            rule: {key: resources[key] for key in ("mem_mb", "runtime")}
            for rule, resources in each["set-resources"].items()
        }
        for each in PROFILES.values()
    )
    assert slurm == lsf
