"""Start `python -m collectivesft` as a fork of a process that has imported torch and transformers.

`command()` returns an executable that behaves as `python` does: see `snakemake_server`. It saves
five or six seconds of a processor for each process with a model. Nothing of this project is
imported before the fork, and no thread of torch runs by then. A test that kills a whole group of
processes takes the real Python: a fork is in a group of its own.

Run as a program, this module is the server: `python torch_server.py SOCKET`.
"""

import gc
import importlib
import os
import runpy
import sys
import tempfile
from functools import cache
from pathlib import Path

# The class of models brings all that any of them needs; the rest is torchrun and the engine's own.
IMPORTED = (
    "torch", "torch.distributed.run", "torch.distributed.fsdp", "transformers",
    "transformers.modeling_utils", "transformers.models.llama.modeling_llama",
    "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto",
    "transformers.trainer_pt_utils", "safetensors.torch", "tokenizers", "pyarrow.parquet",
    "typer", "pydantic", "yaml",
)  # fmt: skip


@cache
def command() -> str:
    """Return the path of the executable; the first call starts this process's server."""
    from tests.helpers import snakemake_server

    if sys.platform != "linux":
        return sys.executable
    return snakemake_server.start("python", __file__, "collectivesft")


def _run(arguments: list[str]) -> None:
    """Run a module as the interpreter does: the working folder is first on the path."""
    _, module, *rest = arguments
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:0] = [os.getcwd(), *map(os.path.abspath, paths)]
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    folder = sys.path.pop(0)  # of this file
    # Read when torch is loaded; collectivesft sets it before that.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    sys.path.insert(0, str(Path(folder).parents[1]))
    from tests.helpers.snakemake_server import serve

    sys.path.pop(0)
    words = serve(sys.argv[1])
    tempfile.tempdir = None
    importlib.invalidate_caches()
    _run(words)
