"""Time our protocols against the official way (transformers' generate) on the same prompts.

CPU seconds a question, in one process on one model: only the ratios carry over to other machines.

    python benchmarks/scores.py --model FOLDER --items cmb.items.jsonl [--questions 6]

Writes benchmarks/results/scores.md. The official way is CMB's: answer-only prompts, padded
batches of 1 and of 3, up to 512 new tokens.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from collectivesft import benchmarks
from collectivesft.benchmarks.item import Item, load_items
from collectivesft.files import write_text
from collectivesft.scores import decode
from collectivesft.scores import model as models
from collectivesft.scores.prompts import few_shot, render, turns
from collectivesft.scores.sampling import choose
from collectivesft.scores.settled import settled

RESULTS = Path(__file__).parent / "results/scores.md"


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=6)
    parser.add_argument("--shots", type=int, default=3)
    parser.add_argument("--max-new-tokens", type=int, default=512)
    options = parser.parse_args()
    model = models.load(options.model, threads=1)
    items = list(load_items(options.items))
    asked = choose(items, options.questions, seed=42)
    pool = [item for item in items if item.split == "val"]
    shots = few_shot(asked[0], pool, options.shots)  # the same for all: one shared prefix
    prompts = [encode(model, item, shots) for item in asked]
    rows = list(measure(model, asked, prompts, options.max_new_tokens))
    text = table(options, model, prompts, rows)
    print(text)
    write_text(RESULTS, text)


def encode(model: models.LanguageModel, item: Item, shots: list[Item]) -> list[int]:
    """Token ids of a plain prompt that ends with the lead."""
    conversation = turns(item, shots, "answer_only", "corrected")
    text = render(model.tokenizer, conversation, "plain", "答案是").text
    return models.encode(model, text, "plain")


def measure(model, items: list[Item], prompts: list[list[int]], limit: int):
    """Name and CPU seconds of each way to ask all questions."""
    yield "official: generate, batch 1", seconds(lambda: official(model, prompts, 1, limit))
    yield "official: generate, batch 3", seconds(lambda: official(model, prompts, 3, limit))
    yield "ours: generate to the end", seconds(lambda: ours(model, items, prompts, limit, False))
    yield "ours: generate until settled", seconds(lambda: ours(model, items, prompts, limit, True))
    yield "ours: likelihood", seconds(lambda: likelihood(model, prompts))
    yield "bare forward passes", seconds(lambda: bare(model, prompts))


def seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def official(model, prompts: list[list[int]], size: int, limit: int) -> None:
    """As CMB's worker: batches padded on the left, transformers' generate."""
    import torch

    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        width = max(map(len, batch))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in batch])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in batch])
        model.network.generate(
            input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=limit,
            eos_token_id=list(model.stops) or None, pad_token_id=0,
        )  # fmt: skip


def ours(model, items: list[Item], prompts: list[list[int]], limit: int, early: bool) -> None:
    def done(index: int, tokens: list[int]) -> bool:
        return settled(models.text_of(model, tokens), "答案是", items[index].options)

    prefix = decode.read_prefix(model, prompts)
    decode.generate(model, prefix, prompts, limit, done if early else None)


def likelihood(model, prompts: list[list[int]]) -> None:
    prefix = decode.read_prefix(model, prompts)
    for prompt in prompts:
        decode.log_probabilities(model, prefix, prompt, [0, 1, 2, 3])


def bare(model, prompts: list[list[int]]) -> None:
    """One whole forward pass a prompt, no prefix shared."""
    import torch

    with torch.inference_mode():
        for prompt in prompts:
            model.network(torch.tensor([prompt]), logits_to_keep=1, use_cache=False)


def table(options, model, prompts: list[list[int]], rows: list[tuple[str, float]]) -> str:
    """The Markdown that is written."""
    base = rows[0][1]
    shared, longest = decode.common_prefix(prompts), max(map(len, prompts))
    parameters = sum(p.numel() for p in model.network.parameters())
    lines = [
        "# Scoring: CPU seconds a question",
        "",
        f"{len(prompts)} questions of {benchmarks.get('cmb').SOURCE.title}'s layout, prompts up to "
        f"{longest} tokens of which {shared} are shared, {options.shots} examples, up to "
        f"{options.max_new_tokens} new tokens; {parameters:,} parameters, one CPU thread.",
        "",
        "| way | s a question | against official, batch 1 |",
        "| --- | ---: | ---: |",
    ]
    for name, value in rows:
        lines.append(f"| {name} | {value / len(prompts):.3f} | {base / value:.1f} x |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
