"""Check this machine for a run before it starts: a table and an exit code.

Called by workflow/bin/check. Each check returns one or more rows; a row that is not ok says what to
do. Sizes are lower bounds from the recipes only; no model is opened.
"""

import contextlib
import importlib.util
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import apptainer_env
import config_check
import run_paths
from layout import Layout

if TYPE_CHECKING:
    from collectivesft.config.experiment import Experiment, ModelRecipe, Training

# Bytes a parameter on disk: base model as downloaded and as converted.
BASE_BYTES = 4
# Bytes a parameter of the copy; q4_0 is made of a bf16 that lies there for a while.
GGUF_BYTES = {None: 0, "q8_0": 1.07, "f16": 2, "bf16": 2, "q4_0": 2.7}
GB = 10**9
WAYS = ("apptainer", "slurm")
# Versions of Python that envs/workflow.lock is for.
OLDEST, NEWEST = (3, 11), (3, 13)
ROWS_READ = 3  # of each source at hand
READ_AT_MOST = 200 * 10**6  # bytes of a source: a large one takes longer than a check may
PLACED = ("hand_placed", "form", "google_drive")


@dataclass(frozen=True)
class Row:
    """One finding: ``state`` is ok, missing (the run would fail) or note."""

    what: str
    state: str
    found: str
    remedy: str = ""


def rows(config: dict, root: Path, ways: list[str]) -> Iterator[Row]:
    """All findings. ``ways`` are how it will run: any of ``WAYS``."""
    yield from _python()
    yield disk(config, root)
    yield from _gpus(config, root, ways)
    yield from _threads(config, ways)
    if "apptainer" in ways:
        yield from _apptainer(config, root)
    if "slurm" in ways:
        yield from _slurm(config)
    yield from _servers(config)
    yield from _trackers(config, root, ways)
    yield from _converter(config, root)
    yield from _sources(config, root)


def _servers(config: dict) -> Iterator[Row]:
    """Servers that are asked, and the variables of their keys; no key is shown."""
    for name in config_check.keys(config):
        found = bool(os.environ.get(name))
        remedy = "" if found else "Set it to the server's key"
        yield Row(f"variable {name}", "ok" if found else "missing", "set" * found, remedy)
    judges = [config["clinical"].get(key) or {} for key in ("judge", "second_judge")]
    for server in (config["engine"], *judges):
        if server.get("url"):
            parts = urlsplit(server["url"])
            row = _reach(
                f"{parts.hostname}:{parts.port or (80 if parts.scheme == 'http' else 443)}"
            )
            remedy = "Start the server, or correct its address"
            yield replace(row, remedy=remedy) if row.state == "missing" else row


def _trackers(config: dict, root: Path, ways: list[str]) -> Iterator[Row]:
    """The packages of trackers, in no environment of ours, where they are asked for."""
    wanted = (root / "envs/model.in").read_text(encoding="utf-8")
    for name in config["report_to"]:
        if "apptainer" in ways and config["nodes"] == 1:  # on several, trainings use no image
            if re.search(rf"^{name}\b", wanted, re.MULTILINE):
                remedy = "Images from before it was there lack it: build them anew"
                yield Row(name, "note", "in envs/model.in", remedy)
                continue
            remedy = f"Remove it from report_to, or build the images with {name} in envs/model.in"
            yield Row(name, "missing", "our images have none", remedy)
            continue
        there = importlib.util.find_spec(name) is not None
        remedy = "" if there else f"pip install {name}, or remove it from report_to"
        yield Row(name, "ok" if there else "missing", "" if there else "none", remedy)


def _converter(config: dict, root: Path) -> Iterator[Row]:
    """llama.cpp's converter, in no environment of ours, where a GGUF copy is asked for."""
    if not config["hub"]["gguf"]:
        return
    path = config["hub"]["gguf_converter"]
    there = (root / path).is_file()
    remedy = "" if there else "envs/converter, or set hub.gguf: null"
    yield Row("GGUF converter", "ok" if there else "missing", path if there else "none", remedy)


def _python() -> Iterator[Row]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = OLDEST <= sys.version_info[:2] <= NEWEST
    remedy = (
        "" if good else "Run envs/install workflow .venv-workflow: it takes Python 3.11 to 3.13"
    )
    yield Row("Python", "ok" if good else "missing", version, remedy)
    command = shutil.which("snakemake")
    remedy = "envs/install workflow .venv-workflow; source .venv-workflow/bin/activate"
    yield Row(
        "Snakemake", "ok" if command else "missing", command or "none", remedy * (not command)
    )


