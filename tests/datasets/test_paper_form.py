"""Examples of `form: paper` are the rows of the paper's converters, to the character.

``golden/paper/NAME.json`` holds what the converters (CAS-SIAT-XinHai/CollectiveSFT @ 5adedaef,
preprocess/) wrote when they were run once on ``ROWS``: instruction, input, output, history.
LLaMA-Factory joins instruction and input by a line break; step clean takes blanks at the ends and
empty lines but one.
"""

import json
import re
from pathlib import Path

import pytest

from collectivesft import datasets
from collectivesft.curated.text.cleaning import clean_text
from collectivesft.readers.reader_options import PAPER_FORM
from collectivesft.schema.prompts import in_cmb_form
from tests.helpers.promises import check
from tests.helpers.upstream import ANDROLOGY, PACK, csv_text, jsonl, raw_folder, zipped

GOLDEN = Path(__file__).parent / "golden/paper"
FIVE = {"A": "甲", "B": "乙", "C": "丙", "D": "丁", "E": ""}
EXAM = {"exam_type": "医师考试", "exam_class": "执业医师", "exam_subject": "口腔执业医师"}
CHOICE = {"opa": "One", "opb": "Two", "opc": "Three", "opd": "", "subject_name": "Anatomy"}


def _entity(kind: str, start: int, end: int) -> dict:
    return {"label_type": kind, "start_pos": start, "end_pos": end}


def _cmid(entities: list[dict], coarse: list[str], fine: list[str]) -> dict:
    return {
        "originalText": "肺炎和肺炎吃阿司匹林行吗",
        "entities": entities, "label_4class": coarse, "label_36class": fine,
    }  # fmt: skip


_LUNG, _AGAIN = _entity("疾病和诊断", 0, 2), _entity("疾病和诊断", 3, 5)
_DRUG = _entity("药物", 6, 10)

ROWS: dict[str, list] = {
    "cmb": [
        {**EXAM, "question": "患者发热，首选？", "question_type": "单项选择题", "option": FIVE,
         "answer": "D"},
        {**EXAM, "question": "哪些正确？", "question_type": "多项选择题", "option": FIVE,
         "answer": "DB"},
    ],
    "cmid": [
        _cmid([_LUNG], ["'病症'"], ["'治疗方法'"]),
        _cmid([_DRUG, _LUNG, _AGAIN], ["'病症'", "'药物'"], ["'定义'", "'作用'"]),
        _cmid([_LUNG], ["'其他'"], ["'养生'"]),
        _cmid([_LUNG], ["'其他'"], ["'无法确定'"]),
        _cmid([], ["'其他'"], ["'养生'", "'多问'"]),
        _cmid([], ["'病症'"], ["'无法确定'"]),
    ],
    "discmed": [
        {"conversation": [
            {"role": "user", "content": "医生您好。"}, {"role": "user", "content": "我头痛。"},
            {"role": "assistant", "content": "多久了？"}, {"role": "user", "content": "两天。"},
            {"role": "assistant", "content": "多休息。"},
            {"role": "assistant", "content": "不急。"},
        ]},
    ],
    "headqa": [
        {"qid": "1", "qtext": "Which bone?", "ra": "3", "image": "",
         "answers": [{"aid": 1, "atext": "Ulna"}, {"aid": 2, "atext": "Tibia"},
                     {"aid": 3, "atext": "Rib"}]},
    ],
    "medmcqa": [
        {"id": "a", "question": "How many?", **CHOICE, "cop": 1, "exp": "Two of them.",
         "topic_name": "Bones", "choice_type": "single"},
        {"id": "b", "question": "How few?", **CHOICE, "cop": 0, "exp": None, "topic_name": None,
         "choice_type": "single"},
    ],
    "medqa": [
        {"question": "A boy coughs. Cause?", "answer": "Virus", "answer_idx": "B",
         "options": {"A": "Fungus", "B": "Virus"}, "meta_info": "step1"},
    ],
    "mlecqa": [
        {"qid": "1", "qtype": "A1型题", "qtext": "何病？", "options": FIVE, "answer": "B"},
    ],
    "nlpec": [
        {"questionText": "出血的药物是", "option": ["甲", "乙"], "answer": ["2"], "subject": "药学",
         "context": ["甲药。", "乙药。"]},
        {"questionText": "正确的有", "option": ["甲", "乙", "丙"], "answer": ["3", "1"],
         "context": ["同。", "同。", "同。"]},
        {"questionText": "错误的是", "option": ["甲", "乙"], "answer": ["1"],
         "context": ["", "乙药。"]},
    ],
    "cmeddialogue": [["男科", "头痛怎么办", "头痛两天了，怎么办？", "多休息。"]],
    "webmedqa": [["内科", "1", "7", "头痛怎么办", "多休息。2015-05-1012:30"],
                 ["内科", "0", "7", "头痛怎么办", "别的。"]],
    "cmedqa2": [
        {"question_id": "7", "content": "头痛怎么办？", "answers": ["71", "72"]},
        {"question_id": "8", "content": "咳嗽怎么办？", "answers": ["81"]},
    ],
    "medicaldialogue": [["病人：我头痛。", "医生：多久了？", "病人：两天。", "医生：多休息。"]],
}  # fmt: skip
FILES = PACK | {
    "cmeddialogue": lambda rows: {
        ANDROLOGY: csv_text(["department", "title", "ask", "answer"], rows).encode("gb18030")
    },
    "medqa": lambda rows: {
        "data_clean.zip": zipped(
            {
                f"data_clean/questions/{region}/train.jsonl": jsonl(rows)
                for region in ("Mainland", "Taiwan", "US")
            }
        )
    },
}


