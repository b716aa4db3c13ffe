"""Personal data of patients and doctors, replaced by placeholders.

A bare number is hardly ever personal here (a blood pressure, a dose, a laboratory value, an
approval number): one that is not plain by its form needs a word before it that names its kind.
"""

import re

_COUNTRY = r"(?:(?:\+|00)?86[- ]?)?"
_AREA = r"0(?:10|2\d|[3-9]\d\d)"
_ACCOUNT = r"[A-Za-z][A-Za-z0-9_-]{5,19}"
_NUMBER = r"[1-9]\d{4,11}"
_CALLED = r"(?:号码|账号|号)"
_COLON = r"(?:是|为|[:：])"
# Letters after a Latin name ("WeChat users", "QQ plotted") are an account only after such a word.
_CHINESE = (
    rf"(?:微信|薇信|威信|[Vv]信|扣扣){_CALLED}?\s*{_COLON}?\s*(?:{_ACCOUNT}|{_NUMBER})"
    rf"|加我?[微Vv]\s*[:：]\s*(?:{_ACCOUNT}|{_NUMBER})"
)
_SAID = rf"(?:{_CALLED}\s*{_COLON}?|{_COLON})\s*{_ACCOUNT}"
_WITH_DIGIT = rf"(?=[A-Za-z_-]*[0-9]){_ACCOUNT}"
_LATIN = (
    r"(?<![A-Za-z])(?i:QQ|VX|WX|WeChat)群?\s*"
    rf"(?:{_SAID}|{_CALLED}?\s*{_COLON}?\s*(?:{_WITH_DIGIT}|{_NUMBER}))"
)

# Numbers of seven to twelve digits that only a word before them makes a telephone number.
_ASKED_TO_CALL = (
    r"(?P<cue>(?:(?:电话|手机|热线|致电|拨打|来电|传真|联系方式)(?:号码|号)?\s*[:：是为]?"
    r"|(?<![A-Za-z])(?i:telephone|phone|tel|fax)\.?\s*[:：])\s*)"
)
# Two numbers with a unit are a range ("手机1800-1900MHz", "来电1000-2000次").
_LOCAL = (
    rf"{_COUNTRY}(?:\d{{3,4}}[- —]?)?\d{{3,4}}[- —]?\d{{4}}"
    r"(?!\d|[A-Za-z%℃]|\s*[例次元人个名台部份条年月])"
)
_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_CARD = r"(?P<cue>身份证(?:号码|号)?\s*[:：是为]?\s*)"

# Personal data has one of these; most texts have none and are skipped.
_HINT = re.compile(r"\d{4}|@|信|扣扣|加我?[微Vv]|[Qq][Qq]|[VvWw][Xx]|[Ww][Ee][Cc][Hh]")

# Order matters: an identity number contains what looks like a telephone number.
RULES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (
        "identity_number",
        "[身份证号]",
        re.compile(
            rf"(?<![0-9A-Za-z])[1-9]\d{{5}} ?(?:19|20)\d{{2}}{_DAY} ?\d{{3}}[0-9Xx](?![0-9A-Za-z])"
        ),
    ),
    (
        "identity_number",  # of fifteen digits, until 1999
        r"\g<cue>[身份证号]",
        re.compile(rf"{_CARD}[1-9]\d{{7}}{_DAY}\d{{3}}(?![0-9Xx])"),
    ),
    (
        "identity_number",
        r"\g<cue>[身份证号]",
        re.compile(rf"{_CARD}[1-9]\d{{3}} (?:\d{{4}} ){{3}}\d[0-9Xx](?![0-9A-Za-z])"),
    ),
    (
        "mobile_number",
        "[电话]",
        re.compile(
            rf"(?:(?<!\d)(?<!\d\.)|(?=\+)){_COUNTRY}1[3-9]\d"
            r"(?:[- ]?\d{4}[- ]?|\.\d{4}\.)\d{4}(?!\d)"
        ),
    ),
    (
        "landline_number",
        "[电话]",
        re.compile(
            rf"(?:(?<!\d)(?<!\d[.-])|(?=[+(（])){_COUNTRY}"
            rf"(?:(?:{_AREA}|[(（]{_AREA}[)）])(?:[- —]?\d{{7,8}}|[- —]\d{{3,4}}[- ]\d{{4}})"
            rf"|[(（]{_AREA}[)）]\d{{3,4}}[- ]\d{{4}})(?!\d)"
        ),
    ),
    ("landline_number", r"\g<cue>[电话]", re.compile(rf"{_ASKED_TO_CALL}{_LOCAL}")),
    (
        "email_address",
        "[邮箱]",
        re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"),
    ),
    (
        "messenger_name",
        "[社交账号]",
        re.compile(rf"(?:{_CHINESE}|{_LATIN})(?![A-Za-z0-9_])"),
    ),
)


def scrub(text: str) -> tuple[str, set[str]]:
    """Replace personal data.

    Returns:
        The text, and the names of the rules that found something.
    """
    if not _HINT.search(text):
        return text, set()
    found, before = set(), None
    while text != before:  # without a number, the text next to it may match
        before = text
        for name, placeholder, pattern in RULES:
            text, count = pattern.subn(placeholder, text)
            if count:
                found.add(name)
    return text, found
