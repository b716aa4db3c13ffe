"""PubMedQA: research questions answered from abstracts, with long answer and decision."""

from collections.abc import Iterator
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json
from collectivesft.readers.reader_options import takes
from collectivesft.readers.row import Ids, Row, pair
from collectivesft.readers.table_rows import parquet_rows
from collectivesft.schema.example import Drop, Example
from collectivesft.schema.prompts import fill
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Hub, RawFile, Source

_REPO, _REVISION = "qiaojin/PubMedQA", "9001f2853fb87cab8d220904e0de81ac6973b318"
CONFIGS = ("pqa_artificial", "pqa_labeled", "pqa_unlabeled")
_FILES = tuple(f"{config}/train-00000-of-00001.parquet" for config in CONFIGS)

SOURCE = Source(
    name="pubmedqa",
    title="PubMedQA",
    homepage="https://huggingface.co/datasets/qiaojin/PubMedQA",
    licence="MIT",
    citation="jin2019pubmedqa",
    files=tuple(RawFile(path, (Hub(_REPO, _REVISION, path),)) for path in _FILES),
    rows=273_518,
    notes=(
        "By default all three configurations are used (211,269 + 1,000 + 61,249): their sum is the "
        "row count of the paper's model card, though its code has no converter for this dataset "
        "and its published yaml does not name it.",
        "The unlabelled configuration has no final decision.",
        "The authors' own pubmedqa-labelled.json is read too.",
    ),
    origin=(
        "Research questions with abstracts of PubMed; the artificial questions are titles "
        "turned into questions by rules."
    ),
    annotation=(
        "Decisions of 1,000 questions by annotators, of the artificial ones by rules, "
        "none for the unlabelled ones."
    ),
    synthetic=True,
)

# This project's own: the paper's code has no converter for PubMedQA.
PROMPT = (
    "Answer the question with the help of the abstract.\n\n"
    "Abstract:\n{abstract}\n\nQuestion: {question}"
)


OPTIONS = (
    takes("artificial", "211,269 questions made from titles, answers yes or no by rule"),
    takes("labeled", "1,000 questions with decisions by experts"),
    takes("unlabeled", "61,249 questions without a decision"),
)


def read(
    raw: RawFolder, artificial: str = "read", labeled: str = "read", unlabeled: str = "read"
) -> Iterator[Example | Drop]:
    """Yield an example per question from the Parquet files, or from the authors' JSON.

    Questions of a configuration that is not wanted are dropped as other_configuration.

    Raises:
        InputError: a Parquet file of an unknown configuration, where one is not wanted.
    """
    chosen = dict(zip(CONFIGS, (artificial, labeled, unlabeled), strict=True))
    ids = Ids("pubmedqa")
    for name in raw.names:
        part = Part.of(raw, name)
        rows = _labelled_rows(part) if name.endswith(".json") else _parquet_rows(part)
        config = "pqa_labeled" if name.endswith(".json") else _configuration(part, chosen)
        wanted = chosen.get(config, "read") == "read"
        for row, fields in rows:
            id, question = ids(fields[0], row), fields[1]
            if wanted:
                yield _example(row, id, config, *fields[1:])
            else:
                yield row.drop(id, "other_configuration", question, config)


def form(raw: RawFolder) -> str:
    """Say which files are Parquet of the Hub and which the authors' JSON."""
    kinds = {True: "the authors' JSON", False: "Parquet of the Hub"}
    return "; ".join(f"{name}: {kinds[name.endswith('.json')]}" for name in raw.names)


def _configuration(part: Part, chosen: dict[str, str]) -> str:
    """Return the configuration that a Parquet file's path names, or its first folder.

    Raises:
        InputError: it names none, and some configuration is not wanted: it may be that one.
    """
    named = [config for config in CONFIGS if config in part.name]
    if len(named) != 1 and "drop" in chosen.values():
        remedy = f"Place it in a folder {', '.join(CONFIGS[:-1])} or {CONFIGS[-1]}"
        raise InputError(part.label, "its path names no configuration", remedy)
    return named[0] if len(named) == 1 else part.name.partition("/")[0]


def _parquet_rows(part: Part) -> Iterator[tuple[Row, tuple[Any, ...]]]:
    columns = ("pubid", "question", "context", "long_answer")
    for row in parquet_rows(part, columns, ("final_decision",)):
        contexts = Row(part, row.number, row.fields("context")).texts("contexts")
        decision = row.optional("final_decision")
        key, question, answer = map(row.text, ("pubid", "question", "long_answer"))
        yield row, (key, question, contexts, answer, decision)


def _labelled_rows(part: Part) -> Iterator[tuple[Row, tuple[Any, ...]]]:
    """The original form: one object from PubMed id to question, abstract and answer."""
    content = read_json(part.path)
    if not isinstance(content, dict):
        raise Row(part, 1, None).error("not an object from PubMed id to question")
    for number, (key, value) in enumerate(content.items(), start=1):
        row = Row(part, number, value)
        # ori_pqaa.json and ori_pqau.json have the same layout without LABELS or decision.
        if not isinstance(value, dict) or "final_decision" not in value or "LABELS" not in value:
            what = "the labelled questions: it lacks LABELS or final_decision"
            raise row.error(f"{key} is none of {what}. Of the others the Hub's Parquet is read")
        question, answer = row.text("QUESTION"), row.text("LONG_ANSWER")
        decision = row.optional("final_decision")
        yield row, (key, question, row.texts("CONTEXTS"), answer, decision)


def _example(
    row: Row, id: str, config: str, question: str, contexts: list[str], answer: str, decision: str
) -> Example | Drop:
    abstract = "\n".join(context for context in contexts if context)
    if question and not abstract:
        return row.drop(id, "empty_context", question)
    user = fill(PROMPT, abstract=abstract, question=question) if question else ""
    if answer and decision:
        answer = f"{answer}\nFinal answer: {decision}."
    return pair(row, id, "pubmedqa", "en", user, answer, decision=decision, category=config)
