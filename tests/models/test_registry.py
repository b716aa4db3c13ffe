"""CPM and PanGu-alpha: load, train a step, answer; PanGu's weights give the answers they gave."""

import json
import math

import pytest

from collectivesft.common.errors import InputError
from collectivesft.models.convert import pangu
from collectivesft.models.registry import packable, register
from collectivesft.scores.engines import decode
from collectivesft.scores.engines import language_model as scoring
from collectivesft.scores.prompt.prompts import render
from collectivesft.sft.base import make_base
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.distributed.stop_signal import Request
from collectivesft.sft.distributed.world import World
from collectivesft.sft.loop.cost_tracker import Costs
from collectivesft.sft.loop.trainer import Trainer
from collectivesft.sft.merge import merge
from collectivesft.sft.train import train
from tests.helpers.jieba_vocabulary import train_vocabulary

KINDS = ("gpt2", "cpmant", "pangu_alpha")  # CPM-Generate is a gpt2
TARGETS = {
    "gpt2": ["c_attn", "c_proj", "c_fc"],
    "cpmant": ["project_q", "project_k", "project_v", "attention_out", "w_0", "w_1", "w_out"],
    "pangu_alpha": ["c_attn", "q_proj", "k_proj", "v_proj", "c_proj", "c_fc"],
}


def load(folder):
    from transformers import AutoModelForCausalLM

    register()
    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    return model.eval()


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("kind", KINDS)
def test_trains_a_step_and_answers(workshop, tmp_path, kind, method):
    base = tmp_path / "base"
    make_base(workshop.model(kind, lora_targets=TARGETS[kind]), workshop.manifest(), base)
    recipe = workshop.recipe(max_steps=1, method=method, learning_rate=0.1)
    tokens = workshop.tokens(workshop.base(kind))
    history = tmp_path / "history.jsonl"
    train(tokens, base, recipe, tmp_path / "checkpoints", history, tmp_path / "trained", 1)
    before, after = (json.loads(line) for line in history.read_text().splitlines())
    assert math.isfinite(before["loss"]) and math.isfinite(after["eval_loss"])
    merge(base, tmp_path / "trained", recipe, tmp_path / "model")
    models = [scoring.load(folder, 1) for folder in (base, tmp_path / "model")]
    prompts = [scoring.encode(models[0], text, "plain") for text in ("头痛怎么办？", "咳嗽")]
    answers = [
        decode.generate(model, decode.read_prefix(model, prompts), prompts, 12) for model in models
    ]
    assert answers[0] != answers[1]  # it learned
    prefix = decode.read_prefix(models[1], prompts)
    alone = [decode.generate(models[1], prefix, [prompt], 12)[0] for prompt in prompts]
    assert answers[1] == alone  # padding changes nothing


@pytest.mark.parametrize("kind", [*KINDS, "llama"])
def test_a_word_is_not_known_before_it_comes(workshop, kind):
    import torch

    model = load(workshop.base(kind))
    ids = torch.arange(10, 40)[None]
    other = ids.clone()
    other[0, 20:] = 99
    with torch.inference_mode():
        one, two = (model(input_ids=x).logits[0] for x in (ids, other))
    torch.testing.assert_close(one[:20], two[:20], rtol=1e-4, atol=1e-4)
    assert (one[20:] - two[20:]).abs().max() > 0.01


@pytest.mark.parametrize("kind", ["pangu_alpha", "cpmant"])
def test_generates_what_the_whole_text_says(workshop, kind):
    """Token after token, with the cache, as from all tokens at once."""
    import torch

    model = load(workshop.base(kind))
    prompt = torch.arange(10, 30)[None]
    with torch.inference_mode():
        ids = model.generate(prompt, max_new_tokens=8, do_sample=False, eos_token_id=None)
        best = model(input_ids=ids).logits[0].argmax(-1)
    assert ids[0, 20:].tolist() == best[19:-1].tolist()


def test_cache_changes_nothing_in_pangu(workshop):
    import torch

    model = load(workshop.base("pangu_alpha"))
    ids = torch.arange(10, 40)[None]
    with torch.inference_mode():
        whole = model(input_ids=ids).logits
        first = model(input_ids=ids[:, :13], use_cache=True)
        rest = model(input_ids=ids[:, 13:], past_key_values=first.past_key_values)
        last = model(input_ids=ids, logits_to_keep=1).logits
    parts = torch.cat((first.logits, rest.logits), 1)
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(last, whole[:, -1:], rtol=1e-4, atol=1e-4)