def golden(name: str) -> list[list[str]]:
    """The converter's conversations; of rows that repeat their history the last."""
    rows = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    whole = [
        row
        for row, after in zip(rows, [*rows[1:], {}], strict=True)
        if len(after.get("history", ())) <= len(row.get("history", ()))
    ]
    return [
        [
            *(text for pair in row.get("history", ()) for text in pair),
            "\n".join(filter(None, (row["instruction"], row["input"]))),
            row["output"],
        ]
        for row in whole
    ]


def plain(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def paper_examples(name: str, folder: Path) -> list:
    module = datasets.get(name)
    form = {"form": "paper"} if name in WITH_FORM else {}
    form |= {"answers": "all"} if name == "cmedqa2" else {}
    results = list(module.read(raw_folder(folder, FILES[name](ROWS[name])), **form))
    return [result for result in results if not hasattr(result, "reason")]


@pytest.mark.parametrize("name", ROWS)
def test_examples_in_the_papers_form_are_the_converters_rows(name, tmp_path):
    found = paper_examples(name, tmp_path)
    if name == "medqa":  # the converter begins with Mainland, the reader with US
        found = [found[1], found[2], found[0]]
    assert [[plain(text) for _, text in example.messages] for example in found] == [
        [plain(text) for text in texts] for texts in golden(name)
    ]


@pytest.mark.parametrize("name", ROWS)
def test_step_clean_leaves_the_papers_form_but_for_blanks(name, tmp_path):
    for example in paper_examples(name, tmp_path):
        for _, text in example.messages:
            assert clean_text(text)[0].split() == text.split()


WITH_FORM = [n for n in ROWS if PAPER_FORM in getattr(datasets.get(n), "OPTIONS", ())]
WITHOUT_EXAMS = {"cmid", "discmed"}


@pytest.mark.parametrize("name", [n for n in WITH_FORM if n not in WITHOUT_EXAMS])
def test_an_exam_in_the_papers_form_can_be_asked_as_cmb_asks(name, tmp_path):
    corrected = list(datasets.get(name).read(raw_folder(tmp_path / "a", FILES[name](ROWS[name]))))
    paper = paper_examples(name, tmp_path / "b")
    exams = [pair for pair in zip(corrected, paper, strict=True) if pair[0].style == "mcqa"]
    assert exams
    for ours, theirs in exams:
        check(ours, name)
        asked, said = zip(*(in_cmb_form(one).messages for one in (ours, theirs)), strict=True)
        assert asked[0] == asked[1]
        assert said[0][1][-5:] == said[1][1][-5:]
