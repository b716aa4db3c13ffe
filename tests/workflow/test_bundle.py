"""Contents of a bundle, with stand-ins of the fetchers; test_inside.py runs a real one."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FETCHED = ("results/tiny/1_raw/datasets/cmb/manifest.json", ".cache/raw/models/m/manifest.json")
STANDINS = {
    # Fetches two files; a third, of another run, must not come along.
    "snakemake": "\n".join(
        ['echo "$@" >fetched']
        + [
            f"mkdir -p $(dirname {path}) && echo {{}} >{path}"
            for path in (*FETCHED, "results/other/1_raw/manifest.json")
        ]
    ),
    # pip brings a wheel for each list; everything else is Python.
    "python": f"""case "$*" in
        *"pip download"*) echo "$@" >>called; touch "${{@: -1}}/$(grep -c . called).whl" ;;
        *) exec {sys.executable} "$@" ;; esac""",
}
IMAGES = ("data", "model-cpu", "paper")


@pytest.fixture
def repository(tmp_path) -> Path:
    """A small clone with what a bundle is made from; its images are files of a word."""
    folder, no = tmp_path / "clone", shutil.ignore_patterns("*.sif", "__pycache__")
    for name in ("workflow", "config", "envs", "containers", "src/collectivesft", ".gitignore"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, path)
        else:
            shutil.copytree(ROOT / name, path, ignore=no)
    for name, body in STANDINS.items():
        path = folder / ".venv/bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "x")
    for name in IMAGES:
        (folder / f"containers/{name}.sif").write_text(name, encoding="utf-8")
    return folder


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def bundle(repository: Path, config: str = "config/tiny.yaml", **variables: str):
    return subprocess.run(
        ["workflow/bin/bundle", config, "../bundle"],
        cwd=repository, env=os.environ | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_holds_all_that_a_run_needs_and_nothing_else(repository, tmp_path):
    (repository / "notes.txt").write_text("a new file that is nobody's business")
    settings = yaml.safe_load((repository / "config/tiny.yaml").read_text("utf-8"))
    (repository / "config/mine.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = bundle(repository, "config/mine.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    made = tmp_path / "bundle"
    there = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    tracked = set(git(repository, "ls-files").splitlines())
    images = {f"containers/{name}.sif" for name in IMAGES}
    wheels = {f"wheels/{name}" for name in ("1.whl", "2.whl", "3.whl", "setuptools.txt")}
    own = {"BUNDLE.md", "BUNDLE.sha256", "COMMIT", "config/mine.yaml"}
    assert there == tracked | images | wheels | own | set(FETCHED)
    assert f"{len(there) - 1} files" in done.stdout

    # Every file is listed with its sum.
    check = ["sha256sum", "--quiet", "--check", "BUNDLE.sha256"]
    subprocess.run(check, cwd=made, check=True)
    listed = (made / "BUNDLE.sha256").read_text("utf-8").splitlines()
    assert {line.split("  ./")[1] for line in listed} == there - {"BUNDLE.sha256"}
    assert (made / "workflow/bin/run").stat().st_mode & 0o111
    lists = [line.split("-r ")[1].split()[0] for line in (repository / "called").open()]
    assert [Path(name).name for name in lists] == ["uv.lock", "workflow.lock", "setuptools.txt"]
    pinned = (made / "wheels/setuptools.txt").read_text("utf-8")
    assert pinned.startswith("setuptools==") and "--hash=sha256:" in pinned
    assert "workflow/bin/run config/mine.yaml" in (made / "BUNDLE.md").read_text("utf-8")


def test_its_commands_work_in_a_folder_with_a_blank(repository, tmp_path):
    """pip splits a list of folders at blanks."""
    shutil.copy(repository / "config/tiny.yaml", repository / "config/my tiny.yaml")
    assert bundle(repository, "config/my tiny.yaml", BUNDLE_IMAGES="no").returncode == 0
    made = (tmp_path / "bundle").rename(tmp_path / "my bundle")
    text = (made / "BUNDLE.md").read_text("utf-8")
    (export,) = re.findall(r"^    (export .*)", text, re.M)
    script = f'{export}; for folder in $PIP_FIND_LINKS; do test -d "$folder" || exit 3; done'
    subprocess.run(["bash", "-euc", script], cwd=made, check=True)
    (check,) = re.findall(r"^    workflow/bin/check (.*) apptainer", text, re.M)
    assert shlex.split(check) == ["config/my tiny.yaml"]


def test_it_is_made_without_the_development_environment(repository, tmp_path):
    """The image of stage raw fetches then."""
    (repository / ".venv").rename(repository / ".venv-workflow")
    assert bundle(repository).returncode == 0
    assert "--use-apptainer" in (repository / "fetched").read_text("utf-8")


def test_the_code_in_it_knows_its_commit(repository, tmp_path):
    """Also where it is unpacked within somebody's repository, whose commit is not ours."""
    assert bundle(repository, BUNDLE_IMAGES="no").returncode == 0
    assert not list(tmp_path.glob("bundle/containers/*.sif"))
    git(tmp_path, "init", "--quiet")
    code = "import config_check, pathlib; print(config_check.commit(pathlib.Path('.')))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "bundle", env=os.environ | {"PYTHONPATH": "workflow/lib"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == git(repository, "rev-parse", "HEAD")


WRONG = {
    "cache": ({"cache": "/scratch/cache"}, "error: cache: /scratch/cache lies outside"),
    "published": (
        {"containers": {"paper": "oras://example.org/paper:1"}},
        "error: oras://example.org/paper:1 is not in this clone. Copy or pull it",
    ),
    "missing": ({"containers": {"paper": "mine.sif"}}, "error: mine.sif is missing. Run `make"),
    "converter": (
        {"hub": {"gguf": "q8_0", "gguf_converter": "/opt/llama.cpp/convert_hf_to_gguf.py"}},
        "error: hub.gguf_converter lies outside of this clone (/opt/llama.cpp). Take envs/conv",
    ),
    "typo": ({"hubb": {}}, "error: config/tiny.yaml: hubb: unknown key; did you mean 'hub'?"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_would_not_run_there_is_one_line_before_anything_is_fetched(
    repository, tmp_path, name
):
    changes, message = WRONG[name]
    path = repository / "config/tiny.yaml"
    settings = yaml.safe_load(path.read_text("utf-8")) | changes
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = bundle(repository)
    assert done.returncode == 1
    assert done.stderr.startswith(message) and done.stderr.count("\n") == 1
    assert not (repository / "results").exists()
    assert not list(tmp_path.glob("bundle*"))


def test_the_converter_goes_along_where_it_is_used(repository, tmp_path):
    path = repository / ".tools/llama.cpp/convert_hf_to_gguf.py"
    path.parent.mkdir(parents=True)
    path.touch()
    settings = yaml.safe_load((repository / "config/tiny.yaml").read_text("utf-8"))
    for kind, there in ((None, False), ("q8_0", True)):
        shutil.rmtree(tmp_path / "bundle", ignore_errors=True)
        settings["hub"]["gguf"] = kind
        (repository / "config/tiny.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        done = bundle(repository)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "bundle" / path.relative_to(repository)).is_file() is there


def test_a_folder_that_is_there_is_left_alone(repository, tmp_path):
    (tmp_path / "bundle").mkdir()
    done = bundle(repository)
    assert done.returncode == 1
    assert done.stderr == "error: ../bundle is there already. Name another folder, or delete it.\n"
