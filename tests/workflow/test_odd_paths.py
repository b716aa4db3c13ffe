"""Configured folders may have any name, bare and in images: blanks, quotes, Chinese, signs."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.helpers import snakemake_server

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "containers/data.sif"
# Snakemake reads braces as wildcards, so the check of the configuration refuses them.
ODD = "a b'c\"d$HOME $(touch no)病,e:f;&(g)"
# The same in a configuration: a variable's value is not expanded a second time.
ESCAPED = "$ODD_NAME"
DEMO = ROOT / "resources/demo/raw"


def in_images(*names: str):
    """Return the case of a run in images, where this machine has them."""
    absent = [name for name in names if not (ROOT / f"containers/{name}.sif").is_file()]
    return pytest.param(
        ("--use-apptainer",),
        id="images",
        marks=[
            pytest.mark.slow,
            pytest.mark.apptainer,
            pytest.mark.skipif(not shutil.which("apptainer"), reason="apptainer is not on PATH"),
            pytest.mark.skipif(bool(absent), reason=f"run `make containers` first: {absent}"),
        ],
    )


BARE = pytest.param((), id="bare")


@pytest.fixture
def odd(clone, tmp_path_factory) -> dict[str, Path]:
    """Folders with odd names, each outside the clone, and a configuration that names them all."""
    names = ("raw", "lists", "own", "cache", "model", "images")
    folders = {name: tmp_path_factory.mktemp(name) / ODD for name in names}
    for name, folder in folders.items():
        if name != "cache":  # made by the run
            folder.mkdir()
    for name in ("datasets/cmb", "benchmarks/cmb", "benchmarks/cmb_clin"):
        shutil.copytree(DEMO / name, folders["raw"] / name)
    shutil.copy(DEMO / "datasets/cmid/CMID.json", folders["own"])
    for files, name in ((folders["raw"], "all.txt"), (folders["own"], "own.txt")):
        path = folders["lists"] / name
        lines = (
            f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {os.path.relpath(file, path.parent)}"
            for file in sorted(files.rglob("*.*"))
        )
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folders["model"] / "config.json").write_text("{}", encoding="utf-8")
    image = folders["images"] / "data.sif"
    if IMAGE.is_file():
        image.symlink_to(IMAGE)
    write(clone, image)
    return folders


def write(clone: Path, image: Path) -> None:
    """Name the folders by variables: their values are not expanded a second time."""
    overlay = yaml.safe_load((clone / "config/tiny.yaml").read_text("utf-8"))
    overlay |= {
        "datasets": ["cmb", "cmid"],
        "cache": "$ODD_CACHE",
        "raw": {"folder": "$ODD_RAW", "checksums": "${ODD_LISTS}/all.txt"},
        "sources": {
            "datasets/cmid": {
                "folder": "$ODD_OWN",
                "checksums": "$ODD_LISTS/own.txt",
                "files": ["CMID.json"],
            },
        },
        "containers": {"data": "$ODD_IMAGES/data.sif"},
    }
    (clone / "config/tiny.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    path = clone / "config/models/tiny-random.yaml"
    model = yaml.safe_load(path.read_text("utf-8"))
    del model["architecture"]
    model["source"] = {"kind": "folder", "path": "$ODD_MODEL"}
    path.write_text(yaml.safe_dump(model), encoding="utf-8")


@pytest.mark.parametrize("images", [BARE, in_images("data")])
def test_every_configured_folder_may_have_any_name(clone, odd, images):
    manifest = odd["cache"] / "raw/models/tiny-random/manifest.json"
    made = [f"results/tiny/2_curated/{name}/read.parquet" for name in ("cmb", "cmid")]
    made += ["results/tiny/2_curated/benchmarks/cmb.items.jsonl", str(manifest)]
    run(clone, odd, *images, "--", *made)
    assert not [name for name in made if not (clone / name).is_file()]


def run(clone: Path, folders: dict[str, Path], *arguments: str) -> None:
    """Run the tiny configuration with a variable ODD_NAME for each folder."""
    variables = {f"ODD_{name.upper()}": str(folder) for name, folder in folders.items()}
    done = subprocess.run(
        ["workflow/bin/run", "config/tiny.yaml", "--cores", "2", *arguments],
        cwd=clone, env=snakemake_server.with_command() | variables,
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(clone.rglob("no")), "a part of a name was run as a command"


@pytest.mark.parametrize("images", [BARE, in_images("data", "model-cpu")])
def test_a_chat_template_and_a_converter_may_have_any_name(clone, tmp_path_factory, images):
    """The rules' own commands: a base model with its template, and a GGUF copy of it."""
    folders = {
        name: tmp_path_factory.mktemp(name) / ODD for name in ("cache", "template", "converter")
    }
    for name in ("template", "converter"):
        folders[name].mkdir()
    template = (ROOT / "src/collectivesft/models/templates/chatml.jinja").read_text("utf-8")
    (folders["template"] / f"{ODD}.jinja").write_text(f"{template}{{# mine #}}", encoding="utf-8")
    shutil.copy(ROOT / "tests/hub/fake_converter.py", folders["converter"] / f"{ODD}.py")
    edit(
        clone / "config/tiny.yaml",
        cache="$ODD_CACHE",
        hub={
            "repo_id": "demo/CollectiveSFT-tiny",
            "gguf": "f16",
            "gguf_converter": f"$ODD_CONVERTER/{ESCAPED}.py",
        },
    )
    edit(
        clone / "config/models/tiny-random.yaml",
        chat_template=f"$ODD_TEMPLATE/{ESCAPED}.jinja",
        end_of_turn="<|im_end|>",
    )
    base = folders["cache"] / "models/tiny-random"
    run(clone, folders | {"NAME": ODD}, *images, "--", str(base))
    assert "mine" in (base / "chat_template.jinja").read_text("utf-8")

    shutil.copytree(base, clone / "results/tiny/3_sft/tiny/model")
    made = "results/tiny/7_hub/tiny/gguf/CollectiveSFT-tiny-F16.gguf"
    only = ("--allowed-rules", "hub_gguf")
    run(clone, folders | {"NAME": ODD}, *images, *only, "--", made)
    assert (clone / made).read_bytes()[:4] == b"GGUF"


def edit(path: Path, **changes) -> None:
    """Change keys of a YAML file."""
    content = yaml.safe_load(path.read_text("utf-8")) | changes
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.mark.parametrize("images", [in_images("data")])
def test_a_clone_behind_a_link_runs_in_images(clone, tmp_path_factory, images):
    """Apptainer goes by PWD, which names the link; the link's folder is not there inside."""
    link = tmp_path_factory.mktemp("scratch") / "clone"
    link.symlink_to(clone)
    made = "results/tiny/1_raw/datasets/cmid/manifest.json"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["workflow/bin/run", "config/tiny.yaml", "--cores", "1", *images, "--", made],
        cwd=link, env=os.environ | {"PATH": path, "PWD": str(link)}, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / made).is_file()
