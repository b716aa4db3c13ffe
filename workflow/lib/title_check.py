"""Check that the fonts of the figures and of the paper have every sign of a title."""

import re

# Blocks that Noto Sans CJK or DejaVu Sans have whole; a test compares them with the fonts.
DRAWN = (
    " -~\u00a0-\u017f\u0391-\u03a1\u03a3-\u03c9\u0410-\u044f\u2010-\u2027\u2030-\u203a"
    "\u2080-\u2089\u2190-\u2193\u2264\u2265\u3001-\u3029\u3041-\u3096\u30a1-\u30fe\u3400-\u4db5"
    "\u4e00-\u9fa5\uac00-\ud7a3\uff01-\uff5e"
)
UNDRAWN = re.compile(f"[^{DRAWN}]")


def title_fault(title: str) -> str:
    """Name the first sign of a title that no font of ours has; "" if all can be drawn."""
    found = UNDRAWN.search(title)
    if not found:
        return ""
    sign = f"U+{ord(found[0]):04X}"
    return f"{title!r} has the sign {sign}, for which the paper has no font; leave it out"
