"""Options that several commands of stage scores have."""

from pathlib import Path
from typing import Annotated

import typer

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
Predictions = Annotated[Path, typer.Option(help="JSON Lines that `scores predict` wrote.")]
ProtocolName = Annotated[str, typer.Option(help="The protocol's name in results.")]
JudgedOut = Annotated[Path, typer.Option(help="JSON Lines of the judged answers to write.")]
BaseAnswers = Annotated[
    Path | None, typer.Option(help="The base model's judged answers, to compare with.")
]
