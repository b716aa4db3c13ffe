"""Draw the workflow as an SVG: each stage with its steps, as its rule files list them.

`make docs` writes it to docs/figures/workflow.svg. A test compares the steps with Snakemake's
own list of rules. An SVG shows everywhere, unlike a drawing by a script from the network.
"""

import re
from pathlib import Path

from layout import STAGES

ROOT = Path(__file__).parents[2]
ROWS = (("raw", "curated", "sft", "scores"), ("figures", "paper", "hub"))
# Two stages of one row, or the last stage of the first row and one of the second.
ARROWS = (
    ("raw", "curated"),
    ("curated", "sft"),
    ("sft", "scores"),
    ("scores", "figures"),
    ("figures", "paper"),
    ("scores", "hub"),
)
PER_COLUMN = 7  # steps of a stage in a column, before a second column begins
COLUMN, LINE, HEAD, PAD, GAP = 108, 17, 34, 12, 22  # pixels


def steps(root: Path = ROOT) -> dict[str, list[str]]:
    """Return the steps of each stage in the order of the rules, which begin with its name."""
    files = sorted((root / "workflow/rules").glob("[0-9]_*.smk"))
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    found = {stage: re.findall(rf"^rule {stage}_(\w+):", text, re.M) for stage in STAGES}
    found["figures"] = _figures(root)
    return {stage: [name.replace("_", "-") for name in names] for stage, names in found.items()}


def _figures(root: Path) -> list[str]:
    """The figures' names; their rules are made from a table."""
    text = (root / "workflow/rules/report.smk").read_text(encoding="utf-8")
    table = text.partition("\nFIGURE_TABLE = {\n")[2].partition("\n}\n")[0]
    return re.findall(r'^    "(\w+)": \{', table, re.M) + re.findall(
        r'FIGURE_TABLE\["(\w+)"\] =', text
    )


def svg(root: Path = ROOT) -> str:
    """Return the picture: a box for each stage, arrows between them."""
    found = steps(root)
    sizes = {stage: _size(names) for stage, names in found.items()}
    corners = _corners(sizes)
    width = max(corners[stage][0] + sizes[stage][0] for stage in STAGES) + PAD
    height = max(corners[stage][1] + sizes[stage][1] for stage in STAGES) + PAD
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" font-family="system-ui, sans-serif">',
        "<title>The seven stages of the workflow and their steps</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
    ]
    parts += [_arrow(start, end, corners, sizes) for start, end in ARROWS]
    for number, stage in enumerate(STAGES, 1):
        parts += _box(f"{number} {stage}", found[stage], corners[stage], sizes[stage])
    return "\n".join([*parts, "</svg>\n"])


def _corners(sizes: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return the left upper corner of each stage's box."""
    corners, y = {}, PAD
    for row in ROWS:
        x = PAD
        for stage in row:
            corners[stage] = (x, y)
            x += sizes[stage][0] + GAP
        y += max(sizes[stage][1] for stage in row) + 2 * GAP
    return corners


def _size(names: list[str]) -> tuple[int, int]:
    columns = -(-len(names) // PER_COLUMN)
    lines = -(-len(names) // columns)
    return columns * COLUMN, HEAD + lines * LINE + 8


def _box(title: str, names: list[str], corner: tuple[int, int], size: tuple[int, int]) -> list[str]:
    (x, y), (width, height) = corner, size
    lines = -(-len(names) // (width // COLUMN))
    parts = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="#eef3f8"'
        ' stroke="#33567a"/>',
        f'<text x="{x + 10}" y="{y + 22}" font-size="14" font-weight="600" fill="#12304d">'
        f"{title}</text>",
    ]
    for place, name in enumerate(names):
        column, line = divmod(place, lines)
        at = x + 10 + column * COLUMN, y + HEAD + (line + 1) * LINE - 5
        parts.append(f'<text x="{at[0]}" y="{at[1]}" font-size="13" fill="#333333">{name}</text>')
    return parts


def _arrow(start: str, end: str, corners: dict, sizes: dict) -> str:
    """Return an arrow to the right within a row, or from a box down to one below."""
    (x1, y1), (x2, y2) = corners[start], corners[end]
    if y1 == y2:
        x1, y1 = x1 + sizes[start][0], y1 + HEAD
        line, tip = f"M{x1} {y1}H{x2 - 6}", f"M{x2} {y1}l-8 -4v8z"
    else:
        x1, y1 = x1 + sizes[start][0] // 2, y1 + sizes[start][1]
        x2 += sizes[end][0] // 2
        line, tip = f"M{x1} {y1}V{y2 - GAP}H{x2}V{y2 - 6}", f"M{x2} {y2}l-4 -8h8z"
    return (
        f'<path d="{line}" fill="none" stroke="#33567a" stroke-width="1.5"/>'
        f'<path d="{tip}" fill="#33567a"/>'
    )
