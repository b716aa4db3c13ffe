"""A wrong configuration ends in one line for each fault, before anything runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import config_check
import config_docs
import pytest
import yaml
from pydantic import ValidationError

from collectivesft.config import experiment, run
from collectivesft.config.mixture import Mixture
from collectivesft.config.section import canonical
from collectivesft.datasets import get, names
from collectivesft.scores.engines.questions import Protocol

ROOT = Path(__file__).parents[2]
WRONG = {
    "a typo at the top": ({"dataset": ["cmb"]}, "dataset: unknown key; did you mean 'datasets'?"),
    "a typo below": ({"hub": {"repo": "a/b"}}, "hub.repo: unknown key; did you mean 'repo_id'?"),
    "an unknown dataset": (
        {"datasets": ["cmd"]},
        "datasets: unknown name 'cmd'; did you mean 'cmid'?",
    ),
    "no datasets": ({"datasets": []}, "datasets: []; allowed: a list (text, at least one)"),
    "a dataset twice": ({"datasets": ["cmb", "cmb"]}, "datasets: cmb is named twice; name it once"),
    "an unknown benchmark": (
        {"benchmarks": ["cmb", "cmc"], "evaluation": {"cmc": {"kind": "choice"}}},
        "benchmarks: unknown name 'cmc'; did you mean 'cmb'?",
    ),
    "an unknown experiment": (
        {"experiments": ["nothing"], "headline": {"experiment": "nothing"}},
        "experiments: unknown name 'nothing'; known: ",
    ),
    "a wrong type": ({"gpus": "eight"}, "gpus: 'eight'; allowed: a whole number, at least 0"),
    "too few": ({"nodes": 0}, "nodes: 0; allowed: a whole number, at least 1"),
    "one example without another": (
        {"diversity_examples": 1},
        "diversity_examples: 1; allowed: 0 or a whole number, at least 2",
    ),
    "true for a number": ({"gpus": True}, "gpus: true; allowed: a whole number, at least 0"),
    "endless patience": (
        {"engine": {"timeout": float("inf")}},
        "engine.timeout: inf; allowed: a number, at least 1",
    ),
    "a list for a map": (
        {"clinical": ["judge"]},
        "clinical: ['judge']; allowed: a map of keys and values",
    ),
    "a wrong choice": ({"device": "tpu"}, "device: 'tpu'; allowed: cpu or cuda"),
    "bounds exchanged": (
        {"clean": {"min_characters": 9, "max_characters": 3}},
        "clean: min_characters 9 is above max_characters 3; exchange them",
    ),
    "a negative seed": (
        {"protocols": {"answer": {"shots_seed": -1}}},
        "protocols.answer.shots_seed: -1; allowed: a whole number, at least 0 or null",
    ),
    "a written answer in lm-eval's text": (
        {"protocols": {"answer": {"template": "lm_eval"}}},
        "protocols.answer: template lm_eval compares letters; set method to likelihood",
    ),
    "lm-eval's text of a benchmark without one": (
        {"evaluation": {"cmb": {"protocols": ["answer", "lm_eval"]}}},
        "evaluation.cmb.protocols: 'lm_eval' asks as lm-evaluation-harness, which has no text",
    ),
    "samples of a greedy protocol": (
        {"protocols": {"answer": {"samples": 3}}},
        "protocols.answer: greedy answers are all the same, and samples is 3; set temperature",
    ),
    "a headline elsewhere": (
        {"headline": {"experiment": "tiny"}},
        "headline.experiment: unknown name 'tiny'; known: ",
    ),
    "an unset variable": (
        {"raw": {"folder": "$NOT_SET_HERE/x"}},
        "raw.folder: set the environment variable $NOT_SET_HERE to a folder",
    ),
    "a cache with a brace": ({"cache": "a{y}"}, "cache: 'a{y}' has a brace, which Snakemake reads"),
    "raw files below a brace": (
        {"raw": {"folder": "/data/{y}"}},
        "raw.folder: '/data/{y}' has a brace, which Snakemake reads as a wildcard; rename it",
    ),
    "a converter below a brace": (
        {"hub": {"gguf_converter": "/a{y}/convert.py"}},
        "hub.gguf_converter: '/a{y}/convert.py' has a brace, which Snakemake reads",
    ),
    "an image with a brace": (
        {"containers": {"data": "{y}.sif"}},
        "containers.data: '{y}.sif' has a brace, which Snakemake reads",
    ),
    "a list of checksums with a brace": (
        {"sources": {"datasets/cmid": {"folder": "a", "checksums": "{y}"}}},
        "sources.datasets/cmid.checksums: '{y}' has a brace, which Snakemake reads",
    ),
    "files without a folder": (
        {"sources": {"datasets/cmid": {"files": ["a"]}}},
        "sources.datasets/cmid: files without folder; name the folder that holds them",
    ),
    "a benchmark left out": (
        {"sources": {"benchmarks/cmb": {"on_unavailable": "skip"}}},
        "sources.benchmarks/cmb.on_unavailable: a benchmark cannot be skipped",
    ),
    "a reader without options": (
        {"reader_options": {"cmedqa": {"answers": "all"}}},
        "reader_options.cmedqa: this dataset has no options; did you mean 'cmedqa2'?",
    ),
    "a wrong option of a reader": (
        {"reader_options": {"cmedqa2": {"answers": "some"}}},
        "reader_options.cmedqa2.answers: 'some'; allowed: first or all",
    ),
    "a word for on_unavailable": (
        {"raw": {"on_unavailable": "ask"}},
        "raw.on_unavailable: 'ask'; allowed: error or skip",
    ),
    "a GGUF type that nobody makes": (
        {"hub": {"gguf": "q4_k_m"}},
        "hub.gguf: 'q4_k_m'; allowed: f16, bf16, q8_0 or q4_0 or null",
    ),
    "a GGUF copy of an adapter": (
        {"hub": {"gguf": "q8_0", "weights": "adapter"}},
        "hub: weights: adapter has no whole model to copy as GGUF; set gguf to null, or",
    ),
    "a tag with a space": (
        {"hub": {"tag": "v1 0"}},
        "hub.tag: 'v1 0'; allowed: text like 'v1.0.0'",
    ),
    "an image of no environment": (
        {"containers": {"dat": "a.sif"}},
        "containers.dat: unknown key; did you mean 'data'?",
    ),
    "an adapter that full training makes none of": (
        {"hub": {"weights": "both"}},
        "hub.weights: 'both' asks for an adapter, and config/experiments/collective.yaml has "
        "training.method: full",
    ),
    "letters of cases": (
        {"evaluation": {"cmb_clin": {"kind": "choice"}}},
        "evaluation.cmb_clin.kind: 'choice' does not fit the benchmark; take clinical",
    ),
    "letters of free text": (
        {"evaluation": {"meds_bench": {"kind": "choice"}}, "benchmarks": ["cmb", "meds_bench"]},
        "evaluation.meds_bench.kind: 'choice' does not fit the benchmark; take text or upload",
    ),
    "scores of kept answers": (
        {"evaluation": {"medbench": {"kind": "text"}}, "benchmarks": ["cmb", "medbench"]},
        "evaluation.medbench.kind: 'text' does not fit the benchmark; take upload",
    ),
    "an unknown source": (
        {"sources": {"datasets/x": {"folder": "y"}}},
        "sources: unknown name 'datasets/x'; did you mean 'datasets/cmb'?",
    ),
    "a server of no kind": (
        {"engine": {"url": "http://host/v1"}},
        "engine: url is for kind openai; only that kind asks a server",
    ),
    "criteria without a judge": (
        {"clinical": {"criteria": True}},
        "clinical: criteria needs judge; name the model that lists and checks them",
    ),
    "a protocol that leads out of its folder": (
        {"protocols": {"../x": {}}},
        "protocols.../x: no name; write letters, digits, _ and -, such as my_name",
    ),
    "a curation without a name": (
        {"curation": {"": {}}},
        "curation.: no name; write letters, digits, _ and -, such as my_name",
    ),
    "a protocol twice": (
        {"evaluation": {"cmb": {"protocols": ["answer", "answer"]}}},
        "evaluation.cmb: protocols: answer is named twice; name it once",
    ),
    "a line end after a name": ({"run": "abc\n"}, "run: 'abc\\n'; allowed: text like 'my-run'"),
    "a blank path": ({"cache": " "}, "cache: ' ' is blank; name a folder or file"),
    "a line end in a path": ({"cache": "a\nb"}, "cache: 'a\\nb' has a line end, which Snakemake"),
    "a home of nobody": (
        {"cache": "~nobody-of-this-name/x"},
        "cache: no user nobody-of-this-name is known here; write ./~nobody-of-this-name for a",
    ),
    "a day that no calendar has": (
        {"fresh_since": "2024-02-31"},
        "fresh_since: 2024-02-31 is no day of the calendar; correct it",
    ),
    "a seed that torch does not take": (
        {"protocols": {"answer": {"draw_seed": 2**63}}},
        "protocols.answer.draw_seed: 9223372036854775808 is above 2^63 - 1; take a smaller one",
    ),
    "a key under two names": (
        {"protocols": {"answer": {"max_tokens": 3, "max_new_tokens": 4}}},
        "protocols.answer.max_tokens: the same key as max_new_tokens, which is there too; keep one",
    ),
    "a key under two other names": (
        {"protocols": {"answer": {"max_tokens": 3, "max_gen_toks": 4}}},
        "protocols.answer.max_gen_toks: the same key as max_tokens, which is there too; keep one",
    ),
    "a judge without a name": (
        {"clinical": {"judge": {"url": "http://host/v1"}}},
        "clinical.judge.model: missing; allowed: text, not empty",
    ),
}


def lines(path: Path, root: Path = ROOT) -> list[str]:
    """The lines that a configuration is refused with; none where it is taken."""
    try:
        config_check.load(root, path)
    except config_check.ConfigurationError as error:
        return list(error.lines)
    return []


@pytest.fixture
def wrong(tmp_path, monkeypatch):
    """Write an overlay and return the lines that it is refused with."""
    monkeypatch.chdir(tmp_path)

    def write(content: object) -> list[str]:
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        Path("mine.yaml").write_text(text, encoding="utf-8")
        return lines(Path("mine.yaml"))

    return write


@pytest.mark.parametrize("change, message", WRONG.values(), ids=list(WRONG))
def test_a_fault_is_one_line_with_file_key_value_and_what_is_allowed(wrong, change, message):
    found = wrong(change)
    assert len(found) == 1 and found[0].startswith(f"mine.yaml: {message}"), found


def test_all_faults_of_a_file_are_told_at_once(wrong):
    text = """
