"""Personal data of patients and doctors, replaced by placeholders."""

import re

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
        re.compile(r"(?<![0-9.])(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?![0-9])"),
    ),
    ("landline_number", "[电话]", re.compile(r"(?<![0-9.-])0\d{2,3}[- ]\d{7,8}(?![0-9])")),
    (
        "email_address",
        "[邮箱]",
        re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"),
    ),
    (
        "messenger_name",
        "[社交账号]",
        re.compile(
            r"(?:微信|薇信|威信|QQ|qq|VX|vx|wechat|WeChat)(?:号码|号|账号)?\s*(?:是|为|[:：])?\s*"
            r"(?:[A-Za-z][A-Za-z0-9_-]{5,19}|[1-9]\d{4,11})(?![A-Za-z0-9_])"
        ),
    ),
)


def scrub(text: str) -> tuple[str, set[str]]:
    """Replace personal data.

    Returns:
        The text, and the names of the rules that found something.
    """
    found = set()
    for name, placeholder, pattern in RULES:
        text, count = pattern.subn(placeholder, text)
        if count:
            found.add(name)
    return text, found
