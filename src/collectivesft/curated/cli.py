"""Verbs of stage curated."""

from pathlib import Path
from typing import Annotated

import typer

from collectivesft.config.cli_options import options_of, values

app = typer.Typer(no_args_is_help=True)

Manifest = Annotated[Path, typer.Option(help="Manifest that `raw fetch` wrote.")]
Examples = Annotated[Path, typer.Option(help="Parquet file of examples.")]
Out = Annotated[Path, typer.Option(help="File to write.")]
Dropped = Annotated[Path, typer.Option(help="Parquet file for dropped rows with their reasons.")]
MadeUp = Annotated[
    bool, typer.Option("--made-up/--published", help="All rows were made up for this package.")
]
Threads = Annotated[int, typer.Option(min=1, help="Processes; the files do not depend on it.")]
Ledger = Annotated[Path, typer.Option(help="JSON file for the counts of this step.")]


@app.callback()
def _stage() -> None:
    """Turn raw files into clean, unique, uncontaminated training examples."""


@app.command()
def read(
    dataset: Annotated[str, typer.Option(help="Name of the dataset.")],
    manifest: Manifest,
    out: Out,
    dropped: Dropped,
    ledger: Ledger,
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of the reader's own options.")
    ] = None,
) -> None:
    """Read a dataset's raw rows as examples.

    Example: collectivesft curated read --dataset cmid --manifest raw/cmid/manifest.json
    --out read.parquet --dropped read.dropped.parquet --ledger read.ledger.json
    """
    from collectivesft.curated.read import read_dataset

    read_dataset(dataset, manifest, out, dropped, ledger, option or ())


@app.command()
def items(
    benchmark: Annotated[str, typer.Option(help="Name of the benchmark.")],
    manifest: Manifest,
    out: Out,
) -> None:
    """Read a benchmark's items.

    Example: collectivesft curated items --benchmark cmb --manifest raw/cmb/manifest.json
    --out cmb.items.jsonl
    """
    from collectivesft.curated.read import read_benchmark

    read_benchmark(benchmark, manifest, out)


@app.command(cls=options_of("Clean"))
def clean(
    context: typer.Context,
    examples: Examples,
    out: Out,
    dropped: Dropped,
    ledger: Ledger,
    threads: Threads = 1,
) -> None:
    """Normalise texts, replace personal data, drop what cannot be used.

    Example: collectivesft curated clean --examples read.parquet --out clean.parquet
    --dropped clean.dropped.parquet --ledger clean.ledger.json
    """
    from collectivesft.curated.clean import clean_file

    paths = {"out": out, "dropped": dropped, "ledger": ledger}
    clean_file(examples, **paths, threads=threads, **values(context))


@app.command(cls=options_of("Dedup"))
def dedup(
    context: typer.Context,
    examples: Annotated[list[Path], typer.Option(help="Parquet files, the preferred first.")],
    out: Out,
    dropped: Dropped,
    ledger: Ledger,
    threads: Threads = 1,
) -> None:
    """Remove copies within and across datasets.

    Example: collectivesft curated dedup --examples a.parquet --examples b.parquet
    --out dedup.parquet --dropped dedup.dropped.parquet --ledger dedup.ledger.json
    """
    from collectivesft.curated.dedup import dedup_files

    paths = {"out": out, "dropped": dropped, "ledger": ledger}
    dedup_files(examples, **paths, threads=threads, **values(context))


@app.command(cls=options_of("Decontaminate"))
def decontaminate(
    context: typer.Context,
    examples: Examples,
    items: Annotated[list[Path], typer.Option(help="JSON Lines of benchmark items.")],
    out: Out,
    dropped: Dropped,
    ledger: Ledger,
    report: Annotated[Path, typer.Option(help="JSON file for what was found.")],
    threads: Threads = 1,
) -> None:
    """Find benchmark items in the examples and remove those examples.

    Example: collectivesft curated decontaminate --examples dedup.parquet --items cmb.items.jsonl
    --out clear.parquet --dropped clear.dropped.parquet --ledger clear.ledger.json
    --report contamination.json
    """
    from collectivesft.curated.decontaminate import decontaminate_file

    paths = {"out": out, "dropped": dropped, "ledger": ledger, "report": report}
    decontaminate_file(examples, items=items, **paths, threads=threads, **values(context))


