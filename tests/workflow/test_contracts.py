"""The contracts of the house, as tests: rules, modules, folders and files that belong together."""

import ast
import re
from pathlib import Path
from textwrap import dedent

import pytest

from collectivesft import benchmarks, datasets
from collectivesft.cli import STAGES

ROOT = Path(__file__).parents[2]
RULE_FILES = sorted((ROOT / "workflow/rules").glob("[0-9]_*.smk"))
SOURCES = sorted((ROOT / "src/collectivesft").rglob("*.py"))
DEMO = ROOT / "resources/demo/raw"


def rules() -> dict[str, str]:
    """Name to text of every rule; one that a loop makes from a table stands by its pattern."""
    found = {}
    for path in RULE_FILES:
        text = path.read_text(encoding="utf-8")
        for loop in re.findall(r"^for .*:\n\n((?:    .*\n|\n)+)", text, flags=re.M):
            name = re.search(r'name:\n +f"(\w+)_\{\w+\}"', loop)[1]
            text = text.replace(loop, dedent(loop).replace("rule:\n", f"rule {name}_each:\n", 1))
        parts = re.split(r"^rule (\w+):\n", text, flags=re.M)
        found |= dict(zip(parts[1::2], parts[2::2], strict=True))
    return found


RULES = rules()


DIRECTIVES = (
    "input", "output", "log", "benchmark", "resources", "threads", "conda", "container", "shell",
)  # fmt: skip


def faults_of_a_rule(name: str) -> list[str]:
    """Check one rule; returns a line for each contract that it breaks."""
    text = RULES[name]
    verb = r"([\w-]+|\{params.command\})"
    commands = re.findall(rf"(?:python -m|\{{params.launch\}}) collectivesft (\w+) {verb}", text)
    holds = {f"has {it}:": bool(re.search(rf"^    {it}:", text, re.M)) for it in DIRECTIVES} | {
        "calls one command": len(commands) == 1,
        "calls a command of its stage": name.split("_")[0] in {stage for stage, _ in commands},
        "writes messages to its log": "2> {log}" in text,
        "has a shell command": not re.search(r"^    (run|script|notebook|wrapper):", text, re.M),
        "lists the code it runs": "code=" in text,
        "keeps logs with those of its stage": re.search(r"log:\n\s+f\"\{LOGS\}/\d_", text),
        "has no absolute path": not re.search(r"[\"'\s]/(?!usr/bin/env)\w+/", text),
        "knows no token": not re.search(r"(?i)(?:\b|_)token\b", text),
    }
    return [f"{name}: not true that it {contract}" for contract, true in holds.items() if not true]


def test_rules_keep_their_contracts():
    assert len(RULES) > 30
    assert not [fault for name in RULES for fault in faults_of_a_rule(name)]


def test_every_stage_has_a_rule_file_a_package_and_a_number():
    stages = [f"{number}_{stage}" for number, stage in enumerate(STAGES, start=1)]
    names = [path.stem for path in RULE_FILES]
    # A stage's further files begin with the name of its first.
    assert list(dict.fromkeys("_".join(name.split("_")[:2]) for name in names)) == stages
    assert set(stages) <= set(names)
    snakefile = (ROOT / "workflow/Snakefile").read_text(encoding="utf-8")
    assert [name for name in names if f'include: "rules/{name}.smk"' not in snakefile] == []
    for stage in STAGES:
        assert (ROOT / "src/collectivesft" / stage / "cli.py").is_file()


def test_files_of_rules_define_no_functions():
    for path in [*RULE_FILES, ROOT / "workflow/Snakefile"]:
        assert not re.search(r"^\s*(def|class) ", path.read_text(encoding="utf-8"), re.M), path


def faults_of_a_module(path: Path) -> list[str]:
    """Check one module of the package; returns a line for each contract that it breaks."""
    text = path.read_text(encoding="utf-8")
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    breaks = {
        "imports snakemake": "snakemake" in imported,
        "imports pickle": "pickle" in imported,
        "names a path of results": re.search(r"[\"'/]results/", text),
        "names config.yaml": "config.yaml" in text,
        "evaluates text": re.search(r"(?<![\w.])(eval|exec)\(", text),
    }
    return [f"{path.relative_to(ROOT)}: {fault}" for fault, true in breaks.items() if true]


def test_package_knows_nothing_of_the_workflow():
    assert len(SOURCES) > 100
    assert not [fault for path in SOURCES for fault in faults_of_a_module(path)]


def test_stages_load_without_torch_until_they_need_it():
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from collectivesft.cli import STAGES\n"
        "import importlib\n"
        "for stage in STAGES: importlib.import_module(f'collectivesft.{stage}.cli')\n"
        "heavy = {'torch', 'transformers', 'datasets', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


