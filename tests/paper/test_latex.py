"""The manuscript's tables as LaTeX: escaped, aligned, and TeX sets them as they are."""

import shutil
import subprocess

import pypdf
import pytest

from collectivesft.paper.tables import latex

DOCUMENT = r"""\documentclass{article}
\usepackage{fontspec,booktabs}
\usepackage[margin=1cm,paperwidth=60cm]{geometry}
\setmainfont{Noto Sans CJK SC}
\pagestyle{empty}
\begin{document}
\input{table}
\end{document}
"""
HOSTILE = [
    {"a_b #1": "50 % < c & {d}", "~^": "x\\y $z", "rows": "12", "difference": "-22.00"},
    {"a_b #1": "医师考试", "~^": "α ≥ 0.5", "rows": "1,234", "difference": ""},
]


def test_latex_escapes_and_aligns():
    text = latex([{"set": "a_b & 50 % < c", "rows": 12}])
    assert r"a\_b \& 50 \% \textless{} c & 12 \\" in text
    assert r"\begin{tabular}{lr}" in text


def test_latex_aligns_a_column_by_all_its_rows_and_writes_a_minus():
    text = latex(
        [
            {"set": "a", "p": "", "difference": ""},
            {"set": "b", "p": "1e-09", "difference": "-22.00"},
        ]
    )
    assert r"\begin{tabular}{lrr}" in text
    assert r"b & 1e-09 & $-22.00$ \\" in text


@pytest.mark.skipif(not shutil.which("xelatex"), reason="no xelatex here")
@pytest.mark.parametrize("rows", [HOSTILE, []], ids=["every special character", "no rows"])
def test_tex_sets_what_the_table_says(rows, tmp_path):
    (tmp_path / "table.tex").write_text(latex(rows), "utf-8")
    (tmp_path / "document.tex").write_text(DOCUMENT, "utf-8")
    command = ["xelatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    if rows:
        assert "Missing character" not in done.stdout and "Overfull" not in done.stdout
        text = pypdf.PdfReader(tmp_path / "document.pdf").pages[0].extract_text()
        said = "".join(text.split()).replace("−", "-")
        for cell in [*rows[0], *(value for row in rows for value in row.values())]:
            assert "".join(cell.split()) in said, cell
