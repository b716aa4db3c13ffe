"""Members of zip archives, and what is recognised as damaged or as something else."""

import gzip
import io
import os
import struct
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import InputError
from collectivesft.raw.fetch import Target, write_manifest
from collectivesft.sources import archive, verify
from collectivesft.sources.archive import Part
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.spec import RawFile

TEXT = '[{"问题": "感冒怎么办？"}]\n'.encode() * 40
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive; a name may come twice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as out:
        for name, content in members:
            out.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def put(tmp_path):
    """Write a file and return its path."""

    def write(content: bytes, name: str = "a.zip") -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def read(path: Path, member: str = "train.json") -> bytes:
    with Part(path, path.name, member).open() as handle:
        return handle.read()


def problem(path: Path, member: str = "train.json") -> InputError:
    with pytest.raises(InputError) as caught:
        read(path, member)
    return caught.value


class TestPart:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("name", ["train.json", "data/train.json", "数据/x/train.json"])
    def test_a_member_is_read_in_place(self, put, name, method):
        path = put(zipped((name, TEXT), ("other/", b""), ("nottrain.json", b""), method=method))
        assert read(path) == TEXT

    def test_the_top_goes_before_folders(self, put):
        assert read(put(zipped(("old/train.json", b"[]"), ("train.json", TEXT)))) == TEXT

    def test_litter_of_macos_is_no_member(self, put):
        path = put(zipped(("data/train.json", TEXT), ("__MACOSX/data/train.json", b"x")))
        assert read(path) == TEXT

    def test_a_plain_file_is_read_in_place(self, put):
        part = Part(put(TEXT, "a.json"), "a.json")
        with part.open() as handle:
            assert handle.read() == TEXT
        assert part.label == str(part.path)

    def test_names_are_those_of_the_manifest(self, tmp_path):
        target = Target("datasets/x", tmp_path / "manifest.json")
        (target.folder / "sub").mkdir(parents=True)
        (target.folder / "sub/a.zip").write_bytes(zipped(("train.json", TEXT)))
        size = (target.folder / "sub/a.zip").stat().st_size
        write_manifest(target, [{"path": "sub/a.zip", "size": size}])
        raw = RawFolder.load(target.manifest)
        part = Part.of(raw, "sub/a.zip", "train.json")
        assert part.file == "sub/a.zip/train.json"
        assert part.label == f"{target.folder}/sub/a.zip/train.json"
        assert Part.of(raw, "sub/a.zip").file == "sub/a.zip"
        with pytest.raises(InputError, match=r"b\.zip is needed"):
            Part.of(raw, "b.zip")


def test_a_member_that_unpacks_to_far_more_than_a_text_is_refused(tmp_path, monkeypatch):
    """It would end in no memory, without a word on the file."""
    monkeypatch.setattr(archive, "LARGE", 1 << 16)
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(("train.json", b"[" + b" " * (1 << 18))))
    assert "unpacks to 262,145 bytes" in str(problem(path))
    path.write_bytes(zipped(("train.json", os.urandom(1 << 18))))
    assert len(read(path)) == 1 << 18


class TestMemberNotToBeFound:
    def test_a_missing_member_lists_the_others(self, put):
        path = put(zipped(("a.txt", b""), ("b/c.txt", b"")))
        error = problem(path)
        assert error.path == path
        assert "no member named train.json (there is a.txt, b/c.txt)" in str(error)
        assert "Check that this is the archive of the pinned revision" in str(error)

    def test_an_empty_archive_says_so(self, put):
        assert "(there is nothing)" in str(problem(put(zipped())))

    def test_name_is_not_taken_by_its_end(self, put):
        assert "no member" in str(problem(put(zipped(("mytrain.json", TEXT)))))

    def test_two_members_of_one_name_are_refused(self, put):
        path = put(zipped(("a/train.json", TEXT), ("b/train.json", TEXT)))
        expected = "several members named train.json (there is a/train.json, b/train.json)"
        assert expected in str(problem(path))

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    @pytest.mark.parametrize("name", ["train.json", "a/train.json"])
    def test_the_same_name_twice(self, put, name):
        path = put(zipped((name, TEXT), (name, b"[]")))
        assert "several members named train.json" in str(problem(path))


