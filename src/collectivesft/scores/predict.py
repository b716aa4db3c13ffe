"""Let a model answer a benchmark's questions; a killed run resumes after its last batch."""

import hashlib
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collectivesft.common.digests import software
from collectivesft.common.errors import InputError, UserError
from collectivesft.common.progress import Reporter
from collectivesft.common.significance import power_words
from collectivesft.schema.item import load_items
from collectivesft.schema.option_orders import PUBLISHED
from collectivesft.schema.protocol_rules import protocol_fault
from collectivesft.scores.engines import decode, openai_server
from collectivesft.scores.engines import language_model as models
from collectivesft.scores.engines.language_model import LanguageModel
from collectivesft.scores.engines.openai_server import Server
from collectivesft.scores.engines.questions import Protocol, Question, letter_tokens, prepare, room
from collectivesft.scores.engines.resume_log import ResumeLog
from collectivesft.scores.extract.early_stop import is_final
from collectivesft.scores.prompt.item_sample import choose
from collectivesft.scores.prompt.prompts import lead_of

TOO_LONG = "prompt_too_long"
# Modules that decide the answers to given prompts.
CODE = (*models.CODE, "scores/predict", "scores/engines/questions", "scores/extract/early_stop")


def predict(
    folder: Path,
    name: str,
    items: Path,
    out: Path,
    options: Protocol,
    server: Server | None = None,
) -> None:
    """Write one row for each test item that is asked, in the order of the file.

    A row holds id, benchmark, model (``name``), category, subcategory, question_type, multiple,
    options (letters), prompt, lead (the end of the prompt that belongs to the answer), raw (what
    the model wrote), stopped (it ended within the limit; true for likelihood), settled (it
    was ended since nothing more could change its reading: raw is then shorter than what the model
    would have written, its letters are the same), answer (the key),
    method, likelihood (natural log probability by letter, or null), prompt_tokens, shots (solved
    examples shown), shots_dropped (left out, least related first, so that the prompt fits), error
    (null or prompt_too_long: not even the bare question fits, so nothing was asked), limit,
    sample_seed and engine (transformers or openai). Where options are asked in several orders, also
    variants: order (published letters as shown), repeat (the published order a second time), raw,
    stopped, settled, likelihood (by the letters shown) and error. Where answers are drawn, also
    temperature, draw_seed and samples: raw, stopped, settled, likelihood and error of each, the
    first one included. No prompt is ever cut. Letters
    are extracted by `scores score`: a changed extraction needs no model. On a CPU the rows are the
    same at any batch size, in any order of items, and after an interruption.

    Args:
        folder: the model.
        items: JSON Lines of benchmark items.
        server: asks this server, which must serve the folder's model, and loads no model;
            prompts are made with the folder's tokenizer all the same.

    Raises:
        UserError: a model that cannot be loaded, or does not suit the options; a server that
            refuses.
        InputError: ``items`` has no test questions with options.
    """
    how = (options.method, options.template, options.temperature, options.samples, options.orders)
    if fault := protocol_fault(*how):
        raise UserError(f"{fault[0].upper()}{fault[1:]} in the protocol.")
    all_items = list(load_items(items))
    asked = choose(all_items, options.limit, options.sample_seed)
    if {item.kind for item in asked} not in ({"choice"}, {"text"}):
        remedy = "Name the items of a benchmark of choices or of free text"
        raise InputError(items, "no test questions with options or in free text", remedy)
    kind = asked[0].kind
    lead_of(options.method, options.style, options.template, kind)  # refuse before a model is read
    if kind == "text" and options.orders != PUBLISHED:
        raise UserError("Free text has no options to reorder. Set orders: published.")
    if kind == "text" and options.samples > 1:
        raise UserError("Free text is answered once. Set samples: 1 in the protocol.")
    checksum = models.digest(folder)
    model = models.load_tokenizer(folder) if server else models.load(folder, options.threads)
    questions = prepare(model, asked, all_items, options)
    _say_power(out.name.partition(".predictions")[0], len(asked), kind)
    label = f"{name}, {out.name.partition('.predictions')[0]}: questions"
    with ResumeLog(out, _header(checksum, name, questions, options, server)) as journal:
        if server:
            answers = openai_server.answer_all(model, questions, options, server, journal, label)
        else:
            answers = _answer_all(model, questions, options, journal, label)
        engine = "openai" if server else "transformers"
        rows = (
            _row(name, q, variants, answers, options, engine)
            for q, variants in _with_variants(questions)
        )
        journal.finish(rows)


