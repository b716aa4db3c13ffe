# Checks the configuration before anything runs, sets the environment of all jobs, and names folders,
# datasets, models and benchmarks. Files that rules take are in inputs.smk and score_inputs.smk, options of
# commands in cli_options.smk, the report is in report.smk; the rules' own files hold no functions.

import io
import json
import os
import shlex
import shutil
import sys
import tarfile
from pathlib import Path

from snakemake.utils import update_config


def unpacked(source, place=Path(".snakemake/collectivesft")):
    """Return the folder of a module that git serves, as `github(...)` of `snakedeploy` does.

    Snakemake keeps only the repository's database and takes the rules from it; commands need files.
    A job takes the folder as the main process has left it.
    """
    note = place / "COMMIT"
    if workflow.is_main_process or not note.is_file():
        version = source.hosted_repo.repo.commit(source.ref)
        if not note.is_file() or note.read_text(encoding="utf-8") != version.hexsha:
            files = io.BytesIO(version.repo.git.archive(version.hexsha, stdout_as_string=False))
            partial = place.with_name(f"{place.name}.{os.getpid()}")
            with tarfile.open(fileobj=files) as archive:
                archive.extractall(partial, filter="data")
            (partial / note.name).write_text(version.hexsha, encoding="utf-8")
            shutil.rmtree(place, ignore_errors=True)
            partial.rename(place)
    return place.resolve()


# The clone, also for a workflow in a different folder that imports this one as a module.
HERE = workflow.current_basedir
ROOT = unpacked(HERE) if hasattr(HERE, "hosted_repo") else Path(HERE).parents[1]
sys.path[:0] = [str(ROOT / name) for name in ("workflow/lib", "src")]
import apptainer_env
import code_files
import config_check
import layout
import run_paths

from collectivesft.config.arguments import arguments, arguments_of


def own(path):
    """A file of this clone, from the working folder: as it is where that is the clone."""
    return os.path.relpath(ROOT / path)


# The shared cache holds base models of every run, and the paid replies of a judge.
if "--delete-all-output" in sys.argv:
    sys.exit(
        "error: --delete-all-output would delete the shared cache of base models too. Delete"
        f" results/{config.get('run', 'paper')} and logs/{config.get('run', 'paper')} by hand."
    )

try:
    # Settings that an importing workflow passes lie over the workflow's own file, as overlays do.
    given, defaults = dict(config), config_check.read_yaml(ROOT / "config/config.yaml")
    update_config(defaults, given)
    # The workflow's own file is the last that Snakemake lists and the first one below the overlays.
    config_files = [*workflow.configfiles[-1:], *workflow.configfiles[:-1]]
    checked, notes = config_check.check(defaults, ROOT, config_files)
    lock = Path(os.path.relpath(ROOT / "config/raw.lock.yaml"))
    run_paths.check_lock(checked, ROOT, lock, Path("results"))
    config_check.refuse(config_check.converter_problems(checked), config_files)
    config_check.refuse(config_check.cache_problems(checked), config_files)
    if workflow.is_main_process:
        run_paths.check_model_folders(checked, ROOT)
        config_check.refuse(
            (problem for _, problem in run_paths.raw_problems(checked)), config_files
        )
except config_check.ConfigurationError as error:
    # Not a WorkflowError: Snakemake would print three lines around each of ours.
    sys.exit(error.report())
config.clear()
config.update(checked)
if workflow.is_main_process:
    for note in notes:
        print(f"note: {note}; use the new name", file=sys.stderr)


# Every command runs this clone's code, whatever else is installed where it runs.
shell.prefix(
    f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(ROOT / 'src'))}" " PYTHONNOUSERSITE=1; "
)

# For scripts that Snakemake runs in the working folder, after conda has made an environment.
os.environ.update(COLLECTIVESFT_ROOT=str(ROOT))
# For the provenance of a release; the environment, as a parameter would rerun rules at each commit.
os.environ.update(COLLECTIVESFT_COMMIT=config_check.commit(ROOT))

# Shells and Apptainer go by PWD, which names a link where this folder is reached through one.
os.environ.update(PWD=os.getcwd())

# Inside an image a command sees only the working folder and the paths that this adds.
os.environ.update(
    apptainer_env.variables(
        os.environ,
        Path.cwd(),
        [
            str(ROOT),
            config["cache"],
            *run_paths.folders(config, ROOT),
        ],
        config["threads"],
        config_check.keys(config),
    )
)

LAYOUT = layout.Layout.of(config)
RAW, CURATED, SFT, SCORES, FIGURES, PAPER, HUB = map(LAYOUT.stage, layout.STAGES)
LOGS = LAYOUT.logs
CACHE = LAYOUT.cache

DATASETS = config["datasets"]
BENCHMARKS = config["benchmarks"]
EVALUATION = config["evaluation"]
EXPERIMENTS = config["experiments"]
HEADLINE = config["headline"]["experiment"]
RECIPES = {name: config_check.experiment(ROOT, name) for name in EXPERIMENTS}
# Trainings of further seeds: name to the experiment and the seed.
SEEDS = {
    f"{name}-seed{seed}": (name, seed)
    for name in EXPERIMENTS
    for seed in (RECIPES[name].seeds or [])[1:]
}
RECIPES |= {repeat: RECIPES[name].with_seed(seed) for repeat, (name, seed) in SEEDS.items()}
# Trainings on further draws of datasets: name to the experiment and the number of the draw.
DRAWS = {
    f"{name}-draw{draw}": (name, draw)
    for name in EXPERIMENTS
    for draw in range(2, 1 + (RECIPES[name].draws or 1))
}
RECIPES |= {repeat: RECIPES[name].with_draw(draw) for repeat, (name, draw) in DRAWS.items()}
REPEATS = SEEDS | DRAWS
BASES = sorted({recipe.base for recipe in RECIPES.values()})
MODELS = BASES + EXPERIMENTS
CHOICE = [name for name in BENCHMARKS if EVALUATION[name]["kind"] == "choice"]
CLINICAL = [name for name in BENCHMARKS if EVALUATION[name]["kind"] == "clinical"]
TEXT = [name for name in BENCHMARKS if EVALUATION[name]["kind"] == "text"]
# Further files of `rule all`. A key that decides whether a rule has work takes its field and one rules
# file, which adds its files here.
ASKED = []
# Published scores, dated; nothing in it was run here.
LEADERBOARD = own("resources/leaderboard/cmb-exam-2024-03-16.csv")
CLINICAL_LEADERBOARD = own("resources/leaderboard/cmb-clin-2024-03-16.csv")


wildcard_constraints:
    kind="datasets|benchmarks",
    name="[a-z0-9_]+",
    dataset="|".join(DATASETS),
    benchmark="|".join(BENCHMARKS),
    curation="|".join(config["curation"]),
    experiment="|".join([*EXPERIMENTS, *REPEATS]),
    base="|".join(BASES),
    model="|".join([*MODELS, *REPEATS]),
    protocol="|".join(config["protocols"]),
