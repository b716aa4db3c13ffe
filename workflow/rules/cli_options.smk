# Options of commands that are no files: settings of the configuration, the start of a training,
# the resources of a job.

import json

from snakemake.settings.types import DeploymentMethod

# Settings of one machine, and those for monitoring, are no inputs of a release; nor is a GGUF copy
# that is not asked for.
LOCAL_SETTINGS = ("raw", "sources", "cache", "containers", "report_to")


# Address and limits of a server; none of this decides an answer. Any other field does.
REACHED = ("url", "serve", "key_env", "concurrency", "timeout")


def release_settings():
    """The configuration as JSON, for the manifest of a release.

    That is published: addresses and commands of servers, which may hold keys, stay here.
    """
    kept = {key: value for key, value in config.items() if key not in LOCAL_SETTINGS}
    hub, left_out = kept["hub"], {"gguf_converter": True, "space": True}
    left_out |= {"gguf": hub["gguf"] is None, "emissions": hub["emissions"] is None}
    kept["hub"] = {key: value for key, value in hub.items() if not left_out.get(key)}
    judges = {key: config["clinical"][key] for key in ("judge", "second_judge")}
    kept["engine"] = unreached(config["engine"])
    kept["clinical"] = config["clinical"] | {
        key: judge and unreached(judge) for key, judge in judges.items()
    }
    return json.dumps(kept, ensure_ascii=False, sort_keys=True)


def unreached(server):
    """Return the settings of a server without its address and limits."""
    return {key: value for key, value in server.items() if key not in REACHED}


IN_IMAGES = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method


def image_options(wildcards, output):
    """Options of `hub provenance` for the images that the run uses; none where it uses none.

    A function of `output` is no reason for Snakemake to run again: with an image that appears, a
    release that is published would change.
    """
    return " ".join(
        f"--image {shlex.quote(f'{name}={place}')}"
        for name, place in IMAGES.items()
        if IN_IMAGES and ("://" in place or Path(place).is_file())
    )


def rule_environments(wildcards, output):
    """The name of each rule's environment as JSON, for the provenance of a release.

    A function of `output` is no reason for Snakemake to run again, as for `image_options`.
    """
    named = [(rule.name, rule.conda_env) for rule in workflow.rules]
    return json.dumps({name: Path(str(env)).stem for name, env in named if env})


def marked_options(command):
    """Return a function for the options that fields of the configuration are marked with.

    See `OptionOf` in src/collectivesft/config/section.py.
    """

    def options_of_job(wildcards):
        entry = {"evaluation": wildcards.get("benchmark"), "protocols": wildcards.get("protocol")}
        return arguments_of(command, config, entry)

    return options_of_job


def protocol_options(wildcards):
    """Options of `scores predict` for a protocol and a benchmark."""
    asked = arguments("Protocol", config["protocols"][wildcards.protocol])
    return f"{asked} {marked_options('scores predict')(wildcards)}".strip()


def engine_options(wildcards):
    """Options that say how a server is asked to answer, if the job does not do so itself."""
    engine = config["engine"]
    if engine["kind"] == "transformers":
        return ""
    return arguments("Engine", engine, leave_out=("kind", *REACHED))


def engine_server(wildcards, output):
    """Options that name that server.

    A function of `output` is no reason for Snakemake to ask again: a run resumes at a new
    address.
    """
    engine = config["engine"]
    return "" if engine["kind"] == "transformers" else reached("Engine", engine)


def reached(kind, settings):
    """Return the options that name a server and its limits."""
    return arguments(kind, {name: settings.get(name) for name in REACHED})


# A judge's place in the names of files, and its key.
JUDGES = {"": "judge", ".second": "second_judge"}


def judge_options(wildcards):
    """Options of `scores judge`; its rule is asked for only where there is a judge."""
    judge = config["clinical"][JUDGES[wildcards.get("place", "")]] or {}
    return arguments("Judge", judge, leave_out=REACHED)


def judge_server(wildcards, output):
    """Options that name the judge's server, as `engine_server` does."""
    judge = config["clinical"][JUDGES[wildcards.get("place", "")]]
    return reached("Judge", judge) if judge else ""


def checks_options(files):
    """Return the options of `scores score-cases` for the criteria that answers meet."""
    named = {"checks": files.checks, "second-checks": files.second_checks}
    return " ".join(options({name: path for name, path in named.items() if path}))


NODES = config["nodes"]
GPUS = config["gpus"] if config["device"] == "cuda" else 0  # of a node
# A training on several nodes starts its image on each of them: see workflow/bin/torchrun.
if IN_IMAGES:
    os.environ.update(
        COLLECTIVESFT_IMAGE=apptainer_env.file(container_image(MODEL_ENV), Path.cwd())
    )


def launch(wildcards):
    """Return the start of a training: python, or torchrun with a process a GPU on each node."""
    if NODES > 1:
        script = os.path.relpath(ROOT / "workflow/bin/torchrun")
        return f"{script} {NODES} {max(1, GPUS)} -m"
    if GPUS > 1:
        return f"python -m collectivesft.sft.distributed.launcher --standalone --nproc-per-node {GPUS} -m"
    return "python -m"


def seed_option(wildcards):
    """The seed of a training that repeats an experiment."""
    repeat = SEEDS.get(wildcards.experiment)
    return f"--seed {repeat[1]}" if repeat else ""


def draw_option(wildcards):
    """Return the option for a mixture that repeats an experiment with a further draw of datasets."""
    repeat = DRAWS.get(wildcards.experiment)
    return f"--draw {repeat[1]}" if repeat else ""


def trackers(wildcards, output):
    """Options for the trackers of a training, where they are asked for.

    A function of `output` is no reason for Snakemake to train again, so a model that was trained without
    curves stays as it is when they are turned on.
    """
    names = "".join(f"--report-to {name} " for name in config["report_to"])
    folder = f"{LOGS}/3_sft/{wildcards.experiment}"
    run = f"{config['run']}/{wildcards.experiment}"
    return f"{names}--tracker-folder {folder} --tracker-run {run}" if names else ""


def several_nodes(value):
    """A resource that Slurm needs for a training on several nodes, and otherwise must not see."""
    return value if NODES > 1 else None


def one_gpu(wildcards):
    """Return the GPUs of a model that answers: one, or none for a server elsewhere."""
    return 1 if config["device"] == "cuda" and not config["engine"]["url"] else 0


def options(files):
    """Options of a command for its files: a path, or several with the same option."""
    return [
        f"--{option} {path}"
        for option, value in files.items()
        for path in ([value] if isinstance(value, str) else value)
    ]
