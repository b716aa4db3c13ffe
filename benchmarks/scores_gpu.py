"""Questions a second of both protocols on random weights of a 7B model, and CMB's 11,200.

    PYTHONPATH=src python benchmarks/scores_gpu.py [--shape 7b] [--questions 256]
    PYTHONPATH=src python benchmarks/scores_gpu.py --shape tiny --questions 8   # a check on a CPU

Speed does not depend on the weights, so random ones of InternLM2.5-7B's shape do (in
bfloat16 on the first GPU, in float32 on a CPU). Prompts are random tokens with CMB's lengths: 150,
of which 40 are common to all; answers are ``--answer`` tokens long, since no random model stops.
Memory for the weights: 15.5 GB. Writes benchmarks/results/scores_gpu.json and .md, for the
shape 7b only.
"""

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from collectivesft.common.files import write_json, write_text
from collectivesft.scores.engines import decode
from collectivesft.scores.engines.language_model import LanguageModel

RESULTS = Path(__file__).parent / "results"
CMB = 11_200
PROMPT, SHARED = 150, 40
SHAPES = {
    # internlm/internlm2_5-7b, as the plain Llama that it is converted to.
    "7b": {
        "vocab_size": 92544, "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    },
    "tiny": {
        "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2,
    },
}  # fmt: skip


def main() -> None:
    """Measure and print; write the result of a real shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=list(SHAPES), default="7b")
    parser.add_argument("--questions", type=int, default=256)
    parser.add_argument("--batch", type=int, nargs="*", default=[16, 64])
    parser.add_argument("--answer", type=int, default=8)
    options = parser.parse_args()
    model = random_model(options.shape)
    asked = prompts(options.questions, SHAPES[options.shape]["vocab_size"])
    rows = []
    for size in (1, *options.batch):
        rows.append(
            row("likelihood", size, asked, lambda size=size: likelihood(model, asked, size))
        )
    for size in options.batch:
        way = f"answers of {options.answer} tokens"
        rows.append(row(way, size, asked, lambda size=size: answers(model, asked, size, options)))
    measured = {"device": device_name(), "shape": options.shape, "rows": rows}
    text = table(measured)
    print(text)
    if options.shape == "7b":
        write_json(RESULTS / "scores_gpu.json", measured)
        write_text(RESULTS / "scores_gpu.md", text)


def device_name() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def random_model(shape: str) -> LanguageModel:
    """A Llama with random weights, made where it runs; nothing ends its answers."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    cuda = torch.cuda.is_available()
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16 if cuda else torch.float32)
    with torch.device("cuda" if cuda else "cpu"):
        network = LlamaForCausalLM(LlamaConfig(**SHAPES[shape], max_position_embeddings=4096))
    torch.set_default_dtype(torch.float32)
    return LanguageModel(network.eval(), SimpleNamespace(), stops=(), longest=4096, together=cuda)


def prompts(count: int, vocabulary: int) -> list[list[int]]:
    source = random.Random(0)
    shared = [source.randrange(vocabulary) for _ in range(SHARED)]
    own = PROMPT - SHARED
    return [shared + [source.randrange(vocabulary) for _ in range(own)] for _ in range(count)]


def likelihood(model: LanguageModel, asked: list[list[int]], size: int) -> None:
    """In batches on a GPU, one prompt at a time on a CPU, as `scores predict` does."""
    prefix, letters = decode.read_prefix(model, asked), [1, 2, 3, 4, 5]
    for start in range(0, len(asked), size):
        batch = asked[start : start + size]
        if decode.reads_together(model):
            decode.log_probabilities_together(model, prefix, batch, [letters] * len(batch))
        else:
            for prompt in batch:
                decode.log_probabilities(model, prefix, prompt, letters)


def answers(model: LanguageModel, asked: list[list[int]], size: int, options: Any) -> None:
    prefix = decode.read_prefix(model, asked)
    for start in range(0, len(asked), size):
        decode.generate(model, prefix, asked[start : start + size], options.answer)


def row(way: str, size: int, asked: list[list[int]], work: Callable[[], None]) -> dict[str, Any]:
    """Questions a second by the clock, after one round that warms up."""
    work()
    start = time.perf_counter()
    work()
    rate = len(asked) / (time.perf_counter() - start)
    return {"way": way, "batch": size, "questions_per_s": rate, "cmb_minutes": CMB / rate / 60}


def table(measured: dict[str, Any]) -> str:
    """The Markdown that is written."""
    lines = [
        f"# Scoring on a GPU: random weights of the shape {measured['shape']}",
        "",
        f"{measured['device']}; prompts of {PROMPT} tokens, {SHARED} of them shared.",
        "",
        f"| way | batch | questions/s | minutes for CMB's {CMB:,} |",
        "| --- | ---: | ---: | ---: |",
    ]
    for one in measured["rows"]:
        lines.append(
            f"| {one['way']} | {one['batch']} | {one['questions_per_s']:.1f} "
            f"| {one['cmb_minutes']:.1f} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