def _recipes(config: dict, root: Path) -> list[tuple[str, "Experiment", "ModelRecipe"]]:
    """Name and recipe of each experiment, and the recipe of its base model."""
    found = [(name, config_check.experiment(root, name)) for name in config["experiments"]]
    return [(name, recipe, config_check.model(root, recipe.base)) for name, recipe in found]


def _experiment_bytes(training: "Training") -> int:
    """Bytes a parameter on disk: the merged model; for full fine-tuning, the trained
    weights and two checkpoints with the weights and two moments each."""
    width = 2 if training.master_weights == "bfloat16" else 4
    return 2 + (1 + 2 * 3) * width if training.method == "full" else 2


def disk(config: dict, root: Path) -> Row:
    """Free disk, and a lower bound of the run's needs."""
    recipes = _recipes(config, root)
    sizes = {recipe.base: model.parameters for _, recipe, model in recipes}
    needed = sum(BASE_BYTES * size for size in sizes.values())
    needed += sum(_experiment_bytes(one.training) * sizes[one.base] for _, one, _ in recipes)
    needed += GGUF_BYTES[config["hub"]["gguf"]] * max(sizes.values())
    needed += (2 if config["demo"] else 40) * GB  # raw files, curated files, predictions
    place = root / "results" if (root / "results").exists() else root
    free = shutil.disk_usage(place).free
    state = "ok" if free >= needed else "missing"
    found = f"{free / GB:,.0f} GB free of about {needed / GB:,.0f} GB needed"
    return Row(
        "disk", state, found, "" if state == "ok" else "Free some, or link results/ elsewhere"
    )


def _gpus(config: dict, root: Path, ways: list[str]) -> Iterator[Row]:
    if config["device"] != "cuda":
        return
    from collectivesft.sft.plan import before_activations

    nodes, count = config["nodes"], max(1, config["gpus"])
    recipes = _recipes(config, root)
    for base in sorted({recipe.base for _, recipe, model in recipes if model.shape is None}):
        remedy = f"Add shape: to config/models/{base}.yaml"
        yield Row(f"shape of {base}", "note", "unknown: its trainings are not counted", remedy)
    needs = {
        name: before_activations(model, model.shape, recipe.training, nodes * count) / GB
        for name, recipe, model in recipes
        if model.shape
    }
    name, needed = max(needs.items(), key=lambda one: one[1], default=("none known", 0))
    wanted = f"{count} with {needed:,.0f} GB each before activations ({name})"
    wanted += f", on each of {nodes} nodes" * (nodes > 1)
    if "slurm" in ways:
        yield Row("GPUs", "note", f"wanted: {wanted}", "The nodes must have them")
        return
    memory = _gpu_memory()
    if not memory:
        remedy = "Use a machine with GPUs, or Slurm"
        yield Row("GPUs", "missing", f"none here; wanted: {wanted}", remedy)
        return
    good = len(memory) >= count and min(memory) >= needed
    found = f"{len(memory)} with {min(memory):,.0f} GB; wanted: {wanted}"
    remedy = "Set gpus: or nodes: (only fsdp shares), take LoRA, or a smaller base model"
    yield Row("GPUs", "ok" if good else "missing", found, remedy * (not good))


def _threads(config: dict, ways: list[str]) -> Iterator[Row]:
    """Threads of a job and nodes of a training that this machine cannot give."""
    if config["nodes"] > 1 and "slurm" not in ways:
        remedy = "Use workflow/bin/slurm and check with `slurm`, or set nodes: 1"
        yield Row(
            "nodes", "missing", f"nodes: {config['nodes']}, and no Slurm is asked for", remedy
        )
    here = os.cpu_count() or 1
    if config["threads"] > here and "slurm" not in ways:
        found = f"threads: {config['threads']}, and this machine has {here}"
        yield Row("threads", "note", found, "Lower threads: a job has so many at most")


def _gpu_memory() -> list[float]:
    """GB of each GPU here. That there is none, or that it has failed, nvidia-smi says in words."""
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    if not shutil.which(query[0]):
        return []
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    return [int(line) * 2**20 / GB for line in lines if line.strip().isdigit()]


