"""The model card's section on the GGUF copy: how to run it, how near it is to the original."""

from typing import Any

from collectivesft.hub.evidence.known_answer import QUESTION


def section(manifest: dict[str, Any]) -> list[str]:
    """Heading and text for the card; nothing where a release has no such copy."""
    copy = manifest.get("gguf")
    if copy is None:
        return []
    return ["## GGUF", _about(copy), _llama_cpp(manifest, copy), _ollama(manifest, copy)]


def _about(copy: dict[str, Any]) -> str:
    made = (
        f"`{copy['file']}` ({copy['size'] / 1e6:,.0f} MB) is a copy of the weights as "
        f"{copy['type']} for llama.cpp and Ollama, {_maker(copy)}."
    )
    return f"{made} {agreement(copy)} {_tokenizer(copy['tokenizer'])}"


def _maker(copy: dict[str, Any]) -> str:
    """Name the programs that made the copy; the converter writes no four bits."""
    quantiser = copy.get("quantiser")
    if quantiser is None:
        return "made by llama.cpp's own converter"
    return (
        "converted by llama.cpp's own converter and quantised by the "
        f"{quantiser['name']} package {quantiser['version']} (embeddings and output layer to eight "
        "bits)"
    )


def _tokenizer(found: dict[str, Any]) -> str:
    """Say how the file's own tokenizer was compared with the model's."""
    marks = (
        f"Each of the {found['marks']} marks of the chat that a prompt and its answer use is one "
        f"control token of the file (tokenizer `{found['model']}`, `{found['pre']}`)"
    )
    if found["prompt"] is None:
        return f"{marks}; its other tokens were not compared: transformers does not read them."
    return f"{marks}, and the file's tokenizer makes the same tokens of the fixed prompt."


def agreement(copy: dict[str, Any]) -> str:
    """One or two sentences on how near the copy's answers are, from its report."""
    found = copy["agreement"]
    if found is None:
        return f"Its answers were not compared with the model's own ({copy['note']})."
    return (
        f"Read back and compared with the model along its answer to a fixed question: the copy's "
        f"best token is the same for {found['same']} of {found['tokens']}, a log-probability "
        f"of the answer differs by {found['logprob_difference']:g} nats at most, and the "
        f"distribution of a next token by {found['divergence']:g} nats on average "
        "(Kullback-Leibler). Its scores were not measured."
    )


def _llama_cpp(manifest: dict[str, Any], copy: dict[str, Any]) -> str:
    repo, tag = manifest["repo"], manifest.get("tag") or "main"
    return f"""```bash
hf download {repo} {copy["file"]} --revision {tag} --local-dir .
llama-cli -m {copy["file"]} --jinja --temp 0 --single-turn -p "{QUESTION}"
```"""


def _ollama(manifest: dict[str, Any], copy: dict[str, Any]) -> str:
    name = manifest["repo"].partition("/")[2].lower()
    stops = "".join(f'PARAMETER stop "{stop}"\n' for stop in copy["stops"])
    return f"""Ollama does not read a chat template that it does not know; its `Modelfile`:

```
FROM ./{copy["file"]}
TEMPLATE \"\"\"{copy["template"]}\"\"\"
PARAMETER temperature 0
{stops}```

```bash
ollama create {name} -f Modelfile
ollama run {name} "{QUESTION}"
```

Neither program is run by this release's own checks."""
