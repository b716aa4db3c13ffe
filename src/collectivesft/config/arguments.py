"""Arguments of a command from the values of a configuration.

The inverse of ``config.cli_options``. A rule passes on each field of its command's section, and
each field elsewhere that is marked with its command: a new field needs no line in the rule.
"""

import json
import shlex
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from collectivesft.config import run
from collectivesft.config.section import Section, children, marked, negative


def arguments(kind: str, settings: Mapping[str, Any], leave_out: Collection[str] = ()) -> str:
    """Return a section's values as options of a shell command, in the order of its fields.

    A value of None has no option.

    Args:
        kind: name of a class in config/run.py, such as ``Protocol``.
        settings: values by field; a field may be absent.
        leave_out: fields without an option, as for ``cli_options.options_of``.
    """
    section = getattr(run, kind)
    names = [name for name in section.model_fields if name not in leave_out]
    return _options(section, names, settings)


def arguments_of(command: str, settings: Mapping[str, Any], entry: Mapping[str, str]) -> str:
    """Return the values of all fields that are marked with a command as its options.

    Args:
        command: such as ``scores predict``.
        settings: a checked configuration.
        entry: by name of a map of sections, such as ``evaluation``: the key that the job is for.
    """
    parts = [
        _options(kind, marked(kind, command), block)
        for kind, block in _blocks(run.RunConfig, settings, entry)
    ]
    return " ".join(filter(None, parts))


def _blocks(
    kind: type[Section], block: Mapping[str, Any], entry: Mapping[str, str]
) -> Iterator[tuple[type[Section], Mapping[str, Any]]]:
    """Yield a section and those directly below it, with their values."""
    yield kind, block
    for name, child, is_map in children(kind):
        below = block[name].get(entry.get(name)) if is_map else block[name]
        if below:
            yield child, below


def _options(section: type[Section], names: Collection[str], settings: Mapping[str, Any]) -> str:
    given = {name: settings[name] for name in names if settings.get(name) is not None}
    words = []
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(option if value else negative(name, section.model_fields[name]))
            continue
        for one in value if isinstance(value, list) else [value]:
            words += [option, _text(one)]
    return " ".join(words)


def _text(value: Any) -> str:
    """Return one value as a word of the shell: a map as JSON, the rest as it is."""
    if isinstance(value, Mapping):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return shlex.quote(str(value))
