"""Personal data is replaced by a placeholder; what only looks like it stays."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.curated.text.normalise import normalise
from collectivesft.curated.text.pii import _HINT, RULES, scrub


@pytest.mark.parametrize(
    ("text", "expected", "rule"),
    [
        ("电话13912345678。", "电话[电话]。", "mobile_number"),
        ("手机:+86 139-1234-5678", "手机:[电话]", "mobile_number"),
        ("请拨8613912345678转2", "请拨[电话]转2", "mobile_number"),
        ("请拨008613912345678", "请拨[电话]", "mobile_number"),
        ("139 1234 5678找我", "[电话]找我", "mobile_number"),
        ("电话.13912345678", "电话.[电话]", "mobile_number"),
        ("座机010-12345678", "座机[电话]", "landline_number"),
        ("座机(0755)1234567", "座机[电话]", "landline_number"),
        ("（0755-12345678）", "（[电话]）", "landline_number"),
        ("座机075512345678", "座机[电话]", "landline_number"),
        ("电话-021 12345678", "电话-[电话]", "landline_number"),
        ("0101234567(010)1234567", "[电话][电话]", "landline_number"),
        ("+86-0571-12345678", "[电话]", "landline_number"),
        ("身份证110101199003070011", "身份证[身份证号]", "identity_number"),
        ("身份证11010119900307001X，男", "身份证[身份证号]，男", "identity_number"),
        ("发到zhang.san+a@mail.example.com.cn吧", "发到[邮箱]吧", "email_address"),
        ("微信号 demo_wx_2024，", "[社交账号]，", "messenger_name"),
        ("加微信zhangsan详聊", "加[社交账号]详聊", "messenger_name"),
        ("我的微信是abc-123456", "我的[社交账号]", "messenger_name"),
        ("QQ：123456789", "[社交账号]", "messenger_name"),
        ("qq号码 12345", "[社交账号]", "messenger_name"),
        ("vx: zhangsan", "[社交账号]", "messenger_name"),
        ("VX zhangsan88", "[社交账号]", "messenger_name"),
        ("WeChat号zhangsan", "[社交账号]", "messenger_name"),
        ("扣扣123456789", "[社交账号]", "messenger_name"),
        ("QQ群 12345678", "[社交账号]", "messenger_name"),
        ("加V信 dr_wang8", "加[社交账号]", "messenger_name"),
        ("加我微：abc12345", "[社交账号]", "messenger_name"),
        ("医院电话：8888-6666", "医院电话：[电话]", "landline_number"),
        ("24小时热线400-820-1234", "24小时热线[电话]", "landline_number"),
        ("请拨打4008201234咨询", "请拨打[电话]咨询", "landline_number"),
        ("座机021-6408 1990转3456", "座机[电话]转3456", "landline_number"),
        ("Tel: 6408 1990", "Tel: [电话]", "landline_number"),
        ("wx：zhangsan88", "[社交账号]", "messenger_name"),
        ("加wx dr_li2020", "加[社交账号]", "messenger_name"),
        ("(010)6217-1234", "[电话]", "landline_number"),
        ("电话（021）6408-1234", "电话[电话]", "landline_number"),
        ("手机：138.1234.5678", "手机：[电话]", "mobile_number"),
        ("身份证号 110101 19900307 001X", "身份证号 [身份证号]", "identity_number"),
        ("身份证号：1101 0119 9003 0700 11", "身份证号：[身份证号]", "identity_number"),
        ("身份证号码110105491231002", "身份证号码[身份证号]", "identity_number"),
    ],
)
def test_personal_data_is_replaced(text, expected, rule):
    assert scrub(text) == (expected, {rule})


@pytest.mark.parametrize(
    "text",
    [
        "血压139/90mmHg，心率1391次，WBC 13.9×10^9/L",
        # What medical texts are full of.
        "血压120/80mmHg，心率72次/分，体温36.5℃，呼吸18次/分",
        "ICD-10编码I25.103，手术编码36.0601，CPT 99213",
        "空腹血糖3.9-6.1mmol/L，ALT参考范围9-50U/L，血小板100-300×10^9/L",
        "血小板4000000000/L，尿量1500-2000ml/24h，HCG 12345.67mIU/ml",
        "阿司匹林肠溶片100mg每日1次，每日400-800-1200mg递增",
        "国药准字H20123456，批号20190101，医保编码86901234567890",
        "化验单号20230512001，住院号00123456，2023-05-12 14:30入院",
        "电话随访2000例，来电2013年，电话3次，微信随访12345例以下",
        "手机1800-1900MHz；来电1000-2000次；热线20130512年；拨打120；致电12345以下",
        "加V 500ml，加VitaminC，加微波治疗，V信号导联",
        "BP 120/80 mm Hg; 1,000-2,000 mg; 95% CI 0.12-0.98; P=0.0013; n=13912",
        "by phone 1000-2000 patients were asked; telephone follow-up of 12345 women",
        "PMID 12345678, GenBank AY123456, rs1800562, CD4 350-500 cells/mm3",
        "13-14岁，150-160cm，135-145mmol/L，13912例",
        "第1.13912345678节",
        "编号113912345678",
        "病例号2139123456789",
        "2015-05-1012:30，2021-0301",
        "0.25-0.5g，每日3次；0.01234567",
        "138.1234mg，共139.5678.1克，(010)621-123，WX波，wxyz",
        "NCT01234567, ISRCTN12345678, doi:10.1016/S0140-6736(13)61839-X",
        "PVX infection rates; QQ plotted values; WeChat platform users; vx vector",
        "The QQ-plot showed 12345 points; the wechat group had members.",
        "微信扫码预约，QQ群内交流",
        "a@b，@医生，5@3.x",
        "11010119900307001，110101199013070011",
    ],
)
def test_what_only_looks_like_personal_data_stays(text):
    assert scrub(text) == (text, set())


def test_every_rule_is_found_in_one_text():
    text = "身份证110101199003070011，手机13912345678，座机010-12345678，a@b.cn，微信abc123"
    scrubbed, found = scrub(text)
    assert found == {name for name, _, _ in RULES}
    assert scrubbed == "身份证[身份证号]，手机[电话]，座机[电话]，[邮箱]，[社交账号]"


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from(
            ["微信", "QQ", "qQ", "vx", "Vx", "wX", "WeChat", "WECHAT", "加V：", "加我微:", "@"]
        )
        | st.sampled_from(
            ["abc123", "a@b.cn", "13912345678", "电话8888-6666", "扣扣", "v信", "12345"]
        )
        | st.text(max_size=4)
    ).map("".join)
)
def test_texts_that_are_passed_over_hold_nothing(text):
    found = any(pattern.search(text) for _, _, pattern in RULES)
    assert not found or _HINT.search(text)


DIGITS = st.text("0123456789", min_size=8, max_size=8)
COUNTRY = st.sampled_from(["", "+86", "+86 ", "86-", "0086", "0086 ", "＋８６"])
GAP = st.sampled_from(["", " ", "-", "－", "\u3000"])
DOT = st.just(".")
WORDS = st.text("高血压患者，。：（）:;电话请打找我 \nabc", max_size=8)


@st.composite
def mobiles(draw):
    first, rest, gap = draw(st.sampled_from("3456789")), draw(DIGITS), draw(GAP | DOT)
    middle = draw(st.sampled_from("0123456789"))
    number = f"1{first}{middle}{gap}{rest[:4]}{gap}{rest[4:]}"
    wide = draw(st.booleans())
    digits = str.maketrans("0123456789", "０１２３４５６７８９") if wide else {}
    return draw(COUNTRY) + number.translate(digits)


@st.composite
def landlines(draw):
    area = draw(st.sampled_from(["010", "021", "0571", "0755", "0991"]))
    area = draw(st.sampled_from([area, f"({area})", f"（{area}）"]))
    return draw(COUNTRY) + area + draw(GAP) + draw(DIGITS)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(mobiles() | landlines(), min_size=1, max_size=3), st.lists(WORDS, min_size=4))
def test_no_phone_number_is_left(numbers, words):
    """In the order of the cleaning: normalised, then scrubbed."""
    pieces = [f"{word}，{number}。" for word, number in zip(words, numbers, strict=False)]
    text = "".join(pieces) + words[-1]
    scrubbed, found = scrub(normalise(text)[0])
    assert not re.search(r"\d{4}", scrubbed)
    assert scrubbed.count("[电话]") == len(numbers) and found <= {
        "mobile_number",
        "landline_number",
    }


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(mobiles() | landlines() | WORDS | st.text("微信QQ号0123456789@.xX-", max_size=20)))
def test_scrubbed_text_is_not_changed_again(pieces):
    once, _ = scrub(normalise("".join(pieces))[0])
    assert scrub(once)[0] == once and normalise(once)[0] == once
