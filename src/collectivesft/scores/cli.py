"""Verbs of stage scores, in the order in which they are listed."""

import typer

from collectivesft.scores.commands import choice_questions, clinical_cases, score_tables

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _stage() -> None:
    """Let models answer benchmarks and score the answers."""


for group in (choice_questions, clinical_cases, score_tables):
    app.add_typer(group.app)
