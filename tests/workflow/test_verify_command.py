"""`make verify` looks where the rules write, by a configuration that is merged as they merge it."""

import importlib.machinery
import importlib.util
import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def verify():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.dont_write_bytecode", True)
        patch.setattr("sys.path", [*sys.path])
        loader = importlib.machinery.SourceFileLoader("verify", str(ROOT / "workflow/bin/verify"))
        spec = importlib.util.spec_from_loader("verify", loader)
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        return module


def options(command: str) -> dict[str, list[str]]:
    """Option to its values of the command of rule hub_release."""
    words = shlex.split(command)
    found: dict[str, list[str]] = {}
    for name, value in itertools.pairwise(words):
        if name.startswith("--"):
            found.setdefault(name[2:], []).append(value)
    return found


@pytest.mark.parametrize("overlay", ["tiny", "demo"])
def test_every_path_of_the_release_is_looked_at(verify, clone, snakemake, overlay):
    target = f"results/{overlay}/7_hub/{overlay}/manifest.json"
    done = snakemake(
        "-n", "-p", "--cores", "1", "--configfile", f"config/{overlay}.yaml", "--", target
    )
    assert done.returncode == 0, done.stdout + done.stderr
    line = next(x for x in done.stdout.splitlines() if "collectivesft hub release" in x)
    rule = options(line)
    for path in (*rule["raw"], *rule["scores"], *rule["answers"]):
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text("{}")
    config = verify.config_check.load(clone, clone / f"config/{overlay}.yaml")
    found = verify.options(config, clone)
    for name in ("manifest", "card", "files", "model", "ledger", "base"):
        assert found[name] == rule[name], name
    assert found["lock"] == rule["locks"]
    assert set(found["raw"]) == set(rule["raw"]) and set(found["scores"]) >= set(rule["scores"])
    assert set(found["answers"]) >= set(rule["answers"])
    results = dict(pair.split("=", 1) for pair in found["result"])
    for name in ("recipe", "base_recipe", "mixture", "data_card", "contamination", "history",
                 "tokens", "table"):  # fmt: skip
        option = name.replace("_", "-")
        assert results.pop(name) == rule[option][0]
    assert results == {Path(path).name: path for path in rule["other"]}


def test_nested_settings_of_an_overlay_are_merged(verify, clone):
    """An overlay that sets one key of a section keeps the others: the loading of the run itself."""
    text = (clone / "config/demo.yaml").read_text(encoding="utf-8")
    text = re.sub(r"headline: \{.*\}", "headline: {experiment: demo}", text)
    (clone / "config/mine.yaml").write_text(text.replace("run: demo", "run: mine"))
    config = verify.config_check.load(clone, clone / "config/mine.yaml")
    assert config["headline"]["benchmark"] == "cmb"
    assert verify.options(config, clone)["manifest"] == ["results/mine/7_hub/demo/manifest.json"]


@pytest.mark.parametrize(
    "overlay, message",
    [
        ("config/tiny.yaml", "error: results/tiny/7_hub/tiny/manifest.json: no such run yet"),
        ("config/none.yaml", "error: "),
    ],
)
def test_what_is_not_there_is_one_line(overlay, message, tmp_path, clone, verify, capsys):
    with pytest.raises(SystemExit) as error:
        verify.main([overlay], clone)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_the_command_line_starts(clone):
    """As the Makefile calls it."""
    line = next(
        x for x in (ROOT / "Makefile").read_text("utf-8").splitlines() if "workflow/bin/verify" in x
    )
    assert line.strip() == "@.venv/bin/python workflow/bin/verify $(CONFIG) $(PUBLISHED)"
    command = [sys.executable, clone / "workflow/bin/verify", "config/none.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert "config/none.yaml: no such file" in done.stderr
