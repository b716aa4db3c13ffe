"""Changes that make Snakemake repeat finished work, and changes that do not."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.helpers import snakemake_server

ROOT = Path(__file__).parents[2]
SCORES = "results/tiny/4_scores/tiny"
ASKED = {
    "scores_predict": f"{SCORES}/cmb.answer.predictions.jsonl",
    "scores_answer_cases": f"{SCORES}/cmb_clin.cases.answers.jsonl",
    "scores_judge": f"{SCORES}/cmb_clin.cases.grades.jsonl",
}
ITEMS = [f"results/tiny/2_curated/benchmarks/{name}" for name in ("cmb", "cmb_clin")]
ENGINE = {"kind": "openai", "url": "http://one:8000/v1"}
JUDGE = {
    "url": "http://one:8001/v1", "model": "gpt", "key_env": None, "concurrency": 2, "timeout": 60,
    "input_price": 2.5, "output_price": 10,
}  # fmt: skip
ELSEWHERE = {"url": "http://two:9/v1", "key_env": "K", "concurrency": 3, "timeout": 5}
# Stands in for a rule's command: it writes what --out names.
STANDIN = """#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = --out ] && echo "{}" >"$2"; shift; done
"""


@pytest.fixture
def plan(clone) -> Callable[..., set[str]]:
    """The three rules that ask servers have run; ``plan()``: which of them would run again."""
    for name in ("results/tiny/3_sft/tiny/model/x", *(f"{n}.items.jsonl" for n in ITEMS)):
        path = clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    standin = clone / "bin/python"
    standin.parent.mkdir()
    standin.write_text(STANDIN, encoding="utf-8")
    standin.chmod(0o755)

    def run(*arguments: str, engine: dict, judge: dict) -> str:
        overlay = {"engine": engine, "clinical": {"judge": judge}}
        (clone / "mine.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
        command = [snakemake_server.command(), *ASKED.values(), *arguments]
        command += ["--allowed-rules", *ASKED, "--configfile", "config/tiny.yaml", "mine.yaml"]
        env = os.environ | {"PATH": f"{standin.parent}:{os.environ['PATH']}"}
        done = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run("--cores", "1", engine=ENGINE, judge=JUDGE)

    def again(engine: dict = ENGINE, judge: dict = JUDGE) -> set[str]:
        told = run("-n", engine=engine, judge=judge)
        found = set(re.findall(r"^rule (\w+):", told, re.M))
        assert found or "Nothing to be done" in told
        return found

    return again


def test_a_server_elsewhere_is_asked_nothing_that_was_answered(plan):
    """A server's address, timeout and concurrency decide no answer."""
    assert plan() == set()
    assert plan(ENGINE | ELSEWHERE, JUDGE | ELSEWHERE) == set()
    serve = {"kind": "openai", "serve": "serve {model} {name} {port}"}
    assert plan(serve) == set()


def test_what_decides_answers_and_costs_is_asked_again(plan):
    answering = {"scores_predict", "scores_answer_cases"}
    everything = {*answering, "scores_judge"}  # which grades those answers
    assert plan(ENGINE | {"send": "tokens"}) == everything
    assert plan(ENGINE | {"extensions": False}) == everything
    assert plan({}) == everything
    assert plan(judge=JUDGE | {"model": "another"}) == {"scores_judge"}
    assert plan(judge=JUDGE | {"input_price": 3}) == {"scores_judge"}


