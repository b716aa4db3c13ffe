"""Verbs of stage scores."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from collectivesft.config.cli_options import options_of, values

app = typer.Typer(no_args_is_help=True)

Model = Annotated[Path, typer.Option(help="Folder of the model: config, weights, tokenizer.")]
Name = Annotated[str, typer.Option(help="The model's name in results.")]
Items = Annotated[Path, typer.Option(help="JSON Lines of benchmark items.")]
Out = Annotated[Path, typer.Option(help="File to write.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads; part of the result, to the bit.")]
SampleSeed = Annotated[int, typer.Option(help="Seed of the choice that --limit makes.")]
CaseAnswers = Annotated[
    Path, typer.Option("--answers", help="JSON Lines that `scores answer-cases` wrote.")
]
ServedName = Annotated[
    str | None, typer.Option(help="The model's name on the server; --name if not given.")
]


@app.callback()
def _stage() -> None:
    """Let models answer benchmarks and score the answers."""


@app.command(cls=options_of("Protocol", "Engine", "Evaluation.limit", leave_out=["kind"]))
def predict(
    context: typer.Context,
    model: Model,
    name: Name,
    items: Items,
    out: Out,
    sample_seed: SampleSeed = 42,
    threads: Threads = 1,
    served_name: ServedName = None,
) -> None:
    """Let a model answer a benchmark's questions; a killed run resumes where it stopped.

    transformers loads the model here, unless --url or --serve names a server that has it.

    Example: collectivesft scores predict --model model --name demo --items cmb.items.jsonl
    --out cmb.predictions.jsonl --max-new-tokens 16 --threads 2
    """
    from collectivesft.scores.engines.openai_server import Server
    from collectivesft.scores.engines.questions import Protocol
    from collectivesft.scores.engines.server_process import connected
    from collectivesft.scores.predict import predict as run

    engine = values(context, "Engine")
    serve, timeout = engine.pop("serve"), engine.pop("timeout")
    server = Server(model=served_name or name, timeout_s=timeout, **engine)
    asked = values(context, "Protocol") | values(context, "Evaluation")
    options = Protocol(**asked, sample_seed=sample_seed, threads=threads)
    with connected(model, serve, server) as asked:
        run(model, name, items, out, options, asked)


@app.command()
def score(
    predictions: Annotated[Path, typer.Option(help="JSON Lines that `scores predict` wrote.")],
    items: Items,
    model: Name,
    protocol: Annotated[str, typer.Option(help="The protocol's name in results.")],
    out: Out,
    csv: Annotated[Path, typer.Option(help="CSV of the categories to write.")],
    answers: Annotated[Path, typer.Option(help="JSON Lines of the judged answers to write.")],
    base: Annotated[
        Path | None, typer.Option(help="The base model's judged answers, to compare with.")
    ] = None,
) -> None:
    """Score a model's answers: accuracies with 95 % intervals, by category and in all.

    Example: collectivesft scores score --predictions cmb.predictions.jsonl
    --items cmb.items.jsonl --model demo --protocol answer --out scores.json --csv categories.csv
    --answers answers.jsonl
    """
    from collectivesft.scores.score import score as run

    run(predictions, items, model, protocol, out, csv, answers, base)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="Judged answers that `scores score` wrote.")],
    second: Annotated[Path, typer.Argument(help="Judged answers to the same questions.")],
    out: Annotated[Path | None, typer.Option(help="JSON to write.")] = None,
    first_seed: Annotated[
        list[Path] | None, typer.Option(help="The first, trained with a further seed; repeatable.")
    ] = None,
    second_seed: Annotated[
        list[Path] | None, typer.Option(help="The second, trained with a further seed; repeatable.")
    ] = None,
) -> None:
    """Compare two models, or two protocols: differences, a paired test, agreement.

    Example: collectivesft scores compare base/cmb.answer.answers.jsonl
    tuned/cmb.answer.answers.jsonl --out comparison.json
    """
    from collectivesft.scores.compare import compare as run
    from collectivesft.scores.compare import text

    found = run(first, second, out, first_seed or (), second_seed or ())
    typer.echo(text(found, str(first), str(second)), nl=False)


@app.command(cls=options_of("Evaluation.limit"))
def completion(
    context: typer.Context,
    model: Model,
    name: Name,
    items: Items,
    out: Out,
    ngram: Annotated[int, typer.Option(min=1, help="Last tokens of an item to complete.")] = 5,
    sample_seed: SampleSeed = 42,
    threads: Threads = 1,
) -> None:
    """Measure the share of items whose last tokens a base model completes word for word.

    Example: collectivesft scores completion --model models/gemma-3-270m --name gemma-3-270m
    --items cmb.items.jsonl --out gemma-3-270m/cmb.completion.json
    """
    from collectivesft.scores.completion import measure_completion

    limit = values(context)["limit"]
    measure_completion(model, name, items, out, ngram, limit, sample_seed, threads)


@app.command()
def contamination(
    answers: Annotated[Path, typer.Option(help="Judged answers of the trained model.")],
    base: Annotated[Path, typer.Option(help="Judged answers of its base model.")],
    report: Annotated[Path, typer.Option(help="contamination.json of its curation.")],
    train: Annotated[Path, typer.Option(help="train.parquet of its mixture.")],
    model: Annotated[str, typer.Option(help="Name of the model.")],
    benchmark: Annotated[str, typer.Option(help="Name of the benchmark.")],
    protocol: Annotated[str, typer.Option(help="Name of the protocol.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
) -> None:
    """Measure the gain on items that are in the training data against the gain on the rest.

    Example: collectivesft scores contamination --answers demo/cmb.answer.answers.jsonl
    --base base/cmb.answer.answers.jsonl --report contamination.json --train train.parquet
    --model demo --benchmark cmb --protocol answer --out demo/cmb.answer.contamination.json
    """
    from collectivesft.scores.contamination import measure_effect

    measure_effect(answers, base, report, train, model, benchmark, protocol, out)


@app.command()
def dates(
    items: Annotated[list[Path], typer.Option(help="Items of a benchmark, repeatedly.")],
    answers: Annotated[
        list[Path], typer.Option(help="Judged answers of the trained model to them, in that order.")
    ],
    base: Annotated[list[Path], typer.Option(help="The same of its base model.")],
    since: Annotated[str, typer.Option(help="First date that is fresh, such as 2024-07.")],
    model: Annotated[str, typer.Option(help="Name of the model.")],
    protocol: Annotated[str, typer.Option(help="Name of the protocol.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
) -> None:
    """Compare scores on questions from before a date with those since.

    Example: collectivesft scores dates --items cmb.items.jsonl
    --answers demo/cmb.answer.answers.jsonl --base base/cmb.answer.answers.jsonl
    --items exam.items.jsonl --answers demo/exam.answer.answers.jsonl
    --base base/exam.answer.answers.jsonl --since 2024-07 --model demo --protocol answer
    --out demo/answer.dates.json
    """
    from collectivesft.scores.by_date import measure_dates

    measure_dates(items, answers, base, since, model, protocol, out)


@app.command()
def seeds(
    answers: Annotated[
        list[Path], typer.Option(help="Judged answers of one seed's training; repeatable.")
    ],
    model: Annotated[str, typer.Option(help="The experiment's name in results.")],
    benchmark: Annotated[str, typer.Option(help="The benchmark's name in results.")],
    protocol: Annotated[str, typer.Option(help="The protocol's name in results.")],
    out: Out,
) -> None:
    """Summarise one experiment over seeds: mean, interval over questions, spread over seeds.

    Example: collectivesft scores seeds --answers a/cmb.answer.answers.jsonl
    --answers a-seed43/cmb.answer.answers.jsonl --model a --benchmark cmb --protocol answer
    --out a/cmb.answer.seeds.json
    """
    from collectivesft.scores.seeds import summarise

    summarise(answers, model, benchmark, protocol, out)


@app.command()
def agree(
    answers: Annotated[
        list[str], typer.Option(help="PROTOCOL=PATH of one model's judged answers; repeatable.")
    ],
    benchmark: Annotated[str, typer.Option(help="The benchmark's name in results.")],
    out: Out,
) -> None:
    """Say how far the readings and the protocols of one model agree.

    Example: collectivesft scores agree --benchmark cmb --answers answer=cmb.answer.answers.jsonl
    --answers likelihood=cmb.likelihood.answers.jsonl --out cmb.agreement.json
    """
    from collectivesft.scores.agree import agree as run

    run(answers, benchmark, out)


@app.command()
def submit(
    answers: Annotated[Path, typer.Option(help="Judged answers that `scores score` wrote.")],
    items: Items,
    out: Out,
    reading: Annotated[
        Literal["corrected", "official"], typer.Option(help="Whose letters to hand in.")
    ] = "corrected",
) -> None:
    """Write the file that the benchmark's leaderboard takes, and check it.

    Example: collectivesft scores submit --answers cmb.answer.answers.jsonl
    --items cmb.items.jsonl --out model_answer.json
    """
    from collectivesft.scores.submit import submit as run

    unread = run(answers, items, reading, out)
    typer.echo(f"{out}: complete; {unread} questions have no letter.")


@app.command(
    "answer-cases",
    cls=options_of("CaseAnswers", "Engine", "Evaluation.limit", leave_out=["kind"]),
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
    asked |= values(context, "Evaluation") | {"sample_seed": sample_seed, "threads": threads}
    with connected(model, serve, server) as found:
        run(model, name, items, out, **asked, server=found)


@app.command(cls=options_of("Judge"))
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

    done = run(answers, items, cache, out, _judge_of(context, 256))
    typer.echo(_told(out, done, "graded", "replies without grades"))


def _judge_of(context: typer.Context, max_tokens: int) -> Any:
    """Return the judge of a command's options."""
    from collectivesft.scores.engines.chat_judge import Judge

    given = values(context)
    given |= {"max_tokens": given["max_tokens"] or max_tokens, "body": given["body"] or {}}
    return Judge(timeout_s=given.pop("timeout"), **given)


