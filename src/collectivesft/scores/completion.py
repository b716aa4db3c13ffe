"""Ask whether a base model completes benchmark items word for word, as a sign of memory."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import write_json
from collectivesft.common.progress import Reporter
from collectivesft.schema.item import Item, load_items
from collectivesft.schema.prompts import cmb_options
from collectivesft.scores.engines import language_model as models
from collectivesft.scores.engines.language_model import LanguageModel
from collectivesft.scores.measure.shares import wilson
from collectivesft.scores.prompt.item_sample import choose

PARTS = ("question", "options")


def measure_completion(
    folder: Path, name: str, items: Path, out: Path, ngram: int, limit: int | None = None,
    sample_seed: int = 42, threads: int = 1,
) -> dict[str, Any]:  # fmt: skip
    """Write the share of items whose last tokens the model writes greedily from what is before.

    Once for the question, and once for question and options (``A. text`` lines). Greedy writing
    gives the item's tokens if and only if each is the likeliest after those before it, so one pass
    over an item decides. Source of the measure: R. Xu et al., 2024, arXiv 2404.18824 (n-gram
    accuracy, 5-grams); here at the ends of the two parts instead of spaced starting points.

    Args:
        folder, name: the model, and its name in results.
        items: JSON Lines of benchmark items with options.
        ngram: tokens that must be completed.
        limit, sample_seed: choose the items, as in ``scores predict``.

    Returns:
        model, benchmark, ngram, items (in all), too_long (for the model's positions, in neither
        part), and for ``question`` and ``options``: asked, completed, and the share with Wilson's
        95 % interval (null where none was asked). A part of fewer than ``ngram`` + 2 tokens is not
        asked.

    Raises:
        InputError: ``items`` has no test questions with options.
        UserError: a model that cannot be loaded.
    """
    asked = [one for one in choose(list(load_items(items)), limit, sample_seed) if one.options]
    if not asked:
        raise InputError(items, "no test questions with options", "Name a benchmark of choices")
    model = models.load(folder, threads)
    found: dict[str, list[bool]] = {part: [] for part in PARTS}
    too_long = 0
    with Reporter(f"{name}, {asked[0].benchmark}: completion", len(asked)) as reporter:
        for item in asked:
            ids = {part: models.encode(model, text, "plain") for part, text in _texts(item).items()}
            fits = models.fits(model, len(ids["options"]), 0)
            too_long += not fits
            for part in PARTS if fits else ():
                if len(ids[part]) >= ngram + 2:
                    found[part].append(_completes(model, ids[part], ngram))
            reporter.advance()
    result = {"kind": "completion", "model": name, "benchmark": asked[0].benchmark}
    result |= {"ngram": ngram, "items": len(asked), "too_long": too_long}
    result |= {part: _share(own) for part, own in found.items()}
    write_json(out, result)
    return result


def _texts(item: Item) -> dict[str, str]:
    """Return both parts as the authors' file has them."""
    published = item.published()
    whole = f"{published.question}\n{cmb_options(published.options)}"
    return {"question": published.question, "options": whole}


def _completes(model: LanguageModel, ids: Sequence[int], ngram: int) -> bool:
    """Return True if each of the last tokens is the likeliest after those before it."""
    import torch

    known = inspect.signature(model.network.forward).parameters
    more = {"logits_to_keep": ngram + 1} if "logits_to_keep" in known else {}
    with torch.inference_mode(), models.enough_memory(1):
        rows = torch.tensor([list(ids)], device=model.network.device)
        logits = model.network(input_ids=rows, **more).logits[0, -ngram - 1 : -1]
    return logits.argmax(dim=-1).tolist() == list(ids[-ngram:])


def _share(completed: Sequence[bool]) -> dict[str, Any]:
    asked, count = len(completed), sum(completed)
    share = wilson(count, asked) if asked else None
    return {"asked": asked, "completed": count, "share": share}
