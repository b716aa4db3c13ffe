"""The manuscript's values come from result files; the PDF and its tables are built from them."""

import dataclasses
import json
import re
from itertools import pairwise
from pathlib import Path

import pypdf
import pytest

from collectivesft import benchmarks, datasets
from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import write_json
from collectivesft.paper.build import build
from collectivesft.paper.values import Files, collect
from tests.helpers import whole_study
from tests.helpers.figure_inputs import (
    a_comparison,
    a_score,
    an_agreement,
    bounds,
    counts,
    lost_ink,
)

ROOT = Path(__file__).parents[2]
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'
MANUSCRIPT = (ROOT / "paper/main.typ").read_text("utf-8")
FIGURES = re.findall(r"#drawn\(\s*\"(\w+)\"", MANUSCRIPT)
AGAINST = {
    "corrected": {
        "p": 0.0123,
        "difference": {"macro": {"value": -0.1, "low": -0.2, "high": 0.05}},
        "only_first": 9,
        "only_second": 1,
    }
}


def score(model: str, macro: float, **changes) -> dict:
    categories = [
        {"category": "医师考试", "label": "Physician", "items": 28} | bounds(macro),
        {"category": "医学考研", "label": "Graduate", "items": 6} | bounds(macro, 0.2),
    ]
    own = {"items": 1234, "macro": bounds(macro), "categories": categories}
    return a_score(model) | own | changes


@pytest.fixture
def inputs(tmp_path: Path) -> Files:
    """Result files of a small run."""
    steps = {
        "read": counts(40, empty_answer=2),
        "clean": counts(38, too_long=1),
        "dedup": counts(37, exact_duplicate=4),
        "decontaminate": counts(33, in_benchmark=3),
        "mix": counts(30, not_sampled=10),
    }
    drawn = {"dataset": "cmid", "style_counts": {"ner": 20}, "language_counts": {"zh": 20}}
    contents = {
        "ledger": {
            "steps": list(steps),
            "order": ["cmid"],
            "datasets": {"cmid": steps},
            "totals": steps,
            "left_out": {},
        },
        "mixture": {"experiment": "tiny", "train": 18, "validation": 2, "datasets": [drawn]},
        "contamination": {
            "ngram": 8,
            "threshold": 0.5,
            "items": 900,
            "items_found": 3,
            "examples_found": 3,
            "examples_by_dataset": {"cmid": 3},
            "examples_by_benchmark": {"cmb": 3},
            "items_by_benchmark": {"cmb": 900},
            "minimum_tokens": 12,
            "common_tokens": 20,
            "allowed_splits": [],
            "dropped": True,
            "pairs": [],
        },
        "tokens": {
            "train": {
                "examples": 16,
                "tokens": 4321,
                "loss_tokens": 1234,
                "truncated": 1,
                "without_loss": 2,
            }
        },
    }
    files = {name: tmp_path / f"{name}.json" for name in contents}
    for name, content in contents.items():
        write_json(files[name], content)
    files["history"] = tmp_path / "history.jsonl"
    losses = [(100, 4.0), (200, 3.5), (500, 3.0), (510, 1.0)]
    rows = [{"step": i, "tokens": t, "loss": x} for i, (t, x) in enumerate(losses, start=1)]
    rows.append({"step": 4, "tokens": 510, "eval_loss": 2.75})
    files["history"].write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    files["recipe"] = ROOT / "config/experiments/tiny.yaml"
    files["model"] = ROOT / "config/models/tiny-random.yaml"
    files["leaderboard"] = tmp_path / "cmb-exam-2024-03-16.csv"
    board = [("Best", 81.8), ("CollectiveSFT", 72.45), ("Other-7B", 40.0)]
    lines = [f"{model},macro,{accuracy}\n" for model, accuracy in board]
    files["leaderboard"].write_text("model,category,accuracy\n" + "".join(lines), "utf-8")
    more = {
        "base": score("tiny-random", 0.2),
        "tuned": score("tiny", 0.3456, against=AGAINST),
        "comparison": a_comparison("tiny-random", 0.1, first="tiny"),
        "agreement": an_agreement("tiny"),
    }
    paths = {name: tmp_path / f"{name}.json" for name in more}
    for name, content in more.items():
        write_json(paths[name], content)
    return Files(
        **files,
        scores=[paths["base"], paths["tuned"]],
        experiments=[files["recipe"]],
        trained=[f"tiny={tmp_path}"],
        comparisons=[paths["comparison"]],
        agreements=[paths["agreement"]],
        planned=[ROOT / "config/experiments/exam-only.yaml"],
    )


