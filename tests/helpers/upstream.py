"""Small raw files in each upstream's own container and encoding, written by this project.

``ROWS`` holds a few rows a dataset, good ones and ones that cannot be used; ``PACK`` turns
rows into files; ``raw_folder`` lays them out with a manifest.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collectivesft.common import files
from collectivesft.sources.folder import RawFolder

ANDROLOGY = "Data_数据/Andriatria_男科/男科5-13000.csv"

ROWS: dict[str, list[Any]] = {
    "pubmedqa": [
        {
            "pubid": 101,
            "question": "Does regular hand washing reduce diarrhoea in children?",
            "context": {"contexts": ["Two groups were compared.", "One washed hands."]},
            "long_answer": "Diarrhoea was less frequent in the group that washed hands.",
            "final_decision": "yes",
        },
        {
            "pubid": 102,
            "question": "Is bed rest useful in acute low back pain?",
            "context": {"contexts": ["Patients were followed for a month."]},
            "long_answer": "Staying active led to a faster recovery.",
            "final_decision": None,
        },
        {
            "pubid": 103,
            "question": "Is there an abstract?",
            "context": {"contexts": []},
            "long_answer": "No.",
            "final_decision": "no",
        },
        {
            "pubid": 101,
            "question": "Is this id repeated?",
            "context": {"contexts": ["It is."]},
            "long_answer": "",
            "final_decision": "yes",
        },
    ],
    "meds_ins": [
        {"id": "x-1", "input": "A man coughs for three weeks.", "output": ["Cough", "cough"]},
        {"id": "x-2", "input": ["患者发热三天。", "体温39度。"], "output": "发热"},
        {"id": "x-3", "input": "A statement.", "output": True},
        {"id": "x-4", "input": "", "output": "x"},
        {"id": "x-5", "input": "Nothing is said.", "output": []},
    ],
    "medmcqa": [
        {
            "id": "a1",
            "question": "Which vitamin deficiency causes scurvy?",
            "opa": "Vitamin A",
            "opb": "Vitamin B1",
            "opc": "Vitamin C",
            "opd": "Vitamin D",
            "cop": 2,
            "exp": "Vitamin C is needed to make collagen.",
            "subject_name": "Biochemistry",
            "topic_name": None,
            "choice_type": "single",
        },
        {
            "id": "a2",
            "question": "The pacemaker of the heart is the",
            "opa": "Sinoatrial node",
            "opb": "Atrioventricular node",
            "opc": "Bundle of His",
            "opd": "Purkinje fibres",
            "cop": 0,
            "exp": None,
            "subject_name": "Physiology",
            "topic_name": "Heart",
            "choice_type": "single",
        },
        {
            "id": "a3",
            "question": "The answer is not published",
            "opa": "One",
            "opb": "Two",
            "opc": "Three",
            "opd": "Four",
            "cop": -1,
            "exp": None,
            "subject_name": "Anatomy",
            "topic_name": None,
            "choice_type": "single",
        },
    ],
    "headqa": [
        {
            "qid": "1",
            "qtext": "Insulin is made by",
            "ra": "2",
            "image": "",
            "answers": [
                {"aid": 1, "atext": "alpha cells"},
                {"aid": 2, "atext": "beta cells"},
                {"aid": 3, "atext": "delta cells"},
                {"aid": 4, "atext": "acinar cells"},
            ],
        },
        {
            "qid": "2",
            "qtext": "What does the picture show?",
            "ra": "1",
            "image": "./images/2.jpg",
            "answers": [{"aid": 1, "atext": "a"}, {"aid": 2, "atext": "b"}],
        },
        {
            "qid": "3",
            "qtext": "A question that was annulled",
            "ra": "0",
            "image": "",
            "answers": [{"aid": 1, "atext": "a"}, {"aid": 2, "atext": "b"}],
        },
    ],
    "cmedqa2": [
        {"question_id": "11", "content": "感冒后咳嗽两周了怎么办？", "answers": ["1101", "1102"]},
        {"question_id": "12", "content": "没有答案文本的问题？", "answers": ["1299"]},
        {"question_id": "13", "content": "", "answers": ["1301"]},
        {"question_id": "14", "content": "属于测试集的问题？", "answers": None},
    ],
    "cmeddialogue": [
        [
            "泌尿科",
            "尿频怎么办",
            "最近晚上总是起夜，一晚三四次。",
            "建议先做尿常规和前列腺检查。\n",
        ],
        ["泌尿科", "尿频怎么办", "请问尿频怎么办？", "少喝咖啡，\n睡前少饮水。"],
        ["泌尿科", "没有回答", "有人吗？", ""],
        ["泌尿科", "少一列"],
    ],
    "webmedqa": [
        ["内科", "1", "71", "胃痛吃什么好？", "清淡饮食，少量多餐。2015-05-1012:30"],
        ["内科", "0", "71", "胃痛吃什么好？", "多运动。"],
        ["外科", "2", "72", "标签不对？", "是。"],
        ["外科", "1", "73", "答案为空？", " "],
        ["外科", "1"],
    ],
    "medicaldialogue": [
        [
            "病人：医生您好，孩子发烧38度。",
            "医生：有没有咳嗽？",
            "病人：没有。",
            "医生：先多喝水，观察体温。",
        ],
        ["病人:血压150/95要吃药吗？", "医生:先改善生活方式并复测血压。"],
        ["病人：在吗？", "病人：有人吗？"],
        ["病人：只有一句"],
        ["护士：请稍等", "医生：好的"],
        ["病人：", "医生：请说。"],
        [],
    ],
    "cmid": [
        {
            "originalText": "肺炎吃阿莫西林有用吗?",
            "entities": [
                {"label_type": "药物", "start_pos": 3, "end_pos": 7},
                {"label_type": "疾病和诊断", "start_pos": 0, "end_pos": 2},
            ],
            "seg_result": ["肺炎", "吃", "阿莫西林", "有用", "吗", "?"],
            "label_4class": ["'药物'"],
            "label_36class": ["'作用'"],
        },
        {
            "originalText": "多少钱?",
            "entities": [],
            "seg_result": ["多少", "钱", "?"],
            "label_4class": ["'其他'"],
            "label_36class": ["'无法确定'"],
        },
        {
            "originalText": "头痛",
            "entities": [{"label_type": "疾病和诊断", "start_pos": 0, "end_pos": 9}],
            "seg_result": ["头痛"],
            "label_4class": ["'病症'"],
            "label_36class": ["'定义'"],
        },
    ],
    "nlpec": [
        {
            "questionText": "下列属于β-内酰胺类抗生素的是",
            "option": ["红霉素", "青霉素", "庆大霉素", "四环素", "氯霉素"],
            "answer": ["2"],
            "subject": "药学专业知识",
            "context": ["甲", "乙", "丙", "丁", "戊"],
        },
        {
            "questionText": "下列属于非甾体抗炎药的有",
            "option": ["布洛芬", "泼尼松", "双氯芬酸", "吗啡", "阿司匹林"],
            "answer": ["5", "1", "3"],
            "context": ["甲", "乙", "丙", "丁", "戊"],
        },
        {"questionText": "答案超出选项", "option": ["甲", "乙"], "answer": ["3"], "context": []},
    ],
    "mlecqa": [
        {
            "qid": "1",
            "qtype": "A1",
            "qtext": "成人正常体温（腋温）的上限约为",
            "qimage": "",
            "options": {"A": "35.0℃", "B": "37.0℃", "C": "38.5℃", "D": "39.0℃", "E": "40.0℃"},
            "answer": "B",
        },
        {
            "qid": "1",
            "qtype": "A1",
            "qtext": "答案为空",
            "qimage": "",
            "options": {"A": "甲", "B": "乙"},
            "answer": "",
        },
        {
            "qid": "2",
            "qtype": "A1",
            "qtext": "如图所示为",
            "qimage": "2.png",
            "options": {"A": "甲", "B": "乙"},
            "answer": "A",
        },
    ],
    "discmed": [
        {
            "_id": "1",
            "source": "MedDialog",
            "conversation": [
                {"role": "assistant", "content": "您好，请讲。"},
                {"role": "user", "content": "我失眠。"},
                {"role": "user", "content": "已经一个月。"},
                {"role": "assistant", "content": "睡前少看手机。"},
                {"role": "user", "content": "还有呢？"},
                {"role": "assistant", "content": "规律作息，必要时就诊。"},
                {"role": "user", "content": "谢谢。"},
            ],
        },
        {
            "_id": "2",
            "source": "cMedQA2",
            "conversation": [
                {"role": "user", "content": "牙龈出血缺什么？"},
                {"role": "assistant", "content": "多见于牙龈炎，请先做口腔检查。"},
            ],
        },
        {"_id": "3", "source": "x", "conversation": [{"role": "user", "content": "喂"}]},
        {"_id": "4", "source": "x", "conversation": [{"role": "robot", "content": "喂"}]},
    ],
    "medqa": [
        {
            "question": "Polyuria and a fasting glucose of 180 mg/dL most likely mean",
            "answer": "Diabetes mellitus",
            "options": {"A": "Gout", "B": "Diabetes mellitus", "C": "Asthma", "D": "Anaemia"},
            "meta_info": "step1",
            "answer_idx": "B",
        },
        {
            "question": "The letter and the text disagree",
            "answer": "Gout",
            "options": {"A": "Gout", "B": "Asthma"},
            "meta_info": "step1",
            "answer_idx": "B",
        },
    ],
    "cmb": [
        {
            "exam_type": "医师考试",
            "exam_class": "规培结业",
            "exam_subject": "内科",
            "question": "缺铁性贫血首选的治疗是",
            "answer": "A",
            "question_type": "单项选择题",
            "option": {"A": "口服铁剂", "B": "输血", "C": "叶酸", "D": "维生素B12", "E": ""},
        },
        {
            "exam_type": "药师考试",
            "exam_class": "执业西药师",
            "exam_subject": "药理",
            "question": "下列属于维生素的有",
            "answer": "CA",
            "question_type": "多项选择题",
            "option": {"A": "C", "B": "钠", "C": "D"},
        },
        {
            "exam_type": "药师考试",
            "exam_class": "执业西药师",
            "exam_subject": "药理",
            "question": "答案不在选项中",
            "answer": "F",
            "question_type": "单项选择题",
            "option": {"A": "甲", "B": "乙"},
        },
    ],
    "cmmlu_medical": [
        ["0", "人体最大的器官是", "心脏", "皮肤", "肝脏", "肺", "B"],
        ["1", "答案为空的题", "甲", "乙", "丙", "丁", ""],
    ],
}


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive with a fixed date."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return stream.getvalue()


def csv_text(header: list[str], rows: list[list[str]]) -> str:
    """CSV with a header."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    return stream.getvalue()


