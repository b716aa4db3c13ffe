"""Read the letters of a prediction, by CMB's reading and the corrected one, and judge them."""

import math
from typing import Any

from collectivesft import benchmarks
from collectivesft.schema import option_orders
from collectivesft.schema.item import Item
from collectivesft.scores.extract import letters, patterns


def grade_prediction(prediction: dict[str, Any], item: Item) -> dict[str, Any]:
    """A prediction with its letters and whether they are the key, as a person checks it.

    ``corrected_right`` compares the corrected reading with the key as sets of letters,
    ``official_right`` CMB's own reading with the key as published, letter by letter and in
    order, as CMB's score.py does. ``refused`` says that no letter was read and why: the model
    declined. ``apart`` flags a question that is reported apart (CMB: politics, no_context;
    any benchmark: same_options, where a wrong option has the text of the right one).
    """
    variants = prediction.get("variants", ())
    variants = [_grade_variant(variant, prediction, item) for variant in variants]
    group = getattr(benchmarks.get(item.benchmark), "apart", None)
    official, corrected = extract_both(prediction, item)
    return {
        "id": item.id,
        "model": prediction["model"],
        "category": item.category,
        "subcategory": item.subcategory,
        "apart": (group(item) if group else "") or item.meta.get("apart", ""),
        **{key: prediction[key] for key in ("prompt", "raw", "likelihood", "error")},
        "official": official,
        "corrected": corrected,
        "answer": item.answer,
        "official_right": official == item.meta.get("published_answer", item.answer),
        "corrected_right": set(corrected) == set(item.answer),
        "refused": not corrected and patterns.REFUSAL.search(prediction["raw"]) is not None,
        **({"variants": variants} if "variants" in prediction else {}),
    }


def _grade_variant(
    variant: dict[str, Any], prediction: dict[str, Any], item: Item
) -> dict[str, Any]:
    """Grade an answer to reordered options: letters as shown and as published, the key as
    shown, and whether it is right."""
    letters_of, order = list(item.options), variant["order"]
    shown_item = option_orders.reorder(item, order)
    _, shown = extract_both({**prediction, **variant}, shown_item)
    return {
        "order": order,
        "repeat": variant["repeat"],
        "raw": variant["raw"],
        "shown": shown,
        "shown_answer": shown_item.answer,
        "letters": option_orders.published(shown, letters_of, order),
        "right": set(shown) == set(shown_item.answer),
    }


def extract_both(prediction: dict[str, Any], item: Item | None = None) -> tuple[str, str]:
    """Return the letters of an answer as CMB reads them and as corrected.

    Likelihoods have one reading. A written text is read together with the lead that the prompt
    ended with.

    Args:
        item: the question; its options' texts and its polarity help the corrected reading.
    """
    multiple, options = prediction["multiple"], prediction["options"]
    if prediction["likelihood"]:
        both = likeliest(prediction["likelihood"], multiple)
        return both, both
    text = prediction["lead"] + prediction["raw"] if prediction["raw"] else ""
    corrected = letters.corrected(
        text,
        multiple,
        {letter: item.options.get(letter, "") for letter in options} if item else options,
        prediction["lead"],
        item.question if item else "",
        prediction.get("stopped", True) or prediction.get("settled", False),
    )
    # CMB votes over an answer's samples; its configurations and ours draw one.
    return letters.vote([letters.official(text, multiple)]), corrected


def likeliest(likelihood: dict[str, float], multiple: bool) -> str:
    """The letters that log probabilities speak for.

    One answer: the likeliest, the first of equals. Several: each letter whose probability,
    renormalised over the options, is above one in the number of options; at least the likeliest.
    """
    best = max(likelihood, key=likelihood.__getitem__)
    if not multiple:
        return best
    weights = {letter: math.exp(v - likelihood[best]) for letter, v in likelihood.items()}
    even = sum(weights.values()) / len(weights)
    return "".join(sorted({best, *(k for k, weight in weights.items() if weight > even)}))
