"""A small Hub on this machine: what huggingface_hub needs to publish and to fetch a repository.

It serves the part of the Hub's HTTP contract that was read from huggingface_hub 2.4.0 and from
its traffic: repositories, regular and LFS files, commits, tags, downloads with ranges. It keeps
everything in one folder, so that a stopped server resumes. It is for tests and for
``make publish-demo``; it has one token and no accounts.
"""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from collectivesft.common.files import atomic_path, read_json, sha256, write_json
from collectivesft.hub.client import card_rules

LFS_FROM_BYTES = 1 << 20
_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
_REV = r"(?P<rev>[^/]+)"


class HubError(Exception):
    """An answer of the Hub that is an error: status, code for the client, words for a person."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def response(self) -> JSONResponse:
        """The answer as the client expects it."""
        headers = {"X-Error-Code": self.code, "X-Error-Message": self.message}
        return JSONResponse({"error": self.message}, self.status, headers=headers)


class Store:
    """Repositories, commits and blobs in a folder.

    Args:
        root: the folder; made if it is not there.
    """

    def __init__(self, root: Path):
        self.root = Path(root)
        (self.root / "blobs").mkdir(parents=True, exist_ok=True)

    def blob(self, oid: str) -> Path:
        """Path of a blob by its id (sha256 for LFS, git's sha1 otherwise)."""
        return self.root / "blobs" / oid

    def put(self, oid: str, data: bytes) -> None:
        """Keep a blob."""
        with atomic_path(self.blob(oid)) as partial:
            partial.write_bytes(data)

    def _file(self, kind: str, repo: str) -> Path:
        return self.root / kind / repo / "repository.json"

    def create(self, kind: str, repo: str, private: bool) -> bool:
        """Make a repository with an empty first commit; False where it is there already."""
        if self._file(kind, repo).exists():
            return False
        first = self._commit_id({}, None, "initial commit")
        commits = {first: {"parent": None, "files": {}, "message": "initial commit"}}
        self.save(
            kind,
            repo,
            {"private": private, "refs": {"main": first}, "tags": {}, "commits": commits},
        )
        return True

    def load(self, kind: str, repo: str) -> dict[str, Any]:
        """A repository's record; HubError 404 where there is none."""
        if not self._file(kind, repo).exists():
            raise HubError(404, "RepoNotFound", f"Repository {repo} not found")
        return read_json(self._file(kind, repo))

    def save(self, kind: str, repo: str, record: dict[str, Any]) -> None:
        """Keep a repository's record."""
        write_json(self._file(kind, repo), record)

    @staticmethod
    def _commit_id(files: dict, parent: str | None, message: str) -> str:
        content = json.dumps([files, parent, message], sort_keys=True)
        return hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()

    def commit(self, kind: str, repo: str, branch: str, files: dict, message: str) -> str:
        """Add a commit with the whole list of files to a branch; its id."""
        record = self.load(kind, repo)
        parent = record["refs"][branch]
        oid = self._commit_id(files, parent, message)
        record["commits"][oid] = {"parent": parent, "files": files, "message": message}
        record["refs"][branch] = oid
        self.save(kind, repo, record)
        return oid


def resolve(record: dict[str, Any], revision: str) -> str:
    """Commit id of a branch, tag or commit; HubError 404 where there is none."""
    for names in (record["refs"], record["tags"]):
        if revision in names:
            return names[revision]
    if revision in record["commits"]:
        return revision
    raise HubError(404, "RevisionNotFound", f"Revision {revision} not found")


class Loopback:
    """The routes, over a store and one token."""

    def __init__(self, store: Store, token: str):
        self.store, self.token = store, token
        self.readers: set[str] = set()  # tokens that may only read
        self.namespaces: set[str] | None = None  # where the token may write; None: anywhere
        self.routes = [
            ("GET", r"/api/whoami-v2", self.whoami),
            ("POST", r"/api/repos/create", self.create_repo),
            ("POST", r"/api/validate-yaml", self.validate_yaml),
            ("POST", rf"/api/(?P<kind>models|datasets)/{_REPO}/preupload/{_REV}", self.preupload),
            ("POST", rf"/api/(?P<kind>models|datasets)/{_REPO}/commit/{_REV}", self.make_commit),
            ("POST", rf"/api/(?P<kind>models|datasets)/{_REPO}/tag/{_REV}", self.make_tag),
            ("DELETE", rf"/api/(?P<kind>models|datasets)/{_REPO}/tag/{_REV}", self.delete_tag),
            (
                "GET",
                rf"/api/(?P<kind>models|datasets)/{_REPO}/tree/{_REV}(?:/(?P<path>.*))?",
                self.tree,
            ),
            ("POST", rf"/api/(?P<kind>models|datasets)/{_REPO}/paths-info/{_REV}", self.paths_info),
            ("GET", rf"/api/(?P<kind>models|datasets)/{_REPO}/refs", self.refs),
            ("GET", rf"/api/(?P<kind>models|datasets)/{_REPO}(?:/revision/{_REV})?", self.info),
            ("POST", rf"/(?:datasets/)?{_REPO}\.git/info/lfs/objects/batch", self.lfs_batch),
            ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", self.lfs_put),
            (
                "GET HEAD",
                rf"/(?P<kind>datasets/)?{_REPO}/resolve/{_REV}/(?P<path>.+)",
                self.download,
            ),
        ]

    async def __call__(self, request: Request) -> Response:
        """Route on the raw path: a revision arrives as one segment with quoted slashes."""
        path = request.scope["raw_path"].decode().split("?")[0]
        try:
            for methods, pattern, handler in self.routes:
                match = re.fullmatch(pattern, path)
                if match and request.method in methods.split():
                    values = {k: unquote(v) for k, v in match.groupdict().items() if v}
                    self._authorise(request, values)
                    return await handler(request, **values)
            raise HubError(404, "EntryNotFound", f"No such address: {request.method} {path}")
        except HubError as error:
            return error.response()
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is left to read it

    def _authorise(self, request: Request, values: dict[str, str]) -> None:
        header = request.headers.get("authorization")
        known = {f"Bearer {token}" for token in (self.token, *self.readers)}
        if header is not None and header not in known:
            message = "Invalid credentials in Authorization header"
            raise HubError(401, "InvalidToken", message)
        reads = request.method in ("GET", "HEAD") or "oid" in values  # an upload's own address
        if header is None and not reads:
            raise HubError(401, "InvalidToken", "A token with write access is needed")
        if not reads and header != f"Bearer {self.token}":
            raise HubError(403, "Forbidden", "This token may only read")
        if header is None and "repo" in values and request.method in ("GET", "HEAD"):
            kind = "datasets" if values.get("kind", "").startswith("datasets") else "models"
            if self.store.load(kind, values["repo"])["private"]:
                raise HubError(404, "RepoNotFound", f"Repository {values['repo']} not found")

    async def whoami(self, request: Request) -> Response:
        """Who the token belongs to."""
        access = {"accessToken": {"role": "write", "displayName": "loopback"}}
        return JSONResponse({"type": "user", "name": "demo", "orgs": [], "auth": access})

    async def create_repo(self, request: Request) -> Response:
        """Make a repository; 409 with its address where it is there."""
        body = await request.json()
        kind = f"{body.get('type') or 'model'}s"
        repo = f"{body.get('organization') or 'demo'}/{body['name']}"
        if self.namespaces is not None and repo.split("/")[0] not in self.namespaces:
            text = f"You may not create a repository in the namespace {repo.split('/')[0]}"
            raise HubError(403, "Forbidden", text)
        private = bool(body.get("private")) or body.get("visibility") == "private"
        made = self.store.create(kind, repo, private)
        prefix = "datasets/" if kind == "datasets" else ""
        answer = {"url": f"{request.base_url}{prefix}{repo}", "name": repo}
        return JSONResponse(
            answer if made else answer | {"error": "already there"}, 200 if made else 409
        )

    async def validate_yaml(self, request: Request) -> Response:
        """Refuse a card whose head the Hub would not take (``metadata.problems``)."""
        found = card_rules.problems((await request.json())["content"])
        answer = {"errors": [{"message": text} for text in found], "warnings": []}
        return JSONResponse(answer, 400 if found else 200)

    async def preupload(self, request: Request, kind: str, repo: str, rev: str) -> Response:
        """Say for each file whether it goes through LFS: weights and large files do."""
        record = self.store.load(kind, repo)
        there, files = record["commits"][resolve(record, rev)]["files"], []
        for entry in (await request.json())["files"]:
            large = entry["size"] >= LFS_FROM_BYTES or entry["path"].endswith(".safetensors")
            mode = "lfs" if large else "regular"
            answer = {"path": entry["path"], "uploadMode": mode, "shouldIgnore": False}
            if entry["path"] in there:  # so that the client leaves out unchanged files
                answer["oid"] = there[entry["path"]]["oid"]
            files.append(answer)
        return JSONResponse({"files": files})

    async def lfs_batch(self, request: Request, repo: str) -> Response:
        """Say where each LFS object goes; nothing for one that is there already."""
        objects = []
        for entry in (await request.json())["objects"]:
            answer: dict[str, Any] = {"oid": entry["oid"], "size": entry["size"]}
            if not self.store.blob(entry["oid"]).exists():
                answer["actions"] = {"upload": {"href": f"{request.base_url}lfs/{entry['oid']}"}}
            objects.append(answer)
        content = {"transfer": "basic", "objects": objects}
        return JSONResponse(content, media_type="application/vnd.git-lfs+json")

    async def lfs_put(self, request: Request, oid: str) -> Response:
        """Take an LFS object, checked against its id."""
        with atomic_path(self.store.blob(oid)) as partial:
            with open(partial, "wb") as handle:
                async for block in request.stream():
                    handle.write(block)
            if sha256(partial) != oid:
                raise HubError(400, "BadRequest", f"Content is not {oid}")
        return Response(status_code=200)

    async def make_commit(self, request: Request, kind: str, repo: str, rev: str) -> Response:
        """Apply a commit's lines to the branch's files."""
        record = self.store.load(kind, repo)
        head = resolve(record, rev)
        files, message = dict(record["commits"][head]["files"]), ""
        for line in (await request.body()).splitlines():
            entry = json.loads(line)
            key, value = entry["key"], entry["value"]
            if key == "header":
                message = value["summary"]
                if value.get("parentCommit") not in (None, head):
                    raise HubError(412, "PreconditionFailed", "The branch has moved on")
            elif key == "deletedFile":
                files.pop(value["path"], None)
            else:
                files[value["path"]] = self._entry(key, value)
        oid = self.store.commit(kind, repo, rev, files, message)
        return JSONResponse(
            {"commitUrl": f"{request.base_url}{repo}/commit/{oid}", "commitOid": oid}
        )

    def _entry(self, key: str, value: dict[str, Any]) -> dict[str, Any]:
        if key == "lfsFile":
            if not self.store.blob(value["oid"]).exists():
                raise HubError(400, "BadRequest", f"LFS object {value['oid']} was not uploaded")
            return {"oid": value["oid"], "size": value["size"], "lfs": True}
        data = base64.b64decode(value["content"])
        header = b"blob %d\0" % len(data)
        oid = hashlib.sha1(header + data, usedforsecurity=False).hexdigest()
        self.store.put(oid, data)
        return {"oid": oid, "size": len(data), "lfs": False}

    async def make_tag(self, request: Request, kind: str, repo: str, rev: str) -> Response:
        """Name a revision; 409 where the name is taken."""
        record = self.store.load(kind, repo)
        tag = (await request.json())["tag"]
        if tag in record["tags"]:
            raise HubError(409, "Conflict", f"Tag {tag} exists")
        record["tags"][tag] = resolve(record, rev)
        self.store.save(kind, repo, record)
        return JSONResponse({})

    async def delete_tag(self, request: Request, kind: str, repo: str, rev: str) -> Response:
        """Take a tag away."""
        record = self.store.load(kind, repo)
        resolve(record, rev)
        record["tags"].pop(rev, None)
        self.store.save(kind, repo, record)
        return JSONResponse({})

    async def info(self, request: Request, kind: str, repo: str, rev: str = "main") -> Response:
        """A repository at a revision, with its files."""
        record = self.store.load(kind, repo)
        commit = resolve(record, rev)
        files = record["commits"][commit]["files"]
        siblings = [{"rfilename": path, **_blob(entry)} for path, entry in sorted(files.items())]
        answer = {"id": repo, "sha": commit, "private": record["private"], "siblings": siblings}
        return JSONResponse(answer | {"tags": [], "downloads": 0, "likes": 0})

    async def tree(
        self, request: Request, kind: str, repo: str, rev: str, path: str = ""
    ) -> Response:
        """All files of a revision below a path."""
        return JSONResponse(self._entries(kind, repo, rev, lambda name: name.startswith(path)))

    async def paths_info(self, request: Request, kind: str, repo: str, rev: str) -> Response:
        """The files of a revision that were asked for."""
        form = (await request.body()).decode()
        wanted = {
            unquote(part[6:].replace("+", " ")) for part in form.split("&") if part[:6] == "paths="
        }
        return JSONResponse(self._entries(kind, repo, rev, wanted.__contains__))

    def _entries(self, kind: str, repo: str, rev: str, wanted) -> list[dict[str, Any]]:
        record = self.store.load(kind, repo)
        files = record["commits"][resolve(record, rev)]["files"]
        return [
            {"type": "file", "path": path, "oid": entry["oid"], "size": entry["size"]}
            | ({"lfs": _lfs(entry)} if entry["lfs"] else {})
            for path, entry in sorted(files.items())
            if wanted(path)
        ]

    async def refs(self, request: Request, kind: str, repo: str) -> Response:
        """Branches and tags."""
        record = self.store.load(kind, repo)
        both = {
            label: [
                {"name": name, "ref": f"refs/{label}/{name}", "targetCommit": oid}
                for name, oid in sorted(record[names].items())
            ]
            for label, names in (("branches", "refs"), ("tags", "tags"))
        }
        return JSONResponse(both | {"converts": []})

    async def download(
        self, request: Request, repo: str, rev: str, path: str, kind: str = "models"
    ) -> Response:
        """A file of a revision; ranges are answered by the file response."""
        record = self.store.load("datasets" if kind.startswith("datasets") else "models", repo)
        if record.get("gated") and "authorization" not in request.headers:
            raise HubError(401, "GatedRepo", f"Access to {repo} is restricted")
        commit = resolve(record, rev)
        entry = record["commits"][commit]["files"].get(path)
        headers = {"X-Repo-Commit": commit}
        if entry is None:
            response = HubError(404, "EntryNotFound", f"{path} not found at {rev}").response()
            response.headers.update(headers)
            return response
        headers["ETag"] = f'"{entry["oid"]}"'
        if entry["lfs"]:
            headers |= {"X-Linked-ETag": f'"{entry["oid"]}"', "X-Linked-Size": str(entry["size"])}
        return FileResponse(self.store.blob(entry["oid"]), headers=headers)


def _blob(entry: dict[str, Any]) -> dict[str, Any]:
    blob = {"size": entry["size"], "blobId": entry["oid"]}
    return blob | ({"lfs": _lfs(entry)} if entry["lfs"] else {})


def _lfs(entry: dict[str, Any]) -> dict[str, Any]:
    return {"oid": entry["oid"], "sha256": entry["oid"], "size": entry["size"], "pointerSize": 134}


def application(root: Path, token: str) -> Starlette:
    """The server as an ASGI application over the folder ``root``."""
    return serving(Loopback(Store(root), token))


def serving(loopback: Loopback) -> Starlette:
    """The same for a loopback with its settings."""
    methods = ["GET", "HEAD", "POST", "PUT", "DELETE"]

    async def endpoint(request: Request) -> Response:
        return await loopback(request)

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=methods)])
