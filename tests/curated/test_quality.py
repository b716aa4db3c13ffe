"""Worthless answers are found; terse medical ones are not taken for them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.curated.clean import clean_example
from collectivesft.curated.text.quality import drop_reason, language_of
from collectivesft.schema.example import Example
from tests.helpers.curated_examples import exam, qa

REGIMEN = "阿司匹林100mg qd，阿托伐他汀20mg qn，美托洛尔缓释片47.5mg qd，氯吡格雷75mg qd。"
PROSE = (
    "建议先完善血常规、肝肾功能和胸部CT，明确有无感染。若体温超过38.5℃，可口服对乙酰氨基酚0.5g，"
    "间隔至少6小时；多饮水，注意休息。出现呼吸困难、意识模糊或血压低于90/60mmHg时应立即到急诊就诊。"
    "慢性病患者请继续规律服药，不要自行停用降压药和降糖药，一周后门诊复查。"
)


def answered(answer: str, question: str = "血压多少算正常？") -> str | None:
    return drop_reason(qa("x:1", question, answer))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("。。。。。。", "no_words"),
        ("？？？", "no_words"),
        ("-- / --", "no_words"),
        ("哈" * 25, "repeated_text"),
        ("是的" * 12, "repeated_text"),
        ("1" * 40, "repeated_text"),
        ("祝您健康，早日康复。" * 40, "repeated_text"),
        ("Please consult your doctor. " * 30, "repeated_text"),
        ("https://example.com/a?b=1", "only_contact"),
        ("点击进入：www.example.com/jk", "only_contact"),
        ("请加微信[社交账号]咨询", "only_contact"),
        ("联系电话[电话]。", "only_contact"),
        ("血压多少算正常", "answer_is_question"),
        ("血压多少算正常？？", "answer_is_question"),
    ],
)
def test_a_worthless_answer_is_found(answer, reason):
    assert answered(answer) == reason


@pytest.mark.parametrize(
    "answer",
    [
        "120/80mmHg", "0.5g tid", "A+B+C", "3.9～6.1", "90%", "是的。", "阴性（-）", "I25.1",
        "WBC 4.0-10.0×10^9/L，Hb 120-160g/L，PLT 100-300×10^9/L",
        "甲胎蛋白<7ng/mL，癌胚抗原<5ng/mL，CA125<35U/mL，CA19-9<37U/mL，均在参考范围。",
        "正常血压低于120/80mmHg。", "The answer is maybe.", "yes", "2+2+2+2+2+2+2+2+2+2=20",
        REGIMEN, PROSE, PROSE * 3,
        "一、低盐饮食；二、控制体重；三、规律运动；四、戒烟限酒；五、按时服药。" * 2,
        "指南全文见https://example.com/guide，成人血压应低于140/90mmHg，老年人可放宽。",
        "可拨打[电话]预约心内科门诊，就诊前空腹并带上以往的心电图和用药记录。",
        "Normal values [12, 13] are below 120/80 mm Hg.",
    ],
)  # fmt: skip
def test_a_terse_or_a_long_medical_answer_is_not(answer):
    assert answered(answer) is None


def test_a_title_as_answer_is_an_echo_and_a_short_word_is_not():
    question = "高血压能吃人参吗\n我父亲高血压十年，能吃人参吗？有没有副作用"
    assert answered("高血压能吃人参吗？", question) == "answer_is_question"
    assert answered("没有副作用", "有没有副作用\n没有副作用") is None
    assert answered("能吃人参", question) is None


def test_every_answer_of_a_dialogue_is_looked_at_and_no_question():
    turns = [("user", "？？？"), ("assistant", "请说。"), ("user", "头痛"), ("assistant", "。。。")]
    assert drop_reason(Example("x:1", "x", "dialogue", "zh", turns, {})) == "no_words"
    assert drop_reason(Example("x:1", "x", "dialogue", "zh", turns[:2], {})) is None


def test_exam_questions_are_not_held_to_it():
    assert drop_reason(exam("x:1", "题", {"A": "+", "B": "-"}, "A")) is None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(min_size=1, max_size=300), st.text(max_size=300))
def test_any_text_is_kept_or_has_a_reason(answer, question):
    reasons = {None, "no_words", "repeated_text", "only_contact", "answer_is_question"}
    assert answered(answer, question) in reasons


class TestLanguage:
    @pytest.mark.parametrize(
        ("tagged", "question", "answer", "language"),
        [
            ("zh", "头痛怎么办？", "多休息。", "zh"),
            ("zh", "What is hypertension?", "Blood pressure above 140/90.", "en"),
            ("zh", "CT?", "MRI.", "zh"),
            ("zh", "120/80", "38.5", "zh"),
            ("zh", "COPD的GOLD分级", "GOLD 1: FEV1 ≥80% predicted after bronchodilator.", "zh"),
            ("en", "What is hypertension?", "Blood pressure above 140/90.", "en"),
            ("en", "高血压是什么？", "血压高于140/90mmHg。", "zh"),
            ("en", "What does 高血压 mean in English?", "It means hypertension.", "en"),
            ("en", "?", "120", "en"),
        ],
    )
    def test_by_the_characters(self, tagged, question, answer, language):
        example = qa("x:1", question, answer, language=tagged)
        assert language_of(example) == language
        cleaned, done = clean_example(example)
        assert cleaned.language == language
        assert ("language_corrected" in done) == (tagged != language)

    def test_exam_questions_keep_that_of_their_instruction(self):
        question = exam("x:1", "Aspirin inhibits", {"A": "COX", "B": "ACE"}, "A")
        assert language_of(question) == "zh"
