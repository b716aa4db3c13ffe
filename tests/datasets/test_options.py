"""The readers' options: golden output of each choice, and truthful counts."""

import json
import os
from functools import partial
from pathlib import Path

import pytest

from collectivesft import datasets
from collectivesft.common.errors import InputError, UserError
from collectivesft.curated.read import read_dataset
from collectivesft.curated.storage.parquet import count_rows
from collectivesft.readers.reader_options import PAPER_FORM, Option, chosen
from tests.helpers.promises import check, reasons
from tests.helpers.upstream import PACK, ROWS, jsonl, parquet, raw_folder, zipped

GOLDEN = Path(__file__).parent / "golden/options"
WITH_OPTIONS = [name for name in datasets.names() if hasattr(datasets.get(name), "OPTIONS")]


def _pubmedqa() -> dict[str, bytes]:
    first, second = ROWS["pubmedqa"][:2]
    plain = {key: value for key, value in second.items() if key != "final_decision"}
    rows = {"artificial": [{**first, "pubid": 201}], "labeled": [first], "unlabeled": [plain]}
    return {f"pqa_{k}/train-00000-of-00001.parquet": parquet(v) for k, v in rows.items()}


def _medqa() -> dict[str, bytes]:
    row = ROWS["medqa"][0]
    return {
        "data_clean.zip": zipped(
            {
                f"data_clean/questions/{region}/train.jsonl": jsonl([row])
                for region in ("US", "Mainland", "Taiwan")
            }
        )
    }


FILES = {name: partial(PACK[name], ROWS[name]) for name in WITH_OPTIONS} | {
    "pubmedqa": _pubmedqa,
    "medqa": _medqa,
}
# What becomes of the fixture's rows with each choice that is not the default.
EXPECTED = {
    ("cmedqa2", "answers=all"): ["kept", "kept", "missing_answer", "empty_question"],
    ("webmedqa", "rows=all"): ["kept", "kept", "bad_label", "empty_answer", "malformed_row"],
    ("pubmedqa", "artificial=drop"): ["other_configuration", "kept", "kept"],
    ("pubmedqa", "labeled=drop"): ["kept", "other_configuration", "kept"],
    ("pubmedqa", "unlabeled=drop"): ["kept", "kept", "other_configuration"],
    ("medqa", "us=drop"): ["other_region", "kept", "kept"],
    ("medqa", "mainland=drop"): ["kept", "other_region", "kept"],
    ("medqa", "taiwan=drop"): ["kept", "kept", "other_region"],
}
# A form changes texts, not which rows are kept.
EXPECTED |= {
    (name, "form=paper"): None for name in WITH_OPTIONS if PAPER_FORM in datasets.get(name).OPTIONS
}


def as_json(result) -> dict:
    if hasattr(result, "reason"):
        return {"drop": [result.id, result.reason, result.detail]}
    return {**result.to_row(), "meta": result.meta}


def read(name: str, folder: Path, *texts: str) -> list:
    module = datasets.get(name)
    raw = raw_folder(folder, FILES[name]())
    return list(module.read(raw, **chosen(name, module.OPTIONS, texts)))


def test_every_choice_has_a_golden_file_and_an_expectation():
    there = {
        (name, f"{option.name}={value}")
        for name in WITH_OPTIONS
        for option in datasets.get(name).OPTIONS
        for value in option.choices[1:]
    }
    assert there == set(EXPECTED)
    assert {path.name for path in GOLDEN.iterdir()} == {f"{n}.{text}.jsonl" for n, text in there}


@pytest.mark.parametrize(("name", "text"), EXPECTED)
def test_each_choice_gives_its_golden_file(name: str, text: str, tmp_path: Path):
    results = read(name, tmp_path, text)
    assert reasons(results) == (EXPECTED[name, text] or reasons(read(name, tmp_path / "plain")))
    lines = [json.dumps(as_json(r), ensure_ascii=False, sort_keys=True) for r in results]
    golden = GOLDEN / f"{name}.{text}.jsonl"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == golden.read_text(encoding="utf-8").splitlines()
    for result in results if text != "form=paper" else ():
        check(result, name)
    assert len({result.id for result in results}) == len(results)


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_defaults_named_are_the_defaults(name: str, tmp_path: Path):
    options = datasets.get(name).OPTIONS
    texts = [f"{option.name}={option.choices[0]}" for option in options]
    plain = list(datasets.get(name).read(raw_folder(tmp_path / "a", FILES[name]())))
    assert list(map(as_json, read(name, tmp_path / "b", *texts))) == list(map(as_json, plain))


def test_what_is_not_wanted_never_hides_what_is(tmp_path: Path):
    """The rows that stay have the same ids and texts whatever else is dropped."""
    whole = {r.id: as_json(r) for r in read("pubmedqa", tmp_path / "a")}
    some = read("pubmedqa", tmp_path / "b", "artificial=drop", "unlabeled=drop")
    assert {r.id for r in some} == set(whole)
    kept = [r for r in some if not hasattr(r, "reason")]
    assert [as_json(r) for r in kept] == [whole[r.id] for r in kept] and len(kept) == 1


def test_ledger_counts_every_row_and_names_the_choice(tmp_path: Path):
    raw = raw_folder(tmp_path, FILES["webmedqa"]())
    paths = [tmp_path / name for name in ("kept", "dropped", "ledger")]
    for texts, kept in (((), 1), (["rows=all"], 2)):
        read_dataset("webmedqa", raw.manifest, *paths, texts)
        book = json.loads(paths[2].read_bytes())
        assert book["options"] == {"webmedqa": {"rows": "all" if texts else "labelled"}}
        counts = book["datasets"]["webmedqa"]
        assert (counts["rows_in"], counts["kept"]) == (5, kept)
        assert [count_rows(path) for path in paths[:2]] == [kept, 5 - kept]


OPTIONS = (Option("answers", ("first", "all"), "help"),)


@pytest.mark.parametrize(
    ("options", "text", "problem"),
    [
        (OPTIONS, "answer=all", "cmedqa2 has no option 'answer'. There is answers."),
        (OPTIONS, "answers=some", "cmedqa2 knows answers as one of first, all."),
        (OPTIONS, "answers", "cmedqa2 knows answers as one of first, all."),
        ((), "answers=all", "cmedqa2 has no option 'answers'. There is none."),
    ],
)
def test_wrong_option_is_one_line(options, text: str, problem: str):
    with pytest.raises(UserError, match=f"--option {text}: {problem}"):
        chosen("cmedqa2", options, [text])


def test_a_part_that_is_not_wanted_need_not_be_there(tmp_path: Path):
    line = {"question": "头痛？", "options": {"A": "甲", "B": "乙"}, "answer_idx": "A"}
    member = "data_clean/questions/Mainland/train.jsonl"
    raw = raw_folder(tmp_path, {"data_clean.zip": zipped({member: jsonl([line])})})
    (example,) = datasets.get("medqa").read(raw, us="drop", taiwan="drop")
    assert example.id == "medqa:Mainland:1"
    with pytest.raises(InputError, match="no member named data_clean/questions/Taiwan"):
        list(datasets.get("medqa").read(raw, us="drop"))
