"""Curves of a training in TensorBoard, trackio or Weights & Biases, by accelerate's trackers.

Trackers only watch. No fingerprint holds them, and one that fails during a training is left behind
with a note, while the training continues.
"""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError

FLUSH_S = 10  # most seconds of curves that a killed training may lose
FINISH_S = 60  # most seconds of waiting for an upload at the end; wandb's own is without end


@dataclass(frozen=True)
class Tracking:
    """The trackers of a training.

    Attributes:
        names: of accelerate's trackers: ``tensorboard``, ``trackio``, ``wandb``.
        folder: holds their files.
        run: ``project/name`` of the training in trackers that show several.
    """

    names: tuple[str, ...] = ()
    folder: Path = Path("trackers")
    run: str = "collectivesft/training"

    def prepare(self) -> None:
        """Refuse trackers whose packages are missing; to be called before accelerate is imported.

        Raises:
            UserError: the package of a tracker is not installed.
        """
        missing = [name for name in self.names if not installed(name)]
        if missing:
            problem = f"report_to names {', '.join(missing)}, which is not installed"
            remedy = f"pip install {' '.join(missing)} where the training runs, or remove it from"
            raise UserError(f"{problem}. Run {remedy} report_to.")
        if "trackio" in self.names:  # which accelerate imports, and which reads this at import
            os.environ.setdefault("TRACKIO_DIR", str(self.folder.resolve() / "trackio"))


def installed(name: str) -> bool:
    """Return whether a package is there; a folder of its name, as wandb makes one, is none."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None


@dataclass
class Trackers:
    """The trackers of one try, started.

    Args:
        tracking: which ones, and where.
        training: fingerprint of the training: a resumed one continues its curves.
        done: steps that earlier tries took.
        note: shows a line to the user.
    """

    tracking: Tracking
    training: str
    done: int
    note: Callable[[str], None]
    running: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.tracking.names:
            self._try(name, lambda name=name: self._start(name))

    def _start(self, name: str) -> None:
        import torch
        from accelerate.state import PartialState
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS

        threads = torch.get_num_threads()
        try:
            PartialState()  # accelerate's logger asks for it; it finds the processes that there are
        finally:
            torch.set_num_threads(threads)  # which it may change; the weights depend on it
        tracker = LOGGER_TYPE_TO_CLASS[name](**self._arguments(name))
        tracker.start()
        self.running[name] = tracker

    def _arguments(self, name: str) -> dict[str, Any]:
        folder, (project, _, run) = self.tracking.folder, self.tracking.run.partition("/")
        folder.mkdir(parents=True, exist_ok=True)
        if name == "tensorboard":
            # Steps after the last checkpoint are taken again: their points are removed.
            again = {"purge_step": self.done + 1, "flush_secs": FLUSH_S}
            return {"run_name": name, "logging_dir": folder, **again}
        shown = {"run_name": project, "name": run or project}
        if name == "trackio":  # which knows a run by its name only: a new training is a new run
            return shown | {"resume": "allow" if self.done else "never"}
        own = {"id": self.training[:16], "resume": "allow", "dir": str(folder)}
        return shown | own | {"settings": {"finish_timeout": FINISH_S}}

    def _try(self, name: str, work: Callable[[], None]) -> None:
        """Do a tracker's work; leave it behind with a note where it fails."""
        try:
            work()
        except Exception as error:  # a service or its client, which fail in many ways
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.running.pop(name, None)
            self.note(f"{name} failed and is left out from here on: {reason}")

    def log(self, row: dict[str, Any], **more: float) -> None:
        """Show one row of the history, and further values of its step."""
        values = {
            f"train/{key}": value
            for key, value in (row | more).items()
            if key not in ("step", "epoch", "precision")
        }
        for name, tracker in list(self.running.items()):
            self._try(name, lambda tracker=tracker: tracker.log(values, step=row["step"]))

    def finish(self) -> None:
        """Write the remaining values. A service may take up to ``FINISH_S``."""
        for name, tracker in list(self.running.items()):
            self._try(name, tracker.finish)
