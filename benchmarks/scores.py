"""Time our protocols against the official way (transformers' generate) on the same prompts.

    PYTHONPATH=src python benchmarks/scores.py --model FOLDER --items cmmlu_medical.items.jsonl
        [--stopping FOLDER] [--questions 32] [--official 2] [--shots 1 --shots 3]

CPU seconds a question, on one thread, in one process, on one model: only the ratios carry over to
other machines. The official way is CMB's: greedy, padded batches of 1 and of 3, up to 512 new
tokens, nothing shared between questions. Ours are asked in batches of at most 16 of one subject:
CMB has 400 questions of each, so the few here are of ``--subjects`` 2, that batches be as full.

``--model`` is a base model, which goes on after its answer until the limit: it gets plain prompts
that end in 答案是, and the official way only the first ``--official`` questions, a minute each.
``--stopping`` is a tuned one (results/demo/3_sft/demo/model), which ends its answer: it
gets the chat prompts that it was trained on, and all ways all questions. Writes
benchmarks/results/scores.md and scores.json.
"""

import argparse
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from collectivesft.common.files import write_json, write_text
from collectivesft.schema.item import Item, load_items
from collectivesft.scores.engines import decode
from collectivesft.scores.engines import language_model as models
from collectivesft.scores.engines.language_model import LanguageModel
from collectivesft.scores.engines.questions import Protocol, Question, letter_tokens, prepare
from collectivesft.scores.extract.early_stop import is_final
from collectivesft.scores.prompt.item_sample import choose

RESULTS = Path(__file__).parent / "results"
BATCH = 16


@dataclass(frozen=True)
class Work:
    """A model with the questions that it is asked: ``scored`` are the same, up to a letter."""

    model: LanguageModel
    questions: Sequence[Question]
    scored: Sequence[Question]
    how: Protocol

    def ids(self) -> list[list[int]]:
        """The prompts as tokens."""
        return [q.ids for q in self.questions]

    def first(self, count: int) -> "Work":
        """The same with fewer questions."""
        return replace(self, questions=self.questions[:count], scored=self.scored[:count])


def main() -> None:
    """Measure, print and write the tables."""
    options = parse()
    items = list(load_items(options.items))
    some = sorted({item.subcategory for item in items})[: options.subjects]
    among = [item for item in items if item.subcategory in some]
    asked = choose(among, options.questions, seed=42)
    parts = []
    for shots in options.shots or [1, 3]:
        parts.append(part("does not stop", options.model, asked, items, options, shots))
        if options.stopping:
            parts.append(part("stops", options.stopping, asked, items, options, shots))
    measured = {"machine": machine(), "options": described(options), "parts": parts}
    write_json(RESULTS / "scores.json", measured)
    text = table(measured)
    write_text(RESULTS / "scores.md", text)
    print(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--stopping", type=Path)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=32)
    parser.add_argument("--subjects", type=int, default=2)
    parser.add_argument("--official", type=int, default=2)
    parser.add_argument("--shots", type=int, action="append")
    parser.add_argument("--max-new-tokens", type=int, default=512)
    return parser.parse_args()


def described(options: argparse.Namespace) -> dict[str, Any]:
    """The options without the folders of this machine."""
    names = ("questions", "subjects", "official", "max_new_tokens")
    return {name: getattr(options, name) for name in names}


def machine() -> dict[str, Any]:
    import torch
    import transformers

    return {
        "processor": platform.machine(),
        "threads": 1,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def part(
    name: str,
    folder: Path,
    asked: Sequence[Item],
    items: Sequence[Item],
    options: argparse.Namespace,
    shots: int,
) -> dict[str, Any]:
    """All ways with one model: CPU seconds a question, and tokens written a question."""
    ends = name == "stops"
    officially = len(asked) if ends else options.official
    model = models.load(folder, threads=1)
    how = Protocol(
        template="chat" if ends else "plain",
        shots=shots,
        max_new_tokens=options.max_new_tokens,
    )
    scored = prepare(model, asked, items, replace(how, method="likelihood"))
    work = Work(model, prepare(model, asked, items, how), scored, how)
    few = work.first(officially)
    rows = []
    for way, own, run in ways(work, few):
        start, before = time.process_time(), time.perf_counter()
        tokens = run(own)
        seconds, wall = time.process_time() - start, time.perf_counter() - before
        count = len(own.questions)
        rows.append(
            {
                "way": way,
                "questions": count,
                "cpu_s": seconds / count,
                "wall_s": wall / count,
                "tokens": tokens / count,
            }
        )
        print(f"{name}: {way}: {seconds / count:.3f} CPU s a question", flush=True)
    lengths = [len(ids) for ids in work.ids()]
    return {
        "model": name,
        "shots": shots,
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "prompt_tokens": sum(lengths) / len(lengths),
        "longest": max(lengths),
        "rows": rows,
    }


def ways(work: Work, few: Work) -> Iterator[tuple[str, Work, Callable[[Work], int]]]:
    """Name, questions and function of each way; a function returns the tokens it wrote."""
    yield "bare forward passes, whole prompts", work, bare
    yield "ours: likelihood", work, likelihood
    yield "ours: answer until settled", work, lambda own: ours(own, early=True)
    yield "official: generate, batch 3", few, lambda own: official(own, 3)
    yield "official: generate, batch 1", few, lambda own: official(own, 1)
    yield "ours: answer to the end", few, lambda own: ours(own, early=False)


def official(work: Work, size: int) -> int:
    """As CMB's worker: batches padded on the left, transformers' generate."""
    import torch

    prompts, written = work.ids(), 0
    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        width = max(map(len, batch))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in batch])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in batch])
        out = work.model.network.generate(
            input_ids=ids, attention_mask=mask, do_sample=False,
            max_new_tokens=work.how.max_new_tokens,
            eos_token_id=list(work.model.stops) or None, pad_token_id=0,
        )  # fmt: skip
        written += out.shape[0] * (out.shape[1] - width)
    return written


