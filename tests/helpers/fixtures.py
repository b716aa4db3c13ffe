"""A loopback web server with the faults of real ones, raw sources, the command line as a process,
and what fine-tuning needs: tiny random base models, mixtures and recipes."""

import itertools
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@dataclass
class Fault:
    """The answer to one request instead of the whole body.

    Attributes:
        status: with ``body`` and ``headers`` the whole answer; None: serve the page itself.
        keep: number of bytes to send before the connection breaks; None: all of them.
        most: number of bytes that a range may have, announced as such; None: no limit.
        reached: set once ``keep`` bytes are sent; then wait for ``release``.
    """

    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    keep: int | None = None
    most: int | None = None
    reached: threading.Event | None = None
    release: threading.Event = field(default_factory=threading.Event)


@dataclass
class Page:
    """One address; each fault is used up by one request, then the body is served whole."""

    url: str
    body: bytes
    headers: dict[str, str | Callable[[], str]]
    ranges: bool = True
    faults: deque[Fault] = field(default_factory=deque)
    seen: list[dict[str, str]] = field(default_factory=list)

    def cut(self, *keeps: int) -> "Page":
        """Break the next connections, each after so many bytes of its body."""
        self.faults.extend(Fault(keep=keep) for keep in keeps)
        return self

    def answer(self, status: int, body: bytes = b"", times: int = 1, **headers: str) -> "Page":
        """Answer the next requests with this status; ``_`` in a header's name stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.extend(Fault(status, body, named) for _ in range(times))
        return self

    def stall(self, keep: int) -> Fault:
        """Let the next request wait after so many bytes."""
        self.faults.append(Fault(keep=keep, reached=threading.Event()))
        return self.faults[-1]

    @property
    def ranges_asked(self) -> list[str | None]:
        """The Range header of each request so far."""
        return [headers.get("range") for headers in self.seen]


class Loopback:
    """A web server on this machine; ``put`` a page, fetch it, look at what was asked."""

    def __init__(self):
        self.pages: dict[str, Page] = {}
        self._numbers = itertools.count()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.pages))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def put(
        self, body: bytes, path: str = "/{number}/file", ranges: bool = True, **headers: str
    ) -> Page:
        """Serve ``body``; ``{number}`` in the path makes it this page's own."""
        path = path.format(number=next(self._numbers))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = Page(self.url + path, body, named, ranges)
        return self.pages[path]

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()


