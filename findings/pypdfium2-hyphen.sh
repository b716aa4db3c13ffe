#!/usr/bin/env bash
# pypdfium2 gives a word hyphenated at a line's end with U+FFFE, a noncharacter, where the page
# shows a hyphen; a search for the word or for '-' finds nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q pypdfium2==5.15.2 typst==0.15.0
venv/bin/python - <<'PY'
from importlib.metadata import version

import pypdfium2
import typst

source = '#set page(width: 4.5cm)\n#set text(lang: "en", hyphenate: true)\n#set par(justify: true)\n'
text = "The immunohistochemistry of gastroenterological neoplasms"
pdf = typst.compile((source + text).encode())
read = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range()
print("pypdfium2", version("pypdfium2"), "typst", version("typst"))
print(ascii(read))
assert "\ufffe" in read, "the hyphen is another character now"
assert "-" not in read and "immunohistochemistry" not in read
assert "immunohistochemistry" in read.replace("\ufffe\r\n", "").replace("\ufffe", "")
print("the word is found only after U+FFFE is taken out")
PY
