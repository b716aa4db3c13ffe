"""Find where an answer begins and ends: after the thinking, before a next turn or question."""

import re
from collections.abc import Iterator, Mapping

from collectivesft.scores.extract import patterns
from collectivesft.scores.extract.early_stop import ANOTHER

# Signs between turns that a chat template writes; what follows one that follows words is no answer.
_TURN = re.compile(
    r"<\|[^|<>\n]{1,24}\|?>|</?s>|<(?:eos|bos|pad)>|<(?:start|end)_of_turn>|\[/?INST\]|<reserved_\d{1,4}>"
)
_THOUGHT_ENDS = re.compile(
    r"</think>|</thinking>|<\|end_of_thought\|>(?:\s*<\|begin_of_solution\|>)?|<\|channel\|>final<\|message\|>"
)
# No part of an answer: thinking, which may not end, and all from a next question on.
_ASIDE = re.compile(rf"(?P<another>{ANOTHER.pattern})|<think>(?P<whole>.*?</think>\s*)?", re.S)
# Heads of a next question. Some also begin a part of an answer: the text before one must hold one.
_NEXT_QUESTION = re.compile(
    r"(?<=\S)\s*(?:下一题|下一道|下一个问题|以下是(?:另)?一道|(?i:next\squestion)"
    r"|\n[ \t>*#]{0,6}(?:[【\[](?:题目|问题|例题?|练习)[^】\]\n]{0,6}[】\]]"
    r"|(?:问题|题目|例题|练习题?|单选题|多选题|多项选择题|单项选择题"
    r"|追问|新题|案例|试题|考题|类似题|变式)\s?[\d一二三四五六]{0,3}\s?[:.、(【\n]|第\s?[\d一二三四五六七八九十]{1,3}\s?题"
    r"|#{1,4}\s?(?:题目|问题|例题|练习|Question)|(?i:question|q|problem|exercise)\s?\d{0,3}\s?[:.]"
    r"|(?:用户|助手|患者|医生|提问|学生|老师|Human|User|Assistant)\s?:)"
    r"|\n[ \t>*#]{0,6}\(?\d{1,3}\s?[.、)](?!\d)[^\n]{0,300}?"
    r"(?:\(\s{0,6}\)|\?|_{2,}|[是为有]:?[ \t]*(?=\n\s*A\s?[.、:)])"
    r"|(?=\n\s{0,3}A\s?[.、:)]))"
    r"|\n[^\n]{4,300}(?:\(\s{0,6}\)|[?]|(?:是|为|有|包括|除外):?)"
    r"[。:]?[ \t]*\n\s{0,3}A\s?[.、:)][^\n]{1,80}\s{1,3}B\s?[.、:)])"
)
# Options of another question below its stem.
_OTHER_OPTIONS = re.compile(
    r"\n(?P<stem>[^\n]{2,300})\n\s{0,3}A\s?[.、:)](?P<A>[^\n]{1,80})\n\s{0,3}B\s?[.、:)](?P<B>[^\n]{1,80})"
)


def is_whole(text: str, plain: str) -> bool:
    """Tell if a next question or turn follows the answer, so that it was not cut off.

    Args:
        text: the model's words.
        plain: the same in plain signs.
    """
    return ANOTHER.search(text) is not None or _turn_ends(plain)


def before_another(text: str) -> str:
    """Return the text up to the first unmistakable sign of a next question."""
    another = ANOTHER.search(text)
    return text[: another.start()] if another else text


def own_answer(text: str) -> str:
    """Return the text after the last thinking and up to a next question."""
    begin, end = 0, len(text)
    for aside in _ASIDE.finditer(text):
        if aside["another"]:
            end = aside.start()
            break
        if not aside["whole"]:
            return ""
        begin = aside.end()
    # A chat template may have written the <think> itself.
    own = _THOUGHT_ENDS.split(text[begin:end])[-1]
    return _first_turn(own) if "<" in own or "[" in own else own


def before_next_questions(text: str, texts: Mapping[str, str]) -> Iterator[str]:
    """Yield candidates for the whole answer: the text before each head of a next question.

    These are the first three heads, then the first stem with options that are not the question's.

    Args:
        text: one answer in plain signs.
        texts: the options' texts by letter; empty where they are not known.
    """
    for _, head in zip(range(3), _NEXT_QUESTION.finditer(text), strict=False):
        yield text[: head.start()]
    for match in _OTHER_OPTIONS.finditer(text) if texts else ():
        own = any(
            texts.get(c, "") in match[c] or match[c].strip() in texts.get(c, "") for c in "AB"
        )
        if not own and not patterns.ANALYSIS.search(match["stem"]):
            yield text[: match.start()]
            return


def _turn_ends(text: str) -> bool:
    """Tell if a sign of a chat template follows the words of the first turn."""
    return "<" in text and len([w for w in _TURN.split(text.strip())[:-1] if w.strip()]) > 0


def _first_turn(text: str) -> str:
    """Return the words of the first turn, without the signs of a chat template."""
    return next((words for words in _TURN.split(text) if words.strip()), "")
