"""The folder of a Space: an app that compiles, pinned to the release."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from collectivesft.common.errors import UserError
from collectivesft.hub import space
from tests.helpers.release_folder import Folder

ROOT = Path(__file__).parents[2]


def made(tmp_path: Path, **options) -> Path:
    folder = Folder(tmp_path / "run").release(tag="v1.2.0", **options)
    space.build(folder.root / "manifest.json", tmp_path / "space")
    return tmp_path / "space"


def test_the_app_compiles_and_loads_the_release_by_its_tag(tmp_path):
    tree = ast.parse((made(tmp_path) / "app.py").read_text(encoding="utf-8"))
    values = {
        name.id: ast.literal_eval(value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple)
        for name, value in zip(node.targets[0].elts, node.value.elts, strict=True)
    }
    assert values == {"MODEL": "me/Model-7B", "REVISION": "v1.2.0"}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    loads = [one for one in calls if getattr(one.func, "attr", "") == "from_pretrained"]
    assert len(loads) == 2
    for one in loads:
        assert ast.unparse(one.args[0]) == "MODEL"
        assert {k.arg: ast.unparse(k.value) for k in one.keywords}["revision"] == "REVISION"
    assert "trust_remote_code" not in ast.unparse(tree)


def test_versions_are_those_of_the_models_environment(tmp_path):
    lock = (ROOT / "envs/model-cpu.lock").read_text(encoding="utf-8")
    for line in (made(tmp_path) / "requirements.txt").read_text(encoding="utf-8").splitlines():
        assert re.search(rf"^{re.escape(line)}[ +]", lock, re.M), line


def test_the_head_names_app_sdk_and_models(tmp_path):
    text = (made(tmp_path) / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert head["sdk"] == "gradio" and head["sdk_version"] == space.GRADIO
    assert head["app_file"] == "app.py" and head["models"] == ["me/Model-7B", "org/base-7b"]
    assert "no medical advice" in text and "Made up" not in text


def test_made_up_data_is_said(tmp_path):
    folder = made(tmp_path, made_up=True)
    for name in ("app.py", "README.md"):
        assert "Made up" in (folder / name).read_text(encoding="utf-8")


def test_an_adapter_has_none(tmp_path):
    folder = Folder(tmp_path / "run")
    folder.release(more={"trained": folder.adapter()}, weights="adapter")
    with pytest.raises(UserError, match="only an adapter"):
        space.build(folder.root / "manifest.json", tmp_path / "space")
