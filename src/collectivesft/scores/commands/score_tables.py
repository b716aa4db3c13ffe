"""Commands for answers in free text, and for tables and files of scores."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from collectivesft.scores.commands.shared_options import (
    BaseAnswers,
    Items,
    JudgedOut,
    Name,
    Out,
    Predictions,
    ProtocolName,
)

app = typer.Typer()


@app.command("score-text")
def score_text(
    predictions: Predictions,
    items: Items,
    model: Name,
    protocol: ProtocolName,
    out: Out,
    csv: Annotated[Path, typer.Option(help="CSV of the tasks to write.")],
    answers: JudgedOut,
    base: BaseAnswers = None,
) -> None:
    """Score a model's answers in free text, each task by its own metric, with 95 % intervals.

    Example: collectivesft scores score-text --predictions meds_bench.predictions.jsonl
    --items meds_bench.items.jsonl --model demo --protocol write --out scores.json --csv tasks.csv
    --answers answers.jsonl
    """
    from collectivesft.scores.score_text import score_text as run

    run(predictions, items, model, protocol, out, csv, answers, base)


@app.command()
def upload(
    predictions: Predictions,
    items: Items,
    out: Out,
) -> None:
    """Write the zip that a benchmark which keeps its answers takes, and check it.

    Example: collectivesft scores upload --predictions medbench.predictions.jsonl
    --items medbench.items.jsonl --out medbench.upload.zip
    """
    from collectivesft.scores.upload import upload as run

    empty = run(predictions, items, out)
    typer.echo(f"{out}: complete; {empty} answers are empty.")


@app.command()
def table(
    scores: Annotated[list[Path], typer.Option(help="Scores of one model; give it repeatedly.")],
    leaderboard: Annotated[Path, typer.Option(help="CSV of published CMB scores.")],
    csv: Annotated[Path, typer.Option(help="CSV to write.")],
    markdown: Annotated[Path, typer.Option(help="Markdown to write.")],
    latex: Annotated[Path, typer.Option(help="LaTeX to write.")],
    clinical_leaderboard: Annotated[
        Path | None, typer.Option(help="CSV of published grades of CMB-Clin.")
    ] = None,
    seeds: Annotated[
        list[Path] | None, typer.Option(help="Summary of `scores seeds`; give it repeatedly.")
    ] = None,
    contamination: Annotated[
        list[Path] | None, typer.Option(help="JSON of `scores contamination`, repeatedly.")
    ] = None,
    completion: Annotated[
        list[Path] | None, typer.Option(help="JSON of `scores completion`, repeatedly.")
    ] = None,
    dates: Annotated[
        list[Path] | None, typer.Option(help="JSON of `scores dates`, repeatedly.")
    ] = None,
) -> None:
    """Put scores into one table: CSV, Markdown and LaTeX.

    Example: collectivesft scores table --scores a.scores.json --scores b.scores.json
    --leaderboard resources/leaderboard/cmb-exam-2024-03-16.csv
    --clinical-leaderboard resources/leaderboard/cmb-clin-2024-03-16.csv
    --csv table.csv --markdown table.md --latex table.tex
    """
    from collectivesft.scores.table import write_tables

    more = (seeds or (), contamination or (), completion or (), dates or ())
    write_tables(scores, leaderboard, csv, markdown, latex, clinical_leaderboard, *more)


@app.command()
def export(
    scores: Annotated[Path, typer.Option(help="Score file of a choice benchmark.")],
    answers: Annotated[
        Path, typer.Option(help="Judged answers that `scores score` wrote with it.")
    ],
    model_id: Annotated[str, typer.Option(help="The model's owner/name.")],
    out: Annotated[Path, typer.Option(help="Folder to write data/BENCHMARK/OWNER/NAME/ in.")],
    format_: Annotated[
        Literal["eee"], typer.Option("--format", help="eee: Every Eval Ever 0.3.0.")
    ] = "eee",
    made_up: Annotated[
        bool, typer.Option("--made-up/--published", help="The questions were made up.")
    ] = False,
    time: Annotated[
        int | None, typer.Option(help="Seconds since 1970; by default those of the score file.")
    ] = None,
) -> None:
    """Write scores and answers in a form that collections of evaluations read.

    Example: collectivesft scores export --format eee --scores cmb.answer.scores.json
    --answers cmb.answer.answers.jsonl --model-id me/model --out eee
    """
    from collectivesft.scores.export import export_eee

    typer.echo(export_eee(scores, answers, model_id, out, made_up=made_up, time=time))


@app.command()
def show(table: Annotated[Path, typer.Option(help="CSV that `scores table` wrote.")]) -> None:
    """Print a table of scores: drawn on a terminal, aligned text elsewhere.

    Example: collectivesft scores show --table table.csv
    """
    from collectivesft.scores.show import show as run

    run(table)
