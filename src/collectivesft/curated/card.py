"""Write the data card of an experiment's mixture: contents, licences and missing datasets."""

from pathlib import Path
from typing import Any

from collectivesft import datasets
from collectivesft.common.files import read_json, write_text
from collectivesft.common.made_up import sentence
from collectivesft.curated.storage.step_ledger import personal_counts


def write_card(
    ledger: Path, mixture: Path, contamination: Path, out: Path, made_up: bool = False
) -> None:
    """Write the card as Markdown from the run's own counts.

    Args:
        made_up: every row was written for this package; the card says so first.
    """
    content = [read_json(path) for path in (ledger, mixture, contamination)]
    write_text(out, card(*content, made_up))


def card(
    ledger: dict[str, Any],
    mixture: dict[str, Any],
    contamination: dict[str, Any],
    made_up: bool = False,
) -> str:
    """Return the card's text."""
    used = len(ledger["datasets"]) - len(ledger["left_out"])
    parts = [
        f"# Data of the experiment {mixture['experiment']}",
        *([f"> **{sentence(made_up)}**"] if made_up else []),
        f"{mixture['train']:,} examples drawn for training and {mixture['validation']:,} held out, "
        f"from {used} dataset{'' if used == 1 else 's'}.",
        "## Datasets",
        _sets(ledger, mixture),
        *_left_out(ledger),
        "## Composition",
        _composition(mixture),
        "## Prompts",
        _prompts(mixture),
        "## Personal data",
        _personal(ledger),
        "## Dropped rows",
        _dropped(ledger),
        "## Overlap with benchmarks",
        _contamination(ledger, contamination),
        "## Notes on the datasets",
        _notes(ledger),
    ]
    return "\n\n".join(parts) + "\n"


def _sets(ledger: dict[str, Any], mixture: dict[str, Any]) -> str:
    trained = {part["dataset"]: part["examples"] for part in mixture["datasets"]}
    lines = ["| dataset | licence | access | published rows | rows read | kept | drawn |"]
    lines.append("|---|---|---|---:|---:|---:|---:|")
    for name in ledger["order"]:
        source, steps = datasets.get(name).SOURCE, ledger["datasets"][name]
        read, kept = steps["read"]["rows_in"], curated(steps)
        published = "unknown" if source.rows is None else f"{source.rows:,}"
        title = f"[{source.title}]({source.homepage})"
        cells = [title, source.licence, source.access.replace("_", " "), published]
        if name in ledger["left_out"]:
            cells += ["left out", "", ""]
        else:
            cells += [f"{read:,}", f"{kept:,}", f"{trained.get(name, 0):,}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _left_out(ledger: dict[str, Any]) -> list[str]:
    """A section on the datasets that the configuration names and that could not be had, if any."""
    if not ledger["left_out"]:
        return []
    lines = ["Datasets of the configuration that could not be had; nothing of them is used:", ""]
    lines += [f"- {ledger['titles'][name]}: {why}" for name, why in ledger["left_out"].items()]
    return ["## Datasets left out", "\n".join(lines)]


def curated(steps: dict[str, Any]) -> int:
    """Rows of one dataset that went through all of the curation, before the mixture was drawn."""
    return steps["decontaminate"]["kept"] if "decontaminate" in steps else 0


def _composition(mixture: dict[str, Any]) -> str:
    rows = []
    for what in ("styles", "languages"):
        total = sum(mixture[what].values())
        shares = [
            f"{name} {count:,} ({count / total:.1%})" for name, count in mixture[what].items()
        ]
        rows.append(f"- {what}: {', '.join(shares)}; entropy {mixture['entropy_bits'][what]} bits")
    rows.append(f"- datasets: entropy {mixture['entropy_bits']['datasets']} bits")
    distinct = mixture["distinct"]
    shares = ", ".join(f"{share:.1%} of {n}-grams" for n, share in distinct["shares"].items())
    sample = f"in a sample of {distinct['characters']:,} characters"
    rows.append(f"- words: {shares} of characters are distinct {sample}")
    return "\n".join(rows)


def _prompts(mixture: dict[str, Any]) -> str:
    """The template of each dataset's user turn."""
    lines = []
    if mixture["prompt"] == "cmb":
        lines.append("Exam questions are asked in the words of CMB's evaluation; the others so:\n")
    for part in mixture["datasets"]:
        module = datasets.get(part["dataset"])
        if mixture["prompt"] == "cmb" and set(part["style_counts"]) == {"mcqa"}:
            continue
        declared = module.PROMPT if isinstance(module.PROMPT, dict) else {"": module.PROMPT}
        for kind, template in declared.items():
            title = module.SOURCE.title + (f", {kind}" if kind else "")
            shown = template.replace("\n", "⏎")
            lines.append(f"- {title}: `{shown}`")
    return "\n".join(lines)


def _personal(ledger: dict[str, Any]) -> str:
    counts = personal_counts(ledger)
    found = [
        f"- {name.replace('_', ' ')}: {rows:,} row{'s' * (rows != 1)}"
        for name, rows in counts.items()
    ]
    lead = "Replaced by placeholders, in all datasets before the mixture was drawn:\n"
    return "\n".join([lead, *found, "", "Names of people are not recognised."])


def _dropped(ledger: dict[str, Any]) -> str:
    lines = ["| step | reason | rows |", "|---|---|---:|"]
    for step in ledger["steps"]:
        for reason, rows in ledger["totals"][step]["dropped"].items():
            lines.append(f"| {step} | {reason.replace('_', ' ')} | {rows:,} |")
    return "\n".join(lines)


def _contamination(ledger: dict[str, Any], report: dict[str, Any]) -> str:
    """Return the benchmark items that were found, and their share of each dataset's examples."""
    done = "They were removed." if report["dropped"] else "They were left in, on purpose."
    count = f"{report['items_found']:,} were found in {report['examples_found']:,} examples"
    if not report["items_found"]:
        count, done = "none was found in an example", ""
    if report["allowed_splits"]:
        names = ", ".join(report["allowed_splits"])
        done += f" Not looked for: items of parts that may be trained on ({names})."
    lines = [
        f"Of {report['items']:,} benchmark items {count} (at least {report['threshold']:.0%} of "
        f"an item's {report['ngram']}-grams of characters or words; of an exam question of "
        f"fewer than {report['common_tokens']} tokens, which many may ask, its right answer or "
        f"half of its options too). {done.strip()}".strip()
    ]
    found = report["examples_by_dataset"]
    if not found:
        return lines[0]
    lines += ["", "| dataset | examples searched | with an item | share |", "|---|---:|---:|---:|"]
    for name, count in found.items():
        searched = ledger["datasets"][name]["decontaminate"]["rows_in"]
        lines.append(f"| {name} | {searched:,} | {count:,} | {count / searched:.2%} |")
    return "\n".join(lines)


def _notes(ledger: dict[str, Any]) -> str:
    lines = []
    for name in ledger["order"]:
        reader = datasets.get(name)
        lines += [f"- {reader.SOURCE.title}: {note}" for note in reader.SOURCE.notes]
        values = ledger["options"].get(name, {})
        for option in (o for o in getattr(reader, "OPTIONS", ()) if o.name in values):
            text = f"read with {option.name}={values[option.name]} ({option.help})."
            lines.append(f"- {reader.SOURCE.title}: {text}")
        if form := ledger.get("forms", {}).get(name):
            lines.append(f"- {reader.SOURCE.title}: files as read: {form}.")
    return "\n".join(lines)
