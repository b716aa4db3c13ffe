"""`raw status`: what is here, how far it is verified, what to do; clean outside of a terminal."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.raw import status
from collectivesft.raw.fetching import registry
from collectivesft.raw.fetching.lock_file import HEADER
from collectivesft.sources.spec import GoogleDrive, Https, Hub, RawFile, Source

BODY = b'[{"a": 1}]\n'
SHA = hashlib.sha256(BODY).hexdigest()
BLOB = hashlib.sha1(b"blob %d\0" % len(BODY) + BODY).hexdigest()
NAME = "datasets/fake"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "1_raw"


@pytest.fixture
def known(monkeypatch):
    """Make this the only source."""

    def set_source(*files: RawFile, access: str = "open", **facts) -> None:
        source = Source(
            "fake", "Fake", "https://example.org/x/", "MIT", "none", access, files, **facts
        )
        monkeypatch.setattr(registry, "names", lambda: [NAME])
        monkeypatch.setattr(registry, "load", lambda name: source)

    return set_source


def put(root: Path, *names: str, origin: str = "https://x", body: bytes = BODY, **more) -> Path:
    """Files in their place with a manifest."""
    folder = root / NAME
    entries = []
    for name in names:
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        digest = hashlib.sha256(body).hexdigest()
        entries.append({"path": name, "size": len(body), "sha256": digest, "origin": origin})
    folder.mkdir(parents=True, exist_ok=True)
    content = {"source": NAME, "files": entries, **more}
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def only(root: Path | None, lock: Path | None = None) -> dict[str, str]:
    (row,) = status.table_rows(root, lock)
    return dict(zip(status.HEADER, row, strict=True))


def here(root: Path, lock: Path | None = None) -> tuple[str, str, str]:
    row = only(root, lock)
    return row["here"], row["verified"], row["to do"]


class TestHere:
    @pytest.mark.parametrize(
        ("facts", "verified", "todo"),
        [
            ({"sha256": SHA}, "yes", "nothing"),
            ({"git_blob": BLOB}, "yes", "nothing"),
            ({}, "0 of 1", "record"),
            ({"size": len(BODY)}, "0 of 1", "record"),
            ({"sha256": "0" * 64}, "wrong", "repair"),
            ({"git_blob": "0" * 40}, "wrong", "repair"),
        ],
        ids=str,
    )
    def test_against_what_is_known(self, root, known, facts, verified, todo):
        known(RawFile("a.json", **facts))
        put(root, "a.json")
        assert here(root) == ("1 file", verified, todo)

    @pytest.mark.parametrize(("digest", "verified"), [(SHA, "yes"), ("0" * 64, "wrong")])
    def test_against_the_lock(self, root, known, tmp_path, digest, verified):
        known(RawFile("a.json"))
        put(root, "a.json")
        lock = tmp_path / "lock.yaml"
        lock.write_text(f"{HEADER}{NAME}: {{a.json: {{size: 11, sha256: '{digest}'}}}}\n")
        assert here(root, lock)[1] == verified

    def test_some_of_several(self, root, known):
        known(RawFile("a.json", sha256=SHA), RawFile("b.json"))
        put(root, "a.json", "b.json")
        assert here(root) == ("2 files", "1 of 2", "record")

    @pytest.mark.parametrize("facts", [{}, {"sha256": "0" * 64}])
    def test_local_copy_is_its_folder_s_affair(self, root, known, facts):
        known(RawFile("a.json", **facts))
        put(root, "a.json", origin="local")
        assert here(root) == ("1 file", "local", "nothing")

    def test_a_damaged_file_is_to_be_repaired(self, root, known):
        known(RawFile("a.json", sha256=SHA))
        (put(root, "a.json") / "files/a.json").write_bytes(b"x")
        assert here(root) == ("damaged", "wrong", "repair")

    @pytest.mark.parametrize(
        ("access", "todo"),
        [
            ("open", "fetch"),
            ("gated", "token"),
            ("form", "form"),
            ("google_drive", "browser"),
            ("hand_placed", "by hand"),
        ],
    )
    def test_absent_or_left_out(self, root, known, access, todo):
        known(RawFile("a.json"), access=access)
        assert here(root) == ("no", "", todo)
        put(root, left_out="a.json: no address")
        assert here(root) == ("left out", "", todo)
        assert only(None)["here"] == "?" and only(None)["to do"] == todo
        assert todo in status.LEGEND


class TestFacts:
    @pytest.mark.parametrize(
        ("place", "shown"),
        [
            (Hub("o/r", "c" * 40, "a"), "Hub o/r"),
            (Https("https://raw.githubusercontent.com/o/r/1/a"), "GitHub o/r"),
            (Https("https://media.githubusercontent.com/media/o/r/1/a"), "GitHub o/r"),
            (GoogleDrive("id"), "Google Drive"),
            (Https("https://example.org/a"), "https://example.org/a"),
        ],
    )
    def test_the_status_says_where_a_file_is(self, known, place, shown):
        known(RawFile("a", (place,)))
        assert only(None)["where"] == shown

    def test_without_location_its_home_page(self, known):
        known(RawFile("a"))
        assert only(None)["where"] == "example.org/x"

    @pytest.mark.parametrize(
        ("sizes", "shown"),
        [
            ([999], "999 B"),
            ([820_000_000], "820 MB"),
            ([999_600], "1 MB"),
            ([2_000_000_000, 82_354_155], "2.08 GB"),
            ([1, None], "unknown"),
        ],
    )
    def test_the_status_says_the_size_of_all_files(self, known, sizes, shown):
        known(*(RawFile(str(n), size=size) for n, size in enumerate(sizes)), rows=2_725_989)
        assert (only(None)["size"], only(None)["rows"]) == (shown, "2,725,989")


class TestText:
    @pytest.mark.parametrize("width", [80, 100, 120])
    def test_every_source_at_usual_widths(self, tmp_path, width):
        rows = status.table_rows(tmp_path)
        text = status.text(rows, width)
        lines = text.splitlines()
        assert max(map(len, lines)) <= width
        assert all(line == line.rstrip() for line in lines) and text.isascii()
        assert lines[0].endswith("to do") and lines[0].startswith("source")
        for _, where, licence, *_ in rows:
            assert f"{where}; {licence}" in " ".join(text.split())
        for name in registry.names():
            first = next(line for line in lines if line.startswith(f"  {name.split('/')[1]} "))
            assert first.split()[-1] in " ".join(status.LEGEND)
        for word in ("fetch", "browser", "by hand"):
            assert any(line.startswith(f"{word}: ") for line in lines)
        assert not any(line.startswith("repair: ") for line in lines), "only what occurs"

    def test_command_outside_of_a_terminal_is_plain(self, tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "collectivesft", "raw", "status", "--root", str(tmp_path)],
            capture_output=True, text=True, check=True, cwd=tmp_path,
            env={"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "FORCE_COLOR": "1"},
        )  # fmt: skip
        assert "\x1b" not in done.stdout and done.stderr == ""
        assert done.stdout == status.text(status.table_rows(tmp_path)) + "\n"
