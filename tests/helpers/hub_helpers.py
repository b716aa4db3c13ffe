"""A loopback Hub with the faults of a real one, and a release: what the fixtures are made of."""

import asyncio
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from collectivesft.common.files import sha256, write_json

ROOT = Path(__file__).parents[2]


TOKEN = "hf_loopbacktoken"


REPO = "demo/model"


@dataclass
class Fault:
    """A fault of one request, once.

    Attributes:
        method, path: of the request, the path as a regular expression.
        status: answered in place of the server's own answer.
        cut: the connection breaks ``before`` the server has read the request's body, or ``after``
            it has done what was asked, or in the ``middle`` of the answer's body.
        stall: the request waits for ``release``; ``reached`` says that it does. With cut ``after``
            it is done first, and only the answer waits.
        flip: the answer's body has its size, but other bytes.
        headers: of the answer that ``status`` makes.
    """

    method: str
    path: str
    status: int | None = None
    cut: str | None = None
    stall: bool = False
    flip: bool = False
    headers: tuple[tuple[bytes, bytes], ...] = ()
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


class Hub:
    """A running loopback Hub."""

    def __init__(self, root: Path):
        from collectivesft.hub.fake.server import Store

        self.store, self.url = Store(root), ""
        self.faults: list[Fault] = []
        self.seen: list[str] = []
        self.number: dict[int, Fault] = {}  # what goes wrong with the n-th request from now on
        self.loopback: Any = None

    def fault(self, method: str, path: str, times: int = 1, **what) -> Fault:
        """Let the next matching requests go wrong; returns the last fault."""
        self.faults += [Fault(method, path, **what) for _ in range(times)]
        return self.faults[-1]

    def record(self, repo: str = REPO) -> dict:
        """The server's own record of a repository."""
        return self.store.load("models", repo)

    def messages(self, repo: str = REPO) -> list[str]:
        """Messages of the commits of main, newest first."""
        record = self.record(repo)
        found, commit = [], record["refs"]["main"]
        while commit:
            found.append(record["commits"][commit]["message"])
            commit = record["commits"][commit]["parent"]
        return found

    def files(self, revision: str = "main", repo: str = REPO) -> dict[str, bytes]:
        """Path to content of a revision."""
        from collectivesft.hub.fake.server import resolve

        record = self.record(repo)
        files = record["commits"][resolve(record, revision)]["files"]
        return {path: self.store.blob(entry["oid"]).read_bytes() for path, entry in files.items()}

    def asked(self, method: str, path: str) -> int:
        """Return the number of requests of this kind."""
        return sum(re.search(f"^{method} .*{path}", line) is not None for line in self.seen)

    def application(self, inner) -> Callable:
        """The server with the faults in front of it."""

        async def app(scope, receive, send):
            line = f"{scope['method']} {scope['raw_path'].decode()}"
            self.seen.append(line)
            fault = next(
                (f for f in self.faults if line.startswith(f.method) and re.search(f.path, line)),
                None,
            )
            if self.number:
                fault = self.number.pop(0, fault)
                self.number = {n - 1: later for n, later in self.number.items()}
            if fault is None:
                await inner(scope, receive, send)
                return
            if fault in self.faults:
                self.faults.remove(fault)
            await _go_wrong(fault, inner, scope, receive, send)

        return app


async def _go_wrong(fault: Fault, inner, scope, receive, send) -> None:
    connection = send.__self__.transport  # uvicorn's

    async def swallow(_) -> None:
        pass

    async def flipped(message) -> None:
        body = bytes(byte ^ 1 for byte in message.get("body", b""))
        await send(message | ({"body": body} if "body" in message else {}))

    async def half(message) -> None:
        body = message.get("body", b"")
        await send(
            message | {"body": body[: len(body) // 2], "more_body": True} if body else message
        )
        if body:
            await asyncio.sleep(0.01)  # so that what was sent leaves the buffer first
            connection.abort()

    if fault.stall and fault.cut == "after":
        await inner(scope, receive, swallow)
        fault.reached.set()
        while not fault.release.is_set():
            await asyncio.sleep(0.005)
        connection.abort()
    elif fault.cut == "middle":
        await inner(scope | {"extensions": {}}, receive, half)
    elif fault.flip:
        await inner(scope | {"extensions": {}}, receive, flipped)
    elif fault.stall:
        fault.reached.set()
        while not fault.release.is_set():
            await asyncio.sleep(0.005)
        await inner(scope, receive, send)
    elif fault.status is not None:
        headers = [(b"content-type", b"text/html"), *fault.headers]  # a gateway's page
        await send({"type": "http.response.start", "status": fault.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"<html>out of order</html>"})
    elif fault.cut == "before":
        await receive()
        connection.abort()
    else:
        await inner(scope, receive, swallow)
        connection.abort()


class Server:
    """A web server for the whole session; each test puts its own application in it."""

    url: str
    application: Callable

    async def __call__(self, scope, receive, send) -> None:
        await self.application(scope, receive, send)


def point_client(monkeypatch: pytest.MonkeyPatch, url: str, home: Path) -> None:
    """Apply the environment to a huggingface_hub that is imported already."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("HF_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(home / "stored_tokens"))
    close_session()


@dataclass
class Release:
    """Files that are ready to be published."""

    folder: Path
    tag: str = "v1"
    private: bool = True
    repo: str = REPO
    extras: tuple[Path, ...] = ()

    @property
    def paths(self) -> dict[str, Path]:
        names = {"model": "model", "card": "README.md", "manifest": "manifest.json"}
        return {key: self.folder / name for key, name in names.items()}

    @property
    def receipt(self) -> Path:
        return self.folder / "published.json"

    def describe(self, **more) -> "Release":
        """Write the manifest anew, from the files as they are."""
        model = self.paths["model"]
        files = {
            path.name: {"size": path.stat().st_size, "sha256": sha256(path)}
            for path in sorted(model.iterdir())
        }
        write_json(self.paths["manifest"], {"model": {"files": files}, **more})
        return self

    def change(self, **files: str | None) -> "Release":
        """Write or delete model files and list them; ``__`` in a name stands for a dot."""
        for name, content in files.items():
            path = self.paths["model"] / name.replace("__", ".")
            if content is None:
                path.unlink()
            else:
                path.write_text(content)
        return self.describe()

    def publish(self, dry_run: bool = False) -> dict:
        from collectivesft.hub.client.sync import Target
        from collectivesft.hub.push import publish

        target = Target(self.repo, self.tag, self.private)
        more = {"receipt": self.receipt, "extras": self.extras, "dry_run": dry_run}
        return publish(target, **self.paths, **more)

    @property
    def options(self) -> list[str]:
        """The same for the command line."""
        paths = {**self.paths, "receipt": self.receipt}
        pairs = [text for key, path in paths.items() for text in (f"--{key}", str(path))]
        return ["hub", "push", "--repo", self.repo, "--tag", self.tag, *pairs]

    @property
    def content(self) -> dict[str, bytes]:
        """Return the files that the repository must hold."""
        model = {path.name: path.read_bytes() for path in self.paths["model"].iterdir()}
        return model | {
            "README.md": self.paths["card"].read_bytes(),
            "manifest.json": self.paths["manifest"].read_bytes(),
        }
