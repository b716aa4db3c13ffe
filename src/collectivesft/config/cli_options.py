"""Options of a command from the fields of a configuration's class.

The options are made when a command is called or explained: a list of commands builds no section.
"""

import contextlib
import importlib
import inspect
import json
import types
import typing
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from collectivesft.config.section import marked_fields, negative

_VALUES = "collectivesft.config.cli_options"


def options_of(*kinds: str, leave_out: Sequence[str] = (), of: str = "") -> type[TyperCommand]:
    """Return a command's class that adds an option for each field of some sections.

    Args:
        kinds: names of classes in config/run.py, such as ``Protocol``, or of one field of them,
            such as ``Clinical.max_new_tokens``.
        leave_out: fields without an option.
        of: the command, such as ``scores predict``: fields that are marked with it
            (``section.OptionOf``) are options too.
    """

    class Command(TyperCommand):
        @property
        def params(self) -> list[Any]:
            if self._added is None:
                self._added = {}
                for kind in kinds:
                    options = _options(kind, leave_out)
                    names = [option.name for option in options]
                    self._added.setdefault(kind.partition(".")[0], []).extend(names)
                    self._params += options
                if of and (options := _made(marked_fields(of))):
                    self._added[of] = [option.name for option in options]
                    self._params += options
            return self._params

        @params.setter
        def params(self, value: list[Any]) -> None:
            self._params, self._added = value, None

        def invoke(self, ctx: Any) -> Any:
            ctx.meta[_VALUES] = {
                kind: {name: ctx.params.pop(name) for name in names}
                for kind, names in (self._added or {}).items()
            }
            return super().invoke(ctx)

    return Command


def values(context: typer.Context, kind: str | None = None) -> dict[str, Any]:
    """Return the values of the options that ``options_of`` has added, by field.

    Args:
        kind: one of its sections, or the command itself for the fields that are marked with it;
            None for all of them.
    """
    by_kind = context.meta[_VALUES]
    found = by_kind.values() if kind is None else [by_kind.get(kind, {})]
    return {name: value for section in found for name, value in section.items()}


def _options(kind: str, leave_out: Sequence[str]) -> list[Any]:
    """Let typer make the options of a section, or of one of its fields."""
    kind, _, chosen = kind.partition(".")
    section = getattr(importlib.import_module("collectivesft.config.run"), kind)
    names = [chosen] if chosen else [one for one in section.model_fields if one not in leave_out]
    return _made({name: section.model_fields[name] for name in names})


def _made(fields: dict[str, Any]) -> list[Any]:
    """Return the options of fields by their names."""
    parameters = [_parameter(name, field) for name, field in fields.items()]

    def command() -> None: ...

    command.__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return [one for one in typer.main.get_command(app).params if one.name in fields]


def _parameter(name: str, field: Any) -> inspect.Parameter:
    """Return the parameter of a function that has a field as its option."""
    kind, nullable, rules = _plain(field.annotation)
    words = (field.description or "").replace("`", "").replace("null:", "not given:")
    how: dict[str, Any] = {"help": f"{words[:1].upper()}{words[1:]}."}
    names: list[str] = []
    rules = [*field.metadata, *rules]
    if any(hasattr(one, "gt") for one in rules):
        # typer has no word for a bound that is itself refused.
        how |= _parsed(Annotated[kind, *rules])
        kind = str
    elif kind in (int, float):
        bounds = (("ge", "min"), ("le", "max"))
        how |= {
            side: getattr(one, word) for one in rules for word, side in bounds if hasattr(one, word)
        }
    elif typing.get_origin(kind) is list:
        how |= _parsed(*typing.get_args(kind))
        kind = list[str]
    elif kind is bool:
        names = [f"--{name.replace('_', '-')}/{negative(name, field)}"]
    elif kind is not str and typing.get_origin(kind) is not Literal:
        how |= _parsed(kind)
        kind = str
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if field.is_required() else field.default,
        annotation=Annotated[kind | None if nullable else kind, typer.Option(*names, **how)],
    )


def _plain(annotation: Any) -> tuple[Any, bool, list[Any]]:
    """Return a type without ``None`` and metadata, if it may be None, and the metadata."""
    parts = typing.get_args(annotation)
    if typing.get_origin(annotation) is Annotated:
        kind, nullable, rules = _plain(parts[0])
        more = [rule for one in parts[1:] for rule in getattr(one, "metadata", [one])]
        return kind, nullable, [*rules, *more]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType) and type(None) in parts:
        (rest,) = [part for part in parts if part is not type(None)]
        kind, _, rules = _plain(rest)
        return kind, True, rules
    return annotation, False, []


def _parsed(kind: Any) -> dict[str, Any]:
    """Return the parser of a value that is a JSON object, or a number or a name."""
    from pydantic import TypeAdapter, ValidationError

    from collectivesft.common.validation import allowed

    adapter = TypeAdapter(kind)
    schema = adapter.json_schema()
    is_json = schema.get("type") == "object"
    words = "not a JSON object" if is_json else f"allowed: {allowed(schema)}"

    def parse(text: Any) -> Any:
        value = text
        with contextlib.suppress(ValueError):  # a name is no JSON
            value = json.loads(text) if isinstance(text, str) else text
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise typer.BadParameter(words) from error

    return {"parser": parse, "metavar": "JSON" if is_json else "VALUE"}
