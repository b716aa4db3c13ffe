"""The cards for machines: Croissant's required fields, references that resolve, the Hub's head."""

import json
import re
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from collectivesft import __date__, datasets
from collectivesft.common.files import sha256, write_json
from collectivesft.curated.croissant import document, head, write_machine_cards
from collectivesft.curated.mixture.statistics import Description
from collectivesft.schema.example import arrow_schema
from tests.helpers.curated_examples import qa, same_bytes, save

ROOT = Path(__file__).parents[2]
FILES = [
    {"name": "train.parquet", "size": 9, "sha256": "a" * 64},
    {"name": "validation.parquet", "size": 7, "sha256": "b" * 64},
]


def mixture() -> dict:
    description = Description()
    for n in range(3):
        description.add(qa(f"cmedqa2:{n}"))
    description.add(qa("pubmedqa:1", "Is it?", "It is.", language="en"))
    return {"experiment": "some", "prompt": "paper", "validation": 1} | description.as_json()


def ledger() -> dict:
    changed, dropped = {"mobile_number": 4, "html_removed": 9}, {"too_long": 2}
    clean = {"rows_in": 7, "kept": 5, "changed": changed, "dropped": dropped}
    return {"steps": ["clean"], "totals": {"clean": clean}}


def contamination() -> dict:
    found = {"items": 140, "items_found": 4, "examples_found": 1, "threshold": 0.5, "ngram": 8}
    return found | {"dropped": True, "examples_by_dataset": {"cmedqa2": 1}}


def described() -> dict:
    return document(ledger(), mixture(), contamination(), FILES)


