"""A loopback Hub with the faults of a real one, huggingface_hub pointed at it, and a release."""

import contextlib
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest

from tests.helpers.hub_helpers import ROOT, TOKEN, Hub, Release, Server, point_client


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of the client and of this package between attempts take a hundredth of a second."""
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.01)))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server, on a port of its own."""
    from collectivesft.hub.fake import run as fake_run
    from collectivesft.hub.fake import server as fake_server

    made = Server()
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fake_server, "application", lambda root, token: made)
            running = fake_run.running(tmp_path_factory.mktemp("unused"), TOKEN)
            made.url = stack.enter_context(running)
        yield made


@pytest.fixture
def hub(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick) -> Iterator[Hub]:
    """An empty loopback Hub; this process's huggingface_hub talks to it with its token."""
    from collectivesft.hub.fake.server import Loopback, serving

    made = Hub(tmp_path / "hub")
    made.url = server.url
    made.loopback = Loopback(made.store, TOKEN)
    server.application = made.application(serving(made.loopback))
    point_client(monkeypatch, made.url, tmp_path / "home")
    yield made
    for fault in made.faults:
        fault.release.set()


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A release whose model is no model, but has a file for LFS and two regular ones."""
    made = Release(tmp_path / "release")
    made.paths["model"].mkdir(parents=True)
    made.paths["card"].write_text("---\nlicense: mit\n---\n\n# 模型\n", encoding="utf-8")
    return made.change(
        model__safetensors="weights" * 30_000, config__json="{}", tokenizer__json='{"词": 1}'
    )


@pytest.fixture
def start(hub: Hub, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start ``python -m collectivesft ARGUMENTS`` as a process whose Hub is the loopback's."""
    from collectivesft.hub.fake.run import client_environment

    running = []

    def run(*arguments: object, token: str = TOKEN, env: dict | None = None) -> subprocess.Popen:
        env = client_environment(hub.url, token, tmp_path / "home") | (env or {})
        env |= {"PYTHONPATH": str(ROOT / "src")}
        command = [sys.executable, "-m", "collectivesft", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        running.append(subprocess.Popen(command, env=env, cwd=tmp_path, **pipes))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def processes():
    """Processes that start in a hundredth of a second, since all is imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["collectivesft.hub.push", "huggingface_hub.hf_api"])
    with pytest.MonkeyPatch.context() as patch:  # this clone's code, whatever is installed
        patch.setenv("PYTHONPATH", str(ROOT / "src"))
        forkserver.ensure_running()
    return context
