"""Stage scores in the workflow: what reruns a model, and which rule makes which file."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "workflow/rules/4_scores.smk").read_text(encoding="utf-8")
READING = (
    "answer_key",
    "compare",
    "counts",
    "paired",
    "submit",
    "extraction",
    "overlap",
    "reading",
    "score",
    "score_cases",
    "show",
    "statistics",
    "table",
    "matching",
    "score_text",
    "subsequence",
    "text_metrics",
    "text_statistics",
    "text_table",
    "upload",
)


def code_of(rule: str) -> set[str]:
    """The stage's own modules that a rule lists as code=: the one it names, and its imports."""
    spec = importlib.util.spec_from_file_location("_d", ROOT / "workflow/dependencies.py")
    dependencies = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dependencies)
    text = RULES.split(f"rule {rule}:")[1].split("\nrule ")[0]
    module = re.search(r'code=.*"(scores/\w+\.py)"', text).group(1)
    files = dependencies.files(ROOT / "src/collectivesft", [module])
    return {path.stem for path in files if path.parent.name == "scores"}


@pytest.mark.parametrize("rule", ["scores_predict", "scores_answer_cases"])
def test_an_edit_of_reading_or_scoring_asks_no_model_again(rule):
    found = code_of(rule)
    assert {"model", "prompts", "journal"} <= found
    assert not found & set(READING)


def test_an_edit_of_reading_or_scoring_scores_again():
    assert {"extraction", "reading", "score", "statistics"} <= code_of("scores_score")
    assert {"score_cases", "overlap"} <= code_of("scores_score_cases")


@pytest.mark.parametrize("rule", ["scores_score", "scores_score_cases", "scores_submit"])
def test_scoring_runs_no_model(rule):
    assert not code_of(rule) & {"model", "predict", "answer_cases", "journal"}


def test_answers_of_cases_and_judged_answers_have_rules_of_their_own(snakemake):
    """Both files end in .answers.jsonl; a protocol is none named cases."""
    cases = "results/demo/4_scores/demo/cmb_clin.cases.answers.jsonl"
    judged = "results/demo/4_scores/demo/cmb.answer.answers.jsonl"
    result = snakemake("-n", cases, judged, "--configfile", "config/demo.yaml")
    assert result.returncode == 0, result.stderr
    whole = result.stdout + result.stderr
    for rule, made in (("scores_answer_cases", cases), ("scores_score", judged)):
        blocks = [b for b in re.split(r"\n(?=rule )", whole) if b.startswith(f"rule {rule}:")]
        outputs = [re.search(r"output: (.*)", block).group(1) for block in blocks]
        assert sum(made in output for output in outputs) == 1
        assert len(blocks) == (2 if rule == "scores_score" else 1)  # the base model's scores too
    assert "scores_score_cases" not in whole


def test_an_experiment_is_compared_with_its_base_and_the_paper_makes_submissions(snakemake):
    result = snakemake("-n", "results/paper/4_scores/collective/cmb.official.submission.json")
    assert result.returncode == 0, result.stderr
    whole = result.stdout + result.stderr
    blocks = [b for b in re.split(r"\n(?=rule )", whole) if b.startswith("rule scores_score:")]
    inputs = {re.search(r"output: results/paper/4_scores/([^/]+)/", b).group(1): b for b in blocks}
    assert set(inputs) == {"collective", "internlm2_5-7b"}
    base = "4_scores/internlm2_5-7b/cmb.official.answers.jsonl"
    assert base in inputs["collective"].split("output:")[0]
    assert base not in inputs["internlm2_5-7b"].split("output:")[0]
    again = snakemake("-np", "results/paper/4_scores/collective/cmb.official.predictions.jsonl")
    assert "--template cmb --preset official" in again.stdout + again.stderr


@pytest.mark.parametrize(("device", "gpus"), [("cuda", 1), ("cpu", 0)])
def test_a_model_that_answers_asks_for_one_gpu_however_many_train(snakemake, device, gpus):
    target = "results/paper/4_scores/collective/cmb.answer.predictions.jsonl"
    result = snakemake("-n", target, "--config", f"device={device}", "gpus=8")
    assert result.returncode == 0, result.stderr
    whole = result.stdout + result.stderr
    block = next(b for b in re.split(r"\n(?=rule )", whole) if b.startswith("rule scores_predict:"))
    assert re.findall(r"\bgpu=(\d)", block) == [str(gpus)]