def _apptainer(config: dict, root: Path) -> Iterator[Row]:
    yield _apptainer_version()
    hosts = {}
    for name, image in run_paths.images(config).items():
        if "://" not in image:
            there = (root / image).is_file()
            remedy = "" if there else "make containers CONFIG=..., or name one under containers:"
            yield Row(f"image {name}", "ok" if there else "missing", image, remedy)
            continue
        pulled = apptainer_env.pulled(image, root).is_file()
        yield _published(name, image, pulled)
        if not pulled and (host := _registry(image)):
            hosts[host] = None
    for host in hosts:
        row = _reach(host)
        remedy = "Build the image (make containers), or pull it elsewhere and name the file"
        yield replace(row, remedy=remedy) if row.state == "missing" else row


def _apptainer_version() -> Row:
    """SingularityCE is not enough: it would not read the variables that keep the host outside."""
    command = shutil.which("apptainer") or shutil.which("singularity")
    told = ""
    if command:
        done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
        told = done.stdout.strip()
    version = re.match(r"apptainer version (\d+)\.(\d+)", told)
    good = bool(version) and tuple(map(int, version.groups())) >= (1, 1)
    remedy = "" if good else "Install Apptainer 1.1 or newer, or load its module"
    return Row("Apptainer", "ok" if good else "missing", told or command or "none", remedy)


def _published(name: str, address: str, pulled: bool) -> Row:
    """An image named by its address: by digest it is one image for ever, by tag any."""
    found = f"{address}, {'pulled' if pulled else 'pulled when the run starts'}"
    if re.search(r"@sha256:[0-9a-f]{64}$|[:/]sha256\.[0-9a-f]{64}$", address):
        return Row(f"image {name}", "ok", found)
    remedy = "Name it by digest (oras://host/name@sha256:...): a tag may mean another one tomorrow"
    return Row(f"image {name}", "note", found, remedy)


def _registry(address: str) -> str:
    """The server behind an address, empty where Apptainer's own settings decide."""
    scheme, _, rest = address.partition("://")
    host = rest.partition("/")[0]
    if scheme == "docker" and not ("/" in rest and re.search(r"[.:]|^localhost$", host)):
        return "registry-1.docker.io"
    return host if scheme in ("docker", "oras", "https") else ""


