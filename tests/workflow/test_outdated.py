"""workflow/lib/outdated.py: pins, the answers of uv and pip, and findings on a newer version."""

import subprocess
from pathlib import Path

import outdated
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_pins_are_read_without_comments_markers_and_ranges() -> None:
    text = (
        "numpy\nPolars==2.1.0\nhuggingface_hub==2.4.0 \\\n# old==1.0\ntorch==2.13.0+cpu ; x\na>=1\n"
    )

    assert outdated.pins(text) == {
        "polars": "2.1.0",
        "huggingface-hub": "2.4.0",
        "torch": "2.13.0+cpu",
    }


def test_the_answers_of_uv_and_pip_are_read() -> None:
    listing = '[{"name": "Snakemake_X", "version": "1", "latest_version": "2.0rc1"}]'

    assert outdated.newest_installed(listing) == {"snakemake-x": "2.0rc1"}
    assert outdated.newest_on_index("cffconvert (3.0.1)\nAvailable versions: 3.0.1, 2\n") == "3.0.1"
    assert outdated.newest_on_index("") is None


def test_an_update_is_another_version_and_not_another_build() -> None:
    pinned = {"torch": "2.13.0+cpu", "polars": "2.1.0", "numpy": "2.4.6", "typst": "0.15.0"}
    newest = {"torch": "2.13.0", "polars": "2.2.0", "typst": "0.15.0", "other": "9"}

    assert outdated.updates(pinned, newest) == [outdated.Update("polars", "2.1.0", "2.2.0")]


def test_a_finding_runs_on_the_newer_version_of_what_changed_only(tmp_path: Path) -> None:
    script = tmp_path / "findings" / "two.sh"
    script.parent.mkdir()
    script.write_text('echo "pip install Some_Pkg==1.0 other==2.0"\n')
    (tmp_path / "findings" / "far.sh").write_text("echo some-pkg-extra==1.0\n")

    assert outdated.findings_about(tmp_path, ["some-pkg"]) == [script]
    assert outdated.try_finding(script, {"some-pkg": "1.1"}) == (
        "holds",
        "pip install Some_Pkg==1.1 other==2.0",
    )


def test_a_finding_that_fails_no_longer_holds(tmp_path: Path) -> None:
    script = tmp_path / "gone.sh"
    script.write_text("echo seen; echo 'changed: gone' >&2; exit 3\n")

    assert outdated.try_finding(script, {}) == ("CHANGED", "changed: gone")


def test_versions_that_cannot_be_installed_are_no_change_of_behaviour(tmp_path: Path) -> None:
    script = tmp_path / "far.sh"
    script.write_text("echo 'ERROR: No matching distribution found for a==9' >&2; exit 1\n")

    state, last = outdated.try_finding(script, {})
    assert (state, last) == ("NOT RUN", "ERROR: No matching distribution found for a==9")


def test_an_older_pin_for_one_purpose_hides_no_newer_one(tmp_path: Path) -> None:
    """transformers 4 has an environment of its own, whose name comes last."""
    envs = tmp_path / "envs"
    envs.mkdir()
    (envs / "model.in").write_text("-r base.in\ntransformers==5.9.0\nnumpy\ntorch==2.13.0\n")
    (envs / "model-cpu.lock").write_text("numpy==2.4.6 \\\n    --hash=sha256:0\nother==1\n")
    (envs / "model-cpu.in").write_text("torch==2.13.0+cpu ; sys_platform == 'linux'\n")
    (envs / "transformers4.in").write_text("transformers==4.57.6\n")
    (envs / "tool.txt").write_text("Far_Tool[all]==0.3.0 \\\n    --hash=sha256:0\n")

    assert outdated.project_pins(tmp_path) == (
        {"transformers": "5.9.0", "numpy": "2.4.6", "torch": "2.13.0", "far-tool": "0.3.0"},
        ["transformers 4.57.6 (envs/transformers4.in)"],
    )
    assert outdated.with_versions("pip install a[x,y]==1 b==2", {"a": "3"}) == (
        "pip install a[x,y]==3 b==2"
    )


def test_names_restrict_the_pins_and_an_unknown_one_is_one_message() -> None:
    pinned = {"polars": "2.1.0", "roc-validator": "0.13.0"}

    assert outdated.chosen(pinned, []) == pinned
    assert outdated.chosen(pinned, ["ROC_validator"]) == {"roc-validator": "0.13.0"}
    with pytest.raises(SystemExit, match=r"error: pollars: .*envs/.*Known: polars"):
        outdated.chosen(pinned, ["pollars"])


def test_an_index_that_does_not_answer_is_one_message() -> None:
    with pytest.raises(SystemExit, match=r"error: false: no message\. Look at the network"):
        outdated._output("false")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "findings").glob("*.sh")), ids=lambda path: path.stem
)
def test_each_finding_pins_its_packages_and_is_in_the_table(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    table = (ROOT / "findings/README.md").read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))

    assert outdated.pins(code), "no name==version"
    assert "mktemp -d" in code and "trap " in code, "no temporary folder of its own"
    assert "collectivesft" not in code
    assert path.stat().st_mode & 0o111, "not executable"
    assert f"[{path.stem}]({path.name})" in table
    assert not subprocess.run(["bash", "-n", str(path)], check=False).returncode
