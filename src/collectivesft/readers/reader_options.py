"""Options of a reader: choices that its authors' sources leave open, each with a default."""

from collections.abc import Iterable
from dataclasses import dataclass

from collectivesft.common.errors import UserError


@dataclass(frozen=True)
class Option:
    """One choice; a reader lists its options in ``OPTIONS`` and takes them as keyword arguments.

    Attributes:
        name: its name in the configuration (``readers``) and of the argument.
        choices: the allowed values, the default first.
        help: the choice in one clause; the data card shows it.
    """

    name: str
    choices: tuple[str, ...]
    help: str


def chosen(dataset: str, options: Iterable[Option], texts: Iterable[str]) -> dict[str, str]:
    """Return the value of every option, from ``NAME=VALUE`` texts or its default.

    Raises:
        UserError: an unknown name or value; the message lists the known ones.
    """
    known = {option.name: option for option in options}
    values = {name: option.choices[0] for name, option in known.items()}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in known:
            there = ", ".join(known) or "none"
            raise UserError(f"--option {text}: {dataset} has no option {name!r}. There is {there}.")
        if value not in known[name].choices:
            allowed = ", ".join(known[name].choices)
            raise UserError(f"--option {text}: {dataset} knows {name} as one of {allowed}.")
        values[name] = value
    return values


PAPER_FORM = Option(
    "form",
    ("corrected", "paper"),
    "corrected: as docs/data.md says; paper: the texts of the paper's converter to the character, "
    "but for blanks at the ends of a text and empty lines",
)


def takes(name: str, what: str) -> Option:
    """An option that reads or drops one part of a dataset."""
    return Option(name, ("read", "drop"), what)
