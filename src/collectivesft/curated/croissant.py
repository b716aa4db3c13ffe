"""Write the data card for machines: Croissant 1.1 (JSON-LD), and the Hub's card with its YAML head.

Sources: docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html; its RAI extension 1.0;
huggingface.co/docs/hub/datasets-cards. The only date is this version's: same inputs, same bytes.
"""

from pathlib import Path
from typing import Any

import yaml

from collectivesft import __date__, __version__, datasets
from collectivesft.common.files import dump_json, read_json, sha256, write_text
from collectivesft.common.made_up import sentence
from collectivesft.curated.storage.step_ledger import personal_counts

SPLITS = ("train", "validation")
PAPER = "https://arxiv.org/abs/2407.19705"
_CITATION = "CollectiveSFT, arXiv:2407.19705 (2024); and each dataset that it is drawn from."
_CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
LICENCE = "Apache-2.0"  # of this package and the rows that were written for it
_PREPARED = (
    "Text normalised; personal data replaced; unusable rows, "
    "exact and near copies left out; compared with every benchmark item; drawn by the recipe."
)
_LIMITS = (
    "Answers come from web forums, exams and other models, and were not checked by a physician. "
    "Not medical advice. Each dataset keeps its own licence; some allow research only or are "
    "unknown."
)
_USES = (
    "Supervised fine-tuning of language models on medical instructions, and research on such data. "
    "Not for diagnosis, treatment or advice, and not for a benchmark that it overlaps with."
)
_IMPACT = (
    "Models trained on it may help research on medical language, most of it Chinese. They may "
    "also repeat wrong, outdated or unsafe advice with confidence, and serve people badly who "
    "write otherwise than the patients and exams here."
)
_MAINTENANCE = (
    "Each version of the package makes one version of the data, under its own tag; earlier tags "
    "stay. Sources are pinned by commit or sha256, so a change upstream enters with a new version "
    "only. Faults are mended in the package's readers and steps, and listed in its changelog."
)
# Meaning of the document's keys (section "JSON-LD context" of the specification).
_CROISSANT_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty",
    "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
    "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip
_TEXT = "sc:Text"
_COLUMNS = {
    "id": "Dataset, colon, key of the row: unique, the same from run to run.",
    "dataset": "Name of the dataset.",
    "style": "mcqa (exam question), qa (one turn), dialogue (several turns) or ner (labelling).",
    "language": "zh or en.",
    "meta": "JSON text: file and row of origin; of an exam question its options and answer.",
}
_TURNS = {"role": "user or assistant.", "content": "What is said."}
# Largest number of examples, and the Hub's name for the range.
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)


def write_machine_cards(
    ledger: Path, mixture: Path, contamination: Path, card: Path, parts: list[Path],
    croissant: Path, hub: Path, made_up: bool = False,
) -> None:  # fmt: skip
    """Write both cards of a mixture.

    Args:
        ledger, mixture, contamination: the run's own counts.
        card: the Markdown card, which the Hub's card repeats below its head.
        parts: Parquet files of the training and the validation part.
        croissant, hub: files to write.
        made_up: every row was written for this package; both cards say so.
    """
    counts, about, found = (read_json(path) for path in (ledger, mixture, contamination))
    files = [
        {"name": path.name, "size": path.stat().st_size, "sha256": sha256(path)} for path in parts
    ]
    write_text(croissant, dump_json(document(counts, about, found, files, made_up)))
    text, names = card.read_text(encoding="utf-8"), [path.name for path in parts]
    write_text(hub, f"---\n{head(about, names, made_up)}---\n\n{text}")