def _say_power(label: str, items: int, kind: str) -> None:
    """Print the gain that these questions can show, before hours are spent on them."""
    if kind == "choice":
        sys.stderr.write(f"{label}: {power_words(items)}\n")


def _with_variants(
    questions: Sequence[Question],
) -> Iterator[tuple[Question, list[Question]]]:
    """Yield each item's first question with its variants, which follow it."""
    for _, group in itertools.groupby(questions, key=lambda q: q.item.id):
        first, *variants = group
        yield first, variants


def _header(
    checksum: str,
    name: str,
    questions: Sequence[Question],
    options: Protocol,
    server: Server | None,
) -> dict[str, Any]:
    """Return the facts that answers depend on: a journal with other facts is of no use."""
    digest = hashlib.sha256()
    for q in questions:
        facts = [asdict(q.item), q.prompt.text, q.prompt.lead, q.ids]
        digest.update(json.dumps(facts, ensure_ascii=False).encode() + b"\n")
    asked, code = asdict(options), software(CODE)
    facts = {"model": checksum, "name": name, "questions": digest.hexdigest(), "code": code}
    if server is None:
        return {**facts, "options": asked, **models.versions()}
    del asked["batch_size"], asked["threads"]  # a server batches by itself
    return {**facts, "options": asked, **server.facts()}


def _groups(
    model: LanguageModel, questions: Sequence[Question], options: Protocol
) -> list[list[Question]]:
    """Group the questions that fit by their common beginning, longest prompts first.

    Questions of one sub-category begin alike: with their exam's name, after their examples. What
    they share is read once. Answers without examples are written in batches of all questions all
    the same: full batches save more than a short beginning does. Variants of one item stay
    together.
    """
    apart = bool(options.shots) or options.method == "likelihood"
    groups: dict[tuple[str, str] | None, list[Question]] = {}
    for q in questions:
        if models.fits(model, len(q.ids), room(options)):
            key = (q.item.category, q.item.subcategory) if apart else None
            groups.setdefault(key, []).append(q)
    for group in groups.values():
        longest = {q.item.id: 0 for q in group}
        for q in group:
            longest[q.item.id] = max(longest[q.item.id], len(q.ids))
        group.sort(key=lambda q: -longest[q.item.id])
    return sorted(groups.values(), key=lambda group: -len(group[0].ids))


def _answer_all(
    model: LanguageModel,
    questions: Sequence[Question],
    options: Protocol,
    journal: ResumeLog,
    label: str,
) -> dict[str, dict[str, Any]]:
    """Answers by key of the question; those of too long prompts are left out."""
    groups = _groups(model, questions, options)
    tokens = letter_tokens(model, questions, options) if options.method == "likelihood" else {}
    answers = {id: answer for record in journal.done for id, answer in record["answers"].items()}
    with Reporter(label, sum(map(len, groups))) as reporter:
        for group in groups:
            waiting = [q for q in group if q.key not in answers]
            reporter.advance(len(group) - len(waiting))
            if waiting:  # the whole group's beginning: a shorter one would round differently
                prefix = decode.read_prefix(model, [q.ids for q in group])
            for batch in _batches(waiting, options.batch_size):
                found = _answer_batch(model, prefix, batch, tokens, options)
                found = dict(zip((q.key for q in batch), found, strict=True))
                journal.append({"answers": found})
                answers |= found
                reporter.advance(len(batch))
    return answers