def _told(out: Path, done: dict[str, int], what: str, without: str) -> str:
    """Return a line on what a judge was asked, and the remedy for replies that were cut short."""
    end = f", {done['cut']} of them cut short: raise max_tokens." if done["cut"] else "."
    return (
        f"{out}: {done['asked']} {what} now ({done['retried']} tries again), "
        f"{done['kept']} before; {done['unparsed']} {without}{end}"
    )


@app.command(cls=options_of("Judge"))
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

    done = list_criteria(items, cache, out, _judge_of(context, 1024))
    typer.echo(_told(out, done, "lists of criteria", "questions without criteria"))


@app.command(cls=options_of("Judge"))
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

    done = run(answers, items, criteria, cache, out, _judge_of(context, 1024))
    typer.echo(_told(out, done, "answers checked", "answers without verdicts"))


@app.command("score-cases")
def score_cases(
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

    run(answers, model, out, grades, second_grades, checks, second_checks)


@app.command("score-text")
def score_text(
    predictions: Annotated[Path, typer.Option(help="JSON Lines that `scores predict` wrote.")],
    items: Items,
    model: Name,
    protocol: Annotated[str, typer.Option(help="The protocol's name in results.")],
    out: Out,
    csv: Annotated[Path, typer.Option(help="CSV of the tasks to write.")],
    answers: Annotated[Path, typer.Option(help="JSON Lines of the judged answers to write.")],
    base: Annotated[
        Path | None, typer.Option(help="The base model's judged answers, to compare with.")
    ] = None,
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
    predictions: Annotated[Path, typer.Option(help="JSON Lines that `scores predict` wrote.")],
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
