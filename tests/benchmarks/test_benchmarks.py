"""Every benchmark on small files in upstream's format: golden items and prompts, bad rows."""

import json
import os
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collectivesft import benchmarks
from collectivesft.benchmarks import cmb, cmb_clin
from collectivesft.common.errors import InputError, UserError
from collectivesft.curated.read import read_benchmark
from collectivesft.readers import choice
from collectivesft.schema.item import Item, dump_item, key_digest, load_items
from collectivesft.scores.extract.grade import grade_prediction
from collectivesft.scores.measure.answer_key import identify
from collectivesft.scores.measure.predictions import unscored
from collectivesft.scores.prompt.prompts import turns
from tests.helpers.benchmark_files import (
    APOLLO,
    apollo_files,
    cmexam_files,
    medbench_files,
    meds_files,
)
from tests.helpers.damage import damaged
from tests.helpers.promises import real
from tests.helpers.upstream import array, csv_text, raw_folder

GOLDEN = Path(__file__).parent / "golden"


def question(subject: str, kind: str, text: str, option: dict, **more) -> dict:
    exam = {"exam_type": "医师考试", "exam_class": "规培结业", "exam_subject": subject}
    return {**exam, "question": text, "question_type": kind, "option": option, **more}


VAL = [
    question(
        "内科",
        "单项选择题",
        "缺铁性贫血首选的治疗是",
        {"A": "口服铁剂", "B": "输血", "C": "叶酸", "D": "维生素B12", "E": ""},
        answer="A",
        explanation="缺铁应先补铁，并查明病因。",
    ),
    question(
        "药理",
        "多项选择题",
        "下列属于脂溶性维生素的有",
        {"A": "维生素A", "B": "维生素C", "C": "维生素D"},
        answer="AC",
        explanation="维生素C溶于水。",
    ),
]
TEST = [
    question("生化", "单项选择题", "血清钾的符号是", {"A": "K", "B": "Na", "C": "钙"}, id=1),
    question(
        "内科",
        "多项选择题",
        "属于糖尿病典型症状的有",
        {"A": "多饮", "B": "多尿", "C": "耳鸣"},
        id=2,
    ),
    question(
        "外科", "单项选择题", "急性阑尾炎的典型压痛点是", {"a": "麦氏点", "Ｂ": "墨菲点"}, id=3
    ),
]
KEY = [{"id": 3, "answer": "Ａ"}, {"id": 1, "answer": "A"}, {"id": 2, "answer": "BA"}]
CLIN = [
    {
        "id": "0",
        "title": "案例分析-腹外疝",
        "description": "现病史：病人，男，49岁，右下腹痛3小时。",
        "QA_pairs": [
            {"question": "简述诊断及依据。", "solution": "右侧腹股沟斜疝嵌顿。"},
            {"question": "如何治疗？", "solution": "急诊手术。"},
        ],
    },
    {
        "id": "1",
        "title": "早期文件的写法",
        "description": "病人，女，30岁。",
        "QA_pairs": [{"question": "首选检查？", "answer": "血常规。"}],
    },
]
HEADER = ["", "Question", "A", "B", "C", "D", "Answer"]
DEV_CSV = [["0", "人体最大的器官是", "心脏", "皮肤", "肝脏", "肺", "B"]]
TEST_CSV = [["0", "属于脑神经的是", "面神经", "桡神经", "尺神经", "坐骨神经", "A"]]


# CMB's code shows option A for its blank, and every other blank.
PADDED = question(
    "内科", "单项选择题", " 种类？ ", {"B": "两种", "a": "3 ", "C": "  ", "D": "4"},
    answer="A ", explanation="分析。\n",
)  # fmt: skip


@st.composite
def raw_questions(draw) -> dict:
    """A val question in CMB's layout, its texts with blanks at their ends."""
    text = st.text("甲乙3 \n", max_size=3)
    options = draw(st.dictionaries(st.sampled_from("ABCDE"), text, min_size=1))
    more = {"A": draw(text) + "甲 ", "B": " 乙"}
    return {**PADDED, "question": draw(text) + "？", "option": options | more, "answer": "AB"}


def cmb_files(val=VAL, test=TEST, key=KEY) -> dict[str, bytes]:
    return {cmb.VAL: array(val), cmb.TEST: array(test), cmb.KEY: array(key)}


