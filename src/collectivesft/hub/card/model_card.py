"""The model card: metadata that the Hub renders, and text from the run's own numbers."""

import re
from collections.abc import Sequence
from typing import Any

from collectivesft.common.made_up import sentence
from collectivesft.hub.card import emissions, gguf_section

# Licences for which the Hub has an id.
_LICENCE_IDS = {"Apache-2.0": "apache-2.0", "MIT": "mit", "Gemma Terms of Use": "gemma"}
TRAINING_SHOWN = ("method", "learning_rate", "lr_scheduler", "warmup_ratio", "global_batch_size",
                  "epochs", "max_length", "precision", "seed")  # fmt: skip


def render(
    manifest: dict[str, Any],
    data_card: str,
    table: list[dict[str, str]],
    notice: str | None = None,
    datasets: Sequence[str] = (),
) -> str:
    """Return the card's text with its YAML head.

    Args:
        manifest: of the release.
        data_card: Markdown of the mixture's data card; its headings move one level down.
        table: rows of the run's table of scores.
        notice: name of the file with the duties under the base model's licence.
        datasets: repositories on the Hub of the datasets that it was trained on.
    """
    name = manifest["repo"].partition("/")[2]
    sections = [
        f"# {name}",
        _summary(manifest),
        "## Scores",
        _scores(manifest, table),
        "## How to run it",
        usage(manifest),
        *gguf_section.section(manifest),
        "## Intended use and limits",
        _limits(manifest, notice),
        "## Training",
        _training(manifest),
        _embedded(data_card),
        "## Environmental cost",
        f"{_COSTS} {emissions.sentence(manifest)}",
        "## How this was made",
        _provenance(manifest),
        "## Citation",
        _CITATION,
    ]
    return f"---\n{metadata(manifest, datasets)}\n---\n\n" + "\n\n".join(sections) + "\n"


def _embedded(data_card: str) -> str:
    """Return the data card one level down, without the sentence that the model card has on top."""
    text = data_card.replace(f"> **{sentence(made_up=True)}**\n\n", "")
    return text.replace("\n#", "\n##").replace("# ", "## ", 1).strip()


def metadata(manifest: dict[str, Any], datasets: Sequence[str] = ()) -> str:
    """Return the YAML head: licence, languages, base model, datasets, results as model-index."""
    from huggingface_hub import EvalResult, ModelCardData

    base, name = manifest["base"], manifest["repo"].partition("/")[2]
    # Made-up questions are no benchmark's: a result under its name would be read as one on it.
    own = [] if manifest.get("made_up") else _own_scores(manifest)
    results = [result for row in own for result in _results(row, EvalResult)]
    licence = _LICENCE_IDS.get(base["licence"], "other")
    own_name = re.sub(r"[^a-z0-9.]+", "-", base["licence"].lower()).strip("-.")
    other = {"license_name": own_name} if licence == "other" else {}
    link = {"license_link": base["licence_url"]} if base["licence_url"] else {}
    relation = "adapter" if manifest.get("weights") == "adapter" else "finetune"
    related = {"base_model_relation": relation} if hub_name(base) else {}
    data = ModelCardData(
        language=sorted(manifest["mixture"]["languages"], reverse=True),
        license=licence,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["medical", "sft", "cmb", "chinese", *_marks(manifest)],
        base_model=hub_name(base),
        model_name=name,
        datasets=list(datasets) or None,
        eval_results=results or None,
        **related,
        **other,
        **link,
        **emissions.metadata(manifest),
    )
    return data.to_yaml()


def _marks(manifest: dict[str, Any]) -> list[str]:
    marks = {"demo": manifest["demo"], "made-up": manifest.get("made_up")}
    return [name for name, applies in marks.items() if applies]


def hub_name(base: dict[str, Any]) -> str | None:
    """The base model's repository, from its source or its home page; None where it has none."""
    if base["source"].get("repo"):
        return base["source"]["repo"]
    host, _, name = (base["homepage"] or "").partition("huggingface.co/")
    return name if host == "https://" else None


