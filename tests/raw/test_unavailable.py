"""A source that cannot be had: an error, or left out with a reason that every product repeats."""

import json
from functools import partial
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError, UserError
from collectivesft.curated.read import read_benchmark, read_dataset
from collectivesft.curated.storage.parquet import count_rows
from collectivesft.curated.storage.step_ledger import combine
from collectivesft.raw import fetch
from collectivesft.raw.fetching import locations
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import GoogleDrive, Https, RawFile

BODY = b'[{"a": 1}]\n'
LOGIN = b"<!DOCTYPE html><html><body>Please sign in</body></html>"
NAME = "datasets/nlpec"

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def known(known):
    """The same; they are to be placed by hand where nothing else is said."""
    return partial(known, access="hand_placed")


def reason(manifest: Path, policy: str = "skip", **options) -> str:
    fetch.fetch_source(NAME, manifest, on_unavailable=policy, **options)
    content = json.loads(manifest.read_text(encoding="utf-8"))
    assert content["files"] == []
    return content["left_out"]


def refused(manifest: Path, policy: str, **options) -> str:
    with pytest.raises(UserError) as caught:
        fetch.fetch_source(NAME, manifest, on_unavailable=policy, **options)
    assert not manifest.exists()
    return str(caught.value)


class TestPolicy:
    def test_without_an_address(self, known, manifest, capsys):
        known(RawFile("sub/a.json"), RawFile("b.json"), RawFile("c.json"))
        why = reason(manifest)
        assert why == "sub/a.json and 2 more files: it has no address that a program can use"
        said = capsys.readouterr().err
        assert said.startswith(f"warning: {NAME} is left out of this run: {why}. To have it, place")
        assert str(manifest.parent / "files") in said and len(said.splitlines()) == 1

    def test_error_is_the_default(self, known, manifest):
        known(RawFile("a.json"))
        assert "a.json could not be fetched" in refused(manifest, "error")

    @pytest.mark.parametrize("status", [401, 403, 404, 410])
    def test_closed_source_that_refuses(self, server, known, manifest, status):
        page = server.put(BODY).answer(status)
        known(RawFile("a.json", (Https(page.url),)), access="gated")
        assert f"{page.url}: HTTP {status}" in reason(manifest)

    def test_sign_in_page_of_a_drive(self, server, known, manifest, monkeypatch):
        monkeypatch.setattr(locations, "_DRIVE", server.put(LOGIN).url + "?id={}")
        known(RawFile("a.json", (GoogleDrive("id"),)), access="google_drive")
        why = reason(manifest)
        assert why.startswith("a.json: google-drive:id: an HTML page")
        assert "rejected" not in why and str(manifest.parent) not in why

    @pytest.mark.parametrize("status", [404, 503])
    def test_open_source_is_an_error_whatever_the_reason(self, server, known, manifest, status):
        page = server.put(BODY).answer(status, times=50)
        known(RawFile("a.json", (Https(page.url),)), access="open")
        assert f"HTTP {status}" in refused(manifest, "skip")
        page.faults.clear()
        page.answer(status, times=50)
        assert f"HTTP {status}" in reason(manifest, "skip-always")

    def test_network_that_is_down_is_an_error_even_for_a_closed_source(self, known, manifest):
        known(RawFile("a.json", (Https("http://127.0.0.1:1/a.json"),)), access="gated")
        assert "no answer" in refused(manifest, "skip")

    @pytest.mark.parametrize("policy", ["skip", "skip-always"])
    def test_half_placed_is_an_error(self, known, manifest, policy):
        known(RawFile("a.json"), RawFile("b.json"))
        (manifest.parent / "files").mkdir(parents=True)
        (manifest.parent / "files/b.json").write_bytes(BODY)
        assert "a.json could not be fetched" in refused(manifest, policy)

    def test_wrong_file_is_an_error_not_a_missing_one(self, known, manifest):
        known(RawFile("a.json", sha256="0" * 64))
        (manifest.parent / "files").mkdir(parents=True)
        (manifest.parent / "files/a.json").write_bytes(BODY)
        assert "sha256 is" in refused(manifest, "skip-always")

    def test_wrong_download_of_a_closed_source_is_an_error(self, server, known, manifest):
        page = server.put(BODY)
        known(RawFile("a.json", (Https(page.url),), sha256="0" * 64), access="gated")
        assert "sha256 is" in refused(manifest, "skip")

    def test_not_in_the_local_folder(self, known, manifest, tmp_path):
        known(RawFile("a.json"))
        (tmp_path / "local").mkdir()
        assert reason(manifest, folder=tmp_path / "local") == (
            "a.json: not in the folder of local files"
        )

    def test_is_taken_once_it_is_there(self, known, manifest):
        known(RawFile("a.json"))
        reason(manifest)
        (manifest.parent / "files").mkdir(parents=True)
        (manifest.parent / "files/a.json").write_bytes(BODY)
        fetch.fetch_source(NAME, manifest, on_unavailable="skip")
        raw = RawFolder.load(manifest)
        assert raw.names == ("a.json",) and raw.left_out == ""

    def test_benchmark_cannot_be_left_out(self, known, manifest):
        known(RawFile("a.json"))
        with pytest.raises(UserError, match="only datasets can be left out, not benchmarks/cmb"):
            fetch.fetch_source("benchmarks/cmb", manifest, on_unavailable="skip")


