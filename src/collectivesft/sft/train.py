"""The training: steps over the plan, checkpoints, evaluation, history.

One process on one device. The loop is our own because it must show exactly the examples that the
plan says, take loss at the labelled places only, and go on after a kill to the same weights; the
model, the adapters and the optimiser are transformers', peft's and torch's.
"""

import contextlib
import hashlib
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collectivesft.errors import UserError
from collectivesft.files import atomic_path, dump_json, read_json, share, write_jsonl
from collectivesft.progress import Reporter
from collectivesft.sft.architectures import packable, register
from collectivesft.sft.base import FACTS
from collectivesft.sft.batch import Batch, loss_sum, make_batch
from collectivesft.sft.checkpoint import Checkpoints, trainable
from collectivesft.sft.plan import Plan, evaluation_batches
from collectivesft.sft.quiet import quiet
from collectivesft.sft.recipe import Experiment, Training, read_experiment
from collectivesft.sft.tokens import Tokens


def train(
    tokens: Path,
    base: Path,
    recipe: Path,
    checkpoints: Path,
    history: Path,
    out: Path,
    threads: int,
) -> None:
    """Train and write the trained weights and the history.

    Args:
        tokens: folder that ``sft tokenize`` wrote.
        base: folder of the base model.
        checkpoints: working folder; a killed training goes on from here.
        history: JSON Lines ``{"step", "epoch", "tokens", "loss", "learning_rate"}``, and with
            ``eval_loss`` in place of the last two where the validation part was read.
        out: folder: an adapter (lora) or the whole model (full).
        threads: CPU threads; on a CPU the weights depend on their number, in the last bits.

    Raises:
        UserError: the loss is not a number, or the device's memory is too small.
    """
    import torch

    experiment = read_experiment(recipe)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parts = [Tokens.load(tokens, part) for part in ("train", "validation")]
    saved = Checkpoints(checkpoints, fingerprint(tokens, base, experiment, device, threads))
    model = load(base, experiment.training, device)
    run = Run(model, experiment.training, parts[0], parts[1], saved, device)
    try:
        run.run()
    except torch.OutOfMemoryError as error:
        remedy = "Lower training.tokens_per_batch, or turn on training.gradient_checkpointing"
        raise UserError(
            f"{recipe}: the device's memory is too small ({error}). {remedy}."
        ) from error
    with atomic_path(out) as partial:
        model.save_pretrained(partial)
        (partial / "README.md").unlink(missing_ok=True)  # peft's card; stage hub writes ours
        share(partial)
    write_jsonl(history, run.history)


def fingerprint(tokens: Path, base: Path, experiment: Experiment, device: str, threads: int) -> str:
    """What decides the weights, as one digest; where a run is saved does not."""
    training = experiment.training.model_dump(exclude={"save_steps"})
    facts = [read_json(tokens / "tokens.json"), read_json(base / FACTS), training, device, threads]
    return hashlib.sha256(dump_json(facts).encode()).hexdigest()


def load(base: Path, training: Training, device: str) -> Any:
    """The base model, ready to train; with adapters where the method is lora.

    What is trained is float32 in every precision: a step of 2e-5 is below bfloat16's resolution
    of most weights and would be rounded away.
    """
    import torch
    from transformers import AutoModelForCausalLM

    quiet()
    register()
    dtype = torch.float32 if training.method == "full" else getattr(torch, training.precision)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    model.to(device).train()
    if training.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if training.method == "full":
        return model
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(training.seed)  # the adapters' first weights are random
    config = LoraConfig(
        r=training.lora.r,
        lora_alpha=training.lora.alpha,
        lora_dropout=training.lora.dropout,
        target_modules=read_json(base / FACTS)["lora_targets"] or "all-linear",
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config)
    for made in adapted.peft_config.values():
        made.target_modules = sorted(made.target_modules)  # a set: its order would be saved
    return adapted


