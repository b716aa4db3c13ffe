"""A training from tokens to trained weights: the model as its recipe wants it, then the steps."""

from pathlib import Path
from typing import Any

from collectivesft.common import digests
from collectivesft.common.errors import InputError
from collectivesft.common.files import atomic_path, read_json, share, write_json, write_jsonl
from collectivesft.config.experiment import (
    FACTS,
    Experiment,
    Training,
    read_experiment,
    training_name,
)
from collectivesft.models.quiet_transformers import quiet
from collectivesft.models.registry import register
from collectivesft.sft.batches import cache_keys
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.distributed.stop_signal import listening
from collectivesft.sft.distributed.world import World, joined
from collectivesft.sft.kernels import packed_attention
from collectivesft.sft.loop.checkpoint import Checkpoints
from collectivesft.sft.loop.cost_tracker import Costs
from collectivesft.sft.loop.out_of_memory import enough_memory
from collectivesft.sft.loop.precision import decided
from collectivesft.sft.loop.trackers import Tracking
from collectivesft.sft.loop.trainer import Trainer

COSTS = "costs.json"


def train(
    tokens: Path,
    base: Path,
    recipe: Path,
    checkpoints: Path,
    history: Path,
    out: Path,
    threads: int,
    costs: Path | None = None,
    tracking: Tracking | None = None,
    seed: int | None = None,
) -> None:
    """Train and write the trained weights and the history.

    Args:
        tokens: folder that ``sft tokenize`` wrote.
        base: folder of the base model.
        checkpoints: working folder; a killed training resumes from here, on any number of
            processes and threads. Its ``history.jsonl`` grows with every step and ends with the
            bytes of ``history``.
        history: JSON Lines ``{"step", "epoch", "tokens", "loss", "learning_rate"}``, and with
            ``eval_loss`` instead of the last two where the validation part was read. The first
            row has ``precision`` too where the recipe says ``auto``: what that was here.
        out: folder: an adapter (lora) or the whole model (full).
        threads: CPU threads; on a CPU the weights depend on their number, in the last bits.
        costs: JSON file for the time, operations and energy of all tries, ``sft.costs``.
        tracking: trackers for the curves; each needs its package.
        seed: one of the recipe's ``seeds``; None: ``training.seed``.

    Raises:
        Interrupted: a stop was asked for (SIGTERM, SIGUSR1); the state is saved.
        UserError: a seed that the recipe does not list, the loss is not a number, the device's
            memory is too small, or a tracker is not installed.
    """
    experiment = read_experiment(recipe)
    if seed is not None:
        if seed not in (experiment.seeds or [experiment.training.seed]):
            raise InputError(recipe, f"no seed {seed}", "Add it to `seeds`")
        experiment = experiment.with_seed(seed)
    if tracking:
        tracking.prepare()  # before anything is loaded
    set_deterministic(threads)
    with (
        joined(experiment.training.strategy) as world,
        listening() as request,
        enough_memory(recipe, experiment.training),
    ):
        auto = experiment.training.precision == "auto"
        training = decided(experiment.training, world)
        experiment = experiment.model_copy(update={"training": training})
        facts = decisive(tokens, base, experiment)
        saved = Checkpoints(checkpoints, facts, world)
        note = saved.check()  # before a model is loaded
        parts = [Tokens.load(tokens, part) for part in ("train", "validation")]
        model = load(base, training, world)
        spent = Costs(checkpoints / COSTS, digests.digest(facts), world, training)
        label = f"{training_name(recipe, out)}, train"
        shown = tracking, base, label, {"precision": training.precision} if auto else {}
        run = Trainer(model, training, *parts, saved, world, request, spent, *shown)
        try:
            run.run(note)
            save(model, world, out)
            if world.first:
                write_jsonl(history, run.history.rows)
            total = spent.save()
            if world.first and costs:
                write_json(costs, total)
        finally:
            run.finish()  # last: a kill while a service is slow must not lose the model


def set_deterministic(threads: int) -> None:
    """Make torch compute the same bytes in every run with this number of threads."""
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Nothing reads memory before it is written: filling it first takes 4 to 8 % of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False


def save(model: Any, world: World, out: Path) -> None:
    """Write the trained weights once."""
    weights = {"state_dict": world.whole(model)} if world.sharded else {}
    if world.first:
        with atomic_path(out) as partial:
            model.save_pretrained(partial, **weights)
            (partial / "README.md").unlink(missing_ok=True)  # peft's card; stage hub writes ours
            share(partial)
    world.wait()


# Settings of running, saving and measuring: they change weights by rounding only.
_NOT_DECISIVE = {
    "distributed", "eval_steps", "gradient_checkpointing", "lora", "max_tokens_per_forward",
    "save_steps",
}  # fmt: skip


def decisive(tokens: Path, base: Path, experiment: Experiment) -> dict[str, Any]:
    """Name to value of all that decides the weights of a training.

    Processes, threads, the packing of a step's examples and how often it saves are no part of it:
    a training resumes on other machines. They change the weights by rounding only.
    """
    training = experiment.training
    facts = training.model_dump(exclude=_NOT_DECISIVE)
    if training.method == "lora":
        facts |= {f"lora.{key}": value for key, value in training.lora.model_dump().items()}
    modules, libraries = cache_keys.WEIGHTS
    made_by = {name: digests.version(name) for name in libraries}
    return {
        **{f"training.{name}": value for name, value in facts.items()},
        "tokens": digests.digest(read_json(tokens / "tokens.json"))[:12],
        "base model": digests.digest(cache_keys.base_weights(base))[:12],
        **made_by,
        "the training code": digests.software(modules)[:12],
    }


def load(base: Path, training: Training, world: World) -> Any:
    """Load the base model, ready to train; with adapters where the method is lora.

    Trained parameters are float32 in every precision, unless the recipe's ``master_weights`` says
    otherwise: a step of 2e-5 is below bfloat16's resolution of most weights and would be rounded
    away (see ``sft.kernels.stochastic_adamw``).
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    quiet()
    register()
    kept = training.master_weights if training.method == "full" else training.precision
    safe = {"trust_remote_code": False}
    name = (
        packed_attention.register()
        if packed_attention.supported(AutoConfig.from_pretrained(base, **safe))
        else None
    )
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=getattr(torch, kept), attn_implementation=name, device_map=world.loading, **safe
    )
    return prepare(model, training, world, read_json(base / FACTS)["lora_targets"])


def prepare(model: Any, training: Training, world: World, targets: list[str] | None) -> Any:
    """A loaded model with what training needs: shards or adapters, on ``targets``."""
    import torch

    model.train()
    if training.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if training.method == "full":
        if world.sharded:
            world.shard(model, half=training.precision == "bfloat16")
        return model
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(training.seed)  # the adapters' first weights are random
    config = LoraConfig(
        r=training.lora.r,
        lora_alpha=training.lora.alpha,
        lora_dropout=training.lora.dropout,
        target_modules=targets or "all-linear",
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config)
    for made in adapted.peft_config.values():
        made.target_modules = sorted(made.target_modules)  # a set: its order would be saved
    return adapted
