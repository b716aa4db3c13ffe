"""The steps of a training: loss and gradients over the plan, evaluation, history, checkpoints.

The loop is our own because it must show exactly the examples that the plan says, take loss at the
labelled places only, and resume after a kill to the same weights; the model, the adapters, the
optimiser and the spreading over processes are transformers', peft's and torch's.
"""

import contextlib
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.progress import Reporter
from collectivesft.config.experiment import Training
from collectivesft.models.registry import packable
from collectivesft.sft.batches.batch import Batch, loss_sum, make_batch
from collectivesft.sft.batches.packing import Plan, evaluation_batches
from collectivesft.sft.batches.packing_check import keeps_apart
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.distributed.stop_signal import Interrupted, Request
from collectivesft.sft.distributed.world import World, deal, without_sum
from collectivesft.sft.loop.checkpoint import Checkpoints, trainable
from collectivesft.sft.loop.cost_tracker import Costs, Work
from collectivesft.sft.loop.history import NAME, History
from collectivesft.sft.loop.trackers import Trackers, Tracking

_STOPPED = (
    "stopped on request after step {} of {}, all of it saved. Run again, or let the scheduler "
    "requeue the job: it goes on from here"
)

_NOT_PACKED = (
    "{} lets packed examples see each other: each example gets a forward pass by itself, which is "
    "slower and the same training"
)


