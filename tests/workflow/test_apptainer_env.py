"""Variables and folders that pass into an image; the images' definitions agree."""

import os
import re
import subprocess
import sys
from pathlib import Path

import apptainer_env
import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("data", "model-cpu", "model-cuda", "paper")


def test_the_host_s_python_and_home_stay_outside(tmp_path):
    host = {"PYTHONPATH": "/x", "HOME": "/nobody", "LD_LIBRARY_PATH": "/y", "VIRTUAL_ENV": "/z"}
    found = apptainer_env.variables(host, tmp_path, [], 2)
    found.pop("APPTAINER_NV", None)
    expected = {"APPTAINER_CLEANENV": "1", "APPTAINERENV_OMP_NUM_THREADS": "2"}
    caches = {"XDG_CONFIG_HOME": "config", "TRITON_CACHE_DIR": "triton", "CUDA_CACHE_PATH": "nv"}
    expected |= {f"APPTAINERENV_{name}": f"{tmp_path}/.cache/{at}" for name, at in caches.items()}
    places = {"APPTAINER_BIND": "", "APPTAINER_PWD": str(tmp_path)}
    assert found == expected | places


@pytest.mark.parametrize(
    ("places", "kept"),
    [
        ({"HOME": "home"}, "home/.cache/huggingface/token"),
        ({"HOME": "home", "XDG_CACHE_HOME": "cache"}, "cache/huggingface/token"),
        ({"HOME": "home", "XDG_CACHE_HOME": "cache", "HF_HOME": "hub"}, "hub/token"),
        ({"HOME": "home", "HF_HOME": "hub", "HF_TOKEN_PATH": "my/secret"}, "my/secret"),
    ],
)
def test_the_token_of_hf_auth_login_passes(tmp_path, places, kept):
    """Folders in which huggingface_hub looks outside; inside it sees neither home nor variable."""
    environ = {name: str(tmp_path / place) for name, place in places.items()}
    name = "APPTAINERENV_HF_TOKEN"
    assert name not in apptainer_env.variables(environ, tmp_path, [], 2)
    (tmp_path / kept).parent.mkdir(parents=True)
    (tmp_path / kept).write_text("hf_kept\n")
    assert apptainer_env.token_file(environ) == tmp_path / kept
    assert apptainer_env.variables(environ, tmp_path, [], 2)[name] == "hf_kept"
    given = environ | {"HF_TOKEN": "hf_given"}
    assert apptainer_env.variables(given, tmp_path, [], 2)[name] == "hf_given"


def test_the_token_is_looked_for_where_the_hub_s_library_looks(tmp_path):
    script = "from huggingface_hub import constants; print(constants.HF_TOKEN_PATH)"
    for name in ("HF_TOKEN_PATH", "HF_HOME", "XDG_CACHE_HOME", "HOME"):
        environ = {"PATH": os.environ["PATH"], "HOME": "/home/me", name: "/some/place"}
        command = [sys.executable, "-c", script]
        theirs = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        assert str(apptainer_env.token_file(environ)) == theirs.stdout.strip()


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "HF_HUB_DISABLE_XET", "https_proxy", "NO_PROXY", "NCCL_SOCKET_IFNAME"]
)
def test_the_way_to_the_network_passes(tmp_path, name):
    assert apptainer_env.variables({name: "v"}, tmp_path, [], 2)[f"APPTAINERENV_{name}"] == "v"


def test_folders_outside_are_bound_under_both_names(tmp_path):
    work, scratch, raw = (tmp_path / name for name in ("work", "scratch", "raw"))
    for folder in (work / "inside", scratch / "results", raw):
        folder.mkdir(parents=True)
    (work / "results").symlink_to(scratch / "results")
    (tmp_path / "alias").symlink_to(raw)
    folders = [str(tmp_path / "alias"), "inside", str(tmp_path / "missing")]
    found = apptainer_env.variables({"APPTAINER_BIND": "/mine:/theirs"}, work, folders, 2)
    binds = found["APPTAINER_BIND"].split(",")
    assert binds == ["/mine:/theirs", *map(str, (scratch / "results", tmp_path / "alias", raw))]


