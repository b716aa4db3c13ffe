"""A published manifest is read with bounds: nothing outside the download, no work without end."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import UserError
from collectivesft.hub.client import download
from collectivesft.hub.client.manifest import NoRelease, listed, read_manifest
from collectivesft.hub.client.names import is_inside

DIGEST = "0" * 64
FACTS = {"size": 1, "sha256": DIGEST}
ANSWER = {"question": "问？", "answer": "好", "tokens": [1], "margins": [0.5], "new_tokens": 1}
GOOD = {
    "model": {"files": {"a.json": FACTS}},
    "files": {"scores/模型.json": FACTS},
    "base": {"name": "b", "source": {"repo": "o/b", "revision": DIGEST}, "files": {"c": FACTS}},
    "answer": ANSWER,
}


def read(tmp_path: Path, content: object) -> dict:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return read_manifest(path)


def test_a_good_one_is_read_whole(tmp_path):
    assert read(tmp_path, GOOD) == GOOD
    assert listed(GOOD) == {"a.json": DIGEST, "scores/模型.json": DIGEST}


OUTSIDE = ("/etc/passwd", "../x", "a/../../x", "/dev/zero", ".", "", "a//b", "a\\b", "a\nb", "a\0",
           "\ud800", "x" * 256, "a/" * 600 + "a")  # fmt: skip


@pytest.mark.parametrize("where", ["model.files", "files", "base.files"])
@pytest.mark.parametrize("name", OUTSIDE, ids=range(len(OUTSIDE)))
def test_a_name_that_leads_out_is_refused(tmp_path, where, name):
    content = copy.deepcopy(GOOD)
    part = content
    for key in where.split("."):
        part = part[key]
    part[name] = FACTS
    with pytest.raises(UserError, match="leads out of the release or is no file's name") as error:
        read(tmp_path, content)
    assert "\n" not in str(error.value)


# Case, what is changed, and what is said.
WRONG = {
    "a billion tokens": ({"answer": ANSWER | {"new_tokens": 10**9}}, "answer.new_tokens"),
    "no token": ({"answer": ANSWER | {"new_tokens": 0}}, "answer.new_tokens"),
    "tokens of text": ({"answer": ANSWER | {"tokens": ["a"]}}, "answer.tokens"),
    "margins that are no numbers": ({"answer": ANSWER | {"margins": [None]}}, "answer.margins"),
    "endless question": ({"answer": ANSWER | {"question": "问" * 30_000}}, "answer.question"),
    "answer of another kind": ({"answer": [1]}, "answer.question"),
    "size below none": ({"files": {"a": FACTS | {"size": -1}}}, "no size in bytes"),
    "size above all": ({"files": {"a": FACTS | {"size": 1 << 60}}}, "no size in bytes"),
    "a truth for a size": ({"files": {"a": FACTS | {"size": True}}}, "no size in bytes"),
    "no digest": ({"files": {"a": {"size": 1}}}, "no sha256"),
    "a digest with a newline": ({"files": {"a": FACTS | {"sha256": DIGEST + "\n"}}}, "no sha256"),
    "files of another kind": ({"files": ["a"]}, "files is no mapping"),
    "too many files": ({"files": {str(n): FACTS for n in range(10_001)}}, "10,001 entries"),
    "a base of another kind": ({"base": "b"}, "base is no mapping"),
    "a revision that is no text": ({"base": {"source": {"revision": 1}}}, "base.source"),
}


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=list(WRONG))
def test_a_value_that_cannot_be_is_refused(tmp_path, change, said):
    with pytest.raises(UserError, match=said) as error:
        read(tmp_path, GOOD | change)
    assert "\n" not in str(error.value) and not isinstance(error.value, NoRelease)


WEB_APP = {"name": "App", "icons": [{"src": "/i.png", "sizes": "192x192"}], "start_url": "."}


@pytest.mark.parametrize(
    "content", [WEB_APP, [], None, 3, "x", {"model": {}}, {"model": []}], ids=str
)
def test_a_file_of_another_kind_is_no_release(tmp_path, content):
    with pytest.raises(NoRelease, match="no manifest of a release of this package"):
        read(tmp_path, content)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
NAMES = st.sampled_from(["a.json", "../x", "/etc/passwd", "b/c.md", "", "."]) | st.text(max_size=9)
FILES = st.dictionaries(NAMES, st.just(FACTS) | VALUES, max_size=4)
MANIFESTS = VALUES | st.fixed_dictionaries(
    {"model": st.fixed_dictionaries({"files": FILES}) | VALUES},
    optional={"files": FILES | VALUES, "base": VALUES, "answer": st.just(ANSWER) | VALUES},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An empty download."""
    return tmp_path_factory.mktemp("download")


@settings(deadline=None, max_examples=100)
@given(content=MANIFESTS)
@example(content=GOOD)
def test_json_of_any_shape_is_read_or_refused_in_one_line(folder, content):
    check_any(folder, content)


@pytest.mark.slow
@settings(deadline=None, max_examples=10_000, suppress_health_check=list(HealthCheck))
@given(content=MANIFESTS)
def test_ten_thousand_manifests_are_read_or_refused(folder, content):
    check_any(folder, content)


def check_any(folder: Path, content: object) -> None:
    """No traceback, and no name that leads out of the download is ever looked at."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        names = listed(read_manifest(path))
    except UserError as error:
        assert "\n" not in str(error)
    else:
        for name in names:
            assert is_inside(name)
            assert (folder / name).resolve().is_relative_to(folder.resolve())


def test_names_from_elsewhere_are_checked_too(tmp_path):
    """A receipt lists files as well."""
    version = download.Version("o/m", "v1", "0" * 40)
    with pytest.raises(UserError, match="is no file of a release"):
        download.check(version, tmp_path, {"../x": DIGEST}, None)