def values(inputs: Files, demo: bool = True, made_up: bool = False) -> dict:
    out = inputs.ledger.with_name("values.json")
    return collect("small", demo, ("tiny", "cmb", "answer"), inputs, out, made_up)


def changed(path: Path, **changes) -> None:
    """Write a JSON file anew with some keys changed."""
    write_json(path, json.loads(path.read_bytes()) | changes)


def test_values_follow_the_ledger(inputs):
    found = values(inputs)
    assert found["totals"] == {
        "rows_in": 40,
        "unusable": 3,
        "duplicate": 4,
        "contaminated": 3,
        "kept": 30,
        "train": 18,
    }
    assert found["datasets"][0]["title"] == "CMID"
    assert {"step": "mix", "reason": "not_sampled", "rows": 10} in found["drops"]
    assert found["history"] == {
        "steps": 4,
        "few": 2,
        "first_loss": 3.75,
        "last_loss": 2.935484,  # the last step's ten tokens do not count like three hundred
        "last_eval_loss": 2.75,
    }
    assert found["leaderboard"]["date"] == "2024-03-16"


def test_headline_without_a_score_names_what_is_missing(inputs):
    inputs = dataclasses.replace(inputs, scores=inputs.scores[1:])
    with pytest.raises(InputError, match="no score of tiny-random on cmb by answer"):
        values(inputs)


def typeset(
    inputs: Files, folder: Path, demo: bool = True, made_up: bool = False
) -> tuple[Path, Path]:
    values(inputs, demo, made_up)
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for name in FIGURES:
        (figures / f"{name}.svg").write_text(SVG, "utf-8")
    out = folder / "paper.pdf", folder / "tables"
    build(inputs.ledger.with_name("values.json"), figures, ROOT / "paper", *out)
    return out


def words(pdf: Path) -> str:
    pages = pypdf.PdfReader(pdf).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


@pytest.mark.parametrize("demo", [True, False])
def test_pdf_shows_the_values_and_the_mark_of_a_demo(inputs, tmp_path, demo):
    pdf, _ = typeset(inputs, tmp_path, demo)
    text = words(pdf)
    assert "turns 40 raw rows into 30 clean" in text
    assert "34.6 %" in text and "1,234 questions" in text
    assert "difference is −10.0 points (−20.0 to +5.0), p = 0.012 by an exact" in text
    assert "10.0 points lower than the base model’s" in text and "includes no difference" in text
    assert "The answer key is that of 2024-02-21." in text
    assert "Not run in this build. This build has one experiment" in text
    assert "named “CollectiveSFT” has 72.45 %" in text and "base unknown" in text
    assert "2024-03-16; they were not run here" in text and "model’s; the interval" in text
    marks = ["DEMONSTRATION BUILD" in page.extract_text() for page in pypdf.PdfReader(pdf).pages]
    assert all(marks) if demo else not any(marks)


def test_pdf_of_made_up_data_says_so(inputs, tmp_path):
    from collectivesft.common.made_up import SENTENCE

    assert values(inputs)["made_up"] == ""
    assert values(inputs, made_up=True)["made_up"] == SENTENCE
    text = words(typeset(inputs, tmp_path, made_up=True)[0])
    assert SENTENCE in text and "made-up data · run" in text