def clin_files(cases=CLIN) -> dict[str, bytes]:
    return {cmb_clin.FILE: array(cases)}


def cmmlu_files(dev=DEV_CSV, test=TEST_CSV) -> dict[str, bytes]:
    rows = {"dev/anatomy.csv": dev, "test/virology.csv": test}
    return {name: csv_text(HEADER, found).encode() for name, found in rows.items()}


FILES = {
    "cmb": cmb_files,
    "cmb_clin": clin_files,
    "apollo_zh": apollo_files,
    "cmexam": cmexam_files,
    "cmmlu_medical": cmmlu_files,
    "medbench": medbench_files,
    "meds_bench": meds_files,
}
NAMES = sorted(FILES)


def items(name: str, folder: Path, **changes) -> list[Item]:
    return list(benchmarks.get(name).items(raw_folder(folder, FILES[name](**changes))))


def rendered(item: Item) -> dict:
    """The item, and everything that it is asked with."""
    module = benchmarks.get(item.benchmark)
    if item.kind == "clinical":
        said = [f"第{n}次回答" for n in range(1, len(item.turns))]
        asked = {str(n): module.messages(item, said[:n]) for n in range(len(item.turns))}
    elif item.kind == "text":
        asked = {"prompt": module.prompt(item, "answer_only", "corrected")}
        asked |= {"target": module.target(item, "answer_only")} if item.references else {}
        asked |= {"submission": module.submission(item, "写下的回答")}
    else:
        asked = {
            f"{style}, {preset}": module.prompt(item, style, preset)
            for style in ("answer_only", "cot")
            for preset in ("official", "corrected")
        }
        asked |= {
            f"{style}, target": module.target(item, style) for style in ("answer_only", "cot")
        }
    return {"item": asdict(item), "asked": asked}


@pytest.mark.parametrize("name", NAMES)
def test_items_and_prompts_are_those_of_the_golden_file(name: str, tmp_path: Path):
    found = [rendered(item) for item in items(name, tmp_path)]
    lines = [json.dumps(row, ensure_ascii=False, sort_keys=True) for row in found]
    golden = GOLDEN / f"{name}.jsonl"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == golden.read_text(encoding="utf-8").splitlines()


def test_each_benchmark_has_a_fixture_a_golden_file_and_a_source():
    assert sorted(path.stem for path in GOLDEN.glob("*.jsonl")) == NAMES
    # A benchmark of `collectivesft new` has its rows in a test file of its name.
    own = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert set(NAMES) <= set(benchmarks.names()) <= set(NAMES) | own
    for name in NAMES:
        source = benchmarks.get(name).SOURCE
        assert source.name == name and source.files and source.licence and source.citation
        assert source.rows or name in (
            "apollo_zh",
            "medbench",
            "meds_bench",
        )  # nobody states theirs


def test_unknown_benchmark_lists_the_known():
    with pytest.raises(
        UserError,
        match=r"unknown benchmark 'item'.*apollo_zh, cmb, cmb_clin, cmexam, cmmlu_medical",
    ):
        benchmarks.get("item")