# Names that transformers' Trainer leaves out of weight decay, as it does all of torch's LayerNorms.
_UNDECAYED = ["bias", "layernorm", "rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]


@dataclass
class Trainer:
    """A training in progress."""

    model: Any
    training: Training
    train_tokens: Tokens
    validation: Tokens
    checkpoints: Checkpoints
    world: World
    request: Request
    costs: Costs
    tracking: Tracking | None = None
    base: Path | None = None
    label: str = "train"
    decided: dict[str, Any] = field(default_factory=dict)  # what this machine decided: in row 1

    def __post_init__(self) -> None:
        # peft's wrapper takes whatever it is given: the model inside is asked.
        inner = getattr(self.model, "get_base_model", lambda: self.model)()
        self.packs = packable(inner) and keeps_apart(self.model, self.train_tokens, self.world)
        self.replica = self.world.replicate(self.model)
        self.plan = Plan(self.train_tokens.lengths, self.training, not self.packs)
        self.history = History()
        self.trackers: Trackers | None = None
        self.work = Work(inner, self.training)
        self.parameters = list(trainable(self.model).values())
        self.optimizer = self._optimizer()

    def _optimizer(self) -> Any:
        import torch

        settings = {
            "lr": self.training.learning_rate,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
        }
        groups = decay_groups(self.model, self.training.weight_decay)
        if self.training.master_weights == "float32":
            return torch.optim.AdamW(groups, **settings)
        from collectivesft.sft.kernels.stochastic_adamw import RoundedAdamW

        # Whole models must stay the same in all processes: they round alike, as a single one does.
        place = (self.world.rank, self.world.size) if self.world.sharded else (0, 1)
        return RoundedAdamW(groups, lambda step: self._seed(step, *place), **settings)

    def _seed(self, number: int, rank: int, size: int) -> int:
        return (self.training.seed * 1_000_003 + number) * size + rank

    def run(self, note: str | None = None) -> None:
        """Take every step that is not done yet.

        Args:
            note: shown before the first step.

        Raises:
            Interrupted: a stop was asked for; the state is saved.
            UserError: the loss is not a number.
        """
        done, rows = self.checkpoints.restore(self.model, self.optimizer)
        self.first_step = done
        if self.world.first:
            self.history.path = self.checkpoints.folder / NAME
        self.history.begin(rows)
        shown = Reporter(self.label, self.plan.steps) if self.world.first else None
        self.costs.start()
        with contextlib.ExitStack() as stack:
            if shown:
                stack.enter_context(shown)
                shown.note(f"each step's loss: {self.history.path}")
                if note:
                    shown.note(note)
                if not self.packs:
                    shown.note(_NOT_PACKED.format(type(self.model).__name__))
                shown.skip(done, "from the last checkpoint" if done else "")
            if self.tracking and shown:
                fingerprint = self.costs.fingerprint
                self.trackers = Trackers(self.tracking, fingerprint, done, shown.note)
            for number in range(done, self.plan.steps):
                status = self._step(number)
                last = number + 1 == self.plan.steps
                if len(self.validation) and (last or (number + 1) % self.training.eval_steps == 0):
                    value = self.evaluate()
                    self._check(number, "validation loss", value)
                    self._note(number, eval_loss=round(value, 6))
                    if self.trackers:
                        self.trackers.log(self.history.rows[-1])
                stop = any(self.world.sum(self.request.made)) and not last
                if last or stop or (number + 1) % self.training.save_steps == 0:
                    state = self.model, self.optimizer, self.history.rows
                    self.checkpoints.save(number + 1, *state, finished=last)
                    self.costs.save()
                if shown:
                    shown.advance(1, status)
                if stop:
                    raise Interrupted(_STOPPED.format(number + 1, self.plan.steps))

    def finish(self) -> None:
        """End the trackers, which may wait for a service: call it when all is saved.

        No step can follow. The replica must not outlive the process group: torch 2.13 ends a group
        that DistributedDataParallel holds last while it keeps Python's lock, and gloo's thread may
        wait for that lock to drop the tensor of the last sum. The process would never end.
        """
        self.replica = None
        if self.trackers:
            self.trackers.finish()

    def _step(self, number: int) -> str:
        """One optimiser step; says how it went."""
        started, before = time.monotonic(), self.history.tokens
        loss, tokens, flop = self.world.sum(*self._gradients(number))
        self._check(number, "loss", loss)
        self._update(number, loss, before + int(tokens))
        self.costs.step(tokens, flop)
        seconds = time.monotonic() - started
        speed, used = tokens / seconds, self.costs.utilisation(flop, seconds)
        if self.trackers:
            more = {"mfu": used} if used else {}
            self.trackers.log(self.history.rows[-1], tokens_per_s=speed, **more)
        shown = f", {used:.0%} MFU" if used else ""
        return f"loss {loss:.3f}, {speed:,.0f} tokens/s{shown}"

    def _gradients(self, number: int) -> tuple[float, int, float]:
        """This process's part of a step: mean loss over all labels, tokens and operations."""
        import torch

        # Dropout: different in each process, the same after a kill.
        torch.manual_seed(self._seed(number, self.world.rank, self.world.size))
        groups = self.plan.step(number)
        labels = sum(self._labels(group) for group in groups)
        mine = deal(groups, self.train_tokens.lengths, self.world.size)[self.world.rank]
        scale = self.world.size  # undoes the averaging of gradients
        total, tokens, flop = 0.0, 0, 0.0
        for place, group in enumerate(mine, 1):
            batch = make_batch(self.train_tokens, group, self.world.device)
            with without_sum(self.replica, place == len(mine)):
                loss = self._loss(self.replica, batch)
                (loss * scale / labels).backward()
            total = total + loss.detach().double()  # read once a step: a GPU would wait each time
            lengths = [int(self.train_tokens.lengths[i]) for i in group]
            tokens += sum(lengths)
            flop += self.work(lengths, len(batch.labels))
        return float(total) / labels, tokens, flop

    def _update(self, number: int, loss: float, tokens: int) -> None:
        """Clip the gradients, let the optimiser take its step, note it."""
        import torch

        rate = learning_rate(self.training, number, self.plan.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.training.max_grad_norm)
        norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        self._check(number, "gradient", norm.item())
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        decided = {} if number else self.decided
        self._note(number, tokens, loss=round(loss, 6), learning_rate=rate, **decided)

    def _loss(self, model: Any, batch: Batch) -> Any:
        import torch

        # Sharded weights are lowered where they are put together (World.shard).
        lowered = self.world.sharded or self.training.master_weights == "bfloat16"
        half = self.training.precision == "bfloat16" and not lowered
        kind = self.world.device.partition(":")[0]
        lower = torch.autocast(kind, torch.bfloat16) if half else contextlib.nullcontext()
        with lower:
            return loss_sum(model, batch)

    def _check(self, number: int, name: str, value: float) -> None:
        if not math.isfinite(value):
            remedy = "Lower training.learning_rate or set training.precision to float32"
            # The validation loss is measured after the step, the other numbers before it.
            if number == self.first_step and name != "validation loss":
                remedy = f"No step was taken yet: check the base model {self.base}, or its "
                remedy += "checkpoint if the training was resumed, or set training.precision to "
                remedy += "float32"
            raise UserError(f"step {number + 1}: the {name} is {value}. {remedy}.")

    def _labels(self, examples: list[int]) -> int:
        offsets = self.train_tokens.offsets
        return sum(int(self.train_tokens.mask[offsets[i] : offsets[i + 1]].sum()) for i in examples)

    def _note(self, number: int, tokens: int | None = None, **values: Any) -> None:
        tokens = self.history.tokens if tokens is None else tokens
        epoch = round((number + 1) / self.plan.steps_per_epoch, 4)
        self.history.add({"step": number + 1, "epoch": epoch, "tokens": tokens, **values})

    def evaluate(self) -> float:
        """Mean loss over all labels of the validation part."""
        import torch

        self.model.eval()
        total, labels = 0.0, 0
        with torch.inference_mode(not self.world.sharded), torch.no_grad():
            for group in self._evaluation():
                batch = make_batch(self.validation, group, self.world.device)
                total += self._loss(self.model, batch).item()
                labels += len(batch.labels)
        self.world.reshard(self.model)
        self.model.train()
        total, labels = self.world.sum(total, labels)
        return total / labels

    def _evaluation(self) -> list[list[int]]:
        """This process's passes over the validation part."""
        lengths = self.validation.lengths
        groups = list(evaluation_batches(lengths, self.plan.capacity))
        return deal(groups, lengths, self.world.size)[self.world.rank]


def decay_groups(model: Any, decay: float) -> list[dict[str, Any]]:
    """Return the trained parameters, grouped by weight decay: norms and biases have none.

    With a decay of 0 it is one group in the model's order.
    """
    from torch.nn import LayerNorm
    from transformers.trainer_pt_utils import get_parameter_names

    decayed = set(get_parameter_names(model, [LayerNorm], _UNDECAYED))
    parts: dict[float, list[Any]] = {decay: []}
    for name, parameter in trainable(model).items():
        parts.setdefault(decay if name in decayed else 0.0, []).append(parameter)
    return [{"params": params, "weight_decay": rate} for rate, params in parts.items()]


def learning_rate(training: Training, step: int, steps: int) -> float:
    """Rate of a step: linear warm-up, then the schedule down to 0 (constant stays).

    transformers' Trainer warms up one step later: its first step has a rate of 0 and changes
    nothing. Here every step learns; after the warm-up the rates are Trainer's.
    """
    warmup = math.ceil(training.warmup_ratio * steps)
    if step < warmup:
        return training.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    factor = {
        "constant": 1.0,
        "linear": 1 - done,
        "cosine": 0.5 * (1 + math.cos(math.pi * done)),
    }[training.lr_scheduler]
    return training.learning_rate * factor
