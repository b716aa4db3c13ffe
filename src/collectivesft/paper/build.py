"""Typeset the paper from its manuscript, a values file and figures; write its tables beside it."""

import csv
import datetime
import shutil
import tempfile
from pathlib import Path
from typing import Any

from collectivesft.errors import UserError
from collectivesft.files import atomic_path, read_json, write_text

# A fixed date: the document must not change because the clock did.
EPOCH = datetime.datetime(2024, 7, 29, tzinfo=datetime.UTC)


def build(values: Path, figures: Path, manuscript: Path, out: Path, tables: Path) -> None:
    """Write the PDF, and each table as CSV and LaTeX.

    Args:
        values: JSON that ``paper values`` wrote.
        figures: folder with the SVG figures that the manuscript names.
        manuscript: folder with main.typ and references.bib.
        out: the PDF.
        tables: folder for ``<table>.csv`` and ``<table>.tex``.

    Raises:
        UserError: Typst does not accept the manuscript; its message and hints.
    """
    with tempfile.TemporaryDirectory(prefix="collectivesft-paper-") as folder:
        root = Path(folder)
        for source in [manuscript / "main.typ", manuscript / "references.bib"]:
            shutil.copy(source, root)
        for source in sorted(Path(figures).glob("*.svg")):
            shutil.copy(source, root)
        shutil.copy(values, root / "values.json")
        with atomic_path(out) as partial:
            partial.write_bytes(_typeset(root))
    with atomic_path(tables) as partial:
        partial.mkdir()
        for name, rows in _tables(read_json(values)).items():
            _write_csv(partial / f"{name}.csv", rows)
            write_text(partial / f"{name}.tex", latex(rows))


def _typeset(root: Path) -> bytes:
    import noto_cjk_sans_otc
    import typst

    fonts = Path(noto_cjk_sans_otc.__file__).parent
    try:
        return typst.compile(
            str(root / "main.typ"),
            root=str(root),
            font_paths=[str(fonts)],
            ignore_system_fonts=True,
            format="pdf",
            timestamp=EPOCH,
        )
    except typst.TypstError as error:
        hints = "; ".join(error.hints)
        raise UserError(f"The manuscript does not compile: {error.diagnostic} {hints}") from error


def _tables(values: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    datasets = [
        {
            "set": d["title"],
            "used": "no" if d["left_out"] else "yes",
            "styles": " ".join(d["styles"]),
            "languages": " ".join(d["languages"]),
            "published": "" if d["published"] is None else d["published"],
            **{key: d[key] for key in ("rows_in", "unusable", "duplicate", "contaminated", "kept")},
        }
        for d in values["datasets"]
    ]
    scores = [
        {
            **{key: row[key] for key in ("model", "benchmark", "protocol", "items")},
            **{
                f"{average}_{part}": f"{100 * row[average][part]:.2f}"
                for average in ("macro", "micro")
                for part in ("value", "low", "high")
            },
            "official_macro": f"{100 * row['official_macro']:.2f}",
            "differ": row["differ"],
        }
        for row in values["scores"]
    ]
    return {"datasets": datasets, "drops": values["drops"], "scores": scores}


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(
            handle, fieldnames=list(rows[0]) if rows else [], lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)


_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


def latex(rows: list[dict[str, Any]]) -> str:
    """Rows as a LaTeX tabular with booktabs rules; numbers to the right."""
    if not rows:
        return "% no rows\n"
    columns = list(rows[0])
    align = "".join("r" if _is_number(rows[0][column]) else "l" for column in columns)
    body = [_latex_row(columns), r"\midrule", *(_latex_row(row.values()) for row in rows)]
    lines = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _latex_row(cells) -> str:
    texts = ("".join(_ESCAPES.get(sign, sign) for sign in str(cell)) for cell in cells)
    return " & ".join(texts) + r" \\"


def _is_number(value: Any) -> bool:
    return str(value).replace(".", "", 1).lstrip("-").isdigit()
