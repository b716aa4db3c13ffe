"""The Slurm profile and the local rules name rules that exist: Snakemake itself would not say."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
RULES = {
    name
    for path in (ROOT / "workflow/rules").glob("[0-9]_*.smk")
    for name in re.findall(r"^rule (\w+):", path.read_text(encoding="utf-8"), re.M)
}
PROFILE = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text("utf-8"))
SNAKEFILE = (ROOT / "Snakefile").read_text(encoding="utf-8")
LOCAL = set(re.findall(r"^    (\w+),$", SNAKEFILE.split("localrules:")[1].split("\n\n")[0], re.M))


def test_every_name_is_a_rule():
    assert PROFILE["groups"].keys() | PROFILE["set-resources"].keys() | LOCAL <= RULES


def test_a_rule_that_runs_here_is_not_sent_away():
    assert not LOCAL & (PROFILE["groups"].keys() | PROFILE["set-resources"].keys())


def test_memory_and_time_grow_from_try_to_try():
    everything = [PROFILE["default-resources"], *PROFILE["set-resources"].values()]
    for resources in everything:
        for key in ("mem_mb", "runtime"):
            assert re.fullmatch(r"attempt \* \d+", resources[key])


def test_one_try_asks_for_no_more_than_a_node_has():
    most = max(int(r["mem_mb"].split()[-1]) for r in PROFILE["set-resources"].values())
    assert most * (PROFILE["retries"] + 1) <= PROFILE["resources"]["mem_mb"]