def nodes(value, kind: str) -> list[dict]:
    """Every object of a type, wherever it stands."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [node for part in inner for node in nodes(part, kind)]
    own = isinstance(value, dict) and value.get("@type") == kind
    return [value, *found] if own else found


def test_fields_that_the_specification_requires_are_there():
    content = described()
    assert content["@type"] == "sc:Dataset"
    assert content["conformsTo"] == [
        "http://mlcommons.org/croissant/1.1",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    for key in ("name", "description", "license", "url", "creator", "distribution", "recordSet"):
        assert content[key], key
    assert content["@context"]["cr"] == "http://mlcommons.org/croissant/"
    assert content["@context"]["conformsTo"] == "dct:conformsTo"
    assert content["@context"]["data"] == {"@id": "cr:data", "@type": "@json"}
    for file in nodes(content, "cr:FileObject"):
        assert {"@id", "name", "contentUrl", "encodingFormat", "sha256"} <= set(file)
    for field in nodes(content, "cr:Field"):
        assert {"@id", "name"} <= set(field)
        assert ("subField" in field) != ({"dataType", "source"} <= set(field))


def test_every_key_is_a_term_of_schema_org_or_of_the_context():
    content = described()
    context = content.pop("@context")
    schema_org = {
        "name", "description", "url", "license", "version", "creator", "inLanguage", "isBasedOn",
        "additionalProperty", "value", "distribution", "contentUrl", "contentSize", "sha256",
        "encodingFormat", "datePublished",
    }  # fmt: skip

    def keys(value) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    unknown = {key for key in keys(content) - schema_org - set(context) if key[0] != "@"}
    assert {key.partition(":")[0] for key in unknown} <= set(context)


def test_references_resolve_and_ids_are_unique():
    content = described()
    files = {file["@id"] for file in nodes(content, "cr:FileObject")}
    fields = [field["@id"] for field in nodes(content, "cr:Field")]
    assert files == {"train.parquet", "validation.parquet"} and len(set(fields)) == len(fields)
    columns = set()
    for field in nodes(content, "cr:Field"):
        if "source" in field:
            assert field["source"]["fileObject"]["@id"] in files
            columns.add(field["source"]["extract"]["column"])
    assert columns == set(arrow_schema().names)
    assert {table["key"]["@id"] for table in content["recordSet"]} <= set(fields)


def test_counts_licences_and_personal_data_are_the_runs():
    content = described()
    values = {node["name"]: node["value"] for node in content["additionalProperty"]}
    assert values["examples of cmedqa2"] == 3 and values["rows dropped by clean: too_long"] == 2
    assert values["contamination: removed"] is True
    assert values["contamination: examples of cmedqa2"] == 1
    assert content["license"] == ["non-commercial research (README); GPL-3.0 (LICENSE)", "MIT"]
    assert content["inLanguage"] == ["en", "zh"]
    assert [source["name"] for source in content["isBasedOn"]] == ["cMedQA2", "PubMedQA"]
    assert "mobile number: 4," in content["rai:personalSensitiveInformation"]


@pytest.mark.parametrize(
    ("train", "size"),
    [(1, "n<1K"), (999, "1K<n<10K"), (4_745_140, "1M<n<10M"), (10**7, "10M<n<100M")],
)
def test_the_hub_understands_the_head(train, size):
    from huggingface_hub import DatasetCardData

    content = yaml.safe_load(head(mixture() | {"train": train}, ["a.parquet", "b.parquet"]))
    card = DatasetCardData(**content)
    assert card.language == ["zh", "en"] and card.size_categories == [size]
    (configuration,) = content["configs"]
    assert configuration["data_files"] == [
        {"split": "train", "path": "a.parquet"},
        {"split": "validation", "path": "b.parquet"},
    ]


def test_made_up_rows_are_said_to_be_and_are_based_on_no_set():
    from collectivesft.common.made_up import SENTENCE

    content = document(ledger(), mixture(), contamination(), FILES, made_up=True)
    assert content["description"].endswith(SENTENCE)
    assert content["license"] == ["Apache-2.0"] and "isBasedOn" not in content
    assert "publishers' own files" not in json.dumps(content)
    assert "made-up" in yaml.safe_load(head(mixture(), ["a", "b"], made_up=True))["tags"]
    plain = json.dumps(described())
    assert SENTENCE not in plain and "publishers' own files" in plain


# https://neurips.cc/Conferences/2026/EvaluationsDatasetsHosting: the minimal fields.
RAI = ("dataCollection", "dataAnnotationProtocol", "dataBiases", "dataUseCases", "dataLimitations",
       "dataSocialImpact", "dataReleaseMaintenancePlan", "personalSensitiveInformation",
       "hasSyntheticData")  # fmt: skip


def test_fields_on_responsible_use_are_from_each_sources_own_entry():
    content = described()
    for name in RAI:
        assert content[f"rai:{name}"] not in ("", None), name
    sources = [datasets.get(name).SOURCE for name in ("cmedqa2", "pubmedqa")]
    for source in sources:
        assert f"{source.title}: {source.origin}" in content["rai:dataCollection"]
    assert sources[1].annotation in content["rai:dataAnnotationProtocol"]
    assert content["rai:hasSyntheticData"] is True  # PubMedQA's artificial questions
    assert "PubMedQA" in content["rai:machineAnnotationTools"]
    assert content["prov:wasDerivedFrom"] == [{"@id": one.homepage} for one in sources]
    assert "zh 75.0 %" in content["rai:dataBiases"]
    assert "cmedqa2 75.0 %" in content["rai:dataBiases"]


def test_every_dataset_states_its_origin():
    assert [name for name in datasets.names() if not datasets.get(name).SOURCE.origin] == []


def test_made_up_rows_are_synthetic_and_derived_from_nothing():
    content = document(ledger(), mixture(), contamination(), FILES, made_up=True)
    assert content["rai:hasSyntheticData"] is True
    assert "prov:wasDerivedFrom" not in content and "rai:dataAnnotationProtocol" not in content


def test_words_of_personal_data_are_spelled_right():
    text = described()["rai:personalSensitiveInformation"]
    assert "addresss" not in text and "mobile number: 4" in text


def test_written_twice_the_bytes_are_the_same_and_hold_no_date(tmp_path: Path):
    inputs = {"ledger": ledger(), "mixture": mixture(), "contamination": contamination()}
    for name, content in inputs.items():
        write_json(tmp_path / f"{name}.json", content)
    (tmp_path / "card.md").write_text("# Data\n\nText.\n", encoding="utf-8")
    parts = [save(tmp_path / f"{name}.parquet", [qa("a:1")]) for name in ("train", "validation")]
    sources = [tmp_path / f"{name}.json" for name in inputs]

    def write(folder: Path) -> None:
        outputs = folder / "croissant.json", folder / "README.md"
        write_machine_cards(*sources, tmp_path / "card.md", parts, *outputs)

    assert same_bytes(write, tmp_path / "a", tmp_path / "b") == 2
    content = json.loads((tmp_path / "a/croissant.json").read_bytes())
    for file, path in zip(content["distribution"], parts, strict=True):
        assert (file["name"], file["sha256"]) == (path.name, sha256(path))
        assert file["contentSize"] == f"{path.stat().st_size} B"
    text = (tmp_path / "a/README.md").read_text(encoding="utf-8")
    assert text.startswith("---\npretty_name: ") and text.endswith("---\n\n# Data\n\nText.\n")
    # The version's date is the only one.
    assert content.pop("datePublished") == __date__
    assert not re.search(r"\d{4}-\d{2}-\d{2}", json.dumps(content) + text)


def test_mlcroissant_accepts_it_and_reads_the_rows_back(tmp_path: Path):
    """The format's own library, in an environment apart (envs/install croissant)."""
    python = ROOT / ".venv-croissant/bin/python"
    if not python.is_file():
        pytest.skip("needs mlcroissant: envs/install croissant .venv-croissant")
    names = {"train": ["a:1", "a:2"], "validation": ["b:1"]}
    files, rows = [], {}
    for part, ids in names.items():
        path = save(tmp_path / f"{part}.parquet", [qa(name, "问？", "答。") for name in ids])
        files.append({"name": path.name, "size": path.stat().st_size, "sha256": sha256(path)})
        rows[part] = pq.read_table(path).to_pylist()
    content = document(ledger(), mixture(), contamination(), files)
    write_json(tmp_path / "croissant.json", content)
    script = Path(__file__).with_name("validate_croissant.py")
    command = [python, script, tmp_path / "croissant.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["errors"] == [] and found["warnings"] == []
    assert found["records"] == rows
