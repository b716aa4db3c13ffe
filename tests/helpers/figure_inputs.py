"""Small result files as stages hand them on, for tests of figures and of the paper."""

import itertools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

TITLES = {"headqa": "HEAD-QA (English)", "discmed": "DISC-Med-SFT", "cmid": "CMID (意图)"}


def a_mixture() -> dict:
    sets = [
        ("headqa", {"mcqa": 4}, {"en": 4}, 40.5),
        ("discmed", {"dialogue": 3, "qa": 2}, {"zh": 5}, 81.2),
        ("cmid", {"ner": 1}, {"zh": 1}, 12.0),
    ]
    keys = ("dataset", "style_counts", "language_counts", "mean_characters")
    return {
        "experiment": "demo",
        "train": 10,
        "validation": 1,
        "datasets": [dict(zip(keys, values, strict=True)) for values in sets],
        "lengths": {
            "edges": [0, 50, 100],
            "counts": [6, 3, 1],
            "by_style": {
                "dialogue": [0, 2, 1],
                "mcqa": [4, 0, 0],
                "ner": [1, 0, 0],
                "qa": [1, 1, 0],
            },
        },
        "entropy_bits": {"datasets": 1.361, "languages": 0.971, "exam_categories": 0.0},
        "groups": {"datasets": 3, "languages": 2, "exam_categories": 1},
        "distinct": {"shares": {"1": 0.01, "2": 0.2, "3": 0.51}, "characters": 900, "texts": 10},
    }


def counts(rows_in: int, **dropped: int) -> dict:
    kept = rows_in - sum(dropped.values())
    return {"rows_in": rows_in, "kept": kept, "dropped": dropped, "changed": {}}


def a_ledger() -> dict:
    return {
        "steps": ["read", "clean", "dedup", "decontaminate", "mix"],
        "order": ["medqa", "cmb"],
        "titles": {"medqa": "MedQA", "cmb": "CMB-train"},
        "datasets": {
            "cmb": {
                "read": counts(6, no_answer=1),
                "clean": counts(5),
                "dedup": counts(5, exact_copy=1),
                "decontaminate": counts(4, in_benchmark=1),
                "mix": counts(3, not_sampled=1),
            },
            "medqa": {
                step: counts(0) for step in ("read", "clean", "dedup", "decontaminate", "mix")
            },
        },
        "totals": {
            "read": counts(6, no_answer=1),
            "clean": counts(5),
            "dedup": counts(5, exact_copy=1),
            "decontaminate": counts(4, in_benchmark=1),
            "mix": counts(3, not_sampled=1),
        },
        "left_out": {},
    }


def a_history(points: int = 3, evaluations: bool = True) -> list[dict]:
    records = []
    for step in range(1, points + 1):
        head = {"step": step, "epoch": step / points, "tokens": 100 * step}
        records.append(head | {"loss": 3.0 / step, "learning_rate": 1e-4})
        if evaluations:
            records.append(head | {"eval_loss": 3.1 / step})
    return records


def a_score(model: str, value: float = 0.5, benchmark: str = "cmb") -> dict:
    interval = {"value": value, "low": value - 0.05, "high": value + 0.05}
    return {
        "model": model,
        "benchmark": benchmark,
        "protocol": "answer",
        "kind": "choice",
        "items": 28,
        "macro": interval,
        "micro": interval,
        "official": {"macro": 0.125, "micro": 0.25},
        "submitted": {"items": 26, "micro": 0.375, "categories": []},
        "differ": 7,
        "unparsed": 2,
        "key": {"date": "2024-02-21", "sha256": "0" * 64},
        "against": None,
        "apart": [],
        "without_apart": None,
        "categories": [
            {"category": "医师考试", "label": "Physician", "items": 28} | interval,
            {"category": "医学考研", "label": "Graduate", "items": 0}
            | {"value": None, "low": None, "high": None},
        ],
        "subcategories": [
            {"category": "医师考试", "subcategory": name, "items": items}
            | (interval if items else {"value": None, "low": None, "high": None})
            for name, items in (("住院医师", 16), ("a name of its own", 12), ("高级职称", 0))
        ],
    }


BOARD = [
    {"model": model, "category": category, "accuracy": value}
    for model, value in [
        ("Best", 81.8),
        ("Second", 80.0),
        ("CollectiveSFT", 72.5),
        ("HuatuoGPTII-7B (华佗)", 59.0),
        ("Qwen-7B-Chat", 46.6),
    ]
    for category in ("macro", "医师考试", "another")
]


def a_report(found: bool = True) -> dict:
    """Return a report of `curated decontaminate` for the ledger above."""
    return {
        "ngram": 8,
        "threshold": 0.5,
        "minimum_tokens": 10,
        "common_tokens": 20,
        "allowed_splits": [],
        "items": 900,
        "items_by_benchmark": {"cmb": 830, "cmb_clin": 70},
        "items_found": 1 if found else 0,
        "examples_found": 1 if found else 0,
        "examples_by_dataset": {"cmb": 1} if found else {},
        "examples_by_benchmark": {"cmb": 1} if found else {},
        "dropped": True,
        "pairs": [{"example": "cmb:1", "item": "cmb:7", "share": 1.0}] if found else [],
    }