def test_examples_are_not_packed_where_positions_do_not_part_them(workshop, tmp_path):
    """CPM-Ant takes no positions: in one row its examples would see each other."""
    from collectivesft.config.experiment import read_experiment

    verdicts = {kind: packable(load(workshop.base(kind))) for kind in (*KINDS, "llama", "gemma3")}
    assert verdicts == dict.fromkeys(verdicts, True) | {"cpmant": False}
    training = read_experiment(workshop.recipe()).training
    for kind, packed in (("cpmant", False), ("gpt2", True)):
        base = workshop.base(kind)
        tokens = Tokens.load(workshop.tokens(base), "train")
        world = World(0, 1, "cpu")
        costs = Costs(tmp_path / "costs.json", "mine", world, training)
        run = Trainer(load(base), training, tokens, tokens, None, world, Request(), costs)
        assert any(len(batch) > 1 for batch in run.plan.step(0)) == packed


PANGU = {
    "model_type": "gpt_pangu",
    "activation_function": "gelu",
    "hidden_size": 32,
    "intermediate_size": None,
    "layer_norm_epsilon": 1e-5,
    "max_position_embeddings": 40,
    "num_heads": 4,
    "num_layers": 3,
    "scale_attn_weights": True,
    "vocab_size": 60,
    "bos_token_id": 9,
    "eos_token_id": 9,
}


def pangu_weights_of(config: dict) -> dict:
    """Names and shapes as modeling_gptpangu.py builds them, masks and tied weights included."""
    import torch

    generator = torch.Generator().manual_seed(3)

    def draw(*shape):
        return torch.randn(shape, generator=generator) / 3

    places = config["max_position_embeddings"]
    weights = {"transformer.wte.weight": draw(config["vocab_size"], 32)}
    weights |= {f"transformer.{name}.weight": draw(places, 32) for name in ("wpe", "wqe")}
    norms = ["transformer.ln_f."]
    for layer in range(config["num_layers"]):
        start = f"transformer.h.{layer}."
        norms += [start + "ln_1.", start + "ln_2."]
        weights[start + "attn.bias"] = torch.ones(1, 1, 40, 40, dtype=torch.uint8).tril()
        weights[start + "attn.masked_bias"] = torch.tensor(-1e4)
        for part in "qkvc":
            weights[f"{start}attn.{part}_proj.weight"] = draw(32, 32)
            weights[f"{start}attn.{part}_proj.bias"] = draw(32)
        for name, rows, columns in (("c_fc", 128, 32), ("c_proj", 32, 128)):
            weights[f"{start}mlp.{name}.weight"] = draw(rows, columns)
            weights[f"{start}mlp.{name}.bias"] = draw(rows)
    for name in norms:
        weights |= {name + "weight": 1 + draw(32), name + "bias": draw(32)}
    return weights | {"lm_head.weight": weights["transformer.wte.weight"]}


def forward(config: dict, weights: dict, ids):
    """PanGu-alpha as its authors define it, without any library's model."""
    import torch
    from torch.nn.functional import gelu, layer_norm, linear

    def w(name):
        return weights["transformer." + name]

    def norm(x, name):
        return layer_norm(x, (32,), w(name + ".weight"), w(name + ".bias"), 1e-5)

    def apply(x, name):
        return linear(x, w(name + ".weight"), w(name + ".bias"))

    length, last = len(ids), config["num_layers"] - 1
    x = w("wte.weight")[ids] + w("wpe.weight")[:length]
    mask = torch.full((length, length), -math.inf).triu(1)
    for layer in range(last + 1):
        start = f"h.{layer}."
        if layer == last:
            x = norm(x, "ln_f")
        y = norm(x, start + "ln_1")
        asking = w("wqe.weight")[:length] if layer == last else y
        q = apply(asking, start + "attn.q_proj").view(length, 4, 8)
        k, v = (apply(y, f"{start}attn.{p}_proj").view(length, 4, 8) for p in "kv")
        scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(8) + mask
        mixed = torch.einsum("hqk,khd->qhd", scores.softmax(-1), v).reshape(length, 32)
        x = x + apply(mixed, start + "attn.c_proj")
        inner = gelu(apply(norm(x, start + "ln_2"), start + "mlp.c_fc"))
        x = x + apply(inner, start + "mlp.c_proj")
    return x @ w("wte.weight").T


@pytest.fixture
def checkpoint(tmp_path):
    import torch

    weights = pangu_weights_of(PANGU)
    torch.save(weights, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps(PANGU))
    return weights, tmp_path / "config.json", [tmp_path / "pytorch_model.bin"]


