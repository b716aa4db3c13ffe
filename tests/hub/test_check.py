"""Which claims hold, which do not and which were not run is said for what it is."""

from pathlib import Path

import pytest
from test_release import Folder, score

from collectivesft import benchmarks, datasets
from collectivesft.errors import InputError
from collectivesft.files import read_json, write_json, write_text
from collectivesft.hub.check import check
from collectivesft.hub.claims import Claim, Results, judge, read_claims
from collectivesft.hub.compare import PARTS, differences

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


def test_a_wrong_key_is_named(tmp_path):
    write_text(tmp_path / "c.yaml", "claims: [{id: x}]\n")
    with pytest.raises(InputError, match=r"claims\.0\.claim"):
        read_claims(tmp_path / "c.yaml")


@pytest.fixture
def run(tmp_path):
    """Check a run's folder; returns the verdict and the lines."""
    made = Folder(tmp_path / "run").release()
    ledger = {"datasets": {"medqa": {"read": {"rows_in": 101}}}}
    write_json(tmp_path / "ledger.json", ledger)
    one = {"id": "x", "claim": "Mine", "source": "paper", "statistic": SCORED, "relation": "about",
           "expected": 72.35, "tolerance": 0.01}  # fmt: skip
    write_json(tmp_path / "claims.yaml", {"claims": [one]})

    def call(published=None):
        lines = []
        manifest, card = made.root / "manifest.json", made.root / "README.md"
        places = (manifest, made.model, made.root / "files", card, tmp_path / "claims.yaml")
        rest = (tmp_path / "ledger.json", made.inputs.scores, published, lines.append)
        return check(*places, *rest), "\n".join(lines)

    call.made = made
    return call


def test_a_run_is_as_its_manifest_says(run):
    good, text = run()
    assert good
    assert "all as listed" in text and "not compared; none was named" in text
    assert "claims: 1 hold, 0 do not, 0 not run" in text


def test_a_changed_file_is_found(run):
    (run.made.model / "config.json").write_text("{} ")
    good, text = run()
    assert not good and "DIFFER: config.json" in text


def test_the_same_manifest_agrees_in_every_part(run):
    good, text = run(str(run.made.root / "manifest.json"))
    assert good
    assert [line for line in text.splitlines() if line.startswith("  ")] == [
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
    from collectivesft.hub.publish import publish

    made = run.made
    paths = (made.model, made.root / "README.md", made.root / "manifest.json")
    publish("me/Model-7B", "v1", True, *paths, None, beside=made.root / "files")
    good, text = run("me/Model-7B@v1")
    assert good and "against the published manifest me/Model-7B@v1" in text


def test_leaves_that_differ_are_named():
    one = {"raw": {"a": [{"size": 1}]}, "model": {"x": 1}}
    assert differences(one, {"raw": {"a": [{"size": 2}]}, "model": {"x": 1}}) == {
        "raw": ["a.0.size"]
    }
    assert differences(one, {"model": {"x": 1}}) == {"raw": ["all"]}
