"""The picture of the workflow holds every rule, each within its box, and asks for nothing."""

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import flow_picture

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_has_the_rules_that_snakemake_lists():
    command = [".venv/bin/snakemake", "--list-rules", "--configfile", "config/diversity.yaml"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    rules = {line for line in listed.split() if "_" in line and line != "publish_data"}
    drawn = {
        f"{stage}_{name}".replace("-", "_")
        for stage, names in flow_picture.steps().items()
        for name in names
    }
    assert drawn == rules


def test_boxes_do_not_touch_and_texts_lie_within_them():
    picture = ElementTree.fromstring(flow_picture.svg())
    rects = [
        tuple(int(rect.get(key)) for key in ("x", "y", "width", "height"))
        for rect in picture.findall(f"{SVG}rect")
        if rect.get("x")
    ]
    assert len(rects) == 7
    for i, (x1, y1, w1, h1) in enumerate(rects):
        for x2, y2, w2, h2 in rects[:i]:
            assert x1 + w1 < x2 or x2 + w2 < x1 or y1 + h1 < y2 or y2 + h2 < y1
    for text in picture.findall(f"{SVG}text"):
        x, y = int(text.get("x")), int(text.get("y"))
        assert any(a < x < a + w and b < y < b + h for a, b, w, h in rects), text.text
    assert not re.search(r"<script|href=|url\(", flow_picture.svg())
