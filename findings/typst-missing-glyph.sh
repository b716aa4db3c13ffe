#!/usr/bin/env bash
# Typst's Python wheel compiles a text whose characters no font holds without an error and without a
# warning; the page shows empty boxes or nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q typst==0.15.0 pypdf==7.1.0
venv/bin/python - <<'PY'
from importlib.metadata import version
from pathlib import Path

import pypdf
import typst

Path("page.typ").write_text("#set text(font: \"Libertinus Serif\")\n病人 120 例", encoding="utf-8")
_, warnings = typst.compile_with_warnings("page.typ", output="page.pdf", ignore_system_fonts=True)
text = pypdf.PdfReader("page.pdf").pages[0].extract_text()
print("typst", version("typst"), "warnings:", warnings)
print("text read from the PDF:", ascii(text))
assert not warnings, "missing characters are reported now"
assert "120" in text and "病" not in text
print("two Chinese characters that no font holds: no word about them")
PY
