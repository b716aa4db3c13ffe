"""Start `python -m collectivesft` as a fork of a process that has imported what stages need.

`command()` returns an executable that behaves as `python` does: see `snakemake_server`. It saves
five or six seconds of a processor for each process with a model, two or three for each figure.
First on PATH, it runs the jobs of a workflow. Nothing of this project is imported before the fork,
and no thread of torch runs by then. A test that kills a whole group of processes takes the real
Python: a fork is in a group of its own.

Run as a program, this module is the server: `python torch_server.py SOCKET`.
"""

import importlib
import os
import runpy
import sys
import tempfile
from functools import cache
from pathlib import Path

# The class of models brings all that any of them needs; torchrun and the engine's own; a figure's.
IMPORTED = (
    "torch", "torch.distributed.run", "torch.distributed.fsdp", "transformers",
    "transformers.modeling_utils", "transformers.models.llama.modeling_llama",
    "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto",
    "transformers.trainer_pt_utils", "safetensors.torch", "tokenizers", "pyarrow.parquet",
    "typer", "pydantic", "yaml", "rich.markup", "xxhash", "ftfy", "matplotlib.pyplot",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
)  # fmt: skip
# Variables that these packages read when they are imported.
START = (
    "OMP_", "MKL_", "OPENBLAS_", "TORCH", "HF_", "TRANSFORMERS_", "MPL", "TQDM_", "XDG_", "HOME",
)  # fmt: skip
# Snakemake sets these for each job: see `_take_threads`. The last is what collectivesft sets.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY")


@cache
def command() -> str:
    """Return the path of the executable; the first call starts this process's server."""
    from tests.helpers import snakemake_server

    if sys.platform != "linux":
        return sys.executable
    names = (*snakemake_server.START, *START)
    free = (*snakemake_server.FREE, *THREADS)
    return snakemake_server.start("python", __file__, "collectivesft", names, free)


def _run(arguments: list[str]) -> None:
    """Run a module as the interpreter does: the working folder is first on the path."""
    _, module, *rest = arguments
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:0] = [os.getcwd(), *map(os.path.abspath, paths)]
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _take_threads() -> None:
    """Let torch use as many threads as the caller says; it has read another number."""
    import torch

    if number := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(number))


def _import() -> None:
    # Read when torch is loaded; collectivesft sets it before that.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in IMPORTED:
        importlib.import_module(name)


if __name__ == "__main__":
    folder = sys.path.pop(0)  # of this file
    sys.path.insert(0, str(Path(folder).parents[1]))
    from tests.helpers.snakemake_server import end, serve

    sys.path.pop(0)
    words = serve(sys.argv[1], _import)
    tempfile.tempdir = None
    importlib.invalidate_caches()
    _take_threads()
    end(lambda: _run(words))
