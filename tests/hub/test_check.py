"""Claims that hold, that do not and that were not run are told apart."""

from pathlib import Path

import pytest

from collectivesft import benchmarks, datasets
from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import read_json, sha256, write_json, write_text
from collectivesft.hub.check import check, results
from collectivesft.hub.evidence.claims import Claim, Results, Verdict, judge, read_claims
from collectivesft.hub.evidence.manifest_diff import FILES, PARTS, Places, differences
from tests.helpers.release_folder import Folder, score

ROOT = Path(__file__).parents[2]
SCORED = {"kind": "score", "model": "mine", "benchmark": "cmb", "protocol": "answer"}


def claim(statistic: dict, expected: float, relation: str = "about", tolerance: float = 1.0):
    about = {"id": "x", "claim": "Mine is good", "source": "somewhere", "relation": relation}
    return Claim(statistic=statistic, expected=expected, tolerance=tolerance, **about)


def verdict(one: Claim, whole: bool = True):
    scores = [score("mine", "answer", 0.72), score("base", "answer", 0.5)]
    return judge([one], Results({"medqa": 101}, scores, whole))[0]


@pytest.mark.parametrize(
    "statistic, expected, relation, tolerance, holds",
    [
        (SCORED, 72.5, "about", 1.0, True),
        (SCORED, 74, "about", 1.0, False),
        (SCORED, 71, "at_least", 0.0, True),
        (SCORED, 73, "at_least", 0.5, False),
        (SCORED | {"category": "护理考试"}, 72, "about", 0.01, True),
        (SCORED | {"kind": "gain", "over": "base"}, 22, "about", 0.01, True),
        (SCORED | {"kind": "gain", "over": "base"}, 23, "at_least", 0.0, False),
        ({"kind": "rows", "dataset": "medqa"}, 100, "about", 0.01, True),
        ({"kind": "rows", "dataset": "medqa"}, 100, "about", 0.001, False),
    ],
)
def test_a_claim_is_held_against_the_number(statistic, expected, relation, tolerance, holds):
    found = verdict(claim(statistic, expected, relation, tolerance))
    assert found.holds is holds
    assert found.line().startswith("holds  " if holds else "DOES NOT HOLD")


def test_rows_are_told_in_whole():
    rows = {"kind": "rows", "dataset": "medicaldialogue"}
    line = Verdict(claim(rows, 2_725_989, tolerance=0.02), 2_700_001.0).line()
    assert "(about 2,725,989, tolerance 2 %; found 2,700,001)" in line


@pytest.mark.parametrize(
    "statistic, why",
    [
        (SCORED | {"model": "other"}, "other: this run has no such score"),
        (SCORED | {"category": "none"}, "no such category"),
        (SCORED | {"kind": "gain", "over": "other"}, "other: this run has no such score"),
        ({"kind": "rows", "dataset": "nlpec"}, "this run has not read nlpec"),
    ],
)
def test_what_has_no_result_was_not_run(statistic, why):
    found = verdict(claim(statistic, 1))
    assert found.holds is None and why in found.line()
    assert found.line().startswith("not run")


def test_a_demonstration_bears_nothing_out():
    assert "demonstration" in verdict(claim(SCORED, 72), whole=False).line()


def test_a_part_of_a_benchmark_is_not_the_benchmark():
    assert verdict(claim(SCORED | {"items": 8}, 72)).holds
    found = verdict(claim(SCORED | {"items": 11_200}, 72))
    assert found.holds is None and "answered 8 items, the claim is about 11,200" in found.line()


def test_the_projects_claims_name_what_is_there():
    claims = read_claims(ROOT / "config/claims.yaml")
    assert len({one.id for one in claims}) == len(claims) > 20
    experiments = {path.stem for path in (ROOT / "config/experiments").glob("*.yaml")}
    models = experiments | {path.stem for path in (ROOT / "config/models").glob("*.yaml")}
    for one in claims:
        asked = one.statistic
        if asked.kind == "rows":
            stated = datasets.get(asked.dataset).SOURCE.rows
            assert stated is not None
        else:
            assert {asked.model, asked.over} <= models | {None}
            assert asked.benchmark in benchmarks.names()


@pytest.mark.parametrize(
    "text, key", [("claims: [{id: x}]\n", r"claims\.0\.claim"), ("- id: x\n", "the file")]
)
def test_what_is_wrong_is_named(tmp_path, text, key):
    write_text(tmp_path / "c.yaml", text)
    with pytest.raises(InputError, match=rf"c\.yaml: {key}: .*Correct that key"):
        read_claims(tmp_path / "c.yaml")


