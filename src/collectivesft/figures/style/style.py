"""One look for all figures, and one way to save them: same table, same bytes."""

import functools
import re
import textwrap
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import matplotlib
import noto_cjk_sans_otc

from collectivesft.common.files import atomic_path
from collectivesft.common.table_files import write_csv

matplotlib.use("agg")

import matplotlib.pyplot as plt
from matplotlib import colors, font_manager, patches, ticker
from matplotlib.text import Text

# Okabe and Ito's colours: told apart by colour-blind readers, and ordered here so that
# neighbours differ in grey too. The same thing has the same colour in every figure.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#8A8A8A",
)  # fmt: skip
STYLE_COLOURS = {"mcqa": BLUE, "qa": ORANGE, "dialogue": GREEN, "ner": PURPLE}
STYLE_LABELS = {
    "mcqa": "exam questions",
    "qa": "single-turn QA",
    "dialogue": "dialogue",
    "ner": "labelling",
}
# White lines over a bar, where colours only would be the same grey in print.
STYLE_HATCHES = {"dialogue": "////", "ner": "...."}
BASE_COLOUR, TUNED_COLOUR, OTHER_COLOUR, REFERENCE_COLOUR = GREY, BLUE, "#7FB4D6", RED
ROLE_COLOURS = {
    "base": BASE_COLOUR,
    "headline": TUNED_COLOUR,
    "experiment": OTHER_COLOUR,
    "reference": REFERENCE_COLOUR,
}
DEMO_WORDS = (
    "Demonstration: own runs answered questions written for it, not the benchmark’s own: the two"
    " must not be compared."
)
BAR = {"height": 0.72, "edgecolor": "white", "linewidth": 0.5}

_RC = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "normal",
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.hspace": 0.03,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.family": ["DejaVu Sans", "Noto Sans CJK SC"],
    "font.size": 9,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    # Outlines of the Chinese font are CFF: as TrueType (42) MuPDF and Ghostscript draw nothing.
    "pdf.fonttype": 3,
    "savefig.dpi": 200,
    "svg.fonttype": "path",  # Chinese labels look the same where no Chinese font is installed
    "svg.hashsalt": "collectivesft",
}
_METADATA = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


@functools.cache
def _load_font() -> None:
    """Use only matplotlib's fonts and the wheel's: the machine's would change the drawing."""
    manager, own = font_manager.fontManager, Path(matplotlib.get_data_path())
    manager.ttflist = [font for font in manager.ttflist if Path(font.fname).is_relative_to(own)]
    font = Path(noto_cjk_sans_otc.__file__).with_name("NotoSansCJK-Regular.ttc")
    manager.addfont(str(font))


def use() -> None:
    """Load the Chinese font and set the look; ``new`` and ``mosaic`` do it."""
    _load_font()
    matplotlib.rcParams.update(matplotlib.rcParamsDefault | _RC)


def new(width: float = 7.2, height: float = 4.0, **kwargs: Any):
    """A figure and its axes, ``width`` x ``height`` inches (7.2 is the text width of the paper)."""
    use()
    return plt.subplots(figsize=(width, height), **kwargs)


def mosaic(layout: list[list[str]], height: float, width: float = 7.2, **kwargs: Any):
    """A figure and its axes by name, ``width`` x ``height`` inches, from a layout of names."""
    use()
    return plt.subplot_mosaic(layout, figsize=(width, height), **kwargs)


def source_line(figure, text: str) -> None:
    """A small line below the figure that says where its numbers come from; wraps when long."""
    text = re.sub(r"(\d) %", "\\1\N{NO-BREAK SPACE}%", text)
    figure.supxlabel(textwrap.fill(text, 130), fontsize=7, color="#666666", x=0.01, ha="left")


def save(figure, out: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write OUT's stem as .svg, .pdf, .png, and the table behind the figure as .csv.

    Args:
        out: path with any of these suffixes.
        rows: the figure's data, one dict a row, all with the same keys.
    """
    out = Path(out)
    _fit_titles(figure)
    for suffix, metadata in _METADATA.items():
        with atomic_path(out.with_suffix(f".{suffix}")) as partial:
            figure.savefig(partial, format=suffix, metadata=metadata)
            if suffix == "svg":
                partial.write_text(_numbered_clips(partial.read_text("utf-8")), encoding="utf-8")
    plt.close(figure)
    write_csv(out.with_suffix(".csv"), rows)


def _fit_titles(figure) -> None:
    """Break a title that runs out of the figure or into the axes beside it: long names of rows
    leave little room for it."""
    figure.draw_without_rendering()
    for axes in figure.axes:
        text = axes.get_title(loc="left")
        for title in [one for one in axes.findobj(Text) if one.get_text() == text]:
            box, end = title.get_window_extent(), figure.bbox.x1
            for other in figure.axes:
                beside = other.get_tightbbox()
                if beside and beside.x0 > box.x0 and beside.y0 < box.y1 and beside.y1 > box.y0:
                    end = min(end, beside.x0)
            if text and "\n" not in text and box.x1 > end:
                share = (end - box.x0) / box.width
                title.set_text(textwrap.fill(text, max(int(share * len(text)) - 1, 10)))


def _numbered_clips(svg: str) -> str:
    """Number the clip paths of an SVG.

    matplotlib names a clip path by a hash over unrounded coordinates, so a difference in the last
    bit of a layout changes the name. The drawn coordinates are rounded and do not change. Such a
    difference was seen once in 17 runs; its cause is not known (issue 22).
    """
    found = dict.fromkeys(re.findall(r'<clipPath id="(p[0-9a-f]{10})"', svg))
    number = {old: f"clip{count}" for count, old in enumerate(found, start=1)}
    return re.sub(r"\bp[0-9a-f]{10}\b", lambda name: number.get(name[0], name[0]), svg)


def thousands(value: float) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,.0f}"


def thousands_formatter():
    """Axis numbers as 1,000."""
    return ticker.FuncFormatter(lambda value, _: thousands(value))


def short_title(title: str) -> str:
    """Return a dataset's title without the text in parentheses after it."""
    return title.split(" (")[0]


def title_and_legend(axes, title: str, columns: int) -> None:
    """A title with the legend in one line below it, so that no bar runs into the legend."""
    axes.set_title(title, pad=22)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.01, 0.985), ncols=columns, fontsize=7.5,
        handlelength=1, handleheight=1, columnspacing=1.1, handletextpad=0.4, borderpad=0.2,
    )  # fmt: skip