class TestCmb:
    def test_prompt_is_that_of_the_authors(self, tmp_path):
        item = items("cmb", tmp_path)[0]
        assert cmb.prompt(item, "answer_only", "official") == (
            "以下是中国医师考试中规培结业考试的一道单项选择题，不需要做任何分析和解释，直接输出答案选项。\n"
            "缺铁性贫血首选的治疗是\nA. 口服铁剂\nB. 输血\nC. 叶酸\nD. 维生素B12"
        )
        assert cmb.target(item, "cot") == "缺铁应先补铁，并查明病因。所以答案是A。"

    def test_official_leaves_out_options_of_one_character_and_corrected_shows_all(self, tmp_path):
        item = items("cmb", tmp_path)[2]
        official = cmb.prompt(item, "answer_only", "official").splitlines()
        corrected = cmb.prompt(item, "answer_only", "corrected").splitlines()
        assert official[2:] == ["B. Na"]
        assert corrected[2:] == ["A. K", "B. Na", "C. 钙"]
        assert official[:2] == corrected[:2]

    @settings(max_examples=50)
    @given(
        st.lists(raw_questions(), min_size=2, max_size=2), st.sampled_from(["answer_only", "cot"])
    )
    @example([PADDED, PADDED], "cot")
    def test_official_shows_texts_as_they_stand_in_the_files(self, rows, style):
        """As get_single_query and format_fewshot_user_and_gpt do, which cut no blanks."""
        ask = {
            "answer_only": "不需要做任何分析和解释，直接输出答案选项。",
            "cot": "请分析每个选项，并最后给出答案。",
        }
        wanted = []
        for row in rows:
            shown = [f"{name}. {text}" for name, text in row["option"].items() if len(text) > 1]
            head = f"以下是中国医师考试中规培结业考试的一道单项选择题，{ask[style]}"
            reply = f"{row['explanation']}所以" if style == "cot" else ""
            wanted.append(("user", "\n".join([head, row["question"], *shown])))
            wanted.append(("assistant", f"{reply}答案是{row['answer']}。"))
        test, key = {**rows[1], "id": 1, "answer": ""}, [{"id": 1, "answer": "A"}]
        with tempfile.TemporaryDirectory() as folder:
            shot, asked = items("cmb", Path(folder), val=rows[:1], test=[test], key=key)
        assert turns(asked, [shot], style, "official") == wanted[:3]
        assert asked.question == rows[1]["question"].strip()
        assert asked.options["B"] == rows[1]["option"]["B"].strip()

    def test_key_is_matched_by_id_and_its_letters_sorted(self, tmp_path):
        answers = {item.id: item.answer for item in items("cmb", tmp_path)}
        assert answers == {"val-1": "A", "val-2": "AC", "1": "A", "2": "AB", "3": "A"}

    def test_question_without_an_answer_in_the_key(self, tmp_path):
        with pytest.raises(InputError) as caught:
            items("cmb", tmp_path, key=[KEY[0], KEY[1]])
        expected = f"{cmb.TEST}, row 2: question 2 has no answer in {cmb.KEY}"
        assert expected in str(caught.value) and caught.value.row == 2

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            (" ", "no answer"), (None, "no answer"), ("NULL", "no answer"), ("nan", "no answer"),
            ("A.", "answer is no letters"), ("1", "answer is no letters"),
            (0, "answer is no letters"), ("答案：B", "answer is no letters"),
            ("F", "answer is no option"), ("AF", "answer is no option"),
        ],
    )  # fmt: skip
    def test_an_answer_of_the_key_that_cannot_be_used(self, tmp_path, said, reason):
        test = [{**TEST[0], "id": n} for n in range(1, 101)]
        key = [{"id": n, "answer": "B" if n > 1 else said} for n in range(1, 101)]
        found = items("cmb", tmp_path / "few", val=[], test=test, key=key)
        assert unscored(found) == {reason: 1}
        assert (found[0].split, found[0].answer, found[1].split) == ("unscored", "", "test")
        key[5]["answer"] = said
        problem = rf"{cmb.KEY}, row 1: 2 of 100 answers are unusable.* to question 1 \({reason}\)"
        with pytest.raises(InputError, match=f"{problem}. Fetch or correct the key"):
            items("cmb", tmp_path / "many", val=[], test=test, key=key)

    def test_a_known_key_is_taken_as_it_is(self, tmp_path, monkeypatch):
        key = [KEY[0], {"id": 1, "answer": "见解析"}, KEY[2]]
        digest = key_digest([("1", "析见解"), ("2", "AB"), ("3", "A")])
        monkeypatch.setitem(cmb.KEY_DATES, digest, "a date")
        found = items("cmb", tmp_path, key=key)[2]
        assert (found.split, found.answer) == ("test", "析见解")
        assert found.meta["published_answer"] == "见解析" and "unscored" not in found.meta

    def test_val_questions_need_an_answer(self, tmp_path):
        with pytest.raises(InputError, match=f"{cmb.VAL}, row 2: answer is empty"):
            items("cmb", tmp_path / "a", val=[VAL[0], {**VAL[1], "answer": " "}])
        found = items("cmb", tmp_path / "b", val=[VAL[0], {**VAL[1], "answer": "E"}])
        assert unscored(found) == {"answer is no option": 1}

    @pytest.mark.parametrize(
        ("more", "answer", "left_out"),
        [
            ({"F": "2"}, "B", {"F": "2"}),
            ({"F": " ２ "}, "BD", {"F": "２"}),
            ({"F": "2", "G": "己"}, "B", {"F": "2"}),
            ({"F": "2"}, "BF", {}),  # the key names it
            ({"F": "12"}, "B", {}),
            ({"F": "己"}, "B", {}),
            ({"E": "5"}, "B", {}),
            ({"E": "", "F": "2"}, "B", {}),  # A to E are not all there
        ],
    )
    def test_a_scraped_mark_of_the_right_option_is_left_out(self, tmp_path, more, answer, left_out):
        options = dict(zip("ABCDE", "1乙丙丁戊", strict=True)) | more
        test = [{**TEST[1], "id": 1, "option": options}]
        found = items("cmb", tmp_path, val=[], test=test, key=[{"id": 1, "answer": answer}])[0]
        assert found.meta.get("left_out", {}) == left_out
        assert set(found.options) == {k for k, v in options.items() if v} - set(left_out)
        shown = cmb.prompt(found, "answer_only", "corrected")
        assert ("F. " in shown) is ("F" in more and not left_out)
        assert "A. 1\n" in shown

    @pytest.mark.parametrize("part", ["val", "test"])
    def test_option_given_as_a_string(self, tmp_path, part):
        good = {"val": VAL, "test": TEST}[part]
        rows = [good[0], {**good[1], "option": "A. 多饮 B. 多尿"}]
        file = {"val": cmb.VAL, "test": cmb.TEST}[part]
        with pytest.raises(InputError, match=f"{file}, row 2: option is text, expected an object"):
            items("cmb", tmp_path, **{part: rows})

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"question": ""}, "question is empty"),
            ({"option": {"A": "甲", "B": ""}}, "1 options, at least two are needed"),
            ({"question": None}, "question is empty"),
        ],
    )
    def test_question_that_cannot_be_asked(self, tmp_path, changes, problem):
        with pytest.raises(InputError, match=f"{cmb.TEST}, row 1: {problem}"):
            items("cmb", tmp_path, test=[{**TEST[0], **changes}])

    @pytest.mark.parametrize("key", ["id", "question", "option", "exam_class", "question_type"])
    def test_missing_key_is_named(self, tmp_path, key):
        row = {name: value for name, value in TEST[0].items() if name != key}
        with pytest.raises(InputError, match=f"{cmb.TEST}, row 1: no {key}; there is"):
            items("cmb", tmp_path, test=[row])

    def test_categories_of_the_real_key(self, tmp_path):
        rows = json.loads(real("cmb-test-choice-answer.json").read_bytes())
        assert {row["exam_type"] for row in rows} == set(cmb.CATEGORIES)

    def test_the_real_key_gives_11200_items(self, tmp_path):
        data = real("cmb-test-choice-answer.json").read_bytes()
        options = {letter: f"选项{letter}" for letter in "ABCDEF"}
        test = [
            {**row, "question": f"题{row['id']}", "option": options} for row in json.loads(data)
        ]
        packed = {**cmb_files(val=[], test=test), cmb.KEY: data}
        found = list(cmb.items(raw_folder(tmp_path, packed)))
        assert len(found) == len({item.id for item in found}) == cmb.SOURCE.rows
        assert set(Counter(item.subcategory for item in found).values()) == {400}
        multiple = [item for item in found if item.multiple]
        assert len(multiple) == 1190 and sum(len(item.answer) == 1 for item in multiple) == 25
        assert all(len(item.answer) == 1 for item in found if not item.multiple)
        gold = {item.id: item.answer for item in found}
        unsorted = {"5218": "BE", "5255": "CE", "5313": "BD", "5444": "AC"}
        assert {id: gold[id] for id in unsorted} == unsorted

    def test_the_real_key_before_its_correction_is_read_as_it_was(self, tmp_path):
        data = real("cmb-test-choice-answer.before-2024-02-21.json").read_bytes()
        options = {letter: f"选项{letter}" for letter in "ABCDEFG"}
        rows = json.loads(data)
        test = [{**row, "question": f"题{row['id']}", "option": options} for row in rows]
        packed = {**cmb_files(val=[], test=test), cmb.KEY: data}
        found = list(cmb.items(raw_folder(tmp_path / "known", packed)))
        assert {item.split for item in found} == {"test"}
        assert identify(found)["date"] == "before 2024-02-21"
        rows[0]["answer"] = "A" if rows[0]["answer"] != "A" else "B"
        other = {**packed, cmb.KEY: array(rows)}
        found = list(cmb.items(raw_folder(tmp_path / "unknown", other)))
        assert sum(unscored(found).values()) == 28


