"""Hold a run's results against the paper's claims: which claims hold, which do not, which were
not run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from collectivesft.common.errors import validated
from collectivesft.common.files import read_json, read_yaml


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Statistic(_Strict):
    """A number of a run: raw rows of a dataset, a score in per cent, or a gain in points.

    ``items``: how many items the score must be of.
    """

    kind: Literal["rows", "score", "gain"]
    dataset: str | None = None
    model: str | None = None
    over: str | None = None
    benchmark: str | None = None
    protocol: str | None = None
    category: str | None = None
    items: int | None = None


class Claim(_Strict):
    """One claim; ``tolerance`` is relative for rows, else in the statistic's unit."""

    id: str
    claim: str
    source: str
    statistic: Statistic
    relation: Literal["about", "at_least"]
    expected: float
    tolerance: float


class _Claims(_Strict):
    claims: list[Claim]


@dataclass(frozen=True)
class Results:
    """A run's numbers.

    Attributes:
        rows: raw rows read, by dataset.
        scores: score files' content.
        whole: false for a demonstration, whose small files say nothing about a claim.
    """

    rows: dict[str, int]
    scores: Sequence[dict[str, Any]]
    whole: bool = True


@dataclass(frozen=True)
class Verdict:
    """A claim, the run's value (None: not run) and whether the claim holds."""

    claim: Claim
    value: float | None
    why: str = ""

    @property
    def holds(self) -> bool | None:
        """None where it was not run."""
        if self.value is None:
            return None
        slack = self.claim.tolerance
        slack *= abs(self.claim.expected) if self.claim.statistic.kind == "rows" else 1
        if self.claim.relation == "at_least":
            return self.value >= self.claim.expected - slack
        return abs(self.value - self.claim.expected) <= slack

    def line(self) -> str:
        """The verdict for a person."""
        word = {True: "holds", False: "DOES NOT HOLD", None: "not run"}[self.holds]
        sign = "at least" if self.claim.relation == "at_least" else "about"
        wanted = f"{sign} {self._number(self.claim.expected)}, tolerance {self._tolerance()}"
        found = self.why if self.value is None else f"found {self._number(self.value)}"
        return f"{word:14} {self.claim.claim} ({wanted}; {found}). Source: {self.claim.source}."

    def _number(self, value: float) -> str:
        """Rows are counted in whole, points are rounded."""
        return f"{value:,.0f}" if self.claim.statistic.kind == "rows" else f"{value:g}"

    def _tolerance(self) -> str:
        if self.claim.statistic.kind == "rows":
            return f"{100 * self.claim.tolerance:g} %"
        return f"{self.claim.tolerance:g} points"


def read_claims(path: Path) -> list[Claim]:
    """The claims of a file.

    Raises:
        InputError: a key or value that does not belong there.
    """
    with validated(path, _Claims):
        return _Claims.model_validate(read_yaml(path)).claims


def read_results(ledger: Path, scores: Sequence[Path], whole: bool) -> Results:
    """A run's numbers from its joined ledger and its score files."""
    steps = read_json(ledger)["datasets"]
    rows = {name: counts["read"]["rows_in"] for name, counts in steps.items() if "read" in counts}
    return Results(rows, [read_json(path) for path in scores], whole)


def judge(claims: Sequence[Claim], results: Results) -> list[Verdict]:
    """A verdict on each claim, in their order."""
    return [_judge(claim, results) for claim in claims]


def _judge(claim: Claim, results: Results) -> Verdict:
    if not results.whole:
        return Verdict(claim, None, "this run is a demonstration on small files")
    asked = claim.statistic
    if asked.kind == "rows":
        value = results.rows.get(asked.dataset or "")
        return Verdict(claim, value, f"this run has not read {asked.dataset}")
    values = [_score(asked, model, results) for model in (asked.model, asked.over) if model]
    for model, (value, why) in zip((asked.model, asked.over), values, strict=False):
        if value is None:
            return Verdict(claim, None, f"{model}: {why}")
    numbers = [value for value, _ in values]
    return Verdict(claim, round(numbers[0] - sum(numbers[1:]), 2))


def _score(asked: Statistic, model: str, results: Results) -> tuple[float | None, str]:
    """The score in per cent; None and the reason where there is none to compare with."""
    wanted = (model, asked.benchmark, asked.protocol)
    for row in results.scores:
        if row.get("kind") == "choice" and wanted == (
            row["model"],
            row["benchmark"],
            row["protocol"],
        ):
            if asked.items is not None and row["items"] != asked.items:
                return None, f"answered {row['items']:,} items, the claim is about {asked.items:,}"
            parts = {entry["category"]: entry["value"] for entry in row["categories"]}
            value = parts.get(asked.category) if asked.category else row["macro"]["value"]
            return (None, "no such category") if value is None else (100 * value, "")
    return None, "this run has no such score"
