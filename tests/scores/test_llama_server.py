"""llama.cpp's own server answers 20 questions as the model does in this process."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.gguf_file import write_gguf
from tests.helpers.scores_inputs import question, rows, tiny_model, write_items

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-llama/bin/python"
SERVER = ROOT / "tests/helpers/llama_server.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    if not PYTHON.is_file() or missing():
        pytest.skip("needs xllamacpp: envs/install llama .venv-llama")
    folder = tmp_path_factory.mktemp("llama")
    made = tiny_model(folder / "model", ("以下是中国医师考试中的一道单项选择题，答案是头痛",))
    write_gguf(made, folder / "model.gguf")
    return made


def missing() -> bool:
    """Return True if the environment has no xllamacpp that can be loaded here."""
    found = subprocess.run([PYTHON, "-c", "import xllamacpp"], capture_output=True, check=False)
    return found.returncode != 0


def ask(model: Path, items: Path, out: Path, *more: object) -> list[dict]:
    """Return the predictions of the command's real run."""
    command = [sys.executable, "-m", "collectivesft", "scores", "predict", "--model", model]
    command += ["--name", "tiny", "--items", items, "--out", out, *more]
    command = [str(part) for part in command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return rows(out)


def serve(model: Path) -> tuple[object, ...]:
    command = f"{PYTHON} {SERVER} {model.with_suffix('.gguf')} {{name}} {{port}}"
    return ("--serve", command, "--concurrency", 2)


@pytest.mark.parametrize("form", ["text", "tokens"])
@pytest.mark.parametrize("method", ["generate", "likelihood"])
def test_20_questions_get_the_same_answers_from_the_server(model, tmp_path, method, form):
    items = write_items(tmp_path / "items.jsonl", [question(n) for n in range(20)])
    asked = ("--method", method, "--max-new-tokens", 8)
    here = ask(model, items, tmp_path / "here.jsonl", *asked)
    there = ask(
        model, items, tmp_path / "there.jsonl", *asked, *serve(model), "--prompt-format", form
    )
    assert {row.pop("engine") for row in here} == {"transformers"}
    assert {row.pop("engine") for row in there} == {"openai"}
    assert len(there) == 20 and all(row["error"] is None for row in there)
    for own, other in zip(here, there, strict=True):
        mine, served = own.pop("likelihood"), other.pop("likelihood")
        # Broken bytes at an end are drawn differently.
        one, two = (row.pop("raw").replace("\ufffd", "") for row in (own, other))
        assert own == other
        assert one == two
        if method == "likelihood":  # the server keeps its cache in float16
            assert mine == pytest.approx(served, rel=0.02)
            assert max(mine, key=mine.get) == max(served, key=served.get)
    assert len({row["prompt"] for row in here}) == 20
