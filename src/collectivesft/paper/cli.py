"""Verbs of stage paper."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _stage() -> None:
    """Typeset the paper from result files."""


@app.command()
def values(
    run: Annotated[str, typer.Option(help="Name of the run.")],
    experiment: Annotated[str, typer.Option(help="Experiment that the abstract is about.")],
    benchmark: Annotated[str, typer.Option(help="Its benchmark.")],
    protocol: Annotated[str, typer.Option(help="Its protocol.")],
    ledger: Annotated[Path, typer.Option(help="The joined ledger.")],
    mixture: Annotated[Path, typer.Option(help="The mixture's description.")],
    contamination: Annotated[Path, typer.Option(help="The report on contamination.")],
    tokens: Annotated[Path, typer.Option(help="tokens.json of the tokens.")],
    history: Annotated[Path, typer.Option(help="Loss history, JSON Lines.")],
    recipe: Annotated[Path, typer.Option(help="YAML file of the experiment.")],
    model: Annotated[Path, typer.Option(help="YAML file of its base model.")],
    scores: Annotated[list[Path], typer.Option(help="Score files of all models; bases first.")],
    leaderboard: Annotated[Path, typer.Option(help="CSV of published scores.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    experiment_recipe: Annotated[
        list[Path] | None, typer.Option(help="YAML file of each experiment of the run.")
    ] = None,
    experiment_tokens: Annotated[
        list[str] | None,
        typer.Option(help="Each experiment's tokens: NAME=FOLDER, or FOLDER in one of that name."),
    ] = None,
    comparison: Annotated[
        list[Path] | None, typer.Option(help="JSON of `scores compare`, headline first.")
    ] = None,
    agreement: Annotated[list[Path] | None, typer.Option(help="JSON of `scores agree`.")] = None,
    contamination_effect: Annotated[
        list[Path] | None, typer.Option(help="JSON of `scores contamination`.")
    ] = None,
    planned: Annotated[
        list[Path] | None, typer.Option(help="Recipe of an experiment that the run lacks.")
    ] = None,
    clinical_leaderboard: Annotated[
        Path | None, typer.Option(help="CSV of published grades of CMB-Clin.")
    ] = None,
    perplexity: Annotated[Path | None, typer.Option(help="JSON of `sft perplexity`.")] = None,
    demo: Annotated[bool, typer.Option(help="Mark the paper as a demonstration.")] = False,
    made_up: Annotated[
        bool, typer.Option("--made-up/--published", help="All data was made up for this package.")
    ] = False,
) -> None:
    """Collect every number of the manuscript from result files.

    Example: collectivesft paper values --run demo --demo --experiment demo --benchmark cmb
    --protocol answer --ledger ledger.json --mixture mixture.json
    --contamination contamination.json --tokens tokens/tokens.json --history history.jsonl
    --recipe demo.yaml --model gemma-3-270m.yaml --scores scores.json
    --leaderboard cmb-exam-2024-03-16.csv --out values.json
    """
    from collectivesft.paper.values import Files, collect

    files = Files(
        ledger=ledger,
        mixture=mixture,
        contamination=contamination,
        tokens=tokens,
        history=history,
        recipe=recipe,
        model=model,
        leaderboard=leaderboard,
        scores=scores,
        experiments=experiment_recipe or [],
        trained=experiment_tokens or [],
        comparisons=comparison or [],
        effects=contamination_effect or [],
        agreements=agreement or [],
        planned=planned or [],
        clinical_leaderboard=clinical_leaderboard,
        perplexity=perplexity,
    )
    collect(run, demo, (experiment, benchmark, protocol), files, out, made_up)


@app.command()
def build(
    values: Annotated[Path, typer.Option(help="JSON file that `paper values` wrote.")],
    figures: Annotated[Path, typer.Option(help="Folder of the figures.")],
    manuscript: Annotated[Path, typer.Option(help="Folder with main.typ and references.bib.")],
    out: Annotated[Path, typer.Option(help="PDF to write.")],
    tables: Annotated[Path, typer.Option(help="Folder for the tables as CSV and LaTeX.")],
) -> None:
    """Typeset the paper.

    Example: collectivesft paper build --values values.json --figures figures --manuscript paper
    --out paper.pdf --tables tables
    """
    from collectivesft.paper.build import build as run

    run(values, figures, manuscript, out, tables)


@app.command()
def pages(
    page: Annotated[
        list[str], typer.Option(help="CATEGORY/TITLE=FILE of Markdown or CSV; give it repeatedly.")
    ],
    front: Annotated[Path, typer.Option(help="Markdown for the first screen of the report.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    folder: Annotated[
        list[str] | None, typer.Option(help="CATEGORY=FOLDER: a page for each CSV in it.")
    ] = None,
) -> None:
    """Turn tables, ledgers and cards into HTML pages, for the report.

    Example: collectivesft paper pages --page "Scores/All models=table.md" --front table.md
    --folder Paper=tables --out pages
    """
    from collectivesft.paper.pages import write_pages

    write_pages(_pairs(page, "--page"), _pairs(folder or (), "--folder"), front, out)


def _pairs(options: Iterable[str], name: str) -> list[tuple[str, Path]]:
    """NAME=PATH as pairs; a name has no equals sign."""
    if wrong := [option for option in options if "=" not in option]:
        raise typer.BadParameter(f"{wrong[0]!r} is not NAME=PATH", param_hint=name)
    return [(option.partition("=")[0], Path(option.partition("=")[2])) for option in options]
