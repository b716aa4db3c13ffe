"""Errors that a user can act on: the problem, its place and the remedy."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class UserError(Exception):
    """A problem outside the code; the message says where it is and what to do.

    The command line prints it as one line and exits with its code, without a traceback.
    """

    exit_code = 1


class InputError(UserError):
    """Bad input in a file.

    Args:
        path: the file.
        problem: the fault, one clause.
        remedy: the next step of the user, one clause.
        row: 1-based row, line or item number, or a key that finds it.
    """

    def __init__(self, path: Path | str, problem: str, remedy: str, row: int | str | None = None):
        self.path, self.problem, self.remedy, self.row = Path(path), problem, remedy, row
        where = f"{path}" if row is None else f"{path}, row {row}"
        self.problems = [problem]
        end = "" if problem.endswith("?") else "."
        super().__init__(f"{where}: {problem}{end} {remedy}.")

    def __reduce__(self):
        """Rebuild the error in a different process from its own arguments."""
        return type(self), (self.path, self.problem, self.remedy, self.row)


@contextlib.contextmanager
def validated(
    path: Path, kind: Any, *parent: str, between: str = ".", remedy: str = "Correct that key"
) -> Iterator[None]:
    """Turn everything that pydantic rejects in a file's content into one InputError.

    The error's ``problems`` lists the faults one by one.

    Args:
        kind: the type that the content is validated as.
        parent: the keys of the file above the content.
        between: what joins the keys of a place; not a dot where they hold dots themselves.
    """
    from pydantic import ValidationError

    try:
        yield
    except ValidationError as error:
        from collectivesft.common.validation import faults

        problems = [
            f"{between.join((*parent, *fault.key)) or 'the file'}: {fault.problem}"
            for fault in faults(error, kind)
        ]
        raised = InputError(path, "; ".join(problems), remedy)
        raised.problems = problems
        raise raised from error


def explain_os_error(error: OSError) -> str | None:
    """The message for a full disk, a missing or unreadable file; None for anything else."""
    name = error.filename or "the output"
    if error.errno in FULL_DISK:
        return (
            f"{name}: no space left on the disk. Free some or move the results folder; "
            "then run again, finished work is kept."
        )
    if error.errno == errno.ENOENT and error.filename:
        return f"{name}: no such file. Check the path, or run the step that makes it."
    if error.errno in (errno.EACCES, errno.EROFS) and error.filename:
        return f"{name}: not allowed to read or write it. Check its permissions."
    return None
