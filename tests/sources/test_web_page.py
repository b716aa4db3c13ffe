"""Pages that come instead of a file, through the fetcher: each is recognised and explained."""

import json
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from collectivesft.raw import fetch
from collectivesft.raw.fetching import locations
from collectivesft.sources.spec import GoogleDrive, Https, Hub, RawFile

BODY = b'[{"a": 1}]\n'
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
WARNING = (
    b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
    b"<p>Google Drive can&#39;t scan this file for viruses.</p>"
    b'<form id="download-form" action="/download"><input name="uuid" value="1"></form></body>'
)
QUOTA = (
    b"<html><head><title>Google Drive - Quota exceeded</title></head><body>Sorry, too many users "
    b"have viewed or downloaded this file recently.</body></html>"
)
SIGN_IN = (
    b'\n<!DOCTYPE html><html><head><base href="https://accounts.google.com/v3/signin/"></head>'
    b"<body>Sign in to continue to Google Drive</body></html>"
)
LOGIN = b'<HTML><body><form><input type="password" name="p"></form></body></HTML>'
PLAIN = b"<!doctype html><html><body>Hello</body></html>"

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def known(known):
    """Make these the locations of every source's only file."""
    return lambda *places: known(RawFile("a.json", places))


def message(manifest: Path) -> str:
    with pytest.raises(UserError) as caught:
        fetch.fetch_source("datasets/fake", manifest)
    assert not manifest.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestPages:
    @pytest.mark.parametrize(
        ("body", "what"),
        [
            (WARNING, "can't scan so large a file for viruses"),
            (QUOTA, "too many people have fetched it lately"),
            (SIGN_IN, "(a page to sign in)"),
            (LOGIN, "(a page to sign in)"),
            (PLAIN, "an HTML page in place of .json"),
            (POINTER, "a Git-LFS pointer in place of the file itself"),
        ],
        ids=["warning", "quota", "Google's sign-in", "login", "any page", "pointer"],
    )
    @pytest.mark.parametrize("drive", [True, False], ids=["drive", "web"])
    def test_is_named_and_kept(self, server, known, manifest, monkeypatch, body, what, drive):
        page = server.put(body, Content_Type="text/html; charset=utf-8")
        monkeypatch.setattr(locations, "_DRIVE", page.url + "?id={}")
        known(GoogleDrive("some-id") if drive else Https(page.url))
        said = message(manifest)
        assert what in said and "kept as a.json.rejected" in said
        assert ("drive.google.com/file/d/some-id" in said) is drive
        assert (manifest.parent / "files/a.json.rejected").read_bytes() == body

    def test_in_place_of_a_copy_by_hand_it_says_what_to_do(self, known, manifest):
        known()
        path = manifest.parent / "files/a.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(WARNING)
        assert "press Download anyway, and place the file itself by hand" in message(manifest)

    def test_warning_then_the_next_location(self, server, known, manifest, monkeypatch):
        """Drive first, a mirror second: the mirror's file is taken, the page forgotten."""
        monkeypatch.setattr(locations, "_DRIVE", server.put(WARNING).url + "?id={}")
        mirror = server.put(BODY)
        known(GoogleDrive("id"), Https(mirror.url))
        fetch.fetch_source("datasets/fake", manifest)
        (entry,) = json.loads(manifest.read_bytes())["files"]
        assert entry["origin"] == mirror.url


class TestRefusals:
    @pytest.mark.parametrize("status", [404, 410])
    def test_gone_from_the_web(self, server, known, manifest, status):
        page = server.put(BODY).answer(status)
        known(Https(page.url))
        said = message(manifest)
        assert f"{page.url}: HTTP {status}" in said and "deleted, renamed or made private" in said

    def test_every_location_with_its_own_reason(self, server, known, manifest, monkeypatch):
        monkeypatch.setattr(locations, "_DRIVE", server.put(QUOTA).url + "?id={}")
        gone, page = server.put(BODY).answer(404), server.put(POINTER)
        known(Https(gone.url), GoogleDrive("id"), Https(page.url), Https("http://127.0.0.1:1/x"))
        said = message(manifest)
        parts = [f"{gone.url}: HTTP 404", "google-drive:id: an HTML page", f"{page.url}: a Git-LFS"]
        places = [said.index(part) for part in [*parts, "http://127.0.0.1:1/x: no answer"]]
        assert places == sorted(places)


