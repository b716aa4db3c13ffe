"""Verbs of stage figures."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)

Out = Annotated[
    Path, typer.Option(help="Figure to write; .svg, .pdf, .png and .csv of this name are made.")
]
Mixture = Annotated[Path, typer.Option(help="JSON that `curated mix` wrote.")]
Ledger = Annotated[Path, typer.Option(help="JSON that `curated ledger` wrote.")]
Scores = Annotated[
    list[Path], typer.Option(help="JSON that `scores score` wrote; base models first.")
]
Recipes = Annotated[list[Path], typer.Option("--recipe", help="Recipe of an experiment.")]
Base = Annotated[
    list[str] | None, typer.Option(help="Name of a base model; the first one if not given.")
]
Headline = Annotated[
    str | None, typer.Option(help="Experiment in front; the first one if not given.")
]
Leaderboard = Annotated[Path, typer.Option(help="CSV of published scores.")]
Demo = Annotated[bool, typer.Option(help="Say that the questions are the demonstration's own.")]


@app.callback()
def _stage() -> None:
    """Draw the figures."""


@app.command()
def mixture(mixture: Mixture, ledger: Ledger, out: Out) -> None:
    """Draw the composition of a mixture: datasets, styles, languages.

    Example: collectivesft figures mixture --mixture mixture.json --ledger ledger.json
    --out mixture.svg
    """
    from collectivesft.figures.mixture import draw_file

    draw_file(mixture, ledger, out)


@app.command()
def lengths(mixture: Mixture, ledger: Ledger, out: Out) -> None:
    """Draw how long the examples are, by style and by dataset.

    Example: collectivesft figures lengths --mixture mixture.json --ledger ledger.json
    --out lengths.svg
    """
    from collectivesft.figures.lengths import draw_file

    draw_file(mixture, ledger, out)


@app.command()
def curation(ledger: Ledger, out: Out) -> None:
    """Draw the rows that each step of the curation kept and dropped.

    Example: collectivesft figures curation --ledger ledger.json --out curation.svg
    """
    from collectivesft.figures.curation import draw_file

    draw_file(ledger, out)


@app.command()
def contamination(
    report: Annotated[Path, typer.Option(help="Report that `curated decontaminate` wrote.")],
    ledger: Ledger,
    out: Out,
) -> None:
    """Draw in which datasets benchmark questions were found.

    Example: collectivesft figures contamination --report contamination.json
    --ledger ledger.json --out contamination.svg
    """
    from collectivesft.figures.contamination import draw_file

    draw_file(report, ledger, out)


@app.command()
def loss(
    history: Annotated[
        list[str], typer.Option(help="Training log: NAME=PATH, or PATH in a folder of that name.")
    ],
    out: Out,
) -> None:
    """Draw the training loss of one or more experiments.

    Example: collectivesft figures loss --history demo=history.jsonl --out loss.svg
    """
    from collectivesft.figures.loss import draw_files

    draw_files(history, out)


@app.command()
def accuracy(
    scores: Scores,
    leaderboard: Leaderboard,
    out: Out,
    base: Base = None,
    headline: Headline = None,
    demo: Demo = False,
) -> None:
    """Draw the accuracy of base and fine-tuned models by category.

    Example: collectivesft figures accuracy --scores base/cmb.answer.scores.json
    --scores demo/cmb.answer.scores.json --leaderboard cmb-exam-2024-03-16.csv --out accuracy.svg
    """
    from collectivesft.figures.accuracy import draw_files

    draw_files(scores, leaderboard, base or (), headline, out, demo)


@app.command()
def subcategories(scores: Scores, out: Out, base: Base = None, headline: Headline = None) -> None:
    """Draw the accuracy in each sub-category, as a heat map.

    Example: collectivesft figures subcategories --scores base/cmb.answer.scores.json
    --scores demo/cmb.answer.scores.json --out subcategories.svg
    """
    from collectivesft.figures.subcategories import draw_files

    draw_files(scores, base or (), headline, out)


@app.command()
def ablations(
    scores: Scores,
    comparison: Annotated[
        list[Path], typer.Option(help="JSON of `scores compare`, headline first, model second.")
    ],
    recipe: Recipes,
    out: Out,
    base: Base = None,
    headline: Headline = None,
) -> None:
    """Draw each experiment's score and its paired difference from the headline.

    Example: collectivesft figures ablations --scores base/cmb.answer.scores.json
    --scores demo/cmb.answer.scores.json --comparison base/cmb.answer.comparison.json
    --recipe demo.yaml --out ablations.svg
    """
    from collectivesft.figures.ablations import draw_files

    draw_files(scores, comparison, recipe, base or (), headline, out)


@app.command()
def diversity(
    mixture: Annotated[
        list[str], typer.Option(help="NAME=PATH of JSON that `curated mix` wrote, with a budget.")
    ],
    scores: Scores,
    recipe: Recipes,
    out: Out,
    diversity: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH of JSON that `sft diversity` wrote, of every mixture."),
    ] = None,
) -> None:
    """Draw accuracy against the diversity of mixtures with the same number of examples.

    Example: collectivesft figures diversity --mixture one=one/mixture.json
    --mixture all=all/mixture.json --scores one/cmb.answer.scores.json
    --scores all/cmb.answer.scores.json --recipe one.yaml --recipe all.yaml --out diversity.svg
    """
    from collectivesft.figures.diversity import draw_files

    draw_files(mixture, scores, recipe, out, diversity or ())


@app.command("data-size")
def data_size(
    scores: Scores,
    tokens: Annotated[
        list[str], typer.Option(help="Folder of tokens: NAME=PATH, or PATH in one of that name.")
    ],
    recipe: Recipes,
    headline: Annotated[str, typer.Option(help="Experiment in front.")],
    out: Out,
) -> None:
    """Draw accuracy against the number of training examples.

    Example: collectivesft figures data-size --scores base/cmb.answer.scores.json
    --scores demo/cmb.answer.scores.json --tokens demo/tokens --recipe demo.yaml
    --headline demo --out data-size.svg
    """
    from collectivesft.figures.data_size import draw_files

    draw_files(scores, tokens, recipe, headline, out)


@app.command()
def parameters(
    scores: Scores,
    base_recipe: Annotated[list[Path], typer.Option(help="Recipe of a base model.")],
    recipe: Recipes,
    leaderboard: Leaderboard,
    headline: Annotated[str, typer.Option(help="Experiment in front.")],
    out: Out,
    demo: Demo = False,
) -> None:
    """Draw accuracy against the number of parameters, with the leaderboard's models.

    Example: collectivesft figures parameters --scores base/cmb.answer.scores.json
    --scores demo/cmb.answer.scores.json --base-recipe gemma-3-270m.yaml --recipe demo.yaml
    --leaderboard cmb-exam-2024-03-16.csv --headline demo --out parameters.svg
    """
    from collectivesft.figures.parameters import draw_files

    draw_files(scores, base_recipe, recipe, leaderboard, headline, out, demo)


@app.command()
def agreement(
    agreement: Annotated[list[Path], typer.Option(help="JSON of `scores agree`, bases first.")],
    out: Out,
    headline: Headline = None,
) -> None:
    """Draw how far readings and protocols agree.

    Example: collectivesft figures agreement --agreement base/cmb.agreement.json
    --agreement demo/cmb.agreement.json --out agreement.svg
    """
    from collectivesft.figures.agreement import draw_files

    draw_files(agreement, headline, out)
