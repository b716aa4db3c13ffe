"""Files are there whole or not at all; what cannot be read is named with its row."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.common import files
from collectivesft.common.errors import InputError, explain_os_error
from collectivesft.common.files import atomic_path, scratch_folder


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


class TestAtomicPath:
    def test_makes_file_and_folders(self, tmp_path):
        with atomic_path(tmp_path / "a/b/c.txt") as partial:
            partial.write_text("x")
            assert partial.name == "c.txt"
            assert partial.parent.parent == tmp_path / "a/b"
            assert names(tmp_path / "a/b") == [partial.parent.name]
            assert partial.parent.name.startswith(".c.txt.")
        assert names(tmp_path / "a/b") == ["c.txt"]

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
    def test_leaves_the_old_file_on_any_error(self, tmp_path, error):
        path = tmp_path / "c.txt"
        path.write_text("old")
        with pytest.raises(error), atomic_path(path) as partial:
            partial.write_text("half of the n")
            raise error
        assert path.read_text() == "old"
        assert names(tmp_path) == ["c.txt"]

    def test_replaces_a_folder(self, tmp_path):
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "old").write_text("")
        with atomic_path(folder) as partial:
            partial.mkdir()
            (partial / "new").write_text("")
        assert names(folder) == ["new"]
        assert names(tmp_path) == ["model"]

    @pytest.mark.parametrize("written", [["model"], ["model/a/w", "model/b"]])
    def test_all_is_on_the_disk_before_it_has_its_name(self, tmp_path, monkeypatch, written):
        synced, renamed = set(), []
        real_sync, real_replace = os.fsync, os.replace

        def sync(number):
            synced.add(os.path.relpath(os.readlink(f"/proc/self/fd/{number}"), tmp_path))
            real_sync(number)

        def replace(source, target):
            renamed.append(set(synced))
            real_replace(source, target)

        monkeypatch.setattr(os, "fsync", sync)
        monkeypatch.setattr(os, "replace", replace)
        with atomic_path(tmp_path / "model") as partial:
            for name in written:
                path = partial.parent / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("x")
        (before,) = renamed
        folder = partial.parent.relative_to(tmp_path)
        assert before >= {f"{folder}/{name}" for name in [*written, "model"]}

    def test_removes_a_half_written_folder(self, tmp_path):
        with pytest.raises(ValueError), atomic_path(tmp_path / "model") as partial:
            partial.mkdir()
            (partial / "new").write_text("")
            raise ValueError
        assert names(tmp_path) == []

    def test_removes_what_a_killed_job_left(self, tmp_path):
        kill = """
        import os, signal, sys
        from pathlib import Path
        from collectivesft.common.files import atomic_path
        with atomic_path(Path(sys.argv[1])) as partial:
            partial.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        """
        command = [sys.executable, "-c", textwrap.dedent(kill), str(tmp_path / "c.txt")]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert len(names(tmp_path)) == 1
        with atomic_path(tmp_path / "c.txt") as partial:
            assert names(tmp_path) == [partial.parent.name]
            partial.write_text("whole")
        assert names(tmp_path) == ["c.txt"]

    def test_leaves_what_another_writer_is_writing(self, tmp_path):
        path = tmp_path / "c.txt"
        with atomic_path(path) as slow:
            slow.write_text("slow")
            with atomic_path(path) as quick:
                quick.write_text("quick")
            assert path.read_text() == "quick"
        assert path.read_text() == "slow"
        assert names(tmp_path) == ["c.txt"]

    def test_eight_writers_at_once_leave_one_whole_folder(self, tmp_path):
        target = tmp_path / "model"

        def write(number: int) -> None:
            for _ in range(20):
                with atomic_path(target) as partial:
                    partial.mkdir()
                    for name in ("config", "weights"):
                        (partial / name).write_text(str(number))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(8)))
        assert names(tmp_path) == ["model"]
        assert names(target) == ["config", "weights"]
        assert (target / "config").read_text() == (target / "weights").read_text()

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disks_error_names_the_file(self, tmp_path, number):
        with pytest.raises(OSError) as caught, atomic_path(tmp_path / "c.txt"):
            raise OSError(number, os.strerror(number))
        message = explain_os_error(caught.value)
        assert message.startswith(f"{tmp_path / 'c.txt'}: no space left on the disk")

    def test_an_error_that_names_a_file_and_any_other_keep_their_names(self, tmp_path):
        with pytest.raises(OSError) as caught, atomic_path(tmp_path / "c.txt"):
            raise OSError(errno.ENOSPC, "full", "other.txt")
        assert caught.value.filename == "other.txt"
        with pytest.raises(OSError) as caught, atomic_path(tmp_path / "c.txt"):
            raise OSError(errno.EIO, "a raw file on a bad disk")
        assert caught.value.filename is None

    def test_a_block_that_writes_nothing_leaves_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "c.txt"):
            pass
        assert names(tmp_path) == []

    def test_write_jsonl_from_rows_that_fail(self, tmp_path):
        def rows():
            yield {"a": 1}
            raise ValueError

        with pytest.raises(ValueError):
            files.write_jsonl(tmp_path / "rows.jsonl", rows())
        assert names(tmp_path) == []


class TestChecksums:
    @pytest.mark.parametrize(
        ("content", "blob"),
        [
            (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
        ],
    )
    def test_git_blob_id_is_gits(self, tmp_path, content, blob):
        (tmp_path / "f").write_bytes(content)
        assert files.git_blob_id(tmp_path / "f") == blob

    def test_git_blob_id_over_several_chunks(self, tmp_path, monkeypatch):
        monkeypatch.setattr(files, "CHUNK", 4)
        (tmp_path / "f").write_bytes(b"hello\n")
        assert files.git_blob_id(tmp_path / "f") == "ce013625030ba8dba906f756967f9e9ca394464a"

    def test_sha256_is_that_of_the_standard(self, tmp_path):
        (tmp_path / "f").write_bytes(b"abc")
        expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert files.sha256(tmp_path / "f") == expected


class TestWritten:
    def test_json_is_sorted_readable_and_ends_in_a_newline(self, tmp_path):
        files.write_json(tmp_path / "a.json", {"b": "中文", "a": [1]})
        expected = '{\n  "a": [\n    1\n  ],\n  "b": "中文"\n}\n'
        assert (tmp_path / "a.json").read_text(encoding="utf-8") == expected

    @settings(derandomize=True, max_examples=50, deadline=None)
    @given(
        st.lists(
            st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.booleans()),
            max_size=5,
        )
    )
    def test_jsonl_comes_back(self, rows):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            files.write_jsonl(path, rows)
            assert list(files.read_jsonl(path)) == list(enumerate(rows, start=1))


class TestUnreadable:
    @pytest.fixture
    def put(self, tmp_path):
        def write(content: bytes) -> Path:
            (tmp_path / "f").write_bytes(content)
            return tmp_path / "f"

        return write

    @pytest.mark.parametrize(
        ("content", "row", "problem"),
        [
            (b"", 1, "not valid JSON"),
            (b'{"a":\n1,\n}', 3, "not valid JSON"),
            (b"\n<!DOCTYPE html>", 2, "an HTML page"),
            (b"<html>", 1, "an HTML page"),
            (b"version https://git-lfs.github.com/spec/v1\n", 1, "a Git-LFS pointer"),
            (b'{"a":\n"\xb8\xd0"}', 2, "not UTF-8 (byte 0xb8"),
        ],
    )
    def test_json_that_cannot_be_read_names_file_and_row(self, put, content, row, problem):
        path = put(content)
        with pytest.raises(InputError) as caught:
            files.read_json(path)
        assert str(caught.value).startswith(f"{path}, row {row}: {problem}")
        assert caught.value.row == row
        assert caught.value.remedy

    def test_json_may_begin_with_a_byte_order_mark(self, put):
        assert files.read_json(put(b"\xef\xbb\xbf[1]")) == [1]

    def test_jsonl_may_begin_with_a_byte_order_mark(self, put):
        path = put(b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n')
        assert list(files.read_jsonl(path)) == [(1, {"a": 1}), (2, {"a": 2})]
        assert list(files.read_jsonl(put(b"\xef\xbb\xbf\n[1]\n"))) == [(2, [1])]

    @pytest.mark.parametrize(
        ("content", "row", "problem"),
        [
            (b'{"a": 1}\n\n{"a"\n', 3, "not valid JSON"),
            (b'{"a": 1}\n{"a": "\xb8\xd0"}\n', 2, "not UTF-8 (byte 0xb8"),
            (b'{"a": 1}\n{"a": 1', 2, "not valid JSON"),
            (b"<html>\n", 1, "an HTML page"),
        ],
    )
    def test_json_lines_that_cannot_be_read_name_file_and_row(self, put, content, row, problem):
        path = put(content)
        with pytest.raises(InputError) as caught:
            list(files.read_jsonl(path))
        assert str(caught.value).startswith(f"{path}, row {row}: {problem}")
        assert caught.value.remedy

    def test_jsonl_gives_the_rows_before_a_bad_one(self, put):
        rows = files.read_jsonl(put(b'{"a": 1}\n\n{"a": 2}\nbad\n'))
        assert [next(rows), next(rows)] == [(1, {"a": 1}), (3, {"a": 2})]
        with pytest.raises(InputError):
            next(rows)

    @pytest.mark.parametrize(
        ("content", "row", "problem"),
        [
            (b"a: 1\nb: [\n", 3, "not valid YAML"),
            (b"a: 1\nb: \xb8\xd0\n", 2, "not UTF-8 (byte 0xb8"),
            (b"a: !!python/object:os.system {}\n", 1, "not valid YAML"),
        ],
    )
    def test_yaml_that_cannot_be_read_names_file_and_row(self, put, content, row, problem):
        path = put(content)
        with pytest.raises(InputError) as caught:
            files.read_yaml(path)
        assert str(caught.value).startswith(f"{path}, row {row}: {problem}")
        assert caught.value.remedy

    @pytest.mark.parametrize("read", [files.read_json, files.read_yaml])
    def test_a_file_that_is_not_there_is_an_error(self, tmp_path, read):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "f")


class TestScratchFolder:
    def test_it_is_empty_and_goes_away(self, tmp_path):
        left = tmp_path / ".out.1234.scratch"
        left.mkdir()
        (left / "lock").write_text("of a killed job, which the system released")
        with scratch_folder(tmp_path / "out") as folder:
            assert list(folder.iterdir()) == []
            (folder / "a").write_text("x")
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk_is_the_outputs(self, tmp_path):
        with pytest.raises(OSError) as caught, scratch_folder(tmp_path / "out"):
            raise OSError(errno.ENOSPC, "No space left on device", "some/spill")
        assert caught.value.filename == str(tmp_path / "out") and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "problem"), [("[" * 100_000, "recursion"), (f"[1, {'9' * 5000}]", "4300 digits")]
)
def test_json_that_python_refuses_is_named_too(tmp_path, text, problem):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match=f"a.json: not valid JSON .*{problem}"):
        files.read_json(path)
    path.write_text(f"1\n{text}\n")
    with pytest.raises(InputError, match=f"a.json, row 2: not valid JSON .*{problem}") as caught:
        list(files.read_jsonl(path))
    assert "\n" not in str(caught.value)
