"""Curves of a training while it runs, for TensorBoard; only where it is asked for."""

from pathlib import Path
from typing import Any

from collectivesft.errors import UserError


class Board:
    """Writes the rows of the history as TensorBoard's event files.

    Raises:
        UserError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, done: int):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            problem = f"--tensorboard needs the package tensorboard ({error})"
            raise UserError(f"{problem}. Install it, or leave the option out.") from error
        # Steps after the last checkpoint are taken again: what was drawn of them goes.
        self._writer = SummaryWriter(str(folder), purge_step=done + 1)

    def draw(self, row: dict[str, Any], **more: float) -> None:
        """One row of the history, and what else is known of its step."""
        for name, value in (row | more).items():
            if name not in ("step", "epoch"):
                self._writer.add_scalar(f"train/{name}", value, row["step"])

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
