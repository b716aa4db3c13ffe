"""A knob takes two files: its field, and the code that uses it.

A copy of the package gets one knob more in each section, by these two edits only. Its workflow
plans a run, and the planned command lines are called: each step tells the value that reached it.
A key that decides whether a rule has work takes its field and the file of that rule.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.helpers import snakemake_server

ROOT = Path(__file__).parents[2]
LINKED = ("Snakefile", "envs", "paper", "containers", "resources")
REFUSED = '        raise UserError(f"{fault[0].upper()}{fault[1:]} in the protocol.")\n'
TELL = '__import__("sys").stderr.write(f"{name} is {{{value}}}\\n")'


def in_function(function: str, end_there: bool = True):
    """Let a function take the knob, tell it and end."""

    def edit(text: str, name: str) -> str:
        end = text.index(") -> ", text.index(f"def {function}("))
        body = text.index(":\n", end) + 2
        use = f"    {TELL.format(name=name, value=name)}\n" + "    raise SystemExit\n" * end_there
        return f"{text[:end]}    {name}: int = 0,\n{text[end:body]}{use}{text[body:]}"

    return edit


def after_line(line: str, owner: str, end_there: bool = True):
    """Tell the knob of an object after a line, and end."""

    def edit(text: str, name: str) -> str:
        use = TELL.format(name=name, value=f"{owner}.{name}")
        return once(text, line, f"{line}    {use}\n" + "    raise SystemExit\n" * end_there)

    return edit


def in_class(line: str):
    """Let a plain class have the knob after the last of its fields, and tell it when it is made."""

    def edit(text: str, name: str) -> str:
        use = (
            f"    def __post_init__(self):\n        {TELL.format(name=name, value=f'self.{name}')}"
        )
        return once(text, line, f"{line}    {name}: int = 0\n\n{use}\n")

    return edit


def once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


# The section's class, the file of its field, its place in the configuration, the command of its
# step, the file of its use, the edit there.
KNOBS = {
    "Source": (
        "run", "sources.datasets/cmid", "raw fetch", "raw/fetch", in_function("fetch_source"),
    ),
    "Clean": ("run", "clean", "curated clean", "curated/clean", in_function("clean_file")),
    "Dedup": ("run", "curation.full", "curated dedup", "curated/dedup", in_function("dedup_files")),
    "Decontaminate": (
        "run", "curation.full", "curated decontaminate", "curated/decontaminate",
        in_function("decontaminate_file"),
    ),
    "Mixture": (
        "mixture", "experiment.mixture", "curated mix", "curated/mix",
        after_line("    mixture = read_mixture(recipe, draw)\n", "mixture"),
    ),
    "Training": (
        "experiment", "experiment.training", "sft train", "sft/train",
        after_line("    experiment = read_experiment(recipe)\n", "experiment.training"),
    ),
    "Protocol": (
        "protocol", "protocols.answer", "scores predict", "scores/predict",
        after_line(REFUSED, "options"),
    ),
    "Engine": (
        "answering", "engine", "scores predict", "scores/engines/openai_server",
        in_class("    extensions: bool = True\n"),
    ),
    "CaseAnswers": (
        "answering", "clinical", "scores answer-cases", "scores/answer_cases",
        in_function("answer_cases"),
    ),
    "Judge": (
        "answering", "clinical.judge", "scores judge", "scores/engines/chat_judge",
        in_class("    body: dict[str, Any] = field(default_factory=dict)\n"),
    ),
    "GgufCopy": ("publishing", "hub", "hub gguf", "hub/gguf", in_function("make")),
    "ModelCard": ("publishing", "hub", "hub release", "hub/release", in_function("release")),
    "Upload": (
        "publishing", "hub", "hub push", "hub/client/sync",
        in_class("    owned: tuple[str, ...] = ()\n"),
    ),
    # Of these sections no command takes all keys: the field names its command.
    "RunConfig": (
        "run", "", "scores dates", "scores/by_date", in_function("measure_dates"),
    ),
    "Raw": ("run", "raw", "raw fetch", "raw/fetch", in_function("fetch_source", end_there=False)),
    "Evaluation": (
        "answering", "evaluation.cmb", "scores predict", "scores/predict",
        after_line(REFUSED, "options", end_there=False),
    ),
    "Clinical": (
        "answering", "clinical", "scores score-cases", "scores/score_cases",
        in_function("score_cases"),
    ),
}  # fmt: skip
MARKED = ("RunConfig", "Raw", "Evaluation", "Clinical")
VALUES = {kind: number for number, kind in enumerate(KNOBS, start=11)}
FIELD = '\n    new_{}: {} = Field(3, ge=1, description="one more knob")\n'
# A key that decides whether a rule has work: section, its file, its place, the words of the rule.
DECIDING = {
    "RunConfig": ("run", "", 'config["asks_runconfig"]'),
    "Clinical": ("answering", "clinical", 'config["clinical"]["asks_clinical"]'),
    "Evaluation": ("answering", "evaluation.cmb", 'EVALUATION["cmb"]["asks_evaluation"]'),
}
DECIDES = '\n    asks_{}: int | None = Field(None, description="measure one thing more")\n'
RULE = """

if {value}:
    ASKED.append(f"{{SCORES}}/{name}.json")

    rule scores_{name}:
        output:
            f"{{SCORES}}/{name}.json",
        params:
            value={value},
        shell:
            "echo {{params.value}} for {name} > {{output}}"