def test_pdf_of_a_better_model_with_experiments_reads_the_other_way(inputs, tmp_path):
    found = json.loads(json.dumps(AGAINST))
    found["corrected"] |= {"p": 1e-9, "difference": {"macro": bounds(0.2)}}
    write_json(inputs.scores[1], score("tiny", 0.4, against=found))
    other = tmp_path / "exam-only.json"
    write_json(other, score("exam-only", 0.1))
    comparison = tmp_path / "exam.json"
    write_json(comparison, a_comparison("exam-only", -0.3, p=0.0004, first="tiny"))
    inputs = dataclasses.replace(
        inputs,
        scores=[*inputs.scores, other],
        experiments=[inputs.recipe, *inputs.planned],
        comparisons=[*inputs.comparisons, comparison],
        planned=[],
    )
    text = words(typeset(inputs, tmp_path)[0])
    assert "20.0 points higher than the base model’s" in text and "leaves out no difference" in text
    assert "compare 1 experiment with it" in text and "(−30.0 points)" in text
    assert "Not run in this build" not in text and "not run in this build" not in text
    assert "p < 0.001" in text


def test_pdf_names_what_was_left_out(inputs, tmp_path):
    ledger = json.loads(inputs.ledger.read_bytes())
    ledger["order"].append("nlpec")
    ledger["datasets"]["nlpec"] = {"read": counts(0)}
    ledger["left_out"] = {"nlpec": "train.json: it has no address"}
    write_json(inputs.ledger, ledger)
    pdf, tables = typeset(inputs, tmp_path)
    text = words(pdf)
    assert "fetches 1 training dataset (1 more could not be had), turns 40 raw rows" in text
    assert "This run does without 1 dataset of its configuration" in text
    assert "NLPEC (train.json: it has no address)" in text
    assert "The mixture lacks NLPEC, which could not be had" in text
    rows = (tables / "datasets.csv").read_text("utf-8").splitlines()
    assert rows[0].startswith("dataset,used,") and rows[2].startswith("NLPEC,no,")


def test_table_of_data_has_perplexity_where_it_was_measured(inputs, tmp_path):
    pdf, tables = typeset(inputs, tmp_path / "without")
    assert "PPL" not in words(pdf)
    assert "perplexity" not in (tables / "datasets.csv").read_text("utf-8")
    path = tmp_path / "perplexity.json"
    write_json(path, {"sampled": 123, "datasets": {"cmid": {"perplexity": 45.678}}})
    ledger = json.loads(inputs.ledger.read_bytes())
    ledger["order"].append("nlpec")
    ledger["datasets"]["nlpec"] = {"read": counts(0)}
    write_json(inputs.ledger, ledger)
    measured = dataclasses.replace(inputs, perplexity=path)
    pdf, tables = typeset(measured, tmp_path / "with")
    text = words(pdf)
    assert "PPL" in text and "45.678" in text and "of at most 123 examples" in text
    rows = (tables / "datasets.csv").read_text("utf-8").splitlines()
    assert [row.rsplit(",", 1)[1] for row in rows] == ["perplexity", "45.68", ""]


def test_pdf_of_a_whole_run_speaks_of_nothing_left_out(inputs, tmp_path):
    text = words(typeset(inputs, tmp_path)[0])
    assert "fetches 1 training dataset, turns" in text
    assert "does without" not in text and "lacks" not in text and "left out of" not in text


def test_pdf_without_contamination_or_comparison_stays_grammatical(inputs, tmp_path):
    none = {"items_found": 0, "examples_found": 0, "examples_by_dataset": {}, "dropped": False}
    changed(inputs.contamination, **none)
    changed(inputs.scores[1], against=None, key={"date": None, "sha256": "0"})
    text = words(typeset(inputs, tmp_path)[0])
    assert "900 benchmark items, none was found in the training data (Figure 4)." in text
    assert "left in, on purpose" not in text
    assert "share nothing recognisable" not in text and "McNemar test]" not in text
    assert "The answer key is" not in text


