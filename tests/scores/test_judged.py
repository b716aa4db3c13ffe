"""Answers that judge the options one by one, and answers around what they choose."""

import json
from pathlib import Path

import pytest

from collectivesft.scores.extract import judged
from collectivesft.scores.extract.letters import corrected

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data/judged_answers.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
OPTIONS = {"A": "青霉素", "B": "阿奇霉素", "C": "头孢呋辛", "D": "万古霉素", "E": "庆大霉素"}


def test_answers_that_the_rules_grew_with_are_read_right():
    assert len(ROWS) > 190
    assert not [
        (row["text"], found)
        for row in ROWS
        if (
            found := corrected(
                row["text"], row["multiple"], row["options"], question=row["question"]
            )
        )
        != row["key"]
    ]


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("排除A、C、D、E", "B"),
        ("排除A、C、D", ""),
        ("A错误，C错误，D错误，E错误。", "B"),
        ("A错误，C错误，D错误，E错误，B也错误。", ""),
        ("A、C无效；D、E不首选。", "B"),
        ("A无效；B首选；C无效；D无效时首选；E无效。", "B"),
        ("A首选；B首选；C无效。", ""),
        ("维生素A、维生素C、维生素D和维生素E均无效。", ""),
    ],
)
def test_a_letter_is_chosen_only_against_all_others(text, letter):
    assert corrected(text, False, OPTIONS, question="支原体肺炎首选的药物是") == letter


def test_a_sign_of_a_chat_template_ends_the_answer_even_of_a_cut_text():
    for sign in ("</s>", "<eos>", "<|end|>", "[INST]"):
        assert corrected(f"B{sign}C", False, OPTIONS, stopped=False) == "B"
    assert corrected("<|assistant|>B", False, OPTIONS) == "B"


def test_a_column_of_yes_and_no_is_read_by_its_head():
    def table(head: str, *cells: str) -> str:
        rows = (f"| {letter} | {cell} |" for letter, cell in zip("ABCDE", cells, strict=True))
        return "\n".join([f"| 选项 | {head} |", "|---|---|", *rows])

    wrong, right = "下列说法错误的是", "首选的药物是"
    yes_d, no_d = ("否", "否", "否", "是", "否"), ("是", "是", "是", "否", "是")
    assert corrected(table("是否首选", *yes_d), False, OPTIONS, question=right) == "D"
    assert corrected(table("是否正确", *no_d), False, OPTIONS, question=wrong) == "D"
    assert corrected(table("是否错误", *yes_d), False, OPTIONS, question=wrong) == "D"
    assert corrected(table("是否符合题意", *yes_d), False, OPTIONS, question=wrong) == "D"


def test_predicates_are_the_words_that_a_question_asks_by():
    assert judged.predicates("青光眼患者禁用的药物是")[-3:] == ["患者禁用", "者禁用", "禁用"]
    assert judged.predicates("支原体肺炎首选的药物是")[0] == "首选"
    assert "一级预防" in judged.predicates("下列措施不属于一级预防的是", "不属于")


def test_options_texts_next_to_their_letters_are_spelled_as_letters():
    assert judged.spelled("青霉素(A)和庆大霉素(E)无效,B.阿奇霉素有效", OPTIONS) == "A和E无效,B有效"
    assert judged.spelled("大霉素(E)", OPTIONS) == "E"
    assert judged.spelled("青霉素无效", OPTIONS) == "青霉素无效"
    assert judged.spelled("青霉素无效", OPTIONS, every=True) == "A无效"
