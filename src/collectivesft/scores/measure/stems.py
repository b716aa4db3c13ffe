"""Find questions that share a stem: one case, several questions about it."""

from collections.abc import Iterable

from collectivesft.schema.item import Item

# So many equal characters at the beginning of two questions are a case, not a common phrase.
SHARED = 40


def stem_of(item: Item) -> str:
    """Return what names a question's stem within its sub-category."""
    text = "".join(item.question.split())
    return text[:SHARED] if len(text) > SHARED else f"{item.id}: {text}"


def count_shared(items: Iterable[Item]) -> int:
    """Return the number of items that share their stem with an item of their sub-category."""
    groups: dict[tuple[str, str, str], int] = {}
    for item in items:
        key = (item.category, item.subcategory, stem_of(item))
        groups[key] = groups.get(key, 0) + 1
    return sum(size for size in groups.values() if size > 1)