@pytest.mark.parametrize("removed", [True, False])
def test_pdf_speaks_of_contamination_where_found_examples_were_trained_on(
    inputs, tmp_path, removed
):
    """Experiments whose examples were removed were trained on none of the questions."""
    gain, effect = bounds(0.3), bounds(0.2)
    part = {"items": 7, "gain": gain}
    none = {"found": None, "rest": part, "effect": None}
    kept = {"found": part, "rest": part, "effect": effect}
    paths = [tmp_path / f"{name}.effect.json" for name in ("other", "tiny")]
    write_json(paths[0], {"model": "other", "removed": True, "corrected": none})
    write_json(paths[1], {"model": "tiny", "removed": removed, "corrected": kept})
    text = words(typeset(dataclasses.replace(inputs, effects=paths), tmp_path)[0])
    assert ("7 questions that “tiny” was trained on (left in on purpose)" in text) != removed
    assert ("contamination could explain" in text) != removed
    assert "removed before training)" not in text and "“other”" not in text


def test_pdf_says_that_solved_questions_were_not_searched_for(inputs, tmp_path):
    changed(inputs.contamination, allowed_splits=["val"])
    text = words(typeset(inputs, tmp_path)[0])
    assert "nothing recognisable with the benchmarks, their solved questions aside" in text
    assert "(its part “val”) are not searched for: this run may train on them" in text


def test_pdf_of_a_run_that_does_not_ask_cmb_does_not_say_so(inputs, tmp_path):
    rows = [json.loads(path.read_bytes()) for path in inputs.scores]
    for path, row in zip(inputs.scores, rows, strict=True):
        write_json(path, row | {"benchmark": "cmmlu_medical"})
    found = collect(
        "small", True, ("tiny", "cmmlu_medical", "answer"), inputs, tmp_path / "values.json"
    )
    assert found["title"].endswith("lift a small model on CMMLU, medical subjects?")


def test_pdf_tells_drawn_examples_from_those_trained_on(inputs, tmp_path):
    text = words(typeset(inputs, tmp_path)[0])
    assert "fine-tunes Tiny random Llama on 16 of them" in text
    assert "Of the 18 examples drawn for it" in text
    assert "2 of them are too long to be trained on (Section 6)." in text
    assert "and 2 more left out, since their prompt" in text
    assert "for 4 steps of at most 8 examples" in text
    assert "fell from 3.750 nats per token over the first 2 steps to 2.935 over as many" in text


def test_pdf_has_free_text_and_clinical_cases_where_they_were_scored(inputs, tmp_path):
    more = {
        "text": {"kind": "text", "benchmark": "cmb", "protocol": "answer", "model": "tiny",
                 "items": 77, "macro": bounds(0.4321)},
        "cases": {"kind": "clinical", "benchmark": "cmb_clin", "model": "tiny", "answers": 3,
                  "bleu": 0.1, "rouge": 0.2, "judged": JUDGED, "criteria": CRITERIA,
                  "criteria_agreement": {"criteria": 17, "same": 0.9, "kappa": 0.756}},
    }  # fmt: skip
    paths = [tmp_path / f"{name}.json" for name in more]
    for path, content in zip(paths, more.values(), strict=True):
        write_json(path, content)
    inputs = dataclasses.replace(inputs, scores=[*inputs.scores, *paths])
    pdf, tables = typeset(inputs, tmp_path)
    text = words(pdf)
    assert "Answers in free text" in text and "43.2 (38.2–48.2)" in text
    assert "a judge gives tiny a mean grade of 3.46" in text and "No judge" not in text
    assert "tiny a judge 3.10 – 3.50 4.00 3.46 2" in text and "GPT-4" not in text
    assert "43.21,38.21,48.21" in (tables / "text.csv").read_text("utf-8")
    graded = (tables / "grades.csv").read_text("utf-8").splitlines()[1]
    assert graded == "tiny,a judge,3.10,,3.50,4.00,3.46,2"
    assert "tiny a judge another 61.2 (56.2–66.2) 17 3 0.76" in text
    by_criteria = (tables / "criteria.csv").read_text("utf-8").splitlines()[1]
    assert by_criteria == "tiny,a judge,another,61.23,56.23,66.23,17,11,3,1,0.756"