@pytest.fixture
def run(tmp_path):
    """Check a run's folder; returns the verdict and the lines."""
    made, raw = Folder(tmp_path / "run"), tmp_path / "raw/medqa"
    (raw / "files").mkdir(parents=True)
    (raw / "files/a.zip").write_bytes(b"raw")
    entry = {"path": "a.zip", "size": 3, "sha256": sha256(raw / "files/a.zip"), "origin": "local"}
    source = {"source": "datasets/medqa", "files": [entry]}
    write_json(made.root / "raw-medqa.json", source)
    write_json(raw / "manifest.json", source)
    (tmp_path / "base").mkdir()
    (tmp_path / "base/model.safetensors").write_bytes(b"base")
    (tmp_path / "train.parquet").write_bytes(b"rows")
    (tmp_path / "cmb.answers.jsonl").write_text('{"model": "mine", "id": "1"}\n')
    answers = (tmp_path / "cmb.answers.jsonl",)
    more = {"answers": answers, "base": tmp_path / "base", "other": (tmp_path / "train.parquet",)}
    more |= {"locks": (made.inputs.lock,), "raw": (raw / "manifest.json",)}
    made.release(more=more, files=made.root / "files")
    write_json(tmp_path / "ledger.json", {"datasets": {"medqa": {"read": {"rows_in": 101}}}})
    one = {"id": "x", "claim": "Mine", "source": "paper", "statistic": SCORED, "relation": "about",
           "expected": 72.35, "tolerance": 0.01}  # fmt: skip
    write_json(tmp_path / "claims.yaml", {"claims": [one]})

    def call(published=None, leave_out=()):
        lines, inputs = [], made.inputs
        keys = ("recipe", "base_recipe", "mixture", "data_card", "contamination", "history",
                "tokens", "table")  # fmt: skip
        named = [f"{key}={getattr(inputs, key)}" for key in keys]
        named += [f"train.parquet={tmp_path / 'train.parquet'}"]
        named = [pair for pair in named if not pair.startswith(leave_out or "\0")]
        listed = results(named, more["raw"], inputs.scores, inputs.ledger, answers)
        folders = (made.model, made.root / "files", made.root / "README.md")
        places = Places(*folders, more["raw"], listed, more["locks"], more["base"])
        rest = (tmp_path / "ledger.json", inputs.scores, published, lines.append)
        good = check(made.root / "manifest.json", places, tmp_path / "claims.yaml", *rest)
        return good, "\n".join(lines)

    call.made, call.folder = made, tmp_path
    return call


def test_a_run_is_as_its_manifest_says(run):
    good, text = run()
    assert good
    counts = {"model": 2, "raw": 1, "results": 16, "locks": 1, "base": 1}
    for part, count in counts.items():
        assert f"  {PARTS[part]}: {count} as listed\n" in text
    assert f"  {FILES}: 8 as listed\n" in text
    assert ".eval_results/collectivesft-cmb.yaml" in run.made.manifest["files"]
    assert "DIFFER" not in text and "GONE" not in text and "  code" not in text
    assert "published manifest: not compared; none was named" in text
    assert "claims: 1 hold, 0 do not, 0 not run" in text


CHANGED = {
    "model": ("run/model/config.json", "config.json"),
    "files": ("run/files/scores/table.csv", "scores/table.csv"),
    "card": ("run/README.md", "README.md"),
    "raw": ("raw/medqa/files/a.zip", "datasets/medqa/a.zip"),
    "raw list": ("raw/medqa/manifest.json", "raw/datasets/medqa"),
    "curated": ("train.parquet", "train.parquet"),
    "ledger": ("run/ledger.json", "ledger"),
    "recipe": ("run/mine.yaml", "recipe"),
    "score": ("run/mine-answer.json", "scores/mine.mine-answer.json"),
    "answers": ("cmb.answers.jsonl", "answers/mine.cmb.answers.jsonl"),
    "lock": ("run/model-cpu.lock", "model-cpu.lock"),
    "base": ("base/model.safetensors", "model.safetensors"),
}


@pytest.mark.parametrize("path, name", CHANGED.values(), ids=list(CHANGED))
def test_a_changed_file_is_named(run, path, name):
    place = run.folder / path
    place.write_bytes(place.read_bytes() + b" ")
    good, text = run()
    assert not good
    assert [line.split(": ")[-1] for line in text.splitlines() if "DIFFER" in line] == [name]


@pytest.mark.parametrize("key", ["raw", "curated", "base"])
def test_a_file_that_is_gone_is_named(run, key):
    path, name = CHANGED[key]
    (run.folder / path).unlink()
    good, text = run()
    assert not good and f"GONE: {name}\n" in text


