"""Judge an answer of free text, and the language of a text.

Each test is written so that terse medical answers pass: "120/80mmHg", "0.5g tid", "A+B+C", a list
of laboratory values. Exam questions are not held to it: their answers are checked as they are read.
"""

import re
import zlib

from collectivesft.schema.example import Example, Language

# A text of at least this many characters that shrinks to less than an eighth says one thing over
# and over; Chinese and English prose shrink to a half or a third.
LONG, SHRINKS = 200, 8
# Of a shorter text, this many characters but no more than so many different ones.
SHORT, DIFFERENT = 20, 3
# Letters and digits left of an answer without its links and contact data.
SAYS_LITTLE = 8
# Shorter answers may well repeat a word of the question ("没有。").
ECHO = 6

_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[A-Za-z]+")
_CONTACT = re.compile(
    r"https?://[^\s\u3000-\u9fff]+|(?<![\w@])www\.[^\s\u3000-\u9fff]+|\[(?:电话|邮箱|社交账号)\]"
)
_INVITATION = re.compile(
    r"点击(?:这里|此处|进入|查看|链接)?|详情|请|可以?|加|联系|咨询|电话|微信|我|我们|的|在线|网址|链接"
    r"|查看|参考|见|拨打|为|是|(?i:see|visit|click|here|please|contact|call)"
)
_EDGE = " \n。，？！,.?!:：；;"


def drop_reason(example: Example) -> str | None:
    """Return why an example's free text is not worth learning; None if it is, or for an exam.

    Returns:
        ``no_words`` (signs only), ``repeated_text``, ``only_contact`` (a link, a number to call
        and hardly a word) or ``answer_is_question``.
    """
    if example.style == "mcqa":
        return None
    asked = ""
    for role, text in example.messages:
        if role == "user":
            asked = text
        elif reason := answer_fault(text):
            return reason
    return "answer_is_question" if echoes(asked, example.messages[-1][1]) else None


def answer_fault(text: str) -> str | None:
    """Say why an answer by itself is worthless; None if it is not (see ``drop_reason``)."""
    if not any(map(str.isalnum, text)):
        return "no_words"
    # The first characters nearly always tell, without a look at the whole.
    if len(text) >= SHORT and len(set(text[:SHORT])) <= DIFFERENT and len(set(text)) <= DIFFERENT:
        return "repeated_text"
    if len(text) >= LONG and len(zlib.compress(raw := text.encode(), 1)) * SHRINKS < len(raw):
        return "repeated_text"
    if ("[" in text or "://" in text or "www." in text) and _only_contact(text):
        return "only_contact"
    return None


def _only_contact(text: str) -> bool:
    rest, contacts = _CONTACT.subn("", text)
    return bool(contacts) and sum(map(str.isalnum, _INVITATION.sub("", rest))) < SAYS_LITTLE


def echoes(asked: str, answer: str) -> bool:
    """Return whether the answer repeats the question, or one of its lines (a title)."""
    plain = answer.strip(_EDGE)
    if len(plain) < ECHO or plain not in asked:
        return False
    return plain in [line.strip(_EDGE) for line in (asked, *asked.split("\n"))]


def language_of(example: Example) -> Language:
    """Return an example's language by its characters; in doubt the one that it names.

    An exam question is in the language of its instruction, which its reader knows.
    """
    if example.style == "mcqa":
        return example.language
    texts = [text for _, text in example.messages]
    if example.language == "zh":
        if any(map(_CJK.search, texts)):
            return "zh"
        return "en" if sum(len(_WORD.findall(text)) for text in texts) > 2 else "zh"
    chinese = sum(len(_CJK.findall(text)) for text in texts)
    if not chinese:
        return example.language
    return "zh" if chinese > sum(len(_WORD.findall(text)) for text in texts) else "en"