JUDGED = {
    "judge": "a judge", "fluency": 3.1, "relevance": None, "completeness": 3.5, "proficiency": 4.0,
    "average": 3.456, "graded": 2,
}  # fmt: skip
CRITERIA = {
    "judge": "a judge", "listed_by": "another", "share": bounds(0.6123), "cases": 2, "answers": 3,
    "unchecked": 1, "criteria": 17, "met": 11,
}  # fmt: skip
CLIN_BOARD = ROOT / "resources/leaderboard/cmb-clin-2024-03-16.csv"


def test_published_grades_stand_apart_where_clinical_cases_were_answered(inputs, tmp_path):
    inputs = dataclasses.replace(inputs, clinical_leaderboard=CLIN_BOARD)
    assert values(inputs)["clinical_leaderboard"] is None
    row = {"kind": "clinical", "benchmark": "cmb_clin", "model": "tiny", "answers": 3,
           "bleu": 0.1, "rouge": 0.2, "judged": None}  # fmt: skip
    write_json(tmp_path / "cases.json", row)
    inputs = dataclasses.replace(inputs, scores=[*inputs.scores, tmp_path / "cases.json"])
    pdf, tables = typeset(inputs, tmp_path)
    text = words(pdf)
    assert "No judge graded them in this build" in text and "Grades of the run" not in text
    assert "Criteria from the references" not in text
    assert "GPT-4 4.95 4.71 4.35 4.66 4.67" in text
    assert "among the 20 of the public CMB leaderboard for CMB-Clin of 2024-03-16" in text
    assert (tables / "grades.csv").read_text("utf-8") == "no_rows\n"
    published = (tables / "published-grades.csv").read_text("utf-8").splitlines()
    assert published[1] == "GPT-4,4.95,4.71,4.35,4.66,4.67" and len(published) == 6


def test_pdf_is_tagged_embedded_and_linked(inputs, tmp_path):
    """PDF/UA-1 and PDF/A-2a as the compiler checks them; and what a reader uses of it."""
    reader = pypdf.PdfReader(typeset(inputs, tmp_path)[0])
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"].startswith("en")
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    metadata = root["/Metadata"].get_object().get_data().decode("utf-8")
    assert "pdfuaid" in metadata and "pdfaid" in metadata
    assert reader.metadata.title.startswith("CollectiveSFT") and reader.metadata.subject
    entries = [entry.title for entry in reader.outline if not isinstance(entry, list)]
    outline = {title.lstrip("0123456789 ") for title in entries}
    sections = re.findall(r"^= ([^<\n]+?)(?: <.*)?$", MANUSCRIPT, re.M)
    assert len(sections) > 9 and {*sections, "References"} == outline
    assert len(described(root["/StructTreeRoot"])) == len(FIGURES)
    assert all(font_is_embedded(font) for page in reader.pages for font in fonts(page))
    links = [a.get_object() for page in reader.pages for a in page.get("/Annots", [])]
    assert any("/URI" in link.get("/A", {}) for link in links), "no link out of the paper"
    assert any("/Dest" in link or "/D" in link.get("/A", {}) for link in links), "no link inside"


def described(node) -> list[str]:
    """Alternative texts of all figures in the structure tree."""
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        return [text for child in node for text in described(child)]
    if not isinstance(node, dict):
        return []
    own = [node["/Alt"]] if node.get("/S") == "/Figure" and node.get("/Alt") else []
    return own + (described(node["/K"]) if "/K" in node else [])


def fonts(page) -> list:
    return [font.get_object() for font in page["/Resources"].get("/Font", {}).values()]


def font_is_embedded(font) -> bool:
    inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
    descriptor = inner["/FontDescriptor"].get_object()
    return any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))


