"""Stage scores in the workflow: what reruns a model, and which rule makes which file."""

import json
import re
from pathlib import Path

import apptainer_env
import code_files
import config_check
import pytest
import yaml

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/collectivesft"
RULES = "\n".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("4_scores*.smk")
)
# All of this stage that may decide what a model answers. What reads, counts or shows answers is not
# here, so that an edit of it asks no model again.
ASKING = {
    "answer_cases", "decode", "early_stop", "failures", "http_client", "item_sample",
    "language_model", "openai_server", "predict", "prompts", "questions", "replies", "resume_log",
}  # fmt: skip


def code_of(rule: str) -> set[str]:
    """The stage's own modules that a rule lists as code=: the one it names, and its imports."""
    text = RULES.split(f"rule {rule}:")[1].split("\nrule ")[0]
    module = re.search(r'code=.*"(scores/\w+\.py)"', text).group(1)
    files = code_files.files(PACKAGE, [module])
    return {path.stem for path in files if "scores" in path.relative_to(PACKAGE).parts[:-1]}


@pytest.mark.parametrize("rule", ["scores_predict", "scores_answer_cases"])
def test_an_edit_of_reading_or_scoring_asks_no_model_again(rule):
    found = code_of(rule)
    assert {"language_model", "prompts", "resume_log"} <= found <= ASKING


def test_an_edit_of_reading_or_scoring_scores_again():
    assert {"letters", "grade", "score", "bootstrap"} <= code_of("scores_score")
    assert {"score_cases", "bleu_rouge"} <= code_of("scores_score_cases")


@pytest.mark.parametrize(
    "rule", ["scores_score", "scores_score_cases", "scores_submit", "scores_judge"]
)
def test_scoring_runs_no_model(rule):
    assert not code_of(rule) & {"language_model", "predict", "answer_cases", "resume_log"}


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


JUDGE = {
    "url": "http://127.0.0.1:8001/v1", "model": "gpt", "key_env": "JUDGE_KEY", "concurrency": 2,
    "timeout": 60, "input_price": 2.5, "output_price": 10,
}  # fmt: skip


def test_a_server_and_a_judge_by_configuration(clone, snakemake):
    """The model is started by a command; keys are named, never shown."""
    serve = "vllm serve {model} --served-model-name {name} --port {port}"
    change = {
        "engine": {"kind": "openai", "serve": serve, "key_env": "VLLM_KEY", "extensions": False},
        "clinical": {"judge": JUDGE | {"max_tokens": 900, "body": {"temperature": None}}},
    }
    (clone / "mine.yaml").write_text(yaml.safe_dump(change), encoding="utf-8")
    folder = "results/paper/4_scores/collective"
    targets = [f"{folder}/cmb.answer.predictions.jsonl", f"{folder}/cmb_clin.cases.scores.json"]
    keys = {"VLLM_KEY": "sk-secret-1", "JUDGE_KEY": "sk-secret-2"}
    result = snakemake("-np", *targets, "--configfile", "mine.yaml", **keys)
    assert result.returncode == 0, result.stderr
    whole = re.sub(" +", " ", result.stdout + result.stderr)
    server = (
        f"--key-env VLLM_KEY --concurrency 32 --timeout 600 --serve '{serve}' --prompt-format text"
    )
    asking = {line for line in whole.splitlines() if f"{server} --no-extensions 2>" in line}
    assert len(asking) == 2  # predict and answer-cases
    assert (
        "--cache .cache/judge/collective.cmb_clin.jsonl --out"
        f" {folder}/cmb_clin.cases.grades.jsonl --key-env JUDGE_KEY"
        " --concurrency 2 --timeout 60 --url http://127.0.0.1:8001/v1 --model gpt --input-price 2.5"
        " --output-price 10 --max-tokens 900 --body '{\"temperature\": null}' 2>"
    ) in whole
    assert f"--grades {folder}/cmb_clin.cases.grades.jsonl" in whole
    assert "sk-secret" not in whole and "scores check" not in whole
    # The release too, which says how the models were served.
    whole = snakemake("-n", "--configfile", "mine.yaml", **keys)
    assert whole.returncode == 0, whole.stdout + whole.stderr


def test_two_judges_mark_answers_by_the_same_criteria(clone, snakemake):
    second = JUDGE | {"model": "other", "key_env": None}
    clinical = {"judge": JUDGE | {"key_env": None}, "second_judge": second, "criteria": True}
    (clone / "mine.yaml").write_text(yaml.safe_dump({"clinical": clinical}), encoding="utf-8")
    scores = "results/paper/4_scores"
    targets = [f"{scores}/{m}/cmb_clin.cases.scores.json" for m in ("collective", "internlm2_5-7b")]
    result = snakemake("-np", *targets, "--configfile", "mine.yaml")
    assert result.returncode == 0, result.stderr
    whole = result.stdout + result.stderr
    assert whole.count("collectivesft scores criteria ") == 1
    assert whole.count("collectivesft scores check ") == 4
    assert (
        f"--criteria {scores}/cmb_clin.criteria.jsonl --cache"
        " .cache/judge/collective.cmb_clin.second.checks.jsonl"
        f" --out {scores}/collective/cmb_clin.cases.second.checks.jsonl --concurrency"
    ) in whole
    assert (
        f"--checks {scores}/collective/cmb_clin.cases.checks.jsonl"
        f" --second-checks {scores}/collective/cmb_clin.cases.second.checks.jsonl"
    ) in whole


