"""Text is repaired where it is surely broken, and left alone where it is not."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.curated.text.normalise import key, normalise
from collectivesft.curated.text.unicode_fold import fold_text

ENCODING, HTML, CHARACTERS = "encoding_repaired", "html_removed", "characters_normalised"
SENTENCES = (
    "建议卧床一两天，然后逐步恢复活动，别搬东西。",
    "高血压患者应低盐饮食，每天食盐不超过5克。",
    "患者男，45岁，突发胸痛2小时，伴大汗。",
)


def mojibake(text: str, encoding: str) -> str:
    """UTF-8 read in another encoding, as far as that is possible."""
    if encoding == "cp1252":  # sloppy, as browsers do: unassigned bytes become control characters
        return "".join(
            bytes([b]).decode("cp1252" if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else "latin-1")
            for b in text.encode()
        )
    return text.encode().decode(encoding)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_utf8_read_as_latin_is_repaired(sentence, encoding):
    broken = mojibake(sentence, encoding)
    assert broken != sentence
    assert normalise(broken) == (sentence, {ENCODING})


@pytest.mark.parametrize(
    "text",
    [
        *SENTENCES,
        "Sjögren's syndrome, Ménière's disease and café-au-lait spots (§§ 3–5, «naïve»)",
        "Größe: 1,80 m; µg ±0,5 °C ¼½¾ ÷×",
        "WBC<4 且 PLT>100",
        "若a<b, and c>d，则不成立",
        "p<0.05, q>0.1; x < y",
        "体温>38℃；血压≥140/90mmHg（坐位）",
        "第一行\n第二行\n\n第四行",
        "AT&T; R&D; Q&A",
        "对乙酰氨基酚、“退热药”《药典》——见第3页……",
        "血红蛋白①②Ⅳ级 10⁹/L H₂O",
    ],
)
def test_good_text_stays_as_it_is(text):
    assert normalise(text) == (text, set())


@pytest.mark.parametrize(
    ("text", "expected", "done"),
    [
        ("甲<br>乙", "甲\n乙", {HTML}),
        ("甲<BR/>乙<br />丙", "甲\n乙\n丙", {HTML}),
        ("<p>甲</p><p class='x'>乙</p>", "甲\n\n乙", {HTML, CHARACTERS}),
        ("甲<b>乙</b><font color=red>丙</font>", "甲乙丙", {HTML}),
        ('见<a href="http://a.b/?x=1">这里</a>', "见这里", {HTML}),
        ("甲&nbsp;乙", "甲 乙", {HTML, CHARACTERS}),
        ("P&lt;0.05 &amp; n&gt;3", "P<0.05 & n>3", {HTML}),
        ("&#30002;&#x4e59;", "甲乙", {HTML}),
        ("&amp;lt;br&amp;gt;甲&amp;amp;乙", "甲&乙", {HTML, CHARACTERS}),
        ("１２３ＡＢＣａｂｃ", "123ABCabc", {CHARACTERS}),
        ("３８．５％、＋／－", "38.5%、+/-", {CHARACTERS}),
        ("ａ＿b＠163．com", "a_b@163.com", {CHARACTERS}),
        ("甲\u3000\u3000乙\t丙", "甲 乙 丙", {CHARACTERS}),
        ("  甲 \r\n 乙\r丙  ", "甲\n乙\n丙", {CHARACTERS}),
        ("甲\u2028乙\u2029丙\u000b丁", "甲\n乙\n丙\n丁", {CHARACTERS}),
        ("甲\n\n\n\n\n乙", "甲\n\n乙", {CHARACTERS}),
        ("\ufeff甲\u200b乙\u0007丙", "甲乙丙", {CHARACTERS}),
        ("cafe\u0301", "café", {CHARACTERS}),
        ("a\u200b\u0301", "á", {CHARACTERS}),
        ("白细胞 12×10<sup>9</sup>/L", "白细胞 12×10⁹/L", {HTML}),
        ("10<SUP class=x> -3 </SUP>、Ca<sup><b>2+</b></sup>", "10⁻³、Ca²⁺", {HTML}),
        ("log<sub>2</sub>8、x<sup>1/2</sup>、y<sup>a+b</sup>", "log₂8、x^(1/2)、y^(a+b)", {HTML}),
        ("5<sup>th</sup>、药<sup>①</sup>、甲<sub>乙</sub>", "5th、药①、甲乙", {HTML}),
        ("9<sup>2", "92", {HTML}),  # never closed: nobody knows what is raised
        (
            "<table><tr><td>收缩压</td><td>120</td><td>80</td></tr><tr><th>甲</th></tr></table>",
            "收缩压 120 80\n\n甲",
            {HTML, CHARACTERS},
        ),
        ("<dl><dt>剂量</dt><dd>5</dd></dl>10<hr>20", "剂量\n\n5\n\n10\n20", {HTML, CHARACTERS}),
        ("", "", set()),
        (" \u3000\n\u200b", "", {CHARACTERS}),
        ("<br>&nbsp;<p>", "", {HTML, CHARACTERS}),
    ],
)
def test_what_is_changed_and_what_it_is_called(text, expected, done):
    assert normalise(text) == (expected, done)


def test_tags_are_found_in_linear_time():
    """Long runs that begin like a tag and never end must not stop a run of millions of rows."""
    start = time.process_time()
    for text in (
        "<" * 20_000,
        "<a " + " " * 20_000,
        "<p x=" + " " * 20_000,
        "&" * 20_000,
        "<sup>" * 20_000,
        "<sup>" + "1" * 20_000 + "a</sup>",
    ):
        normalise(text)
    assert time.process_time() - start < 2


PIECES = st.sampled_from(
    [
        *("<", ">", "/", "b", "br", "<br>", "</p>", "<a x=", "&", "amp;", "lt;", "&gt;", "&nbsp;"),
        *("<sup>", "</sup>", "2", "<td>"),
        *(
            "&Aring;",
            "&#229;",
            "\u200b",
            "\u0301",
            "ａ",
            "＆",
            "３",
            "．",
            " ",
            "\u3000",
            "\n",
            "\r",
        ),
        *("\u2028", "\x85", "\u1680", "\ufeff", "\ue000", "a", "e", "，", "。", "高血压", "\ufffd"),
        *(
            mojibake("高血压，低盐", "latin-1"),
            mojibake("胸痛。", "cp1252"),
            "Ã©",
            "Â",
            "é",
            "\u0344",
        ),
    ]
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
def test_clean_text_is_not_changed_again(text):
    once, _ = normalise(text)
    assert normalise(once) == (once, set())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
def test_nothing_invisible_and_no_loose_space_is_left(text):
    clean, _ = normalise(text)
    assert clean == clean.strip() and unicodedata.is_normalized("NFC", clean)
    control = {c for c in clean if unicodedata.category(c) == "Cc"}
    assert control <= {"\n", *map(chr, range(0x80, 0xA0))}
    assert "  " not in clean and "\n\n\n" not in clean and " \n" not in clean


class TestKey:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("高血压，首选？", "高血压首选"),
            ("Vitamin C.", "vitamin　ｃ"),
            ("X-ray", "X ray"),
            ("COVID-19", "covid 19"),
            ("第一。\n第二。", "第一；第二"),
            ("“青霉素”（注射用）", "青霉素(注射用)"),
            ("5％", "5%"),
            ("7.5 mg", "7.5mg"),
            ("- 干咳", "干咳"),
            ("体温：37，和/或皮疹", "体温37 和或皮疹"),
        ],
    )
    def test_case_width_spacing_and_punctuation_do_not_count(self, first, second):
        assert key(first) == key(second) != ""

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("1.5mg", "15mg"),
            ("7-10天", "710天"),
            ("3～5天", "35天"),
            ("3–5天", "35天"),
            ("滴度1：20", "滴度120"),
            ("1∶1000", "11000"),
            ("1/2片", "12片"),
            ("½片", "12片"),
            ("血压120/80", "血压12080"),
            ("血压>140", "血压<140"),
            ("HBsAg(+)", "HBsAg(-)"),
            ("HBsAg(-)", "HBsAg"),
            ("Rh-", "Rh"),
            ("-5℃", "5℃"),
            ("5%", "5"),
            ("±", "+"),
            ("+", "-"),
            ("？？", "！！"),
            ("甲", "乙"),
        ],
    )
    def test_signs_that_make_another_value_count(self, first, second):
        assert key(first) != key(second)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.text(min_size=1, max_size=20))
    def test_only_space_has_no_key(self, text):
        folded = fold_text(text)
        assert bool(key(text)) == bool(folded.strip())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("凝血酶原时间 12\uf0b12 秒", "凝血酶原时间 12±2 秒"),
        ("置于 2\uf0b0C 至 8\uf0b0C", "置于 2°C 至 8°C"),
        ("每次 5 \uf06dg，25 \uf07e 50 ml/h", "每次 5 μg，25 ∼ 50 ml/h"),
        ("IFN-\uf067 与 TNF-\uf061", "IFN-γ 与 TNF-α"),
        ("体温\uf0b338.5，pH\uf0a37.35，\uf0442.1", "体温≥38.5，pH≤7.35，Δ2.1"),
        ("鲨烯 \uf0e0 羊毛甾醇", "鲨烯 → 羊毛甾醇"),  # Wingdings, as Word writes -->
        ("\uf0b7 多饮\n\uf0fc 多尿", "• 多饮\n✓ 多尿"),
        ("突发口眼\ue81f斜", "突发口眼㖞斜"),  # GBK of 1995
        ("5\uf020mg", "5 mg"),
    ],
)
def test_signs_of_symbol_fonts_get_their_meaning_and_are_counted(text, expected):
    assert normalise(text) == (expected, {"symbols_mapped"})


@pytest.mark.parametrize("sign", ["\ue1d8", "\ue077", "\uf8ff", "\U000f0001", "\U00100000"])
def test_a_private_character_without_meaning_is_not_taken_out(sign):
    assert normalise(f"旋内的肌肉{sign}是") == (f"旋内的肌肉{sign}是", set())


def test_every_sign_of_the_font_symbol_has_a_meaning():
    codes = [*range(0xF020, 0xF07F), *range(0xF0A0, 0xF0FF)]
    lost = {code for code in codes if normalise(f"甲{chr(code)}乙")[0] == f"甲{chr(code)}乙"}
    assert lost == {0xF0F0}  # the mark of a company
