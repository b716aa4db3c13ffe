"""Curation of real files: it runs, adds up, and drops little. Skipped where there are none."""

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from collectivesft.curated.clean import clean_file
from collectivesft.curated.contamination.item_index import COMMON, MINIMUM, ItemIndex
from collectivesft.curated.decontaminate import decontaminate_file
from collectivesft.curated.dedup import dedup_files
from collectivesft.curated.mix import mix_file
from collectivesft.curated.read import read_benchmark, read_dataset
from collectivesft.curated.storage.parquet import read_examples
from collectivesft.curated.storage.step_ledger import STEPS, combine
from collectivesft.curated.text.ngrams import tokens
from collectivesft.curated.text.normalise import key
from collectivesft.curated.text.pii import scrub
from collectivesft.raw.fetch import fetch_source
from collectivesft.schema.example import Example
from collectivesft.schema.item import Item, load_items
from tests.helpers.promises import real

SETS = {"pubmedqa": "pubmedqa-labelled.json", "cmeddialogue": "cmeddialogue-sample.gb18030.csv"}
ROWS = {"pubmedqa": 1000, "cmeddialogue": 7644}


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Items of CMMLU's medical subjects and of CMB-Clin."""
    folder, paths = tmp_path_factory.mktemp("items"), []
    places = {"cmmlu_medical": (real("cmmlu-medical"), []), "cmb_clin": (real(), ["cmb-clin.json"])}
    for name, (place, names) in places.items():
        manifest = folder / name / "manifest.json"
        fetch_source(f"benchmarks/{name}", manifest, folder=place, names=names)
        paths.append(folder / f"{name}.jsonl")
        read_benchmark(name, manifest, paths[-1])
    return paths


