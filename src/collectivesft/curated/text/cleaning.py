"""Clean one text: normalise it and replace personal data."""

from collectivesft.curated.text.normalise import normalise
from collectivesft.curated.text.pii import scrub


def clean_text(text: str) -> tuple[str, set[str]]:
    """Return the text normalised and without personal data, and the names of alterations."""
    text, changed = normalise(text)
    text, found = scrub(text)
    return text, changed | found
