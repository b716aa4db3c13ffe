"""The demo's raw files: packed from the authored rows, enough of each, and what was planted in
them is found by the real curation."""

import importlib.util
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from collectivesft.benchmarks import cmb
from collectivesft.curated.clean import clean_file
from collectivesft.curated.decontaminate import decontaminate_file
from collectivesft.curated.dedup import dedup_files
from collectivesft.curated.read import read_benchmark, read_dataset
from collectivesft.curated.storage.parquet import read_examples
from collectivesft.curated.storage.step_ledger import combine
from collectivesft.raw.fetch import fetch_source
from collectivesft.schema.example import Example
from collectivesft.schema.item import Item, load_items
from collectivesft.sources.folder import RawFolder
from tests.helpers.promises import check, read, reasons

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resources" / "demo"
RAW = DEMO / "raw"
SUMS = RAW / "SHA256SUMS"
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
DATASETS = CONFIG["datasets"]


def authored(name: str) -> list[dict]:
    lines = (DEMO / "authored" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


@dataclass
class Curation:
    """Results of the real functions on the demo's files; ``steps`` in order."""

    folder: Path
    steps: tuple[str, ...] = ("read", "clean", "dedup", "decontaminate")
    raw: dict[str, RawFolder] = field(default_factory=dict)

    def files(self, step: str, kind: str) -> list[Path]:
        """The step's files of a kind (``parquet``, ``dropped.parquet``, ``json``)."""
        if step in ("dedup", "decontaminate"):
            return [self.folder / f"{step}.{kind}"]
        return [self.folder / name / f"{step}.{kind}" for name in DATASETS]

    def examples(self, step: str = "decontaminate") -> list[Example]:
        """Examples that a step kept."""
        return [e for path in self.files(step, "parquet") for e in read_examples(path)]

    def dropped(self, step: str, reason: str) -> list[dict]:
        """Rows that a step dropped for a reason."""
        rows = [
            r for p in self.files(step, "dropped.parquet") for r in pq.read_table(p).to_pylist()
        ]
        return [row for row in rows if row["reason"] == reason]

    def items(self, name: str) -> list[Item]:
        """Items of a benchmark."""
        return list(load_items(self.folder / f"{name}.jsonl"))

    def run(self) -> "Curation":
        """Fetch and curate everything, with the settings of the paper's configuration."""
        for name in DATASETS:
            self._one(name)
        for name in CONFIG["benchmarks"]:
            manifest = self._fetch("benchmarks", name)
            read_benchmark(name, manifest, self.folder / f"{name}.jsonl")
        near, threshold = (CONFIG["curation"]["full"][k] for k in ("near_duplicates", "threshold"))
        dedup_files(self.files("clean", "parquet"), near, threshold, *self._outputs("dedup"))
        items = [self.folder / f"{name}.jsonl" for name in CONFIG["benchmarks"]]
        out, dropped, ledger = self._outputs("decontaminate")
        paths = {"out": out, "dropped": dropped, "ledger": ledger}
        paths["report"] = self.folder / "report.json"
        unique = self.files("dedup", "parquet")[0]
        decontaminate_file(unique, items=items, decontaminate=True, **paths)
        return self

    def _fetch(self, kind: str, name: str) -> Path:
        manifest = self.folder / kind / name / "manifest.json"
        fetch_source(f"{kind}/{name}", manifest, folder=RAW / kind / name, checksums=SUMS)
        self.raw[f"{kind}/{name}"] = RawFolder.load(manifest)
        return manifest

    def _one(self, name: str) -> None:
        folder = self.folder / name
        paths = [folder / f"read.{kind}" for kind in ("parquet", "dropped.parquet", "json")]
        read_dataset(name, self._fetch("datasets", name), *paths)
        shortest, longest = CONFIG["clean"]["min_characters"], CONFIG["clean"]["max_characters"]
        outputs = [folder / f"clean.{kind}" for kind in ("parquet", "dropped.parquet", "json")]
        clean_file(paths[0], shortest, longest, *outputs)

    def _outputs(self, step: str) -> list[Path]:
        return [self.files(step, kind)[0] for kind in ("parquet", "dropped.parquet", "json")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Curation:
    return Curation(tmp_path_factory.mktemp("demo")).run()


# --- the files ---


def test_pack_reproduces_the_raw_files_byte_for_byte(tmp_path: Path):
    spec = importlib.util.spec_from_file_location("pack", DEMO / "pack.py")
    pack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pack)
    pack.main(tmp_path)

    def contents(folder: Path) -> dict[str, bytes]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    packed, committed = contents(tmp_path), contents(RAW)
    assert sorted(packed) == sorted(committed)
    assert [name for name in packed if packed[name] != committed[name]] == []


@pytest.mark.parametrize("name", DATASETS)
def test_every_set_has_at_least_24_good_rows(demo: Curation, name: str):
    results = read(name, demo.raw[f"datasets/{name}"])
    for result in results:
        check(result, name)
    assert len({result.id for result in results}) == len(results)
    assert reasons(results).count("kept") >= 24


def test_cmb_train_has_at_least_280_good_rows(demo: Curation):
    assert reasons(read("cmb", demo.raw["datasets/cmb"])).count("kept") >= 280


def test_cmb_val_is_one_explained_question_of_each_sub_category(demo: Curation):
    val = [item for item in demo.items("cmb") if item.split == "val"]
    assert len(val) == 28 == len({(item.category, item.subcategory) for item in val})
    assert all(item.explanation and item.answer for item in val)


def test_cmb_test_is_four_questions_of_each_sub_category_with_a_key_apart(demo: Curation):
    test = [item for item in demo.items("cmb") if item.split == "test"]
    counts = Counter((item.category, item.subcategory) for item in test)
    assert len(test) == 112 and len(counts) == 28 and set(counts.values()) == {4}
    assert {item.category for item in test} == set(cmb.CATEGORIES)
    assert any(item.multiple and len(item.answer) > 1 for item in test)
    assert all(set(item.answer) <= set(item.options) and item.answer for item in test)
    raw = demo.raw["benchmarks/cmb"]
    assert not any("answer" in row for row in json.loads(raw.path(cmb.TEST).read_bytes()))
    assert len(json.loads(raw.path(cmb.KEY).read_bytes())) == 112


def test_cmb_clin_is_six_cases(demo: Curation):
    cases = demo.items("cmb_clin")
    assert len(cases) == 6 and all(case.turns for case in cases)


@pytest.mark.parametrize(
    "name", ["val", "test", "cmb", "headqa", "medmcqa", "medqa", "mlecqa", "nlpec"]
)
def test_right_letters_are_spread(demo: Curation, name: str):
    """No letter is right in more than 1.5 times its even share of the single-answer questions."""
    if name in ("val", "test"):
        exam = [(i.answer, i.options) for i in demo.items("cmb") if i.split == name]
    else:
        found = [e for e in demo.examples("read") if e.dataset == name]
        exam = [(e.meta["answer"], e.meta["options"]) for e in found]
    single = Counter(answer for answer, _ in exam if len(answer) == 1)
    names = {letter for _, options in exam for letter in options if letter <= "E"}
    even = single.total() / len(names)
    assert set(single) == names
    assert 0.5 * even <= min(single.values()) and max(single.values()) <= 1.5 * even


def test_right_option_is_not_given_away_by_its_length(demo: Curation):
    """The right option is the longest in fewer than half of the test's single-answer questions."""
    single = [i for i in demo.items("cmb") if i.split == "test" and len(i.answer) == 1]
    longest = [i for i in single if max(i.options, key=lambda k: len(i.options[k])) == i.answer]
    assert len(longest) < len(single) / 2


# --- what was planted ---


def test_planted_leaks_are_found_and_nothing_else_is(demo: Curation):
    leaks = Counter((row["_target"], f"cmb:{row['test_id']}") for row in authored("leaks"))
    dropped = demo.dropped("decontaminate", "in_benchmark")
    found = Counter((row["dataset"], row["detail"].rpartition(" of ")[2]) for row in dropped)
    assert found == leaks and leaks.total() == 4
    report = json.loads((demo.folder / "report.json").read_bytes())
    assert report["examples_found"] == 4 and report["dropped"] is True


def noted(note: str) -> Counter:
    """Authored rows whose note begins with a word, by dataset."""
    names = [path.stem for path in (DEMO / "authored").glob("*.jsonl")]
    rows = [(name, row) for name in names for row in authored(name)]
    return Counter(
        "cmb" if name.startswith("cmb_train") else name
        for name, row in rows
        if row.get("_note", "").startswith(note)
    )


@pytest.mark.parametrize(
    ("note", "reason"),
    [("exact duplicate", "exact_duplicate"), ("near-duplicate", "near_duplicate")],
)
def test_planted_copies_are_found_and_nothing_else_is(demo: Curation, note: str, reason: str):
    planted = noted(note)
    assert planted.total() >= 3
    assert Counter(row["dataset"] for row in demo.dropped("dedup", reason)) == planted


@pytest.mark.parametrize(
    ("text", "placeholder"),
    [
        ("13800138000", "[电话]"),
        ("13912345678", "[电话]"),
        ("110101199003070011", "[身份证号]"),
        ("zhang@example.com", "[邮箱]"),
        ("demo_wx_2024", "[社交账号]"),
    ],
)
def test_planted_personal_data_is_replaced(demo: Curation, text: str, placeholder: str):
    def holding(step: str, words: str) -> set[str]:
        said = [(e.id, content) for e in demo.examples(step) for _, content in e.messages]
        return {id for id, content in said if words in content}

    before = holding("read", text)
    assert len(before) == 1
    assert holding("clean", text) == set() and before <= holding("clean", placeholder)


def test_planted_mojibake_is_repaired(demo: Curation):
    (row,) = [row for row in authored("cmeddialogue") if "mojibake" in row.get("_note", "")]
    meant = row["answer"].encode("latin-1").decode("utf-8")
    assert meant.startswith("建议卧床")
    answers = [e.messages[-1][1] for e in demo.examples() if e.dataset == "cmeddialogue"]
    assert answers.count(meant) == 1 and row["answer"] not in answers


def test_planted_web_remnants_are_removed(demo: Curation):
    def marked(step: str) -> list[str]:
        said = [(e.id, text) for e in demo.examples(step) for _, text in e.messages]
        return sorted({id for id, text in said if "<br" in text or "&nbsp;" in text})

    before, after = marked("read"), marked("clean")
    assert [id.partition(":")[0] for id in before] == ["cmb", "discmed"] and after == []


def test_planted_full_width_characters_become_plain(demo: Curation):
    texts = [text for e in demo.examples("clean") for _, text in e.messages]
    assert any("体温38.5度能吃退烧药吗\n发烧38.5度，浑身酸痛，查血CRP 正常 ，" in t for t in texts)
    assert not any("３" in text or "　" in text for text in texts)


def test_planted_long_row_is_dropped(demo: Curation):
    (row,) = demo.dropped("clean", "too_long")
    assert row["dataset"] == "discmed" and row["text"].startswith(
        "user: 请写一份给老年人的日常保健建议。"
    )
    assert all(row["id"] != example.id for example in demo.examples())


def test_planted_broken_rows_are_dropped_by_their_readers(demo: Curation):
    """Each reason that a demo row was broken for on purpose occurs, in its own dataset."""
    expected = {
        "empty_answer": {
            "pubmedqa": 1,
            "medmcqa": 1,
            "cmedqa2": 1,
            "cmeddialogue": 1,
            "webmedqa": 1,
            "nlpec": 1,
            "discmed": 1,
            "cmb": 1,
        },
        "bad_answer": {"headqa": 1, "nlpec": 1, "cmb": 1},
        "needs_image": {"headqa": 1, "mlecqa": 1},
        "bad_entity": {"cmid": 1},
        "bad_speaker": {"medicaldialogue": 1},
        "not_alternating": {"medicaldialogue": 1},
        "empty_dialogue": {"medicaldialogue": 1},
        "answer_mismatch": {"medqa": 1},
        "not_labelled": {"webmedqa": 8},
    }
    found = {
        reason: Counter(r["dataset"] for r in demo.dropped("read", reason)) for reason in expected
    }
    assert found == expected


def test_books_add_up(demo: Curation, tmp_path: Path):
    ledgers = [path for step in demo.steps for path in demo.files(step, "json")]
    outputs = [tmp_path / name for name in ("ledger.json", "ledger.csv", "ledger.md")]
    totals = combine(ledgers, *outputs)["totals"]
    for step in demo.steps:
        kept = len(demo.examples(step))
        dropped = sum(pq.read_metadata(p).num_rows for p in demo.files(step, "dropped.parquet"))
        assert totals[step]["kept"] == kept and totals[step]["rows_in"] == kept + dropped


def test_no_item_stands_in_what_is_left(demo: Curation):
    """Judged by plain search, apart from the index: no question of the benchmarks is in there."""
    text = "\n".join(content for e in demo.examples() for _, content in e.messages)
    questions = [i.question for name in CONFIG["benchmarks"] for i in demo.items(name)]
    assert len(questions) == 28 + 112 + 6
    assert [question for question in questions if question in text] == []


def test_curating_again_gives_the_same_bytes(demo: Curation, tmp_path: Path):
    again = Curation(tmp_path).run()
    for step in demo.steps:
        for kind in ("parquet", "dropped.parquet", "json"):
            for first, second in zip(demo.files(step, kind), again.files(step, kind), strict=True):
                assert first.read_bytes() == second.read_bytes(), first