@pytest.mark.parametrize(
    ("engine", "judge", "message"),
    [
        ({"kind": "openai"}, None, "engine: kind openai needs one of url and serve"),
        (
            {"kind": "openai", "url": "http://a/v1", "serve": "b"},
            None,
            "engine: kind openai needs one of url and serve",
        ),
        (
            {"url": "http://a/v1"},
            None,
            "engine: url is for kind openai; only that kind asks a server",
        ),
        (
            {"kind": "openai", "url": "a:8000"},
            None,
            "engine.url: a text that is not shown here; allowed: text like",
        ),
        (
            {"url": "http://me:secret@a/v1"},
            None,
            "engine.url: a text that is not shown here; allowed: ",
        ),
        ({"key_env": "sk-1 2"}, None, "engine.key_env: a text that is not shown here; allowed: "),
        ({"api_key": "x"}, None, "engine.api_key: unknown key; known: "),
        ({}, {"model": "m"}, "clinical.judge.url: missing; allowed: text like"),
        ({}, JUDGE | {"url": None}, "clinical.judge.url: null; allowed: text like"),
        ({}, JUDGE | {"prices": 1}, "clinical.judge.prices: unknown key; known: "),
        (
            {},
            JUDGE | {"max_tokens": 0},
            "clinical.judge.max_tokens: 0; allowed: a whole number, at least 1 or null",
        ),
        (
            {},
            JUDGE | {"body": "x"},
            "clinical.judge.body: 'x'; allowed: a map of keys and values or null",
        ),
    ],
)
def test_a_wrong_engine_or_judge_is_told(engine, judge, message):
    config = config_check.read_yaml(ROOT / "config/config.yaml")
    config["engine"] |= engine
    config["clinical"]["judge"] = judge
    with pytest.raises(config_check.ConfigurationError) as error:
        config_check.check(config, ROOT)
    assert error.value.lines[0].startswith(f"config: {message}")
    assert "secret" not in str(error.value) and "sk-1" not in str(error.value)


def test_keys_of_servers_pass_into_images():
    config = config_check.read_yaml(ROOT / "config/config.yaml")
    assert config_check.keys(config) == []
    config["engine"] |= {"kind": "openai", "url": "http://a/v1", "key_env": "VLLM_KEY"}
    config["clinical"]["judge"] = JUDGE
    names = config_check.keys(config)
    assert names == ["JUDGE_KEY", "VLLM_KEY"]
    environ = {"VLLM_KEY": "1", "JUDGE_KEY": "2", "OTHER_KEY": "3"}
    found = apptainer_env.variables(environ, ROOT, [], 1, names)
    assert (found["APPTAINERENV_VLLM_KEY"], found["APPTAINERENV_JUDGE_KEY"]) == ("1", "2")
    assert "APPTAINERENV_OTHER_KEY" not in found


def test_a_server_elsewhere_needs_no_gpu_here(clone, snakemake):
    engine = {"engine": {"kind": "openai", "url": "http://node:8000/v1"}, "device": "cuda"}
    (clone / "mine.yaml").write_text(yaml.safe_dump(engine), encoding="utf-8")
    target = "results/paper/4_scores/collective/cmb.answer.predictions.jsonl"
    result = snakemake("-n", target, "--configfile", "mine.yaml")
    whole = result.stdout + result.stderr
    block = next(b for b in re.split(r"\n(?=rule )", whole) if b.startswith("rule scores_predict:"))
    assert re.findall(r"\bgpu=(\d)", block) == ["0"]


@pytest.mark.parametrize(
    "by", [{"url": "http://host/v1?key=sk-1"}, {"serve": "s {port} --api-key sk-1"}]
)
def test_a_release_says_who_answered_and_graded_but_not_where(clone, snakemake, by):
    """Addresses and commands of servers may hold keys, and the manifest is published."""
    engine = {"kind": "openai", "key_env": "VLLM_KEY", **by}
    judge = JUDGE | {"url": "http://judge/v1?key=sk-2"}
    (clone / "mine.yaml").write_text(
        yaml.safe_dump({"engine": engine, "clinical": {"judge": judge}})
    )
    files = ("--configfile", "config/tiny.yaml", "mine.yaml")
    told = snakemake("-np", "results/tiny/7_hub/tiny/manifest.json", *files).stdout
    found = json.loads(re.search(r"--settings '(.*?)' --files", told).group(1))
    assert found["engine"] == {"kind": "openai", "prompt_format": "text", "extensions": True}
    asked = {"input_price": 2.5, "output_price": 10, "max_tokens": None, "body": None}
    assert found["clinical"]["judge"] == {"model": "gpt", **asked}
    assert "sk-" not in json.dumps(found)
    assert found["clinical"]["max_new_tokens"] == 8


def test_old_and_fresh_questions_are_compared_where_a_date_is_set(clone, snakemake):
    (clone / "mine.yaml").write_text("fresh_since: 2024-07-01\n", encoding="utf-8")
    table = "results/paper/4_scores/table.md"
    plain = snakemake("-np", table)
    assert plain.returncode == 0 and "scores dates" not in plain.stdout
    done = snakemake("-np", table, "--configfile", "mine.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    asked = re.findall(r"scores dates .*", done.stdout)
    assert len(asked) > 1 and all(" --since 2024-07-01 " in line for line in asked)
    (line,) = [line for line in asked if " --model collective " in line]
    folder = "results/paper/4_scores"
    assert f"--answers {folder}/collective/cmb." in line
    assert f"--base {folder}/internlm2_5-7b/cmb." in line
    assert len(re.findall(r"--dates \S+", done.stdout)) == len(asked)