@pytest.fixture(scope="module")
def curated(items: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both datasets through all steps; the folder of what was written."""
    folder = tmp_path_factory.mktemp("curated")

    def outputs(step: str) -> list[Path]:
        return [folder / f"{step}.{kind}" for kind in ("parquet", "dropped", "json")]

    for name, file in SETS.items():
        manifest = folder / name / "manifest.json"
        fetch_source(f"datasets/{name}", manifest, folder=real(), names=[file])
        read_dataset(name, manifest, *outputs(f"{name}.read"))
        clean_file(outputs(f"{name}.read")[0], 2, 6000, *outputs(f"{name}.clean"))
    dedup_files([outputs(f"{name}.clean")[0] for name in SETS], True, 0.8, *outputs("dedup"))
    out, dropped, ledger = outputs("decontaminate")
    paths = {"out": out, "dropped": dropped, "ledger": ledger, "report": folder / "report.json"}
    decontaminate_file(outputs("dedup")[0], items=items, decontaminate=True, **paths)
    recipe = folder / "some.yaml"
    recipe.write_text("mixture: {max_samples: 120, validation: 0.05}\n")
    train, validation, stats = (folder / n for n in ("train.parquet", "val.parquet", "stats.json"))
    mix_file(outputs("decontaminate")[0], recipe, train, validation, folder / "mix.json", stats)
    return folder


def books(folder: Path, out: Path) -> dict:
    names = [f"{name}.{step}" for name in SETS for step in ("read", "clean")]
    ledgers = [folder / f"{name}.json" for name in (*names, "dedup", "decontaminate", "mix")]
    return combine(ledgers, *(out / f"ledger.{kind}" for kind in ("json", "csv", "md")))


def test_books_add_up_and_agree_with_the_files(curated: Path, tmp_path: Path):
    result = books(curated, tmp_path)
    assert result["steps"] == list(STEPS)
    for name, rows in ROWS.items():
        assert result["datasets"][name]["read"]["rows_in"] == rows
        assert result["datasets"][name]["mix"]["kept"] == 120
    for step in ("dedup", "decontaminate"):
        total = result["totals"][step]
        assert total["kept"] == pq.read_metadata(curated / f"{step}.parquet").num_rows
        assert (
            sum(total["dropped"].values()) == pq.read_metadata(curated / f"{step}.dropped").num_rows
        )
    parts = [pq.read_metadata(curated / f"{name}.parquet").num_rows for name in ("train", "val")]
    assert sum(parts) == result["totals"]["mix"]["kept"] == 240


@pytest.mark.parametrize("name", SETS)
def test_fewer_than_8_percent_are_copies(curated: Path, tmp_path: Path, name: str):
    dropped = books(curated, tmp_path)["datasets"][name]["dedup"]["dropped"]
    assert set(dropped) <= {"exact_duplicate", "near_duplicate"}
    assert sum(dropped.values()) < 0.08 * ROWS[name]


@pytest.mark.parametrize("name", SETS)
def test_hardly_a_row_is_unusable_and_no_text_is_damaged(curated: Path, tmp_path: Path, name: str):
    steps = books(curated, tmp_path)["datasets"][name]
    assert steps["clean"]["kept"] > 0.99 * ROWS[name]
    assert "damaged_text" not in steps["clean"]["dropped"]
    # Abstracts and consultations of a public sample: what is found in them is a false alarm.
    found = set(steps["clean"]["changed"]) - {"characters_normalised", "html_removed"}
    assert found == set()
    assert all(
        scrub(text) == (text, set()) for e in examples(curated, name) for _, text in e.messages
    )


def examples(folder: Path, name: str) -> list[Example]:
    return list(read_examples(folder / f"{name}.clean.parquet"))


def test_real_texts_that_are_unrelated_are_not_taken_for_items(curated: Path):
    report = json.loads((curated / "report.json").read_bytes())
    assert report["items"] == 45 + 1815 + 74
    assert report["examples_found"] < 0.005 * sum(ROWS.values())


def test_every_real_item_is_found_where_it_is_put(items: list[Path]):
    everything = [item for path in items for item in load_items(path)]
    index = ItemIndex(everything)
    often = Counter(key(text) for item in everything for text in list(item.texts())[1:])
    searched = 0
    for item in everything:
        for number, text in enumerate(item.texts()):
            least = COMMON if number else MINIMUM
            if len(tokens(text)) >= least and (not number or often[key(text)] == 1):
                searched += bool(number)
                found = {name for name, share in index.matches(asked(text)) if share == 1}
                assert f"{item.benchmark}:{item.id}" in found, (item.id, text)
    assert searched > 220  # questions of their own, and nearly all solutions


def test_real_exam_questions_are_not_taken_for_other_items(items: list[Path]):
    """CMMLU's questions searched for all others: only copies and questions on one case remain."""
    everything = [item for path in items for item in load_items(path)]
    exams, index = [item for item in everything if item.options], ItemIndex(everything)
    found = index.search([[e.question, ""] for e in exams], [e.options.values() for e in exams])
    by_name = {f"{item.benchmark}:{item.id}": item for item in everything}
    for row, matches in found.items():
        for other in (by_name[name] for name, _ in matches):
            assert other.benchmark != "cmb_clin"
            shared = {*map(key, other.options.values())} & {*map(key, exams[row].options.values())}
            same = len(shared) >= 2 or key(other.options[other.answer]) in shared
            assert len(tokens(other.question)) >= COMMON or same


def test_every_real_exam_question_is_found_however_short(items: list[Path]):
    everything = [item for path in items for item in load_items(path) if item.options]
    index = ItemIndex(everything)
    assert sum(len(tokens(item.question)) < MINIMUM for item in everything) == 40
    for item in everything:
        meta = {"question": item.question, "options": item.options, "answer": item.answer}
        messages = [("user", "一道题"), ("assistant", f"答案是{item.answer}。")]
        found = index.matches(Example("x:1", "x", "mcqa", "zh", messages, meta))
        assert (f"{item.benchmark}:{item.id}", 1.0) in found, item.question


def test_real_exam_questions_are_found_in_a_talk_about_them(items: list[Path]):
    """The question within a turn, its right answer within the reply."""
    everything = [item for path in items for item in load_items(path) if item.options]
    rows = [[f"请问：{i.question}", f"正确答案是{i.options[i.answer]}。"] for i in everything]
    found = ItemIndex(everything).search(rows)
    names = [f"{item.benchmark}:{item.id}" for item in everything]
    hits = sum(name in dict(found.get(row, [])) for row, name in enumerate(names))
    assert hits / len(everything) > 0.93


def asked(text: str) -> Example:
    return Example("x:1", "x", "qa", "zh", [("user", text), ("assistant", "不知道。")])


def test_items_are_as_many_as_their_authors_say(items: list[Path]):
    loaded: list[Item] = [item for path in items for item in load_items(path)]
    assert len({(item.benchmark, item.id) for item in loaded}) == len(loaded) == 45 + 1815 + 74


READ = {
    # dataset: file, rows, why rows are dropped at reading, rows with mapped signs
    "headqa": ("headqa/train_HEAD_EN.json", 2657, {"needs_image": 68, "same_options": 2}, 24),
    "medmcqa": ("medmcqa/dev.first3000.json", 3000, {"same_options": 4}, 0),
    "medqa": ("medqa/US_test.jsonl", 1273, {}, 0),
    "discmed": ("discmed/test_examples.jsonl", 163, {}, 0),
}


@pytest.mark.parametrize("name", READ)
def test_real_files_are_read_and_cleaned_with_every_loss_named(tmp_path: Path, name: str):
    """The dropped rows were read by a person: pictures, and right options that stand twice."""
    file, rows, dropped, mapped = READ[name]
    manifest = tmp_path / "raw/manifest.json"
    fetch_source(f"datasets/{name}", manifest, folder=real(), names=[file])
    read = [tmp_path / f"read.{kind}" for kind in ("parquet", "dropped", "json")]
    clean = [tmp_path / f"clean.{kind}" for kind in ("parquet", "dropped", "json")]
    read_dataset(name, manifest, *read)
    clean_file(read[0], 2, 6000, *clean)
    first, second = (json.loads(paths[2].read_bytes())["datasets"][name] for paths in (read, clean))
    assert (first["rows_in"], first["dropped"]) == (rows, dropped)
    assert (second["dropped"], second["changed"].get("symbols_mapped", 0)) == ({}, mapped)
