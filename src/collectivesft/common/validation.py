"""Explain what pydantic rejects in our own words: the key, the value, the allowed values."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

Schema = Mapping[str, Any]
_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a map of keys and values",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}
_NAME = "no name; write letters, digits, _ and -, such as my_name"
_LONGEST = 60  # characters of a value in a message


class Fault(NamedTuple):
    """One rejected key: its path in the file, and the problem with it."""

    key: tuple[str, ...]
    problem: str


def faults(error: ValidationError, kind: Any) -> list[Fault]:
    """List everything that pydantic rejected, each key once, in the order of the fields.

    Args:
        error: pydantic's error.
        kind: the type that was validated: a model, a ``TypeAdapter``, or anything that one takes.
    """
    adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
    schema = adapter.json_schema()
    found: dict[tuple[str, ...], Fault] = {}
    for one in error.errors():
        key, rule, parent = _locate(schema, one["loc"], one["input"])
        if one["type"].startswith("union_tag"):  # the key that tells the branches apart is at fault
            key = (*key, one["ctx"]["discriminator"].strip("'"))
        found.setdefault(key, Fault(key, _problem(one, rule, parent)))
    # A value that fits no branch of a union is rejected once for each branch: the deepest is meant.
    return [
        fault
        for key, fault in found.items()
        if not any(len(other) > len(key) and other[: len(key)] == key for other in found)
        or not key
        or "; allowed: " not in fault.problem
    ]


def nearest(name: object, known: Collection[str]) -> str:
    """Suggest the known name that is most like ``name``, or list the known names."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(sorted(known))}" if known else "none is known here"


def allowed(rule: Schema, root: Schema | None = None) -> str:
    """Describe the values that a JSON schema allows.

    Args:
        rule: the schema of one key.
        root: the whole schema, for references.
    """
    rule = _resolve(rule, root or {})
    if "enum" in rule or "const" in rule:
        return _either([_plain(value) for value in rule.get("enum", [rule.get("const")])])
    if branches := rule.get("anyOf", rule.get("oneOf")):
        shared = {key: rule[key] for key in ("examples",) if key in rule}
        branches = [
            {**branch, **shared} if branch.get("type") == "string" else branch
            for branch in branches
        ]
        return _either(list(dict.fromkeys(allowed(branch, root) for branch in branches)))
    if rule.get("type") == "array":
        least = {0: "", 1: ", at least one"}.get(
            few := rule.get("minItems", 0), f", at least {few}"
        )
        return f"a list ({allowed(rule.get('items', {}), root)}{least})"
    words = _TYPES.get(rule.get("type", ""), "any value")
    if rule.get("examples"):
        return f"{words} like {rule['examples'][0]!r}"
    if rule.get("minLength"):
        words += ", not empty"
    return ", ".join(
        [words, *(text.format(rule[key]) for key, text in _BOUNDS.items() if key in rule)]
    )


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else "null" if value is None else str(value).lower()


def shown(value: Any) -> str:
    """Return a value as a message shows it: short, on one line."""
    text = "null" if value is None else repr(value)
    if isinstance(value, bool):
        text = str(value).lower()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _problem(one: Mapping[str, Any], rule: Schema, parent: Schema) -> str:
    if one["type"] in ("extra_forbidden", "invalid_key"):
        name = one["loc"][-1]
        instead = parent.get("x-instead", {}).get(name)
        if not instead and "properties" not in parent:  # names that the user gives
            return _NAME
        return f"unknown key; {instead or nearest(name, parent.get('properties', {}))}"
    if one["loc"][-1:] == ("[key]",):
        known = parent["properties"]
        return f"unknown key; {nearest(one['input'], known)}" if known else _NAME
    if one["type"] == "missing":
        return f"missing; allowed: {allowed(rule, parent.get('$root'))}"
    if one["type"] in ("union_tag_invalid", "union_tag_not_found"):
        names = re.findall(r"'(\w+)'", one["ctx"].get("expected_tags", "")) or list(
            rule.get("discriminator", {}).get("mapping", {})
        )
        given = shown(one["ctx"]["tag"]) if "tag" in one["ctx"] else "missing"
        close = difflib.get_close_matches(one["ctx"].get("tag", ""), names, n=1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        return f"{given}; allowed: {_either(sorted(names))}{meant}"
    if one["type"] in ("value_error", "assertion_error"):
        return str(one["ctx"]["error"])
    secret = isinstance(one["input"], str) and rule.get("writeOnly")
    given = "a text that is not shown here" if secret else shown(one["input"])
    words = f"{given}; allowed: {allowed(rule, parent.get('$root'))}"
    names = rule.get("enum", ())
    close = difflib.get_close_matches(str(one["input"]), list(filter(None, names)), n=1)
    return f"{words}; did you mean {close[0]!r}?" if close else words


def _locate(root: Schema, loc: tuple[str | int, ...], value: Any):
    """Find the keys of a place, its schema and the schema of the block around it.

    Pydantic's place also holds names of a union's branches, which are no keys of the file.
    """
    rule, parent = _resolve(root, root), {}
    key: list[str] = []
    branch = False
    for part in loc:
        options = [_resolve(one, root) for one in rule.get("anyOf", rule.get("oneOf", ()))]
        options = [one for one in options if one.get("type") != "null"]
        if "discriminator" in rule and part in rule["discriminator"]["mapping"]:
            rule = _resolve({"$ref": rule["discriminator"]["mapping"][part]}, root)
            continue
        if len(options) > 1 and not branch:
            branch, rule = True, _branch(str(part), options) or rule
            continue
        if len(options) == 1:
            rule = options[0]
        branch = False
        if part == "[key]":  # the key before it is the fault, not its value
            return tuple(key), {}, {"properties": dict.fromkeys(_key_names(parent))}
        parent, rule = rule, _below(rule, part, root)
        key.append(str(part))
    return tuple(key), rule, {**parent, "$root": root}


def _key_names(rule: Schema) -> list[str]:
    return rule.get("propertyNames", {}).get("enum", [])


def _branch(tag: str, options: list[Schema]) -> Schema | None:
    wanted = "array" if tag.startswith("list") else "object" if tag.startswith("dict") else None
    return next((one for one in options if one.get("type") == wanted), None)


def _below(rule: Schema, part: str | int, root: Schema) -> Schema:
    if isinstance(part, int):
        return _resolve(rule.get("items", {}), root)
    found = rule.get("properties", {}).get(part, rule.get("additionalProperties"))
    return _resolve(found, root) if isinstance(found, Mapping) else {}


def _resolve(rule: Schema, root: Schema) -> Schema:
    while "$ref" in rule:
        rule = root["$defs"][rule["$ref"].split("/")[-1]]
    return rule
