"""Explain a server's answer that is not the file: moved, gone, gated, a web page instead."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # not in the environment of the paper, which reads benchmarks too
    pass

# A page shows its kind within its first bytes: its title, its links, its form.
PAGE = 1 << 16
_BY_HAND = "and place the file itself by hand"

# Texts of a page (lower case; one of these), the meaning, the remedy.
_PAGES = (
    (
        ("virus scan warning", "scan this file for viruses"),
        "Google Drive's warning that it can't scan so large a file for viruses",
        f"Open the address in a browser, press Download anyway, {_BY_HAND}",
    ),
    (
        ("quota exceeded", "too many users have viewed or downloaded"),
        "Google Drive's note that too many people have fetched it lately",
        f"Try again in a day, or copy it to a Drive of your own, download it there {_BY_HAND}",
    ),
    (
        ("accounts.google.com", 'type="password"', "type='password'", "sign in", "log in", "登录"),
        "a page to sign in",
        f"Open the address in a browser, sign in, {_BY_HAND}",
    ),
)
_OTHER = f"Open the address in a browser to see what it wants, {_BY_HAND}"


def page(path: Path) -> tuple[str, str]:
    """Return the meaning of an HTML page that came instead of a file, and the remedy."""
    with open(path, "rb") as handle:
        text = handle.read(PAGE).decode("utf-8", "replace").lower().replace("&#39;", "'")
    for signs, what, remedy in _PAGES:
        if any(sign in text for sign in signs):
            return f" ({what})", remedy
    return "", _OTHER
