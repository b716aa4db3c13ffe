"""Commands for questions: let a model answer them; score, compare and hand in letters."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from collectivesft.config.cli_options import options_of, values
from collectivesft.scores.commands.shared_options import (
    BaseAnswers,
    Items,
    JudgedOut,
    Model,
    Name,
    Out,
    Predictions,
    ProtocolName,
    SampleSeed,
    ServedName,
    Threads,
)

app = typer.Typer()


@app.command(cls=options_of("Protocol", "Engine", leave_out=["kind"], of="scores predict"))
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
    asked = values(context, "Protocol") | values(context, "scores predict")
    options = Protocol(**asked, sample_seed=sample_seed, threads=threads)
    with connected(model, serve, server) as asked:
        run(model, name, items, out, options, asked)


@app.command()
def score(
    predictions: Predictions,
    items: Items,
    model: Name,
    protocol: ProtocolName,
    out: Out,
    csv: Annotated[Path, typer.Option(help="CSV of the categories to write.")],
    answers: JudgedOut,
    base: BaseAnswers = None,
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


@app.command(cls=options_of(of="scores completion"))
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

    more = values(context) | {"sample_seed": sample_seed, "threads": threads}
    measure_completion(model, name, items, out, ngram, **more)


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


@app.command(cls=options_of(of="scores dates"))
def dates(
    context: typer.Context,
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

    measure_dates(items, answers, base, since, model, protocol, out, **values(context))


@app.command()
def seeds(
    answers: Annotated[
        list[Path], typer.Option(help="Judged answers of one seed's training; repeatable.")
    ],
    model: Annotated[str, typer.Option(help="The experiment's name in results.")],
    benchmark: Annotated[str, typer.Option(help="The benchmark's name in results.")],
    protocol: ProtocolName,
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
