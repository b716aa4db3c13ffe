"""Run a command with a loopback Hub, and point the Hub's client at it."""

import contextlib
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from collectivesft.common.errors import UserError

START_TIMEOUT_S = 20.0


@contextlib.contextmanager
def running(root: Path, token: str) -> Iterator[str]:
    """A loopback Hub over ``root`` in a thread; yields its address, stops it at the end.

    Raises:
        UserError: the server did not start.
    """
    import uvicorn

    from collectivesft.hub.fake.server import application

    # Named as TCP, so that asyncio turns off the waits of 40 ms between headers and body.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        config = uvicorn.Config(application(root, token), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise UserError("The loopback Hub did not start. Look for its error above")
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(timeout=START_TIMEOUT_S)


def client_environment(endpoint: str, token: str, home: Path) -> dict[str, str]:
    """Return an environment for huggingface_hub that uses only ``endpoint``, cached in ``home``."""
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return kept | {
        "HF_ENDPOINT": endpoint,
        "HF_TOKEN": token,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",  # with Xet the client would not use the server's uploads
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "0",
    }


def run_beside(root: Path, command: list[str]) -> int:
    """Run ``command`` with a loopback Hub over ``root``; its exit code."""
    token = secrets.token_hex(16)
    with running(root / "server", token) as endpoint:
        environment = client_environment(endpoint, token, root / "client")
        return subprocess.run(command, env=environment, check=False).returncode
