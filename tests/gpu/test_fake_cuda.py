"""The fast paths of a GPU, type-checked without one: torch with CUDA under fake tensors.

They need an environment of their own: `envs/install model-cuda .venv-cuda` (several GB), or the
variable COLLECTIVESFT_CUDA_PYTHON with a Python that has torch with CUDA and our packages.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.gpu.fake_cuda import MODELS

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("COLLECTIVESFT_CUDA_PYTHON", ROOT / ".venv-cuda/bin/python"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="needs envs/install model-cuda .venv-cuda"),
]


def ask(*arguments: str) -> dict:
    env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [str(PYTHON), str(ROOT / "tests/gpu/fake_cuda.py"), *arguments]
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-3000:]
    return json.loads(lines[0].removeprefix("FOUND "))


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("name", list(MODELS))
def test_a_pass_at_real_size_takes_flash_attention_and_the_fused_loss(name, method):
    found = ask(name, method, "bfloat16")
    assert found["loss"] == [[], "torch.float32", "cuda"]
    # PanGu-alpha computes its attention itself, with a mask from the positions.
    assert found["flash"] == (0 if name == "pangu_alpha" else found["layers"])
    assert found["fused"] == 1
    assert found["grouped"] is (name not in ("gpt2", "pangu_alpha"))
    assert (512 in found["windows"]) is (name in ("mistral", "gemma3_text"))
    assert found["backward"]
    assert (found["trained"] == found["parameters"]) is (method == "full")


@pytest.mark.parametrize("name", list(MODELS))
def test_float32_takes_no_flash_attention_and_has_the_same_loss(name):
    found = ask(name, "full", "float32")
    assert found["loss"] == [[], "torch.float32", "cuda"]
    assert (found["flash"], found["fused"]) == (0, 1)
