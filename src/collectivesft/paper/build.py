"""Typeset the paper from its manuscript, a values file and figures; write its tables next to it."""

import datetime
import shutil
import tempfile
from pathlib import Path

from collectivesft.common.errors import UserError
from collectivesft.common.files import atomic_path, read_json
from collectivesft.paper.tables import write_tables

# A fixed date: the document must not change because the clock did, and PDF/A must have one.
EPOCH = datetime.datetime(2024, 7, 29, tzinfo=datetime.UTC)
# Tagged for screen readers, and whole in itself: fonts embedded, nothing loaded from elsewhere.
STANDARDS = ("ua-1", "a-2a")


def build(values: Path, figures: Path, manuscript: Path, out: Path, tables: Path) -> None:
    """Write the PDF, and each table as CSV and LaTeX.

    Args:
        values: JSON that ``paper values`` wrote.
        figures: folder with the SVG figures that the manuscript names.
        manuscript: folder with main.typ, its imports (*.typ), and references.bib.
        out: the PDF.
        tables: folder for ``<table>.csv`` and ``<table>.tex``.

    Raises:
        UserError: Typst does not accept the manuscript; its message and hints.
    """
    with tempfile.TemporaryDirectory(prefix="collectivesft-paper-") as folder:
        root = Path(folder)
        sources = [*manuscript.glob("*.typ"), manuscript / "references.bib"]
        for source in [*sources, *Path(figures).glob("*.svg")]:
            shutil.copy(source, root)
        shutil.copy(values, root / "values.json")
        with atomic_path(out) as partial:
            partial.write_bytes(_typeset(root))
    with atomic_path(tables) as partial:
        partial.mkdir()
        write_tables(read_json(values), partial)


def _typeset(root: Path) -> bytes:
    import noto_cjk_sans_otc
    import typst

    fonts = Path(noto_cjk_sans_otc.__file__).parent
    try:
        return typst.compile(
            str(root / "main.typ"),
            root=str(root),
            font_paths=[str(fonts)],
            ignore_system_fonts=True,
            format="pdf",
            pdf_standards=list(STANDARDS),
            timestamp=EPOCH,
        )
    except typst.TypstError as error:
        hints = "; ".join(error.hints)
        raise UserError(f"The manuscript does not compile: {error.diagnostic} {hints}") from error
