"""Fetch a published model into an empty cache, compare every byte, and let it answer."""

import tempfile
from pathlib import Path

from collectivesft.errors import UserError
from collectivesft.files import read_json, sha256, write_json
from collectivesft.hub.calls import with_retries
from collectivesft.sft.quiet import quiet

QUESTION = "高血压患者日常饮食应注意什么？"


def verify(
    receipt: Path, manifest: Path, report: Path, question: str = QUESTION, new_tokens: int = 32
) -> dict:
    """Download the tagged revision, check each file's sha256, load it and ask one question.

    The client compares sizes only, so a damaged body of the right size would pass unnoticed.

    Args:
        receipt: what ``hub publish`` wrote.
        manifest: of the release, on this machine: what the model's files must be.
        report: JSON ``{"repo", "tag", "commit", "files", "question", "answer"}``.

    Raises:
        UserError: a file is missing or its bytes differ.
    """
    from huggingface_hub import snapshot_download

    quiet()
    published = read_json(receipt)
    repo, tag = published["repo"], published["tag"]
    with tempfile.TemporaryDirectory(prefix="collectivesft-") as cache:
        call = lambda: snapshot_download(repo, revision=tag, cache_dir=cache)  # noqa: E731
        folder = Path(with_retries(call, f"{repo}: download"))
        compare(folder, published["files"], f"{repo}@{tag}")
        listed = read_json(manifest)["model"]["files"]
        wanted = {name: facts["sha256"] for name, facts in listed.items()}
        compare(folder, wanted, f"{repo}@{tag}")
        answer = ask(folder, question, new_tokens)
    result = {key: published[key] for key in ("repo", "tag", "commit", "files")}
    result |= {"question": question, "answer": answer}
    write_json(report, result)
    return result


def compare(folder: Path, hashes: dict[str, str], name: str) -> None:
    """Check that each file is in the folder with the sha256 that was published.

    Raises:
        UserError: the files that are missing or differ.
    """
    wrong = [
        path
        for path, wanted in sorted(hashes.items())
        if not (folder / path).is_file() or sha256(folder / path) != wanted
    ]
    if wrong:
        remedy = "Delete the cached copy and download again; if it stays, publish again"
        raise UserError(f"{name}: {', '.join(wrong)} differ from what was published. {remedy}.")


def ask(folder: Path, question: str, new_tokens: int) -> str:
    """The greedy answer of the model in ``folder`` to one question, by its own chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    messages = [{"role": "user", "content": question}]
    inputs = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=new_tokens, do_sample=False)
    return tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