@app.command()
def mix(
    examples: Examples,
    recipe: Annotated[Path, typer.Option(help="YAML file of the experiment.")],
    out: Out,
    validation: Annotated[Path, typer.Option(help="Parquet file for the held-out part.")],
    ledger: Ledger,
    stats: Annotated[Path, typer.Option(help="JSON file that describes the mixture.")],
    draw: Annotated[
        int | None, typer.Option(min=1, help="Further draw of the datasets that it chooses.")
    ] = None,
    lengths: Annotated[
        Path | None, typer.Option(help="Parquet file of `sft lengths`, for a budget of tokens.")
    ] = None,
) -> None:
    """Draw the mixture of an experiment.

    Example: collectivesft curated mix --examples clear.parquet
    --recipe config/experiments/collective.yaml --out train.parquet
    --validation validation.parquet --ledger mix.ledger.json --stats mixture.json
    """
    from collectivesft.curated.mix import mix_file

    mix_file(examples, recipe, out, validation, ledger, stats, draw, lengths)


@app.command()
def ledger(
    ledger: Annotated[list[Path], typer.Option(help="Ledgers of the steps, in order.")],
    out: Out,
    csv: Annotated[Path, typer.Option(help="The same as CSV.")],
    markdown: Annotated[Path, typer.Option(help="A summary as Markdown.")],
) -> None:
    """Join the ledgers of all steps and check that they add up.

    Example: collectivesft curated ledger --ledger read.ledger.json --ledger clean.ledger.json
    --out ledger.json --csv ledger.csv --markdown ledger.md
    """
    from collectivesft.curated.storage.step_ledger import combine

    combine(ledger, out, csv, markdown)


@app.command()
def card(
    ledger: Annotated[Path, typer.Option(help="The joined ledger.")],
    mixture: Annotated[Path, typer.Option(help="The mixture's description.")],
    contamination: Annotated[Path, typer.Option(help="The report on contamination.")],
    out: Out,
    made_up: MadeUp = False,
) -> None:
    """Write the data card of a mixture.

    Example: collectivesft curated card --ledger ledger.json --mixture mixture.json
    --contamination contamination.json --out data-card.md
    """
    from collectivesft.curated.card import write_card

    write_card(ledger, mixture, contamination, out, made_up)


@app.command()
def croissant(
    ledger: Annotated[Path, typer.Option(help="The joined ledger.")],
    mixture: Annotated[Path, typer.Option(help="The mixture's description.")],
    contamination: Annotated[Path, typer.Option(help="The report on contamination.")],
    card: Annotated[Path, typer.Option(help="The data card.")],
    train: Annotated[Path, typer.Option(help="Parquet file of the training part.")],
    validation: Annotated[Path, typer.Option(help="Parquet file of the held-out part.")],
    out: Annotated[Path, typer.Option(help="JSON-LD file to write.")],
    hub_card: Annotated[Path, typer.Option(help="Markdown file with a YAML head to write.")],
    made_up: MadeUp = False,
) -> None:
    """Write the data card for machines: Croissant, and the Hub's dataset card.

    Example: collectivesft curated croissant --ledger ledger.json --mixture mixture.json
    --contamination contamination.json --card data-card.md --train train.parquet
    --validation validation.parquet --out croissant.json --hub-card README.md
    """
    from collectivesft.curated.croissant import write_machine_cards

    parts = [train, validation]
    write_machine_cards(ledger, mixture, contamination, card, parts, out, hub_card, made_up)
