# The report of a run: its pages, and the inputs of each figure.

# Pages of the report, by category and title.
PAGES = [
    ("Scores/All models", f"{SCORES}/table.md"),
    *(
        (
            f"Scores/Categories of {model} - {benchmark} - {protocol}",
            f"{SCORES}/{model}/{benchmark}.{protocol}.categories.csv",
        )
        for benchmark in CHOICE
        for protocol in EVALUATION[benchmark]["protocols"]
        for model in MODELS
    ),
    *(
        (f"Data/{title} of {experiment}", f"{CURATED}/mixtures/{experiment}/{name}.md")
        for title, name in (("Ledger", "ledger"), ("Data card", "data-card"))
        for experiment in EXPERIMENTS
    ),
    ("Release/Model card", f"{HUB}/{HEADLINE}/README.md"),
]


def figure_files(entry):
    """The files that a figure is drawn from."""
    values = entry["files"].values()
    listed = [path for value in values for path in ([value] if isinstance(value, str) else value)]
    return [path.rpartition("=")[2] for path in listed]


HEADLINE_MIXTURE = f"{CURATED}/mixtures/{HEADLINE}/mixture.json"
HEADLINE_LEDGER = f"{CURATED}/mixtures/{HEADLINE}/ledger.json"
HEADLINE_CONTAMINATION = f"{CURATED}/{RECIPES[HEADLINE].curation}/contamination.json"
EXPERIMENT_FILES = [own(f"config/experiments/{name}.yaml") for name in EXPERIMENTS]
EXPERIMENT_TOKENS = [f"{SFT}/{name}/tokens" for name in EXPERIMENTS]
# Experiments of the paper that this run does not have: the manuscript says so.
PLANNED = [
    own(f"config/experiments/{name}.yaml")
    for name in config_check.read_yaml(ROOT / "config/config.yaml")["experiments"]
    if name not in EXPERIMENTS
]
ROLES = [*(f"--base {name}" for name in BASES), f"--headline {HEADLINE}"]
DEMO = ["--demo"] if config["demo"] else []

# The inputs of each figure (options of its command), and its place in the report.
FIGURE_TABLE = {
    "mixture": {
        "category": "Data",
        "label": "Composition of the mixture",
        "files": {"mixture": HEADLINE_MIXTURE, "ledger": HEADLINE_LEDGER},
    },
    "lengths": {
        "category": "Data",
        "label": "Lengths of the examples",
        "files": {"mixture": HEADLINE_MIXTURE, "ledger": HEADLINE_LEDGER},
    },
    "curation": {
        "category": "Data",
        "label": "Kept and dropped, by step",
        "files": {"ledger": HEADLINE_LEDGER},
    },
    "contamination": {
        "category": "Data",
        "label": "Contamination by source",
        "files": {"report": HEADLINE_CONTAMINATION, "ledger": HEADLINE_LEDGER},
    },
    "loss": {
        "category": "Training",
        "label": "Training loss",
        "files": {"history": [f"{SFT}/{name}/history.jsonl" for name in EXPERIMENTS]},
    },
    "accuracy": {
        "category": "Scores",
        "label": "Accuracy by category",
        "files": {"scores": headline_scores(None), "leaderboard": LEADERBOARD},
        "options": [*ROLES, *DEMO],
    },
    "subcategories": {
        "category": "Scores",
        "label": "Accuracy by sub-category",
        "files": {"scores": headline_scores(None)},
        "options": ROLES,
    },
    "ablations": {
        "category": "Scores",
        "label": "Experiments compared",
        "files": {
            "scores": headline_scores(None),
            "comparison": comparisons(None),
            "recipe": EXPERIMENT_FILES,
        },
        "options": ROLES,
    },
    "data_size": {
        "category": "Scores",
        "label": "Accuracy against data size",
        "files": {
            "scores": headline_scores(None),
            "tokens": EXPERIMENT_TOKENS,
            "recipe": EXPERIMENT_FILES,
        },
        "options": [f"--headline {HEADLINE}"],
    },
    "parameters": {
        "category": "Scores",
        "label": "Accuracy against parameters",
        "files": {
            "scores": headline_scores(None),
            "base-recipe": [own(f"config/models/{name}.yaml") for name in BASES],
            "recipe": EXPERIMENT_FILES,
            "leaderboard": LEADERBOARD,
        },
        "options": [f"--headline {HEADLINE}", *DEMO],
    },
    "agreement": {
        "category": "Scores",
        "label": "Agreement of readings and protocols",
        "files": {"agreement": agreements(None)},
        "options": [f"--headline {HEADLINE}"],
    },
}
# Experiments with a fixed number of examples, and their further draws: only they can be compared by
# their diversity.
BUDGETS = [name for name in EXPERIMENTS if {"examples", "tokens"} & RECIPES[name].mixture.keys()]
BUDGETS += [repeat for repeat, (name, _) in DRAWS.items() if name in BUDGETS]
if BUDGETS:
    FIGURE_TABLE["diversity"] = {
        "category": "Scores",
        "label": "Accuracy against diversity at one size",
        "files": {
            "mixture": [f"{name}={CURATED}/mixtures/{name}/mixture.json" for name in BUDGETS],
            "scores": [
                f"{SCORES}/{name}/{{benchmark}}.{{protocol}}.scores.json".format(
                    **config["headline"]
                )
                for name in BUDGETS
            ],
            "recipe": EXPERIMENT_FILES,
        },
    }
    if config["diversity_examples"]:
        FIGURE_TABLE["diversity"]["files"]["diversity"] = [
            f"{name}={LAYOUT.path('diversity', experiment=name)}" for name in BUDGETS
        ]
FIGURE_NAMES = list(FIGURE_TABLE)