def test_pangus_logits_are_those_of_the_original(checkpoint, tmp_path):
    import torch

    weights, config, shards = checkpoint
    out = tmp_path / "out"
    out.mkdir()
    pangu.convert(config, shards, out)
    ids = torch.randint(60, (40,), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        logits = load(out)(input_ids=ids[None]).logits[0]
    torch.testing.assert_close(logits, forward(PANGU, weights, ids), rtol=1e-4, atol=1e-3)


def test_pangu_without_a_plain_tokenizer_is_refused(checkpoint, workshop, tmp_path):
    _, config, shards = checkpoint
    manifest = workshop.manifest(
        config__json=config.read_bytes(), pytorch_model__bin=shards[0].read_bytes()
    )
    source = {"kind": "folder", "path": "somewhere"}
    recipe = workshop.model(source=source, architecture=None)
    with pytest.raises(InputError, match=r"no tokenizer\.json, and the repository's own"):
        make_base(recipe, manifest, tmp_path / "base")
    assert not (tmp_path / "base").exists()


WORD_BASES = {
    "pangu_alpha": (PANGU, "bpe", "<eot>"),
    "gpt2": (
        {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
        | {"tokenizer_class": "CpmTokenizer"},
        "unigram",
        "<eod>",
    ),
}


def word_model(kind: str, folder):
    """Files of a base whose tokenizer has jieba's words: configuration, weights, vocabulary."""
    import sentencepiece
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config, algorithm, _ = WORD_BASES[kind]
    vocabulary = train_vocabulary(algorithm)
    size = sentencepiece.SentencePieceProcessor(model_proto=vocabulary).get_piece_size()
    config = config | {"vocab_size": size}
    if kind == "pangu_alpha":
        config |= {"max_position_embeddings": 128}
        weights = pangu_weights_of(config)
    else:
        torch.manual_seed(0)
        fields = {key: value for key, value in config.items() if key != "model_type"}
        weights = GPT2LMHeadModel(GPT2Config(**fields)).state_dict()
    torch.save(weights, folder / "weights.bin")
    return {
        "config__json": json.dumps(config).encode(),
        "pytorch_model__bin": (folder / "weights.bin").read_bytes(),
        "vocab__model": vocabulary,
    }


@pytest.mark.parametrize("kind", WORD_BASES)
def test_a_base_with_words_by_jieba_is_trained_merged_and_asked(kind, workshop, tmp_path):
    from collectivesft.sft.tokenize import tokenize
    from tests.helpers.fixtures import CONVERSATIONS

    end = WORD_BASES[kind][2]
    base, source = tmp_path / "base", {"kind": "folder", "path": "somewhere"}
    model = workshop.model(
        source=source, architecture=None, template="words", lora_targets=TARGETS[kind],
        word_tokenizer={"vocabulary": "vocab.model", "eos_token": end},
    )  # fmt: skip
    make_base(model, workshop.manifest(**word_model(kind, tmp_path)), base)
    assert not list(base.glob("vocab.model")) and (base / "vocabulary.model").is_file()
    recipe = workshop.recipe(max_steps=2, max_length=96, learning_rate=0.05)
    parts = (workshop.mixture(CONVERSATIONS), workshop.mixture(CONVERSATIONS[:2]))
    counts = tokenize(*parts, base, recipe, tmp_path / "tokens")
    assert counts["train"]["examples"] == len(CONVERSATIONS)
    folders = (tmp_path / name for name in ("checkpoints", "history.jsonl", "trained"))
    train(tmp_path / "tokens", base, recipe, *folders, 1)
    merge(base, tmp_path / "trained", recipe, tmp_path / "model")
    for name in ("vocabulary.model", "tokenizer_config.json", "chat_template.jinja"):
        assert (tmp_path / "model" / name).read_bytes() == (base / name).read_bytes()
    asked = scoring.load(tmp_path / "model", 1)
    assert asked.stops == (asked.tokenizer.convert_tokens_to_ids(end),)
    prompt = render(asked.tokenizer, [("user", "头痛怎么办？")], "chat", "").text
    assert prompt == "问：头痛怎么办？\n答："
    ids = scoring.encode(asked, prompt, "chat")
    first = Tokens.load(tmp_path / "tokens", "train")
    assert first.ids[: len(ids)].tolist() == ids
    assert first.mask[len(ids) - 1 : len(ids) + 1].tolist() == [0, 1]
    (answer,) = decode.generate(asked, decode.read_prefix(asked, [ids]), [ids], 8)
    assert "▁" not in scoring.text_of(asked, answer.tokens)