def document(
    ledger: dict[str, Any],
    mixture: dict[str, Any],
    contamination: dict[str, Any],
    files: list[dict[str, Any]],
    made_up: bool = False,
) -> dict[str, Any]:
    """Return the Croissant description.

    Args:
        files: name, size in bytes and sha256 of the training and the validation part.
    """
    names = [part["dataset"] for part in mixture["datasets"]]
    sources = [datasets.get(name).SOURCE for name in names]
    pairs = list(zip(SPLITS, files, strict=True))
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS,
        "name": f"collectivesft-{mixture['experiment']}",
        "description": (
            f"{mixture['train']:,} medical instructions for training and {mixture['validation']:,} "
            f"for validation from {len(names)} datasets: the mixture {mixture['experiment']} of "
            f"CollectiveSFT. {sentence(made_up)}"
        ).strip(),
        "url": PAPER,
        "license": [LICENCE] if made_up else list(dict.fromkeys(s.licence for s in sources)),
        "version": __version__,
        "datePublished": __date__,
        "citeAs": _CITATION,
        "creator": {"@type": "sc:Organization", "name": "The CollectiveSFT release contributors"},
        "inLanguage": sorted(mixture["languages"]),
        "isLiveDataset": False,
        **_derived(sources, made_up),
        **_collection(sources, made_up),
        "rai:dataPreprocessingProtocol": f"{_read(made_up)} {_PREPARED}",
        "rai:dataBiases": _biases(mixture),
        "rai:dataUseCases": _USES,
        "rai:dataSocialImpact": _IMPACT,
        "rai:dataReleaseMaintenancePlan": _MAINTENANCE,
        "rai:personalSensitiveInformation": _personal(ledger),
        "rai:dataLimitations": _LIMITS,
        "additionalProperty": _properties(ledger, mixture, contamination),
        "distribution": [_file(file) for file in files],
        "recordSet": [_records(split, file["name"]) for split, file in pairs],
    }


def _context() -> dict[str, Any]:
    own = {term: f"cr:{term}" for term in _CROISSANT_TERMS}
    typed = {term: {"@id": f"cr:{term}", "@type": "@json"} for term in ("data", "examples")}
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "prov": "http://www.w3.org/ns/prov#",
        "conformsTo": "dct:conformsTo",
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        **own,
        **typed,
    }


def _derived(sources: list[Any], made_up: bool) -> dict[str, Any]:
    """Name the datasets behind this one; made-up rows have none."""
    if made_up:
        return {}
    return {
        "isBasedOn": [_source(source) for source in sources],
        "prov:wasDerivedFrom": [{"@id": source.homepage} for source in sources],
    }


def _collection(sources: list[Any], made_up: bool) -> dict[str, Any]:
    """Return collection, annotation and synthetic parts, from each source's own entry."""
    if made_up:
        return {"rai:dataCollection": sentence(made_up), "rai:hasSyntheticData": True}
    collected = [f"{source.title}: {source.origin}" for source in sources if source.origin]
    labelled = [f"{source.title}: {source.annotation}" for source in sources if source.annotation]
    synthetic = [source.title for source in sources if source.synthetic]
    about = {
        "rai:dataCollectionType": "Secondary Data Analysis",
        "rai:hasSyntheticData": bool(synthetic),
    }
    if collected:
        about["rai:dataCollection"] = " ".join(collected)
    if labelled:
        about["rai:dataAnnotationProtocol"] = " ".join(
            [*labelled, "This package adds no label; labels are as published."]
        )
    if synthetic:
        about["rai:machineAnnotationTools"] = (
            f"Programs or language models wrote some texts of: {', '.join(synthetic)}."
        )
    return about


def _biases(mixture: dict[str, Any]) -> str:
    """Describe the mixture's shares of languages, styles and datasets as sources of bias."""
    total = sum(part["examples"] for part in mixture["datasets"])
    shares = [
        ", ".join(f"{name} {100 * count / total:.1f} %" for name, count in counts.items())
        for counts in (
            mixture["languages"],
            mixture["styles"],
            {part["dataset"]: part["examples"] for part in mixture["datasets"]},
        )
    ]
    return (
        "Shares of examples by language: {}; by style: {}; by dataset: {}. Not measured: age, sex, "
        "region and illness of the people behind the texts. Exam questions follow textbooks of "
        "their countries; consultations are of people who write on the web.".format(*shares)
    )


