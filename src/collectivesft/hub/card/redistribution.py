"""Decide which datasets may be passed on, by their own licence. Without a licence, none may."""

from dataclasses import dataclass

from collectivesft.common.errors import UserError


@dataclass(frozen=True)
class Terms:
    """Consequence of a licence for passing a dataset on.

    Attributes:
        allowed: the rows may be published again.
        why: in words for the card.
    """

    allowed: bool
    why: str


_SILENT = "No licence is stated: without one, no right to pass it on. Fetch it from its authors."
_RESEARCH = "For research only, and no right to pass it on is given. Fetch it from its authors."
_MIT = "MIT: passed on; its notice is at the dataset's homepage."
_APACHE = "Apache-2.0: passed on, changes stated; its notice is at the dataset's homepage."
# A source's `licence`, word for word, to its terms: a licence that is not here is an error, so that
# nobody's new dataset is published by default.
TERMS = {
    "MIT": Terms(True, _MIT),
    "MIT (repository)": Terms(True, _MIT),
    "MIT, with the Spanish ministry's terms of reuse": Terms(
        True,
        "MIT; the ministry allows reuse that names it and keeps the content unaltered in sense.",
    ),
    "Apache-2.0": Terms(True, _APACHE),
    "Apache-2.0 (on the Hub; MIT on GitHub)": Terms(True, _APACHE),
    "CC BY-NC-SA 4.0": Terms(
        False, "Share-alike and non-commercial: it would bind the whole mixture. Fetch it yourself."
    ),
    "non-commercial research (README); GPL-3.0 (LICENSE)": Terms(
        False, "Its two statements contradict each other. Fetch it from its authors."
    ),
    "research only (README; no licence file)": Terms(False, _RESEARCH),
    "Apache-2.0; its README says academic use only": Terms(
        False, "Its licence and its README contradict each other. Fetch it from its authors."
    ),
    "CC BY-SA (GitHub; none stated on the Hub); its parts have their own": Terms(
        False, "Share-alike, and each of its parts has a licence. Fetch it from its authors."
    ),
    "not stated; the platform's terms apply": Terms(False, _SILENT),
    "unknown": Terms(False, _SILENT),
    "unknown; texts copyright haodf.com": Terms(
        False, "The texts belong to haodf.com, which has not licensed them."
    ),
}


def terms(name: str, licence: str) -> Terms:
    """The terms of a dataset.

    Raises:
        UserError: nobody has decided about this licence yet.
    """
    if licence not in TERMS:
        raise UserError(
            f"{name}: no decision about the licence {licence!r}. Read it, then add it to TERMS in "
            "src/collectivesft/hub/card/redistribution.py."
        )
    return TERMS[licence]
