"""Place names next to points: each goes where it covers nothing, or is left out."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.transforms import Bbox

# Positions of a name, best first: offset in points from its point, and its alignment.
_PLACES = (
    (7, 0, "left"), (7, 7, "left"), (7, -7, "left"), (-7, 0, "right"), (-7, 7, "right"),
    (-7, -7, "right"), (0, 10, "center"), (0, -10, "center"), (7, 14, "left"), (7, -14, "left"),
    (-7, 14, "right"), (-7, -14, "right"),
)  # fmt: skip
_MARKER = 3  # half the width of a point, points
Point = tuple[float, float]
Line = Sequence[Point]


def place(
    figure, texts: Sequence[Any], lines: Iterable[Line] = (), points: Line = (), sure: int = 0
) -> None:
    """Move each name near its point to where it covers no point, line or earlier name.

    Args:
        texts: annotations of points, the most important first; one without room is hidden.
        lines: of (x, y) in data, such as curves and whiskers, which no name may cross.
        points: of (x, y) in data, without a name.
        sure: how many of the first names may be nearer to a different point than to theirs,
            where they would have no room otherwise; their colour says whose they are.
    """
    figure.draw_without_rendering()
    if not texts:
        return
    axes = texts[0].axes
    scale = figure.dpi / 72
    at = axes.transData.transform
    spots = [tuple(at(p)) for p in [*(text.xy for text in texts), *points]]
    marks = [Bbox.from_extents(*spot, *spot).padded(_MARKER * scale) for spot in spots]
    # Points of a line as dense as letters are small: a box that holds none is not crossed.
    crossed = [spot for line in lines for spot in _dense([tuple(at(p)) for p in line])]
    shown: list[Bbox] = []
    for i, (text, own) in enumerate(zip(texts, spots, strict=False)):
        others, taken = [spot for spot in spots if spot != own], [*marks, *shown]
        box = _fitting(text, own, others, axes.bbox, taken, crossed)
        if box is None and i < sure:
            box = _fitting(text, own, [], axes.bbox, taken, crossed)
        text.set_visible(box is not None)
        if box is not None:
            shown.append(box)


def _fitting(
    text, own: Point, others: Line, room: Bbox, taken: Sequence[Bbox], crossed: Line
) -> Bbox | None:
    """The first place without a fault; the text is left there."""
    for x, y, side in _PLACES:
        text.set_position((x, y))
        text.set_horizontalalignment(side)
        box = text.get_window_extent()
        if not (room.x0 <= box.x0 and box.x1 <= room.x1 and room.y0 <= box.y0 <= room.y1):
            continue
        if any(box.overlaps(other) for other in taken):
            continue
        if any(box.contains(*spot) for spot in crossed):
            continue
        if all(_distance(box, own) <= _distance(box, other) for other in others):
            return box  # nearer to a different point, the name would seem to be that point's
    return None


def _distance(box: Bbox, spot: Point) -> float:
    across = max(box.x0 - spot[0], 0, spot[0] - box.x1)
    return math.hypot(across, max(box.y0 - spot[1], 0, spot[1] - box.y1))


def _dense(line: Line, step: float = 3.0) -> list[tuple[float, float]]:
    """Points on a line in pixels, at most ``step`` apart."""
    spots: list[tuple[float, float]] = []
    for (x0, y0), (x1, y1) in pairwise(line):
        number = int(max(abs(x1 - x0), abs(y1 - y0)) / step) + 1
        spots += [
            (x0 + (x1 - x0) * i / number, y0 + (y1 - y0) * i / number) for i in range(number + 1)
        ]
    return spots
