"""Downloads over http: resumed at any byte, tried again, refused; what stays after a failure."""

import email.utils
import json
import tempfile
from itertools import count, pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectivesft.common import retry
from collectivesft.common.errors import UserError
from collectivesft.raw.fetching import download
from collectivesft.raw.fetching.download import DownloadError, Request, partial_of

BODY = bytes(range(256)) * 40
HALF = len(BODY) // 2

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "files" / "data.bin"


def fetch(url: str, target: Path) -> bytes:
    download.download(Request(url), target)
    return partial_of(target).read_bytes()


def leave(target: Path, content: bytes, url: str, version: str | None = None) -> None:
    """Write the files of a killed download of ``url``."""
    partial = partial_of(target)
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.write_bytes(content)
    state = {"url": url, "version": version}
    partial.with_name(partial.name + ".json").write_text(json.dumps(state))


class TestWhole:
    def test_lies_beside_the_target_until_it_is_verified(self, server, target):
        assert fetch(server.put(BODY).url, target) == BODY
        assert not target.exists()

    def test_asks_for_plain_bytes(self, server, target):
        page = server.put(BODY)
        fetch(page.url, target)
        assert page.seen[0]["accept-encoding"] == "identity"

    def test_refuses_compressed_content(self, server, target):
        page = server.put(BODY, Content_Encoding="gzip")
        with pytest.raises(DownloadError, match="compresses"):
            fetch(page.url, target)

    def test_gives_headers_of_redirects_too(self, server, target):
        page = server.put(BODY, ETag='"cdn"')
        first = server.put(b"").answer(302, Location=page.url, X_Linked_ETag='"hub"', ETag='"x"')
        headers = download.download(Request(first.url), target)
        assert (headers["x-linked-etag"], headers["etag"]) == ('"hub"', '"cdn"')

    def test_gives_no_token_to_another_host(self, server, target):
        page = server.put(BODY)
        other = page.url.replace("127.0.0.1", "localhost")
        first = server.put(b"").answer(302, Location=other)
        download.download(Request(first.url, {"authorization": "Bearer secret"}), target)
        assert first.seen[0]["authorization"] == "Bearer secret"
        assert "authorization" not in page.seen[0]


class TestResume:
    def test_goes_on_where_the_connection_broke(self, server, target):
        page = server.put(BODY).cut(HALF)
        assert fetch(page.url, target) == BODY
        assert page.ranges_asked == [None, f"bytes={HALF}-"]

    def test_goes_on_where_a_killed_process_stopped(self, server, target):
        page = server.put(BODY, ETag='"1"')
        leave(target, BODY[:HALF], page.url, '"1"')
        assert fetch(page.url, target) == BODY
        assert page.ranges_asked == [f"bytes={HALF}-"]

    def test_keeps_what_is_complete(self, server, target):
        page = server.put(BODY, ETag='"1"')
        leave(target, BODY, page.url, '"1"')
        assert download.download(Request(page.url), target)["etag"] == '"1"'
        assert partial_of(target).read_bytes() == BODY

    def test_begins_again_for_another_address(self, server, target):
        page = server.put(BODY)
        leave(target, b"of another", page.url + "?other")
        assert fetch(page.url, target) == BODY
        assert page.ranges_asked == [None]

    @pytest.mark.parametrize("old", [b"old" * 10, b"old" * len(BODY)], ids=["shorter", "longer"])
    def test_begins_again_when_the_file_changed(self, server, target, old):
        page = server.put(BODY, ETag='"new"')
        leave(target, old, page.url, '"old"')
        assert fetch(page.url, target) == BODY

    def test_begins_again_where_the_server_knows_no_ranges(self, server, target):
        page = server.put(BODY, ranges=False).cut(HALF)
        assert fetch(page.url, target) == BODY

    def test_begins_again_when_the_note_is_damaged(self, server, target):
        page = server.put(BODY)
        leave(target, b"unknown", page.url)
        partial = partial_of(target)
        partial.with_name(partial.name + ".json").write_bytes(b"")
        assert fetch(page.url, target) == BODY

    def test_asks_on_when_a_range_is_shorter_than_asked(self, server, target):
        """A server may give less than was asked for; the file is not whole then."""
        page = server.put(BODY).cut(HALF)
        page.cut(HALF)
        page.faults[-1].keep, page.faults[-1].most = None, 100
        assert fetch(page.url, target) == BODY
        assert page.ranges_asked[-1] == f"bytes={HALF + 100}-"

    def test_never_joins_two_versions(self, server, target, monkeypatch):
        """Killed between noting the new version and writing its first byte."""

        class Killed(BaseException):
            pass

        def write_and_die(*arguments):
            write(*arguments)
            raise Killed

        page = server.put(BODY, ranges=False, ETag='"new"')
        leave(target, b"old" * 10, page.url, '"old"')
        write = download.write_json
        with monkeypatch.context() as patch:
            patch.setattr(download, "write_json", write_and_die)
            with pytest.raises(Killed):
                fetch(page.url, target)
        page.ranges = True
        assert fetch(page.url, target) == BODY

    def test_other_address_without_the_file_leaves_the_bytes(self, server, target):
        page = server.put(BODY).cut(HALF).answer(503, times=download.ATTEMPTS)
        with pytest.raises(DownloadError):
            fetch(page.url, target)
        with pytest.raises(DownloadError):
            fetch(server.url + "/nothing", target)
        page.faults.clear()
        assert fetch(page.url, target) == BODY
        assert page.ranges_asked[-1] == f"bytes={HALF}-"

    @settings(
        derandomize=True, max_examples=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        body=st.binary(min_size=1, max_size=3000),
        cuts=st.lists(st.integers(0, 3000), max_size=4, unique=True),
        ranges=st.booleans(),
    )
    def test_same_bytes_wherever_it_is_cut(self, server, body, cuts, ranges):
        cuts = sorted(cut % len(body) for cut in cuts)
        page = server.put(body, ranges=ranges)
        page.cut(*(b - a if ranges else b for a, b in pairwise([0, *cuts])))
        with tempfile.TemporaryDirectory() as folder:
            assert fetch(page.url, Path(folder) / "file") == body


