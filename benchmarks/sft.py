"""Useful tokens a second of this package's fine-tuning, next to other trainers, on one CPU thread.

A random Llama of about 20 million weights learns 96 made-up examples with the lengths of the
mixture (``data.py``), in steps of 16. Padding is not counted as tokens. Repetitions alternate the
ways, since other work on the machine changes their speed; CPU seconds count.

    python benchmarks/sft.py --work /tmp/sft --llamafactory /tmp/lf/bin/python

``--llamafactory`` names a Python interpreter that has it (PyPI ``llamafactory``): it asks for
other releases than this package. Writes benchmarks/results/sft.md and sft.json.
"""

import argparse
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import data
import yaml

from collectivesft.common.files import write_json, write_text

HERE = Path(__file__).parent
BATCH, CUTOFF, RATE = 16, 1024, 1e-3
WAYS = (
    "llamafactory padded",
    "llamafactory neat packing",
    "trl padded",
    "trl packing",
    "ours",
)
MODEL = {
    "model_type": "llama",
    "hidden_size": 512,
    "intermediate_size": 1376,
    "num_hidden_layers": 5,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}
# For the losses only, which cost little to compare.
SMALL = {"hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2}
PIECES = r"[bcdfghklmnprst](?:an|er|[aeiou])|[\s\S]"
MARKS = "user assistant system \n"


def conversations(count: int) -> list[list[tuple[str, str]]]:
    """Return examples in the datasets' published proportions, none too long for any trainer."""
    shares, chance = data.counts(5_200_000), random.Random(3)
    makers = {name: data.Maker(name, n, ["头痛"]) for n, name in enumerate(sorted(shares))}
    found: list[list[tuple[str, str]]] = []
    while len(found) < count:
        (name,) = chance.choices(list(shares), list(shares.values()))
        talk = next(makers[name].rows(1)).messages
        if sum(len(re.findall(PIECES, text)) + 20 for _, text in talk) <= CUTOFF:
            found.append(talk)
    return found


def write_base(folder: Path, texts: list[str], changes: dict[str, int]) -> None:
    """The random model, with a tokenizer of signs and syllables that writes all of the texts."""
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    special = ["<unk>", "<pad>", "<|im_start|>", "<|im_end|>"]
    cut = pre_tokenizers.Split(Regex(PIECES), "isolated")
    found = {piece for text in texts for piece, _ in cut.pre_tokenize_str(text)}
    signs = {chr(0x4E00 + n) for n in range(3500)}
    words = special + sorted(found | signs)
    backend = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, "<unk>"))
    backend.pre_tokenizer, backend.decoder = cut, decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token="<|im_end|>",
        additional_special_tokens=special[2:],
    )
    config = AutoConfig.for_model(**(MODEL | changes), vocab_size=len(words), bos_token_id=None)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_json(folder / "base.json", {"chat_template": "chatml", "lora_targets": None})


