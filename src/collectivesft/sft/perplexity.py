"""Measure how likely a base model finds the answers of each dataset, before any training."""

import inspect
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, write_json
from collectivesft.common.progress import Reporter
from collectivesft.config.experiment import FACTS, read_experiment
from collectivesft.curated.mixture.digest_sample import SEED, digest_sample
from collectivesft.models import chat
from collectivesft.models.network import load_network
from collectivesft.sft.batches.token_files import Chunk

_DIGITS = 6


def measure_perplexity(
    train: Path, base: Path, recipe: Path, out: Path, examples: int, threads: int = 1
) -> dict[str, Any]:
    """Write the perplexity of each dataset of a mixture under the base model.

    Examples are sampled by a digest of their id and SEED, so a larger number holds the smaller
    one's. They are rendered, cut and masked as in training: loss is on the answers' tokens only.
    Perplexity is exp of the mean over all such tokens of a dataset, so a long answer counts more.
    The network is float32 on a CPU, bfloat16 on a GPU.

    Args:
        train: Parquet file of training examples.
        base: folder of the base model.
        examples: sampled from each dataset, or all where it has fewer.
        threads: CPU threads; they decide the last bits.

    Returns:
        base, sampled (``examples``), seed, max_length and ``datasets``, by name: examples, those
        without_loss (no answer is left after the cut), truncated, tokens (with loss), loss
        (natural log, a token) and perplexity (null without tokens).

    Raises:
        InputError: no examples.
    """
    from transformers import AutoTokenizer

    experiment = read_experiment(recipe)
    training, about = experiment.training, {"base": experiment.base, "sampled": examples}
    chosen = digest_sample(train, examples, by="dataset")
    if not chosen:
        raise InputError(train, "no examples", "Give the train.parquet of a mixture")
    network = load_network(base, threads)
    tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    template = chat.training_template(read_json(base / FACTS)["chat_template"], base)
    found = {}
    with Reporter(f"{recipe.stem}, perplexity", sum(map(len, chosen.values()))) as reporter:
        for dataset, sampled in sorted(chosen.items()):
            chunk, total = Chunk(training.max_length, training.truncation), 0.0
            for example in sampled:
                chunk.add(*chat.encode(tokenizer, example.messages, template))
                reporter.advance()
            arrays = chunk.arrays()
            for ids, mask in _split(arrays["ids"], arrays["mask"], chunk.lengths):
                total += _loss(network, ids, mask)
            found[dataset] = _summary(chunk, int(arrays["mask"].sum()), total)
    result = {**about, "seed": SEED, "max_length": training.max_length, "datasets": found}
    write_json(out, result)
    return result


def _split(ids: Any, mask: Any, lengths: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    end = 0
    for length in lengths:
        yield ids[end : end + length].tolist(), mask[end : end + length].tolist()
        end += length


def _loss(network: Any, ids: list[int], mask: list[int]) -> float:
    """Return the summed loss (natural log) of the masked tokens of one example."""
    import torch

    device = network.device
    targets = [place for place, label in enumerate(mask) if label]
    before = torch.tensor(targets, device=device) - 1
    known = inspect.signature(network.forward).parameters
    # Logits of a long example at all places would take a gigabyte.
    more = {"logits_to_keep": before} if "logits_to_keep" in known else {}
    with torch.inference_mode():
        rows = torch.tensor([ids], device=device)
        logits = network(input_ids=rows, **more).logits[0]
        # At most one token fewer than all has loss: as many rows are those that were kept.
        kept = logits if len(logits) == len(targets) else logits[before]
        wanted = rows[0, torch.tensor(targets, device=device)]
        return float(torch.nn.functional.cross_entropy(kept.float(), wanted, reduction="sum"))


def _summary(chunk: Chunk, tokens: int, total: float) -> dict[str, Any]:
    loss = total / tokens if tokens else None
    return {
        "examples": chunk.seen,
        "without_loss": chunk.without_loss,
        "truncated": chunk.truncated,
        "tokens": tokens,
        "loss": None if loss is None else round(loss, _DIGITS),
        "perplexity": None if loss is None else round(math.exp(loss), _DIGITS),
    }
