"""The lock of raw files: read by fetching, recorded after it, changed only when told to."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import InputError, UserError
from collectivesft.raw import fetch
from collectivesft.raw.fetching import lock_file, registry
from collectivesft.raw.fetching.lock_file import Lock, record
from collectivesft.sources.spec import Https, RawFile, Source

ROOT = Path(__file__).parents[2]
BODY, NEWER = b'[{"a": 1}]\n', b'[{"a": 2}]\n'
SHA, NEWER_SHA = (hashlib.sha256(body).hexdigest() for body in (BODY, NEWER))
NAME = "datasets/fake"

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "raw/datasets/fake/manifest.json"


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    path = tmp_path / "raw.lock.yaml"
    path.write_text("# nothing yet\n", encoding="utf-8")
    return path


@pytest.fixture
def page(server, monkeypatch):
    """One file on a server, of which nothing is known; ``facts`` says what is."""
    page = server.put(BODY)

    def load(name: str) -> Source:
        if name not in (NAME, "datasets/other"):
            raise UserError(f"unknown source {name!r}")
        file = RawFile("d/a.json", (Https(page.url),), **page.facts)
        return Source("fake", "Fake", "https://example.org", "none", "none", files=(file,))

    page.facts = {}
    monkeypatch.setattr(registry, "load", load)
    return page


def get(manifest: Path, locked: Path | None = None, **options) -> None:
    fetch.fetch_source(NAME, manifest, lock=locked, **options)


def refused(manifest: Path, locked: Path) -> str:
    with pytest.raises(UserError) as caught:
        get(manifest, locked)
    assert not manifest.exists()
    return str(caught.value)


class TestRecord:
    def test_first_download_is_recorded_with_its_origin(self, page, manifest, locked):
        get(manifest, locked)
        assert record([manifest], locked) == [f"{NAME}: d/a.json: 11 bytes, sha256 {SHA}"]
        text = locked.read_text("utf-8")
        assert text == (
            f"{lock_file.HEADER}{NAME}:\n  d/a.json:\n    size: 11\n    sha256: {SHA}\n"
            f"    origin: {page.url}\n"
        )
        assert record([manifest], locked) == []
        assert locked.read_text("utf-8") == text

    def test_fetching_only_reads_it(self, page, manifest, locked):
        locked.chmod(0o444)
        before = locked.read_bytes()
        get(manifest, locked)
        assert locked.read_bytes() == before

    def test_other_content_changes_nothing_unless_it_is_accepted(self, page, manifest, locked):
        get(manifest)
        record([manifest], locked)
        before = locked.read_bytes()
        page.body = NEWER
        manifest.unlink()
        (manifest.parent / "files/d/a.json").unlink()
        get(manifest)
        with pytest.raises(InputError) as caught:
            record([manifest], locked)
        assert str(caught.value) == (
            f"{manifest}: d/a.json: sha256 is {NEWER_SHA}, {locked} says {SHA}. "
            f"Delete {manifest} to fetch it again, or name --accept {NAME}."
        )
        assert locked.read_bytes() == before
        assert record([manifest], locked, [NAME]) == [
            f"{NAME}: d/a.json: 11 bytes, sha256 {NEWER_SHA}"
        ]
        assert Lock.read(locked).facts[NAME]["d/a.json"].sha256 == NEWER_SHA

    def test_accepting_one_source_leaves_the_others(self, page, manifest, locked):
        fact = {"size": 1, "sha256": "0" * 64, "origin": ""}
        both = {name: {"d/a.json": fact} for name in (NAME, "datasets/other")}
        locked.write_text(json.dumps(both), encoding="utf-8")
        assert record([], locked, [NAME]) == []
        assert list(Lock.read(locked).facts) == ["datasets/other"]

    def test_unknown_source_to_accept(self, page, locked):
        with pytest.raises(UserError, match="unknown source 'datasets/fak'"):
            record([], locked, ["datasets/fak"])

    @pytest.mark.parametrize("facts", [{"sha256": SHA}, {}], ids=["known anyway", "local copy"])
    def test_files_with_known_facts_are_not_recorded(self, page, manifest, locked, facts, tmp_path):
        page.facts = facts
        (tmp_path / "local/d").mkdir(parents=True)
        (tmp_path / "local/d/a.json").write_bytes(BODY)
        get(manifest, folder=None if facts else tmp_path / "local")
        assert record([manifest], locked) == []
        assert Lock.read(locked).facts == {}

    def test_source_left_out_has_nothing_to_record(self, page, manifest, locked):
        page.answer(404)
        get(manifest, on_unavailable="skip-always")
        assert record([manifest], locked) == []


class TestFetch:
    @pytest.fixture
    def held(self, page, manifest, locked) -> Path:
        """The lock after a first download; upstream has other content of the same size since."""
        get(manifest)
        record([manifest], locked)
        manifest.unlink()
        return locked

    def test_same_content_is_taken(self, page, manifest, held):
        (manifest.parent / "files/d/a.json").unlink()
        get(manifest, held)
        assert manifest.exists()

    def test_other_content_names_file_both_sums_and_the_remedy(self, page, manifest, held):
        (manifest.parent / "files/d/a.json").unlink()
        page.body = NEWER
        said = refused(manifest, held)
        assert f"d/a.json could not be fetched: {page.url}: sha256 is {NEWER_SHA}" in said
        assert f"expected {SHA} by {held}" in said
        assert f"`collectivesft raw lock --lock {held} --accept {NAME}`" in said

    def test_a_file_of_another_size_is_refused(self, page, manifest, held):
        (manifest.parent / "files/d/a.json").unlink()
        page.body = BODY * 2
        assert f"size is 22, expected 11 by {held}" in refused(manifest, held)

    def test_damaged_copy_is_fetched_again(self, page, manifest, held):
        (manifest.parent / "files/d/a.json").write_bytes(NEWER)
        get(manifest, held)
        assert (manifest.parent / "files/d/a.json").read_bytes() == BODY

    def test_local_copy_must_match_too_but_for_a_list_of_its_own(
        self, page, manifest, held, tmp_path
    ):
        path = tmp_path / "local/d/a.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(NEWER)
        with pytest.raises(InputError, match=f"expected {SHA} by"):
            get(manifest, held, folder=tmp_path / "local")
        sums = tmp_path / "local/SHA256SUMS"
        sums.write_text(f"{NEWER_SHA}  d/a.json\n")
        get(manifest, held, folder=tmp_path / "local", checksums=sums)
        assert manifest.exists()

    def test_what_the_source_itself_states_goes_first(self, page, manifest, held):
        page.body, page.facts = NEWER, {"sha256": NEWER_SHA}
        get(manifest, held)
        assert manifest.exists()

    def test_accepted_then_fetched_then_recorded(self, page, manifest, held):
        (manifest.parent / "files/d/a.json").unlink()
        page.body = NEWER
        refused(manifest, held)
        record([], held, [NAME])
        get(manifest, held)
        assert record([manifest], held) == [f"{NAME}: d/a.json: 11 bytes, sha256 {NEWER_SHA}"]


class TestFile:
    @pytest.mark.parametrize(
        ("text", "where"),
        [
            ("[1]", "the file"),
            ("datasets/a: {b: {size: 1}}", "datasets/a, b, sha256"),
            (f"datasets/a: {{b: {{size: -1, sha256: '{SHA}'}}}}", "datasets/a, b, size"),
            (f"datasets/a: {{b: {{size: 1, sha256: '{SHA}', x: 1}}}}", "datasets/a, b, x"),
            ("datasets/a: 3", "datasets/a"),
        ],
    )
    def test_wrong_entry_is_named(self, locked, text, where):
        locked.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=f"{where}: .*Correct that entry"):
            Lock.read(locked)

    @settings(max_examples=50, deadline=None, derandomize=True)
    @given(st.dictionaries(st.text("数据/a b:#'\"-.", min_size=1), st.integers(0, 1 << 50)))
    def test_reads_what_it_writes(self, tmp_path_factory, sizes):
        path = tmp_path_factory.mktemp("lock") / "lock.yaml"
        facts = {name: lock_file.Fact(size=n, sha256=SHA, origin=name) for name, n in sizes.items()}
        book = Lock(path, {"datasets/x": facts})
        path.write_text(book.text(), encoding="utf-8")
        assert Lock.read(path).facts == ({"datasets/x": facts} if facts else {})
        assert Lock.read(path).text() == book.text()

    def test_shipped_file_is_what_would_be_written(self):
        path = ROOT / "config/raw.lock.yaml"
        shipped = Lock.read(path)
        assert shipped.text() == path.read_text("utf-8")
        for source, named in shipped.facts.items():
            paths = {file.path for file in registry.load(source).files if file.sha256 is None}
            assert set(named) <= paths, source


def test_the_command_records_a_manifest(command, page, manifest, locked, tmp_path):
    get(manifest)
    content = json.loads(manifest.read_bytes()) | {"source": "datasets/cmb"}
    content["files"][0]["path"] = "CMB-Exam/CMB-train/CMB-train-merge.json"
    manifest.write_text(json.dumps(content))
    arguments = ("raw", "lock", "--root", tmp_path / "raw", "--lock", locked)
    code, said = command(*arguments)
    assert (code, said.count("datasets/cmb: CMB-Exam/")) == (0, 1)
    assert command(*arguments) == (0, "nothing new\n")
    assert command(*arguments, "--accept", "datasets/cmb")[0] == 0
