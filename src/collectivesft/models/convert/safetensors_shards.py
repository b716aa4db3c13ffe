"""Weights tensor by tensor: shards are mapped into memory, changed and written one at a time.

However large a model and its shards are, memory holds one shard of ``SHARD`` bytes.
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import write_json
from collectivesft.common.progress import track

if TYPE_CHECKING:
    import torch

SHARD = 2 << 30
INDEX = "model.safetensors.index.json"
_AGAIN = "Fetch it again"


@dataclass(frozen=True)
class Piece:
    """A tensor to write.

    Attributes:
        name: of the tensor.
        sources: names of the tensors it is made of.
        make: makes it of them.
    """

    name: str
    sources: tuple[str, ...]
    make: "Callable[..., torch.Tensor]"


class Weights:
    """The tensors of some weight files (.safetensors or .bin), read when they are asked for.

    Attributes:
        files: name of each tensor to the file it lies in, in the files' order.

    Raises:
        InputError: a file is damaged or holds something other than tensors, or two files hold
            a tensor of the same name.
    """

    def __init__(self, paths: Iterable[Path]):
        self.files: dict[str, Path] = {}
        self._get: dict[Path, Callable[[str], torch.Tensor]] = {}
        for path in paths:
            names, self._get[path] = _open(path)
            for name in names:
                if name in self.files:
                    raise InputError(
                        path, f"tensor {name} is in {self.files[name].name} too", _AGAIN
                    )
                self.files[name] = path

    def tensor(self, name: str) -> "torch.Tensor":
        """One tensor, mapped from its file: its pages are read when they are used."""
        return self._get[self.files[name]](name)

    def check(self, shapes: dict[str, tuple[int, ...]], source: Path) -> None:
        """Check that these tensors are there, and no more.

        Args:
            shapes: name to shape of each tensor of the configuration.
            source: file to name where no single shard is at fault.

        Raises:
            InputError: a tensor is missing, unexpected or has a wrong shape.
        """
        remedy = "The weights and config.json are not of one model; fetch both again"
        for name in shapes:
            if name not in self.files:
                raise InputError(source, f"tensor {name} is missing in the weights", remedy)
        for name, path in self.files.items():
            if name not in shapes:
                raise InputError(path, f"tensor {name} is unexpected", remedy)
            found = tuple(self.tensor(name).shape)
            if found != shapes[name]:
                problem = f"tensor {name} is {found} where config.json says {shapes[name]}"
                raise InputError(path, problem, remedy)


def _open(path: Path) -> "tuple[list[str], Callable[[str], torch.Tensor]]":
    """Names of a file's tensors, and a function that gives one."""
    if path.suffix == ".safetensors":
        return _open_safetensors(path)
    import torch

    # Only files that are zip archives can be mapped; older ones are read whole. Either way the
    # unpickler takes tensors and nothing else.
    mapped = zipfile.is_zipfile(path)
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a damaged file makes torch fail in many ways
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(path, f"torch cannot read its weights ({reason})", _AGAIN) from error
    if not isinstance(tensors, dict) or not all(map(torch.is_tensor, tensors.values())):
        raise InputError(path, "more than named tensors", "Use a file with the weights alone")
    return list(tensors), tensors.__getitem__


def _open_safetensors(path: Path, framework: str = "pt") -> tuple[list[str], Any]:
    from safetensors import SafetensorError, safe_open

    try:
        file = safe_open(path, framework=framework)
        return list(file.keys()), file.get_tensor if framework == "pt" else file.get_slice
    except SafetensorError as error:
        raise InputError(path, f"not a safetensors file ({error})", _AGAIN) from error


def shapes(path: Path) -> list[list[int]]:
    """Return the shapes of a safetensors file's tensors, from its header only.

    Raises:
        InputError: the file is damaged.
    """
    names, get = _open_safetensors(path, framework="np")
    return [get(name).get_shape() for name in names]


def copies(weights: Weights) -> list[Piece]:
    """Return all tensors as they are; of tensors that share their memory only the first.

    Some .bin files hold tied weights twice, which safetensors does not write.
    """
    kept: dict[tuple, str] = {}
    for name in weights.files:
        tensor = weights.tensor(name)
        place = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), weights.files[name])
        kept.setdefault(place if tensor.numel() else (name,), name)
    return [Piece(name, (name,), lambda tensor: tensor) for name in kept.values()]


def rewrite(weights: Weights, pieces: list[Piece], folder: Path, limit: int = SHARD) -> None:
    """Write tensors as safetensors of at most ``limit`` bytes each, with their index.

    A tensor larger than the limit gets its own file.

    Args:
        folder: is there; an interrupted call leaves files whose names no program takes for
            weights.
    """
    from safetensors.torch import save_file

    parts: list[list[str]] = []
    total = 0
    for tensors, size in _batches(f"{folder.name}: weights", weights, pieces, limit):
        save_file(tensors, folder / f"{len(parts)}.partial", metadata={"format": "pt"})
        parts.append(list(tensors))
        total += size
    names = _names(len(parts))
    for number, name in enumerate(names):
        (folder / f"{number}.partial").rename(folder / name)
    if len(names) > 1:
        places = {tensor: name for name, part in zip(names, parts, strict=True) for tensor in part}
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": places})


def _batches(
    label: str, weights: Weights, pieces: list[Piece], limit: int
) -> "Iterator[tuple[dict[str, torch.Tensor], int]]":
    batch: dict[str, torch.Tensor] = {}
    size = 0
    for piece in track(pieces, label, len(pieces)):
        tensor = piece.make(*(weights.tensor(name) for name in piece.sources)).contiguous()
        if batch and size + tensor.nbytes > limit:
            yield batch, size
            batch, size = {}, 0
        batch[piece.name] = tensor
        size += tensor.nbytes
    yield batch, size


def _names(count: int) -> list[str]:
    if count == 1:
        return ["model.safetensors"]
    return [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]