@dataclass
class Run:
    """A training in progress."""

    model: Any
    training: Training
    train_tokens: Tokens
    validation: Tokens
    checkpoints: Checkpoints
    device: str

    def __post_init__(self) -> None:
        import torch

        # peft's wrapper takes whatever it is given: the model inside is asked.
        inner = getattr(self.model, "get_base_model", lambda: self.model)()
        self.plan = Plan(self.train_tokens.lengths, self.training, not packable(inner))
        self.history: list[dict] = []
        self.parameters = list(trainable(self.model).values())
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=self.training.learning_rate,
            betas=(0.9, 0.999),
            eps=1e-8,
            weight_decay=self.training.weight_decay,
        )

    def run(self) -> None:
        """Take every step that is not done yet."""
        done, self.history = self.checkpoints.restore(self.model, self.optimizer)
        tokens = self.history[-1]["tokens"] if self.history else 0
        with Reporter("train", self.plan.steps) as reporter:
            reporter.advance(done, "from the last checkpoint" if done else "")
            for number in range(done, self.plan.steps):
                started, before = time.monotonic(), tokens
                loss, tokens = self._step(number, tokens)
                speed = (tokens - before) / (time.monotonic() - started)
                reporter.advance(1, f"loss {loss:.3f}, {speed:,.0f} tokens/s")
                last = number + 1 == self.plan.steps
                if len(self.validation) and (last or (number + 1) % self.training.eval_steps == 0):
                    value = self.evaluate()
                    self._check(number, "validation loss", value)
                    self._note(number, tokens, eval_loss=round(value, 6))
                if last or (number + 1) % self.training.save_steps == 0:
                    self.checkpoints.save(number + 1, self.model, self.optimizer, self.history)

    def _step(self, number: int, tokens: int) -> tuple[float, int]:
        """One optimiser step; mean loss over its labels, and tokens seen so far."""
        import torch

        torch.manual_seed(self.training.seed * 1_000_003 + number)  # dropout, the same after a kill
        rate = learning_rate(self.training, number, self.plan.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        groups = self.plan.step(number)
        labels = sum(self._labels(group) for group in groups)
        total = 0.0
        for group in groups:
            batch = make_batch(self.train_tokens, group, self.device)
            loss = self._loss(batch)
            (loss / labels).backward()
            total += loss.item()
            tokens += batch.ids.shape[1]
        mean = total / labels
        self._check(number, "loss", mean)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.training.max_grad_norm)
        self._check(number, "gradient", norm.item())
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._note(number, tokens, loss=round(mean, 6), learning_rate=rate)
        return mean, tokens

    def _loss(self, batch: Batch) -> Any:
        import torch

        half = self.training.precision == "bfloat16"
        lower = torch.autocast(self.device, torch.bfloat16) if half else contextlib.nullcontext()
        with lower:
            return loss_sum(self.model, batch)

    def _check(self, number: int, name: str, value: float) -> None:
        if not math.isfinite(value):
            remedy = "Lower training.learning_rate or set training.precision to float32"
            raise UserError(f"step {number + 1}: the {name} is {value}. {remedy}.")

    def _labels(self, examples: list[int]) -> int:
        offsets = self.train_tokens.offsets
        return sum(int(self.train_tokens.mask[offsets[i] : offsets[i + 1]].sum()) for i in examples)

    def _note(self, number: int, tokens: int, **values: float) -> None:
        epoch = round((number + 1) / self.plan.steps_per_epoch, 4)
        self.history.append({"step": number + 1, "epoch": epoch, "tokens": tokens, **values})

    def evaluate(self) -> float:
        """Mean loss over all labels of the validation part."""
        import torch

        self.model.eval()
        total, labels = 0.0, 0
        with torch.inference_mode():
            for group in evaluation_batches(self.validation.lengths, self.plan.capacity):
                batch = make_batch(self.validation, group, self.device)
                total += self._loss(batch).item()
                labels += len(batch.labels)
        self.model.train()
        return total / labels


def learning_rate(training: Training, step: int, steps: int) -> float:
    """Rate of a step: linear warm-up, then the schedule down to 0 (constant stays)."""
    warmup = math.ceil(training.warmup_ratio * steps)
    if step < warmup:
        return training.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    factor = {
        "constant": 1.0,
        "linear": 1 - done,
        "cosine": 0.5 * (1 + math.cos(math.pi * done)),
    }[training.schedule]
    return training.learning_rate * factor
