"""`collectivesft new` and `collectivesft check` as a person runs them, in a copy of the clone."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from collectivesft.extend import new_file
from collectivesft.extend.new_file import write_new

ROOT = Path(__file__).parents[2]
KINDS = ("dataset", "benchmark", "model", "experiment", "dataset --yaml", "benchmark --yaml")


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A copy of the files that a new file is written among."""
    folder = tmp_path_factory.mktemp("clone")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("src", "config", "tests/helpers"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("pyproject.toml", "tests/__init__.py", "tests/conftest.py", "docs", "paper"):
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(folder / "src")},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def new(folder: Path, kind: str, name: str) -> list[Path]:
    done = run(folder, "collectivesft", "new", *kind.split(), name)
    assert done.returncode == 0, done.stderr
    return [folder / path for path in re.findall(r"^written +(\S+)$", done.stdout, re.M)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_file_passes_the_test_that_comes_with_it(clone, kind):
    file, test = new(clone, kind, f"ward_{kind.replace(' --', '_')}")
    assert file.is_file() and "test_" in test.name
    done = run(clone, "pytest", "-q", "-p", "no:cacheprovider", str(test))
    assert done.returncode == 0, done.stdout
    assert re.search(r"^[12] passed", done.stdout, re.M), done.stdout
    formatted = run(clone, "ruff", "format", "--check", *map(str, (file, test)))
    if file.suffix == ".py":
        assert formatted.returncode == 0, formatted.stdout
    assert run(clone, "ruff", "check", str(test)).returncode == 0


def test_a_model_is_yaml_without_the_option_and_a_second_form_is_refused(clone):
    done = run(clone, "collectivesft", "new", "model", "x", "--yaml")
    assert done.stderr == "error: --yaml: a model is a YAML file anyway. Leave the option out.\n"
    new(clone, "dataset", "twice_qa")
    done = run(clone, "collectivesft", "new", "dataset", "twice_qa", "--yaml")
    assert "datasets/twice_qa.py: there already. Choose another name" in done.stderr


def test_the_test_of_a_new_dataset_fails_where_its_reader_is_wrong(clone):
    file, test = new(clone, "dataset", "wrong_qa")
    file.write_text(file.read_text("utf-8").replace('row.text("answer")', '"休息"'), "utf-8")
    assert run(clone, "pytest", "-q", str(test)).returncode == 1


def test_a_file_that_is_there_is_kept(clone):
    (file, _) = new(clone, "experiment", "kept")
    file.write_text("mine", "utf-8")
    done = run(clone, "collectivesft", "new", "experiment", "kept")
    assert (done.returncode, done.stderr) == (
        1,
        "error: config/experiments/kept.yaml: there already. Choose another name, or edit that "
        "file.\n",
    )
    assert file.read_text("utf-8") == "mine"


@pytest.mark.parametrize("suffix", [".md", ".json"])
def test_a_file_of_any_suffix_that_is_there_is_kept(tmp_path, monkeypatch, suffix):
    form = new_file.FORMS["model"]
    files = {"model.yaml": f"config/models/$name{suffix}"}
    monkeypatch.setitem(new_file.FORMS, "model", replace(form, files=files))
    for folder in ("src/collectivesft", "config/models"):
        (tmp_path / folder).mkdir(parents=True)
    path = tmp_path / f"config/models/mine{suffix}"
    path.write_text("mine", "utf-8")
    with pytest.raises(UserError, match=re.escape(f"mine{suffix}: there already")):
        write_new("model", "mine", tmp_path)
    assert path.read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    ("kind", "name"), [("dataset", "Ward-QA"), ("model", "../x"), ("model", "")]
)
def test_a_name_that_a_rule_cannot_take_is_refused(kind, name):
    with pytest.raises(UserError, match=re.escape(f"{kind} {name!r}: the name may have")):
        write_new(kind, name, ROOT)


