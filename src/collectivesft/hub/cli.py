"""Verbs of stage hub."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from collectivesft.config.cli_options import options_of, values

app = typer.Typer(no_args_is_help=True)

MadeUp = Annotated[
    bool, typer.Option("--made-up/--published", help="All data was made up for this package.")
]
Manifest = Annotated[Path, typer.Option(help="Manifest of the release.")]


@app.callback()
def _stage() -> None:
    """Publish a model to the Hugging Face Hub and verify what arrived."""


@app.command()
def answer(
    model: Annotated[Path, typer.Option(help="Folder of the model.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    threads: Annotated[int | None, typer.Option(help="CPU threads; part of the result.")] = None,
) -> None:
    """Record the model's answer to the fixed question, to be compared after a download.

    Example: collectivesft hub answer --model model --out answer.json
    """
    from collectivesft.hub.answer import record

    record(model, out, threads=threads)


@app.command(cls=options_of("GgufCopy"))
def gguf(
    context: typer.Context,
    model: Annotated[Path, typer.Option(help="Folder of the model.")],
    name: Annotated[str, typer.Option(help="The model's name, written into the file.")],
    out: Annotated[Path, typer.Option(help="GGUF file to write.")],
    report: Annotated[Path, typer.Option(help="JSON to write: the copy's facts and distance.")],
    threads: Annotated[int, typer.Option(help="CPU threads; part of the comparison.")] = 2,
) -> None:
    """Write a copy of a model as one GGUF file (llama.cpp, Ollama) and compare its answers.

    `envs/converter` gets the converter.

    Example: collectivesft hub gguf --model model --name Model-7B --gguf q8_0
    --gguf-converter .tools/llama.cpp/convert_hf_to_gguf.py --out Model-7B-Q8_0.gguf
    --report gguf.json
    """
    from collectivesft.hub.gguf import make

    make(model, name=name, out=out, report=report, threads=threads, **values(context))


@app.command(cls=options_of("ModelCard"))
def release(
    context: typer.Context,
    run: Annotated[str, typer.Option(help="Name of the run.")],
    repo: Annotated[str, typer.Option(help="owner/name on the Hub.")],
    experiment: Annotated[str, typer.Option(help="Name of the experiment.")],
    model: Annotated[Path, typer.Option(help="Folder of the model.")],
    recipe: Annotated[Path, typer.Option(help="YAML file of the experiment.")],
    base_recipe: Annotated[Path, typer.Option(help="YAML file of its base model.")],
    ledger: Annotated[Path, typer.Option(help="The joined ledger.")],
    mixture: Annotated[Path, typer.Option(help="The mixture's description.")],
    data_card: Annotated[Path, typer.Option(help="The mixture's data card.")],
    contamination: Annotated[Path, typer.Option(help="The report on contamination.")],
    history: Annotated[Path, typer.Option(help="Loss history, JSON Lines.")],
    tokens: Annotated[Path, typer.Option(help="tokens.json of the tokens.")],
    table: Annotated[Path, typer.Option(help="CSV table of scores.")],
    scores: Annotated[list[Path], typer.Option(help="Score files of the model and its base.")],
    raw: Annotated[list[Path], typer.Option(help="Manifests of the raw sources.")],
    lock: Annotated[Path, typer.Option(help="Lock of the environment that trained it.")],
    card: Annotated[Path, typer.Option(help="README.md to write.")],
    manifest: Annotated[Path, typer.Option(help="Manifest to write.")],
    demo: Annotated[bool, typer.Option(help="Mark the card as a demonstration.")] = False,
    made_up: MadeUp = False,
    files: Annotated[Path | None, typer.Option(help="Folder to write: scores and more.")] = None,
    answer: Annotated[Path | None, typer.Option(help="Answer that `hub answer` wrote.")] = None,
    trained: Annotated[Path | None, typer.Option(help="Folder that `sft train` wrote.")] = None,
    base: Annotated[Path | None, typer.Option(help="Folder of the base model.")] = None,
    other: Annotated[list[Path] | None, typer.Option(help="Further results, by digest.")] = None,
    locks: Annotated[list[Path] | None, typer.Option(help="Locks of all environments.")] = None,
    answers: Annotated[list[Path] | None, typer.Option(help="Judged answers, by digest.")] = None,
    gguf: Annotated[
        Path | None, typer.Option(help="Report of `hub gguf`, next to its file.")
    ] = None,
    tag: Annotated[str, typer.Option(help="Version on the Hub.")] = "",
    settings: Annotated[str, typer.Option(help="The run's configuration as JSON.")] = "{}",
) -> None:
    """Write the model card, the manifest of a release, and the files next to them.

    Example: collectivesft hub release --run demo --demo --repo me/model --experiment demo
    --model model --recipe demo.yaml --base-recipe gemma-3-270m.yaml --ledger ledger.json
    --mixture mixture.json --data-card data-card.md --contamination contamination.json
    --history history.jsonl --tokens tokens/tokens.json --table table.csv
    --scores a.scores.json --scores b.scores.json --raw raw/cmid/manifest.json
    --lock envs/model-cpu.lock --card README.md --manifest manifest.json
    """
    import json

    from collectivesft.hub.release import Inputs
    from collectivesft.hub.release import release as write

    inputs = Inputs(
        model=model, recipe=recipe, base_recipe=base_recipe, ledger=ledger, mixture=mixture,
        data_card=data_card, contamination=contamination, history=history, tokens=tokens,
        table=table, lock=lock, scores=tuple(scores), raw=tuple(raw), answer=answer,
        trained=trained, base=base, other=tuple(other or ()), locks=tuple(locks or ()),
        answers=tuple(answers or ()), gguf=gguf,
    )  # fmt: skip
    write(
        inputs, run=run, repo=repo, demo=demo, made_up=made_up, experiment=experiment, card=card,
        manifest=manifest, files=files, tag=tag, settings=json.loads(settings), **values(context),
    )  # fmt: skip


@app.command()
def provenance(
    manifest: Manifest,
    logs: Annotated[Path, typer.Option(help="Folder of the run's logs.")],
    workflow: Annotated[Path, typer.Option(help="The Snakefile.")],
    measurements: Annotated[Path, typer.Option(help="JSON to write: times, memory, machine.")],
    crate: Annotated[Path, typer.Option(help="ro-crate-metadata.json to write.")],
    image: Annotated[list[str] | None, typer.Option(help="NAME=FILE, NAME=ADDRESS.")] = None,
    records: Annotated[
        Path | None, typer.Option(help="Snakemake's .snakemake/metadata: one action a job.")
    ] = None,
    environments: Annotated[
        str, typer.Option(help="JSON: each rule's environment, by name.")
    ] = "{}",
) -> None:
    """Write the run's measurements, and the run as a Workflow and Provenance Run Crate.

    Example: collectivesft hub provenance --manifest manifest.json --logs logs --workflow Snakefile
    --measurements measurements.json --crate ro-crate-metadata.json
    """
    import json

    from collectivesft.hub.provenance import provenance as write

    named = json.loads(environments)
    write(manifest, logs, image or (), workflow, measurements, crate, records, named)


@app.command(cls=options_of("Upload"))
def push(
    context: typer.Context,
    repo: Annotated[str, typer.Option(help="owner/name on the Hub.")],
    tag: Annotated[str, typer.Option(help="Name for this version.")],
    model: Annotated[Path, typer.Option(help="Folder of the model.")],
    card: Annotated[Path, typer.Option(help="The model card.")],
    manifest: Manifest,
    receipt: Annotated[Path | None, typer.Option(help="JSON to write: published files.")] = None,
    files: Annotated[Path | None, typer.Option(help="`files` of `hub release`.")] = None,
    extra: Annotated[list[Path] | None, typer.Option(help="Measurements, RO-Crate.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the changes.")] = False,
) -> None:
    """Push a model with its card and manifest in one commit, and tag it.

    A second push of the same files sends nothing; a tag is never moved. The token comes from the
    environment variable HF_TOKEN or from `hf auth login`.

    Example: collectivesft hub push --repo me/model --tag v1 --model model --card README.md
    --manifest manifest.json --dry-run
    """
    from collectivesft.hub.client.sync import Target
    from collectivesft.hub.push import publish

    publish(
        Target(repo, tag, **values(context)), model=model, card=card, manifest=manifest,
        receipt=receipt, extras=extra or (), beside=files, dry_run=dry_run,
    )  # fmt: skip


@app.command()
def data(
    repo: Annotated[str, typer.Option(help="owner/name on the Hub, for the card.")],
    train: Annotated[Path, typer.Option(help="Parquet file of a mixture.")],
    validation: Annotated[Path, typer.Option(help="Its held-out part.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    predictions: Annotated[list[Path] | None, typer.Option(help="Predictions, JSON Lines.")] = None,
    made_up: MadeUp = False,
) -> None:
    """Write a dataset repository's folder: the rows whose licence allows to pass them on.

    Example: collectivesft hub data --repo me/data --train train.parquet
    --validation validation.parquet --out data
    """
    from collectivesft.hub.data import build

    build(repo, train, validation, predictions or (), out, made_up)


@app.command(cls=options_of("Upload"))
def push_data(
    context: typer.Context,
    repo: Annotated[str, typer.Option(help="owner/name on the Hub.")],
    tag: Annotated[str, typer.Option(help="Name for this version.")],
    folder: Annotated[Path, typer.Option(help="Folder that `hub data` wrote.")],
    receipt: Annotated[Path | None, typer.Option(help="JSON to write: published files.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the changes.")] = False,
) -> None:
    """Push data or predictions as a dataset repository, in one commit, and tag it.

    Example: collectivesft hub push-data --repo me/data --tag v1 --folder data --dry-run
    """
    from collectivesft.hub.client.sync import Target
    from collectivesft.hub.data import push_data as push

    owned = ("data/", "predictions/")
    target = Target(repo, tag, kind="dataset", owned=owned, **values(context))
    push(target, folder, receipt, dry_run)


@app.command()
def space(
    manifest: Manifest,
    out: Annotated[Path, typer.Option(help="Folder to write.")],
) -> None:
    """Write the folder of a Space: one Gradio file that asks the published model, on a CPU.

    Example: collectivesft hub space --manifest manifest.json --out space
    """
    from collectivesft.hub.space import build

    build(manifest, out)


@app.command()
def verify(
    version: Annotated[str, typer.Argument(help="owner/name@tag")],
    manifest: Annotated[Path | None, typer.Option(help="Your own copy of the manifest.")] = None,
    receipt: Annotated[Path | None, typer.Option(help="The receipt of `hub push`.")] = None,
    report: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    base: Annotated[str | None, typer.Option(help="Base model of an adapter release.")] = None,
) -> None:
    """Download a version into an empty cache, compare every byte, compare its answer.

    Example: collectivesft hub verify me/model@v1
    """
    from collectivesft.hub.verify import verify as check

    found = check(version, manifest, receipt, report, base)
    if report is None:
        _show(found)


@app.command()
def check(
    manifest: Manifest,
    model: Annotated[Path, typer.Option(help="Folder of the model.")],
    files: Annotated[Path, typer.Option(help="Folder next to the manifest: scores, adapter.")],
    card: Annotated[Path, typer.Option(help="The model card.")],
    claims: Annotated[Path, typer.Option(help="YAML file of the paper's claims.")],
    ledger: Annotated[Path, typer.Option(help="The joined ledger.")],
    scores: Annotated[list[Path], typer.Option(help="Score files of all models.")],
    raw: Annotated[list[Path] | None, typer.Option(help="Manifests of raw sources.")] = None,
    answers: Annotated[list[Path] | None, typer.Option(help="Judged answers.")] = None,
    result: Annotated[list[str] | None, typer.Option(help="NAME=PATH, as under results.")] = None,
    lock: Annotated[list[Path] | None, typer.Option(help="Locks of the environments.")] = None,
    base: Annotated[Path | None, typer.Option(help="Folder of the base model.")] = None,
    published: Annotated[str | None, typer.Option(help="A manifest, or owner/name@tag.")] = None,
) -> None:
    """Compare a run with its manifest, with a published one, and with the paper's claims.

    The sha256 of every listed file whose place is named is computed again; the report names the
    files that were not compared. Ends with 1 where something differs or a claim does not hold.

    Example: collectivesft hub check --manifest manifest.json --model model --files files
    --card README.md --claims config/claims.yaml --ledger ledger.json --scores scores.json
    --result train.parquet=train.parquet
    """
    from collectivesft.hub.check import check as run
    from collectivesft.hub.check import results
    from collectivesft.hub.evidence.manifest_diff import Places

    listed = results(result or (), raw or (), scores, ledger, answers or ())
    places = Places(model, files, card, tuple(raw or ()), listed, tuple(lock or ()), base)
    if not run(manifest, places, claims, ledger, scores, published, typer.echo):
        raise typer.Exit(1)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="Manifest, folder of a run, or owner/name@tag.")],
    second: Annotated[str, typer.Argument(help="The same, of the other.")],
) -> None:
    """Say why two runs or releases differ: first stage, configuration key, file.

    Ends with 1 where something differs.

    Example: collectivesft hub compare results/demo me/model@v1
    """
    from collectivesft.hub.compare import compare as run

    if not run(first, second, typer.echo):
        raise typer.Exit(1)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def loopback(
    context: typer.Context,
    root: Annotated[Path, typer.Option(help="Folder of the server and of the client's cache.")],
) -> None:
    """Run a command with a small Hub on this machine.

    Example: collectivesft hub loopback --root hub -- snakemake --cores all publish
    """
    from collectivesft.hub.fake.run import run_beside

    sys.exit(run_beside(root, context.args))


@app.command()
def show(report: Annotated[Path, typer.Option(help="Report of `hub verify`.")]) -> None:
    """Print a report of verification.

    Example: collectivesft hub show --report verified.json
    """
    from collectivesft.common.files import read_json

    _show(read_json(report))


def _show(content: dict) -> None:
    typer.echo(f"{content['repo']}@{content['tag']} (commit {content['commit'][:12]})")
    for path, digest in content["files"].items():
        typer.echo(f"  {digest[:16]}  {path}")
    typer.echo(f"  all {len(content['files'])} files have the bytes that were published")
    if content.get("base"):
        typer.echo(f"  base:     its {len(content['base'])} files are those it was trained on")
    elif "base" in content:
        typer.echo("  base:     not compared; the manifest does not list its files")
    if content["answer"] is not None:
        typer.echo(f"  asked:    {content['question']}")
        typer.echo(f"  answered: {content['answer'].strip()}")
    typer.echo(f"  answer:   {content['note']}")