class TestCmbClin:
    def test_case_comes_with_the_first_question_and_answers_between(self, tmp_path):
        item = items("cmb_clin", tmp_path)[0]
        first = ("user", f"以下是一位病人的病例：\n{item.question}\n简述诊断及依据。")
        assert cmb_clin.messages(item, []) == [first]
        turns = cmb_clin.messages(item, ["疝。"])
        assert turns == [first, ("assistant", "疝。"), ("user", "如何治疗？")]

    def test_references_are_under_solution_or_answer(self, tmp_path):
        references = [[turn["reference"] for turn in i.turns] for i in items("cmb_clin", tmp_path)]
        assert references == [["右侧腹股沟斜疝嵌顿。", "急诊手术。"], ["血常规。"]]

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"QA_pairs": []}, "a case without questions"),
            ({"QA_pairs": None}, "a case without questions"),
            ({"QA_pairs": "一、诊断"}, "QA_pairs is text, expected a list"),
            ({"QA_pairs": [{"question": "诊断？"}]}, "a question without solution"),
            ({"QA_pairs": [{"solution": "疝"}]}, "no question; there is solution"),
            ({"QA_pairs": ["诊断？"]}, "text where an object with question is expected"),
            ({"QA_pairs": [{"question": " ", "solution": "疝"}]}, "a question is empty"),
        ],
    )
    def test_case_that_cannot_be_asked(self, tmp_path, changes, problem):
        with pytest.raises(InputError, match=f"{cmb_clin.FILE}, row 2: {problem}"):
            items("cmb_clin", tmp_path, cases=[CLIN[0], {**CLIN[1], **changes}])

    def test_the_real_cases_are_read_whole(self, tmp_path):
        packed = {"cmb-clin.json": real("cmb-clin.json").read_bytes()}
        found = list(cmb_clin.items(raw_folder(tmp_path, packed)))
        assert len(found) == len({item.id for item in found}) == cmb_clin.SOURCE.rows
        assert sum(len(item.turns) for item in found) == 208
        assert all(turn["question"] and turn["reference"] for i in found for turn in i.turns)


