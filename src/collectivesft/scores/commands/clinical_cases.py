"""Commands for clinical cases: answer them, and let judges grade or check the answers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from collectivesft.config.cli_options import options_of, values
from collectivesft.scores.commands.shared_options import (
    CaseAnswers,
    Items,
    Model,
    Name,
    Out,
    SampleSeed,
    ServedName,
    Threads,
)

app = typer.Typer()


@app.command(
    "answer-cases",
    cls=options_of("CaseAnswers", "Engine", leave_out=["kind"], of="scores answer-cases"),
)
def answer_cases(
    context: typer.Context,
    model: Model,
    name: Name,
    items: Items,
    out: Out,
    sample_seed: SampleSeed = 42,
    threads: Threads = 1,
    served_name: ServedName = None,
) -> None:
    """Let a model answer clinical cases, turn by turn; a killed run resumes where it stopped.

    Example: collectivesft scores answer-cases --model model --name demo
    --items cmb_clin.items.jsonl --out cases.answers.jsonl --limit 2
    """
    from collectivesft.scores.answer_cases import answer_cases as run
    from collectivesft.scores.engines.openai_server import Server
    from collectivesft.scores.engines.server_process import connected

    engine, asked = values(context, "Engine"), values(context, "CaseAnswers")
    serve, timeout = engine.pop("serve"), engine.pop("timeout")
    server = Server(model=served_name or name, timeout_s=timeout, **engine)
    asked |= values(context, "scores answer-cases")
    asked |= {"sample_seed": sample_seed, "threads": threads}
    with connected(model, serve, server) as found:
        run(model, name, items, out, **asked, server=found)


@app.command(cls=options_of("Judge", of="scores judge"))
def judge(
    context: typer.Context,
    answers: CaseAnswers,
    items: Items,
    cache: Annotated[Path, typer.Option(help="JSON Lines of replies; grows, never paid twice.")],
    out: Out,
) -> None:
    """Let a chat model grade answers to clinical cases: fluency, relevance, completeness,
    proficiency, 1 to 5 each.

    Example: collectivesft scores judge --answers cases.answers.jsonl
    --items cmb_clin.items.jsonl --cache judge.jsonl --out cases.grades.jsonl
    --url https://api.openai.com/v1 --model gpt-4o --key-env OPENAI_API_KEY
    """
    from collectivesft.scores.judge import judge as run

    more = values(context, "scores judge")
    done = run(answers, items, cache, out, _judge_of(context, 256), **more)
    typer.echo(_told(out, done, "graded", "replies without grades"))


@app.command(cls=options_of("Judge", of="scores criteria"))
def criteria(
    context: typer.Context,
    items: Items,
    cache: Annotated[Path, typer.Option(help="JSON Lines of lists; grows, never paid twice.")],
    out: Out,
) -> None:
    """Let a chat model list yes/no criteria from the references of clinical cases, once for all
    models.

    Example: collectivesft scores criteria --items cmb_clin.items.jsonl --cache criteria.cache.jsonl
    --out cmb_clin.criteria.jsonl --url https://api.openai.com/v1 --model gpt-4o
    --key-env OPENAI_API_KEY
    """
    from collectivesft.scores.criteria_check import list_criteria

    more = values(context, "scores criteria")
    done = list_criteria(items, cache, out, _judge_of(context, 1024), **more)
    typer.echo(_told(out, done, "lists of criteria", "questions without criteria"))


@app.command(cls=options_of("Judge", of="scores check"))
def check(
    context: typer.Context,
    answers: CaseAnswers,
    items: Items,
    criteria: Annotated[Path, typer.Option(help="JSON Lines that `scores criteria` wrote.")],
    cache: Annotated[Path, typer.Option(help="JSON Lines of replies; grows, never paid twice.")],
    out: Out,
) -> None:
    """Let a chat model say yes or no to each criterion of answers to clinical cases.

    Example: collectivesft scores check --answers cases.answers.jsonl --items cmb_clin.items.jsonl
    --criteria cmb_clin.criteria.jsonl --cache checks.cache.jsonl --out cases.checks.jsonl
    --url https://api.openai.com/v1 --model gpt-4o --key-env OPENAI_API_KEY
    """
    from collectivesft.scores.criteria_check import check as run

    more = values(context, "scores check")
    done = run(answers, items, criteria, cache, out, _judge_of(context, 1024), **more)
    typer.echo(_told(out, done, "answers checked", "answers without verdicts"))


@app.command("score-cases", cls=options_of(of="scores score-cases"))
def score_cases(
    context: typer.Context,
    answers: CaseAnswers,
    model: Name,
    out: Out,
    grades: Annotated[
        Path | None, typer.Option(help="JSON Lines that `scores judge` wrote of these answers.")
    ] = None,
    second_grades: Annotated[
        Path | None, typer.Option(help="The same by a second judge, for their agreement.")
    ] = None,
    checks: Annotated[
        Path | None, typer.Option(help="JSON Lines that `scores check` wrote of these answers.")
    ] = None,
    second_checks: Annotated[
        Path | None, typer.Option(help="The same by a second judge, for their agreement.")
    ] = None,
) -> None:
    """Compare a model's answers to clinical cases with the references: BLEU-4 and ROUGE-L.

    Example: collectivesft scores score-cases --answers cases.answers.jsonl --model demo
    --out cases.scores.json
    """
    from collectivesft.scores.score_cases import score_cases as run

    judged = (grades, second_grades, checks, second_checks)
    run(answers, model, out, *judged, **values(context))


def _judge_of(context: typer.Context, max_tokens: int) -> Any:
    """Return the judge of a command's options."""
    from collectivesft.scores.engines.chat_judge import Judge

    given = values(context, "Judge")
    given |= {"max_tokens": given["max_tokens"] or max_tokens, "body": given["body"] or {}}
    return Judge(timeout_s=given.pop("timeout"), **given)


def _told(out: Path, done: dict[str, int], what: str, without: str) -> str:
    """Return a line on what a judge was asked, and the remedy for replies that were cut short."""
    end = f", {done['cut']} of them cut short: raise max_tokens." if done["cut"] else "."
    return (
        f"{out}: {done['asked']} {what} now ({done['retried']} tries again), "
        f"{done['kept']} before; {done['unparsed']} {without}{end}"
    )
