"""Tokens a second, share of the peak and memory of fine-tuning on one GPU, next to TRL.

Random weights in the shapes of config/models (InternLM2.5 1.8B in full, 7B by LoRA and in full if
it fits, with weights and moments in float32 or in bfloat16), random tokens in the lengths of the
mixture, packed into passes of 4,096 tokens or one example a pass; and TRL as it comes, and with its
packing. Each in a process of its own.

    python benchmarks/sft_gpu.py            # writes benchmarks/results/sft_gpu.md and .json
    python benchmarks/sft_gpu.py --tiny     # the same code in small, on a CPU: writes nothing
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from collectivesft.common.files import write_json, write_text
from collectivesft.config.experiment import Shape, Training, read_model

HERE = Path(__file__).parent
MODELS = HERE.parent / "config/models"
CASES = {
    "1.8B full": ("internlm2_5-1_8b", {"method": "full"}),
    "7B lora": ("internlm2_5-7b", {"method": "lora", "lora": {"r": 64, "alpha": 128}}),
    "7B full": ("internlm2_5-7b", {"method": "full"}),
    # 8 bytes a weight instead of 16: one GPU of 80 GB can hold that.
    "7B full, bfloat16": ("internlm2_5-7b", {"method": "full", "master_weights": "bfloat16"}),
}
WAYS = ("ours packed", "ours one by one", "trl", "trl packing")
TINY = Shape(layers=2, hidden=64, intermediate=128, key_value=32, vocabulary=512)
WARM, TIMED, LENGTH = 2, 5, 4096


def lengths(count: int, max_length: int) -> np.ndarray:
    """Tokens of examples as the mixture's lie: log-normal, mean about 360."""
    drawn = np.random.default_rng(0).lognormal(5.68, 0.6, count)
    return np.clip(drawn, 16, max_length).astype(np.int64)


