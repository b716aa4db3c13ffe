"""Impossible and contradictory values are refused before anything runs, one line each.

The line names the file, the key's path, the value and the remedy. A run is config/tiny.yaml with
one change; its experiment and its base model are changed in the same way.
"""

import datetime
import shutil
import typing
from collections.abc import Iterator
from pathlib import Path

import config_check
import preflight
import pytest
import run_command
import run_paths
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from collectivesft.common.validation import faults
from collectivesft.config.experiment import Experiment, ModelRecipe
from collectivesft.config.mixture import Mixture
from collectivesft.config.run import RunConfig

ROOT = Path(__file__).parents[2]
FILES = {"run": "tiny", "experiment": "experiments/tiny", "model": "models/tiny-random"}
SERVER = {"kind": "openai"}
JUDGE = {"url": "http://host/v1", "model": "m"}
CMID = "resources/demo/raw/datasets/cmid"
RUN = [
    # GPUs, nodes, threads.
    ({"device": "cuda"}, "gpus: 0, and device is cuda; set the GPUs of a training, or device: cpu"),
    ({"threads": 10**9}, "threads: 1000000000; allowed: a whole number, at least 1, at most 4096"),
    ({"nodes": 2}, "nodes: 2: several need Slurm; use workflow/bin/slurm, or set 1"),
    # Folders and files that are not there.
    ({"raw": {"folder": "no"}}, "raw.folder: no: no such folder; make it, or correct the path"),
    ({"raw": {"folder": "README.md"}}, "raw.folder: README.md: no such folder"),
    ({"raw": {"folder": "resources"}}, "raw.folder: resources/datasets/pubmedqa: no such folder"),
    ({"raw": {"folder": None}}, "raw: checksums without folder; name the folder that holds the"),
    ({"raw": {"checksums": "no"}}, "raw.checksums: no: no such file; correct the path"),
    (
        {"sources": {"datasets/cmid": {"folder": "no"}}},
        "sources.datasets/cmid.folder: no: no such folder; make it, or correct the path",
    ),
    (
        {"sources": {"datasets/cmid": {"folder": CMID, "files": ["no.json"]}}},
        f"sources.datasets/cmid.files: no.json: no such file in {CMID}; place it there, or correct",
    ),
    (
        {"sources": {"datasets/cmid": {"folder": CMID, "files": ["../a"]}}},
        "sources.datasets/cmid: files: '../a' is no path inside the folder; write one",
    ),
    (
        {"sources": {"datasets/cmid": {"folder": CMID, "files": ["a", "a"]}}},
        "sources.datasets/cmid: files: a is named twice; name it once",
    ),
    (
        {"sources": {"datasets/cmid": {"folder": CMID, "checksums": "no"}}},
        "sources.datasets/cmid.checksums: no: no such file; correct the path",
    ),
    ({"cache": "README.md"}, "cache: README.md: cannot be made a folder (File exists); name"),
    ({"cache": "/proc/no/x"}, "cache: /proc/no/x: cannot be made a folder (No such file or"),
    (
        {"hub": {"gguf": "q8_0", "gguf_converter": "no.py"}},
        "hub.gguf_converter: no.py: no such file; run envs/converter, or set hub.gguf to null",
    ),
    ({"containers": {"data": "oras://"}}, "containers.data: 'oras://' is no address; write one"),
    # Names that no file can have.
    ({"run": "a" * 101}, "run: 'aaaaa"),
    ({"curation": {"x" * 101: {}}}, f"curation.{'x' * 101}: no name; write"),
    # Benchmarks that are asked nothing.
    (
        {"evaluation": {"cmb_clin": {"protocols": ["answer"]}}},
        "evaluation.cmb_clin.protocols: ['answer']; cases are asked as `clinical` says: write []",
    ),
    (
        {"benchmarks": ["cmb", "cmexam"], "evaluation": {"cmexam": {"protocols": []}}},
        "evaluation.cmexam.protocols: []; the benchmark is never asked: name a protocol",
    ),
    (
        {"benchmarks": ["cmb", "medbench"], "evaluation": {"medbench": {"limit": 5}}},
        "evaluation.medbench.limit: 5; its authors take answers to all items: write null",
    ),
    (
        {
            "benchmarks": ["cmb", "meds_bench"],
            "evaluation": {"meds_bench": {"protocols": ["circular_answer"]}},
        },
        "evaluation.meds_bench.protocols: 'circular_answer' asks in several orders of options",
    ),
    ({"diversity_examples": 5}, "diversity_examples: 5, and no experiment has a budget"),
    # Protocols.
    (
        {"protocols": {"answer": {"max_new_tokens": 4096}}},
        "protocols.answer.max_new_tokens: 4096 tokens, tiny-random takes 4096 with the question;",
    ),
    (
        {"clinical": {"max_new_tokens": 5000}},
        "clinical.max_new_tokens: 5000 tokens, tiny-random takes 4096 with the question; lower it",
    ),
    (
        {"protocols": {"answer": {"shots_seed": 3}}},
        "protocols.answer: shots_seed draws solved questions, and shots is 0; set shots",
    ),
    (
        {"protocols": {"likelihood": {"style": "cot"}}},
        "protocols.likelihood: method likelihood writes no reasoning; set style to answer_only",
    ),
    # Servers and judges.
    ({"engine": {"prompt_format": "tokens"}}, "engine: prompt_format is for kind openai; only"),
    (
        {"engine": SERVER | {"serve": "vllm {modl} {port}"}},
        "engine: serve: {modl} is unknown; it may hold {model}, {name} and {port}",
    ),
    ({"engine": SERVER | {"serve": "vllm {model}"}}, "engine: serve: it has no {port}, so the"),
    (
        {"engine": SERVER | {"serve": 'vllm "{port}'}},
        "engine: serve: 'vllm \"{port}' is no command (No closing quotation); correct it",
    ),
    (
        {"engine": SERVER | {"url": "http://host:99999/v1"}},
        "engine.url: its port is no number from 1 to 65535; correct it",
    ),
    (
        {"clinical": {"judge": JUDGE | {"url": "http://host:x/v1"}}},
        "clinical.judge.url: its port is no number from 1 to 65535; correct it",
    ),
    ({"clinical": {"judge": JUDGE | {"model": " "}}}, "clinical.judge.model: ' '; allowed: text,"),
    (
        {"clinical": {"judge": JUDGE | {"body": {"since": datetime.date(2024, 7, 1)}}}},
        "clinical.judge: body: JSON has no such value (Object of type date",
    ),
    (
        {"clinical": {"judge": JUDGE | {"body": {"stream": True}}}},
        "clinical.judge: body: stream is ours to write; remove it",
    ),
    # Repositories that no Hub has.
    ({"hub": {"repo_id": "a--b/c"}}, "hub.repo_id: 'a--b/c'; allowed: text like 'owner/name'"),
    ({"hub": {"repo_id": "a/c.git"}}, "hub.repo_id: 'a/c.git'; allowed: text like 'owner/name'"),
    ({"hub": {"repo_id": f"a/{'c' * 92}"}}, "hub.repo_id: 'a/ccc"),
    ({"hub": {"package_url": "host/x"}}, "hub.package_url: 'host/x'; allowed: text like 'https"),
]
EXPERIMENT = [
    ({"title": "  "}, "title: '  '; allowed: text, not empty"),
    ({"seeds": [42]}, "seeds: [42]; allowed: a list (a whole number, at least 0, at least 2)"),
    ({"mixture": {"fraction": True}}, "mixture.fraction: true; allowed: a number, above 0, at"),
    ({"mixture": {"max_samples": True}}, "mixture.max_samples: true; allowed: a whole number"),
    ({"mixture": {"draw": 2}}, "mixture: draw 2 is a draw of choose; add choose, or remove draw"),
    (
        {"mixture": {"examples": 2, "choose": 3}},
        "mixture: examples 2 of choose 3 datasets: none has a whole one; raise examples, or lower",
    ),
    ({"training": {"method": "full"}}, "training: lora is for method lora, and method is full"),
    ({"training": {"learning_rate": 5}}, "training.learning_rate: 5; allowed: a number, above 0"),
    (
        {"training": {"lora": {"r": 65}}},
        "training.lora.r: 65, and tiny-random is 64 wide; lower it",
    ),
]
MODEL = [
    ({"title": " "}, "title: ' '; allowed: text, not empty"),
    ({"licence": ""}, "licence: ''; allowed: text, not empty"),
    ({"homepage": "host"}, "homepage: 'host'; allowed: text like 'https://host/' or null"),
    ({"architecture": {}}, "the file: architecture.model_type: missing for source.kind random"),
    (
        {
            "source": {"kind": "hub", "repo": "a b", "revision": "0" * 40, "patterns": ["*"]},
            "architecture": None,
        },
        "source.repo: 'a b'; allowed: text like 'owner/name'",
    ),
    ({"special_tokens": {"a": -1}}, "special_tokens.a: -1; allowed: a whole number, at least 0"),
    ({"special_tokens": {"a": 5, "b": 5}}, "the file: special_tokens: a and b have one id"),
    ({"lora_targets": [""]}, "lora_targets.0: ''; allowed: text, not empty"),
]
CASES = [("run", *one) for one in RUN]
CASES += [("experiment", *one) for one in EXPERIMENT]
CASES += [("model", *one) for one in MODEL]


