"""Verbs of stage figures."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)

Out = Annotated[
    Path, typer.Option(help="Figure to write; .svg, .pdf, .png and .csv of this name are made.")
]


@app.callback()
def _stage() -> None:
    """Draw the figures."""


@app.command()
def mixture(
    mixture: Annotated[Path, typer.Option(help="JSON that `curated mix` wrote.")],
    ledger: Annotated[Path, typer.Option(help="JSON that `curated ledger` wrote.")],
    out: Out,
) -> None:
    """Draw what a mixture consists of: sets, styles, languages, lengths.

    Example: collectivesft figures mixture --mixture mixture.json --ledger ledger.json
    --out mixture.svg
    """
    from collectivesft.figures.mixture import draw_file

    draw_file(mixture, ledger, out)


@app.command()
def curation(
    ledger: Annotated[Path, typer.Option(help="JSON that `curated ledger` wrote.")],
    out: Out,
) -> None:
    """Draw the rows that each step of the curation kept and dropped.

    Example: collectivesft figures curation --ledger ledger.json --out curation.svg
    """
    from collectivesft.figures.curation import draw_file

    draw_file(ledger, out)


@app.command()
def loss(
    history: Annotated[list[str], typer.Option(help="NAME=PATH of a training log; repeatable.")],
    out: Out,
) -> None:
    """Draw the training loss of one or more experiments.

    Example: collectivesft figures loss --history demo=history.jsonl --out loss.svg
    """
    from collectivesft.figures.loss import draw_files

    draw_files(history, out)


@app.command()
def accuracy(
    scores: Annotated[
        list[Path], typer.Option(help="JSON that `scores score` wrote; base models first.")
    ],
    leaderboard: Annotated[Path, typer.Option(help="CSV of published scores.")],
    out: Out,
    base: Annotated[
        list[str] | None, typer.Option(help="Name of a base model; the first one if not given.")
    ] = None,
    headline: Annotated[
        str | None, typer.Option(help="Experiment in front; the first one if not given.")
    ] = None,
) -> None:
    """Draw the accuracy of base and fine-tuned models by category.

    Example: collectivesft figures accuracy --scores base/cmb.answer.scores.json
    --scores demo/cmb.answer.scores.json --leaderboard cmb-exam-2024-03-16.csv --out accuracy.svg
    """
    from collectivesft.figures.accuracy import draw_files

    draw_files(scores, leaderboard, base or (), headline, out)