ENVIRONMENTS = {  # the lock in which each rule's modules are run, and the packages that it uses
    "data": ["common", "sources", "schema", "readers", "raw", "curated", "datasets", "benchmarks"],
    "model-cpu": ["common", "models", "sft", "scores", "benchmarks", "hub"],
    "paper": ["figures", "paper"],
}

IMPORT_WITHOUT = """
import importlib, pkgutil, sys
packages = sys.argv[2].split(",")
sys.modules |= dict.fromkeys(sys.argv[1].split(","))  # None: not found
for package in packages:
    found = importlib.import_module(f"collectivesft.{package}")
    for module in pkgutil.walk_packages(found.__path__, f"{found.__name__}."):
        if ".fake." not in module.name:  # the Hub of tests, whose server only they have
            importlib.import_module(module.name)
"""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_modules_load_with_what_their_environment_has(environment):
    """Packages of the development environment only are hidden (an image failed for httpx so)."""
    import subprocess
    import sys
    from importlib.metadata import packages_distributions

    lock = (ROOT / f"envs/{environment}.lock").read_text(encoding="utf-8")
    locked = {name.lower() for name in re.findall(r"^([\w.-]+)==", lock, re.M)}
    missing = [
        module
        for module, owners in packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} & locked
        and module not in {"collectivesft", "pip"}
    ]
    assert "pytest" in missing
    command = [sys.executable, "-c", IMPORT_WITHOUT, ",".join(missing)]
    result = subprocess.run(
        [*command, ",".join(ENVIRONMENTS[environment])], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


PAPER_SETS = [
    "pubmedqa", "medmcqa", "headqa", "cmedqa2", "cmeddialogue", "webmedqa", "medicaldialogue",
    "cmid", "nlpec", "mlecqa", "discmed", "medqa", "cmb",
]  # fmt: skip


def faults_of_a_dataset(name: str) -> list[str]:
    """Check one dataset of the paper; returns a line for each part that it lacks."""
    module = datasets.get(name)
    files = [DEMO / "datasets" / name / raw.path for raw in module.SOURCE.files]
    has = {
        "a source of its name": module.SOURCE.name == name,
        "a licence": module.SOURCE.licence,
        "a prompt": module.PROMPT,
        "a homepage": module.SOURCE.homepage.startswith("http"),
        "a golden file": (ROOT / f"tests/datasets/golden/{name}.jsonl").is_file(),
    } | {f"the demo file {path.name}": path.is_file() for path in files}
    return [f"{name} lacks {part}" for part, there in has.items() if not there]


def test_dataset_has_reader_source_demo_files_and_golden_file():
    assert not [fault for name in PAPER_SETS for fault in faults_of_a_dataset(name)]


def test_benchmark_has_a_source_with_a_licence():
    sources = {name: benchmarks.get(name).SOURCE for name in benchmarks.names()}
    assert sources
    assert not [
        name
        for name, source in sources.items()
        if source.name != name or not source.licence or not source.files
    ]


def test_citation_keys_stand_in_the_bibliography():
    bib = (ROOT / "paper/references.bib").read_text(encoding="utf-8")
    keys = set(re.findall(r"@\w+\{([^,]+),", bib))
    sources = [datasets.get(name).SOURCE for name in datasets.names()]
    sources += [benchmarks.get(name).SOURCE for name in benchmarks.names()]
    assert {source.citation for source in sources} <= keys


def test_the_versions_of_all_files_agree():
    from collectivesft import __version__

    assert f"version: {__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert __version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_demo_checksums_list_every_demo_file():
    lines = (DEMO / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {line.split("  ", 1)[1] for line in lines}
    there = {str(p.relative_to(DEMO)) for p in DEMO.rglob("*") if p.is_file()} - {"SHA256SUMS"}
    assert listed == there


def test_no_option_can_lose_its_value():
    """Snakemake quotes an empty text as nothing, so its option would take the next one."""
    faults = []
    for path in sorted((ROOT / "workflow/rules").glob("[0-9]*.smk")):
        text = path.read_text(encoding="utf-8")
        empty = set(re.findall(r'^ +(\w+)=.* or "",$', text, re.M))
        quoted = set(re.findall(r"--[a-z-]+ \{params\.(\w+):q\}", text))
        faults += [f"{path.name}: {name}" for name in sorted(empty & quoted)]
    assert faults == []


def test_every_line_of_progress_names_whose_it_is():
    """Jobs of two curations or sources run at once: words that are always the same name none."""
    labels = {"Reporter": 0, "track": 1}
    calls = [
        (path, node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in labels
    ]
    fixed = [
        f"{path.name}:{call.lineno}"
        for path, call in calls
        if isinstance(call.args[labels[call.func.id]], ast.Constant)
    ]
    assert len(calls) > 10 and fixed == []