def _source(source: Any) -> dict[str, str]:
    about = {"name": source.title, "url": source.homepage, "license": source.licence}
    return {"@type": "sc:Dataset"} | about


def _read(made_up: bool) -> str:
    return sentence(made_up) or "Read from the publishers' own files."


def _personal(ledger: dict[str, Any]) -> str:
    counts = personal_counts(ledger)
    found = ", ".join(f"{name.replace('_', ' ')}: {rows}" for name, rows in counts.items())
    return (
        "Questions of patients. Replaced by placeholders, in rows of all datasets before the "
        f"mixture was drawn: {found}. Names of people are not recognised."
    )


def _properties(
    ledger: dict[str, Any], mixture: dict[str, Any], contamination: dict[str, Any]
) -> list[dict[str, Any]]:
    """Counts as schema.org property values."""
    values = {f"examples of {part['dataset']}": part["examples"] for part in mixture["datasets"]}
    for step in ledger["steps"]:
        for reason, rows in ledger["totals"][step]["dropped"].items():
            values[f"rows dropped by {step}: {reason}"] = rows
    for key in ("items", "items_found", "examples_found", "threshold", "ngram"):
        values[f"contamination: {key}"] = contamination[key]
    values["contamination: removed"] = contamination["dropped"]
    for name, rows in contamination["examples_by_dataset"].items():
        values[f"contamination: examples of {name}"] = rows
    for name, bits in mixture["entropy_bits"].items():
        values[f"entropy of {name}, bits"] = bits
    return [
        {"@type": "sc:PropertyValue", "name": name, "value": value}
        for name, value in values.items()
    ]


def _file(file: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file["name"],
        "name": file["name"],
        "contentUrl": file["name"],
        "contentSize": f"{file['size']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file["sha256"],
    }


def _records(split: str, file: str) -> dict[str, Any]:
    """The table of one part: a field for each column."""
    source = {"fileObject": {"@id": file}}
    fields = [
        _field(f"{split}/{name}", text, source | {"extract": {"column": name}})
        for name, text in _COLUMNS.items()
    ]
    column = source | {"extract": {"column": "messages"}}
    turns = [
        _field(f"{split}/messages/{name}", text, column | {"transform": {"jsonPath": name}})
        for name, text in _TURNS.items()
    ]
    messages = {"@type": "cr:Field", "@id": f"{split}/messages", "name": f"{split}/messages"}
    messages |= {"description": "The turns of the conversation, in order."}
    fields.append(messages | {"repeated": True, "subField": turns})
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"The examples of {file}.",
        "key": {"@id": f"{split}/id"},
        "field": fields,
    }


def _field(name: str, description: str, source: dict[str, Any]) -> dict[str, Any]:
    about = {"@type": "cr:Field", "@id": name, "name": name, "description": description}
    return about | {"dataType": _TEXT, "source": source}


def head(mixture: dict[str, Any], files: list[str], made_up: bool = False) -> str:
    """Return the YAML head of the Hub's dataset card."""
    total = mixture["train"] + mixture["validation"]
    size = next((name for most, name in _SIZES if total < most), "10M<n<100M")
    # `datasets.load_dataset` refuses a folder one of whose splits has no rows.
    parts = [pair for pair in zip(SPLITS, files, strict=True) if mixture[pair[0]]]
    data = {
        "pretty_name": f"CollectiveSFT, mixture {mixture['experiment']}",
        "language": sorted(mixture["languages"], reverse=True),
        "license": "other",
        "license_name": "licences-of-the-sets",
        "task_categories": ["question-answering", "text-generation"],
        "size_categories": [size],
        "tags": ["medical", "sft", "croissant"] + (["made-up"] if made_up else []),
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": path} for split, path in parts],
            }
        ],
    }
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
