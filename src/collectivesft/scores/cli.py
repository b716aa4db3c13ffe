"""Verbs of stage scores."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True)

Model = Annotated[Path, typer.Option(help="Folder of the model: config, weights, tokenizer.")]
Name = Annotated[str, typer.Option(help="The model's name in results.")]
Items = Annotated[Path, typer.Option(help="JSON Lines of benchmark items.")]
Out = Annotated[Path, typer.Option(help="File to write.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads; part of the result, to the bit.")]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Take only so many items, evenly over sub-categories.")
]
SampleSeed = Annotated[int, typer.Option(help="Seed of the choice that --limit makes.")]
MaxNewTokens = Annotated[int, typer.Option(min=1, help="Most tokens of one answer.")]
CaseAnswers = Annotated[
    Path, typer.Option("--answers", help="JSON Lines that `scores answer-cases` wrote.")
]
Url = Annotated[
    str | None,
    typer.Option(help="OpenAI-compatible server to ask, such as http://127.0.0.1:8000/v1."),
]
Serve = Annotated[
    str | None,
    typer.Option(help="Command that starts one: {model}, {name} and {port} are filled in."),
]
ServedName = Annotated[
    str | None, typer.Option(help="The model's name on the server; --name if not given.")
]
KeyEnv = Annotated[str | None, typer.Option(help="Environment variable with the server's key.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Requests at once.")]
Timeout = Annotated[float, typer.Option(min=1, help="Longest silence of the server, seconds.")]
PromptFormat = Annotated[
    Literal["text", "tokens", "text_without_bos"],
    typer.Option(help="Send the server the prompt as text, its ids, or the text without its BOS."),
]
Extensions = Annotated[
    bool, typer.Option(help="Send fields beyond OpenAI's own, which vLLM and SGLang know.")
]


def _object(text: str) -> dict:
    """A JSON object."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise typer.BadParameter("not a JSON object")
    return found


def _orders(text: str) -> str | int:
    """``published``, ``rotations`` or a number from 2."""
    if text in ("published", "rotations"):
        return text
    if text.isascii() and text.isdigit() and int(text) >= 2:
        return int(text)
    raise typer.BadParameter("not published, rotations or a number from 2")


@app.callback()
def _stage() -> None:
    """Let models answer benchmarks and score the answers."""