def prepare(folder: Path, examples: int, changes: dict[str, int]) -> dict[str, Any]:
    """Everything that the ways read; the facts of the examples.

    Peers read the examples in the order of this package's plan, so that padded batches and its
    steps hold the same ones and losses can be compared step by step.
    """
    from collectivesft.sft.batches.packing import order
    from collectivesft.sft.batches.token_files import Tokens
    from collectivesft.sft.tokenize import tokenize

    talks = conversations(examples)
    folder.mkdir(parents=True)
    write_base(folder / "base", [MARKS, *(text for talk in talks for _, text in talk)], changes)
    training = {
        "learning_rate": RATE, "lr_scheduler": "constant", "warmup_ratio": 0.0, "epochs": 1,
        "global_batch_size": BATCH, "max_tokens_per_forward": CUTOFF, "max_length": CUTOFF,
        "precision": "float32", "save_steps": 1000,
    }  # fmt: skip
    recipe = {"title": "Speed", "base": "random", "training": training}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    parts = [write_parquet(folder / f"{name}.parquet", rows) for name, rows in (
        ("train", talks), ("validation", []))]  # fmt: skip
    tokenize(*parts, folder / "base", folder / "recipe.yaml", folder / "tokens")
    tokens = Tokens.load(folder / "tokens", "train")
    shown = order(42, 0, examples).tolist()
    write_peers(folder, [talks[i] for i in shown], tokens, shown)
    lengths = [int(tokens.lengths[i]) for i in shown]
    batches = [lengths[n : n + BATCH] for n in range(0, examples, BATCH)]
    padded = sum(max(batch) * len(batch) for batch in batches)
    settings = {
        "learning_rate": RATE, "batch": BATCH, "steps": len(batches),
        "passes": -(-sum(lengths) // CUTOFF),
    }  # fmt: skip
    write_json(folder / "settings.json", settings)
    return {
        "examples": examples,
        "tokens": sum(lengths),
        "loss_tokens": int(tokens.mask.sum()),
        "longest": max(lengths),
        "padding": 1 - sum(lengths) / padded,
    }


def write_parquet(path: Path, talks: list[list[tuple[str, str]]]) -> Path:
    """A mixture as stage curated writes it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from collectivesft.schema.example import Example, arrow_schema

    rows = [Example(f"set:{n}", "set", "qa", "zh", t, {}).to_row() for n, t in enumerate(talks)]
    pq.write_table(pa.Table.from_pylist(rows, arrow_schema()), path)
    return path


def write_peers(folder: Path, talks: list, tokens: Any, shown: list[int]) -> None:
    """The examples as LLaMA-Factory reads text, and as TRL reads tokens."""
    rows = [{"messages": [{"role": r, "content": c} for r, c in talk]} for talk in talks]
    write_json(folder / "mixture.json", rows)
    tags = {"role_tag": "role", "content_tag": "content"}
    tags |= {"user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}
    info = {"file_name": "mixture.json", "formatting": "sharegpt", "tags": tags}
    write_json(
        folder / "dataset_info.json", {"mixture": info | {"columns": {"messages": "messages"}}}
    )
    spans = [slice(int(tokens.offsets[i]), int(tokens.offsets[i + 1])) for i in shown]
    ids = [
        {"input_ids": tokens.ids[span].tolist(), "assistant_masks": tokens.mask[span].tolist()}
        for span in spans
    ]
    write_json(folder / "tokens.json", ids)


def measure(way: str, python: str, folder: Path) -> dict:
    """One training in a process of its own."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    env = os.environ | threads | quiet | {"PYTHONPATH": str(HERE.parent / "src")}
    command = [python, str(HERE / "sft_ways.py"), way, str(folder)]
    for left in ("peer", "checkpoints"):  # a trainer refuses or resumes an earlier one
        shutil.rmtree(folder / left, ignore_errors=True)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        sys.exit(f"{way}: exit {done.returncode}\n{done.stderr[-3000:]}")
    return json.loads(lines[0].removeprefix("RESULT "))


def summary(facts: dict, runs: list[dict]) -> list[dict]:
    """A row a way: the best CPU time of its repetitions, as other work only ever adds to it."""
    rows = []
    for way in dict.fromkeys(run["way"] for run in runs):
        mine = [run for run in runs if run["way"] == way]
        seconds = sorted(run["cpu_s"] for run in mine)
        rows.append({
            "way": way,
            "cpu_s": seconds,
            "tokens_per_s": facts["tokens"] / seconds[0],
            "peak_mb": max(run["peak_mb"] for run in mine),
            "losses": mine[0]["losses"],
            "mean_loss": statistics.fmean(mine[0]["losses"]),
        })  # fmt: skip
    return rows


def table(facts: dict, rows: list[dict]) -> str:
    """The results as Markdown."""
    speed = {row["way"]: row["tokens_per_s"] for row in rows}
    first = next(way for way in WAYS if way in speed)
    base = speed[first]
    lines = [
        "# Fine-tuning: useful tokens a CPU second",
        "",
        f"{facts['examples']} made-up examples with the mixture's lengths: {facts['tokens']:,}"
        f" tokens, {facts['loss_tokens']:,} with loss, the longest {facts['longest']:,}; in padded"
        f" batches of {BATCH}, {facts['padding']:.0%} would be padding. Llama of"
        f" {facts['parameters']:,} random weights, float32, full fine-tuning, one epoch in"
        f" {len(rows[-1]['losses'])} steps, one thread of {facts['machine']}. Best of"
        f" {len(rows[0]['cpu_s'])}, alternating; {facts['releases']}.",
        "",
        f"| way | useful tokens/s | against {first} | CPU s of each | peak MB | mean loss | last |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        ratio = f"{row['tokens_per_s'] / base:.2f}"
        seconds = " / ".join(f"{value:.1f}" for value in row["cpu_s"])
        lines.append(
            f"| {row['way']} | {row['tokens_per_s']:.0f} | {ratio} | {seconds} "
            f"| {row['peak_mb']:,} | {row['mean_loss']:.4f} | {row['losses'][-1]:.4f} |"
        )
    lines += ["", "Loss of each step:", ""]
    for row in rows:
        lines.append(f"- {row['way']}: {', '.join(f'{loss:.4f}' for loss in row['losses'])}")
    return "\n".join([*lines, ""])


def machine() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def releases(python: str) -> str:
    """Of the libraries that one interpreter trains with."""
    code = (
        "import importlib.metadata as m\n"
        "for n in ('llamafactory', 'trl', 'transformers', 'torch'):\n"
        "    try: print(n, m.version(n))\n"
        "    except m.PackageNotFoundError: pass"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return ", ".join(done.stdout.splitlines())


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder to make")
    parser.add_argument("--llamafactory", help="Python interpreter that has it")
    parser.add_argument("--examples", type=int, default=96)
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="small model: compares losses")
    parser.add_argument("--way", action="append", choices=WAYS, help="of all ways only this")
    options = parser.parse_args()
    facts = prepare(options.work, options.examples, SMALL if options.small else {})
    from collectivesft.sft.base import count_parameters

    facts |= {"parameters": count_parameters(options.work / "base"), "machine": machine()}
    pythons = dict.fromkeys(WAYS, sys.executable)
    facts["releases"] = releases(sys.executable)
    for way in WAYS[:2]:
        if options.llamafactory:
            pythons[way] = options.llamafactory
        else:
            print(f"{way}: left out, no --llamafactory", file=sys.stderr)
            del pythons[way]
    if options.llamafactory:
        facts["releases"] += "; " + releases(options.llamafactory)
    runs: list[dict] = []
    for number in range(options.repetitions):
        for way in options.way or pythons:
            runs.append(measure(way, pythons[way], options.work))
            print(number, way, f"{runs[-1]['cpu_s']:.1f} CPU s", file=sys.stderr)
        rows = summary(facts, runs)
        print(table(facts, rows))
        name = "sft_losses" if options.small else "sft"
        write_json(HERE / f"results/{name}.json", {"facts": facts, "rows": rows})
        write_text(HERE / f"results/{name}.md", table(facts, rows))


if __name__ == "__main__":
    main()
