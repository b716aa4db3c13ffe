# Checks the configuration before anything runs, names the folders, and holds every helper:
# this is the only rule file with functions.

import os
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "workflow")))
import apptainer
import configuration
import dependencies

try:
    configuration.check(config, Path(workflow.basedir))
    configuration.check_lock(
        config, Path(workflow.basedir), Path("config/raw.lock.yaml"), Path("results")
    )
except configuration.ConfigurationError as error:
    # Not a WorkflowError: Snakemake would print three lines where one says it all.
    sys.exit(f"error: config: {error}")


# Every command runs this clone's code, whatever else is installed where it runs.
shell.prefix(f"export PYTHONPATH={workflow.basedir}/src PYTHONNOUSERSITE=1; set -euo pipefail; ")

# Inside an image a command sees the working folder alone, and what this adds.
os.environ.update(
    apptainer.variables(
        os.environ,
        Path.cwd(),
        [workflow.basedir, config["cache"], *configuration.folders(config)],
        config["threads"],
    )
)

RAW, CURATED, SFT, SCORES, FIGURES, PAPER, HUB = (
    f"results/{config['run']}/{number}_{stage}"
    for number, stage in enumerate(
        ("raw", "curated", "sft", "scores", "figures", "paper", "hub"), start=1
    )
)
LOGS = f"logs/{config['run']}"
CACHE = config["cache"]

DATASETS = config["datasets"]
BENCHMARKS = config["benchmarks"]
EVALUATION = config["evaluation"]
EXPERIMENTS = config["experiments"]
HEADLINE = config["headline"]["experiment"]
RECIPES = {
    name: configuration.read_yaml(Path(workflow.basedir, f"config/experiments/{name}.yaml"))
    for name in EXPERIMENTS
}
BASES = sorted({recipe["base"] for recipe in RECIPES.values()})
MODELS = BASES + EXPERIMENTS
CHOICE = [name for name in BENCHMARKS if EVALUATION[name]["kind"] == "choice"]
CLINICAL = [name for name in BENCHMARKS if EVALUATION[name]["kind"] == "clinical"]
# Files for the leaderboard, which takes answers to the whole benchmark only.
WHOLE = "cmb" in CHOICE and EVALUATION["cmb"]["limit"] is None and not config["demo"]
SUBMISSIONS = [
    f"{SCORES}/{HEADLINE}/cmb.{protocol}.submission.json"
    for protocol in (EVALUATION["cmb"]["protocols"] if WHOLE else [])
]
FIGURE_NAMES = ["mixture", "curation", "loss", "accuracy"]


wildcard_constraints:
    kind="datasets|benchmarks",
    name="[a-z0-9_]+",
    dataset="|".join(DATASETS),
    benchmark="|".join(BENCHMARKS),
    curation="|".join(config["curation"]),
    experiment="|".join(EXPERIMENTS),
    base="|".join(BASES),
    model="|".join(MODELS),
    protocol="|".join(config["protocols"]),


def code(*modules):
    """The package's own files that a rule's command runs: modules and what they import."""
    root = Path(workflow.basedir, "src/collectivesft")
    return [os.path.relpath(path) for path in dependencies.files(root, list(modules))]


def own_file(kind, name, suffix=".py"):
    """The file of a dataset or benchmark, or another one of the package."""
    return os.path.relpath(Path(workflow.basedir, "src/collectivesft", kind, f"{name}{suffix}"))


def source_code(wildcards):
    """What fetching one source runs: an edit of another source's file does not fetch this one."""
    return [*code("raw/fetch.py"), own_file(wildcards.kind, wildcards.name)]


def reader_code(wildcards):
    """What reading one dataset runs."""
    return code("curated/read.py", f"datasets/{wildcards.dataset}.py")


def reader_options(wildcards):
    """Options of `curated read` that a dataset's reader has of its own."""
    chosen = config["readers"].get(wildcards.dataset, {})
    return [f"--option {name}={value}" for name, value in sorted(chosen.items())]


def items_code(wildcards):
    """What reading one benchmark's items runs."""
    return code("curated/read.py", f"benchmarks/{wildcards.benchmark}.py")


def benchmark_code(module):
    """What a command of stage scores runs on one benchmark."""
    return lambda wildcards: code(module, f"benchmarks/{wildcards.benchmark}.py")


SOURCE_FILES = [f"datasets/{name}.py" for name in DATASETS]
BENCHMARK_FILES = [f"benchmarks/{name}.py" for name in BENCHMARKS]


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


def image(name):
    """The Apptainer image of an environment: a local file, or what config names instead."""
    return config["containers"].get(name) or f"containers/{name}.sif"


MODEL_ENV = "model-cuda" if config["device"] == "cuda" else "model-cpu"