class TestCmmlu:
    @pytest.mark.parametrize(
        ("row", "problem"),
        [
            (["1", "题", "甲", "乙", "丙", "丁", "E"], "the answer 'E' is not one of A, B, C, D"),
            (["1", "题", "甲", "乙", "丙", "丁", ""], "the answer '' is not one of"),
            (["1", "题", "甲", "乙", "丙", "丁", "AB"], "the answer 'AB' is not one of"),
            (["1", "题", "甲", "乙", "A"], "another number of fields than the header"),
            (["1", "题", "甲", "", "丙", "丁", "A"], "B is empty"),
            (["1", "", "甲", "乙", "丙", "丁", "A"], "Question is empty"),
        ],
    )
    def test_row_that_cannot_be_asked(self, tmp_path, row, problem):
        with pytest.raises(InputError, match=rf"test/virology\.csv, row 3: {problem}"):
            items("cmmlu_medical", tmp_path, test=[*TEST_CSV, row])

    def test_missing_column_is_named(self, tmp_path):
        data = csv_text(["Question", "A", "B", "C", "D"], []).encode()
        raw = raw_folder(tmp_path, {"test/anatomy.csv": data})
        with pytest.raises(InputError, match="row 1: no column Answer"):
            list(benchmarks.get("cmmlu_medical").items(raw))

    def test_the_real_cmmlu_questions_are_read_whole(self, tmp_path):
        folder = real("cmmlu-medical")
        module = benchmarks.get("cmmlu_medical")
        names = [file.path for file in module.SOURCE.files]
        packed = {name: (folder / name).read_bytes() for name in names}
        found = list(module.items(raw_folder(tmp_path, packed)))
        assert Counter(item.split for item in found) == {"val": 45, "test": module.SOURCE.rows}
        assert len({item.id for item in found}) == len(found)
        assert {item.category for item in found} == set(module.CATEGORIES)


