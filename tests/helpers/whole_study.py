"""Made-up result files of the whole study's shape, for tests of how figures and paper look then.

Datasets, experiments, sub-categories and protocols are those of config/config.yaml, titles and
published sizes the real ones; every other number is made up by a formula and says nothing.
"""

import csv
import itertools
import json
import math
from pathlib import Path
from typing import Any

import yaml

from collectivesft import datasets
from collectivesft.benchmarks import cmb
from tests.helpers.figure_inputs import a_comparison, a_report, a_score, bounds, counts

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))
BOARD = ROOT / "resources/leaderboard/cmb-exam-2024-03-16.csv"
BASE, HEADLINE = "internlm2_5-7b", CONFIG["headline"]["experiment"]
EXPERIMENTS = CONFIG["experiments"]
PROTOCOLS = CONFIG["evaluation"]["cmb"]["protocols"]
STEPS = ("read", "clean", "dedup", "decontaminate", "mix")
SUBCATEGORIES = {
    "医师考试": ("规培结业", "执业助理医师", "执业医师", "中级职称", "高级职称"),
    "护理考试": ("护士执业资格", "护师执业资格", "主管护师", "高级护师"),
    "药师考试": (
        "执业西药师", "执业中药师", "初级药士", "初级药师", "初级中药士", "初级中药师", "主管药师",
        "主管中药师",
    ),
    "医技考试": ("医技士", "医技师", "主管技师"),
    "专业知识考试": ("基础医学", "临床医学", "预防医学与公共卫生学", "中医学与中药学"),
    "医学考研": ("护理学", "考研政治", "西医综合", "中医综合"),
}  # fmt: skip
_STYLES = {
    "cmeddialogue": {"dialogue": 1.0},
    "medicaldialogue": {"dialogue": 1.0},
    "discmed": {"dialogue": 0.8, "qa": 0.2},
    "cmedqa2": {"qa": 1.0},
    "webmedqa": {"qa": 1.0},
    "pubmedqa": {"qa": 1.0},
    "cmid": {"ner": 1.0},
}
_ENGLISH = {"pubmedqa": 1.0, "medmcqa": 1.0, "headqa": 1.0, "medqa": 0.26}
_MEANS = {"dialogue": 640, "qa": 410, "mcqa": 190, "ner": 60}


def wave(*keys: Any) -> float:
    """A number between -1 and 1 that depends on the keys alone."""
    return math.sin(sum((i + 1) * ord(sign) for i, sign in enumerate("/".join(map(str, keys)))))


def _rows(name: str) -> int:
    return datasets.get(name).SOURCE.rows


def ledger() -> dict[str, Any]:
    """Joined ledger of the 13 datasets, one of them left out."""
    books = {name: _steps(name) for name in CONFIG["datasets"]}
    books["nlpec"] = {"read": counts(0)}
    totals = {step: _sum([book[step] for book in books.values() if step in book]) for step in STEPS}
    return {
        "steps": list(STEPS),
        "order": CONFIG["datasets"],
        "titles": {name: datasets.get(name).SOURCE.title for name in CONFIG["datasets"]},
        "datasets": books,
        "totals": totals,
        "left_out": {"nlpec": "train.json: it has no address that everybody can use"},
    }


def _steps(name: str) -> dict[str, Any]:
    rows, book = _rows(name), {}
    losses = {
        "read": {"empty_answer": 0.004, "no_question": 0.002, "broken_row": 0.0001},
        "clean": {"too_short": 0.011, "too_long": 0.009, "mostly_symbols": 0.001,
                  "broken_encoding": 0.0005, "repeated_text": 0.003},
        "dedup": {"exact_duplicate": 0.08 * (1 + wave(name)), "near_duplicate": 0.05},
        "decontaminate": {"in_benchmark": 0.12 if name == "cmb" else 0.0004 * (1 + wave(name, 2))},
        "mix": {},
    }  # fmt: skip
    for step, shares in losses.items():
        dropped = {reason: int(share * rows) for reason, share in shares.items()}
        book[step] = counts(rows, **{reason: n for reason, n in dropped.items() if n})
        rows = book[step]["kept"]
    return book


def _sum(parts: list[dict]) -> dict[str, Any]:
    dropped: dict[str, int] = {}
    for part in parts:
        for reason, rows in part["dropped"].items():
            dropped[reason] = dropped.get(reason, 0) + rows
    return counts(sum(part["rows_in"] for part in parts), **dropped)