def source_options(wildcards):
    """Options of `raw fetch` that say where a source's files lie, if not upstream."""
    place = configuration.place(config, wildcards.kind, wildcards.name)
    options = [f"--folder {shlex.quote(place['folder'])}"] if place["folder"] else []
    options += [f"--checksums {shlex.quote(place['checksums'])}"] if place["checksums"] else []
    options += [f"--file {shlex.quote(name)}" for name in place["files"]]
    options += [f"--missing {place['missing']}"] if place["missing"] != "error" else []
    return " ".join(options)


def source_placed(wildcards):
    """Files that somebody placed for a source: one that appears or changes is taken."""
    place = configuration.place(config, wildcards.kind, wildcards.name)
    return configuration.placed(place, Path(f"{RAW}/{wildcards.kind}/{wildcards.name}/files"))


def source_checksums(wildcards):
    """The list of checksums of a local source: when a file changes, so does this list."""
    place = configuration.place(config, wildcards.kind, wildcards.name)
    return [place["checksums"]] if place["checksums"] else []


def recipe(wildcards):
    """Path of an experiment's recipe."""
    return f"config/experiments/{wildcards.experiment}.yaml"


def curation_of(wildcards):
    """Name of the curation setting that an experiment trains on."""
    return RECIPES[wildcards.experiment].get("curation", "full")


def curated_examples(wildcards):
    """The examples that an experiment's mixture is drawn from."""
    return f"{CURATED}/{curation_of(wildcards)}/decontaminate.parquet"


def base_dir(wildcards):
    """Folder of the base model of an experiment."""
    return f"{CACHE}/models/{RECIPES[wildcards.experiment]['base']}"


def model_dir(wildcards):
    """Folder of a model that is scored: a base model or an experiment's."""
    if wildcards.model in BASES:
        return f"{CACHE}/models/{wildcards.model}"
    return f"{SFT}/{wildcards.model}/model"


def base_answers(wildcards):
    """Judged answers of an experiment's base model, to compare with; none for a base model."""
    if wildcards.model in BASES:
        return []
    base = RECIPES[wildcards.model]["base"]
    return f"{SCORES}/{base}/{wildcards.benchmark}.{wildcards.protocol}.answers.jsonl"


def score_files(wildcards):
    """Scores of every model on every benchmark by every protocol."""
    return [
        f"{SCORES}/{model}/{benchmark}.{protocol}.scores.json"
        for benchmark in CHOICE
        for protocol in EVALUATION[benchmark]["protocols"]
        for model in MODELS
    ] + [
        f"{SCORES}/{model}/{benchmark}.cases.scores.json"
        for benchmark in CLINICAL
        for model in MODELS
    ]


def headline_scores(wildcards):
    """Scores of every model by the headline's protocol, for the figure of accuracy."""
    name = "{benchmark}.{protocol}.scores.json".format(**config["headline"])
    return [f"{SCORES}/{model}/{name}" for model in MODELS]


def release_scores(wildcards):
    """Scores of an experiment's model and of its base, for the model card."""
    pair = (RECIPES[wildcards.experiment]["base"], wildcards.experiment)
    return [path for path in score_files(wildcards) if path.split("/")[-2] in pair]


def base_recipe(wildcards):
    """Path of the recipe of an experiment's base model."""
    return f"config/models/{RECIPES[wildcards.experiment]['base']}.yaml"


def ledgers(wildcards):
    """The ledger of each step that leads to an experiment's mixture, in their order."""
    return (
        [f"{CURATED}/{dataset}/read.ledger.json" for dataset in DATASETS]
        + [f"{CURATED}/{dataset}/clean.ledger.json" for dataset in DATASETS]
        + [
            f"{CURATED}/{curation_of(wildcards)}/{step}.ledger.json"
            for step in ("dedup", "decontaminate")
        ]
        + [f"{CURATED}/mixtures/{wildcards.experiment}/mix.ledger.json"]
    )


def protocol_options(wildcards):
    """Options of `scores predict` for a protocol and a benchmark."""
    options = dict(config["protocols"][wildcards.protocol])
    limit = EVALUATION[wildcards.benchmark]["limit"]
    if limit:
        options |= {"limit": limit, "sample_seed": 42}
    return " ".join(f"--{key.replace('_', '-')} {value}" for key, value in options.items())


def limit_option(wildcards):
    """The option that takes only some of a benchmark's items, or nothing."""
    limit = EVALUATION[wildcards.benchmark]["limit"]
    return f"--limit {limit}" if limit else ""


def gpus(wildcards):
    """GPUs that training asks for."""
    return config["gpus"] if config["device"] == "cuda" else 0


def launch(wildcards):
    """How training starts: alone, or by torchrun as one process for each GPU of the node."""
    count = gpus(wildcards)
    return f"torch.distributed.run --standalone --nproc-per-node {count} -m " if count > 1 else ""


def one_gpu(wildcards):
    """What a model that answers asks for: it runs on the first GPU alone."""
    return 1 if config["device"] == "cuda" else 0