class TestApollo:
    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"answer": "(D)"}, "answer is no option"),
            ({"answer": ""}, "no answer"),
            ({"source": "usmle"}, "source 'usmle' is none of cmb-single"),
        ],
    )
    def test_a_row_that_cannot_be_scored(self, tmp_path, changes, problem):
        with pytest.raises(InputError, match=rf"test_zh\.json, row 1: {problem}"):
            items("apollo_zh", tmp_path, rows=[{**APOLLO[0], **changes}])

    def test_the_real_questions_are_read_whole(self, tmp_path):
        data = real("apollo", "test_zh.part.json").read_bytes()
        raw = raw_folder(tmp_path, {"test_zh.part.json": data})
        read_benchmark("apollo_zh", raw.manifest, tmp_path / "items.jsonl")
        found = list(load_items(tmp_path / "items.jsonl"))
        sizes = Counter(item.category for item in found)
        assert sizes == {"CMB": 1000, "MedQA": 1713, "CMExam": 1000}
        assert {item.category for item in found if item.multiple} == {"CMExam"}


class TestItemFile:
    def test_items_come_back_as_they_were(self, tmp_path):
        raw = raw_folder(tmp_path, cmb_files())
        read_benchmark("cmb", raw.manifest, tmp_path / "items.jsonl")
        assert list(load_items(tmp_path / "items.jsonl")) == list(cmb.items(raw))

    def test_same_input_gives_the_same_bytes(self, tmp_path):
        for name in ("a", "b"):
            raw = raw_folder(tmp_path / name, cmb_files())
            read_benchmark("cmb", raw.manifest, tmp_path / f"{name}.jsonl")
        assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()

    def test_two_items_of_one_id(self, tmp_path):
        raw = raw_folder(tmp_path, cmb_files(test=[TEST[0], TEST[0]]))
        with pytest.raises(
            InputError, match=r"merge\.json, row 2: cmb: a second item with the id 1"
        ):
            read_benchmark("cmb", raw.manifest, tmp_path / "out" / "items.jsonl")
        assert list((tmp_path / "out").iterdir()) == []

    @pytest.mark.parametrize("row", [{"id": "1"}, {"id": "1", "score": 1}, [1], 3])
    def test_line_that_is_no_item(self, tmp_path, row):
        path = tmp_path / "items.jsonl"
        item = Item("1", "cmb", "test", "choice", "a", "b", "q")
        path.write_text(f"{dump_item(item)}\n{json.dumps(row)}\n", encoding="utf-8")
        with pytest.raises(InputError, match=r"items\.jsonl, row 2: not a benchmark item"):
            list(load_items(path))


# --- one check of every item ---

GOOD = {
    "id": "1", "benchmark": "cmmlu_medical", "split": "test", "kind": "choice", "category": "甲",
    "subcategory": "甲", "question": "下列正确的是", "options": {"A": "一", "B": "二", "C": "三"},
    "answer": "B",
}  # fmt: skip


def wards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *rows: dict) -> Path:
    """Return the items read of a benchmark whose file yields these, as somebody's new one may."""
    raw = raw_folder(tmp_path, {"a.json": b"[]"})
    module = benchmarks.get("cmmlu_medical")
    monkeypatch.setattr(module, "items", lambda raw: (Item(**row) for row in rows))
    read_benchmark("cmmlu_medical", raw.manifest, tmp_path / "items.jsonl")
    return tmp_path / "items.jsonl"