def _slurm(config: dict) -> Iterator[Row]:
    for command in ("sbatch", "squeue", "scancel", "scontrol"):
        found = shutil.which(command)
        remedy = "" if found else "Start on a machine that submits to Slurm"
        yield Row(command, "ok" if found else "missing", found or "none", remedy)
    if shutil.which("sinfo"):
        command = ["timeout", "20", "sinfo", "--noheader", "--format=%P %a %D nodes"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = "; ".join(done.stdout.split("\n")[:4]).strip("; ") or "no answer"
        state = "ok" if done.returncode == 0 and done.stdout else "missing"
        yield Row("Slurm", state, found, "" if state == "ok" else "Ask whoever runs the cluster")
        if state == "ok":
            offered = {line.split()[0].rstrip("*") for line in done.stdout.splitlines()}
            yield _profile(os.environ.get("PROFILE"), offered)
        if config["device"] == "cuda" and state == "ok":
            yield _gpu_nodes(config)


def _profile(named: str | None, offered: set[str]) -> Row:
    """Read the profile that `workflow/bin/slurm` takes; its partitions must be the cluster's.

    Args:
        named: the variable PROFILE.
        offered: partitions of the cluster.
    """
    folder = Path(named or "workflow/profiles/slurm")
    found = sorted(folder.glob("config*.yaml"))
    if not found:
        return Row("profile", "missing", str(folder), "PROFILE must name a folder with config.yaml")
    try:
        wanted = set(_partitions(config_check.read_yaml(found[-1])))
    except config_check.ConfigurationError as error:
        return Row("profile", "missing", str(folder), str(error))
    if absent := sorted(wanted - offered):
        remedy = (
            f"Correct slurm_partition in {found[-1]}: the cluster has {', '.join(sorted(offered))}"
        )
        return Row("profile", "missing", f"partition {', '.join(absent)}", remedy)
    return Row("profile", "ok", str(folder))


def _partitions(content: object) -> Iterator[str]:
    """Yield the partitions in a profile: ``slurm_partition: a,b``, or a list with ``...=a``."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key == "slurm_partition" and isinstance(value, str):
                yield from value.split(",")
            else:
                yield from _partitions(value)
    elif isinstance(content, list):
        for one in content:
            name, _, value = str(one).partition("=")
            yield from value.split(",") if name == "slurm_partition" else ()


def _gpu_nodes(config: dict) -> Row:
    """Count the nodes that have the GPUs that a training takes of each."""
    command = ["timeout", "20", "sinfo", "--noheader", "--Node", "--format=%N %G"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    nodes = {
        line.split()[0]: sum(map(int, re.findall(r"\bgpu(?::[\w.-]+)?:(\d+)", line)))
        for line in done.stdout.splitlines()
    }
    count = sum(gpus >= max(1, config["gpus"]) for gpus in nodes.values())
    good = count >= config["nodes"]
    found = f"{count} of {len(nodes)} nodes have {config['gpus']} GPUs; {config['nodes']} wanted"
    remedy = f"Set gpus: to what a node has (at most {max(nodes.values(), default=0)}) and nodes:"
    return Row("nodes with GPUs", "ok" if good else "missing", found, remedy * (not good))


def _sources(config: dict, root: Path) -> Iterator[Row]:
    """Local files that must be there; what needs a hand, a token or the network."""
    from collectivesft.raw.fetching import registry

    at = Layout.of(config)
    absent: dict[str, list[Row]] = {}
    for name, (key, text) in run_paths.raw_problems(config, root):
        row = Row(name, "missing", f"{'.'.join(key)}: {text.partition(';')[0]}", _remedy(text))
        absent.setdefault(name, []).append(row)
    hosts: set[str] = set()
    gated: list[str] = []
    names = [("datasets", name) for name in config["datasets"]]
    for kind, name in names + [("benchmarks", name) for name in config["benchmarks"]]:
        try:
            source = registry.load(f"{kind}/{name}")
        except Exception as error:  # a lab's own file may raise anything
            yield _broken(kind, name, error)
            continue
        place = run_paths.place(config, kind, name)
        manifest = root / at.path("raw manifest", kind=kind, name=name)
        yield from readable(kind, name, manifest, place)
        if manifest.is_file():
            continue
        if rows_of_source := absent.get(f"{kind}/{name}"):
            yield from rows_of_source
        elif place["folder"]:
            yield from _local(f"{kind}/{name}", root / place["folder"], place, source)
        elif source.access in PLACED:
            # Google Drive is tried; it may want a signed-in browser.
            tried = all(file.locations for file in source.files)
            left_out = place["on_unavailable"] != "error"
            state = "note" if tried or left_out else "missing"
            remedy = f"Place its files ({source.homepage}) and name the folder under sources:"
            remedy += "; a dataset that cannot be had is left out" * left_out
            yield Row(f"{kind}/{name}", state, f"access: {source.access}", remedy)
        else:
            gated += [name] * (source.access == "gated")
            hosts |= {_host(spot) for file in source.files for spot in file.locations[:1]}
    hosts |= _model_hosts(config, root)
    if gated:
        yield _token(gated)
    for host in sorted(hosts - {""}):
        yield _reach(host)


def _remedy(text: str) -> str:
    """Return the part of a problem's text that says what to do."""
    words = text.partition("; ")[2]
    return words[:1].upper() + words[1:]


def readable(kind: str, name: str, manifest: Path, place: dict) -> Iterator[Row]:
    """Read three rows of a source whose files are at hand; nothing where they are not.

    Args:
        manifest: of the files as stage raw fetched them, if it did.
        place: where its files are otherwise, by ``run_paths.place``.
    """
    from collectivesft.common.errors import UserError
    from collectivesft.sources.linked import linked, placed_files

    if manifest.is_file():
        at_hand, sizes = contextlib.nullcontext(manifest), manifest.parent.rglob("*")
    elif place["folder"] and Path(place["folder"]).is_dir():
        files = placed_files(Path(place["folder"]), place["files"])
        at_hand, sizes = linked(files), files.values()
    else:
        return
    if sum(path.stat().st_size for path in sizes if path.is_file()) > READ_AT_MOST:
        return
    try:
        with at_hand as listed:
            rows_read = _rows(kind, name, listed)
            if kind == "datasets":
                list(itertools.islice(rows_read, ROWS_READ))
            else:
                yield from _test_items(name, rows_read)
    except ModuleNotFoundError as error:
        yield Row(f"{kind}/{name}", "note", f"not read: no {error.name} here")
    except UserError as error:
        yield Row(f"{kind}/{name}", "missing", str(error), "Correct the file, or its reader")
    except Exception as error:  # a lab's own reader may raise anything
        yield _broken(kind, name, error)


def _test_items(name: str, items: Iterator) -> Iterator[Row]:
    """A row for a benchmark whose items are all validation items or cannot be scored."""
    count = tested = 0
    for count, item in enumerate(items, start=1):
        tested += item.split == "test"
        if tested and count >= ROWS_READ:
            return
    if not tested:
        found = f"{count} items, none of split test: nothing is scored"
        remedy = "Add its test file, or take the benchmark out"
        yield Row(f"benchmarks/{name}", "missing", found, remedy)


def _rows(kind: str, name: str, manifest: Path) -> Iterator:
    """Read the examples or items of a source."""
    from collectivesft import benchmarks, datasets
    from collectivesft.sources.folder import RawFolder

    raw = RawFolder.load(manifest)
    return datasets.get(name).read(raw) if kind == "datasets" else benchmarks.get(name).items(raw)


def _broken(kind: str, name: str, error: Exception) -> Row:
    """A row for an exception of a dataset's or benchmark's own file, with its place in it."""
    lines = traceback.extract_tb(error.__traceback__)
    own = [line for line in lines if f"/{kind}/{name}.py" in line.filename]
    at = f"line {own[-1].lineno}: " if own else ""
    if isinstance(error, SyntaxError) and error.lineno:
        at = f"line {error.lineno}: "
    words = f"src/collectivesft/{kind}/{name}.py, {at}{type(error).__name__}: {error}"
    return Row(f"{kind}/{name}", "missing", words, "Correct that file")


def _local(name: str, folder: Path, place: dict, source) -> Iterator[Row]:
    wanted = place["files"] or [file.path for file in source.files]
    absent = [file for file in wanted if not (folder / file).is_file()]
    if absent:
        found = f"{len(absent)} of {len(wanted)} files absent, first {absent[0]}"
        yield Row(name, "missing", found, f"Place them in {folder}")


def _model_hosts(config: dict, root: Path) -> set[str]:
    """Return the hosts of base models that are not in the cache yet."""
    found = set()
    for _, recipe, model in _recipes(config, root):
        if not (root / Layout.of(config).base_manifest(recipe.base)).is_file():
            found.add(_hub_host() if model.source["kind"] == "hub" else "")
    return found


def _hub_host() -> str:
    return urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co").netloc


def _host(location) -> str:
    if type(location).__name__ == "Hub":
        return _hub_host()
    return urlsplit(getattr(location, "url", "")).netloc


def _token(gated: list[str]) -> Row:
    kept = apptainer_env.token_file(os.environ)
    found = "HF_TOKEN" if os.environ.get("HF_TOKEN") else str(kept) if kept.is_file() else "none"
    remedy = f"Accept the terms of {', '.join(gated)} on their pages and set HF_TOKEN"
    return Row(
        "Hub token", "missing" if found == "none" else "ok", found, remedy * (found == "none")
    )


def _reach(host: str) -> Row:
    name, _, port = host.partition(":")
    if os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY"):
        return Row(host, "note", "through a proxy, not tried")
    try:
        with socket.create_connection((name, int(port or 443)), timeout=5):
            return Row(host, "ok", "answers")
    except OSError as error:
        remedy = "Fetch where there is a network and `make bundle`, or name local folders"
        return Row(host, "missing", str(error), remedy)


def main(arguments: list[str]) -> int:
    """Print the table for ``CONFIG [apptainer] [slurm]``; 1 where something is missing."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    root = Path(__file__).parents[2]
    if unknown := [way for way in arguments[1:] if way not in WAYS]:
        known = ", ".join(WAYS)
        print(f"error: {unknown[0]}: no way to run. Known are {known}.", file=sys.stderr)
        return 1
    try:
        found = list(rows(config_check.load(root, Path(arguments[0])), root, arguments[1:]))
    except config_check.ConfigurationError as error:
        print(error.report(), file=sys.stderr)
        return 1
    console = Console()
    console = console if console.is_terminal else Console(width=200)
    lines = box.HEAVY_HEAD if console.is_terminal else None
    table = Table("check", "state", "found", "remedy", box=lines)
    for row in found:
        table.add_row(row.what, row.state, row.found, row.remedy)
    console.print(table)
    absent = sum(row.state == "missing" for row in found)
    print(f"{absent} missing." if absent else "Nothing is missing.")
    return 1 if absent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