def mixture(experiment: str = HEADLINE, fraction: float = 1.0) -> dict[str, Any]:
    """Description of a mixture of all datasets but the one that is left out."""
    books, parts, by_style = ledger()["datasets"], [], {}
    edges = [100 * i for i in range(31)]
    for name in (name for name in CONFIG["datasets"] if name != "nlpec"):
        rows = int(fraction * books[name]["mix"]["kept"] * 0.9)
        styles = {key: int(rows * part) for key, part in _STYLES.get(name, {"mcqa": 1.0}).items()}
        english = int(rows * _ENGLISH.get(name, 0))
        languages = {"en": english, "zh": rows - english}
        mean = _MEANS[next(iter(styles))] * (1 + 0.3 * wave(name))
        parts.append(
            {"dataset": name, "style_counts": styles, "mean_characters": round(mean, 1)}
            | {"language_counts": {key: n for key, n in languages.items() if n}}
        )
        for style, count in styles.items():
            falls = [math.exp(-((low - mean) ** 2) / (2 * (0.5 * mean) ** 2)) for low in edges]
            bins = [int(count * fall / sum(falls)) for fall in falls]
            by_style[style] = [a + b for a, b in zip(by_style.get(style, bins), bins, strict=True)]
    return {
        "experiment": experiment,
        "train": sum(sum(part["style_counts"].values()) for part in parts),
        "validation": 498_000,
        "datasets": parts,
        "lengths": {"edges": edges, "by_style": by_style},
        "entropy_bits": {"datasets": 2.31, "styles": 1.2, "languages": 0.44},
        "groups": {"datasets": 12, "styles": 4, "languages": 2},
        "distinct": {"shares": {"1": 0.003, "2": 0.081, "3": 0.34}, "characters": 2_000_000},
    }  # fmt: skip


def contamination() -> dict[str, Any]:
    """Report on the two benchmarks' items in 13 datasets."""
    books = ledger()["datasets"]
    found = {
        name: book["decontaminate"]["dropped"].get("in_benchmark", 0)
        for name, book in books.items()
        if "decontaminate" in book
    }
    shares = [0.5 + 0.5 * abs(wave("pair", i)) for i in range(4000)]
    return a_report() | {
        "items": 11_482,
        "items_by_benchmark": {"cmb": 11_200, "cmb_clin": 282},
        "items_found": 4_317,
        "examples_found": sum(found.values()),
        "examples_by_dataset": {name: n for name, n in found.items() if n},
        "examples_by_benchmark": {"cmb": sum(found.values()) - 41, "cmb_clin": 41},
        "pairs": [{"example": "cmb:1", "item": "1", "share": share} for share in shares],
    }


def history(experiment: str) -> list[dict[str, Any]]:
    """A falling loss with noise, over as many tokens as the experiment may have."""
    end = 3.1e9 * {"fraction-1": 0.01, "fraction-10": 0.1, "ner-only": 0.003}.get(experiment, 1)
    floor, records = 1.3 + 0.4 * wave(experiment), []
    for step in range(1, 401):
        loss = floor + 1.4 * math.exp(-step / 40) + 0.06 * wave(experiment, step)
        head = {"step": 146 * step, "epoch": step / 133, "tokens": int(end * step / 400)}
        records.append(head | {"loss": round(loss, 4)})
        if step % 50 == 0:
            records.append(head | {"eval_loss": round(loss + 0.07, 4)})
    return records


def macro(model: str, protocol: str = "answer") -> float:
    """A made-up score of a model."""
    if model == BASE:
        return 0.41 + 0.02 * wave(protocol)
    return 0.62 + 0.11 * wave(model) + 0.02 * wave(protocol)


def score(model: str, protocol: str = "answer") -> dict[str, Any]:
    """Scores of a model on CMB-Exam: 6 categories, 28 sub-categories, 11,200 questions."""
    value = macro(model, protocol)
    categories, parts = [], []
    for category, names in SUBCATEGORIES.items():
        own = value + 0.09 * wave(category)
        head = {"category": category, "label": cmb.CATEGORIES[category]}
        categories.append(head | {"items": 400 * len(names)} | bounds(round(own, 4), 0.016))
        for name in names:
            part = bounds(round(own + 0.07 * wave(name, model), 4), 0.046)
            parts.append({"category": category, "subcategory": name, "items": 400} | part)
    apart = {"macro": bounds(value), "items": 10_789}
    return a_score(model) | {
        "protocol": protocol,
        "items": 11_200,
        "macro": bounds(value, 0.009),
        "micro": bounds(value + 0.01, 0.009),
        "official": {"macro": value - 0.004, "micro": value - 0.004},
        "differ": 311,
        "unparsed": 27,
        "against": None if model == BASE else _against(model),
        "apart": [{"group": "politics"}, {"group": "no_context"}],
        "without_apart": apart,
        "categories": categories,
        "subcategories": parts,
    }  # fmt: skip


