"""Give a reader files where they lie, without fetching them."""

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from collectivesft.common.errors import InputError


@contextlib.contextmanager
def linked(files: Mapping[str, Path]) -> Iterator[Path]:
    """Yield a manifest of files, which are linked and not copied.

    Args:
        files: path of each file by its name in the source.

    Raises:
        InputError: raised inside of the block; it names the file as given, not the link.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder, entries = Path(scratch, "files"), []
        for name, path in files.items():
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.absolute())
            entry = {"path": name, "size": path.stat().st_size}
            entries.append(entry | {"sha256": "", "origin": str(path)})
        manifest = Path(scratch, "manifest.json")
        manifest.write_text(json.dumps({"source": "check", "files": entries}), encoding="utf-8")
        try:
            yield manifest
        except InputError as error:
            raise _as_given(error, {str(folder / name): path for name, path in files.items()},
                            manifest) from error  # fmt: skip


def _as_given(error: InputError, links: Mapping[str, Path], manifest: Path) -> InputError:
    """Return the error with the files' own paths."""
    shown = str(error.path)
    for link, path in links.items():
        shown = shown.replace(link, str(path))
    first = next(iter(links.values()), Path("no file"))
    shown = shown.replace(str(manifest), str(first))
    problem = error.problem.replace(str(manifest), str(first))
    return InputError(shown, problem, error.remedy, error.row)


def placed_files(folder: Path, names: list[str]) -> dict[str, Path]:
    """Return the files of a folder by name; all but hidden ones where no name is given."""
    found = [folder / name for name in names] or sorted(folder.rglob("*"))
    return {
        path.relative_to(folder).as_posix(): path
        for path in found
        if path.is_file() and path.name[0] != "."
    }