def parquet(rows: list[dict]) -> bytes:
    """A Parquet file of the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


def array(rows: list) -> bytes:
    """A JSON array."""
    return json.dumps(rows, ensure_ascii=False, indent=2).encode()


def jsonl(rows: list) -> bytes:
    """JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _cmedqa2(rows: list[dict]) -> dict[str, bytes]:
    train = [row for row in rows if row["answers"] is not None]
    pairs = [[row["question_id"], a, "9"] for row in train for a in row["answers"]]
    answers = [
        [answer, row["question_id"], f"针对问题{row['question_id']}的回答。"]
        for row in rows
        for answer in row["answers"] or ()
        if answer != "1299"
    ]
    questions = [[row["question_id"], row["content"]] for row in rows]
    header = ["question_id", "pos_ans_id", "neg_ans_id"]
    members = {
        "question": csv_text(["question_id", "content"], questions),
        "answer": csv_text(["ans_id", "question_id", "content"], answers),
    }
    packed = {f"{k}.zip": zipped({f"{k}.csv": v.encode()}) for k, v in members.items()}
    candidates = csv_text(header, pairs).encode()
    return {**packed, "train_candidates.zip": zipped({"train_candidates.txt": candidates})}


def _medqa(rows: list) -> dict[str, bytes]:
    base = "data_clean/questions"
    members = {f"{base}/{region}/train.jsonl": b"" for region in ("US", "Mainland", "Taiwan")}
    return {"data_clean.zip": zipped({**members, f"{base}/US/train.jsonl": jsonl(rows)})}


