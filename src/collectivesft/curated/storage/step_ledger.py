"""The ledger: rows in, kept and dropped by reason, for each dataset at each step; it adds up."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectivesft import datasets as known
from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, write_json, write_text
from collectivesft.common.table_files import no_formula
from collectivesft.curated.text.pii import RULES
from collectivesft.schema.example import Drop, Example

if TYPE_CHECKING:
    import pyarrow as pa

STEPS = ("read", "clean", "dedup", "decontaminate", "mix")
_REMEDY = "Delete the curated folder of this run and run again"


@dataclass
class Entry:
    """Counts of one dataset at one step. ``changed`` counts rows that stay but were altered."""

    rows_in: int = 0
    kept: int = 0
    dropped: Counter = field(default_factory=Counter)
    changed: Counter = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Plain, with sorted reasons."""
        counts = {"dropped": self.dropped, "changed": self.changed}
        plain = {name: dict(sorted(counter.items())) for name, counter in counts.items()}
        return {"rows_in": self.rows_in, "kept": self.kept, **plain}


class StepLedger:
    """Counts what passes through one step.

    ``left_out`` says which datasets are not there, and why; ``options`` how a dataset was read;
    ``forms`` which of several forms its files have, such as the number that an option counts from.
    """

    def __init__(self, step: str, datasets: Iterable[str] = ()):
        self.step, self.entries = step, {name: Entry() for name in datasets}
        self.left_out: dict[str, str] = {}
        self.options: dict[str, dict[str, str]] = {}
        self.forms: dict[str, str] = {}

    def entry(self, dataset: str) -> Entry:
        """The counts of a dataset; made where there is none yet."""
        if dataset not in self.entries:
            self.entries[dataset] = Entry()
        return self.entries[dataset]

    def add(self, result: Example | Drop) -> None:
        """Count one result."""
        entry = self.entry(result.id.partition(":")[0])
        entry.rows_in += 1
        if isinstance(result, Drop):
            entry.dropped[result.reason] += 1
        else:
            entry.kept += 1

    def add_kept(self, datasets: "pa.Array | pa.ChunkedArray") -> None:
        """Count kept rows by the names of their datasets."""
        for found in datasets.value_counts().to_pylist():
            entry = self.entry(found["values"])
            entry.rows_in += found["counts"]
            entry.kept += found["counts"]

    def watch(
        self, results: Iterable["Example | Drop | pa.Table"]
    ) -> Iterator["Example | Drop | pa.Table"]:
        """Pass the results on, counting each; of a table, each row."""
        for result in results:
            if isinstance(result, (Example, Drop)):
                self.add(result)
            else:
                self.add_kept(result.column("dataset"))
            yield result

    def write(self, path: Path) -> None:
        """Write the step's ledger as JSON."""
        datasets = {name: entry.as_json() for name, entry in self.entries.items()}
        facts = {"left_out": self.left_out, "options": self.options, "forms": self.forms}
        said = {name: fact for name, fact in facts.items() if fact}
        write_json(path, {"step": self.step, "datasets": datasets, **said})


def combine(paths: Iterable[Path], out: Path, csv_path: Path, markdown: Path) -> dict[str, Any]:
    """Join the ledgers of all steps into one and check that it adds up.

    Args:
        paths: ledgers of the steps, in their order; several of one step add to each other.
        out: JSON ``{"steps", "order": [name], "titles": {name: title}, "datasets": {name:
            {step: counts}}, "totals": {step: counts}, "left_out": {name: reason},
            "options": {name: {option: value}}}``; and ``"forms": {name: text}`` if any.

    Raises:
        InputError: rows in and kept plus dropped differ, or a step does not take the rows that
            the step before handed on.
    """
    datasets: dict[str, dict[str, Any]] = {}
    facts: dict[str, dict[str, Any]] = {"left_out": {}, "options": {}}
    forms: dict[str, str] = {}
    for path in paths:
        content = _book(path)
        for what, known_of in facts.items():
            known_of |= content.get(what, {})
        forms |= content.get("forms", {})
        for name, counts in content["datasets"].items():
            steps = datasets.setdefault(name, {})
            _check(path, name, counts, list(steps.values())[-1] if steps else None)
            steps[content["step"]] = counts
    steps = [step for step in STEPS if any(step in entry for entry in datasets.values())]
    _check_complete(steps, datasets, out)
    totals = {
        step: _total([entry[step] for entry in datasets.values() if step in entry])
        for step in steps
    }
    titles = {name: known.get(name).SOURCE.title for name in datasets}
    result = {"steps": steps, "datasets": datasets, "totals": totals}
    # JSON objects here are sorted by key: the order of the datasets is kept apart.
    result |= {"order": list(datasets), "titles": titles, **facts}
    result |= {"forms": forms} if forms else {}
    write_json(out, result)
    write_text(csv_path, _csv(result))
    write_text(markdown, _markdown(result))
    return result


