"""Check a card's YAML head by the Hub's rules before anything is uploaded.

The Hub checks a card when it is committed (`/api/validate-yaml`). Its rules are in no package:
those here are from its own messages (licences: huggingface_hub issue 4218; languages: issue 3862)
and from the client's own output (model-index). A card that passes here can still be refused there;
one that is refused here would be refused there or not be rendered.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

_LICENCES = """
apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear
c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0
cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl
ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1
lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl
openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr
deepfloyd-if-license fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3
llama4 grok2-community gemma unknown other
"""
LICENCES = frozenset(_LICENCES.split())
HEAD_BYTES = 1 << 20  # the whole card is sent to be validated
LONGEST_LIST = 1000
_LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual|[a-z]{2,3}-[a-z]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_REPO = re.compile(r"[\w.-]+/[\w.-]+")
_HEAD = re.compile(r"---\r?\n(.*?)\r?\n---(?:\r?\n|$)", re.S)
_TEXTS = ("license_name", "license_link", "pipeline_tag", "library_name", "pretty_name")
_LISTS = ("tags", "language", "license", "base_model", "datasets", "metrics", "task_categories",
          "configs", "size_categories")  # fmt: skip


def problems(card: str) -> list[str]:
    """Return the faults that the Hub would refuse, a clause for each; empty where there is none."""
    found = _HEAD.match(card)
    if not found:
        return ["no YAML head between two lines of ---"]
    if len(found[1].encode()) > HEAD_BYTES:
        return [f"its head has more than {HEAD_BYTES:,} bytes"]
    try:
        head = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        return [" ".join(f"its head is no YAML: {error}".split())]
    if not isinstance(head, dict):
        return ["its head is no mapping"]
    return [text for check in _CHECKS for text in check(head)]


def _licence(head: dict[str, Any]) -> Iterator[str]:
    for one in _several(head.get("license")):
        if one not in LICENCES:
            yield f'"license" {one!r} is none that the Hub knows; write other, with license_name'
    if head.get("license") == "other" and not head.get("license_name"):
        yield '"license_name" is missing; license other needs it'
    name = head.get("license_name")
    if isinstance(name, str) and not _NAME.fullmatch(name):
        yield f'"license_name" {name!r} must be of small letters, digits, . and -'


def _language(head: dict[str, Any]) -> Iterator[str]:
    for one in _several(head.get("language")):
        if not (isinstance(one, str) and _LANGUAGE.fullmatch(one)):
            yield f'"language" {one!r} is no code of ISO 639 in small letters'


def _shapes(head: dict[str, Any]) -> Iterator[str]:
    for key in _TEXTS:
        if key in head and not isinstance(head[key], str):
            yield f'"{key}" must be a text'
    for key in _LISTS:
        value = head.get(key)
        if isinstance(value, list) and len(value) > LONGEST_LIST:
            yield f'"{key}" has {len(value):,} entries, at most {LONGEST_LIST:,} may be'
        kinds = dict if key == "configs" else str
        if any(not isinstance(one, kinds) for one in _several(value)):
            yield f'"{key}" must be a list of {"mappings" if kinds is dict else "texts"}'
    if "tags" in head and not isinstance(head["tags"], list):
        yield '"tags" must be a list of texts'
    for one in _several(head.get("base_model")):
        if isinstance(one, str) and not _REPO.fullmatch(one):
            yield f'"base_model" {one!r} is no owner/name'


def _model_index(head: dict[str, Any]) -> Iterator[str]:
    if "model-index" not in head:
        return
    entries = head["model-index"]
    if not isinstance(entries, list) or not entries:
        yield '"model-index" must be a list of models'
        return
    for n, entry in enumerate(entries):
        where = f"model-index[{n}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            yield f'"{where}.name" must be a text'
        elif not isinstance(entry.get("results"), list):
            yield f'"{where}.results" must be a list'
        elif len(entry["results"]) > LONGEST_LIST:
            yield f'"{where}.results" has more than {LONGEST_LIST:,} entries'
        else:
            for k, result in enumerate(entry["results"]):
                yield from _result(result, f"{where}.results[{k}]")


def _result(result: Any, where: str) -> Iterator[str]:
    """One result: of which task, on which dataset, by which metrics."""
    result = result if isinstance(result, dict) else {}
    for part, keys in (("task", ("type",)), ("dataset", ("type", "name"))):
        value = result.get(part)
        for key in keys:
            if not (isinstance(value, dict) and isinstance(value.get(key), str)):
                yield f'"{where}.{part}.{key}" must be a text'
    metrics = result.get("metrics")
    if not isinstance(metrics, list) or not metrics:
        yield f'"{where}.metrics" must be a list'
        return
    for n, metric in enumerate(metrics):
        metric = metric if isinstance(metric, dict) else {}
        if not isinstance(metric.get("type"), str):
            yield f'"{where}.metrics[{n}].type" must be a text'
        if metric.get("value") is None:
            yield f'"{where}.metrics[{n}].value" is missing'


def _several(value: Any) -> list[Any]:
    """Return a list: of a single entry, or of all entries of a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


_CHECKS = (_licence, _language, _shapes, _model_index)