def make_tokens(training: Training, vocabulary: int) -> Any:
    """Random tokens; the second half of each example carries loss."""
    from collectivesft.sft.batches.token_files import Tokens

    sizes = lengths((WARM + TIMED) * training.global_batch_size, training.max_length)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    ids = np.random.default_rng(1).integers(0, vocabulary, offsets[-1], dtype=np.int32)
    mask = np.concatenate([np.arange(n) >= n // 2 for n in sizes]).astype(np.uint8)
    return Tokens(ids, mask, offsets)


def make_model(shape: Shape, training: Training, device: str, attend: str | None) -> Any:
    """A Llama of this shape with random weights, as stage sft would load it."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    size = min(128, shape.key_value // 2)
    config = AutoConfig.for_model(
        "llama",
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.hidden // size,
        num_key_value_heads=shape.key_value // size,
        head_dim=size,
        vocab_size=shape.vocabulary,
        max_position_embeddings=32768,
        tie_word_embeddings=False,
    )
    half = training.method == "lora" or training.master_weights == "bfloat16"
    half = half and training.precision == "bfloat16"
    with torch.device(device):
        return AutoModelForCausalLM.from_config(
            config, dtype=torch.bfloat16 if half else torch.float32, attn_implementation=attend
        )


def ours(shape: Shape, training: Training, device: str, folder: Path) -> tuple[float, float, float]:
    """Seconds, tokens and operations of the timed steps."""
    from collectivesft.sft.distributed.stop_signal import Request
    from collectivesft.sft.distributed.world import World
    from collectivesft.sft.kernels import packed_attention
    from collectivesft.sft.loop.cost_tracker import Costs
    from collectivesft.sft.loop.trainer import Trainer
    from collectivesft.sft.train import prepare

    tokens, world = make_tokens(training, shape.vocabulary), World(0, 1, device)
    model = prepare(
        make_model(shape, training, device, packed_attention.register()), training, world, None
    )
    costs = Costs(folder / "costs.json", "gpu", world, training)
    run = Trainer(model, training, tokens, tokens, None, world, Request(), costs)
    costs.start()
    for number in range(WARM + TIMED):
        if number == WARM:
            before, start = dict(costs.save()), time.monotonic()
        run._step(number)  # ends with a number read from the GPU, so all of it is done
    seconds, after = time.monotonic() - start, costs.save()
    return seconds, after["tokens"] - before["tokens"], after["flop"] - before["flop"]


def trl(shape: Shape, training: Training, device: str, folder: Path, packing: bool):
    """The same examples by TRL's trainer: its defaults, or with its packing."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from collectivesft.models.convert.random_model import byte_tokenizer
    from collectivesft.sft.loop.cost_tracker import Work

    tokens = make_tokens(training, shape.vocabulary)
    spans = [slice(a, b) for a, b in zip(tokens.offsets, tokens.offsets[1:], strict=False)]
    rows = [
        {"input_ids": tokens.ids[s].tolist(), "assistant_masks": tokens.mask[s].tolist()}
        for s in spans
    ]
    model = make_model(shape, training, device, "sdpa")
    work = Work(model, training)
    half = training.precision == "bfloat16"
    given = {"packing": True, "max_length": LENGTH, "per_device_train_batch_size": 1}
    config = SFTConfig(
        str(folder), bf16=half, use_cpu=device == "cpu", report_to="none", save_strategy="no",
        num_train_epochs=1, logging_steps=1, **(given if packing else {}),
    )  # fmt: skip
    times: list[float] = []

    class Callback(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if device != "cpu":
                torch.cuda.synchronize()
            times.append(time.monotonic())

    lora = LoraConfig(
        r=training.lora.r, lora_alpha=training.lora.alpha, target_modules="all-linear"
    )
    trainer = SFTTrainer(
        model, config, train_dataset=Dataset.from_list(rows), processing_class=byte_tokenizer(),
        peft_config=lora if training.method == "lora" else None, callbacks=[Callback()],
    )  # fmt: skip
    trainer.train()
    warm = max(1, len(times) * WARM // (WARM + TIMED))
    share = (len(times) - warm) / len(times)
    everything = work([s.stop - s.start for s in spans], int(tokens.mask.sum()))
    return times[-1] - times[warm - 1], len(tokens.ids) * share, everything * share


RUN: dict[str, Callable[..., tuple[float, float, float]]] = {
    "ours packed": ours,
    "ours one by one": ours,
    "trl": lambda *given: trl(*given, packing=False),
    "trl packing": lambda *given: trl(*given, packing=True),
}


def one(case: str, way: str, tiny: bool) -> dict[str, Any]:
    """Measure one way in this process."""
    import torch

    from collectivesft.sft.distributed.world import World
    from collectivesft.sft.loop.cost_tracker import device_name, peak

    name, settings = CASES[case]
    shape = TINY if tiny else read_model(MODELS / f"{name}.yaml").shape
    device = "cpu" if tiny else "cuda"
    kept = {"master_weights": "float32"} if tiny else {}  # bfloat16 is for GPUs
    training = Training(
        **settings | kept,
        global_batch_size=4 if tiny else 64,
        max_tokens_per_forward=16 if way == "ours one by one" else LENGTH,
        precision="float32" if tiny else "bfloat16",
        gradient_checkpointing=case.startswith("7B full"),
    )
    with tempfile.TemporaryDirectory() as folder:
        try:
            seconds, tokens, flop = RUN[way](shape, training, device, Path(folder))
        except torch.OutOfMemoryError:
            return {"case": case, "way": way, "fits": False}
    gpu = device_name(World(0, 1, device))
    most = peak(gpu, training)
    return {
        "case": case, "way": way, "fits": True, "device": gpu, "peak_tflops": most and most / 1e12,
        "tokens_per_s": tokens / seconds, "mfu": flop / seconds / most if most else None,
        "memory_gb": None if tiny else torch.cuda.max_memory_allocated() / 1e9,
    }  # fmt: skip


def table(rows: list[dict]) -> str:
    """The results as Markdown."""
    lines = [
        "# Fine-tuning on one GPU",
        "",
        f"Random weights and tokens, bfloat16, lengths of the mixture (mean about 360 tokens), "
        f"{TIMED} steps of 64 examples after {WARM} to warm up. The share of the peak counts the "
        "operations that the examples need: no padding, no recomputation, the output layer where "
        "there is loss. Peak: dense bfloat16 by the data sheet.",
        "",
        "| model | way | tokens/s | of the peak | memory, GB |",
        "|---|---|---:|---:|---:|",
    ]
    for row in rows:
        if not row["fits"]:
            lines.append(f"| {row['case']} | {row['way']} | does not fit | | |")
            continue
        used = f"{row['mfu']:.0%} of {row['peak_tflops']:.0f} TFLOP/s" if row["mfu"] else ""
        memory = f"{row['memory_gb']:.1f}" if row["memory_gb"] else ""
        lines.append(
            f"| {row['case']} | {row['way']} | {row['tokens_per_s']:,.0f} | {used} | {memory} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure everything, or one way in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="small shapes on a CPU")
    parser.add_argument("--case", action="append", choices=CASES)
    parser.add_argument("--way", choices=WAYS, help="in this process; prints a row")
    options = parser.parse_args()
    if options.way:
        print("ROW " + json.dumps(one(options.case[0], options.way, options.tiny)))
        return
    rows, failed = [], []
    environment = os.environ | {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}
    for case in options.case or CASES:
        for way in WAYS:
            command = [sys.executable, __file__, "--case", case, "--way", way]
            command += ["--tiny"] if options.tiny else []
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
            found = [line for line in done.stdout.splitlines() if line.startswith("ROW ")]
            if done.returncode or not found:
                print(
                    f"{case}, {way}: exit {done.returncode}\n{done.stderr[-3000:]}", file=sys.stderr
                )
                failed.append(f"{case}, {way}")
                continue
            rows.append(json.loads(found[0].removeprefix("ROW ")))
            print(rows[-1], file=sys.stderr)
            if not options.tiny:  # after each row: a run that is ended keeps what it measured
                write_json(HERE / "results/sft_gpu.json", rows)
                write_text(HERE / "results/sft_gpu.md", table(rows))
    print(table(rows))
    if failed:
        sys.exit(f"failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
