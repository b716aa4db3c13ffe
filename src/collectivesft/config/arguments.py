"""Arguments of a command from the values of a configuration's section.

The inverse of ``config.cli_options``. A rule passes on each field of its command's section, so a
new field needs no line in the rule.
"""

import json
import shlex
from collections.abc import Collection, Mapping
from typing import Any

from collectivesft.config import run
from collectivesft.config.section import negative


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
