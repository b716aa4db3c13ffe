# Files, options and resources that rules take, by their wildcards. Names are those of common.smk.


def code_inputs(*modules):
    """Return the package's files that a rule's command runs: modules and their imports."""
    root = ROOT / "src/collectivesft"
    return [os.path.relpath(path) for path in code_files.files(root, list(modules))]


def source_file(kind, name):
    """Return a dataset's or benchmark's file below the package."""
    return code_files.source_file(ROOT / "src/collectivesft", kind, name)


def package_file(kind, name, suffix=".py"):
    """Return the file of a dataset or benchmark, or a different one of the package."""
    return own(f"src/collectivesft/{kind}/{name}{suffix}")


def source_code(wildcards):
    """Return the code that fetches one source: an edit of a second source fetches only that one."""
    own_code = own(f"src/collectivesft/{source_file(wildcards.kind, wildcards.name)}")
    return [*code_inputs("raw/fetch.py"), own_code]


def reader_code(wildcards):
    """Return the code that reads one dataset."""
    return code_inputs("curated/read.py", source_file("datasets", wildcards.dataset))


def reader_options(wildcards):
    """Return the reader's own options of `curated read`."""
    chosen = config["reader_options"].get(wildcards.dataset, {})
    return [f"--option {name}={value}" for name, value in sorted(chosen.items())]


def items_code(wildcards):
    """Return the code that reads one benchmark's items."""
    return code_inputs("curated/read.py", source_file("benchmarks", wildcards.benchmark))


def benchmark_code(module):
    """Return the code of a command of stage scores on one benchmark."""
    return lambda wildcards: code_inputs(module, source_file("benchmarks", wildcards.benchmark))


SOURCE_FILES = [source_file("datasets", name) for name in DATASETS]
BENCHMARK_FILES = [source_file("benchmarks", name) for name in BENCHMARKS]


def container_image(name):
    """The Apptainer image of an environment."""
    return IMAGES[name]


MODEL_ENV = run_paths.model_environment(config)
IMAGES = run_paths.plain_images(config)
LOCKS = [own(f"envs/{name}.lock") for name in IMAGES]


def source_options(wildcards):
    """Options of `raw fetch` that say where a source's files lie, if not upstream."""
    place = run_paths.place(config, wildcards.kind, wildcards.name)
    policy = place["on_unavailable"]
    options = [arguments("Source", place, leave_out=("on_unavailable",))]
    options += [f"--on-unavailable {policy}"] if policy != "error" else []
    options += [arguments_of("raw fetch", config, {})]
    return " ".join(filter(None, options))


def source_placed(wildcards):
    """Files that somebody placed for a source: one that appears or changes is taken."""
    place = run_paths.place(config, wildcards.kind, wildcards.name)
    return run_paths.placed(place, Path(f"{RAW}/{wildcards.kind}/{wildcards.name}/files"))


def model_placed(wildcards):
    """Files of a base model that lie in a folder on this machine: new weights are taken."""
    return run_paths.placed_model(wildcards.base, ROOT)


def model_options(wildcards, output):
    """Options of `raw fetch-model` for a folder of this machine.

    `~` and variables are expanded here: an image has neither. A function of `output` is no reason
    to fetch again; files that change in the folder are.
    """
    folder = config_check.model_folder(wildcards.base, ROOT)
    return f"--folder {shlex.quote(folder)}" if folder else ""


def source_checksums(wildcards):
    """The list of checksums of a local source: when a file changes, so does this list.

    In a bundle, where the source was fetched already, the list may have stayed behind.
    """
    listed = run_paths.place(config, wildcards.kind, wildcards.name)["checksums"]
    fetched = Path(f"{RAW}/{wildcards.kind}/{wildcards.name}/manifest.json").is_file()
    return [listed] if listed and (Path(listed).is_file() or not fetched) else []


def experiment_of(name):
    """Name of the experiment that a training repeats by seed or draw, or that it is."""
    return REPEATS.get(name, (name,))[0]


def repeats(name):
    """Names of an experiment's trainings with further seeds or draws of datasets."""
    return [repeat for repeat, (owner, _) in REPEATS.items() if owner == name]