def bounds(value: float, width: float = 0.05) -> dict:
    return {"value": value, "low": value - width, "high": value + width}


def a_comparison(model: str, value: float, p: float = 0.25, first: str = "demo") -> dict:
    """Return a comparison as `scores compare` writes it: model minus the first."""
    reading = {
        "difference": {"macro": bounds(value), "micro": bounds(value)},
        "only_first": 3,
        "only_second": 5,
        "p": p,
    }
    return {"models": {"first": first, "second": model}, "items": 28, "corrected": reading}


def an_agreement(model: str) -> dict:
    """Return an agreement of `scores agree`, for two protocols of which one writes answers."""
    sides = [("answer", "corrected"), ("answer", "official"), ("likelihood", "corrected")]
    named = [dict(zip(("protocol", "reading"), side, strict=True)) for side in sides]
    shares = {"items": 28, "first_right": 0.5, "second_right": 0.25}
    return {
        "model": model,
        "benchmark": "cmb",
        "pairs": [
            {"first": named[0], "second": named[1], "same": 0.875, "kappa": 0.8} | shares,
            {"first": named[0], "second": named[2], "same": 0.5, "kappa": None} | shares,
        ],
    }


_TEXT = re.compile(
    r'<!-- (.*?) -->\s*<g [^>]*?"translate\(([-\d.]+) [-\d.]+\) scale\(([\d.]+) [^>]*>(.*?)</g>',
    re.S,
)
_GLYPH = re.compile(r'<use xlink:href="#([^"]+)"(?: transform="translate\(([-\d.]+))?')


def cut_texts(path: Path) -> list[str]:
    """Level texts of a figure's SVG that leave it at a side, by the outlines of their letters.

    The layout of an SVG is its own: what fits where pixels are drawn may be cut there.
    """
    svg = path.read_text("utf-8")
    widths = {
        name: max(map(float, re.findall(r"([-\d.]+) [-\d.]+", outline)), default=0.0) / 64
        for name, outline in re.findall(r'<path id="([^"]+)"(?: d="([^"]*)")?', svg)
    }
    most = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
    found = []
    for text, x, scale, glyphs in _TEXT.findall(svg):
        ends = [float(at or 0) + widths[name] for name, at in _GLYPH.findall(glyphs)]
        if float(x) < 0 or float(x) + float(scale) * max(ends) > most:
            found.append(text)
    assert _TEXT.search(svg), "no text at all"
    return found


def lost_ink(pdf: Path, cell: int = 24) -> list[str]:
    """Places of a PDF where one of the independent renderers draws nothing.

    PDFium and MuPDF come with the environment; poppler takes part where ``pdftoppm`` is there.
    Each page is cut into squares of ``cell`` pixels at 144 dots per inch. A square is lost where
    one renderer's picture has contrast and a second one's has hardly any around there: so white
    text on a dark bar is found too, and light lines of a grid hide nothing.
    """
    import numpy as np
    import pymupdf
    import pypdfium2

    lost = []
    poppler = _by_poppler(pdf)
    with pymupdf.open(pdf) as mupdf, pypdfium2.PdfDocument(pdf) as pdfium:
        for number, page in enumerate(mupdf):
            drawn = page.get_pixmap(dpi=144, alpha=False)
            one = np.frombuffer(drawn.samples, np.uint8).reshape(drawn.height, drawn.width, -1)
            two = pdfium[number].render(scale=2).to_numpy()[..., :3]
            pictures = [one.mean(2), two.mean(2), *poppler[number : number + 1]]
            found = [_contrast(pixels, cell) for pixels in pictures]
            for mine, other in itertools.permutations(found, 2):
                for row, column in np.argwhere(mine > 0.12):
                    near = other[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
                    if near.max() < 0.35 * mine[row, column]:
                        lost.append(f"page {number + 1}, square {row}, {column}")
    return lost


def _by_poppler(pdf: Path) -> list[Any]:
    """Return the pages' greys as poppler draws them, each (height, width); none without it."""
    import numpy as np
    from PIL import Image

    if shutil.which("pdftoppm") is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        command = ["pdftoppm", "-r", "144", "-gray", pdf, f"{folder}/page"]
        subprocess.run(command, check=True, capture_output=True)
        pages = sorted(Path(folder).glob("page*"), key=lambda one: (len(one.name), one.name))
        return [np.asarray(Image.open(page), dtype=float) for page in pages]


def _contrast(grey: Any, cell: int) -> Any:
    """Standard deviation of the grey in each square: array of shape (height // cell, ...)."""
    height, width = (length // cell for length in grey.shape)
    whole = grey[: height * cell, : width * cell] / 255
    return whole.reshape(height, cell, width, cell).std((1, 3))
