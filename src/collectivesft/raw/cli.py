"""Verbs of stage raw."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from collectivesft.config.cli_options import options_of, values

app = typer.Typer(no_args_is_help=True)

Out = Annotated[
    Path | None, typer.Option(help="Folder of the files: must be `files` beside the manifest.")
]
Manifest = Annotated[Path, typer.Option(help="Manifest to write, last of all.")]


@app.callback()
def _stage() -> None:
    """Fetch raw files and verify them."""


@app.command(cls=options_of("Source", leave_out=["on_unavailable"], of="raw fetch"))
def fetch(
    context: typer.Context,
    source: Annotated[str, typer.Option(help="datasets/NAME or benchmarks/NAME.")],
    manifest: Manifest,
    out: Out = None,
    on_unavailable: Annotated[
        Literal["error", "skip", "skip-always"],
        typer.Option(
            help="A dataset that cannot be downloaded: stop; leave it out if its access is "
            "restricted and was refused; leave it out for any reason."
        ),
    ] = "error",
    lock: Annotated[
        Path | None, typer.Option(help="Lock file with checksums of earlier downloads; only read.")
    ] = None,
) -> None:
    """Fetch a dataset's or benchmark's raw files and write their manifest.

    Example: collectivesft raw fetch --source datasets/cmid --manifest raw/cmid/manifest.json
    """
    from collectivesft.raw.fetch import fetch_source

    given = values(context)
    folder, checksums = (
        Path(text) if (text := given.pop(key)) else None for key in ("folder", "checksums")
    )
    names = given.pop("files")
    fetch_source(source, manifest, out, folder, checksums, names, on_unavailable, lock, **given)


@app.command("fetch-model")
def fetch_model(
    model: Annotated[Path, typer.Option(help="YAML file of the model.")],
    manifest: Manifest,
    out: Out = None,
    folder: Annotated[
        Path | None, typer.Option(help="The folder of a model of kind folder, in full.")
    ] = None,
) -> None:
    """Fetch a base model's files and write their manifest.

    Example: collectivesft raw fetch-model --model config/models/gemma-3-270m.yaml
    --manifest cache/raw/models/gemma-3-270m/manifest.json
    """
    from collectivesft.raw.fetch_model import fetch_model as fetch_files

    fetch_files(model, manifest, out, folder)


@app.command()
def lock(
    root: Annotated[Path, typer.Option(help="Folder of datasets/ and benchmarks/ with manifests.")],
    lock: Annotated[Path, typer.Option(help="Lock file to add to.")],
    accept: Annotated[
        list[str] | None,
        typer.Option(help="Forget what is locked of this source, so that new content may come."),
    ] = None,
) -> None:
    """Record size and sha256 of downloads that are not in the lock file yet.

    Example: collectivesft raw lock --root results/paper/1_raw --lock config/raw.lock.yaml
    """
    from collectivesft.raw.fetching.lock_file import record

    added = record(sorted(root.glob("*/*/manifest.json")), lock, accept or ())
    typer.echo("\n".join(added) or "nothing new", err=True)


@app.command()
def status(
    root: Annotated[
        Path | None, typer.Option(help="Folder of datasets/ and benchmarks/ with manifests.")
    ] = None,
    lock: Annotated[
        Path | None, typer.Option(help="Lock file with checksums of earlier downloads.")
    ] = None,
) -> None:
    """Show all sources: where they lie, licence, access, rows, size, files here, remedies.

    Example: collectivesft raw status --root results/paper/1_raw --lock config/raw.lock.yaml
    """
    from collectivesft.raw.status import print_table

    print_table(root, lock)


@app.command()
def sources(
    into: Annotated[
        Path | None,
        typer.Option(help="Markdown file whose marked part is made anew; none: print it."),
    ] = None,
) -> None:
    """Show as Markdown the declarations of every source, and the readers' options.

    Example: collectivesft raw sources --into docs/data.md
    """
    from collectivesft.raw.sources import markdown, write_into

    if into is None:
        typer.echo(markdown(), nl=False)
    else:
        write_into(into)
