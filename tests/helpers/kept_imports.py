"""Give a new folder of the workflow what an earlier plan in it would have kept.

A plan reads the imports of every file of the package and keeps them in `.snakemake/imports.json`,
by the files' contents: see `workflow/lib/code_files.py`. Tests plan in a hundred new folders.
"""

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = Path(".snakemake/imports.json")
READ = """
import sys
from pathlib import Path
import code_files
root = Path(sys.argv[1])
for path in root.rglob("*.py"):
    code_files.imports(root, path)
"""


@cache
def _kept() -> bytes:
    """Return the file that the workflow itself writes; made once in a process."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, KEPT).parent.mkdir()
        subprocess.run(
            [sys.executable, "-c", READ, str(ROOT / "src/collectivesft")], cwd=folder, check=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "workflow/lib")},
        )  # fmt: skip
        return Path(folder, KEPT).read_bytes()


def put_into(folder: Path) -> None:
    """Write the file into a folder from which the workflow is to run."""
    (folder / KEPT).parent.mkdir(exist_ok=True)
    (folder / KEPT).write_bytes(_kept())
