"""Measure how varied a mixture is to a base model, by its hidden states before any training."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, write_json
from collectivesft.common.progress import Reporter
from collectivesft.config.experiment import FACTS, read_experiment
from collectivesft.config.mixture import read_mixture
from collectivesft.curated.mixture import novelsum
from collectivesft.curated.mixture.digest_sample import SEED, digest_sample
from collectivesft.curated.mixture.vendi import vendi_score
from collectivesft.models import chat
from collectivesft.models.network import load_network, mean_state
from collectivesft.schema.example import Example
from collectivesft.schema.prompts import in_cmb_form
from collectivesft.sft.batches.token_files import Chunk

_DIGITS = 6


def measure_diversity(
    train: Path,
    base: Path,
    recipe: Path,
    out: Path,
    examples: int,
    threads: int = 1,
    pool: Path | None = None,
) -> dict[str, Any]:
    """Write the Vendi score and NovelSum of a mixture by the base model's hidden states.

    Examples are sampled by a digest of their id and SEED, so a larger number holds the smaller
    one's. They are rendered and cut as in training. An example's vector is the mean over its
    tokens of the last hidden state, in float64; the network is float32 on a CPU, bfloat16 on a
    GPU. The last layer is that of NovelSum's authors (a base model as embedding model of vLLM,
    their embedding.py). They take its last token: here the last token is the same mark of an
    answer's end in every example, so all tokens are averaged.

    Args:
        train: Parquet file of training examples.
        base: folder of the base model.
        examples: sampled at most, of the mixture and of the pool.
        threads: CPU threads; they decide the last bits.
        pool: Parquet file of the curated examples that the mixture is drawn from, where NovelSum's
            density is measured: the same place for every mixture. Without it, the mixture's own.

    Returns:
        base, sampled (``examples``), seed, max_length; ``mixture`` and ``pool`` (null without one)
        with the examples that were compared, those without_loss (no answer is left after the cut;
        they are not trained on), truncated and tokens; ``vendi``; ``novelsum`` with its settings.

    Raises:
        InputError: fewer than two examples to compare.
    """
    from transformers import AutoTokenizer

    experiment, form = read_experiment(recipe), read_mixture(recipe).prompt
    training = experiment.training
    cut = (training.max_length, training.truncation)
    network = load_network(base, threads)
    tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    template = chat.training_template(read_json(base / FACTS)["chat_template"], base)
    parts = {"mixture": digest_sample(train, examples).get("", [])}
    if pool is not None:
        drawn = digest_sample(pool, examples).get("", [])
        # A mixture's examples have the recipe's form already, those of the pool the datasets'.
        parts["pool"] = [in_cmb_form(one) for one in drawn] if form == "cmb" else drawn
    states, about = {}, {}
    with Reporter(f"{recipe.stem}, diversity", sum(map(len, parts.values()))) as reporter:
        for name, part in parts.items():
            states[name], about[name] = _states(part, network, tokenizer, template, cut, reporter)
    if len(states["mixture"]) < 2:
        problem = f"{len(states['mixture'])} examples to learn from, and two are needed"
        raise InputError(train, problem, "Give the train.parquet of a larger mixture")
    reference = states.get("pool", states["mixture"])
    result = {
        "base": experiment.base,
        "sampled": examples,
        "seed": SEED,
        "max_length": training.max_length,
        "mixture": about["mixture"],
        "pool": about.get("pool"),
        "vendi": round(vendi_score(states["mixture"]), _DIGITS),
        "novelsum": {
            "score": round(novelsum.novelsum(states["mixture"], reference), _DIGITS),
            "neighbours": novelsum.NEIGHBOURS,
            "density_power": novelsum.DENSITY_POWER,
            "proximity_power": novelsum.PROXIMITY_POWER,
        },
    }
    write_json(out, result)
    return result


def _states(
    examples: Sequence[Example],
    network: Any,
    tokenizer: Any,
    template: str,
    cut: tuple[int, str],
    reporter: Reporter,
) -> tuple[np.ndarray, dict[str, int]]:
    """Return the mean state of each example that is trained on, and counts of them."""
    chunk, found = Chunk(*cut), []
    for example in examples:
        chunk.add(*chat.encode(tokenizer, example.messages, template))
    reporter.advance(chunk.without_loss)
    ids = chunk.arrays()["ids"]
    for end, length in zip(accumulate(chunk.lengths), chunk.lengths, strict=True):
        found.append(mean_state(network, ids[end - length : end].tolist()))
        reporter.advance()
    counts = {
        "compared": len(found),
        "without_loss": chunk.without_loss,
        "truncated": chunk.truncated,
        "tokens": len(ids),
    }
    return np.array(found), counts