run: bad
device: gpu
gpus: -1
datasts: [cmid]
curation: {full: {treshold: 0.8}}
protocols: {answer: {max_new_token: 16}}
"""
    assert wrong(text) == [
        "mine.yaml: device: 'gpu'; allowed: cpu or cuda; did you mean 'cpu'?",
        "mine.yaml: gpus: -1; allowed: a whole number, at least 0",
        "mine.yaml: curation.full.treshold: unknown key; did you mean 'threshold'?",
        "mine.yaml: protocols.answer.max_new_token: unknown key; did you mean 'max_new_tokens'?",
        "mine.yaml: datasts: unknown key; did you mean 'datasets'?",
    ]


def test_faults_that_several_keys_make_are_told_at_once_too(wrong):
    found = wrong({"datasets": ["cmd", "cmb"], "sources": {"datasets/x": {"folder": "$NOT_SET"}}})
    assert [line.split(": ")[1] for line in found] == [
        "sources.datasets/x.folder", "datasets", "sources",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpus: 1\nrun: a\ngpus: 2\n", ", row 3: the key gpus twice. Keep one of the two."),
        ("- run\n- gpus\n", ": a list in place of keys and values. Write `key: value` lines."),
        ("run\n", ": a single value in place of keys and values. Write `key: value` lines."),
        ("run: [\n", ", row 2: not valid YAML at column 1. Close its quotes and brackets, and"),
        ("raw:\n\tfolder: a\n", ", row 2: not valid YAML at column 1. Close its quotes"),
        ("fresh_since: 2024-02-31\n", ", row 1: 2024-02-31 is no day of the calendar. Correct it"),
        ("gpus: !!int x\n", ", row 1: x is no whole number. Correct it, or quote it."),
        ("", None),
    ],
    ids=["a key twice", "a list", "a word", "a bracket", "a tab", "a day", "a number", "empty"],
)
def test_a_file_that_is_no_configuration_is_one_line(wrong, text, message):
    found = wrong(text)
    assert found == [] if message is None else found[0].startswith(f"mine.yaml{message}"), found
    assert len(found) == bool(message) and "\n" not in "".join(found)


def test_bytes_that_are_no_utf8_are_one_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes("run: a # 数据\n".encode("gbk"))
    (found,) = lines(path)
    assert found.startswith(f"{path}, row 1: not UTF-8")


def test_snakemake_alone_prints_the_same_lines(clone, snakemake):
    (clone / "wrong.yaml").write_text("device: gpu\nhubb: {}\n", encoding="utf-8")
    result = snakemake("-n", "--configfile", "wrong.yaml")
    assert result.returncode != 0
    assert result.stderr.splitlines() == [
        "error: wrong.yaml: device: 'gpu'; allowed: cpu or cuda; did you mean 'cpu'?",
        "error: wrong.yaml: hubb: unknown key; did you mean 'hub'?",
    ]


def test_a_gguf_copy_needs_its_converter():
    config = config_check.load(ROOT, ROOT / "config/tiny.yaml")
    config["hub"]["gguf"] = "f16"
    with pytest.raises(config_check.ConfigurationError, match="no such file; run envs/converter"):
        config_check.refuse(config_check.converter_problems(config))


def test_a_key_that_no_variable_holds_is_refused_before_anything_runs():
    judge = {"key_env": "MY_KEY"}
    config = {"engine": {"kind": "openai", "key_env": "A"}, "clinical": {"judge": judge}}
    assert not list(config_check.key_problems(config, {"A": "x", "MY_KEY": "y"}))
    (problem,) = config_check.key_problems(config, {"A": "secret"})
    assert problem.key == ("clinical", "judge", "key_env")
    assert problem.text == "MY_KEY is not set; export it with the key"


def test_paths_are_expanded_once(wrong, tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCH", "/scratch/$HOME/my files")
    path = tmp_path / "mine.yaml"
    path.write_text(
        "cache: $SCRATCH/中 文,a:b\nraw: {folder: ~/raw, checksums: '${SCRATCH}/s'}\n", "utf-8"
    )
    found = config_check.load(ROOT, path)
    assert found["cache"] == "/scratch/$HOME/my files/中 文,a:b"
    assert found["raw"]["folder"] == str(Path.home() / "raw")
    assert found["raw"]["checksums"] == "/scratch/$HOME/my files/s"


def test_former_names_and_those_of_other_tools_are_taken_with_a_note():
    old = {
        "readers": {"webmedqa": {"rows": "all"}},
        "raw": {"missing": "leave_out"},
        "sources": {"datasets/cmid": {"folder": "a", "missing": "error"}},
        "engine": {"send": "tokens"},
        "protocols": {"answer": {"stop": "settled", "num_fewshot": 2}},
    }
    new, notes = canonical(old, run.RunConfig)
    assert new == {
        "raw": {"on_unavailable": "skip"},
        "sources": {"datasets/cmid": {"folder": "a", "on_unavailable": "error"}},
        "engine": {"prompt_format": "tokens"},
        "protocols": {"answer": {"stop": "early", "shots": 2}},
        "reader_options": {"webmedqa": {"rows": "all"}},
    }
    assert "raw.missing is read as raw.on_unavailable" in notes
    assert "raw.on_unavailable: leave_out is read as skip" in notes
    assert "protocols.answer.num_fewshot is read as protocols.answer.shots" in notes
    assert canonical(new, run.RunConfig) == (new, [])


def test_a_former_name_in_a_file_overrides_the_default_of_the_present_one(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("raw: {missing: error}\n", encoding="utf-8")
    assert config_check.load(ROOT, path)["raw"]["on_unavailable"] == "error"


def test_the_last_file_has_the_last_word_under_either_name(tmp_path):
    """An alias won, whichever file it was in."""
    other, own = tmp_path / "other.yaml", tmp_path / "own.yaml"
    other.write_text("protocols: {answer: {max_tokens: 5}}\n", encoding="utf-8")
    own.write_text("protocols: {answer: {max_new_tokens: 7}}\n", encoding="utf-8")
    for paths, length in (((other, own), 7), ((own, other), 5)):
        found = config_check.load(ROOT, ROOT / "config/tiny.yaml", *paths)
        assert found["protocols"]["answer"]["max_new_tokens"] == length


def test_the_files_that_repeat_the_classes_are_up_to_date():
    for name, text in config_docs.files().items():
        assert (ROOT / name).read_text(encoding="utf-8") == text, f"{name}: run `make docs`"


def test_every_key_says_what_it_is():
    recipes = (experiment.Experiment, experiment.Training, experiment.Lora, Mixture)
    recipes += (experiment.ModelRecipe, experiment.Shape)
    whole = [(title, kind, run.RunConfig) for title, kind in config_docs.run_blocks()]
    for title, kind, top in whole + [(kind.__name__, kind, kind) for kind in recipes]:
        for key, _, _, words in config_docs.rows(kind, top.model_json_schema()):
            assert words, f"{title}: {key} has no description"


def test_the_protocol_of_the_configuration_is_that_of_the_command():
    asked = {name: field.default for name, field in run.Protocol.model_fields.items()}
    assert {name: getattr(Protocol(), name) for name in asked} == asked


def test_files_of_the_repository_are_configurations():
    for name in ("config", "demo", "tiny"):
        assert lines(ROOT / f"config/{name}.yaml") == []


def test_options_of_readers_are_known_by_their_own_files(wrong):
    with_options = [name for name in names() if hasattr(get(name), "OPTIONS")]
    choices = {
        name: {option.name: option.choices[-1] for option in get(name).OPTIONS}
        for name in with_options
    }
    assert with_options and wrong({"reader_options": choices}) == []


@pytest.mark.parametrize(
    "change, message",
    [
        ({"base": "no-such-model"}, "base: unknown name 'no-such-model'"),
        ({"base": 7}, "base: 7; allowed: text"),
        (
            {"training": {"max_length": 5000}},
            "training.max_length: 5000 tokens, tiny-random takes 4096",
        ),
        ({"mixture": {"datasets": ["cmb", "cmd"]}}, "mixture.datasets: unknown name 'cmd'"),
        ({"mixture": {"max_samples": {"cmd": 9}}}, "mixture.max_samples: unknown name 'cmd'"),
        ({"training": {"metod": "lora"}}, "training.metod: unknown key; did you mean 'method'?"),
        ({"mixture": {"datasets": ["cmb", "cmb"]}}, "mixture: datasets: cmb is named twice"),
        ({"title": ""}, "title: ''; allowed: text, not empty"),
        (
            {"training": {"max_length": 512, "cutoff_len": 64}},
            "training.cutoff_len: the same key as max_length, which is there too; keep one",
        ),
        ({"mixture": {"validaton": 0.1}}, "mixture.validaton: unknown key; did you mean"),
        (
            {"training": {"master_weights": "bfloat16", "precision": "float32"}},
            "training: master_weights bfloat16 needs precision bfloat16",
        ),
    ],
    ids=[
        "base",
        "no name",
        "max_length",
        "datasets",
        "max_samples",
        "a key",
        "a dataset twice",
        "no title",
        "two names of a key",
        "a key of the mixture",
        "two that disagree",
    ],
)
def test_what_is_wrong_in_an_experiment_is_named_with_its_file(tmp_path, change, message):
    root = own_root(tmp_path)
    path = root / "config/experiments/tiny.yaml"
    recipe = yaml.safe_load(path.read_text(encoding="utf-8")) | change
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    (found,) = lines(root / "config/tiny.yaml", root)
    assert found.startswith(f"config/experiments/tiny.yaml: {message}")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            {"kind": "hubb", "repo": "a/b"},
            "source.kind: 'hubb'; allowed: folder, hub, pypi or random; did you mean 'hub'?",
        ),
        ({"repo": "a/b"}, "source.kind: missing; allowed: folder, hub, pypi or random"),
        ({"kind": "hub", "repo": "a/b", "revision": "main"}, "source.revision: 'main'; allowed: "),
        ({"kind": "folder"}, "source.path: missing; allowed: "),
    ],
    ids=["kind", "no kind", "revision", "path"],
)
def test_the_origin_of_a_base_model_is_checked_before_anything_runs(tmp_path, source, message):
    root = own_root(tmp_path)
    path = root / "config/models/tiny-random.yaml"
    model = yaml.safe_load(path.read_text(encoding="utf-8")) | {"source": source}
    path.write_text(yaml.safe_dump(model), encoding="utf-8")
    found = lines(root / "config/tiny.yaml", root)
    assert found and found[0].startswith(f"config/models/tiny-random.yaml: {message}"), found


def test_a_base_model_s_folder_that_is_not_there_is_one_line(clone, snakemake):
    own_model(clone, source={"kind": "folder", "path": "base"}, architecture=None)
    done = snakemake("-n", "--configfile", "config/tiny.yaml")
    told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    name = "config/models/tiny-random.yaml: source.path: base"
    assert told == [f"error: {name}: no folder; put the model there, or correct the path"]
    manifest = clone / ".cache/raw/models/tiny-random/manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.touch()  # it was copied before, as in a bundle
    done = snakemake("-n", "--configfile", "config/tiny.yaml")
    assert done.returncode == 0, done.stderr


def own_model(root: Path, **changes: object) -> None:
    """Change keys of the base model of config/tiny.yaml."""
    path = root / "config/models/tiny-random.yaml"
    model = yaml.safe_load(path.read_text(encoding="utf-8")) | changes
    path.write_text(yaml.safe_dump(model), encoding="utf-8")


GENERATION = "{% generation %}{{ messages }}<end>{% endgeneration %}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GENERATION, None),
        (None, "config/models/mine.jinja: no such chat template"),
        ("{{ messages }}<end>", "config/models/mine.jinja: no {% generation %} and"),
        (GENERATION.replace("<end>", ""), "config/models/mine.jinja: does not write <end>"),
    ],
    ids=["good", "absent", "without marks", "without an end"],
)
def test_the_template_of_a_base_model_is_checked_before_anything_runs(tmp_path, text, message):
    root = own_root(tmp_path)
    own_model(root, chat_template="mine.jinja", end_of_turn="<end>")
    if text:
        (root / "config/models/mine.jinja").write_text(text, encoding="utf-8")
    found = lines(root / "config/tiny.yaml", root)
    assert (found == []) if message is None else found[0].startswith(message), found


def test_the_folder_of_a_base_model_is_expanded(tmp_path, monkeypatch):
    root = own_root(tmp_path)
    monkeypatch.setenv("SCRATCH", str(tmp_path / "my scratch"))
    own_model(root, source={"kind": "folder", "path": "$SCRATCH/base"}, architecture=None)
    assert config_check.model_folder("tiny-random", root) == f"{tmp_path}/my scratch/base"
    monkeypatch.delenv("SCRATCH")
    (line,) = lines(root / "config/tiny.yaml", root)
    assert line == (
        "config/models/tiny-random.yaml: source.path: set the environment variable $SCRATCH to a "
        "folder"
    )


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("$NOT_SET_HERE", "set the environment variable $NOT_SET_HERE to a folder"),
        ("/a{y}", "'/a{y}/mine.jinja' has a brace, which Snakemake reads as a wildcard"),
    ],
)
def test_a_template_s_path_is_refused_in_one_line(tmp_path, folder, message):
    root = own_root(tmp_path)
    own_model(root, chat_template=f"{folder}/mine.jinja", end_of_turn="<end>")
    found = lines(root / "config/tiny.yaml", root)
    start = f"config/models/tiny-random.yaml: chat_template: {message}"
    assert found[0].startswith(start), found


def own_root(folder: Path) -> Path:
    """A clone with a configuration of its own."""
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "src").symlink_to(ROOT / "src")
    return folder


def takes(tag: str) -> bool:
    """Return True if the configuration takes a tag."""
    try:
        run.Hub(tag=tag)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("tag", ["v0.1.0", "1.2", "v1.0.0-rc.1", "v1.0.0+cpu", "paper_2024"])
def test_tags_that_a_hub_takes(tag):
    assert takes(tag)


@pytest.mark.parametrize(
    "tag", ["v1 0", "", "-v1", "v1..2", "v1.", "a/b", "v1@2", "v1.lock", "v~1"]
)
def test_tags_that_no_hub_takes(tag):
    """Git's rules for a name, without folders; ``@`` parts the name of a version here."""
    assert not takes(tag)