def test_a_folder_that_is_no_clone_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no clone of this package\. Name its folder with --root"):
        write_new("model", "x", tmp_path)


def test_check_judges_one_file(clone, tmp_path):
    new(clone, "dataset", "checked_qa")
    path = tmp_path / "mine.jsonl"
    path.write_text(
        '{"id": 1, "question": "感冒吃什么药？", "answer": "多休息，多喝水。"}\n'
        '{"id": 2, "question": "", "answer": "没有问题"}\n'
        '{"id": 3, "question": "头痛？", "answer": "1"}\n',
        "utf-8",
    )
    done = run(clone, "collectivesft", "check", "datasets/checked_qa", str(path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "3 rows: 2 examples, 1 dropped",
        "  1 empty_question, the first: checked_qa.jsonl, row 2",
        "step clean keeps 1 of them",
        "  1 too_short, the first: user: 头痛？ assistant: 1",
        "the first: checked_qa:1, style qa, language zh",
        "  user: 感冒吃什么药？",
        "  assistant: 多休息，多喝水。",
    ]


def test_check_names_the_row_of_the_file_that_was_given(clone, tmp_path):
    new(clone, "dataset", "damaged_qa")
    path = tmp_path / "mine.jsonl"
    path.write_text(
        '{"id": 1, "question": "甲", "answer": "乙丙"}\n{"id": 2, "q": "丁"}\n', "utf-8"
    )
    done = run(clone, "collectivesft", "check", "datasets/damaged_qa", str(path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        f"error: {path}, row 2: no question; there is id, q."
    )


def test_check_of_a_benchmark_shows_a_prompt(clone, tmp_path):
    new(clone, "benchmark", "checked_exam")
    path = tmp_path / "mine.json"
    row = {"id": 1, "question": "胸痛首选？", "option": {"A": "心电图", "B": "胃镜"}, "answer": "A"}
    path.write_text(json.dumps([row | {"split": "test"}]), "utf-8")
    done = run(clone, "collectivesft", "check", "benchmarks/checked_exam", str(path))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "1 items: 1 test",
        "  1 of category 考试",
        "the first of split test: 1, answer A",
    ]
    assert "  A. 心电图" in lines
    path.write_text(json.dumps([row | {"split": "val"}]), "utf-8")
    done = run(clone, "collectivesft", "check", "benchmarks/checked_exam", str(path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: {path}: checked_exam: no test item (1 val). Check its raw files, then fetch again."
    )


def test_a_fault_in_a_reader_is_one_line_with_its_place(clone, tmp_path):
    file, _ = new(clone, "dataset", "faulty_qa")
    text = file.read_text("utf-8").replace('question = row.text("question")', 'question = row["q"]')
    file.write_text(text, "utf-8")
    line = text[: text.index('row["q"]')].count("\n") + 1
    path = tmp_path / "mine.jsonl"
    path.write_text('{"id": 1, "question": "甲", "answer": "乙丙"}\n', "utf-8")
    done = run(clone, "collectivesft", "check", "datasets/faulty_qa", str(path))
    assert done.returncode == 1
    *trace, last = done.stderr.splitlines()
    assert "Traceback (most recent call last):" in trace
    assert last == (
        f"error: TypeError: 'Row' object is not subscriptable (datasets/faulty_qa.py, line {line})."
        " This is a fault in the code; the traceback is above."
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("models/x", "f"), "'models/x': write datasets/NAME or benchmarks/NAME."),
        (("datasets/cmid", "nowhere.json"), "nowhere.json: no such file. Check the path."),
        (
            ("benchmarks/cmb", "README.md"),
            r"README.md: cmb has no file of this name\. Known are: .+\.",
        ),
    ],
)
def test_check_says_what_it_takes(arguments, message):
    done = run(ROOT, "collectivesft", "check", *arguments)
    assert done.returncode == 1
    assert re.fullmatch(f"error: {message}\n", done.stderr), done.stderr
