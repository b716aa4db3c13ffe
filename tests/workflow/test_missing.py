"""A dataset that cannot be had, through the workflow: left out by name, taken when it appears."""

import json
import shutil

import pytest
import yaml

SETS = ["cmid", "nlpec"]
CARD = "results/tiny/2_curated/mixtures/tiny/data-card.md"
LEDGER = "results/tiny/2_curated/nlpec/read.ledger.json"
MANIFEST = "results/tiny/1_raw/datasets/nlpec/manifest.json"
SUMS = "raw/SHA256SUMS"
GONE = "raw/datasets/nlpec/NLPEC_public_data/train.json"


@pytest.fixture
def partial(clone):
    """The tiny run of two datasets, of which one's file is not there; returns where it belongs."""
    (clone / "raw").mkdir()
    demo = clone / "resources/demo/raw"
    for name in ("datasets/cmid", "datasets/nlpec", "benchmarks"):
        shutil.copytree(demo / name, clone / "raw" / name)
    shutil.copy(demo / "SHA256SUMS", clone / "raw")
    path = clone / GONE
    path.rename(clone / "kept.json")
    configure(clone, missing="leave_out")
    return path


def configure(clone, **raw) -> None:
    overlay = yaml.safe_load((clone / "config/tiny.yaml").read_text("utf-8"))
    overlay |= {"datasets": SETS, "raw": {"folder": "raw", "checksums": SUMS, **raw}}
    (clone / "config/tiny.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")


@pytest.fixture
def make(snakemake):
    """Run the tiny configuration."""
    quiet = ("--quiet", "rules", "reason", "host")
    return lambda *arguments: snakemake(
        "--cores", "2", *arguments, "--configfile", "config/tiny.yaml", *quiet
    )


def test_left_out_then_taken(clone, partial, make):
    done = make(LEDGER)
    assert done.returncode == 0, done.stderr
    why = f"{'/'.join(GONE.split('/')[3:])}: not in the folder of local files"
    assert json.loads((clone / MANIFEST).read_bytes())["left_out"] == why
    assert json.loads((clone / LEDGER).read_bytes())["left_out"] == {"nlpec": why}
    assert "Nothing to be done" in (again := make(LEDGER)).stdout + again.stderr

    (clone / "kept.json").rename(partial)
    assert make(LEDGER).returncode == 0
    assert "left_out" not in json.loads((clone / LEDGER).read_bytes())
    assert "Nothing to be done" in (again := make(LEDGER)).stdout + again.stderr


@pytest.mark.slow
def test_card_says_what_was_left_out(clone, partial, make):
    done = make(CARD)
    assert done.returncode == 0, done.stderr
    card = (clone / CARD).read_text("utf-8")
    assert "held out, from 1 dataset." in card
    assert "## Datasets left out\n\nDatasets of the configuration" in card
    assert "- NLPEC: NLPEC_public_data/train.json: not in the folder" in card
    ledger = (clone / CARD).with_name("ledger.md").read_text("utf-8")
    assert "Left out of this run:\n\n- nlpec: NLPEC_public_data/train.json" in ledger


def test_is_an_error_if_the_configuration_says_so(clone, partial, make):
    configure(clone, missing="error")
    broken = make(MANIFEST)
    assert broken.returncode != 0 and not (clone / MANIFEST).exists()
    log = (clone / "logs/tiny/1_raw/datasets/nlpec.log").read_text("utf-8")
    assert log.startswith(f"error: {GONE}: no such file in the local folder")


def test_placed_beside_the_manifest_is_found_and_what_was_fetched_is_not(clone, make):
    """Without a local folder: files placed by hand are input, downloads are not."""
    configure(clone, folder=None, checksums=None, missing="leave_out")
    done = make(MANIFEST)
    assert done.returncode == 0, done.stderr
    assert "left_out" in json.loads((clone / MANIFEST).read_bytes())
    path = (clone / MANIFEST).parent / "files/NLPEC_public_data/train.json"
    path.parent.mkdir(parents=True)
    shutil.copy(clone / "resources/demo/raw/datasets/nlpec/NLPEC_public_data/train.json", path)
    assert make(MANIFEST).returncode == 0
    (entry,) = json.loads((clone / MANIFEST).read_bytes())["files"]
    assert entry["origin"] == "placed by hand"
    assert "Nothing to be done" in (again := make(MANIFEST)).stdout + again.stderr


def test_lock_that_contradicts_a_download_is_found_before_anything_runs(clone, make):
    """A new entry that agrees repeats nothing; one that does not is one line with the remedy."""
    configure(clone, folder=None, checksums=None, missing="leave_out")
    path = (clone / MANIFEST).parent / "files/NLPEC_public_data/train.json"
    path.parent.mkdir(parents=True)
    shutil.copy(clone / "resources/demo/raw/datasets/nlpec/NLPEC_public_data/train.json", path)
    assert make(MANIFEST).returncode == 0
    (entry,) = json.loads((clone / MANIFEST).read_bytes())["files"]
    fact = {"size": entry["size"], "sha256": entry["sha256"], "origin": ""}
    lock = {"datasets/nlpec": {entry["path"]: fact}, "datasets/cmid": {"CMID.json": fact}}
    (clone / "config/raw.lock.yaml").write_text(yaml.safe_dump(lock), encoding="utf-8")
    assert "Nothing to be done" in (again := make(MANIFEST)).stdout + again.stderr

    fact["sha256"] = "0" * 64
    (clone / "config/raw.lock.yaml").write_text(yaml.safe_dump(lock), encoding="utf-8")
    refused = make(MANIFEST)
    assert refused.returncode != 0
    said = refused.stderr.splitlines()[-1]
    assert said.startswith("error: config/raw.lock.yaml: datasets/nlpec: NLPEC_public_data")
    assert entry["sha256"] in said and "0" * 64 in said
    assert said.endswith("make raw-lock RAW=results/tiny/1_raw ARGS='--accept datasets/nlpec'")