class TestItemCheck:
    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"id": None}, "its id is None"), ({"id": " "}, "its id is ' '"),
            ({"id": "None"}, "its id is 'None'"), ({"benchmark": "cmb"}, "its benchmark is 'cmb'"),
            ({"split": "Test"}, "its split 'Test' is none of val, test, unscored"),
            ({"kind": "mcqa"}, "its kind 'mcqa' is none of"), ({"question": " "}, "no question"),
            ({"answer": ""}, "it has no answer"), ({"answer": "E"}, "its answer 'E' is not"),
            ({"answer": "二"}, "its answer '二'"), ({"answer": "A."}, "its answer 'A.'"),
            ({"answer": "A和C", "multiple": True}, "its answer 'A和C'"),
            ({"answer": "CA", "multiple": True}, "its answer 'CA' is not sorted"),
            ({"answer": "AC"}, "several letters, but multiple is False"),
            ({"options": {"1": "一", "2": "二"}, "answer": "1"}, "its options are named 1, 2"),
            ({"options": {"A1": "一", "B": "二"}}, "its options are named A1, B"),
            ({"options": {"B": "二"}}, "it has 1 options"),
            ({"options": {"A": "", "B": "二"}}, "an option is empty"),
        ],
    )  # fmt: skip
    def test_an_item_that_cannot_be_scored_is_an_error(
        self, tmp_path, monkeypatch, changes, problem
    ):
        with pytest.raises(InputError) as caught:
            wards(tmp_path, monkeypatch, GOOD, {**GOOD, "id": "2", **changes})
        assert problem in str(caught.value) and "cmmlu_medical: item 2" in str(caught.value)
        assert not (tmp_path / "items.jsonl").exists()

    def test_the_fault_of_an_item_names_the_file_and_row_that_it_was_read_from(
        self, tmp_path, monkeypatch
    ):
        raw = raw_folder(tmp_path, {"a.json": b"[]"})
        module = benchmarks.get("cmmlu_medical")
        found = [Item(**{**GOOD, "answer": "E"}).at("files/a.json", 7)]
        monkeypatch.setattr(module, "items", lambda raw: iter(found))
        with pytest.raises(InputError, match=r"^files/a\.json, row 7: cmmlu_medical: item 1"):
            read_benchmark("cmmlu_medical", raw.manifest, tmp_path / "items.jsonl")

    def test_an_unscored_item_may_lack_what_it_lacks(self, tmp_path, monkeypatch):
        lacking = {**GOOD, "split": "unscored", "answer": "", "options": {}, "question": ""}
        rows = (lacking, {**GOOD, "id": "2"})
        assert len(list(load_items(wards(tmp_path, monkeypatch, *rows)))) == 2

    def test_a_right_option_with_the_text_of_a_wrong_one_is_reported_apart(
        self, tmp_path, monkeypatch
    ):
        twice = {**GOOD, "id": "2", "options": {"A": "一", "B": "二", "C": "二"}}
        found = list(load_items(wards(tmp_path, monkeypatch, GOOD, twice)))
        prediction = dict.fromkeys(("model", "prompt", "likelihood", "error", "lead"), "")
        prediction |= {"raw": "B", "multiple": False, "options": GOOD["options"]}
        groups = [grade_prediction(prediction, item)["apart"] for item in found]
        assert groups == ["", "same_options"]

    def test_a_question_is_asked_as_what_the_item_says_it_is(self):
        several = Item(**{**GOOD, "answer": "AC", "multiple": True})
        for item, kind in ((Item(**GOOD), "单项选择题"), (several, "多项选择题")):
            assert f"的一道{kind}，" in choice.render("病房测验", item, "answer_only", "corrected")


# --- any row becomes an item or an error that names file and row ---


def check_survives(name: str, contents: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        raw = raw_folder(Path(folder), contents)
        try:
            found = list(benchmarks.get(name).items(raw))
        except InputError as error:
            assert str(raw.manifest.parent) in str(error.path) and error.row is not None
            return
        for item in found:
            assert item.benchmark == name and item.question
            assert json.loads(dump_item(item).encode())["id"] == item.id


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
@pytest.mark.parametrize("part", ["val", "test", "key"])
def test_any_row_of_cmb(part: str, data: st.DataObject):
    rows = {"val": VAL, "test": TEST, "key": KEY}
    rows[part] = [rows[part][0], data.draw(damaged(rows[part])), *rows[part][1:]]
    files = {"val": cmb.VAL, "test": cmb.TEST, "key": cmb.KEY}
    check_survives("cmb", {files[name]: array(content) for name, content in rows.items()})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_case_of_cmb_clin(data: st.DataObject):
    check_survives("cmb_clin", {cmb_clin.FILE: array([CLIN[0], data.draw(damaged(CLIN))])})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tail=st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
@pytest.mark.parametrize("name", ["cmexam", "cmmlu_medical"])
def test_any_bytes_in_tables(name: str, tail: bytes):
    files = {"test/anatomy.csv": csv_text(HEADER, TEST_CSV).encode()}
    if name == "cmexam":
        files = {"test_with_annotations.csv": cmexam_files()["test_with_annotations.csv"]}
    check_survives(name, {file: content + tail for file, content in files.items()})
