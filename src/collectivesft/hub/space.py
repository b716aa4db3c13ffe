"""Write the folder of a Space: one Gradio file that asks the published model, pinned, on a CPU.

Source: huggingface.co/docs/hub/spaces-config-reference for the head of README.md.
"""

from pathlib import Path
from typing import Any

from collectivesft.common.errors import UserError
from collectivesft.common.files import atomic_path, read_json, write_text
from collectivesft.common.made_up import sentence
from collectivesft.hub.ask import DISCLAIMER
from collectivesft.hub.card.model_card import hub_name

# The environment's versions of the app's imports; the Space's own sdk is Gradio's version.
GRADIO = "6.31.0"
REQUIREMENTS = ("transformers==5.23.0", "torch==2.13.0", "accelerate==1.15.0")
NEW_TOKENS = 256

_APP = '''"""Ask {repo} on a CPU."""

from threading import Thread

import gradio as gr
from transformers import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer

MODEL, REVISION = {repo!r}, {tag!r}
NOTE = {note!r}

tokenizer = AutoTokenizer.from_pretrained(MODEL, revision=REVISION)
model = AutoModelForCausalLM.from_pretrained(
    MODEL, revision=REVISION, use_safetensors=True, dtype="auto"
)


def answer(question, history):
    turns = [{{"role": one["role"], "content": text(one["content"])}} for one in history]
    turns.append({{"role": "user", "content": question}})
    inputs = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    streamer = TextIteratorStreamer(
        tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=300
    )
    options = {{**inputs, "streamer": streamer, "max_new_tokens": {tokens}, "do_sample": False}}
    Thread(target=model.generate, kwargs=options, daemon=True).start()
    said = ""
    for piece in streamer:
        said += piece
        yield said


def text(content):
    """Return a turn's text: Gradio 6 gives a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


demo = gr.ChatInterface(answer, title=MODEL, description=NOTE)

if __name__ == "__main__":
    demo.launch()
'''


def build(manifest: Path, out: Path) -> None:
    """Write ``app.py``, ``requirements.txt`` and ``README.md`` of a Space.

    Args:
        manifest: of the release; its repository and tag are those that the app loads.
        out: folder to write; it is uploaded by hand or by ``hf upload --repo-type space``.

    Raises:
        UserError: a release of only an adapter, which the app does not load.
    """
    import yaml

    content = read_json(manifest)
    if content.get("weights") == "adapter":
        raise UserError(
            f"{manifest}: a release of only an adapter has no model for a Space. "
            "Set hub.weights to merged or both, or hub.space to false."
        )
    note = f"{DISCLAIMER} {sentence(content.get('made_up', False))}".strip()
    app = _APP.format(
        repo=content["repo"], tag=content.get("tag") or "main", note=note, tokens=NEW_TOKENS
    )
    with atomic_path(out) as partial:
        partial.mkdir()
        write_text(partial / "app.py", app)
        write_text(partial / "requirements.txt", "".join(f"{one}\n" for one in REQUIREMENTS))
        head = yaml.safe_dump(_head(content), sort_keys=False, allow_unicode=True)
        write_text(partial / "README.md", f"---\n{head}---\n\n{note}\n")


def _head(content: dict[str, Any]) -> dict[str, Any]:
    base = hub_name(content["base"])
    return {
        "title": content["repo"].partition("/")[2],
        "sdk": "gradio",
        "sdk_version": GRADIO,
        "python_version": "3.11",
        "app_file": "app.py",
        "models": [content["repo"], *([base] if base else [])],
        "pinned": False,
    }
