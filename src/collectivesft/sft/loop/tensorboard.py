"""Curves of a training while it runs, for TensorBoard; only where it is asked for."""

from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError

FLUSH_S = 10  # most seconds that a killed training may lose


def writer() -> Any:
    """The class that writes event files.

    Raises:
        UserError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        problem = f"TensorBoard's files were asked for, and its package is missing ({error})"
        remedy = "Install `tensorboard` where the training runs, or set tensorboard: false"
        raise UserError(f"{problem}. {remedy}.") from error
    return SummaryWriter


class Board:
    """Writes the rows of the history as TensorBoard's event files.

    Args:
        folder: each try of a training adds a file to it.
        done: steps that earlier tries took.

    Raises:
        UserError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, done: int):
        # Steps after the last checkpoint are taken again: their points are removed.
        self._writer = writer()(str(folder), purge_step=done + 1, flush_secs=FLUSH_S)

    def draw(self, row: dict[str, Any], **more: float) -> None:
        """One row of the history, and what else is known of its step."""
        for name, value in (row | more).items():
            if name not in ("step", "epoch"):
                self._writer.add_scalar(f"train/{name}", value, row["step"])

    def close(self) -> None:
        """Write the remaining events."""
        self._writer.close()