def test_command_ends_well_and_says_so(command, manifest):
    arguments = ("raw", "fetch", "--source", NAME, "--manifest", manifest)
    assert command(*arguments)[0] == 1
    code, said = command(*arguments, "--on-unavailable", "skip")
    assert code == 0 and said.startswith("warning: datasets/nlpec is left out")


class TestReading:
    @pytest.fixture
    def absent(self, known, manifest) -> Path:
        known(RawFile("a.json"))
        reason(manifest)
        return manifest

    def test_gives_no_rows_and_a_book_that_says_why(self, absent, tmp_path):
        paths = [tmp_path / name for name in ("kept", "dropped", "ledger")]
        read_dataset("nlpec", absent, *paths)
        assert [count_rows(path) for path in paths[:2]] == [0, 0]
        book = json.loads(paths[2].read_bytes())
        assert book["datasets"]["nlpec"] == {"rows_in": 0, "kept": 0, "dropped": {}, "changed": {}}
        assert book["left_out"] == {"nlpec": RawFolder.load(absent).left_out}

    def test_joined_books_carry_it_on(self, absent, tmp_path):
        paths = [tmp_path / name for name in ("kept", "dropped", "ledger")]
        read_dataset("nlpec", absent, *paths)
        out = [tmp_path / f"joined.{kind}" for kind in ("json", "csv", "md")]
        result = combine([paths[2]], *out)
        why = RawFolder.load(absent).left_out
        assert result["left_out"] == {"nlpec": why}
        assert f"nlpec,read,0,0,left_out,{why},0" in out[1].read_text("utf-8").splitlines()
        assert f"- nlpec: {why}" in out[2].read_text("utf-8")

    def test_benchmark_that_says_so_is_refused(self, absent, tmp_path):
        with pytest.raises(InputError, match="left out"):
            read_benchmark("cmb", absent, tmp_path / "items")
        assert not (tmp_path / "items").exists()

    def test_rows_are_still_needed_of_a_set_that_is_there(self, known, manifest, tmp_path):
        known(RawFile("a.json"))
        (manifest.parent / "files").mkdir(parents=True)
        (manifest.parent / "files/a.json").write_bytes(b"\n")
        fetch.fetch_source(NAME, manifest, on_unavailable="skip")
        with pytest.raises(InputError, match="nlpec has no rows"):
            read_dataset("nlpec", manifest, *(tmp_path / name for name in "abc"))