def _against(model: str) -> dict[str, Any]:
    found = a_comparison(BASE, macro(model) - macro(BASE), p=1e-9, first=BASE)
    return {"corrected": found["corrected"]}


def comparison(model: str) -> dict[str, Any]:
    """A model compared with the headline: most differ clearly, one hardly."""
    value = macro(model) - macro(HEADLINE)
    p = 1e-9 if abs(value) > 0.02 else 0.31
    found = a_comparison(model, value, p=p, first=HEADLINE)
    found["corrected"]["difference"]["macro"] = bounds(value, 0.011)
    return found


def agreement(model: str) -> dict[str, Any]:
    """Agreement of five protocols: four of them have two readings."""
    sides = [
        ({"protocol": name, "reading": "corrected"}, {"protocol": name, "reading": "official"})
        for name in PROTOCOLS
        if name != "likelihood"
    ]
    sides += [
        tuple({"protocol": name, "reading": "corrected"} for name in pair)
        for pair in itertools.combinations(PROTOCOLS, 2)
    ]
    pairs = []
    for first, second in sides:
        same = 0.86 + 0.13 * wave(model, first, second)
        rights = {"first_right": macro(model), "second_right": macro(model) - 0.01}
        sides_of = {"first": first, "second": second, "items": 11_200}
        pairs.append(sides_of | {"same": same, "kappa": round(same - 0.09, 3)} | rights)
    return {"model": model, "benchmark": "cmb", "pairs": pairs}


def clinical(model: str) -> dict[str, Any]:
    """Answers to CMB-Clin, which nobody graded."""
    rates = {"bleu": 0.1 + 0.01 * wave(model), "rouge": 0.2 + 0.01 * wave(model)}
    return {"kind": "clinical", "benchmark": "cmb_clin", "model": model, "answers": 208} | rates


def recipes(names: list[str]) -> list[Path]:
    """The real recipes of experiments."""
    return [ROOT / f"config/experiments/{name}.yaml" for name in names]


def board() -> list[dict[str, Any]]:
    """The real leaderboard."""
    with open(BOARD, encoding="utf-8", newline="") as handle:
        return [row | {"accuracy": float(row["accuracy"])} for row in csv.DictReader(handle)]


def fraction(name: str) -> float:
    """The share of all examples that an experiment may have."""
    mixture = yaml.safe_load(recipes([name])[0].read_text("utf-8")).get("mixture", {})
    return mixture.get("fraction") or 0.5 + 0.45 * wave(name, "size")


def write(folder: Path) -> dict[str, Any]:
    """All files that ``paper values`` takes, in a folder; by the names of its ``Files``."""
    folder.mkdir(parents=True, exist_ok=True)
    models = [BASE, *EXPERIMENTS]
    contents = {
        "ledger": ledger(),
        "mixture": mixture(),
        "contamination": contamination(),
        "tokens": {"train": {"examples": 4_482_113, "tokens": 1_040_112_309,
                             "loss_tokens": 612_004_127, "truncated": 88_210,
                             "without_loss": 1_034}},
    }  # fmt: skip
    many = {
        "scores": [score(m, p) for p in PROTOCOLS for m in models] + [clinical(m) for m in models],
        "comparisons": [comparison(m) for m in models if m != HEADLINE],
        "agreements": [agreement(BASE), agreement(HEADLINE)],
    }
    files: dict[str, Any] = {}
    for name, content in contents.items():
        files[name] = _write(folder / f"{name}.json", content)
    for name, parts in many.items():
        paths = [folder / f"{name}-{i}.json" for i in range(len(parts))]
        files[name] = [_write(path, part) for path, part in zip(paths, parts, strict=True)]
    files["trained"] = [f"{name}={folder / name}" for name in EXPERIMENTS]
    for name in EXPERIMENTS:
        (folder / name).mkdir(exist_ok=True)
        size = mixture(name, fraction(name))["train"]
        _write(folder / name / "tokens.json", {"train": {"examples": size}})
    files["history"] = folder / "history.jsonl"
    lines = "".join(json.dumps(row) + "\n" for row in history(HEADLINE))
    files["history"].write_text(lines, encoding="utf-8")
    files |= {"recipe": recipes([HEADLINE])[0], "leaderboard": BOARD}
    files |= {"model": ROOT / f"config/models/{BASE}.yaml", "experiments": recipes(EXPERIMENTS)}
    return files


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path
