"""Train in one of several ways and print time and memory: run by ``sft.py``, one process a way.

All ways get the same weights, examples, examples a step, optimiser and rate, in float32 on one
thread. Only the training itself is timed: not the start, not the tokens, not the saving of peers.
"""

import importlib.machinery
import json
import os
import resource
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

CUTOFF = 1024


class Watch:
    """CPU and wall time of a training and its losses, by the calls that trainers make."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def start(self) -> None:
        """The first step begins."""
        self.cpu, self.wall = time.process_time(), time.monotonic()

    def stop(self) -> None:
        """The last step is done."""
        self.cpu, self.wall = time.process_time() - self.cpu, time.monotonic() - self.wall

    def callback(self) -> Any:
        """The same as a callback of transformers' Trainer."""
        from transformers import TrainerCallback

        watch = self

        class Callback(TrainerCallback):
            def on_train_begin(self, *_: Any, **__: Any) -> None:
                watch.start()

            def on_train_end(self, *_: Any, **__: Any) -> None:
                watch.stop()

            def on_log(self, *_: Any, logs: dict | None = None, **__: Any) -> None:
                if logs and "loss" in logs:
                    watch.losses.append(float(logs["loss"]))

        return Callback()


def ours(folder: Path, settings: dict, watch: Watch) -> None:
    """This package's ``sft train``, its last checkpoint included."""
    from collectivesft.config.experiment import read_experiment
    from collectivesft.sft.batches.token_files import Tokens
    from collectivesft.sft.distributed.stop_signal import Request
    from collectivesft.sft.distributed.world import World
    from collectivesft.sft.kernels import packed_attention
    from collectivesft.sft.loop.checkpoint import Checkpoints
    from collectivesft.sft.loop.cost_tracker import Costs
    from collectivesft.sft.loop.trainer import Trainer
    from collectivesft.sft.train import load, set_deterministic

    set_deterministic(1)
    training, world = read_experiment(folder / "recipe.yaml").training, World(0, 1, "cpu")
    parts = [Tokens.load(folder / "tokens", part) for part in ("train", "validation")]
    model = load(folder / "base", training, world)
    assert model.config._attn_implementation == packed_attention.NAME
    saved = Checkpoints(folder / "checkpoints", {"training": "benchmark"}, world)
    costs = Costs(folder / "checkpoints/costs.json", "benchmark", world, training)
    run = Trainer(model, training, *parts, saved, world, Request(), costs)
    watch.start()
    run.run()
    watch.stop()
    watch.losses = [row["loss"] for row in run.history.rows]


def trainer_settings(folder: Path, settings: dict, batch: int, accumulate: int) -> dict:
    """Return the arguments that all of transformers' trainers take."""
    return {
        "output_dir": str(folder / "peer"),
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": accumulate,
        "num_train_epochs": 1,
        "learning_rate": settings["learning_rate"],
        "lr_scheduler_type": "constant",
        "warmup_steps": 0,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "bf16": False,
        "fp16": False,
        "use_cpu": True,
        "seed": 42,
    }


def trl(folder: Path, settings: dict, watch: Watch, packing: bool) -> None:
    """TRL's SFTTrainer on the same tokens: padded batches, or its packing, a row a pass."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    rows = json.loads((folder / "tokens.json").read_text(encoding="utf-8"))
    passes = -(-sum(len(row["input_ids"]) for row in rows) // CUTOFF)
    batch, accumulate = (1, -(-passes // settings["steps"])) if packing else (settings["batch"], 1)
    config = SFTConfig(
        **trainer_settings(folder, settings, batch, accumulate),
        max_length=CUTOFF,
        packing=packing,
        gradient_checkpointing=False,
        assistant_only_loss=False,  # the masks are in the rows
        train_sampling_strategy="sequential",
    )
    model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype="float32")
    trainer = SFTTrainer(
        model,
        config,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(folder / "base"),
        callbacks=[watch.callback()],
    )
    trainer.train()


def llamafactory(folder: Path, settings: dict, watch: Watch, packing: bool) -> None:
    """LLaMA-Factory as published with the paper (padded), or with its neat packing."""
    os.environ |= {"DISABLE_VERSION_CHECK": "1", "WANDB_DISABLED": "true"}
    # It imports torchaudio for models that hear; PyPI's wheels of that need torch with CUDA.
    audio = types.ModuleType("torchaudio")
    audio.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    sys.modules.setdefault("torchaudio", audio)
    from llamafactory.train.tuner import run_exp

    passes = settings["passes"]
    batch, accumulate = (1, -(-passes // settings["steps"])) if packing else (settings["batch"], 1)
    own = {
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "model_name_or_path": str(folder / "base"),
        "dataset": "mixture",
        "dataset_dir": str(folder),
        "template": "chatml",
        "cutoff_len": CUTOFF,
        "packing": packing,
        "neat_packing": packing,
        "flash_attn": "sdpa",
        "disable_gradient_checkpointing": True,  # faster, and as much memory as the rest have
        "disable_shuffling": True,
        "overwrite_cache": True,
        "plot_loss": False,
        "ddp_timeout": 180000000,
    }
    run_exp(trainer_settings(folder, settings, batch, accumulate) | own, [watch.callback()])


WAYS: dict[str, Callable[[Path, dict, Watch], None]] = {
    "ours": ours,
    "trl padded": lambda *given: trl(*given, packing=False),
    "trl packing": lambda *given: trl(*given, packing=True),
    "llamafactory padded": lambda *given: llamafactory(*given, packing=False),
    "llamafactory neat packing": lambda *given: llamafactory(*given, packing=True),
}


def main() -> None:
    """Train in one way."""
    import torch

    way, folder = sys.argv[1], Path(sys.argv[2])
    torch.set_num_threads(1)
    settings, watch = json.loads((folder / "settings.json").read_text()), Watch()
    WAYS[way](folder, settings, watch)
    found = {
        "way": way,
        "cpu_s": watch.cpu,
        "wall_s": watch.wall,
        "losses": watch.losses,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print("RESULT " + json.dumps(found))


if __name__ == "__main__":
    main()
