"""Put a question into words, for datasets, mixtures and benchmarks.

Sources: the paper's templates, CAS-SIAT-XinHai/CollectiveSFT @ 5adedaef, preprocess/ (each
dataset's file holds its own); CMB's, FreedomIntelligence/CMB @ 6c8ece46, src/generate_fewshot.py
and workers/base.py, which exist in Chinese only: the English is this project's translation.

The paper's files end an instruction with two line breaks and LLaMA-Factory adds a third before the
question; two are written here, as many as the cleaning leaves.
"""

import re
from dataclasses import replace
from functools import cache
from string import Formatter
from typing import Literal

from collectivesft.schema.example import Example, Language

Asked = Literal["answer_only", "cot"]

SINGLE, MULTIPLE = "单项选择题", "多项选择题"
_ASK = {
    "answer_only": "不需要做任何分析和解释，直接输出答案选项。",
    "cot": "请分析每个选项，并最后给出答案。",
}
_ASK_ENGLISH = {
    "answer_only": "Give only the letter of the correct option, without analysis or explanation.",
    "cot": "Analyse each option and give the answer at the end.",
}
# A clause ends with its mark; one within a field's braces ends nothing.
_CLAUSE = re.compile(
    r"(?:\{[^}]*\}|[^{，。：；！？,:;!?])+[，。：；！？,:;!?]?|[，。：；！？,:;!?]"
)
_ANSWER = {"zh": "答案是{}。", "en": "The answer is {}."}
_PAPER_ANSWER = _ANSWER | {"en": "The answer is {} ."}
_SO = {"zh": "所以答案是{}。", "en": " So the answer is {}."}


def fill(template: str, **fields: str) -> str:
    """Fill in a template; a clause whose fields are all empty is left out, and a line of such.

    The paper's code leaves out a line where a fact is not known (MedMCQA's topic, NLPEC's
    subject). An empty field takes no other with it: ``{ward}患者问：{question}`` without a ward
    is the question.
    """
    if all(fields[name] for name in _names(template)):
        return template.format(**fields).strip("\n")
    filled = (_fill_line(clauses, fields) for clauses in _lines(template))
    return "\n".join(line for line in filled if line is not None).strip("\n")


def _fill_line(clauses: list[tuple[str, list[str]]], fields: dict[str, str]) -> str | None:
    """One line from its clauses with the names of their fields; None where nothing is known."""
    known = [(text, asked) for text, asked in clauses if not asked or any(map(fields.get, asked))]
    if len(known) == len(clauses):
        return "".join(text for text, _ in clauses).format(**fields)
    if not any(asked for _, asked in known):
        return None
    line = "".join(text for text, _ in known)
    # The sentence ends as it did: "从甲，向乙。" without the second clause is "从甲。"
    return (line[:-1] + clauses[-1][0][-1] if line[-1] in "，,；;" else line).format(**fields)


@cache
def _names(template: str) -> tuple[str, ...]:
    return tuple(names(template))


@cache
def _lines(template: str) -> list[list[tuple[str, list[str]]]]:
    """Its lines as clauses with the names of their fields; one template is filled for each row."""
    return [
        [(clause, names(clause)) for clause in _CLAUSE.findall(line)] or [("", [])]
        for line in template.split("\n")
    ]


def names(template: str) -> list[str]:
    """Names of a template's fields."""
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def paper_options(options: dict[str, str]) -> str:
    """Options as the paper's code writes them, ``A: text`` lines."""
    return "\n".join(f"{letter}: {text}" for letter, text in options.items())


def paper_reply(answer: str, language: Language, explanation: str = "", paper: bool = False) -> str:
    """An answer as the paper's code writes it: the explanation, if any, then a closing line.

    Args:
        paper: to the character: its English line has a space before the full stop ("The answer is
            C .").
    """
    closing = (_PAPER_ANSWER if paper else _ANSWER)[language].format(answer)
    return f"{explanation}\n{closing}" if explanation else closing


def cmb_options(options: dict[str, str]) -> str:
    """Options as CMB writes them, ``A. text`` lines."""
    return "\n".join(f"{letter}. {text}" for letter, text in options.items())


def cmb_prompt(
    exam: str, kind: str, question: str, options: str, asked: Asked, language: Language = "zh"
) -> str:
    """CMB's prompt for a question.

    Args:
        exam: such as ``中国医师考试中规培结业考试``; in English with its article.
        kind: SINGLE or MULTIPLE.
        options: lines, as ``cmb_options`` gives them.
    """
    if language == "en":
        one = "multiple-answer" if kind == MULTIPLE else "single-choice"
        head = f"The following is a {one} question from {exam}. {_ASK_ENGLISH[asked]}"
    else:
        head = f"以下是{exam}的一道{kind}，{_ASK[asked]}"
    return f"{head}\n{question}\n{options}"


def cmb_reply(answer: str, explanation: str, asked: Asked, language: Language = "zh") -> str:
    """Return the reply of CMB's few-shot examples: ``答案是X。``; for cot after the explanation."""
    if asked == "cot":
        return f"{explanation}{_SO[language].format(answer)}"
    return _ANSWER[language].format(answer)


def _explanation(reply: str, language: Language) -> str:
    """Return the text before the closing line, in either form and any order of letters."""
    head, tail = _ANSWER[language].split("{}")
    return re.sub(rf"(^|\n){head}[A-Z]+ ?{re.escape(tail)}$", "", reply).strip()


def in_cmb_form(example: Example) -> Example:
    """An exam question asked as CMB asks; any other example as it is.

    Answer-only, or with CMB's request for an analysis where the dataset explains the answer.
    """
    if example.style != "mcqa":
        return example
    meta, language = example.meta, example.language
    explanation = _explanation(example.messages[-1][1], language)
    asked: Asked = "cot" if explanation else "answer_only"
    kind = meta.get("question_type") or (MULTIPLE if len(meta["answer"]) > 1 else SINGLE)
    options = cmb_options(meta["options"])
    prompt = cmb_prompt(meta["exam"], kind, meta["question"], options, asked, language)
    reply = cmb_reply(meta["answer"], explanation, asked, language)
    return replace(example, messages=[("user", prompt), ("assistant", reply)])
