"""The names of results are those of the rules."""

import re
from pathlib import Path

from layout import PATHS, STAGES, Layout

ROOT = Path(__file__).parents[2]
FOLDERS = {stage.upper(): stage for stage in STAGES}


def outputs() -> set[tuple[str, str]]:
    """Stage and path of every output that a rule names, wildcards as they are."""
    text = "".join(path.read_text("utf-8") for path in (ROOT / "workflow/rules").glob("[0-9]*.smk"))
    found = re.findall(rf'f"\{{({"|".join(FOLDERS)})\}}/([^"]+)"', text)
    return {
        (FOLDERS[stage], re.sub(r"\{(\w+)\}", r"{\1}", below.replace("{{", "{").replace("}}", "}")))
        for stage, below in found
    }


def test_every_path_is_one_of_the_rules():
    named = {(stage, below.replace("{HEADLINE}", "{experiment}")) for stage, below in outputs()}
    for name, place in PATHS.items():
        assert place in named, name


def test_no_other_program_spells_a_folder_of_a_stage():
    folder = re.compile(rf"\b[1-9]_({'|'.join(STAGES)})\b")
    # The pattern of files that differ from run to run is no path.
    programs = [*(ROOT / "workflow/bin").iterdir(), *(ROOT / "workflow/lib").glob("*.py")]
    spelled = [
        f"{path.name}: {line.strip()}"
        for path in programs
        for line in path.read_text("utf-8").splitlines()
        if folder.search(line) and not line.lstrip().startswith(("#", 'r"'))
    ]
    assert len(programs) > 20 and spelled == []


def test_paths_of_a_run():
    at = Layout("mine", "/scratch/cache")
    assert at.path("ledger", experiment="a") == "results/mine/2_curated/mixtures/a/ledger.json"
    assert at.path("model", experiment="*") == "results/mine/3_sft/*/model"
    assert (at.stage("hub"), at.stage_logs("raw")) == ("results/mine/7_hub", "logs/mine/1_raw")
    assert at.base("tiny") == "/scratch/cache/models/tiny"
    assert at.base_manifest("tiny") == "/scratch/cache/raw/models/tiny/manifest.json"


def test_files_that_are_there_are_found_by_a_pattern(tmp_path):
    at = Layout("mine")
    for protocol in ("b", "a"):
        path = tmp_path / at.path("scores", model="m", benchmark="cmb", protocol=protocol)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = at.found(tmp_path, "scores", model="*", benchmark="*", protocol="*")
    assert [name.split("/")[-1] for name in found] == ["cmb.a.scores.json", "cmb.b.scores.json"]
