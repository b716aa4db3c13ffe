"""Verbs of stage hub."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)

Receipt = Annotated[Path, typer.Option(help="JSON file of what was published.")]
Manifest = Annotated[Path, typer.Option(help="Manifest of the release.")]


@app.callback()
def _stage() -> None:
    """Publish a model to the Hugging Face Hub and verify what arrived."""


@app.command()
def release(
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
    table: Annotated[Path, typer.Option(help="CSV table of scores.")],
    scores: Annotated[list[Path], typer.Option(help="Score files of the model and its base.")],
    raw: Annotated[list[Path], typer.Option(help="Manifests of the raw datasets.")],
    lock: Annotated[Path, typer.Option(help="Lock of the environment that trained it.")],
    card: Annotated[Path, typer.Option(help="README.md to write.")],
    manifest: Annotated[Path, typer.Option(help="Manifest to write.")],
    demo: Annotated[bool, typer.Option(help="Mark the card as a demonstration.")] = False,
) -> None:
    """Write the model card and the manifest of a release.

    Example: collectivesft hub release --run demo --demo --repo me/model --experiment demo
    --model model --recipe demo.yaml --base-recipe gemma-3-270m.yaml --ledger ledger.json
    --mixture mixture.json --data-card data-card.md --contamination contamination.json
    --history history.jsonl --table table.csv --scores a.scores.json --scores b.scores.json
    --raw raw/cmid/manifest.json --lock envs/model-cpu.lock --card README.md
    --manifest manifest.json
    """
    from collectivesft.hub.release import Inputs
    from collectivesft.hub.release import release as write

    paths = (model, recipe, base_recipe, ledger, mixture, data_card, contamination, history)
    inputs = Inputs(*paths, table, lock, tuple(scores), tuple(raw))
    write(run, repo, demo, experiment, inputs, card, manifest)


@app.command()
def publish(
    repo: Annotated[str, typer.Option(help="owner/name on the Hub.")],
    tag: Annotated[str, typer.Option(help="Name for this version.")],
    model: Annotated[Path, typer.Option(help="Folder of the model.")],
    card: Annotated[Path, typer.Option(help="The model card.")],
    manifest: Manifest,
    receipt: Receipt,
    private: Annotated[bool, typer.Option("--private/--public")] = True,
) -> None:
    """Push a model with its card and manifest in one commit, and tag it.

    The token comes from the environment variable HF_TOKEN or from `hf auth login`.

    Example: collectivesft hub publish --repo me/model --tag v1 --model model --card README.md
    --manifest manifest.json --receipt published.json
    """
    from collectivesft.hub.publish import publish as push

    push(repo, tag, private, model, card, manifest, receipt)


@app.command()
def verify(
    receipt: Receipt,
    manifest: Manifest,
    report: Annotated[Path, typer.Option(help="JSON file to write.")],
) -> None:
    """Download a published model into an empty cache, compare every byte, ask it a question.

    Example: collectivesft hub verify --receipt published.json --manifest manifest.json
    --report verified.json
    """
    from collectivesft.hub.verify import verify as check

    check(receipt, manifest, report)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def loopback(
    context: typer.Context,
    root: Annotated[Path, typer.Option(help="Folder of the server and of the client's cache.")],
) -> None:
    """Run a command with a small Hub on this machine beside it.

    Example: collectivesft hub loopback --root hub -- make publish
    """
    from collectivesft.hub.serve import run_beside

    sys.exit(run_beside(root, context.args))


@app.command()
def show(report: Annotated[Path, typer.Option(help="Report of `hub verify`.")]) -> None:
    """Print what was verified.

    Example: collectivesft hub show --report verified.json
    """
    from collectivesft.files import read_json

    content = read_json(report)
    typer.echo(f"{content['repo']}@{content['tag']} (commit {content['commit'][:12]})")
    for path, digest in content["files"].items():
        typer.echo(f"  {digest[:16]}  {path}")
    typer.echo(f"  all {len(content['files'])} files have the bytes that were published")
    typer.echo(f"  asked:    {content['question']}")
    typer.echo(f"  answered: {content['answer'].strip()}")
