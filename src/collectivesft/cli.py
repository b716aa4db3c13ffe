"""The command line: one group per stage, loaded only when it is called.

A stage's module is imported on demand because each stage runs in its own
environment: the data environment has no torch, the paper environment no datasets.
"""

import importlib
import io
import sys

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


def main() -> None:
    """Run the command line; a known problem ends as one message and its exit code."""
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
        if message is None:
            raise
        fail(message)


def fail(message: str, code: int = 1) -> None:
    """Print ``error: message`` on stderr and exit."""
    sys.stderr.write(f"error: {message}\n")
    sys.stderr.flush()
    sys.exit(code)