def merged(content: dict, change: dict) -> dict:
    """Lay a change over a file's content, as overlays are."""
    found = dict(content)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if both and key != "architecture" else value
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("impossible")
    shutil.copytree(ROOT / "config", folder / "config")
    for name in ("src", "resources", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def lines(root: Path, overlay: str) -> list[str]:
    """The lines that a run refuses a configuration with, before anything runs."""
    paths = [root / "config/config.yaml", Path(overlay)]
    try:
        config = config_check.load(root, paths[1])
        problems = [problem for _, problem in run_paths.raw_problems(config)]
        problems += config_check.converter_problems(config)
        problems += config_check.cache_problems(config)
        problems += run_command.problems(config, [])
        config_check.refuse(problems, paths)
    except config_check.ConfigurationError as error:
        return error.lines
    return []


@pytest.mark.parametrize(("file", "change", "message"), CASES)
def test_it_is_one_line_with_file_key_and_value(root, monkeypatch, file, change, message):
    monkeypatch.chdir(root)
    path = Path("config", f"{FILES[file]}.yaml")
    before = path.read_text("utf-8")
    changed = merged(yaml.safe_load(before), change)
    path.write_text(yaml.safe_dump(changed), encoding="utf-8")
    try:
        found = lines(root, "config/tiny.yaml")
    finally:
        path.write_text(before, encoding="utf-8")
    assert found and found[0].startswith(f"{path}: {message}"), found
    assert len(found) == 1 or "resources" in str(change), found


def test_the_unchanged_run_is_taken(root, monkeypatch):
    monkeypatch.chdir(root)
    assert lines(root, "config/tiny.yaml") == []


def test_a_batch_smaller_than_its_processes_is_refused(root, monkeypatch):
    monkeypatch.chdir(root)
    Path("config/mine.yaml").write_text("device: cuda\ngpus: 8\nnodes: 2\nexperiments: [tiny]\n")
    found = lines(root, "config/mine.yaml")
    words = "training.global_batch_size: 8 examples for 16 processes (gpus x nodes); raise it"
    assert any(f"experiments/tiny.yaml: {words}" in line for line in found), found


def test_a_skipped_dataset_may_lack_its_files(root, monkeypatch):
    """`on_unavailable: skip` says so: it is left out. A folder that is not there is a mistake."""
    monkeypatch.chdir(root)
    entry = {"folder": CMID, "files": ["no.json"], "on_unavailable": "skip"}
    for change, count in ((entry, 0), (entry | {"folder": "no"}, 1)):
        content = yaml.safe_load(Path("config/tiny.yaml").read_text("utf-8"))
        content["sources"] = {"datasets/cmid": change}
        Path("config/mine.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        assert len(lines(root, "config/mine.yaml")) == count


def test_a_fetched_source_needs_no_folder_any_more(root, monkeypatch, tmp_path):
    config = config_check.load(root, root / "config/tiny.yaml")
    config["raw"]["folder"] = str(tmp_path / "gone")
    assert len(list(run_paths.raw_problems(config, tmp_path))) > 13
    for kind in ("datasets", "benchmarks"):
        for name in config[kind]:
            manifest = tmp_path / f"results/tiny/1_raw/{kind}/{name}/manifest.json"
            manifest.parent.mkdir(parents=True)
            manifest.touch()
    assert not list(run_paths.raw_problems(config, tmp_path))


def test_several_nodes_are_taken_where_a_profile_submits():
    config = {"nodes": 2}
    assert not run_command.problems(config, ["--profile", "workflow/profiles/slurm"])
    assert not run_command.problems(config, ["--executor=slurm"])
    assert run_command.problems(config, ["--cores", "4"])


def test_make_check_names_the_key_of_an_absent_folder(root):
    config = config_check.load(root, root / "config/tiny.yaml")
    config["sources"] = {
        "datasets/cmid": {"folder": "no"},
        "datasets/cmb": {"folder": CMID, "files": ["no.json"]},
    }
    rows = {row.what: row for row in preflight._sources(config, root)}
    assert rows["datasets/cmid"].state == rows["datasets/cmb"].state == "missing"
    assert rows["datasets/cmid"].found == "sources.datasets/cmid.folder: no: no such folder"
    assert rows["datasets/cmb"].found.startswith("sources.datasets/cmb.files: no.json: no such")


@pytest.mark.parametrize(
    ("nodes", "threads", "ways", "states"),
    [
        (1, 1, [], {}),
        (2, 1, [], {"nodes": "missing"}),
        (2, 4096, ["slurm"], {}),
        (1, 4096, [], {"threads": "note"}),
    ],
)
def test_make_check_counts_nodes_and_threads(nodes, threads, ways, states):
    rows = preflight._threads({"nodes": nodes, "threads": threads}, ways)
    assert {row.what: row.state for row in rows} == states


def places(kind: type[BaseModel], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each field, with `x` for a name that the user gives."""
    for name, field in kind.model_fields.items():
        yield (*at, name)
        is_map = typing.get_origin(field.annotation) is dict
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from places(part, (*at, name, *("x",) * is_map))


@pytest.mark.parametrize("kind", [RunConfig, Experiment, Mixture, ModelRecipe])
def test_every_field_refuses_a_value_of_a_wrong_type(kind):
    """A list in a list is no value of any key."""
    checked = [place for place in places(kind) if place[0] != "source"]
    assert len(checked) >= len(kind.model_fields) - 1
    for place in checked:
        content: object = [[0]]
        for key in reversed(place):
            content = {key: content}
        with pytest.raises(ValidationError) as raised:
            TypeAdapter(kind).validate_python(content)
        found = {fault.key: fault.problem for fault in faults(raised.value, kind)}
        told = [key for key in found if key[: len(place)] == place]
        assert told and "[" in found[told[0]] + "[" * (len(told[0]) > len(place)), (place, found)
