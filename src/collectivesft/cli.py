"""The command line: one group per stage, loaded only when it is called.

A stage's module is imported on demand because each stage runs in its own
environment: the data environment has no torch, the paper environment no datasets.
"""

import importlib
import io
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated, Literal

import click
import typer
from typer.core import TyperGroup

from collectivesft import __version__
from collectivesft.common.errors import UserError, explain_os_error

STAGES = {
    "raw": "Fetch raw files and verify them.",
    "curated": "Turn raw files into clean, unique, uncontaminated training examples.",
    "sft": "Supervised fine-tuning of a base model on a mixture.",
    "scores": "Let models answer benchmarks and score the answers.",
    "figures": "Draw the figures.",
    "paper": "Typeset the paper from result files.",
    "hub": "Publish a model to the Hugging Face Hub and verify what arrived.",
}


class StageGroup(TyperGroup):
    """Lists all stages without importing them; imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*STAGES, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in STAGES:
            return super().get_command(ctx, name)
        module = importlib.import_module(f"collectivesft.{name}.cli")
        # Not get_command, which would offer each stage to install the shell's completion.
        command = typer.main.get_group(module.app)
        command.name, command.short_help = name, STAGES[name]
        verb = next(iter(command.commands))
        command.epilog = f"Example: collectivesft {name} {verb} --help"
        return command


app = typer.Typer(
    cls=StageGroup, no_args_is_help=True, epilog="Example: collectivesft raw status --help"
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True),
) -> None:
    """CollectiveSFT, stage by stage: collectivesft STAGE VERB --help explains each."""


@app.command()
def ask(
    question: str = typer.Argument(help="What to ask."),
    model: str = typer.Option(
        None,
        help=r"A folder, or owner/name\[@revision] on the Hub; else this version's own release.",
    ),
    new_tokens: int = typer.Option(512, min=1, help="Most tokens of the answer."),
    base: str = typer.Option(None, help="The base model, for a release of an adapter alone."),
) -> None:
    """Ask a published model one question; the answer comes as it is written.

    Example: collectivesft ask "高血压患者日常饮食应注意什么？" --model me/model@v1
    """
    from collectivesft.hub.ask import MODEL
    from collectivesft.hub.ask import ask as run

    run(question, model or MODEL, new_tokens, base)


@app.command()
def new(
    kind: Annotated[
        Literal["dataset", "benchmark", "model", "experiment"], typer.Argument(help="Kind of file.")
    ],
    name: Annotated[str, typer.Argument(help="Its name in configurations and results.")],
    root: Annotated[Path, typer.Option(help="Folder of the clone.")] = Path(),
    yaml: Annotated[
        bool, typer.Option("--yaml", help="A dataset or benchmark without code.")
    ] = False,
) -> None:
    """Write a new dataset, benchmark, base model or experiment with its test, ready to edit.

    Example: collectivesft new dataset ward_qa
    """
    from collectivesft.extend.new_file import next_steps, write_new

    for path in write_new(kind, name, root, yaml):
        typer.echo(f"written  {path}")
    for step in next_steps(kind, name, yaml):
        typer.echo(f"next     {step}")


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="datasets/NAME or benchmarks/NAME.")],
    files: Annotated[list[Path], typer.Argument(help="Its files, or one folder of them.")],
) -> None:
    """Read files of one dataset or benchmark as a run would, and judge them; nothing is written.

    Example: collectivesft check datasets/ward_qa my/raw/questions.jsonl
    """
    from collectivesft.extend.check_files import check_files

    for line in check_files(name, files):
        typer.echo(line)


def main() -> None:
    """Run the command line; every problem ends as one message and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no Chinese shows question marks; it is no reason to end.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except UserError as error:
        fail(str(error), error.exit_code)
    except OSError as error:
        message = explain_os_error(error)
        fail(message or unexpected(error))
    except Exception as error:
        fail(unexpected(error))


def unexpected(error: Exception) -> str:
    """Keep the traceback of a fault in the code; return the message of one line about it.

    The stderr of a job is its log and gets the traceback. At a terminal it goes to a file.
    """
    text = "".join(traceback.format_exception(error))
    words = " ".join(str(error).split())
    message = f"{type(error).__name__}: {words} ({_place(error)}). "
    if not sys.stderr.isatty():
        sys.stderr.write(text)
        return f"{message}This is a fault in the code; the traceback is {_log_of_stderr()}."
    with tempfile.NamedTemporaryFile(
        "w", prefix="collectivesft-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(text)
    return f"{message}This is a fault in the code; the traceback is in {log.name}."


def _log_of_stderr() -> str:
    """Name the file into which stderr is written; ``above`` where the system does not tell it."""
    try:
        # `2> log` of a rule; a pipe has no name.
        log = Path(os.readlink("/proc/self/fd/2"))
    except OSError:  # macOS has no /proc
        return "above"
    if not log.is_file():
        return "above"
    here = Path.cwd()
    return f"in {log.relative_to(here) if log.is_relative_to(here) else log}"


def _place(error: Exception) -> str:
    """Name the innermost line of this package, which includes the files of extenders."""
    frames = traceback.extract_tb(error.__traceback__)
    package = Path(__file__).parent
    own = [one for one in frames if Path(one.filename).is_relative_to(package)]
    frame = (own or frames)[-1]
    path = Path(frame.filename)
    shown = path.relative_to(package) if path.is_relative_to(package) else path
    return f"{shown}, line {frame.lineno}"


def fail(message: str, code: int = 1) -> None:
    """Print ``error: message`` on stderr and exit."""
    sys.stderr.write(f"error: {message}\n")
    sys.stderr.flush()
    sys.exit(code)