def test_what_has_no_place_is_not_passed_over(run):
    good, text = run(leave_out="train")
    assert good and "15 as listed; not compared: train.parquet\n" in text


def test_edited_code_is_said_and_no_contradiction(run):
    path = run.made.root / "manifest.json"
    write_json(path, read_json(path) | {"package": {"code_sha256": "0" * 64}})
    good, text = run()
    assert good and "code of the package: edited since" in text


def test_a_result_without_a_name_is_one_message():
    with pytest.raises(UserError, match=r"--result table\.csv: is not NAME=PATH"):
        results(["table.csv"], (), (), Path("ledger.json"))


def test_the_same_manifest_agrees_in_every_part(run):
    good, text = run(str(run.made.root / "manifest.json"))
    assert good
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("against the published"))
    assert lines[start + 1 : start + 1 + len(PARTS)] == [
        f"  {words}: the same" for words in PARTS.values()
    ]


def test_a_published_manifest_with_other_weights_is_found(run, tmp_path):
    other = read_json(run.made.root / "manifest.json")
    other["model"]["files"]["model.safetensors"]["sha256"] = "0" * 64
    write_json(tmp_path / "other.json", other)
    good, text = run(str(tmp_path / "other.json"))
    assert not good
    assert "files of the model: DIFFER: files.model.safetensors.sha256" in text
    assert "raw files: the same" in text


def test_a_claim_that_does_not_hold_ends_badly(run, tmp_path):
    claims = read_json(tmp_path / "claims.yaml")
    claims["claims"][0]["expected"] = 90
    write_json(tmp_path / "claims.yaml", claims)
    good, text = run()
    assert not good and "DOES NOT HOLD  Mine" in text


def test_a_manifest_on_the_hub_is_compared(hub, run, tmp_path):
    run.made.publish()
    good, text = run("me/Model-7B@v1")
    assert good and "against the published manifest me/Model-7B@v1" in text


def test_leaves_that_differ_are_named():
    one = {"raw": {"a": [{"size": 1}]}, "model": {"x": 1}}
    assert differences(one, {"raw": {"a": [{"size": 2}]}, "model": {"x": 1}}) == {
        "raw": ["a.0.size"]
    }
    assert differences(one, {"model": {"x": 1}}) == {"raw": ["all"]}


def test_command_lines_of_release_and_check_agree(run):
    """The files that `hub release` lists by its options, `hub check` finds by the same ones."""
    from typer.testing import CliRunner

    from collectivesft.hub.cli import app

    root, folder = run.made.root, run.folder
    inputs = run.made.inputs
    raw, answers = folder / "raw/medqa/manifest.json", folder / "cmb.answers.jsonl"
    shared = {"--ledger": inputs.ledger, "--model": inputs.model, "--raw": raw}
    shared |= {"--answers": answers, "--card": root / "README.md", "--files": root / "files"}
    shared |= {"--base": folder / "base", "--manifest": root / "manifest.json"}
    own = {key: getattr(inputs, key) for key in ("recipe", "base_recipe", "mixture", "data_card",
                                                 "contamination", "history", "tokens",
                                                 "table")}  # fmt: skip
    scores = [text for path in inputs.scores for text in ("--scores", str(path))]
    common = [str(text) for pair in shared.items() for text in pair] + scores
    release = ["release", "--run", "paper", "--repo", "me/Model-7B", "--experiment", "mine"]
    release += [str(x) for k, v in own.items() for x in (f"--{k.replace('_', '-')}", v)]
    release += ["--lock", str(inputs.lock), "--locks", str(inputs.lock)]
    release += ["--other", str(folder / "train.parquet")]
    made = CliRunner().invoke(app, [*release, *common])
    assert made.exit_code == 0, made.output
    check = ["check", "--claims", str(folder / "claims.yaml"), "--lock", str(inputs.lock)]
    named = own | {"train.parquet": folder / "train.parquet"}
    check += [f"--result={name}={path}" for name, path in named.items()]
    (root / "ledger.json").write_text('{"totals": {}, "datasets": {}}')
    made = CliRunner().invoke(app, [*release, *common])
    done = CliRunner().invoke(app, [*check, *common])
    assert done.exit_code == 0, done.output
    assert "not compared:" not in done.output.replace("manifest: not compared", "")
    answers.write_text('{"model": "mine", "id": "2"}\n')
    done = CliRunner().invoke(app, [*check, *common])
    assert done.exit_code == 1
    assert "DIFFER: answers/mine.cmb.answers.jsonl" in done.output
