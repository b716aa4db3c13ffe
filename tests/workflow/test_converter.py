"""envs/converter takes llama.cpp's converter out of a pinned distribution and builds nothing."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEM = "llama_cpp_python-0.0.1"
FILES = {
    "PKG-INFO": "Metadata-Version: 2.1\nName: llama_cpp_python\nVersion: 0.0.1\n",
    "pyproject.toml": '[build-system]\nrequires = ["nowhere-to-be-had"]\n'
    'build-backend = "scikit_build_core.build"\n',
    "vendor/llama.cpp/LICENSE": "MIT",
    "vendor/llama.cpp/convert_hf_to_gguf.py": "print('converts')",
    "vendor/llama.cpp/conversion/llama.py": "",
    "vendor/llama.cpp/gguf-py/gguf/__init__.py": "",
    "vendor/llama.cpp/src/llama.cpp": "int main;",
}
WANTED = {"LICENSE", "convert_hf_to_gguf.py", "conversion", "gguf-py", ".pin.sha256"}


class Place:
    """A copy of envs/converter whose pin is a small distribution in a folder."""

    def __init__(self, root: Path):
        self.root, self.index = root, root / "index"
        (root / "envs").mkdir()
        self.index.mkdir()
        for name in ("converter", "sha256"):
            shutil.copy(ROOT / f"envs/{name}", root / "envs")
        path = self.index / f"{STEM}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, text in FILES.items():
                member = tarfile.TarInfo(f"{STEM}/{name}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        self.pin(hashlib.sha256(path.read_bytes()).hexdigest())

    def pin(self, digest: str) -> None:
        text = f"llama-cpp-python==0.0.1 \\\n    --hash=sha256:{digest}\n"
        (self.root / "envs/converter.txt").write_text(text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        own = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index), "PYTHON": sys.executable}
        env = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")} | own
        env["PIP_CONFIG_FILE"] = os.devnull
        command = ["envs/converter", *arguments]
        return subprocess.run(
            command, cwd=self.root, env=env, capture_output=True, text=True, check=False
        )

    @property
    def tools(self) -> Path:
        return self.root / ".tools/llama.cpp"


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path)


def test_it_takes_the_converter_alone_and_once(place):
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert {path.name for path in place.tools.iterdir()} == WANTED
    assert (place.tools / "conversion/llama.py").is_file()
    assert [path.name for path in place.tools.parent.iterdir()] == ["llama.cpp"]
    shutil.rmtree(place.index)  # what is there is not fetched again
    done = place.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_another_pin_takes_the_place_of_the_first(place):
    assert place.run("mine").returncode == 0
    (place.root / "mine/conversion/old.py").touch()
    pin = place.root / "envs/converter.txt"
    pin.write_text("# newer\n" + pin.read_text())
    assert place.run("mine").returncode == 0
    assert not (place.root / "mine/conversion/old.py").exists()


@pytest.mark.parametrize("what", ["another hash", "nothing there"])
def test_what_cannot_be_had_is_an_error_with_a_remedy(place, what):
    if what == "another hash":
        place.pin("0" * 64)
    else:
        shutil.rmtree(place.index)
    done = place.run()
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: the converter cannot be had from pip's index. Set PIP_INDEX_URL")
    assert list(place.tools.parent.iterdir()) == []


def test_a_folder_of_somebody_else_is_left_alone(place):
    (place.root / "mine").mkdir()
    (place.root / "mine/notes").touch()
    done = place.run("mine")
    assert done.returncode == 1
    assert "error: mine is there and is none of ours." in done.stderr
    assert [path.name for path in (place.root / "mine").iterdir()] == ["notes"]


def test_the_pin_has_a_version_and_a_hash_and_git_ignores_the_folder():
    lines = (ROOT / "envs/converter.txt").read_text("utf-8").splitlines()
    pin = [line.split()[0] for line in lines if line and not line.startswith("#")]
    assert pin[0].startswith("llama-cpp-python==")
    assert pin[1].startswith("--hash=sha256:") and len(pin) == 2
    assert "/.tools/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