class TestDamaged:
    def test_cut_in_half(self, put):
        whole = zipped(("train.json", os.urandom(3000)))
        path = put(whole[: len(whole) // 2])
        text = str(problem(path))
        assert text.startswith(f"{path}/train.json: the zip archive is cut short or damaged")
        assert text.endswith("Fetch it again, or place a good copy by hand.")

    @pytest.mark.parametrize("method", METHODS)
    def test_a_changed_byte_is_noticed(self, put, method):
        whole = bytearray(zipped(("train.json", TEXT), method=method))
        whole[60] ^= 0xFF
        assert "damaged" in str(problem(put(bytes(whole))))

    def test_member_name_that_is_not_utf8(self, put):
        whole = zipped(("数/train.json", TEXT)).replace("数".encode(), b"\xff\xff\xff")
        assert "damaged" in str(problem(put(whole)))

    def test_an_encrypted_member_is_refused(self, put):
        whole = bytearray(zipped(("train.json", TEXT)))
        whole[6] |= 1
        whole[whole.index(b"PK\x01\x02") + 8] |= 1
        assert "encrypted" in str(problem(put(bytes(whole))))

    def test_an_archive_that_is_gone_is_an_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "a.zip")

    @pytest.mark.parametrize(
        "error", [RuntimeError(), ValueError(), RecursionError(), OSError(28, "full")], ids=repr
    )
    def test_errors_of_the_reader_pass(self, put, error):
        """They say nothing about the archive."""
        part = Part(put(zipped(("train.json", TEXT))), "a.zip", "train.json")
        with pytest.raises(type(error)) as caught, part.open():
            raise error
        assert caught.value is error


class TestRecognise:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.zip", zipped(("train.json", TEXT))),
            ("a.whl", zipped(("train.json", TEXT))),
            ("a.gz", gzip.compress(TEXT)),
            ("a.json", TEXT),
            ("a.bin", b"\0"),
            ("a.html", b"<html>"),
            ("a.parquet", b"PAR1" + b"footer" + struct.pack("<i", 6) + b"PAR1"),
        ],
    )
    def test_good_content_is_recognised_as_nothing_else(self, put, name, content):
        assert verify.recognise(put(content, name), name) is None

    @pytest.mark.parametrize(
        ("name", "content", "expected"),
        [
            ("a.zip", b"", "an empty file"),
            ("a.zip", b"PK\x03\x04", "not a whole zip archive"),
            ("a.ZIP", b"no zip", "not a whole zip archive"),
            ("a.gz", gzip.compress(TEXT)[:-9], "not a whole gzip file"),
            ("a.gz", b"no gzip", "not a whole gzip file"),
            ("a.parquet", b"PAR", "not a Parquet file"),
            ("a.parquet", b"{}", "not a Parquet file"),
            ("a.parquet", b"PAR1" + b"x" * 90, "a Parquet file cut short"),
            ("a.parquet", b"PAR1" + struct.pack("<I", 99) + b"PAR1", "a Parquet file cut short"),
            ("a.json", b"\xef\xbb\xbf <!doctype HTML>", "an HTML page in place of .json"),
            ("a.json", b"\r\n<HTML lang=en>", "an HTML page in place of .json"),
            ("data", b"<html>", "an HTML page in place of the file"),
            ("a.zip", b"version https://git-lfs.github.com/spec/v1\n", "a Git-LFS pointer"),
        ],
    )
    def test_bad_content_is_named_with_a_remedy(self, put, name, content, expected):
        found, remedy = verify.recognise(put(content, name), name)
        assert found.startswith(expected)
        assert "place" in remedy

    def test_a_member_that_fails_its_checksum(self, put):
        whole = zipped(("train.json", TEXT), method=zipfile.ZIP_STORED)
        path = put(whole.replace(TEXT[:9], b"x" * 9, 1))
        found, _ = verify.recognise(path, "a.zip")
        assert found == "a damaged zip archive: member train.json fails its checksum"

    def test_message_names_file_and_remedy(self, put):
        path = put(b"no zip")
        with pytest.raises(InputError) as caught:
            verify.check(path, RawFile("a.zip"), shown=Path("shown.zip"))
        assert str(caught.value).startswith("shown.zip: not a whole zip archive")
        assert caught.value.remedy == verify.GET_AGAIN


class TestAnyDamage:
    """Whatever happens to its bytes, an archive is read right or refused with a message."""

    @settings(
        derandomize=True, max_examples=150, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from(METHODS), st.data())
    def test_any_damage_of_a_zip_is_noticed_or_harmless(self, method, data):
        whole = bytearray(zipped(("train.json", TEXT), ("数据/b.json", TEXT), method=method))
        damage(whole, data)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.zip"
            path.write_bytes(whole)
            verify.recognise(path, "a.zip")
            try:
                assert read(path) == TEXT
            except InputError as error:
                assert str(path) in str(error)

    @settings(derandomize=True, max_examples=100, deadline=None)
    @given(st.data())
    def test_any_damage_of_gzip_is_noticed_or_harmless(self, data):
        whole = bytearray(gzip.compress(TEXT, mtime=0))
        damage(whole, data)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.gz"
            path.write_bytes(whole)
            if verify.recognise(path, "a.gz") is None:
                assert gzip.decompress(path.read_bytes()) == TEXT

    @settings(derandomize=True, max_examples=60, deadline=None)
    @given(st.integers(0, 10**6), st.sampled_from(METHODS))
    def test_zip_cut_anywhere(self, cut, method):
        whole = zipped(("train.json", TEXT), method=method)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.zip"
            path.write_bytes(whole[: cut % len(whole)])
            assert verify.recognise(path, "a.zip") is not None
            problem(path)


def damage(content: bytearray, data: st.DataObject) -> None:
    """Change up to three bytes, and perhaps cut the end off."""
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(1, len(content))) :]


def test_find_member_lists_no_more_than_a_few(put):
    path = put(zipped(*((f"{n}.txt", b"") for n in range(50))))
    with zipfile.ZipFile(path) as opened, pytest.raises(InputError) as caught:
        archive.find_member(path, opened, "train.json")
    assert "7.txt)" in str(caught.value)
