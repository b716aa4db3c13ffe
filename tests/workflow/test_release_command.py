"""One command writes a version everywhere; its archive has the same bytes each time."""

import importlib.machinery
import importlib.util
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = ("src/collectivesft/__init__.py", "CITATION.cff", ".zenodo.json", "config/config.yaml",
         "CHANGELOG.md", "citation.bib")  # fmt: skip


@pytest.fixture
def release(monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader = importlib.machinery.SourceFileLoader("release", str(ROOT / "workflow/bin/release"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("release", loader))
    loader.exec_module(module)
    return module


@pytest.fixture
def clone(tmp_path):
    """A clone with the files that a release touches, committed."""
    root = tmp_path / "clone"
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    entry = "## 9.8.7 (unreleased)\n\n- Something new.\n\n## 0.1.0"
    (root / "CHANGELOG.md").write_text(text.replace("## 0.1.0", entry, 1), encoding="utf-8")
    git(root, "init", "-q")
    commit(root)
    return root


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(root), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")


# Of Zenodo's schema of a file in a repository (zenodo/zenodo, modules/deposit/jsonschemas/deposits/
# records/legacyrecord.json), which takes no other property. The shape of those that we use.
ZENODO = {
    "additionalProperties": False,
    "required": ["title", "upload_type", "description", "creators", "license"],
    "properties": {
        "title": {"type": "string"},
        "upload_type": {"enum": ["publication", "dataset", "software", "other"]},
        "description": {"type": "string"},
        "license": {"type": "string"},
        "keywords": {"type": "array", "items": {"type": "string"}},
        "creators": {
            "type": "array",
            "items": {
                "additionalProperties": False,
                "properties": {one: {"type": "string"} for one in ("name", "affiliation", "orcid")},
            },
        },
        "related_identifiers": {
            "type": "array",
            "items": {
                "properties": {
                    "identifier": {"type": "string"},
                    "relation": {"enum": ["isSupplementTo", "cites", "isDerivedFrom"]},
                    "scheme": {"enum": ["arxiv", "doi", "url"]},
                },
            },
        },
    },
}


def test_zenodos_schema_takes_it(release):
    import jsonschema

    validator, record = jsonschema.Draft4Validator(ZENODO), json.loads(release.zenodo(ROOT))
    assert not [error.message for error in validator.iter_errors(record)]
    assert not validator.is_valid(record | {"version": "0.1.0"}), "refused by Zenodo, issue 21"


def test_zenodo_says_what_the_citation_says(release):
    assert (ROOT / ".zenodo.json").read_text(encoding="utf-8") == release.zenodo(ROOT)


def test_bibtex_names_what_the_citation_names(release):
    """Organisations in two braces, so that no tool cuts them into a person's names."""
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    text = (ROOT / "citation.bib").read_text(encoding="utf-8")
    paper = cff["references"][0]
    people = " and ".join(f"{a['family-names']}, {a['given-names']}" for a in paper["authors"])
    assert f"author        = {{{people}}}" in text
    assert f"author  = {{{{{cff['authors'][0]['name']}}}}}" in text
    assert f"version = {{{cff['version']}}}" in text
    plain = text.replace("{", "").replace("}", "")
    assert cff["title"] in plain and paper["title"] in plain
    assert text.count("{") == text.count("}")


def test_version_stands_in_one_place_and_the_rest_repeats_it(release):
    version = release.current(ROOT)
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    assert (cff["version"], config["hub"]["tag"]) == (version, f"v{version}")
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_a_version_is_written_everywhere(release, clone, capsys):
    release.main(["9.8.7", "2030-01-02"], clone)
    assert release.current(clone) == "9.8.7"
    cff = yaml.safe_load((clone / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cff["version"], str(cff["date-released"])) == ("9.8.7", "2030-01-02")
    assert "version" not in json.loads((clone / ".zenodo.json").read_text(encoding="utf-8"))
    assert "  version = {9.8.7}," in (clone / "citation.bib").read_text(encoding="utf-8")
    assert "  tag: v9.8.7\n" in (clone / "config/config.yaml").read_text(encoding="utf-8")
    assert "## 9.8.7 (2030-01-02)" in (clone / "CHANGELOG.md").read_text(encoding="utf-8")
    assert (clone / "dist/release-notes.md").read_text(encoding="utf-8") == "- Something new.\n"
    release.main(["9.8.7", "2030-01-02"], clone)  # again: nothing else
    assert "date-released: 2030-01-02\n" in (clone / "CITATION.cff").read_text(encoding="utf-8")


def test_a_version_that_is_not_finished_becomes_one(release, clone, capsys):
    """1.0.0-rc.1, then 1.0.0; each in every place, with an entry of its own."""
    path = clone / "CHANGELOG.md"
    text = path.read_text(encoding="utf-8")
    text = text.replace("## 9.8.7", "## 9.8.7-rc.1 (unreleased)\n\n- A try.\n\n## 9.8.7", 1)
    path.write_text(text, encoding="utf-8")
    commit(clone)
    for version, note in (("9.8.7-rc.1", "- A try.\n"), ("9.8.7", "- Something new.\n")):
        release.main([version, "2030-01-02"], clone)
        assert release.current(clone) == version
        config = yaml.safe_load((clone / "config/config.yaml").read_text(encoding="utf-8"))
        assert config["hub"]["tag"] == f"v{version}"
        assert (clone / "dist/release-notes.md").read_text(encoding="utf-8") == note
        assert f"## {version} (2030-01-02)\n" in path.read_text(encoding="utf-8")


def test_a_version_that_is_tagged_is_refused(release, clone):
    git(clone, "tag", "v9.8.7")
    with pytest.raises(SystemExit, match=r"v9\.8\.7 is released: there is such a tag"):
        release.main(["9.8.7"], clone)
    assert git(clone, "status", "--short") == ""


def test_a_users_settings_of_git_do_not_change_the_archive(release, clone, capsys):
    release.main(["--archive"], clone)
    first = capsys.readouterr().out
    for key, value in (("tar.umask", "0077"), ("core.autocrlf", "true")):
        git(clone, "config", key, value)
    release.main(["--archive"], clone)
    assert capsys.readouterr().out == first


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "", "1.2.3-rc", "1.2.3-dev.1"])
def test_what_is_no_version_is_refused(release, clone, version):
    with pytest.raises(SystemExit, match="is no version"):
        release.main([version], clone)
    assert git(clone, "status", "--short") == ""


def test_a_version_without_an_entry_changes_nothing(release, clone):
    with pytest.raises(SystemExit, match=r"no entry `## 5\.0\.0"):
        release.main(["5.0.0"], clone)
    assert git(clone, "status", "--short") == ""


def test_archive_has_the_same_bytes_each_time_and_in_each_clone(release, clone, tmp_path, capsys):
    release.main(["--archive"], clone)
    first = capsys.readouterr().out
    path = clone / "dist" / f"collectivesft-{release.current(clone)}.tar.gz"
    before = path.read_bytes()
    path.unlink()
    release.main(["--archive"], clone)
    assert (capsys.readouterr().out, path.read_bytes()) == (first, before)
    git(tmp_path, "clone", "-q", str(clone), str(tmp_path / "other"))
    release.main(["--archive"], tmp_path / "other")
    assert capsys.readouterr().out == first
    with tarfile.open(path) as archive:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in archive.getnames()}
    assert set(FILES) <= names


def test_an_archive_knows_its_commit(release, clone, tmp_path, monkeypatch):
    """An unpacked one has no git; its releases tell their commit all the same."""
    monkeypatch.syspath_prepend(str(ROOT / "workflow"))
    import config_check

    release.main(["--archive"], clone)
    name = f"collectivesft-{release.current(clone)}"
    with tarfile.open(clone / "dist" / f"{name}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    assert config_check.commit(tmp_path / name) == git(clone, "rev-parse", "HEAD").strip()


def test_an_archive_of_uncommitted_changes_is_refused(release, clone):
    (clone / "CITATION.cff").write_text("changed")
    with pytest.raises(SystemExit, match="Commit them first"):
        release.main(["--archive"], clone)
