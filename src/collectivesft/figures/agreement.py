"""The figure of agreement: the same model's answers by two readings, and by two protocols."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from collectivesft.figures.style import inputs, style


def draw_files(files: Iterable[Path], headline: str | None, out: Path) -> None:
    """Draw the figure from files that ``scores agree`` wrote, one a model.

    Raises:
        InputError: a file of a different kind.
    """
    contents = []
    for path in files:
        with inputs.made_by(path, "scores agree"):
            contents.append(inputs.read_object(path))
            contents[-1]["model"], contents[-1]["pairs"]
    draw(table(contents, headline), out)


def table(contents: list[dict[str, Any]], headline: str | None = None) -> list[dict[str, Any]]:
    """Tidy rows: benchmark, model, role, kind, first, second, items, same, kappa, rights.

    Args:
        contents: of base models, then of the headline; the last is the headline if None.

    Returns:
        Kind ``reading`` (corrected and official, of one protocol's answers) or ``protocol`` (two
        protocols, both read as corrected). Shares are percent; kappa is empty where it has no
        meaning.
    """
    headline = headline or contents[-1]["model"]
    rows = []
    for content in contents:
        role = "headline" if content["model"] == headline else "base"
        head = {"benchmark": content["benchmark"], "model": content["model"], "role": role}
        for pair in content["pairs"]:
            one, two = pair["first"], pair["second"]
            kind = "reading" if one["protocol"] == two["protocol"] else "protocol"
            part = "reading" if kind == "reading" else "protocol"
            names = {"kind": kind, "protocol": one["protocol"]}
            names |= {"first": one[part], "second": two[part]}
            shares = {
                key: round(100 * pair[key], 4) for key in ("same", "first_right", "second_right")
            }
            kappa = {"kappa": "" if pair["kappa"] is None else pair["kappa"]}
            rows.append(head | names | {"items": pair["items"]} | shares | kappa)
    return rows


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw the figure and save it with its table.

    Args:
        rows: what ``table`` returned.
        out: path of the figure, with any suffix.
    """
    lines = list(dict.fromkeys(_line(row) for row in rows))
    models = list(dict.fromkeys((row["model"], row["role"]) for row in rows))
    figure, axes = style.new(height=1.35 + (0.16 + 0.2 * len(models)) * max(len(lines), 1))
    places = {model: i - (len(models) - 1) / 2 for i, (model, _) in enumerate(models)}
    for row in rows:
        y = lines.index(_line(row)) + 0.32 * places[row["model"]]
        style.mark(axes, row["same"], y, row["role"])
        style.behind(axes, y, f"{style.number(row['same'])} %   {_kappa(row)}")
    for y in range(1, len(lines)):
        axes.axhline(y - 0.5, color="#E6E6E6", linewidth=0.6)
    axes.set_yticks(range(len(lines)), lines)
    axes.set_ylim(max(len(lines), 1) - 0.5, -0.5)
    axes.set_xlim(-2, 102)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("questions with the same letters (%)")
    style.role_legend(
        axes, [(f"{name} (base)" if role == "base" else name, role) for name, role in models]
    )
    items = rows[0]["items"] if rows else 0
    benchmark = inputs.title(rows[0]["benchmark"]) if rows else ""
    style.source_line(
        figure,
        f"Benchmark {benchmark}, n = {style.thousands(items)} questions, the same for all. κ:"
        " Cohen’s kappa of the letters, 1 for full agreement, 0 for chance. Official: read as"
        " CMB’s own code reads; corrected: letters inside words are not taken. Source:"
        " agreement.json",
    )
    style.save(figure, out, rows)


def _line(row: dict) -> str:
    if row["kind"] == "reading":
        return f"{row['protocol']}:\n{row['first']} or {row['second']}"
    return f"{row['first']}\nor {row['second']}"


def _kappa(row: dict) -> str:
    return "κ –" if row["kappa"] == "" else f"κ {style.number(row['kappa'], 2)}"
