"""Collect the variables of Apptainer that a command inside an image needs from its machine.

Images start with a clean environment, so that nothing of the host's Python, paths or settings can
change a result. This module lists the exceptions: how to reach the network, which GPUs are
ours, the number of threads, and folders outside the working folder. Variables, not options of
Snakemake, so that a plain `snakemake --use-apptainer` has them.

Snakemake reads the Snakefile on the machine that runs a job (a node, under Slurm), so a GPU and a
scratch folder are looked for where they are used.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

# Secrets among them travel as variables: no command line and no log shows them.
PASSED = (
    "HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_XET",
    "CUDA_VISIBLE_DEVICES", "COLLECTIVESFT_PROGRESS", "COLLECTIVESFT_COMMIT",
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "TMPDIR",
)  # fmt: skip
PASSED_PREFIXES = ("NCCL_", "GLOO_")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
# Each names a file or folder that must be seen inside too.
CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
# Folders that would lie in HOME itself; most programs keep their things in HOME/.cache anyway.
CACHES = {"XDG_CONFIG_HOME": "config", "TRITON_CACHE_DIR": "triton", "CUDA_CACHE_PATH": "nv"}
GPU = Path("/dev/nvidiactl")
# Apptainer mounts these by itself.
MOUNTED = (Path("/tmp"), Path("/var/tmp"))


def variables(
    environ: Mapping[str, str],
    work: Path,
    folders: Iterable[str],
    threads: int,
    keys: Iterable[str] = (),
) -> dict[str, str]:
    """Variables to set before Apptainer is called.

    Args:
        environ: the environment of the machine.
        work: the working folder, which Apptainer binds itself.
        folders: further folders that commands read or write, absolute or below ``work``.
        threads: CPU threads of a model's job.
        keys: names of variables that hold keys of servers.

    Returns:
        ``APPTAINER_CLEANENV``, ``APPTAINERENV_*`` for what passes all the same,
        ``APPTAINER_BIND``, and ``APPTAINER_NV`` where a GPU is.
    """
    passed = [name for name in environ if _passes(name) or name in set(keys)]
    kept = {f"APPTAINERENV_{name}": environ[name] for name in passed}
    if not environ.get("HF_TOKEN") and os.access(token := token_file(environ), os.R_OK):
        kept["APPTAINERENV_HF_TOKEN"] = token.read_text(encoding="utf-8").strip()
    kept |= {"APPTAINER_CLEANENV": "1", "APPTAINERENV_OMP_NUM_THREADS": str(threads)}
    # HOME is the working folder: what programs keep there goes where git does not look.
    kept |= {f"APPTAINERENV_{name}": str(work / ".cache" / at) for name, at in CACHES.items()}
    # The user's own binds are separated by commas that no backslash escapes.
    wanted = re.split(r"(?<!\\),", environ.get("APPTAINER_BIND", ""))
    wanted += map(escaped, _outside(environ, work, folders))
    # Apptainer goes by PWD, which names the link where the working folder is reached through one.
    kept["APPTAINER_PWD"] = str(work.resolve())
    kept["APPTAINER_BIND"] = ",".join(dict.fromkeys(bind for bind in wanted if bind))
    if GPU.exists():
        kept["APPTAINER_NV"] = "1"
    return kept


def escaped(path: str) -> str:
    """A path for APPTAINER_BIND, which splits at commas and colons."""
    return path.replace(",", "\\,").replace(":", "\\:")


def token_file(environ: Mapping[str, str]) -> Path:
    """Return the file in which `hf auth login` keeps the token, by huggingface_hub's variables."""
    cache = environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME', '/')}/.cache"
    home = environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(environ.get("HF_TOKEN_PATH") or f"{home}/token")


def pulled(address: str, work: Path) -> Path:
    """Return the file in which Snakemake keeps the image that it pulled from ``address``."""
    name = hashlib.md5(address.encode(), usedforsecurity=False).hexdigest()
    return work / f".snakemake/singularity/{name}.simg"


def file(image: str, work: Path) -> str:
    """``image``, or the file that an address was pulled into: nodes may reach no registry."""
    kept = pulled(image, work)
    return str(kept) if "://" in image and kept.is_file() else image


def _passes(name: str) -> bool:
    known = name in (*PASSED, *CERTIFICATES) or name.lower() in PROXIES
    return known or name.startswith(PASSED_PREFIXES)


def _outside(environ: Mapping[str, str], work: Path, folders: Iterable[str]) -> list[str]:
    """Paths that exist outside the working folder: ends of links, named by variables, given."""
    work = work.resolve()
    links = [path for path in sorted(work.iterdir()) if path.is_symlink()]
    named = [Path(environ[name]) for name in (*CERTIFICATES, "TMPDIR") if environ.get(name)]
    given = [work / folder for folder in folders]
    found = {}
    for path in [*links, *given, *named]:
        # Both names: the one that a command is given and, behind a link, the real one.
        for name in (path.absolute(), path.resolve()):
            if name.exists() and not name.is_relative_to(work) and name not in MOUNTED:
                found[str(name)] = None
    return list(found)
