"""Personal data of patients and doctors, replaced by placeholders."""

import re

_COUNTRY = r"(?:(?:\+|00)?86[- ]?)?"
_AREA = r"0(?:10|2\d|[3-9]\d\d)"
_ACCOUNT = r"[A-Za-z][A-Za-z0-9_-]{5,19}"
_NUMBER = r"[1-9]\d{4,11}"
_CALLED = r"(?:号码|账号|号)"
_COLON = r"(?:是|为|[:：])"
# Letters after a Latin name ("WeChat users", "QQ plotted") are an account only where that is said.
_CHINESE = rf"(?:微信|薇信|威信){_CALLED}?\s*{_COLON}?\s*(?:{_ACCOUNT}|{_NUMBER})"
_SAID = rf"(?:{_CALLED}\s*{_COLON}?|{_COLON})\s*{_ACCOUNT}"
_WITH_DIGIT = rf"(?=[A-Za-z_-]*[0-9]){_ACCOUNT}"
_LATIN = (
    r"(?<![A-Za-z])(?i:QQ|VX|WeChat)\s*"
    rf"(?:{_SAID}|{_CALLED}?\s*{_COLON}?\s*(?:{_WITH_DIGIT}|{_NUMBER}))"
)

# Order matters: an identity number contains what looks like a telephone number.
RULES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (
        "identity_number",
        "[身份证号]",
        re.compile(
            r"(?<![0-9A-Za-z])[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[0-9Xx](?![0-9A-Za-z])"
        ),
    ),
    (
        "mobile_number",
        "[电话]",
        re.compile(rf"(?:(?<!\d)(?<!\d\.)|(?=\+)){_COUNTRY}1[3-9]\d[- ]?\d{{4}}[- ]?\d{{4}}(?!\d)"),
    ),
    (
        "landline_number",
        "[电话]",
        re.compile(
            rf"(?:(?<!\d)(?<!\d[.-])|(?=[+(（])){_COUNTRY}"
            rf"(?:{_AREA}|[(（]{_AREA}[)）])[- —]?\d{{7,8}}(?!\d)"
        ),
    ),
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


# Without these no rule of that name can match: far cheaper to look for than the rule itself.
_NUMBER_LIKE = re.compile(r"\d{4}[- ]?\d{4}|\d{7}")
_SIGNS = {"email_address": ("@",), "messenger_name": ("信", "qq", "vx", "wechat")}


def _possible(text: str) -> list[tuple[str, str, re.Pattern[str]]]:
    """The rules that may find something."""
    lower, numbers = text.lower(), _NUMBER_LIKE.search(text) is not None
    return [
        rule
        for rule in RULES
        if (any(sign in lower for sign in _SIGNS[rule[0]]) if rule[0] in _SIGNS else numbers)
    ]


def scrub(text: str) -> tuple[str, set[str]]:
    """Replace personal data.

    Returns:
        The text, and the names of the rules that found something.
    """
    found, before = set(), None
    while text != before:  # what stood beside a number may be plain to see once that is gone
        before = text
        for name, placeholder, pattern in _possible(text):
            text, count = pattern.subn(placeholder, text)
            if count:
                found.add(name)
    return text, found