def _batches(questions: Sequence[Question], size: int) -> Iterator[list[Question]]:
    """Yield batches of ``size`` questions; the orders of one item are in the same batch, so that
    what their prompts share is the same after an interruption. Drawn answers need not be."""
    batch: list[Question] = []
    for _, variants in itertools.groupby(questions, key=lambda q: (q.item.id, q.sample)):
        unit = list(variants)
        if batch and len(batch) + len(unit) > size:
            yield batch
            batch = []
        batch += unit
    if batch:
        yield batch


def _answer_batch(
    model: LanguageModel,
    prefix: decode.Prefix,
    batch: Sequence[Question],
    tokens: dict[str, int],
    options: Protocol,
) -> list[dict[str, Any]]:
    if options.method == "likelihood":
        return _likelihoods(model, prefix, batch, tokens)

    def done(index: int, new: list[int]) -> bool:
        q = batch[index]
        return is_final(models.text_of(model, new), q.prompt.lead, q.item.options, q.item.multiple)

    ask = done if options.stop == "early" else None
    ids, draws = [q.ids for q in batch], None
    if options.temperature:
        draws = [decode.Draw(q.seed(options.draw_seed), options.temperature) for q in batch]
    return [
        {
            "raw": models.text_of(model, written.tokens),
            "stopped": written.stopped,
            "settled": written.settled,
            "likelihood": None,
        }
        for written in decode.generate(model, prefix, ids, options.max_new_tokens, ask, draws)
    ]


def _likelihoods(
    model: LanguageModel, prefix: decode.Prefix, batch: Sequence[Question], tokens: dict[str, int]
) -> list[dict[str, Any]]:
    wanted = [[tokens[letter] for letter in q.item.options] for q in batch]
    ids = [q.ids for q in batch]
    if decode.reads_together(model):
        found = decode.log_probabilities_together(model, prefix, ids, wanted)
    else:
        found = []
        for _, group in itertools.groupby(range(len(batch)), key=lambda i: batch[i].item.id):
            variants = list(group)
            shared = prefix
            if len(variants) > 1:
                shared = decode.extend_prefix(model, prefix, [ids[i] for i in variants])
            found += [decode.log_probabilities(model, shared, ids[i], wanted[i]) for i in variants]
    return [_likelihood(q, values) for q, values in zip(batch, found, strict=True)]


def _likelihood(q: Question, values: Sequence[float]) -> dict[str, Any]:
    rounded = (round(value, 6) for value in values)
    found = dict(zip(q.item.options, rounded, strict=True))
    return {"raw": "", "stopped": True, "settled": False, "likelihood": found}


def _row(
    name: str,
    q: Question,
    variants: Sequence[Question],
    answers: dict[str, dict[str, Any]],
    options: Protocol,
    engine: str,
) -> dict[str, Any]:
    item = q.item
    asked_again = {
        "variants": [
            {"order": v.order or "".join(item.options), "repeat": v.repeat, **_said(v, answers)}
            for v in variants
        ]
    }
    drawn = {
        "temperature": options.temperature,
        "draw_seed": options.draw_seed,
        "samples": [_said(one, answers) for one in (q, *variants)],
    }
    return {
        "id": item.id,
        "benchmark": item.benchmark,
        "model": name,
        "category": item.category,
        "subcategory": item.subcategory,
        "question_type": item.meta.get("question_type", ""),
        "multiple": item.multiple,
        "options": list(item.options),
        "prompt": q.prompt.text,
        "lead": q.prompt.lead,
        "prompt_tokens": len(q.ids),
        "shots": q.shots,
        "shots_dropped": q.dropped,
        "answer": item.answer,
        "method": options.method,
        "limit": options.limit,
        "sample_seed": options.sample_seed,
        "engine": engine,
        **_said(q, answers),
        **(asked_again if options.orders != PUBLISHED else {}),
        **(drawn if options.temperature else {}),
    }


def _said(q: Question, answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    nothing = {"raw": "", "stopped": False, "settled": False, "likelihood": None}
    return {"error": None, **answers.get(q.key, {**nothing, "error": TOO_LONG})}
