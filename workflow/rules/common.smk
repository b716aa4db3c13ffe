# Checks the configuration before anything runs, names the folders, and holds every helper:
# this is the only rule file with functions.

import json
import os
import shlex
import sys
from pathlib import Path

from snakemake.settings.types import DeploymentMethod

sys.path[:0] = [str(Path(workflow.basedir, name)) for name in ("workflow", "src")]
import apptainer
import configuration
import dependencies
import places

try:
    configuration.check(config, Path(workflow.basedir))
    places.check_lock(config, Path(workflow.basedir), Path("config/raw.lock.yaml"), Path("results"))
    configuration.check_converter(config)
except configuration.ConfigurationError as error:
    # Not a WorkflowError: Snakemake would print three lines where one says it all.
    sys.exit(f"error: config: {error}")


# Every command runs this clone's code, whatever else is installed where it runs.
shell.prefix(
    f"set -euo pipefail; export PYTHONPATH={shlex.quote(f'{workflow.basedir}/src')}"
    " PYTHONNOUSERSITE=1; "
)

# For the provenance of a release; the environment, as a parameter would rerun rules at each commit.
os.environ.update(COLLECTIVESFT_COMMIT=configuration.commit(Path(workflow.basedir)))

# Inside an image a command sees the working folder alone, and what this adds.
os.environ.update(
    apptainer.variables(
        os.environ,
        Path.cwd(),
        [
            workflow.basedir,
            config["cache"],
            *places.folders(config, Path(workflow.basedir)),
        ],
        config["threads"],
        configuration.keys(config),
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
TEXT = [name for name in BENCHMARKS if EVALUATION[name]["kind"] == "text"]
# Files for leaderboards, which take answers to the whole benchmark only.
UPLOADS = [
    f"{SCORES}/{HEADLINE}/{benchmark}.{protocol}.upload.zip"
    for benchmark in BENCHMARKS
    if EVALUATION[benchmark]["kind"] == "upload" and EVALUATION[benchmark]["limit"] is None
    for protocol in EVALUATION[benchmark]["protocols"]
]
WHOLE = "cmb" in CHOICE and EVALUATION["cmb"]["limit"] is None and not config["demo"]
SUBMISSIONS = UPLOADS + [
    f"{SCORES}/{HEADLINE}/cmb.{protocol}.submission.json"
    for protocol in (EVALUATION["cmb"]["protocols"] if WHOLE else [])
]
# Published scores, dated; nothing in it was run here.
LEADERBOARD = "resources/leaderboard/cmb-exam-2024-03-16.csv"
CLINICAL_LEADERBOARD = "resources/leaderboard/cmb-clin-2024-03-16.csv"


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
    place = places.place(config, wildcards.kind, wildcards.name)
    options = [f"--folder {shlex.quote(place['folder'])}"] if place["folder"] else []
    options += [f"--checksums {shlex.quote(place['checksums'])}"] if place["checksums"] else []
    options += [f"--file {shlex.quote(name)}" for name in place["files"]]
    options += [f"--missing {place['missing']}"] if place["missing"] != "error" else []
    return " ".join(options)


def source_placed(wildcards):
    """Files that somebody placed for a source: one that appears or changes is taken."""
    place = places.place(config, wildcards.kind, wildcards.name)
    return places.placed(place, Path(f"{RAW}/{wildcards.kind}/{wildcards.name}/files"))


def model_placed(wildcards):
    """Files of a base model that lie in a folder on this machine: new weights are taken."""
    return places.placed_model(wildcards.base, Path(workflow.basedir))


def source_checksums(wildcards):
    """The list of checksums of a local source: when a file changes, so does this list.

    In a bundle, where the source was fetched already, the list may have stayed behind.
    """
    listed = places.place(config, wildcards.kind, wildcards.name)["checksums"]
    fetched = Path(f"{RAW}/{wildcards.kind}/{wildcards.name}/manifest.json").is_file()
    return [listed] if listed and (Path(listed).is_file() or not fetched) else []


def recipe(wildcards):
    """Path of an experiment's recipe."""
    return f"config/experiments/{wildcards.experiment}.yaml"


def curation_of(wildcards):
    """Name of the curation setting that an experiment trains on."""
    return RECIPES[wildcards.experiment].get("curation", "full")


def curated_examples(wildcards):
    """The examples that an experiment's mixture is drawn from."""
    return f"{CURATED}/{curation_of(wildcards)}/decontaminate.parquet"


def base_dir_of(experiment):
    """Folder of the base model of an experiment, by name."""
    return f"{CACHE}/models/{RECIPES[experiment]['base']}"


def base_dir(wildcards):
    """Folder of the base model of an experiment."""
    return base_dir_of(wildcards.experiment)


def chat_template(wildcards):
    """The file of a base model's chat template, named or by way of an experiment."""
    base = wildcards.get("base") or RECIPES[wildcards.experiment]["base"]
    model = configuration.read_yaml(Path(workflow.basedir, f"config/models/{base}.yaml"))
    return own_file("sft/templates", model["chat_template"], ".jinja")


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


def base_texts(wildcards):
    """The same for answers in free text."""
    found = base_answers(wildcards)
    return found and found.removesuffix(".answers.jsonl") + ".text.answers.jsonl"


def score_files(wildcards):
    """Scores of every model on every benchmark by every protocol."""
    return (
        [
            f"{SCORES}/{model}/{benchmark}.{protocol}.scores.json"
            for benchmark in CHOICE
            for protocol in EVALUATION[benchmark]["protocols"]
            for model in MODELS
        ]
        + [
            f"{SCORES}/{model}/{benchmark}.cases.scores.json"
            for benchmark in CLINICAL
            for model in MODELS
        ]
        + [
            f"{SCORES}/{model}/{benchmark}.{protocol}.text.scores.json"
            for benchmark in TEXT
            for protocol in EVALUATION[benchmark]["protocols"]
            for model in MODELS
        ]
    )


def headline_scores(wildcards):
    """Scores of every model by the headline's protocol, for the figure of accuracy."""
    name = "{benchmark}.{protocol}.scores.json".format(**config["headline"])
    return [f"{SCORES}/{model}/{name}" for model in MODELS]


def comparisons(wildcards):
    """Comparisons of every other model with the headline's experiment, by its protocol."""
    name = "{benchmark}.{protocol}.comparison.json".format(**config["headline"])
    return [f"{SCORES}/{model}/{name}" for model in MODELS if model != HEADLINE]


def protocol_answers(wildcards):
    """Judged answers of one model on one benchmark, by every protocol."""
    stem = f"{SCORES}/{wildcards.model}/{wildcards.benchmark}"
    protocols = EVALUATION[wildcards.benchmark]["protocols"]
    return {protocol: f"{stem}.{protocol}.answers.jsonl" for protocol in protocols}


def agreements(wildcards):
    """Agreement of readings and protocols, of the headline's base and of the headline."""
    pair = (RECIPES[HEADLINE]["base"], HEADLINE)
    return [f"{SCORES}/{model}/{config['headline']['benchmark']}.agreement.json" for model in pair]


def release_scores(wildcards):
    """Scores of an experiment's model and of its base, for the model card."""
    pair = (RECIPES[wildcards.experiment]["base"], wildcards.experiment)
    return [path for path in score_files(wildcards) if path.split("/")[-2] in pair]


def release_answers(wildcards):
    """The judged answers behind those scores."""
    return [path.replace(".scores.json", ".answers.jsonl") for path in release_scores(wildcards)]


MODEL_NAME = Path(config["hub"]["repo_id"]).name


def release_gguf(wildcards):
    """The report on the GGUF copy of a release and the copy; none where none is asked for.

    By the end of their names, programs see the type.
    """
    kind = config["hub"]["gguf"]
    if kind is None:
        return []
    stem = f"{HUB}/{wildcards.experiment}/gguf/{MODEL_NAME}-{kind.upper()}"
    return [f"{stem}.json", f"{stem}.gguf"]


def gguf_memory(wildcards):
    """MB for comparing a copy: weights in float32 as read and as loaded, and some."""
    size = configuration.read_yaml(Path(workflow.basedir, base_recipe(wildcards))).get(
        "parameters", 0
    )
    return 4000 + 10 * size // 1_000_000


def headline_predictions(wildcards):
    """What the headline's experiment and its base answered, for the dataset repository."""
    return [
        path.replace(".scores.json", ".predictions.jsonl") for path in headline_scores(wildcards)
    ]


# Raw files behind a release: benchmarks too, as decontamination and scores hang on them.
RAW_MANIFESTS = [
    f"{RAW}/{kind}/{name}/manifest.json"
    for kind, names in (("datasets", DATASETS), ("benchmarks", BENCHMARKS))
    for name in names
]
# The environments of a run; what goes to the Hub is made in the CPU's.
ENVIRONMENTS = list(dict.fromkeys(("data", MODEL_ENV, "paper", "model-cpu")))
LOCKS = [f"envs/{name}.lock" for name in ENVIRONMENTS]
# What says where things lie on one machine, or is for looking on, is no part of what a release was
# made from; nor is a GGUF copy that is not asked for.
LOCAL_SETTINGS = ("raw", "sources", "cache", "containers", "tensorboard")


# Where a server stands and how it is asked; none of this decides an answer.
REACHED = ("url", "serve", "key_env", "concurrency", "timeout")


def release_settings():
    """The configuration as JSON, for the manifest of a release.

    That is published: addresses and commands of servers, which may hold keys, stay here.
    """
    kept = {key: value for key, value in config.items() if key not in LOCAL_SETTINGS}
    hub, left_out = kept["hub"], {"gguf_converter": True, "gguf": config["hub"]["gguf"] is None}
    kept["hub"] = {key: value for key, value in hub.items() if not left_out.get(key)}
    judge = config["clinical"]["judge"]
    kept["engine"] = unreached(config["engine"])
    kept["clinical"] = config["clinical"] | {"judge": judge and unreached(judge)}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True)


def unreached(server):
    """Settings of a server without where it stands and how it is asked."""
    return {key: value for key, value in server.items() if key not in REACHED}


def image_options():
    """Options of `hub provenance` for the images that the run may have used."""
    images = {name: image(name) for name in ENVIRONMENTS}
    return " ".join(
        f"--image {shlex.quote(f'{name}={place}')}"
        for name, place in images.items()
        if "://" in place or Path(place).is_file()
    )


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


def engine_options(wildcards):
    """Options that say how a server is asked to answer, if the job does not do so itself."""
    engine = config["engine"]
    if engine["kind"] == "transformers":
        return ""
    options = server_options(engine, ["send"])
    return options if engine["extensions"] else f"{options} --no-extensions"


def engine_server(wildcards, output):
    """Options that name that server.

    A function of `output` is no reason for Snakemake to ask again what was answered: a run goes on
    at another address.
    """
    engine = config["engine"]
    return "" if engine["kind"] == "transformers" else server_options(engine, REACHED)


def server_options(settings, names):
    """Settings of a server as options, by name; those that it has not, or null, are left out."""
    given = [(name, settings[name]) for name in names if settings.get(name) is not None]
    return " ".join(
        f"--{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in given
    )


def judge_options(wildcards):
    """Options of `scores judge`; its rule is asked for only where there is a judge."""
    judge = config["clinical"]["judge"]
    return server_options(judge, ["model", "input_price", "output_price"]) if judge else ""


def judge_server(wildcards, output):
    """Options that name the judge's server, as `engine_server` does."""
    judge = config["clinical"]["judge"]
    return server_options(judge, REACHED) if judge else ""


def judged_cases(wildcards):
    """The judge's grades of a model's answers to cases; none without a judge."""
    if not config["clinical"]["judge"]:
        return []
    return f"{SCORES}/{wildcards.model}/{wildcards.benchmark}.cases.grades.jsonl"


def limit_option(wildcards):
    """The option that takes only some of a benchmark's items, or nothing."""
    limit = EVALUATION[wildcards.benchmark]["limit"]
    return f"--limit {limit}" if limit else ""


NODES = config["nodes"]
GPUS = config["gpus"] if config["device"] == "cuda" else 0  # of a node
# A training on several nodes starts its image on each of them: see workflow/torchrun.
if DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method:
    os.environ.update(COLLECTIVESFT_IMAGE=apptainer.file(image(MODEL_ENV), Path.cwd()))


def launch(wildcards):
    """How training starts: alone, by torchrun as a process for each GPU, by that on each node."""
    if NODES > 1:
        script = os.path.relpath(Path(workflow.basedir, "workflow/torchrun"))
        return f"{script} {NODES} {max(1, GPUS)} -m"
    if GPUS > 1:
        return f"python -m collectivesft.sft.launcher --standalone --nproc-per-node {GPUS} -m"
    return "python -m"


def tensorboard(wildcards, output):
    """The option for a training's curves, where they are asked for.

    A function of `output` is no reason for Snakemake to train again, so what was trained without
    curves stays as it is when they are turned on.
    """
    folder = f"{LOGS}/3_sft/{wildcards.experiment}/tensorboard"
    return f"--tensorboard {folder}" if config["tensorboard"] else ""


def several_nodes(value):
    """A resource that Slurm needs for a training on several nodes, and otherwise must not see."""
    return value if NODES > 1 else None


def one_gpu(wildcards):
    """What a model that answers asks for: the first GPU, none where a server elsewhere has it."""
    return 1 if config["device"] == "cuda" and not config["engine"]["url"] else 0


def options(files):
    """Options of a command for its files: a path, or several with the same option."""
    return [
        f"--{option} {path}"
        for option, value in files.items()
        for path in ([value] if isinstance(value, str) else value)
    ]


def figure_files(entry):
    """The files that a figure is drawn from."""
    values = entry["files"].values()
    return [path for value in values for path in ([value] if isinstance(value, str) else value)]


HEADLINE_MIXTURE = f"{CURATED}/mixtures/{HEADLINE}/mixture.json"
HEADLINE_LEDGER = f"{CURATED}/mixtures/{HEADLINE}/ledger.json"
HEADLINE_CONTAMINATION = f"{CURATED}/{RECIPES[HEADLINE].get('curation', 'full')}/contamination.json"
EXPERIMENT_FILES = [f"config/experiments/{name}.yaml" for name in EXPERIMENTS]
EXPERIMENT_MIXTURES = [f"{CURATED}/mixtures/{name}/mixture.json" for name in EXPERIMENTS]
# Experiments of the paper that this run does not have: the manuscript says so.
PLANNED = [
    f"config/experiments/{name}.yaml"
    for name in configuration.read_yaml(Path(workflow.basedir, "config/config.yaml"))["experiments"]
    if name not in EXPERIMENTS
]
ROLES = [*(f"--base {name}" for name in BASES), f"--headline {HEADLINE}"]
DEMO = ["--demo"] if config["demo"] else []

# What each figure is drawn from (options of its command), and where the report shows it.
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
            "mixture": EXPERIMENT_MIXTURES,
            "recipe": EXPERIMENT_FILES,
        },
        "options": [f"--headline {HEADLINE}"],
    },
    "parameters": {
        "category": "Scores",
        "label": "Accuracy against parameters",
        "files": {
            "scores": headline_scores(None),
            "base-recipe": [f"config/models/{name}.yaml" for name in BASES],
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
FIGURE_NAMES = list(FIGURE_TABLE)
