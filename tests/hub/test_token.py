"""The token is in no output, file or list of processes of any command that talks to the Hub."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collectivesft.schema.example import Example, arrow_schema
from tests.helpers.hub_helpers import TOKEN
from tests.hub.test_faults import searched_for_token
from tests.hub.test_verify import tiny_model

# As much as the client can be made to say, its requests with their headers among it.
TALKS = {"HF_DEBUG": "1", "HF_HUB_VERBOSITY": "debug"}
WRONG = "hf_wrongtokenofsomebody"


@pytest.fixture
def published(hub, release):
    """A release of a real, tiny model that recorded no answer."""
    model = release.paths["model"]
    for path in model.iterdir():
        path.unlink()
    tiny_model(model)
    release.describe().publish()
    return release


@pytest.fixture
def data(tmp_path):
    """The folder of a dataset repository."""
    from collectivesft.hub.data import build

    turns = (("user", "问"), ("assistant", "答"))
    row = Example("cmb:1", "webmedqa", "qa", "zh", turns, {}).to_row()
    path = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist([row], arrow_schema()), path)
    build("demo/data", path, path, (), tmp_path / "data")
    return tmp_path / "data"


def commands(published, data, tmp_path) -> dict[str, list]:
    """Each command that talks to the Hub after a push, and one that reads its report."""
    report = tmp_path / "verified.json"
    manifest = published.paths["manifest"]
    push = ["hub", "push-data", "--repo", "demo/data", "--tag", "v1", "--folder", data]
    rest = ["--card", published.paths["card"], "--model", published.paths["model"]]
    return {
        "verify": ["hub", "verify", "demo/model@v1", "--manifest", manifest, "--report", report],
        "show": ["hub", "show", "--report", report],
        "dry run": ["hub", "push", "--repo", "demo/model", "--tag", "v1", "--manifest", manifest,
                    *rest, "--dry-run"],
        "push-data": [*push, "--receipt", tmp_path / "receipt.json"],
        "ask": ["ask", "问", "--model", "demo/model@v1", "--new-tokens", "2"],
    }  # fmt: skip


def test_no_command_shows_the_token(hub, published, data, start, tmp_path):
    for name, command in commands(published, data, tmp_path).items():
        fault = hub.fault("GET", "/api/", stall=True) if name != "show" else None
        process = start(*command, env=TALKS)
        if fault:
            assert fault.reached.wait(120), name
            assert TOKEN.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
            fault.release.set()
        output, errors = process.communicate(timeout=500)
        assert process.returncode == 0, f"{name}: {errors}"
        assert fault is None or "curl" in errors or "Request" in errors, name  # it did talk
        searched_for_token(tmp_path, output, errors)


def test_no_error_shows_the_token(hub, published, data, start, tmp_path):
    found = commands(published, data, tmp_path)
    for name in ("verify", "push-data", "ask"):
        process = start(*found[name], token=WRONG, env=TALKS)
        output, errors = process.communicate(timeout=500)
        assert process.returncode == 1, name
        assert [line for line in errors.splitlines() if line.startswith("error: ")], name
        assert WRONG not in output + errors
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not [path for path in files if WRONG.encode() in path.read_bytes()]