def _handler(pages: dict[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = pages.get(unquote(urlsplit(self.path).path))
            if page is None:
                self._send(404, {}, b"no such page")
                return
            page.seen.append({name.lower(): value for name, value in self.headers.items()})
            fault = page.faults.popleft() if page.faults else Fault()
            if fault.status is not None:
                self._send(fault.status, fault.headers, fault.body)
            else:
                self._serve(page, fault)

        def _serve(self, page: Page, fault: Fault) -> None:
            total, asked = len(page.body), self.headers.get("Range")
            if not (asked and page.ranges):
                self._send(200, page.headers, page.body, fault)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= total:
                self._send(416, {"Content-Range": f"bytes */{total}"}, b"")
                return
            part = page.body[start : start + (fault.most or total)]
            span = f"bytes {start}-{start + len(part) - 1}/{total}"
            self._send(206, {**page.headers, "Content-Range": span}, part, fault)

        def _send(self, status: int, headers: dict, body: bytes, fault: Fault | None = None):
            fault = fault or Fault()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value() if callable(value) else value)
            self.end_headers()
            self.wfile.write(body[: fault.keep])
            self.wfile.flush()
            if fault.reached is not None:
                fault.reached.set()
                fault.release.wait(30)
            if fault.keep is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture(scope="session")
def server() -> Iterator[Loopback]:
    """The loopback server; its pages have addresses of their own, so tests can share it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setenv("no_proxy", "127.0.0.1,localhost")
        loopback = Loopback()
        yield loopback
        loopback.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between attempts of a download are a thousandth of a second, and at most a tenth."""
    from collectivesft.raw.fetching import download

    monkeypatch.setattr(download, "BACKOFF_S", 0.001)
    monkeypatch.setattr(download, "LONGEST_WAIT_S", 0.1)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Return the path of a raw source's manifest."""
    return tmp_path / "raw" / "manifest.json"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make these the files of every raw source, with this access."""
    from collectivesft.raw.fetching import registry
    from collectivesft.sources.spec import Source

    def set_files(*files, access: str = "open") -> None:
        source = Source("fake", "Fake", "https://example.org", "none", "none", access, files)
        monkeypatch.setattr(registry, "load", lambda name: source)

    return set_files


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start ``python -m collectivesft ARGUMENTS``, or ``python -c CODE ARGUMENTS``."""
    running = []

    def run(*arguments: object, code: str = "", **environment: str) -> subprocess.Popen:
        env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "HF_HOME": str(tmp_path / "hf")}
        module = ["-c", code] if code else ["-m", "collectivesft"]
        command = [sys.executable, *module, *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        running.append(subprocess.Popen(command, env=env | environment, cwd=tmp_path, **pipes))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def command(start: Callable[..., subprocess.Popen]) -> Callable[..., tuple[int, str]]:
    """Run the command line to its end; returns exit code and stderr."""

    def run(*arguments: object, **options: str) -> tuple[int, str]:
        process = start(*arguments, **options)
        _, errors = process.communicate(timeout=1500)
        return process.returncode, errors

    return run


@pytest.fixture
def make_wheel(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """Write a zip archive of these members under a wheel's name."""
    numbers = itertools.count()

    def make(members: dict[str, bytes]) -> Path:
        path = tmp_path / f"pkg{next(numbers)}-1-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return path

    return make


@pytest.fixture
def fake_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put in pip's place a program that brings these wheels, or fails when there are none."""
    from collectivesft.raw.fetching import locations

    def install(*wheels: Path | None) -> None:
        script = tmp_path / "pip.py"
        script.write_text(
            "import shutil, sys\n"
            f"wheels = {[str(wheel) for wheel in wheels if wheel]!r}\n"
            "if not wheels:\n"
            "    sys.exit('WARNING: slow\\nERROR: No matching distribution')\n"
            "for wheel in wheels:\n"
            "    shutil.copy(wheel, sys.argv[sys.argv.index('-d') + 1])\n"
        )
        monkeypatch.setattr(locations, "find_pip", lambda: [sys.executable, str(script)])

    return install


TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "initializer_range": 0.3,  # so large that what a token attends to shows in the logits
}
GPT2 = {
    "n_embd": 32,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": 1024,
    "initializer_range": 0.3,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
}
ARCHITECTURES = {
    "llama": {**TINY, "model_type": "llama", "num_hidden_layers": 2},
    "gemma3": {
        **TINY,
        "model_type": "gemma3_text",
        "num_hidden_layers": 3,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        "sliding_window": 8,
        "head_dim": 8,
        "query_pre_attn_scalar": 8,
    },
    "gpt2": {**GPT2, "model_type": "gpt2"},
    "pangu_alpha": {**GPT2, "model_type": "pangu_alpha"},
    "cpmant": {
        "model_type": "cpmant",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "dim_head": 8,
        "dim_ff": 64,
        "prompt_length": 4,
        "position_bias_num_buckets": 32,
        "position_bias_max_distance": 128,
        "init_std": 0.3,
    },
}
# One turn, several turns, a system's words, other scripts than Latin, one text over 128 bytes.
CONVERSATIONS = (
    [("user", "头痛怎么办？"), ("assistant", "多休息。")],
    [("user", "Is a fever of 39 high?"), ("assistant", "Yes."), ("user", "So?"),
     ("assistant", "See a doctor 🩺 soon")],
    [("system", "你是一名医生。"), ("user", "咳嗽"), ("assistant", "几天了？\n有痰吗？")],
    [("user", "血压150/95？"), ("assistant", "偏高，请复查。" * 5)],
    [("user", "a" * 60), ("assistant", "b")],
    [("user", "以下哪项正确？\nA. 一\nB. 二"), ("assistant", "A")],
    [("user", "失眠"), ("assistant", "睡前少看手机。")],
)  # fmt: skip


class Workshop:
    """Makes the files of stage sft in a folder; what was made once is handed out again."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._numbers = itertools.count()

    def yaml(self, value: dict) -> Path:
        """Write a YAML file."""
        path = self.folder / f"{next(self._numbers)}.yaml"
        path.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
        return path

    def model(self, kind: str = "llama", template: str = "chatml", **changes) -> Path:
        """Recipe of a tiny random base model; None takes a key away."""
        model = {
            "title": f"Tiny {kind}",
            "parameters": 1,
            "licence": "Apache-2.0",
            "source": {"kind": "random"},
            "chat_template": template,
            "architecture": ARCHITECTURES[kind],
        } | changes
        return self.yaml({key: value for key, value in model.items() if value is not None})

    def manifest(self, **files: bytes) -> Path:
        """Raw files with their manifest; ``__`` in a name stands for a dot."""
        raw = self.folder / f"raw{next(self._numbers)}"
        (raw / "files").mkdir(parents=True)
        entries = []
        for name, content in files.items():
            name = name.replace("__", ".")
            (raw / "files" / name).write_bytes(content)
            entries.append({"path": name, "size": len(content), "sha256": "", "origin": "local"})
        path = raw / "manifest.json"
        path.write_text(json.dumps({"source": "models/tiny", "files": entries}))
        return path

    def base(self, architecture: str = "llama", template: str = "chatml") -> Path:
        """Folder of a tiny random base model."""
        from collectivesft.sft.base import make_base

        folder = self.folder / f"{architecture}-{template}"
        if not folder.exists():
            make_base(self.model(architecture, template), self.manifest(), folder)
        return folder

    def recipe(self, **training: object) -> Path:
        """Recipe of an experiment that trains in a blink; the arguments change its training."""
        quick = {
            "method": "full",
            "precision": "float32",
            "learning_rate": 1e-3,
            "global_batch_size": 3,
            "max_tokens_per_forward": 256,
            "epochs": 2,
            "max_length": 256,
        }
        return self.yaml({"title": "Quick", "base": "tiny", "training": quick | training})

    def mixture(self, conversations: Iterable[list[tuple[str, str]]]) -> Path:
        """Parquet file of examples."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        from collectivesft.schema.example import Example, arrow_schema

        path = self.folder / f"{next(self._numbers)}.parquet"
        rows = [
            Example(f"set:{n}", "set", "qa", "zh", messages).to_row()
            for n, messages in enumerate(conversations)
        ]
        pq.write_table(pa.Table.from_pylist(rows, arrow_schema()), path)
        return path

    def tokens(self, base: Path, max_length: int = 256) -> Path:
        """Tokens of the conversations above; the first two are the validation part too."""
        from collectivesft.sft.tokenize import tokenize

        folder = self.folder / f"{base.name}-{max_length}.tokens"
        if not folder.exists():
            parts = (self.mixture(CONVERSATIONS), self.mixture(CONVERSATIONS[:2]))
            tokenize(*parts, base, self.recipe(max_length=max_length), folder)
        return folder


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Tiny base models, mixtures, tokens and recipes; made once in a session."""
    return Workshop(tmp_path_factory.mktemp("sft"))


@pytest.fixture(scope="session")
def conversations() -> tuple[list[tuple[str, str]], ...]:
    """Return the content of ``workshop.tokens``."""
    return CONVERSATIONS


@pytest.fixture
def job(workshop, tmp_path):
    """Make a training_job.Job of a kind of base; the arguments change the recipe's training."""
    from tests.helpers.training_job import Job

    def make(name: str = "job", kind: str = "llama", **training):
        base = workshop.base(kind)
        (tmp_path / name).mkdir()
        return Job(tmp_path / name, workshop.tokens(base), base, workshop.recipe(**training))

    return make