@app.command()
def predict(
    model: Model,
    name: Name,
    items: Items,
    out: Out,
    method: Annotated[
        Literal["generate", "likelihood"],
        typer.Option(help="Write an answer, or compare the probabilities of the letters."),
    ] = "generate",
    style: Annotated[
        Literal["answer_only", "cot"],
        typer.Option(help="Ask for letters only, or reason first."),
    ] = "answer_only",
    shots: Annotated[int, typer.Option(min=0, help="Solved examples before the question.")] = 0,
    shots_seed: Annotated[
        int | None,
        typer.Option(help="Draw them for each question, as CMB does; else in the file's order."),
    ] = None,
    template: Annotated[
        Literal["chat", "plain", "cmb"],
        typer.Option(help="The tokenizer's chat template, plain text, or CMB's own words."),
    ] = "chat",
    preset: Annotated[
        Literal["official", "corrected"],
        typer.Option(help="Prompt as the benchmark's code makes it, or without its faults."),
    ] = "corrected",
    stop: Annotated[
        Literal["early", "end"],
        typer.Option(help="End answers once nothing more can change their reading, or let them."),
    ] = "early",
    orders: Annotated[
        str,
        typer.Option(
            parser=_orders,
            metavar="published|rotations|INTEGER",
            help="Orders of the options in which each question is asked; INTEGER: drawn ones.",
        ),
    ] = "published",
    max_new_tokens: MaxNewTokens = 512,
    batch_size: Annotated[int, typer.Option(min=1, help="Questions in one batch.")] = 16,
    limit: Limit = None,
    sample_seed: SampleSeed = 42,
    threads: Threads = 1,
    url: Url = None,
    serve: Serve = None,
    served_name: ServedName = None,
    key_env: KeyEnv = None,
    concurrency: Concurrency = 32,
    timeout: Timeout = 600,
    prompt_format: PromptFormat = "text",
    extensions: Extensions = True,
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

    options = Protocol(
        method=method,
        style=style,
        shots=shots,
        shots_seed=shots_seed,
        template=template,
        preset=preset,
        stop=stop,
        orders=orders,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        limit=limit,
        sample_seed=sample_seed,
        threads=threads,
    )
    server = Server(
        url, served_name or name, key_env, concurrency, timeout, prompt_format, extensions
    )
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


@app.command("answer-cases")
def answer_cases(
    model: Model,
    name: Name,
    items: Items,
    out: Out,
    max_new_tokens: MaxNewTokens = 512,
    limit: Limit = None,
    sample_seed: SampleSeed = 42,
    threads: Threads = 1,
    url: Url = None,
    serve: Serve = None,
    served_name: ServedName = None,
    key_env: KeyEnv = None,
    concurrency: Concurrency = 32,
    timeout: Timeout = 600,
    prompt_format: PromptFormat = "text",
    extensions: Extensions = True,
) -> None:
    """Let a model answer clinical cases, turn by turn; a killed run resumes where it stopped.

    Example: collectivesft scores answer-cases --model model --name demo
    --items cmb_clin.items.jsonl --out cases.answers.jsonl --limit 2
    """
    from collectivesft.scores.answer_cases import answer_cases as run
    from collectivesft.scores.engines.openai_server import Server
    from collectivesft.scores.engines.server_process import connected

    server = Server(
        url, served_name or name, key_env, concurrency, timeout, prompt_format, extensions
    )
    with connected(model, serve, server) as asked:
        run(
            model,
            name,
            items,
            out,
            max_new_tokens=max_new_tokens,
            limit=limit,
            sample_seed=sample_seed,
            threads=threads,
            server=asked,
        )


@app.command()
def judge(
    answers: CaseAnswers,
    items: Items,
    cache: Annotated[Path, typer.Option(help="JSON Lines of replies; grows, never paid twice.")],
    out: Out,
    url: Annotated[str, typer.Option(help="OpenAI-compatible chat server, up to /v1.")],
    model: Annotated[str, typer.Option(help="The judge's name on the server.")],
    key_env: KeyEnv = None,
    concurrency: Concurrency = 8,
    timeout: Timeout = 120,
    input_price: Annotated[float, typer.Option(min=0, help="Of a million tokens read.")] = 0,
    output_price: Annotated[float, typer.Option(min=0, help="Of a million tokens written.")] = 0,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Most tokens of one reply, thoughts included.")
    ] = 256,
    body: Annotated[
        dict | None,
        typer.Option(
            parser=_object, metavar="JSON", help="Fields to add or replace; null leaves one out."
        ),
    ] = None,
) -> None:
    """Let a chat model grade answers to clinical cases: fluency, relevance, completeness,
    proficiency, 1 to 5 each.

    Example: collectivesft scores judge --answers cases.answers.jsonl
    --items cmb_clin.items.jsonl --cache judge.jsonl --out cases.grades.jsonl
    --url https://api.openai.com/v1 --model gpt-4o --key-env OPENAI_API_KEY
    """
    from collectivesft.scores.judge import Judge
    from collectivesft.scores.judge import judge as run

    prices = (input_price, output_price)
    by = Judge(url, model, key_env, concurrency, timeout, *prices, max_tokens, body or {})
    done = run(answers, items, cache, out, by)
    typer.echo(
        f"{out}: {done['asked']} graded now ({done['retried']} tries again), "
        f"{done['kept']} before; {done['unparsed']} replies without grades"
        + (f", {done['cut']} of them cut short: raise max_tokens." if done["cut"] else ".")
    )


@app.command("score-cases")
def score_cases(
    answers: CaseAnswers,
    model: Name,
    out: Out,
    grades: Annotated[
        Path | None, typer.Option(help="JSON Lines that `scores judge` wrote of these answers.")
    ] = None,
) -> None:
    """Compare a model's answers to clinical cases with the references: BLEU-4 and ROUGE-L.

    Example: collectivesft scores score-cases --answers cases.answers.jsonl --model demo
    --out cases.scores.json
    """
    from collectivesft.scores.score_cases import score_cases as run

    run(answers, model, out, grades)


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
) -> None:
    """Put scores into one table: CSV, Markdown and LaTeX.

    Example: collectivesft scores table --scores a.scores.json --scores b.scores.json
    --leaderboard resources/leaderboard/cmb-exam-2024-03-16.csv
    --clinical-leaderboard resources/leaderboard/cmb-clin-2024-03-16.csv
    --csv table.csv --markdown table.md --latex table.tex
    """
    from collectivesft.scores.table import write_tables

    write_tables(scores, leaderboard, csv, markdown, latex, clinical_leaderboard, seeds or ())


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
