"""Draw the figure of lengths: of the examples of each style, and of each dataset on average."""

from pathlib import Path
from typing import Any

from collectivesft.figures.style import inputs, style


def draw_file(mixture: Path, ledger: Path, out: Path) -> None:
    """Draw the figure from the JSON file that ``curated mix`` wrote; the ledger has the titles.

    Raises:
        InputError: a file of a different kind.
    """
    with inputs.made_by(ledger, "curated ledger"):
        titles = inputs.read_object(ledger)["titles"]
    with inputs.made_by(mixture, "curated mix"):
        rows = table(inputs.read_object(mixture), titles)
    draw(rows, out)


def table(mixture: dict[str, Any], titles: dict[str, str]) -> list[dict[str, Any]]:
    """Tidy rows: experiment, panel, key, label, style, value.

    Args:
        mixture: what ``curated mix`` wrote.
        titles: of the datasets, by name.

    Returns:
        Panels ``length`` (examples of a style by characters; the key is the bin's lower edge, an
        open bin has no end in its label) and ``mean`` (mean characters of a dataset's examples; its
        style is the most frequent one), longest first.
    """
    lengths, rows = mixture["lengths"], []
    for name, counts in lengths["by_style"].items():
        for low, label, count in _bins(lengths["edges"], counts):
            rows.append(("length", low, label, name, count))
    for part in sorted(mixture["datasets"], key=lambda part: -part["mean_characters"]):
        styles = part["style_counts"]
        main = max(styles, key=styles.__getitem__)
        title = titles[part["dataset"]]
        rows.append(("mean", part["dataset"], title, main, part["mean_characters"]))
    columns = ("panel", "key", "label", "style", "value")
    experiment = {"experiment": mixture["experiment"]}
    return [experiment | dict(zip(columns, row, strict=True)) for row in rows]


def _bins(edges: list[int], counts: list[int]):
    """Lower edge, label and count of each bin; the last is open if it has no upper edge."""
    for i, count in enumerate(counts):
        label = f"{edges[i]}–{edges[i + 1]}" if i + 1 < len(edges) else f"≥ {edges[i]}"
        yield edges[i], label, count


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
    """
    bins = [row for row in rows if row["panel"] == "length"]
    means = [row for row in rows if row["panel"] == "mean"]
    styles = [name for name in style.STYLE_COLOURS if any(row["style"] == name for row in bins)]
    height = max(0.7 + 0.85 * len(styles), 0.8 + 0.24 * len(means), 2.2)
    layout = [[name, "means"] for name in styles]
    figure, axes = style.mosaic(layout, height=height, width_ratios=[1, 1])
    end = _end(bins)
    for name in styles:
        _draw_style(axes[name], [row for row in bins if row["style"] == name], end)
        if name != styles[-1]:
            axes[name].tick_params(labelbottom=False)
    axes[styles[-1]].set_xlabel("characters" + _open_end(bins))
    _draw_means(axes["means"], means)
    style.source_line(
        figure,
        f"Mixture “{rows[0]['experiment']}”, training part. An example’s length is that of all its"
        " turns, without the chat template. Source: mixture.json",
    )
    style.save(figure, out, rows)


def _end(bins: list[dict]) -> int:
    """Return the end of the axis of characters: after the last bin that is not empty."""
    edges = sorted({row["key"] for row in bins})
    step = edges[1] - edges[0] if len(edges) > 1 else 1
    return max((row["key"] for row in bins if row["value"]), default=edges[0]) + step


def _open_end(bins: list[dict]) -> str:
    last = [row for row in bins if row["label"].startswith("≥")]
    return f" (last bar: {last[0]['label']})" if any(row["value"] for row in last) else ""


def _draw_style(axes, rows: list[dict], end: int) -> None:
    edges = [row["key"] for row in rows]
    step = edges[1] - edges[0] if len(edges) > 1 else 1
    name = rows[0]["style"]
    look = {"color": style.STYLE_COLOURS[name], "hatch": style.STYLE_HATCHES.get(name)}
    axes.stairs(
        [row["value"] for row in rows], [*edges, edges[-1] + step], fill=True,
        edgecolor="white", linewidth=0, **look,
    )  # fmt: skip
    total = sum(row["value"] for row in rows)
    axes.set_title(f"{style.STYLE_LABELS[name]}, n = {style.thousands(total)}", fontsize=9)
    axes.set_xlim(0, end)
    axes.set_ylim(bottom=0)
    axes.grid(False, axis="x")
    axes.locator_params(axis="y", nbins=3, integer=True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.thousands_formatter())


def _draw_means(axes, rows: list[dict]) -> None:
    for y, row in enumerate(rows):
        look = {
            "color": style.STYLE_COLOURS[row["style"]],
            "hatch": style.STYLE_HATCHES.get(row["style"]),
        }
        axes.barh(y, row["value"], **look, **style.BAR)
        style.bar_label(axes, row["value"], y, style.thousands(row["value"]))
    names = [style.short_title(row["label"]) for row in rows]
    style.bar_axis(axes, names, max((row["value"] for row in rows), default=0))
    axes.set_title("Mean characters by dataset", fontsize=9)