class TestMoved:
    @pytest.mark.parametrize("status", [301, 308])
    def test_renamed_on_the_web(self, server, known, manifest, capsys, status):
        """GitHub redirects a renamed repository for good: the file is taken, the move told."""
        new = server.put(BODY, "/{number}/new/repo/raw/a.json")
        old = server.put(b"").answer(status, Location=new.url + "?token=x")
        known(Https(old.url))
        fetch.fetch_source("datasets/fake", manifest)
        assert f"{old.url}: moved to {new.url}; correct the source's address" in (
            capsys.readouterr().err
        )
        assert json.loads(manifest.read_bytes())["files"][0]["origin"] == old.url

    def test_moved_and_gone(self, server, known, manifest):
        old = server.put(b"").answer(301, Location=server.url + "/not/there")
        known(Https(old.url))
        assert f"{old.url} (moved to {server.url}/not/there): HTTP 404" in message(manifest)

    def test_passing_redirects_are_no_move(self, server, known, manifest, capsys):
        """A redirect to storage, or from http to https, tells nothing about the source."""
        new = server.put(BODY)
        known(Https(server.put(b"").answer(302, Location=new.url).url))
        fetch.fetch_source("datasets/fake", manifest)
        assert "moved" not in capsys.readouterr().err


class TestHub:
    @pytest.fixture
    def hub(self, server, monkeypatch):
        """A page of a repository of its own, and its location."""
        monkeypatch.setenv("HF_ENDPOINT", server.url)

        def put(body: bytes = BODY):
            page = server.put(body, "/datasets/o/r{number}/resolve/" + "c" * 40 + "/a.json")
            repo = page.url.split("/datasets/")[1].split("/resolve/")[0]
            return page, Hub(repo, "c" * 40, "a.json")

        return put

    @pytest.mark.parametrize(
        ("status", "code", "text", "wanted"),
        [
            (404, "RepoNotFound", "Repository not found", ["deleted, renamed or made private"]),
            (401, "RepoNotFound", "Invalid username or password.", ["renamed", "set HF_TOKEN"]),
            (401, "", "Unauthorized", ["set HF_TOKEN"]),
            (403, "GatedRepo", "Access restricted", ["is gated: accept its terms on", "HF_TOKEN"]),
            (401, "GatedRepo", "Access restricted", ["is gated: accept its terms on", "HF_TOKEN"]),
            (403, "", "Forbidden", ["accept its terms on"]),
            (404, "RevisionNotFound", "Invalid rev id", ["the pinned revision is not in"]),
            (404, "EntryNotFound", "Entry not found", ["no such file in that revision"]),
        ],
    )
    def test_refusal_is_explained(self, hub, known, manifest, status, code, text, wanted):
        page, place = hub()
        headers = {"X_Error_Message": text} | ({"X_Error_Code": code} if code else {})
        page.answer(status, **headers)
        known(place)
        said = message(manifest)
        assert text.rstrip(".") in said and f"HTTP {status}" in said
        assert all(part in said for part in [*wanted, f"huggingface.co/datasets/{place.repo}"])

    def test_a_renamed_repository_is_followed(self, hub, known, manifest, capsys):
        """The Hub answers 307 with a relative address in the new repository."""
        new, _ = hub()
        old, place = hub(b"")
        old.answer(307, Location=new.url.removeprefix(old.url.split("/datasets/")[0]))
        known(place)
        fetch.fetch_source("datasets/fake", manifest)
        said = capsys.readouterr().err
        assert f"moved to {new.url}; correct the source's address" in said
        assert (manifest.parent / "files/a.json").read_bytes() == BODY

    def test_storage_host_is_no_move(self, hub, server, known, manifest, capsys):
        storage = server.put(BODY, "/{number}/cdn")
        page, place = hub(b"")
        page.answer(302, Location=storage.url.replace("127.0.0.1", "localhost"))
        known(place)
        fetch.fetch_source("datasets/fake", manifest)
        assert "moved" not in capsys.readouterr().err

    def test_renamed_to_a_gated_one(self, hub, known, manifest):
        new, _ = hub()
        new.answer(403, X_Error_Code="GatedRepo", X_Error_Message="Access restricted")
        old, place = hub(b"")
        old.answer(307, Location=new.url)
        known(place)
        said = message(manifest)
        assert f"(moved to {new.url})" in said and "accept its terms" in said
