"""Draws an experiment's mixture from the curated examples and describes it.

An example's draw depends on its id and the seed alone, not on the other examples: 1 % is a part of
10 %, and unless the recipe weighs sets or styles against each other, adding a dataset leaves the
others' examples as they were.
"""

from contextlib import ExitStack
from pathlib import Path

from collectivesft.curated.ledger import StepLedger
from collectivesft.curated.measures import Description
from collectivesft.curated.quota import Quota, draw, quota
from collectivesft.curated.recipe import Mixture, read_mixture
from collectivesft.curated.store import Writer, count_rows, read_examples
from collectivesft.errors import InputError
from collectivesft.example import Example, arrow_schema
from collectivesft.files import atomic_path, write_json
from collectivesft.progress import track
from collectivesft.prompts import in_cmb_form


def mix_file(
    examples: Path, recipe: Path, out: Path, validation: Path, ledger: Path, stats: Path
) -> None:
    """Write the training and the validation part of an experiment's mixture.

    Raises:
        InputError: the recipe is wrong, names a set that has no examples, or leaves nothing to
            train on.
    """
    mixture = read_mixture(recipe)
    taken = _quota(examples, recipe, mixture)
    counts, description = StepLedger("mix"), Description(mixture.seed)
    with ExitStack() as stack:
        paths = [stack.enter_context(atomic_path(path)) for path in (out, validation)]
        train, held_out = (stack.enter_context(Writer(path, arrow_schema())) for path in paths)
        for example in track(read_examples(examples), "mix", count_rows(examples)):
            entry = counts.entry(example.dataset)
            entry.rows_in += 1
            number = draw(example.id, mixture.seed, "sample")
            if reason := taken.reason(example.dataset, example.style, number):
                entry.dropped[reason] += 1
                continue
            entry.kept += 1
            example = _asked(example, mixture)
            if draw(example.id, mixture.seed, "validation") < mixture.validation:
                entry.changed["held_out"] += 1
                held_out.add(example.to_row())
            else:
                description.add(example)
                train.add(example.to_row())
        if not description.examples:
            raise InputError(recipe, "this mixture leaves nothing to train on", "Widen `mixture`")
    counts.write(ledger)
    held = sum(entry.changed["held_out"] for entry in counts.entries.values())
    about = {"experiment": recipe.stem, "prompt": mixture.prompt, "validation": held}
    write_json(stats, about | description.as_json())


def _quota(examples: Path, recipe: Path, mixture: Mixture) -> Quota:
    """What the mixture takes; a set or style that it weighs but that has no examples is named."""
    try:
        found = quota(examples, mixture)
    except ValueError as error:
        raise InputError(recipe, f"mixture.style_shares: {error}", "Leave it out") from error
    for key, names in (("datasets", mixture.datasets), ("max_samples", mixture.max_samples)):
        named = names if isinstance(names, (list, dict)) else []
        if absent := [name for name in named if name not in found.present]:
            problem = f"mixture.{key}: no examples of {', '.join(absent)}"
            raise InputError(recipe, problem, f"There are {', '.join(found.present)}")
    return found


def _asked(example: Example, mixture: Mixture) -> Example:
    return in_cmb_form(example) if mixture.prompt == "cmb" else example
