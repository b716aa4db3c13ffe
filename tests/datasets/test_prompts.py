"""Every dataset's user turns come from the template that its file declares; CMB's form is CMB's."""

import re
from pathlib import Path

import pytest

from collectivesft import datasets
from collectivesft.benchmarks import cmb
from collectivesft.schema import prompts
from collectivesft.schema.example import Example
from collectivesft.schema.item import Item
from tests.helpers.promises import read
from tests.helpers.upstream import PACK, ROWS, raw_folder

NAMES = sorted(ROWS)
MARK = "§ "


def examples(name: str, folder: Path) -> list[Example]:
    results = read(name, raw_folder(folder, PACK[name](ROWS[name])))
    return [result for result in results if isinstance(result, Example)]


def asked(found: list[Example]) -> list[str]:
    return [text for example in found for role, text in example.messages if role == "user"]


def templates(name: str) -> dict[str, str]:
    declared = datasets.get(name).PROMPT
    return declared if isinstance(declared, dict) else {"": declared}


@pytest.mark.parametrize("name", NAMES)
def test_every_user_turn_is_built_from_the_declared_template(name, tmp_path, monkeypatch):
    before = asked(examples(name, tmp_path / "before"))
    marked = {key: MARK + text for key, text in templates(name).items()}
    declared = datasets.get(name).PROMPT
    monkeypatch.setattr(
        datasets.get(name), "PROMPT", marked if isinstance(declared, dict) else marked[""]
    )
    after = asked(examples(name, tmp_path / "after"))
    assert before and len(after) == len(before)
    assert all(text.startswith(MARK) for text in after)
    assert [text.removeprefix(MARK) for text in after] == before


@pytest.mark.parametrize("name", NAMES)
def test_exams_ask_with_question_and_options_at_the_end(name):
    for template in templates(name).values():
        if "options" in prompts.names(template):
            assert template.endswith("\n\n{question}\n{options}")


@pytest.mark.parametrize("name", NAMES)
def test_exam_questions_can_be_asked_as_cmb_asks(name, tmp_path):
    for example in examples(name, tmp_path):
        recast = prompts.in_cmb_form(example)
        if example.style != "mcqa":
            assert recast == example
            continue
        prompt, reply = (text for _, text in recast.messages)
        meta_answer = example.meta["answer"]
        assert recast.meta == example.meta and example.meta["exam"] in prompt
        assert f"\n{example.meta['question']}\nA. " in prompt
        assert reply.endswith((f"答案是{meta_answer}。", f"he answer is {meta_answer}."))
        explained = len(example.messages[-1][1].splitlines()) > 1
        analysis = re.search("请分析每个选项|Analyse each option", prompt) is not None
        assert analysis == explained


def test_cmb_form_is_the_prompt_and_the_reply_of_the_benchmark(tmp_path):
    for example in examples("cmb", tmp_path):
        meta = example.meta
        item = Item(
            "1", "cmb", "test", "choice", meta["category"], meta["subcategory"], meta["question"],
            meta["options"], meta["answer"], meta={"question_type": meta["question_type"]},
        )  # fmt: skip
        expected = cmb.prompt(item, "answer_only", "corrected"), cmb.target(item, "answer_only")
        assert tuple(text for _, text in prompts.in_cmb_form(example).messages) == expected


def test_cmb_form_puts_the_explanation_before_the_answer(tmp_path):
    chinese, english = (examples(name, tmp_path / name)[0] for name in ("nlpec", "medmcqa"))
    assert prompts.in_cmb_form(chinese).messages[1][1].endswith("氯霉素：戊所以答案是B。")
    assert prompts.in_cmb_form(english).messages == [
        (
            "user",
            "The following is a single-choice question from a medical entrance exam. Analyse each "
            "option and give the answer at the end.\nWhich vitamin deficiency causes scurvy?\n"
            "A. Vitamin A\nB. Vitamin B1\nC. Vitamin C\nD. Vitamin D",
        ),
        ("assistant", "Vitamin C is needed to make collagen. So the answer is C."),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"subject": "甲", "question": "乙"}, "题目\n源自甲\n\n乙"),
        ({"subject": "", "question": "乙"}, "题目\n\n乙"),
        ({"subject": "{question}", "question": "{x}"}, "题目\n源自{question}\n\n{x}"),
    ],
    ids=["all", "a line left out", "braces in the text"],
)
def test_a_line_with_an_empty_field_is_left_out(fields, expected):
    assert prompts.fill("题目\n源自{subject}\n\n{question}", **fields) == expected


@pytest.mark.parametrize(
    ("template", "fields", "expected"),
    [
        ("{ward}患者问：{question}", {"ward": "", "question": "头痛怎么办？"}, "头痛怎么办？"),
        ("{ward}患者问：{question}", {"ward": "儿科", "question": "乙"}, "儿科患者问：乙"),
        ("{age}岁，{sex}，{ask}", {"age": "", "sex": "女", "ask": "甲"}, "女，甲"),
        ("源自{a}，面向{b}。\n{q}", {"a": "甲", "b": "", "q": "乙"}, "源自甲。\n乙"),
        ("Topic: {t}\nQuestion: {q}", {"t": "", "q": "x: y"}, "Question: x: y"),
        ("{sex}患者{ask}", {"sex": "", "ask": "咳嗽"}, "患者咳嗽"),
    ],
)
def test_an_empty_field_takes_no_other_with_it(template, fields, expected):
    assert prompts.fill(template, **fields) == expected