@pytest.fixture
def provenance(clone) -> Callable[..., str]:
    """Run rule hub_provenance of a finished release, with a stand-in for its command."""
    manifest = clone / "results/tiny/7_hub/tiny/manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.touch()
    (clone / "containers").unlink()
    (clone / "containers").mkdir()
    places = '"$PLACE"/measurements.json "$PLACE"/ro-crate-metadata.json'
    made = f"touch {places}"
    standins = {"python": made, "apptainer": f"{made}; echo apptainer version 1.4.5"}
    for name, body in standins.items():
        path = clone / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def run(*arguments: str) -> str:
        command = [snakemake_server.command(), "--configfile", "config/tiny.yaml", "-p"]
        command += ["--allowed-rules", "hub_provenance", *arguments, "--"]
        command += [str((manifest.parent / "measurements.json").relative_to(clone))]
        env = os.environ | {"PATH": f"{clone}/bin:{os.environ['PATH']}"}
        env |= {"PLACE": str(manifest.parent)}
        done = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_an_image_that_appears_publishes_nothing_again(provenance, clone):
    """A second crate would be other content under the tag of the first."""
    (clone / "containers/model-cpu.sif").touch()
    for way in ((), ("--use-apptainer",)):
        provenance("--cores", "1", *way)
        for change in (Path.touch, Path.unlink):
            change(clone / "containers/data.sif")
            assert "Nothing to be done" in provenance("-n", *way)


def test_only_a_run_in_images_says_that_it_used_them(provenance, clone):
    (clone / "containers/data.sif").touch()
    assert "--image" not in provenance("-n")
    assert "--image data=containers/data.sif --measurements" in provenance("-n", "--use-apptainer")


@pytest.mark.parametrize(("run", "name"), [("tiny", "chatml"), ("demo", "gemma_base")])
def test_an_edit_of_the_chat_template_reaches_what_reads_it(snakemake, run, name):
    """The model's own one, and no other: that of another model must not train this one again."""
    target = f"results/{run}/3_sft/{run}/tokens"
    told = snakemake("-n", target, "--configfile", f"config/{run}.yaml").stdout
    found = {
        rule: re.findall(r"(\w+)\.jinja", inputs)
        for rule, inputs in re.findall(r"^rule (\w+):\n    input: (.*)", told, re.M)
        if ".jinja" in inputs
    }
    assert found == {"sft_base": [name], "sft_tokenize": [name]}


@pytest.mark.parametrize(
    ("key", "value", "again"),
    [
        ("title", "Other", set()),
        ("description", "Said in other words.", set()),
        ("seeds", [42, 7], set()),
        ("mixture", {"max_samples": 9}, {"curated_mix"}),
    ],
)
def test_an_edit_of_a_description_draws_and_trains_nothing_again(plan, clone, key, value, again):
    """``plan`` gives the stand-in for Python and nothing of its own runs here."""
    examples = clone / "results/tiny/2_curated/full/decontaminate.parquet"
    examples.parent.mkdir(parents=True, exist_ok=True)
    examples.touch()
    writes_all = STANDIN.replace('= --out ]', '= --out -o "$1" = --validation -o "$1" = --ledger'
                                 ' -o "$1" = --stats ]')  # fmt: skip
    (clone / "bin/python").write_text(writes_all, encoding="utf-8")

    def run(*arguments: str) -> set[str]:
        command = [
            snakemake_server.command(),
            "results/tiny/2_curated/mixtures/tiny/mixture.json",
            *arguments,
        ]
        command += ["--allowed-rules", "curated_mix", "--configfile", "config/tiny.yaml"]
        env = os.environ | {"PATH": f"{clone / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        found = set(re.findall(r"^rule (\w+):", done.stdout + done.stderr, re.M))
        assert found or "Nothing to be done" in done.stdout + done.stderr or "-n" not in arguments
        return found

    run("--cores", "1")
    path = clone / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text("utf-8")) | {key: value}
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    assert run("-n") == again


def test_rules_that_take_a_recipe_take_its_decisive_keys():
    """The recipe is ancient to them, so without the keys an edit would change nothing."""
    for name in ("2_curated.smk", "3_sft.smk"):
        text = (ROOT / "workflow/rules" / name).read_text("utf-8")
        for rule in re.split(r"^rule ", text, flags=re.M)[1:]:
            assert ("{input.recipe}" in rule) == ("settings=recipe_settings," in rule), rule[:20]
            assert "recipe=recipe," not in rule