def groups(questions: Sequence[Question]) -> Iterator[list[int]]:
    """Places of questions of one sub-category, whose examples are the same, longest first."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, q in enumerate(questions):
        found.setdefault((q.item.category, q.item.subcategory), []).append(place)
    for places in found.values():
        yield sorted(places, key=lambda place: -len(questions[place].ids))


def ours(work: Work, early: bool) -> int:
    written = 0
    for places in groups(work.questions):
        prefix = decode.read_prefix(work.model, [work.questions[i].ids for i in places])
        for start in range(0, len(places), BATCH):
            batch = [work.questions[i] for i in places[start : start + BATCH]]

            def done(index: int, tokens: list[int], batch: list[Question] = batch) -> bool:
                q = batch[index]
                return is_final(
                    models.text_of(work.model, tokens),
                    q.prompt.lead,
                    q.item.options,
                    q.item.multiple,
                )

            ids = [q.ids for q in batch]
            found = decode.generate(
                work.model, prefix, ids, work.how.max_new_tokens, done if early else None
            )
            written += sum(len(one.tokens) for one in found)
    return written


def likelihood(work: Work) -> int:
    letters = letter_tokens(work.model, work.scored, work.how)
    for places in groups(work.scored):
        asked = [work.scored[i] for i in places]
        prefix = decode.read_prefix(work.model, [q.ids for q in asked])
        for q in asked:
            wanted = [letters[letter] for letter in q.item.options]
            decode.log_probabilities(work.model, prefix, q.ids, wanted)
    return 0


def bare(work: Work) -> int:
    """One whole forward pass a prompt, by itself and without padding, no prefix shared."""
    import torch

    with torch.inference_mode():
        for prompt in work.ids():
            work.model.network(torch.tensor([prompt]), logits_to_keep=1, use_cache=False)
    return 0


def table(measured: dict[str, Any]) -> str:
    """The Markdown that is written."""
    options = measured["options"]
    lines = [
        "# Scoring: CPU seconds a question",
        "",
        f"Questions of {options['subjects']} of CMMLU's medical subjects, each after solved ones "
        f"of its subject; up to {options['max_new_tokens']} new tokens. One thread, torch "
        f"{measured['machine']['torch']}, transformers {measured['machine']['transformers']}. "
        "`benchmarks/scores.py` says what each way does.",
    ]
    for one in measured["parts"]:
        by = {row["way"]: row["cpu_s"] for row in one["rows"]}
        alone, three = by["official: generate, batch 1"], by["official: generate, batch 3"]
        forward = by["bare forward passes, whole prompts"]
        lines += [
            "",
            f"## A model that {one['model']}, {one['shots']} solved "
            f"question{'s' * (one['shots'] > 1)} first",
            "",
            f"{one['parameters']:,} parameters; prompts of {one['prompt_tokens']:.0f} tokens, at "
            f"most {one['longest']}.",
            "",
            "| way | questions | tokens written | CPU s | official, batch 1 | official, batch 3 "
            "| bare forward passes |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for row in one["rows"]:
            value = row["cpu_s"]
            lines.append(
                f"| {row['way']} | {row['questions']} | {row['tokens']:.0f} | {value:.3f} "
                f"| {alone / value:.1f} x | {three / value:.1f} x | {value / forward:.2f} |"
            )
    lines += [
        "",
        "The columns with x say how often faster than the official way; the last one is the time "
        "in bare forward passes.",
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