def test_same_values_same_bytes(inputs, tmp_path):
    first, tables = typeset(inputs, tmp_path / "a")
    second, again = typeset(inputs, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    names = sorted(path.name for path in tables.iterdir())
    kinds = ("ablations", "agreement", "categories", "clinical", "criteria", "datasets", "drops",
             "grades", "published-grades", "scores", "text")  # fmt: skip
    assert names == [f"{n}.{s}" for n in kinds for s in ("csv", "tex")]
    assert all((tables / n).read_bytes() == (again / n).read_bytes() for n in names)
    assert ",no,experiment,,,,,,,," in (tables / "ablations.csv").read_text("utf-8")


# What may hold a digit in the manuscript.
_CODE = (
    r"//[^\n]*",  # comments
    r"@[\w-]+|<[\w-]+>",  # references, labels and keys of citations
    r"width: \d+%",
    r"p\.\w+",
)


def typed_numbers(text: str) -> list[str]:
    """Digits in the manuscript that are no code."""
    for pattern in _CODE:
        text = re.sub(pattern, "", text)
    text = re.sub(r"(==|>|<) [01]\b", "", text)  # comparisons: one thing or none
    return re.findall(r".{0,30}\d.{0,10}", text)


def test_no_number_is_typed_in_the_manuscript():
    assert typed_numbers(MANUSCRIPT) == []
    assert typed_numbers("an accuracy of 72.45 %") and typed_numbers("on 3 sets")


def test_every_figure_and_table_is_spoken_of_in_the_text():
    labels = set(re.findall(r"<((?:fig|tab)-[\w-]+)>", MANUSCRIPT))
    assert len(labels) > 20
    assert labels == set(re.findall(r"@((?:fig|tab)-[\w-]*\w)", MANUSCRIPT))


def test_every_figure_of_stage_five_stands_in_the_manuscript():
    table = (ROOT / "workflow/rules/report.smk").read_text("utf-8").split("FIGURE_TABLE = {")[1]
    assert sorted(FIGURES) == sorted(re.findall(r'^    "(\w+)": \{$', table, re.M))


def test_a_manuscript_that_does_not_compile_says_why(inputs, tmp_path):
    values(inputs)
    paper = tmp_path / "paper"
    paper.mkdir()
    (paper / "main.typ").write_text("#no-such-function()", "utf-8")
    (paper / "references.bib").write_text("", "utf-8")
    with pytest.raises(UserError, match="no-such-function"):
        out = tmp_path / "p.pdf", tmp_path / "t"
        build(inputs.ledger.with_name("values.json"), tmp_path, paper, *out)
    assert not (tmp_path / "p.pdf").exists()


def test_tables_say_of_which_run_they_are(inputs, tmp_path):
    _, tables = typeset(inputs, tmp_path)
    first = (tables / "scores.tex").read_text("utf-8").splitlines()[0]
    assert (
        first == "% Table scores of the CollectiveSFT run small (a demonstration); needs booktabs."
    )
    chinese = (tables / "categories.tex").read_text("utf-8").splitlines()
    assert chinese[0].startswith("% For XeLaTeX or LuaLaTeX") and "医师考试" in "".join(chinese)


def cited(text: str) -> set[str]:
    return set(re.findall(r"#cite\(<(\w+)>\)", text))


def test_references_have_authors_that_typst_can_read_and_none_is_missing():
    entries = (ROOT / "paper/references.bib").read_text("utf-8")
    assert "and others" not in entries, "typst would print it as a name"
    keys = set(re.findall(r"^@\w+\{(\w+),", entries, re.M))
    sources = [
        module.get(name).SOURCE for module in (datasets, benchmarks) for name in module.names()
    ]
    library = (ROOT / "paper/lib.typ").read_text("utf-8")
    of_bases = set(re.findall(r"base-reports = \((.*?)\)", library)[0].split('"')[1::2])
    used = cited(MANUSCRIPT) | {source.citation for source in sources} | of_bases
    assert used - {None} == keys


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[dict, Path]:
    """Values and PDF of a paper of the whole study's shape."""
    folder = tmp_path_factory.mktemp("whole")
    files, out = Files(**whole_study.write(folder)), folder / "paper.pdf"
    found = collect(
        "paper", False, (whole_study.HEADLINE, "cmb", "answer"), files, folder / "v.json"
    )
    for name in FIGURES:
        (folder / f"{name}.svg").write_text(SVG, "utf-8")
    build(folder / "v.json", folder, ROOT / "paper", out, folder / "tables")
    return found, out


def test_the_whole_study_has_all_scores_on_its_pages(whole):
    found, pdf = whole
    reader = pypdf.PdfReader(pdf)
    text = words(pdf)
    assert len(found["scores"]) == 75
    assert text.count("CMB-Exam") >= 75 and text.count("answer_3shot 11,200") >= 15
    assert "All scores" in {
        e.title.lstrip("0123456789 ") for e in reader.outline if not isinstance(e, list)
    }
    lowest = [min(bottoms(page)) for page in reader.pages]
    assert min(lowest) > 30, "a table runs out of the page"


def bottoms(page) -> list[float]:
    """Heights above the lower edge of all that is written on a page, in points."""
    found: list[float] = []

    def see(text, cm, tm, *_):
        if text.strip():
            found.append(cm[1] * tm[4] + cm[3] * tm[5] + cm[5])

    page.extract_text(visitor_text=see)
    return found


def starts(page, second: str) -> list[tuple[float, str, float]]:
    """Of each line with a cell that begins with ``second``: where the text before it ends, that
    text, and where the cell begins.

    Widths are not in the file: two fifths of the size for each sign is less than any word has.
    """
    lines: dict[int, list[tuple[float, float, str]]] = {}

    def see(text, cm, tm, _, size):
        if text.strip():
            x, y = (cm[i] * tm[4] + cm[i + 2] * tm[5] + cm[i + 4] for i in range(2))
            end = x + 0.4 * len(text.strip()) * size * abs(cm[0] * tm[0])
            lines.setdefault(round(y), []).append((x, end, text.strip()))

    page.extract_text(visitor_text=see)
    return [
        (one[1], one[2], two[0])
        for found in lines.values()
        for one, two in pairwise(sorted(found))
        if two[2].startswith(second)
    ]


def test_a_long_name_of_a_benchmark_leaves_room_for_the_model(inputs, tmp_path):
    paths = [tmp_path / f"{model}.json" for model in ("tiny-random", "tiny", "gemma-3-270m")]
    for path in paths:
        write_json(path, score(path.stem, 0.2, benchmark="apollo_zh"))
    longest = max((benchmarks.get(name).SOURCE.title for name in benchmarks.names()), key=len)
    assert longest == benchmarks.get("apollo_zh").SOURCE.title
    pdf = typeset(dataclasses.replace(inputs, scores=[*inputs.scores, *paths]), tmp_path)[0]
    found = [line for page in pypdf.PdfReader(pdf).pages for line in starts(page, longest[:5])]
    assert {line[1] for line in found} >= {path.stem for path in paths}
    assert [line for line in found if line[0] > line[2]] == []


@pytest.mark.parametrize("run", ["demo", "whole"])
def test_names_of_models_do_not_run_into_the_next_column(run, inputs, tmp_path, request):
    pdf = typeset(inputs, tmp_path)[0] if run == "demo" else request.getfixturevalue("whole")[1]
    found = [line for page in pypdf.PdfReader(pdf).pages for line in starts(page, "CMB-Exam")]
    assert len(found) > 1 and [line for line in found if line[0] > line[2]] == []


def test_the_base_model_is_linked_and_its_report_cited(whole):
    _, pdf = whole
    assert "InternLM2 Technical Report" in words(pdf) and "and others" not in words(pdf)
    links = [
        a.get_object().get("/A", {}).get("/URI")
        for p in pypdf.PdfReader(pdf).pages
        for a in p.get("/Annots", [])
    ]
    assert "https://huggingface.co/internlm/internlm2_5-7b" in links


def test_renderers_draw_the_same_ink_on_every_page(whole):
    assert lost_ink(whole[1]) == []
