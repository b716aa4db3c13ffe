"""Measure the cost of asking options in all orders, against one likelihood pass.

    PYTHONPATH=src python benchmarks/circular.py --model FOLDER --items cmb.items.jsonl
        [--questions 40] [--template chat]

Questions have one answer and five options. Counts the tokens that the network reads and the CPU
seconds of one thread, of `scores predict` with method likelihood, in one process. Then the scores
of that model: `circular` of its own answers. Writes benchmarks/results/circular.md and .json.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from collectivesft.common.files import write_json, write_text
from collectivesft.schema.item import Item, dump_item, load_items
from collectivesft.scores.engines import decode
from collectivesft.scores.engines import language_model as models
from collectivesft.scores.engines.questions import Protocol
from collectivesft.scores.predict import predict
from collectivesft.scores.prompt.item_sample import choose
from collectivesft.scores.score import score

RESULTS = Path(__file__).parent / "results"
LIMIT = 4.5


def main() -> None:
    """Measure, print and write the table."""
    options = parse()
    asked = questions(options.items, options.questions)
    model = models.load(options.model, threads=1)
    models.load = lambda *_: model  # loading is not measured
    models.digest = lambda *_: "measured"
    with tempfile.TemporaryDirectory() as folder:
        items = Path(folder) / "items.jsonl"
        items.write_text("".join(dump_item(item) + "\n" for item in asked), encoding="utf-8")
        ways = {
            name: measure(options, items, Path(folder) / f"{name}.jsonl", orders)
            for name, orders in (("warm", "published"), ("one", "published"), ("all", "rotations"))
        }
        files = [Path(folder) / name for name in ("s.json", "c.csv", "a.jsonl")]
        scores = score(Path(folder) / "all.jsonl", items, "measured", "circular", *files)
    measured = {
        "questions": len(asked),
        "template": options.template,
        "one": ways["one"],
        "all": ways["all"],
        "times": {key: round(ways["all"][key] / ways["one"][key], 2) for key in ways["one"]},
        "circular": scores["circular"],
    }
    write_json(RESULTS / "circular.json", measured)
    text = table(measured)
    write_text(RESULTS / "circular.md", text)
    print(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--template", choices=["chat", "plain", "cmb"], default="chat")
    return parser.parse_args()


def questions(path: Path, count: int) -> list[Item]:
    """Return test items with one answer and five options, spread over sub-categories."""
    found = [i for i in load_items(path) if len(i.options) == 5 and not i.multiple]
    return choose(found, count, seed=42)


def measure(options: argparse.Namespace, items: Path, out: Path, orders: str) -> dict[str, float]:
    """Return tokens read and CPU seconds of one `scores predict`."""
    tokens, real = 0, decode._forward

    def counting(model: Any, ids: Any, cache: Any, **inputs: Any) -> Any:
        nonlocal tokens
        tokens += ids.numel()
        return real(model, ids, cache, **inputs)

    decode._forward = counting
    try:
        start = time.process_time()
        how = Protocol(
            method="likelihood", template=options.template, orders=orders, max_new_tokens=1
        )
        predict(options.model, "measured", items, out, how)
        took = time.process_time() - start
    finally:
        decode._forward = real
    return {"tokens": tokens, "seconds": round(took, 2)}


def table(measured: dict[str, Any]) -> str:
    one, every, times, found = (measured[key] for key in ("one", "all", "times", "circular"))
    lines = [
        f"# All orders of the options: {measured['questions']} questions, five options each",
        "",
        f"Likelihood on one CPU thread, template {measured['template']}; limit {LIMIT} times.",
        "",
        "| way | tokens read | CPU seconds |",
        "| --- | ---: | ---: |",
        f"| published order | {one['tokens']:,} | {one['seconds']} |",
        f"| five rotations, repetitions | {every['tokens']:,} | {every['seconds']} |",
        f"| times | {times['tokens']} | {times['seconds']} |",
        "",
        "| asked | accuracy, % | right in all, % | voted, % | flips, % | floor, % | bias |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        f"| {found['asked']} | "
        + " | ".join(
            f"{100 * found[key]['value']:.1f}"
            for key in ("accuracy", "all_right", "voted", "flips", "floor")
        )
        + f" | {found['bias']} |",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
