"""A text that the screen passes is one that cleaning leaves as it is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.curated.text.normalise import normalise
from collectivesft.curated.text.pii import scrub
from collectivesft.curated.text.prefilter import needs_cleaning

DAMAGED = {"\ufffd", "\ue077", "\U000f0012"}
SIGNS = "头痛 \n&<@0139-aqQvVxXwWeEcChHtTé°·\u00a0\u3000Ａ１％微薇威信号：\u0301가\u11a8\ufffd"
SIGNS += "\ue077\uf0b1\U000f0012"
TEXTS = st.lists(st.text(max_size=15) | st.text(SIGNS, max_size=25), max_size=8)
PIECES = ["WeChat号", "qq群", "VX: ", "微信", "13912345678", "139 1234 5678", "a@b.cn", "é", "<br>"]
PIECES += [
    "扣扣",
    "加微：",
    "加我v:",
    "V信",
    "电话：",
    "123-4567",
    "400 1234",
    "身份证号",
    "1990010112345",
]
PIECES += ["fax: ", "(010)", "1234—5678", "320102900101123"]


def altered(text: str) -> bool:
    return scrub(normalise(text)[0])[0] != text


@settings(max_examples=400, deadline=None, derandomize=True)
@given(TEXTS)
def test_what_is_passed_would_not_be_altered(texts):
    for text, held in zip(texts, needs_cleaning(texts).tolist(), strict=True):
        assert held or (not altered(text) and not DAMAGED & set(text))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([*PIECES, "头痛", "zhangsan", " ", "\n", "1", "，"]), max_size=9))
def test_personal_data_and_marks_are_never_passed(pieces):
    text = "".join(pieces)
    assert needs_cleaning(["头痛", text, "发热"]).tolist()[1] or not altered(text)


def test_no_character_is_passed_over():
    codes = [code for code in range(0x34000) if not 0xD800 <= code < 0xE000]
    texts = [f"头{chr(code)}痛" for code in codes]
    for text, held in zip(texts, needs_cleaning(texts).tolist(), strict=True):
        assert held or not altered(text), text


def test_plain_texts_are_passed_and_a_text_does_not_hold_back_its_neighbours():
    plain = "患者男，58岁，体温38.5℃，血压139/90mmHg。\n请问怎么办？"
    assert needs_cleaning([plain, "头 痛 ", plain, "", plain]).tolist() == [
        False,
        True,
        False,
        True,
        False,
    ]
    instruction = "请根据摘要回答问题。\n\n摘要：头痛。"  # most instructions have an empty line
    more = [instruction, "头痛\n", "\n\n发热", "头\n\n\n痛", instruction, "头\n \n痛"]
    assert needs_cleaning(more).tolist() == [False, True, True, True, False, True]
    assert needs_cleaning([plain, "12345678"]).tolist() == [False, True]
    assert needs_cleaning([]).tolist() == []