def _own_scores(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    name = manifest["experiment"]["name"]
    return [r for r in manifest["scores"] if r["model"] == name and r["kind"] == "choice"]


def _results(row: dict[str, Any], result) -> list[Any]:
    shared = {
        "task_type": "question-answering",
        "task_name": "Multiple-choice question answering",
        "dataset_type": row["benchmark"],
        "dataset_config": row["protocol"],  # results of one type and configuration are joined
        "dataset_name": f"{row['benchmark']} ({row['protocol']}, {row['items']} items{_key(row)})",
        "metric_type": "accuracy",
    }
    values = {"accuracy, macro over categories": row["macro"]}
    values |= {f"accuracy, {entry['label']}": entry for entry in row["categories"]}
    return [
        result(
            **shared,
            metric_name=name,
            metric_value=round(100 * entry["value"], 2),
            metric_args=_interval(entry),
        )
        for name, entry in values.items()
    ]


def _key(row: dict[str, Any]) -> str:
    """Name the answer key of the score: CMB's was corrected once."""
    date = (row.get("key") or {}).get("date")
    return f", key of {date}" if date else ""


def _interval(entry: dict[str, Any]) -> dict[str, float] | None:
    """The 95 % interval of a value, in per cent, where the score file states one."""
    if "low" not in entry:
        return None
    bounds = {"low": round(100 * entry["low"], 2), "high": round(100 * entry["high"], 2)}
    return {"confidence": 0.95, **bounds}


def _summary(manifest: dict[str, Any]) -> str:
    base, mixture, tokens = manifest["base"], manifest["mixture"], manifest["training"]["tokens"]
    made_up = manifest.get("made_up", False)
    kind, origin = ("made-up", "in the form of") if made_up else ("medical", "from")
    text = (
        f"{base['title']} after supervised fine-tuning on {tokens['examples']:,} {kind} examples "
        f"{origin} {len(mixture['datasets'])} datasets{_too_long(manifest)}, made by the release "
        f"package of the paper CollectiveSFT (arXiv 2407.19705), run `{manifest['run']}`, "
        f"experiment `{manifest['experiment']['name']}`."
    )
    if manifest["left_out"]:
        names = ", ".join(name.partition("/")[2] for name in manifest["left_out"])
        text += f" It was made without these sets of its configuration: {names} (reasons below)."
    if made_up:
        text += f"\n\n> **{sentence(made_up)}**"
    if manifest["demo"]:
        text += (
            "\n\n**A demonstration.** Small data and a small model show that every step of the "
            "package works. The model is not good at medicine and is not meant to be."
        )
    return text


def _too_long(manifest: dict[str, Any]) -> str:
    """Return the count of examples drawn but not trained on, in parentheses, or nothing."""
    left_out = manifest["training"]["tokens"]["without_loss"]
    if not left_out:
        return ""
    drawn, max_length = (
        manifest["mixture"]["train"],
        manifest["experiment"]["training"]["max_length"],
    )
    return (
        f" ({drawn:,} drawn, {left_out:,} left out because their prompt alone fills {max_length:,} "
        "tokens)"
    )


def _scores(manifest: dict[str, Any], table: list[dict[str, str]]) -> str:
    wanted = (manifest["experiment"]["name"], manifest["base"]["name"])
    heads = ("model", "benchmark", "protocol", "items", "macro, % (95 % interval)", "micro, %",
             "official macro, %", "disagree")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---:|---:|---:|---:|---:|"]
    for row in table:
        if row["model"] in wanted:
            benchmark = row["benchmark"] + (", made-up" if manifest.get("made_up") else "")
            macro = f"{row['macro']} ({row['macro_low']} to {row['macro_high']})"
            cells = [row["model"], benchmark, row["protocol"], row["items"], macro]
            cells += [row[key] for key in ("micro", "official_macro", "differ")]
            lines.append(f"| {' | '.join(cells)} |")
    note = (
        "Official macro: the same answers read and compared as the benchmark's own code does; "
        "disagree: items that are right by one of the two readings only."
    )
    return "\n".join([*lines, "", note])


TRAINING_TEMPLATE = (
    "The chat template has no generation marks, which some programs do not know. "
    "`training_template.jinja` is the same template with them. To continue training with loss on "
    "answers only (TRL's `assistant_only_loss`), set `tokenizer.chat_template` to its text."
)


def usage(manifest: dict[str, Any]) -> str:
    """Describe how to check and run the model: the command line, transformers, vLLM."""
    repo, tag = manifest["repo"], manifest.get("tag") or "main"
    if manifest.get("weights") == "adapter":
        return _adapter_usage(manifest, repo, tag)
    if manifest["base"].get("word_tokenizer"):
        return _words_usage(manifest, repo, tag)
    return f"""{_package(manifest)}

```bash
collectivesft hub verify {repo}@{tag}     # every byte against manifest.json, and a known answer
collectivesft ask "高血压患者日常饮食应注意什么？" --model {repo}@{tag}
```

```python
from transformers import pipeline

ask = pipeline("text-generation", "{repo}", revision="{tag}")
question = [{{"role": "user", "content": "高血压患者日常饮食应注意什么？"}}]
print(ask(question, max_new_tokens=128)[0]["generated_text"][-1]["content"])
```

```bash
vllm serve {repo} --revision {tag}     # as a service; not tried by this release's own checks
```

{TRAINING_TEMPLATE}"""


def _words_usage(manifest: dict[str, Any], repo: str, tag: str) -> str:
    """Say how to check and run a model whose tokenizer only this package has."""
    needs = "the tokenizer (words by jieba, then SentencePiece) is part of it"
    return f"""{_package(manifest, needs)}

```bash
collectivesft hub verify {repo}@{tag}     # every byte against manifest.json, and a known answer
collectivesft ask "高血压患者日常饮食应注意什么？" --model {repo}@{tag}
```

vLLM and llama.cpp (GGUF) cannot load this model: no `tokenizer.json` can hold words by jieba."""


def _package(manifest: dict[str, Any], needs: str = "transformers needs none of it") -> str:
    """Say where the command `collectivesft` comes from, and who needs it."""
    package = manifest["package"]
    text = f"`collectivesft` {package['version']} is the command of the release package"
    if "url" not in package:
        archive = f"collectivesft-{package['version']}.tar.gz"
        return (
            f"{text}, which has no public address yet. Ask this repository's owner for its source "
            f"archive (`{archive}`) and run `envs/install dev .venv` in it; {needs}."
        )
    return f"{text}, from {package['url']} (`pip install git+{package['url']}`); {needs}."


def _adapter_usage(manifest: dict[str, Any], repo: str, tag: str) -> str:
    base = hub_name(manifest["base"]) or manifest["base"]["name"]
    return f"""This repository holds a LoRA adapter (`adapter/`) of `{base}`.
{_package(manifest)}

```bash
collectivesft hub verify {repo}@{tag} --base BASE     # BASE: the folder of {base}
collectivesft ask "高血压患者日常饮食应注意什么？" --model {repo}@{tag} --base BASE
```

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained("BASE")
model = PeftModel.from_pretrained(base, "{repo}", subfolder="adapter", revision="{tag}")
```"""


def _limits(manifest: dict[str, Any], notice: str | None) -> str:
    licence = manifest["base"]["licence"]
    asks = f"; `{notice}` lists the duties of people who pass them on" if notice else ""
    return (
        "For research on training and evaluation of language models. **Not medical advice**: its "
        "answers can be wrong and can harm. Do not use them to diagnose, treat or advise anybody; "
        "ask a physician. The scores are of exam questions and say little about care.\n\n"
        f"The base model's licence ({licence}) applies to the weights{asks}. Some training "
        "datasets forbid commercial use or state no licence; see the table of datasets."
    )


def _training(manifest: dict[str, Any]) -> str:
    training = manifest["experiment"]["training"]
    if "precision" in manifest["training"]:  # `auto` depends on the machine
        training = training | {"precision": f"{manifest['training']['precision']} (by `auto`)"}
    rows = [f"| {key.replace('_', ' ')} | {training[key]} |" for key in TRAINING_SHOWN]
    if training["method"] == "lora":
        rows.insert(1, f"| rank, alpha | {training['lora']['r']}, {training['lora']['alpha']} |")
    rows.append(f"| steps | {manifest['training']['steps']} |")
    return "\n".join(["| setting | value |", "|---|---|", *rows])


# The card is the same from run to run; measurements are not.
_COSTS = (
    "`measurements.json` next to this card has, under `training`, the time, the GPU-hours and, "
    "where the GPU's driver tells it, the energy of the training."
)


def _provenance(manifest: dict[str, Any]) -> str:
    return (
        f"By collectivesft {manifest['package']['version']} in the environment "
        f"`{manifest['lock']['file']}` (sha256 `{manifest['lock']['sha256'][:16]}…`). "
        "`manifest.json` next to this card lists every raw file and every file of the model with "
        "its sha256; `collectivesft hub verify` compares a download with it."
    )


_CITATION = """```bibtex
@misc{zhu2024collectivesft,
  title = {CollectiveSFT: Scaling Large Language Models for Chinese Medical Benchmark with Collective Instructions in Healthcare},
  author = {Zhu, Jingwei and Tan, Minghuan and Yang, Min and Li, Ruixue and Alinejad-Rokny, Hamid},
  year = {2024},
  eprint = {2407.19705},
  archivePrefix = {arXiv}
}
```"""  # noqa: E501