def tokens_of(wildcards):
    """Tokens of an experiment, which its trainings with further seeds share."""
    owner = SEEDS.get(wildcards.experiment, (wildcards.experiment,))[0]
    return f"{SFT}/{owner}/tokens"


def experiment_file(wildcards):
    """Path of an experiment's recipe."""
    return own(f"config/experiments/{experiment_of(wildcards.experiment)}.yaml")


def recipe_settings(wildcards):
    """The keys of an experiment's recipe that decide data and weights, as a parameter.

    Rules that take these take the recipe itself as ancient: an edit of its title or description
    trains nothing again.
    """
    decisive = RECIPES[wildcards.experiment].model_dump(
        exclude={"title", "description", "seeds", "draws"}
    )
    return json.dumps(decisive, ensure_ascii=False, sort_keys=True)


def curation_of(wildcards):
    """Name of the curation setting that an experiment trains on."""
    return RECIPES[wildcards.experiment].curation


def curated_examples(wildcards):
    """The examples that an experiment's mixture is drawn from."""
    return f"{CURATED}/{curation_of(wildcards)}/decontaminate.parquet"


def token_lengths(wildcards):
    """The tokens of those examples, for a mixture with a budget of tokens; none for others."""
    if RECIPES[wildcards.experiment].mixture.get("tokens") is None:
        return []
    return f"{CURATED}/mixtures/{wildcards.experiment}/lengths.parquet"


def base_dir_of(experiment):
    """Folder of the base model of an experiment, by name."""
    return LAYOUT.base(RECIPES[experiment].base)


def base_dir(wildcards):
    """Folder of the base model of an experiment."""
    return base_dir_of(wildcards.experiment)


def chat_template(wildcards):
    """The file of a base model's chat template, named or by way of an experiment."""
    base = wildcards.get("base") or RECIPES[wildcards.experiment].base
    model = config_check.model(ROOT, base)
    if path := model.own_template(ROOT / f"config/models/{base}.yaml"):
        return os.path.relpath(path)
    return package_file("models/templates", model.chat_template, ".jinja")


def template_option(wildcards, output):
    """Option of `sft base` for a base model's own chat template, as `model_options` does."""
    model = config_check.model(ROOT, wildcards.base)
    path = model.own_template(ROOT / f"config/models/{wildcards.base}.yaml")
    return f"--template {shlex.quote(os.path.relpath(path))}" if path else ""


def model_dir(wildcards):
    """Folder of a model that is scored: a base model or an experiment's."""
    if wildcards.model in BASES:
        return LAYOUT.base(wildcards.model)
    return f"{SFT}/{wildcards.model}/model"


def perplexity_file(wildcards):
    """Return the perplexity of the headline's datasets; none where it is not measured."""
    return f"{SFT}/{HEADLINE}/perplexity.json" if config["perplexity_examples"] else []


def release_scores(wildcards):
    """Scores of an experiment's model and of its base, for the model card."""
    pair = (RECIPES[wildcards.experiment].base, wildcards.experiment)
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


def memory_mb(wildcards, each):
    """MB for so many bytes (`each`) a parameter of an experiment's model, and some."""
    base = RECIPES[wildcards.experiment].base
    return 4000 + each * config_check.model(ROOT, base).parameters // 1_000_000


def answer_memory(wildcards):
    """MB for an answer: weights in bfloat16."""
    return memory_mb(wildcards, 2)


def gguf_memory(wildcards):
    """MB for comparing a copy: weights in float32 as read and as loaded."""
    return memory_mb(wildcards, 10)


# Raw files behind a release: benchmarks too, as decontamination and scores hang on them.
RAW_MANIFESTS = [
    f"{RAW}/{kind}/{name}/manifest.json"
    for kind, names in (("datasets", DATASETS), ("benchmarks", BENCHMARKS))
    for name in names
]


def base_recipe(wildcards):
    """Path of the recipe of an experiment's base model."""
    return own(f"config/models/{RECIPES[wildcards.experiment].base}.yaml")


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