def personal_counts(ledger: dict[str, Any]) -> dict[str, int]:
    """Rows in which each kind of personal data was replaced, by a joined ledger."""
    changed = ledger["totals"].get("clean", {}).get("changed", {})
    return {name: changed.get(name, 0) for name, _, _ in RULES}


def _book(path: Path) -> dict[str, Any]:
    """A step's ledger with the counts that it must have."""
    content = read_json(path)
    try:
        step, entries = content["step"], content["datasets"].values()
        whole = all({"rows_in", "kept", "dropped", "changed"} <= set(entry) for entry in entries)
    except (AttributeError, KeyError, TypeError):
        whole = False
    if not whole or step not in STEPS:
        raise InputError(path, "not the ledger of a step", _REMEDY)
    return content


def _check(path: Path, name: str, counts: dict, before: dict | None) -> None:
    if counts["rows_in"] != counts["kept"] + sum(counts["dropped"].values()):
        problem = f"{name}: {counts['rows_in']} rows in are not kept plus dropped"
        raise InputError(path, problem, _REMEDY)
    if before is not None and counts["rows_in"] != before["kept"]:
        problem = f"{name}: {counts['rows_in']} rows in, the step before kept {before['kept']}"
        raise InputError(path, problem, _REMEDY)


def _check_complete(steps: list[str], datasets: dict[str, dict[str, Any]], out: Path) -> None:
    """Rows that a step kept must turn up in the next one."""
    for name, entry in datasets.items():
        last = list(entry)[-1]
        if last != steps[-1] and entry[last]["kept"]:
            problem = f"{name}: {entry[last]['kept']} rows after {last} are in no later step"
            raise InputError(out, problem, _REMEDY)


def _total(entries: list[dict]) -> dict[str, Any]:
    total = Entry()
    for entry in entries:
        total.rows_in += entry["rows_in"]
        total.kept += entry["kept"]
        total.dropped.update(entry["dropped"])
        total.changed.update(entry["changed"])
    return total.as_json()


def _lines(result: dict) -> Iterator[list[Any]]:
    """dataset, step, rows in, kept, what, reason, rows: one line for each reason."""
    for name, steps in [*result["datasets"].items(), ("total", result["totals"])]:
        for step, counts in steps.items():
            head = [name, step, counts["rows_in"], counts["kept"]]
            yield [*head, "kept", "", counts["kept"]]
            for what in ("dropped", "changed"):
                for reason, rows in counts[what].items():
                    yield [*head, what, reason, rows]
    for name, reason in result["left_out"].items():
        yield [name, STEPS[0], 0, 0, "left_out", reason, 0]


def _csv(result: dict) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["dataset", "step", "rows_in", "rows_kept", "what", "reason", "rows"])
    writer.writerows(map(no_formula, line) for line in _lines(result))
    return stream.getvalue()


def _markdown(result: dict) -> str:
    steps = result["steps"]
    names = [*result["datasets"].items(), ("**total**", result["totals"])]
    lines = ["| dataset | read | " + " | ".join(f"after {step}" for step in steps) + " |"]
    lines.append("|---" + "|---:" * (len(steps) + 1) + "|")
    for name, entry in names:
        first = entry[steps[0]]["rows_in"]
        kept = [f"{entry[step]['kept']:,}" if step in entry else "" for step in steps]
        lines.append(f"| {name} | {first:,} | " + " | ".join(kept) + " |")
    lines += ["", "Dropped, by step and reason:", "", "| step | reason | rows |", "|---|---|---:|"]
    for step in steps:
        for reason, rows in result["totals"][step]["dropped"].items():
            lines.append(f"| {step} | {reason.replace('_', ' ')} | {rows:,} |")
    if result["left_out"]:
        lines += ["", "Left out of this run:", ""]
        lines += [f"- {name}: {reason}" for name, reason in result["left_out"].items()]
    return "\n".join(lines) + "\n"