"""
SERVER = {"url": "http://127.0.0.1:9/v1"}
OVERLAY = {
    "engine": {"kind": "openai", **SERVER},
    "fresh_since": "2024-07",
    "clinical": {"judge": {"model": "m", **SERVER}},
    "hub": {"gguf": "q8_0", "gguf_converter": "own.py"},
}
# Calls all lines in one process: each process would import the same for a second.
CALL = """
import shlex, sys
from collectivesft.cli import app
for line in sys.stdin.read().splitlines():
    sys.stderr.write(f"$ {line}\\n")
    try:
        app(shlex.split(line))
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\\n")
"""


def add_field(path: Path, kind: str, field: str) -> None:
    """Write a field below the docstring of a section, and what it imports."""
    pattern = rf'(class {kind}\((?:.*)\):\n    """(?:.|\n)*?"""\n)'
    text, times = re.subn(pattern, rf"\g<1>{field}", path.read_text("utf-8"), count=1)
    assert times == 1, kind
    imported = "from typing import Annotated\nfrom collectivesft.config.section import OptionOf\n"
    path.write_text(once(text, "\nfrom pydantic ", f"\n{imported}from pydantic "), "utf-8")


def add_knobs(folder: Path) -> None:
    package = folder / "src/collectivesft"
    for kind, (model, _, command, step, use) in KNOBS.items():
        known = f'Annotated[int, OptionOf("{command}")]' if kind in MARKED else "int"
        path = package / f"config/{model}.py"
        add_field(path, kind, FIELD.format(kind.lower(), known))
        path = package / f"{step}.py"
        path.write_text(use(path.read_text("utf-8"), f"new_{kind.lower()}"), encoding="utf-8")
    for kind, (model, _, value) in DECIDING.items():
        add_field(package / f"config/{model}.py", kind, DECIDES.format(kind.lower()))
        with (folder / "workflow/rules/4_scores.smk").open("a", encoding="utf-8") as rules:
            rules.write(RULE.format(name=f"asks_{kind.lower()}", value=value))


def set_knobs(folder: Path) -> None:
    """Write a run that gives each knob a value of its own."""
    paths = {name: folder / f"config/{name}.yaml" for name in ("tiny", "experiments/tiny")}
    run, experiment = (yaml.safe_load(path.read_text("utf-8")) for path in paths.values())
    for key, value in OVERLAY.items():
        run[key] = run.get(key, {}) | value if isinstance(value, dict) else value
    wanted = [(keys, f"new_{kind.lower()}", VALUES[kind]) for kind, (_, keys, *_) in KNOBS.items()]
    wanted += [(keys, f"asks_{kind.lower()}", 77) for kind, (_, keys, _) in DECIDING.items()]
    for keys, name, value in wanted:
        block = {"experiment": experiment} if keys.startswith("experiment") else run
        for key in filter(None, keys.split(".")):
            block = block.setdefault(key, {})
        block[name] = value
    for path, content in zip(paths.values(), (run, experiment), strict=True):
        path.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.fixture(scope="module")
def with_knobs(tmp_path_factory) -> Path:
    """A copy of the package with all knobs, whose tiny run does not set them yet."""
    folder = tmp_path_factory.mktemp("knobs")
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    for name in ("src", "workflow", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "own.py").touch()
    add_knobs(folder)
    return folder


def planned(folder: Path) -> str:
    options = ("--configfile", "config/tiny.yaml", "-n", "-p", "all", "publish")
    plan = subprocess.run(
        [snakemake_server.command(), *options], cwd=folder, capture_output=True, text=True,
        env=snakemake_server.with_command(), check=False,
    )  # fmt: skip
    assert plan.returncode == 0, plan.stdout + plan.stderr
    return plan.stdout + plan.stderr


@pytest.fixture(scope="module")
def plans(with_knobs) -> tuple[str, str]:
    """The plan before the knobs are set, and the plan after it."""
    before = planned(with_knobs)
    set_knobs(with_knobs)
    return before, planned(with_knobs)


@pytest.fixture(scope="module")
def told(with_knobs, plans) -> dict[str, str]:
    """Command to what one of its planned lines wrote, that of protocol `answer` if there is one."""
    lines = {}
    for line in re.findall(r"-m collectivesft (.*?) 2> ", plans[1]):
        command = " ".join(shlex.split(line)[:2])
        chosen = (".answer.predictions", "--source datasets/cmid")
        if command not in lines or any(part in line for part in chosen):
            lines[command] = line
    wanted = {command: lines[command] for _, _, command, _, _ in KNOBS.values()}
    done = subprocess.run(
        [sys.executable, "-c", CALL], cwd=with_knobs, input="\n".join(wanted.values()), text=True,
        env=snakemake_server.with_command() | {"PYTHONPATH": str(with_knobs / "src")},
        capture_output=True, check=True,
    )  # fmt: skip
    parts = re.split(r"^\$ ", done.stderr, flags=re.M)[1:]
    return dict(zip(wanted, parts, strict=True))


@pytest.mark.parametrize("kind", KNOBS)
def test_a_field_and_its_use_are_enough(told, kind):
    said = told[KNOBS[kind][2]]
    assert f"\nnew_{kind.lower()} is {VALUES[kind]}\n" in said


@pytest.mark.parametrize("kind", DECIDING)
def test_a_key_that_decides_on_a_rule_takes_its_field_and_the_rule(plans, kind):
    before, after = plans
    assert f"scores_asks_{kind.lower()}" not in before
    assert f"echo 77 for asks_{kind.lower()} > results/tiny/4_scores/" in after