class TestRetry:
    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_tries_again_when_busy(self, server, target, status):
        page = server.put(BODY).answer(status, times=2)
        assert fetch(page.url, target) == BODY
        assert len(page.seen) == 3

    def test_waits_as_long_as_told_but_not_for_ever(self, server, target, monkeypatch):
        waits = []
        monkeypatch.setattr(retry.time, "sleep", waits.append)
        page = server.put(BODY).answer(503, Retry_After="0")
        page.answer(429, Retry_After="86400").answer(503, Retry_After="tomorrow")
        fetch(page.url, target)
        assert waits == [0.0, download.LONGEST_WAIT_S, download.BACKOFF_S * 4]

    def test_waits_until_the_date_it_is_told(self, server, target, monkeypatch):
        waits = []
        monkeypatch.setattr(download, "LONGEST_WAIT_S", 60.0)
        monkeypatch.setattr(
            retry, "time", SimpleNamespace(time=lambda: 1_800_000_000, sleep=waits.append)
        )
        date = email.utils.formatdate(1_800_000_030, usegmt=True)
        fetch(server.put(BODY).answer(503, Retry_After=date).url, target)
        assert waits == [30]

    def test_gives_up_after_some_attempts(self, server, target):
        page = server.put(BODY).answer(503, times=100)
        with pytest.raises(DownloadError, match="HTTP 503") as caught:
            fetch(page.url, target)
        assert page.url in str(caught.value)
        assert len(page.seen) == download.ATTEMPTS

    def test_new_bytes_count_as_progress(self, server, target):
        page = server.put(BODY).cut(*[100] * (3 * download.ATTEMPTS))
        assert fetch(page.url, target) == BODY

    def test_the_same_bytes_again_are_no_progress(self, server, target):
        page = server.put(BODY, ranges=False).cut(*[100] * 100)
        with pytest.raises(DownloadError, match="no answer"):
            fetch(page.url, target)
        assert len(page.seen) == download.ATTEMPTS

    def test_ends_when_each_answer_is_another_version(self, server, target):
        """Mirrors behind one address may disagree about the version; that must end too."""
        numbers = count()
        page = server.put(BODY, ETag=lambda: f'"{next(numbers)}"')
        page.cut(*[100] * 200)
        with pytest.raises(DownloadError):
            fetch(page.url, target)
        assert len(page.seen) < 5 * download.ATTEMPTS

    def test_an_address_without_a_server_gives_no_answer(self, target):
        with pytest.raises(DownloadError, match="no answer") as caught:
            fetch("http://127.0.0.1:1/file", target)
        assert caught.value.status is None


class TestRefused:
    @pytest.mark.parametrize("status", [401, 403, 404, 410])
    def test_does_not_try_again(self, server, target, status):
        page = server.put(BODY).answer(status, X_Error_Message="for a reason")
        with pytest.raises(DownloadError, match=f"HTTP {status} for a reason") as caught:
            fetch(page.url, target)
        assert caught.value.status == status
        assert len(page.seen) == 1
        assert not partial_of(target).exists()

    def test_redirects_in_a_circle(self, server, target):
        page = server.put(b"")
        page.answer(302, times=50, Location=page.url)
        with pytest.raises(DownloadError, match="redirects"):
            fetch(page.url, target)

    @pytest.mark.parametrize("url", ["http://[::1", "ftp://127.0.0.1/file", "nonsense"])
    def test_address_that_is_none(self, target, url):
        with pytest.raises(UserError):
            fetch(url, target)
