"""Model folders that we write are the same model in transformers 4.57 and in our own version."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.common.files import read_json, write_json
from tests.helpers import older_transformers
from tests.helpers.internlm2_upstream import write_base

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-transformers4/bin/python"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folders(workshop, tmp_path_factory) -> dict[str, Path]:
    """The Llama made of an InternLM2.5, full trainings of it and of a Llama, an adapter merged."""
    from collectivesft.sft.merge import merge
    from collectivesft.sft.train import train

    room = tmp_path_factory.mktemp("older")
    found = {"base": write_base(workshop, room)}
    for name, base, method in (
        ("full", found["base"], "full"),
        ("lora", found["base"], "lora"),
        ("llama", workshop.base(), "full"),
    ):
        recipe = workshop.recipe(method=method, epochs=1, max_steps=1)
        places = [room / f"{name}-{part}" for part in ("checkpoints", "history", "trained")]
        train(workshop.tokens(base), base, recipe, *places, threads=1)
        merge(base, places[2], recipe, room / name)
        found[name] = room / name
    return found


def describe(python: Path | str, folder: Path, out: Path) -> dict:
    """Return ``older_transformers.describe`` by an interpreter, which must not warn."""
    command = [python, older_transformers.__file__, folder, out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(out.read_text("utf-8"))


@pytest.fixture
def both(folders, tmp_path):
    """Describe a folder by transformers 4.57.6 and by our own."""
    if not PYTHON.is_file():
        pytest.skip("needs transformers 4: envs/install transformers4 .venv-transformers4")

    def run(folder: Path) -> tuple[dict, dict]:
        pair = PYTHON, sys.executable
        old, new = (describe(one, folder, tmp_path / f"{n}.json") for n, one in enumerate(pair))
        assert (old.pop("version"), new.pop("version")[:2]) == ("4.57.6", "5.")
        assert old.pop("classes")[0] == new.pop("classes")[0] == "LlamaForCausalLM"
        return old, new

    return run


@pytest.mark.parametrize("name", ["base", "full", "lora", "llama"])
def test_ids_and_logits_are_equal_to_the_last_bit(folders, both, name):
    old, new = both(folders[name])
    assert old["lacks"] == new["lacks"] == []
    assert 0 < sum(old["mask"]) < len(old["mask"]) == len(old["chat"])
    assert old == new


def test_the_keys_of_rotary_positions_are_what_is_needed(folders, both, tmp_path):
    """Without them the older version takes the base 10,000: this test sees the fault."""
    folder = tmp_path / "without"
    folder.mkdir()
    for path in folders["full"].iterdir():
        (folder / path.name).symlink_to(path)
    config = read_json(folder / "config.json")
    (folder / "config.json").unlink()
    assert config.pop("rope_theta") == config["rope_parameters"]["rope_theta"] == 1e6
    assert config.pop("rope_scaling") == {"rope_type": "dynamic", "factor": 2.0}
    write_json(folder / "config.json", config)
    old, new = both(folder)
    assert old["chat"] == new["chat"]
    assert old["logits"] != new["logits"]
