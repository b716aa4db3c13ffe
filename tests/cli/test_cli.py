"""The command line: every command explains itself with an example, and starts quickly."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from collectivesft import cli

ROOT = Path(__file__).parents[2]
GROUP = typer.main.get_group(cli.app)


def commands() -> list[tuple[str, ...]]:
    """Every command: none, a stage, a stage and a verb."""
    found: list[tuple[str, ...]] = [()]
    for stage in cli.STAGES:
        group = GROUP.get_command(None, stage)
        found += [(stage,), *((stage, verb) for verb in group.commands)]
    return found


def shown(*arguments: str) -> str:
    """Return a command's output without the frames and line breaks of its help."""
    done = CliRunner().invoke(cli.app, arguments)
    assert done.exit_code == 0, done.output
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", done.output).split())


def test_help_has_an_example_of_this_very_command():
    assert len(commands()) > 50
    assert not [
        command
        for command in commands()
        if f"Example: collectivesft {' '.join(command)}".strip() not in shown(*command, "--help")
    ]


def faults_of_an_example(stage: str, name: str) -> list[str]:
    """Compare the example in a command's help with its options."""
    verb = GROUP.get_command(None, stage).commands[name]
    example = " ".join(verb.help.split()).partition("Example: ")[2]
    used = set(re.findall(r"(?<!\S)--[a-z0-9-]+", example.partition(" -- ")[0]))
    options = [p for p in verb.params if p.param_type_name == "option"]
    known = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    must = {option.opts[0] for option in options if option.required}
    unknown, missing = used - known, must - used
    return [f"{stage} {name}: unknown {option}" for option in sorted(unknown)] + [
        f"{stage} {name}: the example lacks {option}" for option in sorted(missing)
    ]


def test_the_example_of_a_command_has_options_that_exist_and_those_it_must_have():
    verbs = [command for command in commands() if len(command) == 2]
    assert not [fault for command in verbs for fault in faults_of_an_example(*command)]


def test_the_list_of_stages_names_them():
    text = shown("--help")
    for stage, what in cli.STAGES.items():
        assert f" {stage} {what}" in text


def test_only_the_root_installs_completion():
    assert "--install-completion" in shown("--help")
    assert "--install-completion" not in shown("raw", "--help")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "collectivesft", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", {*cli.STAGES, "ask", "new", "check"}),
        ("cur", {"curated"}),
        ("raw fetch", {"fetch", "fetch-model"}),
    ],
)
def test_a_shell_completes_stages_and_verbs(typed, offered):
    words = ["collectivesft", *typed.split(" ")]
    done = CliRunner().invoke(
        cli.app,
        prog_name="collectivesft",
        env={
            "_COLLECTIVESFT_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        },
    )
    assert set(done.output.split()) == offered


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("scores", "--help")])
def test_it_starts_without_what_only_its_commands_need(arguments):
    """Modules, not seconds: those depend on what else the machine does."""
    code = (
        "import sys\nfrom collectivesft.cli import app\n"
        f"try: app({list(arguments)})\nfinally: print('\\nLOADED', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    loaded = done.stdout.rpartition("LOADED")[2].split()
    assert "typer" in loaded
    heavy = {"torch", "transformers", "datasets", "numpy", "polars", "pyarrow", "matplotlib"}
    assert not heavy & set(loaded)


def test_no_colours_where_nobody_wants_them():
    assert "\x1b[" in run("--help", FORCE_COLOR="1").stdout
    plain = run("--help", FORCE_COLOR="1", NO_COLOR="1").stdout
    assert not re.search(r"\x1b\[[\d;]*3[0-7]", plain), "a colour"


def test_an_unknown_stage_or_verb_is_one_message():
    for arguments in (("rwa",), ("raw", "fetsh")):
        done = run(*arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert "No such command" in done.stderr


def test_a_terminal_that_knows_no_chinese_shows_the_rest():
    done = run("ask", "--help", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0 and "owner/name[@revision]" in done.stdout and "??" in done.stdout
