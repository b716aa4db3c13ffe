"""Small files in the formats of CMExam, MedS-Bench and MedBench, written for these tests."""

import json

from tests.helpers.upstream import csv_text, jsonl

CMEXAM_HEADER = ["Question", "Options", "Answer", "Explanation"]
CMEXAM_VAL = [
    ["缺铁性贫血首选的治疗是", "A 口服铁剂\nB 输血\nC 叶酸\nD 维生素B12\nE 休息", "A", "先补铁。"],
    ["属于脂溶性维生素的有", "A 维生素A\nB 维生素C\nC 维生素D", "CA", ""],
]
CMEXAM_TEST = [
    ["急性阑尾炎的压痛点是", "A 麦氏点\nB 墨菲点\nC 脐周", "A", "", "外科学"],
    ["下列正确的是", "A．第一行\n续第一项\nＢ. 第二\nC、第三\n", "BC", "nan", "内科学"],
    ["没有答案的题", "A 甲\nB 乙", "nan", "", "nan"],
    ["答案不在选项中", "A 甲\nB 乙", "D", "", "外科学"],
    ["只有一个选项", "A 甲", "A", "", "外科学"],
]


def cmexam_files(val=CMEXAM_VAL, test=CMEXAM_TEST) -> dict[str, bytes]:
    header = [*CMEXAM_HEADER, "Medical Discipline"]
    return {
        "val.csv": csv_text(CMEXAM_HEADER, val).encode(),
        "test_with_annotations.csv": csv_text(header, test).encode(),
    }


APOLLO = [
    {"question": "下列属于细菌细胞壁成分的是？", "options": "(A) 肽聚糖.\n(B) 核膜.\n(C) 线粒体.",
     "answer": "(A)", "source": "medqa-mcmle"},
    {"question": "成人缺铁时首选的检查是", "options": "(A) 血清铁\n蛋白.\n(B) 血糖.",
     "answer": "(A)", "source": "cmb-single"},
]  # fmt: skip


def apollo_files(rows=APOLLO) -> dict[str, bytes]:
    return {"test_zh.json": json.dumps(rows, ensure_ascii=False).encode()}


def task(definition, instances: list, **more) -> bytes:
    """A task file of MedS-Bench: the keys of its README, the instances in the middle."""
    head = {"Contributors": [""], "Source": ["made up"], "Definition": definition, **more}
    return json.dumps({**head, "Instances": instances, "Domains": ["x"]}, indent=4).encode()


def instance(number: int, given, output) -> dict:
    return {"id": f"x-{number}", "input": given, "output": output}


MEDS = {
    "MCQA/task122_medmcqa_test_set.json": task(
        ["Pick the right option.", "Choose one."],
        [
            instance(1, "Question: q?\nOptions:\nA. iron\nB. rest", "The right answer is A: iron"),
            instance(2, "Question: r?\nOptions:\nA. x\nB. y", ["The right answer is B: y"]),
        ],
    ),
    "MCQA/task123_pubmedqa_test_set.json": task(
        "Answer yes, no or maybe.", [instance(1, "Context: c\nQuestion: is it?", ["maybe"])]
    ),
    "MCQA/task57_medqa_question_answering_en.jsonl": jsonl(
        [instance(1, "Question: s?\nA: one\nB: two", "The right answer is B: two")]
    ),
    "NER/task125_test_bc4chem_named_enetity_recognition.json": task(
        ["Name the chemicals."],
        [
            instance(1, "Mercury and lead.", ["mercury", "lead."]),
            instance(2, "Nothing here.", "There is no related enetity."),
        ],
        **{"Positive Examples": [{"input": "Zinc.", "output": "zinc.", "explanation": ""}]},
    ),
    "Text_classification/task106_hoc_text_classification.json": task(
        ["List the hallmarks."],
        [
            instance(1, "An abstract.", "Evading growth suppressors, Resisting cell death"),
            instance(2, ["In two", "parts."], "Resisting cell death"),
        ],
    ),
    "Diagnosis/task130_DDXPlus_text_classification_test.json": task(
        [], [instance(1, "Age: 49", "The diagnosis result is Bronchitis.")]
    ),
    "Fact_verication/task100_ebms_answer_vertification.json": task(
        ["Justify."], [instance(1, "A statement.", ["The first reason.", "Another reason."])]
    ),
    "Clinical_outcome_prediction/task117_mimic4ed_benchmark_hospitalization.json": task(
        ["True or False?"], [instance(1, "age: 61", "False")]
    ),
}


def meds_files(**changes: bytes) -> dict[str, bytes]:
    """All tasks; a keyword replaces the file of that task (``task122``), or adds one."""
    files = dict(MEDS)
    for name, data in changes.items():
        path = next((path for path in files if f"/{name}_" in path), name)
        files[path] = data
    return files


_HEAD = "任务：回答单项选择题，答案放在<>里。\n示例：\n题目：甲？\n答：<A>\n\n"
MEDBENCH = {
    "DrugCA/DrugCA_test.jsonl": [
        {
            "question": f"{_HEAD}题目：泰能可以配伍吗？\nA.否\nB.是\n答: ",
            "options": ["A.否", "B.是"],
            "answer": None,
            "other": {"source": "DrugCA", "id": 1},
        },
        {
            "question": f"{_HEAD}题目：米托蒽醌的分级？\nA. C\nB. D\n答: ",
            "options": ["A. C", "B. D"],
            "answer": "",
            "other": {"source": "DrugCA", "id": 2},
        },
    ],
    "MedHC/MedHC.jsonl": [
        {"question": "孩子发热怎么办？\n", "options": None, "other": {"source": "MedHC"}}
    ],
    "MedNew.jsonl": [{"question": "新任务", "answer": ""}],
}


def medbench_files(**changes: list) -> dict[str, bytes]:
    """All tasks; a keyword replaces the rows of that task."""
    return {
        name: jsonl(changes.get(name.rpartition("/")[2].partition(".")[0], rows))
        for name, rows in MEDBENCH.items()
    }
