"""The loopback Hub keeps the contract that the client relies on, and nothing without the token."""

import hashlib
import json
import os
import subprocess
import sys

import httpx2
import pytest

from collectivesft.hub.fake.run import client_environment, run_beside, running

MINE = {"Authorization": "Bearer hf_loopbacktoken"}
BODY = bytes(range(256)) * 8
OID = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def client(hub):
    """A plain HTTP client with the right token."""
    with httpx2.Client(base_url=hub.url, headers=MINE, trust_env=False) as made:
        yield made


@pytest.fixture
def repo(client):
    """A public repository with one LFS file and one regular file."""
    client.post("/api/repos/create", json={"name": "model", "organization": "demo"})
    assert client.put(f"/lfs/{OID}", content=BODY).status_code == 200
    content = {"path": "a b.txt", "content": "aGVsbG8=", "encoding": "base64"}
    large = {"path": "w.safetensors", "algo": "sha256", "oid": OID, "size": len(BODY)}
    assert commit(client, ("file", content), ("lfsFile", large)).status_code == 200
    return "/demo/model"


def commit(client, *lines, **header):
    every = [("header", {"summary": "change", **header}), *lines]
    text = "\n".join(json.dumps({"key": key, "value": value}) for key, value in every)
    return client.post("/api/models/demo/model/commit/main", content=text.encode())


WRITES = {
    "create": ("/api/repos/create", {"name": "x"}),
    "preupload": ("/api/models/demo/model/preupload/main", {"files": []}),
    "batch": ("/demo/model.git/info/lfs/objects/batch", {"objects": []}),
    "commit": ("/api/models/demo/model/commit/main", {}),
    "tag": ("/api/models/demo/model/tag/main", {"tag": "v1"}),
}


@pytest.mark.parametrize("path, body", WRITES.values(), ids=list(WRITES))
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}], ids=["none", "wrong"])
def test_nothing_is_written_without_the_token(hub, repo, path, body, headers):
    before = hub.record()
    with httpx2.Client(base_url=hub.url, headers=headers, trust_env=False) as other:
        assert other.post(path, json=body).status_code == 401
    assert hub.record() == before


def test_a_private_repository_looks_as_if_it_were_not_there(hub, client):
    body = {"name": "secret", "organization": "demo", "visibility": "private"}
    client.post("/api/repos/create", json=body)
    with httpx2.Client(base_url=hub.url, trust_env=False) as other:
        for path in ("/api/models/demo/secret", "/demo/secret/resolve/main/x"):
            answer = other.get(path)
            assert answer.status_code == 404
            assert answer.headers["X-Error-Code"] == "RepoNotFound"
    assert client.get("/api/models/demo/secret").json()["private"] is True


def test_create_again_says_conflict_with_the_address(hub, client, repo):
    again = client.post("/api/repos/create", json={"name": "model", "organization": "demo"})
    assert again.status_code == 409
    assert again.json()["url"] == f"{hub.url}/demo/model"


def test_ranges_and_headers_of_a_download(hub, client, repo):
    path = f"{repo}/resolve/main/w.safetensors"
    head = client.head(path).headers
    assert head["X-Repo-Commit"] == hub.record()["refs"]["main"]
    assert head["X-Linked-Etag"] == f'"{OID}"' and head["X-Linked-Size"] == str(len(BODY))
    part = client.get(path, headers={"Range": "bytes=1000-"})
    assert (part.status_code, part.content) == (206, BODY[1000:])
    assert client.get(path, headers={"Range": "bytes=9999-"}).status_code == 416


def test_quoted_paths_and_revisions(client, repo):
    assert client.get(f"{repo}/resolve/main/a%20b.txt").text == "hello"
    client.post("/api/models/demo/model/tag/main", json={"tag": "release/1"})
    assert client.get("/api/models/demo/model/revision/release%2F1").status_code == 200
    assert client.get(f"{repo}/resolve/release%2F1/a%20b.txt").text == "hello"