def test_a_certificate_is_named_and_bound(tmp_path):
    bundle = tmp_path / "ca.crt"
    bundle.write_text("x")
    (tmp_path / "work").mkdir()
    found = apptainer_env.variables({"SSL_CERT_FILE": str(bundle)}, tmp_path / "work", [], 2)
    assert found["APPTAINERENV_SSL_CERT_FILE"] == found["APPTAINER_BIND"] == str(bundle)


@pytest.mark.parametrize(("there", "expected"), [(True, "1"), (False, None)])
def test_nv_only_where_a_gpu_is(tmp_path, monkeypatch, there, expected):
    monkeypatch.setattr(apptainer_env, "GPU", tmp_path if there else tmp_path / "none")
    assert apptainer_env.variables({}, tmp_path, [], 2).get("APPTAINER_NV") == expected


def test_a_pulled_image_is_taken_from_where_snakemake_keeps_it(tmp_path):
    from types import SimpleNamespace

    from snakemake.deployment.singularity import Image

    place = SimpleNamespace(container_img_path=str(tmp_path / ".snakemake/singularity"))
    dag = SimpleNamespace(workflow=SimpleNamespace(persistence=place))
    address = "oras://example.org/paper:1"
    theirs = Path(Image(address, dag, is_containerized=False).path)
    assert apptainer_env.pulled(address, tmp_path) == theirs
    assert apptainer_env.file(address, tmp_path) == address
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    assert apptainer_env.file(address, tmp_path) == str(theirs)
    assert apptainer_env.file("containers/paper.sif", tmp_path) == "containers/paper.sif"


def test_every_environment_has_a_definition():
    """And one image holds the whole flow: its packages are those of the others."""
    found = {path.stem for path in (ROOT / "containers").glob("*.def")}
    assert found == {*NAMES, "demo"}


@pytest.mark.parametrize(("imports", "code"), [(0, 0), (1, 1)])
@pytest.mark.parametrize("name", NAMES)
def test_an_image_in_which_an_import_fails_does_not_pass_its_test(name, imports, code, tmp_path):
    """The definition's %test by a plain sh, as Apptainer runs it. Our own code is in no image."""
    python = tmp_path / "python"
    own = "case $* in *collectivesft*) exit 1 ;; esac"
    python.write_text(f"#!/bin/sh\n{own}\nexit {imports}\n", encoding="utf-8")
    python.chmod(0o755)
    script = (ROOT / f"containers/{name}.def").read_text(encoding="utf-8").split("%test\n")[1]
    script = script.replace("/opt/venv/bin/python", str(python)).replace("command -v cc", "false")
    assert subprocess.run(["sh", "-c", script], check=False).returncode == code


def test_definitions_differ_only_in_their_environment():
    """All but the comment on top, the name, pip's default and the imports of the test."""

    def common(name: str) -> str:
        text = (ROOT / f"containers/{name}.def").read_text(encoding="utf-8")
        text = text[text.index("# Built by") :].replace(f"-{name}\n", "-NAME\n")
        text = text.replace(f"envs/{name}.lock", "envs/NAME.lock")
        text = re.sub(r"^(    PIP_ARGS=).*", r"\1", text, flags=re.M)
        return re.sub(r"-c 'import [^']*'\n", "-c 'import ...'\n", text, count=1)

    assert {common(name) for name in NAMES} == {common("data")}


def test_a_folder_with_commas_and_colons_is_bound_as_one(tmp_path):
    work, other = tmp_path / "work", tmp_path / "a, b:c 医"
    work.mkdir()
    other.mkdir()
    found = apptainer_env.variables({"APPTAINER_BIND": r"/x\,y,/z"}, work, [str(other)], 1)
    assert found["APPTAINER_BIND"] == rf"/x\,y,/z,{tmp_path}/a\, b\:c 医"


def test_a_working_folder_behind_a_link_is_named_by_its_real_path(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    found = apptainer_env.variables({}, tmp_path / "link", [], 1)
    assert found["APPTAINER_PWD"] == str(tmp_path / "real")
