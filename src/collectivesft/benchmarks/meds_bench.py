"""MedS-Bench: clinical tasks in free text, eleven types, each task with its own metric."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.readers.json_rows import jsonl_rows, member_rows, members
from collectivesft.readers.row import REMEDY, Row
from collectivesft.readers.table_rows import csv_rows
from collectivesft.schema.item import Item
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import Hub, RawFile, Source

_REPO, _REVISION = "Henrychur/MedS-Bench", "7e3fc90ff90514ba6cc412c466d5f039bd34a606"
# Folder to its task type in the paper, and the metric of its tasks as MedS-Ins @ cb26b7f29 has it
# (Metrics/*.py); tasks that differ from their folder are in _METRICS.
_FOLDERS = {
    "MCQA": ("Multiple choice", "letter"),
    "Text_summarization": ("Text summarisation", "overlap"),
    "Information_extraction": ("Information extraction", "contains"),
    "Explanation": ("Explanation and rationale", "overlap"),
    "Rationale": ("Explanation and rationale", "overlap"),
    "NER": ("Named entities", "entities"),
    "Diagnosis": ("Diagnosis", "contains"),
    "Treatment_planning": ("Treatment planning", "contains"),
    "Clinical_outcome_prediction": ("Outcome prediction", "true_false"),
    "Text_classification": ("Text classification", "labels"),
    "Fact_verication": ("Fact verification", "contains"),  # so spelt
    "NLI": ("Natural language inference", "contains"),
}
CATEGORIES = {label: label for label, _ in _FOLDERS.values()}
_METRICS = {"task123": "first_word", "task42": "overlap", "task100": "overlap"}
_NAMES = {
    "MCQA": (
        "task122_medmcqa_test_set.json",
        "task123_pubmedqa_test_set.json",
        "task57_medqa_question_answering_en.jsonl",
        "task58_medqa_question_answering_zh.jsonl",
        "task59_igakuqa_question_answering.jsonl",
        "task60_frenchmedmcqa_question_answering.jsonl",
        "task61_rumedbench_question_answering.jsonl",
        "task129_headqa_question_answering.jsonl",
    ),
    "Information_extraction": (
        "task1_participant_extraction.json",
        "task2_intervention_extraction.json",
        "task3_outcome_extraction.json",
        "task29_drug_dose_extraction.json",
        "task74_pmc_patient_case_report_basic_information_extraction.json",
    ),
    "Explanation": (
        "task18_test_healthfact_sentence_generation.json",
        "task46_do_entity_explanation.json",
        "task50_biolord_explanation.json",
    ),
    "NER": (
        "task125_test_bc4chem_named_enetity_recognition.json",
        "task126_test_bc5chem_named_enetity_recognition.json",
        "task127_test_bc5disease_named_enetity_recognition.json",
        "task128_test_species800_named_enetity_recognition.json",
    ),
    "Diagnosis": ("task130_DDXPlus_text_classification_test.json",),
    "Treatment_planning": ("task131_SEER_text_classification_test.json",),
    "Text_classification": ("task106_hoc_text_classification.json",),
    "Fact_verication": (
        "task12_pubmedqa_classification.json",
        "task16_test_healthfact_classification.json",
        "task100_ebms_answer_vertification.json",
    ),
}

SOURCE = Source(
    name="meds_bench",
    title="MedS-Bench",
    homepage="https://huggingface.co/datasets/Henrychur/MedS-Bench",
    licence="CC BY-SA (GitHub; none stated on the Hub); its parts have their own",
    citation="wu2024medsins",
    files=tuple(
        RawFile(f"{folder}/{name}", (Hub(_REPO, _REVISION, f"{folder}/{name}"),))
        for folder, names in _NAMES.items()
        for name in names
    ),
    notes=(
        "Eight of the paper's eleven task types are in these files (Rationale, six files whose "
        "names are unknown here, can be placed by hand; upstream's example of a results file, "
        "Rationale/rationale.csv, is read too, with the solved examples that it asks after).",
        "Summaries, outcome prediction and inference rest on MIMIC and were withdrawn upstream "
        "(inference still stood at the pinned revision); own copies can be placed by hand.",
        "Unverified: file names of Diagnosis, Text_classification and Fact_verication are from "
        "third parties' code; the format of the .jsonl files was not seen, both likely ones are "
        "read.",
        "Upstream asks all but MCQA after three solved examples, drawn anew from the scored items "
        "themselves; here only a task's own positive examples are shown, where it has any.",
        "task12 has one answer for all its questions (no), so its accuracy tells nothing.",
    ),
)

KINDS = ("text", "upload")
_SHOWN = "Positive Examples"
_CHAT = re.compile(
    r"<\|start_header_id\|>(system|user)<\|end_header_id\|>\s*(.*?)<\|eot_id\|>", re.DOTALL
)
# "The right answer is C: x", "正しい答えは E: x です", "La bonne réponse est A: x, D: y".
_LETTER = re.compile(r"(?<![A-Za-z])([A-H](?:\s*[,，、]\s*[A-H])*)(?=\s*[:：.)）])")
_PREFIX = re.compile(r"the (?:diagnosis result|treatment planning|right answer) is\s*:?\s*", re.I)


def items(raw: RawFolder) -> Iterator[Item]:
    """Yield the instances of every task file, and its positive examples (val) where it has any.

    Raises:
        InputError: a folder that is no task type, a file without instances, an empty text.
    """
    for name in raw.names:
        path = PurePosixPath(name)
        if path.parent.name not in _FOLDERS:
            known = f"Place it in one of the folders {', '.join(_FOLDERS)}"
            raise InputError(raw.path(name), "not in the folder of a task type", known)
        part, task = Part.of(raw, name), path.stem.partition("_")[0]
        if name.endswith(".csv"):
            yield from _of_results(part, path.parent.name)
            continue
        if _is_lines(part):
            head, examples, rows = {}, [], jsonl_rows(part)
        else:
            head = members(part, "Instances")
            examples = Row(part, 1, {_SHOWN: head.get(_SHOWN)}).items(_SHOWN)
            rows = member_rows(part, "Instances")
        shared = {"file": name, "task": task, "instruction": _instruction(part, head)}
        for number, example in enumerate(examples, start=1):
            yield _item(Row(part, number, example), path.parent.name, shared, "val")
        for row in rows:
            yield _item(row, path.parent.name, shared, "test")


def _of_results(part: Part, folder: str) -> Iterator[Item]:
    """Yield the items of a file of results, each with the chat that upstream asked.

    Raises:
        InputError: a row whose input is no chat of Llama 3 with a system and a user turn.
    """
    for row in csv_rows(part, ("task_id", "input", "GT")):
        turns = dict(_CHAT.findall(row.text("input"))) if row.value else {}
        if not {"system", "user"} <= turns.keys():
            raise row.error("input is no chat with a system and a user turn")
        task, wanted = row.text("task_id"), row.text("GT")
        shared = {"file": f"{folder}/{task}", "task": task, "instruction": turns["system"].strip()}
        asked = {"input": turns["user"].strip(), "output": wanted}
        yield _item(Row(part, row.number, asked), folder, shared, "test")


def _is_lines(part: Part) -> bool:
    """Return True if a file has one instance a line, False if it is one object with all.

    Raises:
        InputError: a file without a line.
    """
    if not part.name.endswith(".jsonl"):
        return False
    try:
        first = next(jsonl_rows(part), None)
    except InputError:  # an object over several lines; if it is none, its reader says so
        return False
    if first is None:
        raise InputError(part.label, "an empty file", REMEDY, row=1)
    return not isinstance(first.value, dict) or "input" in first.value


def _instruction(part: Part, head: dict[str, Any]) -> str:
    """A task's definition; of several wordings the first, as upstream's evaluation takes it."""
    definition = head.get("Definition") or ""
    first = definition[0] if isinstance(definition, list) and definition else definition
    return Row(part, 1, {"Definition": first}).text("Definition") if first else ""


def _texts(row: Row, key: str) -> list[str]:
    """One text or a list of texts, without empty ones; true and false are written out."""
    value = row.get(key)
    values = value if isinstance(value, list) else [value]
    values = [str(one) if isinstance(one, bool) else one for one in values]
    return [text for text in (row.as_text(key, one) for one in values) if text]


def _item(row: Row, folder: str, shared: dict[str, str], split: str) -> Item:
    label, metric = _FOLDERS[folder]
    task = shared["task"]
    asked, wanted = "\n".join(_texts(row, "input")), _texts(row, "output")
    if not asked or not wanted:
        raise row.error(f"{'output' if asked else 'input'} is empty")
    metric = _METRICS.get(task, metric)
    references = [_PREFIX.sub("", text).strip() or text for text in wanted]
    if metric == "letter":
        references = [_lettered(row, text, asked) for text in wanted]
    return Item(
        id=f"{task}-{split}-{row.number}",
        benchmark="meds_bench",
        split=split,
        kind="text",
        category=label,
        subcategory=PurePosixPath(shared["file"]).stem,
        question=asked,
        metric=metric,
        references=references,
        multiple=any(_several(text) for text in references),
        meta={**shared, "output": wanted[0]},
    ).at(*row.place_in_file)


def _lettered(row: Row, said: str, asked: str) -> str:
    """A reference that begins with its letters: "E: text", or "AC: text" where several are right.

    Raises:
        InputError: no letter of an option in it.
    """
    found = list(_LETTER.finditer(said)) or list(re.finditer("^[A-H]$", said))
    if not found:
        raise row.error(f"output {said[:40]!r} names no option's letter")
    # A letter within an option's text is none of the answer's: "E: 手術 (A: 開腹)".
    right = [m for m in found if m is found[0] or _is_option(said[m.start() :], asked)]
    names = "".join(sorted(set(re.findall("[A-H]", "".join(match[0] for match in right)))))
    return f"{names}: {said}" if len(names) > 1 else names + said[found[0].end() :]


def _is_option(said: str, asked: str) -> bool:
    """Return True if a text begins as one of the question's options does."""
    listed = (re.sub(r"\s", "", line) for line in re.split(r"[\t\n]", asked))
    plain = re.sub(r"\s", "", said)
    return any(re.match("[A-H][:：]", line) and plain.startswith(line) for line in listed)


def _several(reference: str) -> bool:
    return re.match("[A-H]{2,}:", reference) is not None


def prompt(item: Item, style: str, preset: str) -> str:
    """Definition and input, as upstream's EvalDataset.py joins them for most models."""
    return "\n".join(filter(None, (item.meta["instruction"], item.question)))


def target(item: Item, style: str) -> str:
    """Return the answer of a solved example: the first output, as the file has it."""
    return item.meta["output"]


UPLOAD = "csv"


def submission(item: Item, text: str) -> dict[str, Any]:
    """A row of the results file that the leaderboard takes (examples/model_submission_tutorial)."""
    task, wanted = item.meta["task"], item.meta["output"]
    asked = prompt(item, "answer_only", "corrected")
    return {"task_id": task, "input": asked, "GT": wanted, "output": text}