@pytest.mark.parametrize(
    "path, code",
    [
        ("/demo/model/resolve/main/none", "EntryNotFound"),
        ("/demo/model/resolve/none/a%20b.txt", "RevisionNotFound"),
        ("/demo/none/resolve/main/a", "RepoNotFound"),
        ("/no/such/address/at/all", "EntryNotFound"),
        ("/demo/model/resolve/main/..%2F..%2Frepository.json", "EntryNotFound"),
    ],
)
def test_what_is_not_there_has_its_code(client, repo, path, code):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, code)


def test_an_upload_that_is_not_its_digest_is_refused(hub, client):
    other = hashlib.sha256(b"other").hexdigest()
    assert client.put(f"/lfs/{other}", content=BODY).status_code == 400
    assert not hub.store.blob(other).exists()


def test_a_commit_of_what_was_not_uploaded_is_refused(hub, client, repo):
    before = hub.record()
    line = {"path": "x.safetensors", "algo": "sha256", "oid": "0" * 64, "size": 1}
    assert commit(client, ("lfsFile", line)).status_code == 400
    assert hub.record() == before


def test_a_commit_on_an_old_parent_is_refused(hub, client, repo):
    head = hub.record()["refs"]["main"]
    line = ("file", {"path": "new", "content": "", "encoding": "base64"})
    assert commit(client, line, parentCommit=head).status_code == 200
    assert commit(client, line, parentCommit=head).status_code == 412


def test_files_are_deleted_by_a_commit(hub, client, repo):
    assert commit(client, ("deletedFile", {"path": "a b.txt"})).status_code == 200
    assert set(hub.files()) == {"w.safetensors"}


def test_a_taken_tag_is_a_conflict(client, repo):
    path = "/api/models/demo/model/tag/main"
    assert client.post(path, json={"tag": "v1"}).status_code == 200
    assert client.post(path, json={"tag": "v1"}).status_code == 409


def test_unchanged_files_are_recognised_before_an_upload(client, repo):
    files = [{"path": name, "size": 1, "sample": ""} for name in ("a b.txt", "w.safetensors", "n")]
    answer = client.post("/api/models/demo/model/preupload/main", json={"files": files}).json()
    hello = "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"  # git hash-object
    assert [entry.get("oid") for entry in answer["files"]] == [hello, OID, None]
    objects = [{"oid": OID, "size": len(BODY)}, {"oid": "0" * 64, "size": 1}]
    path = "/demo/model.git/info/lfs/objects/batch"
    answer = client.post(path, json={"objects": objects}).json()
    assert ["actions" in entry for entry in answer["objects"]] == [False, True]


def test_a_server_goes_on_where_the_last_one_stopped(tmp_path):
    for number in range(2):
        with running(tmp_path, "t") as url, httpx2.Client(base_url=url, trust_env=False) as client:
            headers = {"Authorization": "Bearer t"}
            made = client.post("/api/repos/create", json={"name": "model"}, headers=headers)
            assert made.status_code == (409 if number else 200)
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url, trust_env=False)


def test_client_environment_leads_to_this_hub_alone(monkeypatch, tmp_path):
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://elsewhere")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MINE", "kept")
    found = client_environment("http://127.0.0.1:1", "t", tmp_path)
    assert not [name for name in found if name.lower().endswith("_proxy")]
    assert (found["HF_ENDPOINT"], found["HF_TOKEN"]) == ("http://127.0.0.1:1", "t")
    assert found["HF_HUB_OFFLINE"] == "0" and found["MINE"] == "kept"
    assert found["HF_HOME"] == str(tmp_path)


def test_a_command_beside_a_hub_finds_it_and_passes_its_exit_code_on(tmp_path):
    code = (
        "import os, sys, urllib.request as r;"
        "q = r.Request(os.environ['HF_ENDPOINT'] + '/api/whoami-v2');"
        "sys.exit(7 if b'demo' in r.urlopen(q).read() else 1)"
    )
    assert run_beside(tmp_path, [sys.executable, "-c", code]) == 7


def test_the_server_needs_no_torch():
    """It runs beside any command; what it imports stays small."""
    code = (
        "import sys, collectivesft.hub.fake.run, collectivesft.hub.fake.server;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    )