@pytest.mark.parametrize("place", ["folder", "cache"])
def test_positions_are_read_where_a_model_is_at_hand(tmp_path, monkeypatch, place):
    root = own_root(tmp_path)
    monkeypatch.chdir(root)
    folder = root / ("mine" if place == "folder" else ".cache/models/tiny-random")
    path = root / "config/models/tiny-random.yaml"
    model = yaml.safe_load(path.read_text(encoding="utf-8"))
    del model["architecture"]
    model["source"] = {"kind": "folder", "path": "mine"}
    path.write_text(yaml.safe_dump(model), encoding="utf-8")
    folder.mkdir(parents=True)
    positions = {"text_config": {"max_position_embeddings": 511}}
    (folder / "config.json").write_text(json.dumps(positions), encoding="utf-8")
    expected = (
        "config/experiments/tiny.yaml: training.max_length: 512 tokens, tiny-random takes 511"
    )
    assert lines(root / "config/tiny.yaml", root) == [f"{expected}; lower it"]


def test_dry_run_of_the_paper_shows_the_whole_plan(clone, snakemake):
    result = snakemake("-n", timeout=500)
    assert result.returncode == 0, result.stderr
    whole = result.stdout + result.stderr
    config = yaml.safe_load((clone / "config/config.yaml").read_text(encoding="utf-8"))
    assert len(config["datasets"]) == 13
    for dataset in config["datasets"]:
        assert f"1_raw/datasets/{dataset}/manifest.json" in whole
    for name in config["experiments"]:
        assert f"3_sft/{name}/model" in whole
    for wanted in (
        "internlm2_5-7b",
        "3_sft/collective/model",
        "cmb.answer.scores.json",
        "paper.pdf",
    ):
        assert wanted in whole


