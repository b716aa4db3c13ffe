"""The output of stage raw: a manifest and, next to it, the files that it lists."""

from dataclasses import dataclass
from pathlib import Path

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import read_json
from collectivesft.sources.local_files import safe_name


@dataclass(frozen=True)
class RawFolder:
    """The raw files of one source, as listed by its ``manifest.json``.

    Attributes:
        manifest: path of the manifest:
            ``{"source": name, "files": [{"path", "size", "sha256", "origin"}, ...]}``;
            the files lie in ``files/`` next to it.
        names: relative paths of the files, in the manifest's order.
        left_out: why the source is not part of the run; "" if it is. There are no files then.
    """

    manifest: Path
    names: tuple[str, ...]
    left_out: str = ""

    @classmethod
    def load(cls, manifest: Path) -> "RawFolder":
        """Read a manifest and check that each file is there with the size it names.

        Raises:
            InputError: the manifest is malformed, or a file is missing or has a wrong size.
        """
        manifest = Path(manifest)
        content = read_json(manifest)
        try:
            sizes = {safe_name(entry["path"]): entry["size"] for entry in content["files"]}
            left_out = str(content.get("left_out", ""))
        except (AttributeError, KeyError, TypeError, UserError) as error:
            remedy = "Delete it and fetch the source again"
            raise InputError(manifest, "not a manifest of raw files", remedy) from error
        folder = cls(manifest, tuple(sizes), left_out)
        for name, size in sizes.items():
            path = folder.path(name)
            if path.stat().st_size != size:
                problem = f"{path.stat().st_size} bytes where {manifest} says {size}"
                raise InputError(path, problem, f"Delete {manifest} and fetch the source again")
        return folder

    def path(self, name: str) -> Path:
        """Path of one file by its name in the manifest.

        Raises:
            InputError: not listed, or listed and gone.
        """
        path = self.manifest.parent / "files" / name
        if name not in self.names:
            listed = ", ".join(self.names) or "nothing"
            raise InputError(self.manifest, f"{name} is needed, listed is {listed}", "Fetch it")
        if not path.is_file():
            remedy = f"Delete {self.manifest} and fetch the source again"
            raise InputError(path, "listed in the manifest but not there", remedy)
        return path

    def paths(self, suffix: str = "") -> list[Path]:
        """Paths of all files whose name ends in ``suffix``, in the manifest's order."""
        return [self.path(name) for name in self.names if name.endswith(suffix)]