def _headqa(rows: list) -> dict[str, bytes]:
    content = json.dumps({"exams": {"Cuaderno_2013_1_B": {"data": rows}}}).encode()
    return {"head-qa-es-en-pdfs.zip": zipped({"HEAD_EN/train_HEAD_EN.json": content})}


def _cmeddialogue(rows: list) -> dict[str, bytes]:
    header = ["department", "title", "ask", "answer"]
    return {ANDROLOGY: csv_text(header, rows).encode("gb18030")}


def _webmedqa(rows: list) -> dict[str, bytes]:
    text = "".join("\t".join(row) + "\n" for row in rows)
    return {"train.zip": zipped({"medQA.train.txt": text.encode()})}


def _cmmlu(rows: list) -> dict[str, bytes]:
    header = ["", "Question", "A", "B", "C", "D", "Answer"]
    return {"dev/anatomy.csv": csv_text(header, rows).encode()}


PACK: dict[str, Callable[[list], dict[str, bytes]]] = {
    "pubmedqa": lambda rows: {"pqa_labeled/train-00000-of-00001.parquet": parquet(rows)},
    "medmcqa": lambda rows: {"data/train-00000-of-00001.parquet": parquet(rows)},
    "headqa": _headqa,
    "cmedqa2": _cmedqa2,
    "cmeddialogue": _cmeddialogue,
    "webmedqa": _webmedqa,
    "medicaldialogue": lambda rows: {"processed.zh/train_data.json": array(rows)},
    "cmid": lambda rows: {"CMID.json": array(rows)},
    "nlpec": lambda rows: {"NLPEC_public_data/train.json": jsonl(rows)},
    "mlecqa": lambda rows: {"Clinic_train.json": array(rows)},
    "discmed": lambda rows: {"DISC-Med-SFT_released.jsonl": jsonl(rows)},
    "medqa": _medqa,
    "cmb": lambda rows: {"CMB-Exam/CMB-train/CMB-train-merge.json": array(rows)},
    "cmmlu_medical": _cmmlu,
    "meds_ins": lambda rows: {
        "task25_head_qa_classification.json": json.dumps(
            {
                "Source": "made up",
                "Definition": ["Name the symptom.", "What hurts?"],
                "Instances": rows,
            }
        ).encode()
    },
}


def raw_folder(root: Path, contents: dict[str, bytes]) -> RawFolder:
    """Write files and their manifest as stage raw does."""
    entries = []
    for name, data in contents.items():
        path = root / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        entry = {"path": name, "size": len(data), "sha256": files.sha256(path)}
        entries.append({**entry, "origin": "local"})
    manifest = root / "manifest.json"
    files.write_json(manifest, {"source": "test", "files": entries})
    return RawFolder.load(manifest)