def test_a_gguf_copy_is_made_only_where_it_is_asked_for(clone, snakemake):
    plan = ("-n", "--printshellcmds", "--configfile", "config/tiny.yaml")
    without = snakemake(*plan).stdout
    assert "hub release" in without
    assert not any(word in without for word in ("hub_gguf", "--gguf", '"gguf'))
    (clone / "own.py").touch()
    (clone / "mine.yaml").write_text("hub: {gguf: q8_0, gguf_converter: own.py}", encoding="utf-8")
    done = snakemake(*plan, "mine.yaml")
    assert done.returncode == 0, done.stderr
    path = "results/tiny/7_hub/tiny/gguf/CollectiveSFT-tiny-Q8_0"
    wanted = "hub gguf --model results/tiny/3_sft/tiny/model --gguf-converter own.py --gguf q8_0"
    assert f"{wanted} --name CollectiveSFT-tiny --threads 2 --out {path}.gguf" in done.stdout
    assert f" --gguf {path}.json " in done.stdout
    assert '"gguf": "q8_0"' in done.stdout and "gguf_converter" not in done.stdout


def test_damaged_lock_file_is_named(clone, snakemake):
    lock = {"datasets/cmid": {"CMID.json": {"size": 1, "sha256": "abc"}}}
    (clone / "config/raw.lock.yaml").write_text(yaml.safe_dump(lock), encoding="utf-8")
    result = snakemake("-n")
    assert result.returncode != 0
    assert result.stderr.startswith(
        "error: config/raw.lock.yaml: datasets/cmid.CMID.json.sha256: 'abc'; allowed: text"
    )


def test_the_check_needs_only_what_snakemake_s_environment_has():
    """envs/workflow.lock: `snakemake -n` of the README runs where nothing more is installed."""
    absent = ["httpx2", "huggingface_hub", "tokenizers", "torch", "transformers", "matplotlib"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
        "from pathlib import Path\nimport config_check\n"
        "for name in ('tiny', 'demo', 'config'):\n"
        "    config_check.load(Path.cwd(), Path(f'config/{name}.yaml'))\n"
    )
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "workflow/lib")])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