def bar_axis(axes, names: Sequence[str], largest: float, room: float = 0.25) -> None:
    """Axis of horizontal bars: names from the top down, room at the right for their labels."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_xlim(0, (largest or 1) * (1 + room))
    axes.tick_params(axis="both", length=0)
    axes.grid(False)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])


def bar_label(axes, x: float, y: float, text: str) -> None:
    """A number directly behind the end of a bar."""
    axes.annotate(
        text, (x, y), (4, 0), textcoords="offset points", va="center_baseline", fontsize=8
    )


_SEQUENTIAL = colors.LinearSegmentedColormap.from_list("to blue", ["#FFFFFF", SKY, "#003A5D"])
_DIVERGING = colors.LinearSegmentedColormap.from_list(
    "orange to blue", ["#8A4B00", ORANGE, "#FFFFFF", SKY, "#003A5D"]
)


def sequential(share: float) -> tuple[float, ...]:
    """A colour for a share of a range: white to dark blue, darker in grey too."""
    return _SEQUENTIAL(share)


def diverging(share: float) -> tuple[float, ...]:
    """A colour for a change between -1 (orange) and 1 (blue); white is none."""
    return _DIVERGING(0.5 + share / 2)


def ink_on(colour: tuple[float, ...]) -> str:
    """Black or white, whichever can be read on a colour."""
    red, green, blue = colors.to_rgb(colour)
    return "#111111" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def rectangle(x: float, y: float, colour: Any):
    """A cell of a heat map around a point, with a light edge."""
    look = {"facecolor": colour, "edgecolor": "#E0E0E0", "linewidth": 0.6}
    return patches.Rectangle((x - 0.5, y - 0.5), 1, 1, **look)


def mark(axes, x: float, y: float, role: str, low: Any = "", high: Any = "", **look: Any) -> None:
    """A model's value with its interval along the x axis; hollow if it was not run here."""
    colour = ROLE_COLOURS[role]
    if "" not in (low, high):
        axes.plot((low, high), (y, y), color=colour, linewidth=1.3, solid_capstyle="butt", zorder=2)
    face = "white" if role == "reference" else colour
    marker = {"base": "o", "headline": "o", "experiment": "s", "reference": "D"}[role]
    look = {"marker": marker, "markersize": 6, "markerfacecolor": face, "color": colour} | look
    axes.plot(x, y, linestyle="none", markeredgewidth=1.1, zorder=3, **look)


def behind(axes, y: float, text: str) -> None:
    """A text at the right edge of the axes, at the height of a row."""
    axes.annotate(
        text, (1, y), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
        va="center", fontsize=7.5, annotation_clip=False,
    )  # fmt: skip


def number(value: float, digits: int = 1) -> str:
    """A number with a true minus; halves go away from zero, as in the paper's tables."""
    exact = Decimal(str(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return str(exact or abs(exact)).replace("-", "−")


def share(percent: float) -> str:
    """A share in percent; one that is not none is never written as 0.0 %."""
    return "< 0.1 %" if 0 < percent < 0.05 else f"{number(percent)} %"


def signed(value: float, digits: int = 1) -> str:
    """A change with its sign; none has no sign."""
    text = number(value, digits)
    return f"+{text}" if text.strip("0.") and value > 0 else text


def at_least(axes, axis: str, span: float) -> None:
    """Widen an axis of percent to this span, so that no difference is not drawn as a large one."""
    low, high = getattr(axes, f"get_{axis}lim")()
    if high - low < span:
        middle = (low + high) / 2
        getattr(axes, f"set_{axis}lim")(middle - span / 2, middle + span / 2)


def p_text(p: float) -> str:
    """A p value as people write it."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def role_legend(axes, entries: Sequence[tuple[str, str]]) -> None:
    """A legend above the axes of (name, role), with the marks of ``mark``."""
    for name, role in entries:
        mark_look = {"color": ROLE_COLOURS[role], "marker": "o", "linestyle": "none"}
        axes.plot([], [], label=name, **mark_look)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=len(entries), fontsize=8)


def log_axis(axes, low: float, high: float, numbers) -> None:
    """Make the x axis logarithmic; with few powers of ten, ticks between them get numbers too."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    if high < 100 * low:
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(numbers)
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())


def billions_formatter():
    """Axis numbers, given in billions, as 270M or 7B."""
    return ticker.FuncFormatter(lambda value, _: units(value * 1e9))


def units_formatter():
    """Axis numbers as 500, 2k, 3M, 1.5B."""
    return ticker.FuncFormatter(lambda value, _: units(value))


def units(value: float) -> str:
    """1500000 as 1.5M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:g}"
