"""From a benchmark item to the text that a model reads."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from collectivesft import benchmarks
from collectivesft.common.errors import UserError
from collectivesft.schema.item import Item

Template = Literal["chat", "plain", "cmb", "lm_eval"]

LEAD = "答案是"
# The end of a question in lm-evaluation-harness's text of CMMLU, and the text before its letter.
LM_EVAL_LEAD, LM_EVAL_GAP = "答案：", " "
# CMB's own words around questions for a model without its own format (README.md, "Modify
# model worker").
_CMB_SYSTEM = "你是一个人工智能助手。"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Text that a model reads.

    Attributes:
        text: the whole text.
        lead: the end of ``text`` that belongs to the answer: the model's words continue
            it, and the answer is read together with it. "" where the answer begins afresh.
        gap: text between ``text`` and a letter whose probability is asked.
    """

    text: str
    lead: str
    gap: str = ""


def few_shot(item: Item, pool: Sequence[Item], shots: int, seed: int | None = None) -> list[Item]:
    """The ``shots`` val items shown before ``item``: of its sub-category, then of its category,
    then any, each in file order.

    With a seed they are drawn for each item from its sub-category only, as CMB's
    generate_fewshot.py does, which has no seed and so never draws the same twice. A task in free
    text is explained by its own examples only, as many as there are.

    Raises:
        UserError: fewer val items than shots; with a seed, in the item's sub-category.
    """
    if not shots:
        return []
    if seed is not None:
        return _drawn(item, pool, shots, seed)
    if item.kind == "text":
        return [other for other in pool if other.subcategory == item.subcategory][:shots]
    if shots > len(pool):
        raise UserError(
            f"{shots} shots asked for, but {item.benchmark} has only {len(pool)} val items. "
            "Lower shots in the protocol."
        )

    def distance(other: Item) -> int:
        if (other.category, other.subcategory) == (item.category, item.subcategory):
            return 0
        return 1 if other.category == item.category else 2

    return sorted(pool, key=distance)[:shots]


def _drawn(item: Item, pool: Sequence[Item], shots: int, seed: int) -> list[Item]:
    group = (item.category, item.subcategory)
    own = [other for other in pool if (other.category, other.subcategory) == group]
    if shots > len(own):
        raise UserError(
            f"{shots} shots asked for, but {item.benchmark} has only {len(own)} val items of "
            f"{item.subcategory}. Lower shots in the protocol, or leave shots_seed out."
        )
    return random.Random(f"{seed}:{item.id}").sample(own, shots)


def turns(item: Item, examples: Sequence[Item], style: str, preset: str) -> list[tuple[str, str]]:
    """The conversation that ends with the question: ``(role, content)`` pairs.

    Args:
        examples: solved items to show first, each as a question and its reply.
        style: answer_only or cot. A cot example without explanation shows only its answer.
        preset: official leaves out options of one character and cuts no blanks, as CMB's own code.
    """
    if preset == "official":
        item, *examples = (one.published() for one in (item, *examples))
    module = benchmarks.get(item.benchmark)
    pairs: list[tuple[str, str]] = []
    for example in examples:
        pairs.append(("user", module.prompt(example, style, preset)))
        pairs.append(("assistant", module.target(example, style)))
    return [*pairs, ("user", module.prompt(item, style, preset))]


def render(
    tokenizer: Any, conversation: Sequence[tuple[str, str]], template: Template, lead: str
) -> Prompt:
    """Render a conversation as text, up to the model's turn.

    chat is the tokenizer's chat template with its mark for the assistant's turn; plain joins
    question and reply by one line break, one pair and the next by two, and ends with a line break;
    cmb is the text of CMB's default worker: a system sentence, then 问：...答：... for each turn.

    Args:
        lead: "" or words that the answer begins with, such as LEAD.

    Raises:
        UserError: chat asked for, and the tokenizer has no chat template.
    """
    if template == "plain":
        text = "".join(
            f"{content}\n" if role == "user" else f"{content}\n\n" for role, content in conversation
        )
        return Prompt(text + lead, lead)
    if template == "cmb":
        said = (
            f"问：{text}\n" if role == "user" else f"答：{text}\n" for role, text in conversation
        )
        return Prompt(f"{_CMB_SYSTEM}{''.join(said)}答：{lead}", lead)
    if not getattr(tokenizer, "chat_template", None):
        raise UserError(
            f"{tokenizer.name_or_path}: the tokenizer has no chat template. "
            "Set template: plain in the protocol, or give the model one."
        )
    messages = [{"role": role, "content": content} for role, content in conversation]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return Prompt(text + lead, lead)


def lm_eval_prompt(item: Item, examples: Sequence[Item]) -> Prompt:
    """Render a question as lm-evaluation-harness's tasks of CMMLU do, to the character.

    A line names the subject; each question has its options as ``A. text`` lines and ends with
    LM_EVAL_LEAD, a solved example with its letter. The letter comes after LM_EVAL_GAP. Options
    keep the blanks at their ends that the authors' file has. Source: EleutherAI/
    lm-evaluation-harness @ 4e7e0d47, lm_eval/tasks/cmmlu, version 1.0.

    Args:
        examples: solved items to show first.

    Raises:
        UserError: the harness has no task of this benchmark.
    """
    subject = getattr(benchmarks.get(item.benchmark), "lm_eval_subject", None)
    if subject is None:
        raise UserError(
            f"lm-evaluation-harness has no text for {item.benchmark}. "
            "Set template: chat, plain or cmb in the protocol."
        )
    head = f"以下是关于{subject(item)}的单项选择题，请直接给出正确答案的选项。\n\n"
    solved = [f"{_lm_eval_question(one)}{LM_EVAL_GAP}{one.answer}\n\n" for one in examples]
    text = f"{head}{''.join(solved)}{_lm_eval_question(item)}"
    return Prompt(text, LM_EVAL_LEAD, LM_EVAL_GAP)


def _lm_eval_question(item: Item) -> str:
    options = "".join(f"{letter}. {text}\n" for letter, text in item.published().options.items())
    return f"{item.question}\n{options}{LM_EVAL_LEAD}"


def lead_of(method: str, style: str, template: Template, kind: str = "choice") -> str:
    """The words that an answer is made to begin with.

    The likelihood method needs LEAD, so that a letter comes next. So does plain text that asks
    for the letters only: without a template nothing else says that an answer is due. Free text
    begins afresh.

    Raises:
        UserError: likelihood with cot, which leaves no place for the reasoning, or of free text.
    """
    if kind == "text":
        if method == "likelihood":
            raise UserError("Free text has no letters to compare. Use method: generate.")
        return ""
    if method == "likelihood":
        if style == "cot":
            raise UserError(
                "method likelihood reads the next letter and leaves no room for reasoning. "
                "Set style: answer_only in the protocol, or method: generate."
            )
        return LM_EVAL_LEAD if template == "lm_eval" else LEAD
    return LEAD if template == "plain" and style == "answer_only" else ""
