"""The books of all steps are joined only if they add up; a fault names its file."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.made_up import SENTENCE
from collectivesft.curated.card import write_card
from collectivesft.curated.storage.step_ledger import STEPS, StepLedger, combine
from collectivesft.schema.example import Drop
from tests.helpers.curated_examples import qa, same_bytes

REASONS = ("too_long", "exact_duplicate", "in_benchmark")


def entry(rows_in: int, changed: dict | None = None, **dropped: int) -> dict:
    """Counts that add up."""
    kept = rows_in - sum(dropped.values())
    return {"rows_in": rows_in, "kept": kept, "dropped": dropped, "changed": changed or {}}


def book(folder: Path, name: str, step: str, **datasets: dict) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"step": step, "datasets": datasets}), encoding="utf-8")
    return path


def good(folder: Path) -> list[Path]:
    """Ledgers of two datasets through all steps; medqa comes before cmb."""
    return [
        book(folder, "medqa-read", "read", medqa=entry(10, empty_answer=1)),
        book(folder, "medqa-clean", "clean", medqa=entry(9, {"html_removed": 4})),
        book(folder, "cmb-read", "read", cmb=entry(1000)),
        book(folder, "cmb-clean", "clean", cmb=entry(1000, {"html_removed": 2}, too_long=3)),
        book(
            folder,
            "dedup",
            "dedup",
            medqa=entry(9),
            cmb=entry(997, exact_duplicate=7, near_duplicate=5),
        ),
        book(
            folder, "decontaminate", "decontaminate", medqa=entry(9), cmb=entry(985, in_benchmark=1)
        ),
        book(
            folder, "mix", "mix", medqa=entry(9), cmb=entry(984, {"held_out": 9}, not_sampled=900)
        ),
    ]


def join(paths: list[Path], folder: Path) -> dict:
    return combine(paths, *(folder / f"ledger.{kind}" for kind in ("out.json", "csv", "md")))


def assert_refused(paths: list[Path], folder: Path, fault: Path, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        join(paths, folder)
    assert str(caught.value).startswith(f"{fault}: ") and problem in str(caught.value)
    assert not list(folder.glob("ledger.*"))


class TestCombine:
    def test_totals_are_sums_over_the_sets(self, tmp_path):
        result = join(good(tmp_path), tmp_path)
        assert result == json.loads((tmp_path / "ledger.out.json").read_bytes())
        assert result["steps"] == list(STEPS) and result["order"] == ["medqa", "cmb"]
        assert result["titles"] == {"medqa": "MedQA", "cmb": "CMB-train"}
        assert result["totals"]["read"] == entry(1010, empty_answer=1)
        assert result["totals"]["clean"] == entry(1009, {"html_removed": 6}, too_long=3)
        assert result["totals"]["mix"] == entry(993, {"held_out": 9}, not_sampled=900)

    def test_csv_has_a_line_for_each_reason_and_adds_up(self, tmp_path):
        join(good(tmp_path), tmp_path)
        with open(tmp_path / "ledger.csv", encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
        books = {}
        for row in rows:
            if row["what"] in ("kept", "dropped"):
                place = (row["dataset"], row["step"], int(row["rows_in"]))
                books[place] = books.get(place, 0) + int(row["rows"])
        assert len(books) == 3 * len(STEPS)
        assert all(rows_in == total for (_, _, rows_in), total in books.items())
        assert {"cmb", "medqa", "total"} == {row["dataset"] for row in rows}

    def test_markdown_shows_what_is_left_after_each_step_and_every_reason(self, tmp_path):
        join(good(tmp_path), tmp_path)
        lines = (tmp_path / "ledger.md").read_text(encoding="utf-8").splitlines()
        assert "| cmb | 1,000 | 1,000 | 997 | 985 | 984 | 84 |" in lines
        assert "| **total** | 1,010 | 1,009 | 1,006 | 994 | 993 | 93 |" in lines
        assert "| dedup | near duplicate | 5 |" in lines and "| mix | not sampled | 900 |" in lines

    def test_a_set_of_which_nothing_is_left_need_not_turn_up_again(self, tmp_path):
        gone = book(tmp_path, "cmid-read", "read", cmid=entry(2, bad_entity=2))
        result = join([gone, *good(tmp_path)], tmp_path)
        assert result["order"][0] == "cmid" and list(result["datasets"]["cmid"]) == ["read"]
        lines = (tmp_path / "ledger.md").read_text(encoding="utf-8").splitlines()
        assert "| cmid | 2 | 0 |  |  |  |  |" in lines

    def test_same_input_same_bytes(self, tmp_path):
        books = good(tmp_path)
        assert same_bytes(lambda folder: join(books, folder), tmp_path / "a", tmp_path / "b") == 3


class TestRefused:
    @pytest.mark.parametrize("number", range(7))
    def test_rows_in_that_are_not_kept_plus_dropped(self, tmp_path, number):
        paths = good(tmp_path)
        content = json.loads(paths[number].read_bytes())
        name = list(content["datasets"])[-1]
        content["datasets"][name]["kept"] -= 1
        paths[number].write_text(json.dumps(content), encoding="utf-8")
        rows = content["datasets"][name]["rows_in"]
        problem = f"{name}: {rows} rows in are not kept plus dropped"
        assert_refused(paths, tmp_path, paths[number], problem)

    def test_a_step_that_does_not_take_what_the_one_before_handed_on(self, tmp_path):
        paths = good(tmp_path)
        book(tmp_path, "dedup", "dedup", medqa=entry(9), cmb=entry(1000))
        problem = "cmb: 1000 rows in, the step before kept 997"
        assert_refused(paths, tmp_path, paths[4], problem)

    def test_rows_that_no_later_step_took(self, tmp_path):
        paths = good(tmp_path)
        book(tmp_path, "mix", "mix", cmb=entry(984))
        with pytest.raises(
            InputError, match="medqa: 9 rows after decontaminate are in no later step"
        ):
            join(paths, tmp_path)
        assert not list(tmp_path.glob("ledger.*"))

    def test_a_ledger_left_out(self, tmp_path):
        paths = good(tmp_path)
        del paths[3]
        problem = "cmb: 997 rows in, the step before kept 1000"
        assert_refused(paths, tmp_path, paths[3], problem)

    @pytest.mark.parametrize(
        "content",
        [
            "[]",
            "3",
            "{}",
            '{"step": "read"}',
            '{"step": "read", "datasets": []}',
            '{"step": "read", "datasets": {"cmb": {"rows_in": 1}}}',
            '{"step": "read", "datasets": {"cmb": 1}}',
            '{"step": "polish", "datasets": {}}',
        ],
    )
    def test_a_file_that_is_no_ledger(self, tmp_path, content):
        path = tmp_path / "read.json"
        path.write_text(content, encoding="utf-8")
        assert_refused([path], tmp_path, path, "not the ledger of a step")

    def test_a_file_that_is_cut_short(self, tmp_path):
        paths = good(tmp_path)
        paths[2].write_bytes(paths[2].read_bytes()[:30])
        with pytest.raises(InputError, match=r"cmb-read\.json, row 1: not valid JSON"):
            join(paths, tmp_path)

    def test_a_set_that_nobody_knows(self, tmp_path):
        path = book(tmp_path, "read", "read", cbm=entry(1))
        with pytest.raises(UserError, match="unknown dataset 'cbm'"):
            join([path], tmp_path)


class TestStepLedger:
    def test_a_set_without_rows_is_in_the_book_if_it_was_announced(self, tmp_path):
        counts = StepLedger("read", ["cmb"])
        assert list(counts.watch([])) == []
        counts.write(tmp_path / "a.json")
        content = json.loads((tmp_path / "a.json").read_bytes())
        assert content == {"step": "read", "datasets": {"cmb": entry(0)}}

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.lists(st.tuples(st.sampled_from("xyz"), st.none() | st.sampled_from(REASONS))))
    def test_every_result_is_passed_on_and_counted_once(self, rows):
        results = [
            qa(f"{name}:{n}") if reason is None else Drop(f"{name}:{n}", reason)
            for n, (name, reason) in enumerate(rows)
        ]
        counts = StepLedger("clean")
        assert list(counts.watch(results)) == results
        assert set(counts.entries) == {name for name, _ in rows}
        for name, count in counts.entries.items():
            mine = [reason for set_, reason in rows if set_ == name]
            assert count.rows_in == len(mine) and count.kept == mine.count(None)
            assert dict(count.dropped) == {r: mine.count(r) for r in set(mine) - {None}}


def test_card_is_written_from_the_counts_and_the_same_every_time(tmp_path):
    book = join(good(tmp_path), tmp_path)
    part = {"dataset": "cmb", "examples": 75, "style_counts": {"mcqa": 75}}
    other = {"dataset": "medqa", "examples": 9, "style_counts": {"mcqa": 9}}
    bits = {"datasets": 0.4, "styles": 0.0, "languages": 0.4}
    mixture = {"experiment": "some", "train": 84, "validation": 9, "datasets": [part, other]}
    mixture |= {"prompt": "paper"}
    mixture |= {"styles": {"mcqa": 84}, "languages": {"en": 9, "zh": 75}, "entropy_bits": bits}
    mixture["distinct"] = {"shares": {"1": 0.01, "2": 0.25}, "characters": 9000, "texts": 84}
    found = {"items": 140, "items_found": 4, "examples_found": 1, "threshold": 0.5, "ngram": 8}
    found |= {"common_tokens": 20, "allowed_splits": []}
    found |= {"dropped": True, "examples_by_dataset": {"cmb": 1}}
    for name, content in (("mixture", mixture), ("contamination", found)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    sources = [tmp_path / f"{name}.json" for name in ("ledger.out", "mixture", "contamination")]
    assert (
        same_bytes(lambda f: write_card(*sources, f / "card.md"), tmp_path / "a", tmp_path / "b")
        == 1
    )
    text = (tmp_path / "a/card.md").read_text(encoding="utf-8")
    assert "84 examples drawn for training and 9 held out, from 2 datasets." in text
    assert "| Apache-2.0 | open | 269,359 | 1,000 | 984 | 75 |" in text
    assert "languages: en 9 (10.7%), zh 75 (89.3%); entropy 0.4 bits" in text
    assert "| dedup | exact duplicate | 7 |" in text and "They were removed." in text
    assert "1.0% of 1-grams, 25.0% of 2-grams of characters are distinct" in text
    assert "- CMB-train: `该问题源自{exam_type}，面向{exam_class}中的{exam_subject}。⏎⏎{qu" in text
    assert "- MedQA, Mainland: `这是国家医学委员会考试的题目。⏎⏎" in text
    searched = book["datasets"]["cmb"]["decontaminate"]["rows_in"]
    assert f"| cmb | {searched:,} | 1 | {1 / searched:.2%} |" in text
    assert "- mobile number: 0 rows" in text and "Names of people are not recognised." in text
    assert "| left out" not in text and "Left out" not in text

    ledger = json.loads(sources[0].read_bytes())
    ledger["left_out"] = {"medqa": "a.zip: it has no address"}
    sources[0].write_text(json.dumps(ledger), encoding="utf-8")
    write_card(*sources, tmp_path / "card.md")
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "held out, from 1 dataset." in text and "| left out |  |  |" in text
    assert "## Datasets left out" in text and "- MedQA: a.zip: it has no address" in text
    assert "Not looked for" not in text and SENTENCE not in text
    write_card(*sources, tmp_path / "card.md", made_up=True)
    assert SENTENCE in (tmp_path / "card.md").read_text(encoding="utf-8")

    none = {"items_found": 0, "examples_found": 0, "examples_by_dataset": {}}
    sources[2].write_text(json.dumps(found | none | {"allowed_splits": ["val"]}), encoding="utf-8")
    write_card(*sources, tmp_path / "card.md")
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "Of 140 benchmark items none was found in an example (" in text
    assert "Not looked for: items of parts that may be trained on (val)." in text
    assert "removed" not in text
