"""InternLM2 becomes Llama and back: the same answers, the same bits, or a message."""

import json
import math
import os
import signal
from pathlib import Path

import pytest

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json
from collectivesft.models.convert import internlm2, safetensors_shards
from collectivesft.sft.base import count_parameters
from tests.helpers.internlm2_upstream import (
    SHAPES,
    configuration,
    random_weights,
    write_base,
)


def forward(config: dict, weights: dict, ids):
    """InternLM2 as its authors define it, without any library's model: logits (tokens, words)."""
    import torch
    from torch.nn.functional import linear, silu

    def norm(x, name):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config["rms_norm_eps"])
        return x * scale * weights[name]

    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    width, group, length = 32 // heads, heads // kv, len(ids)
    places, base = torch.arange(length).float(), float(config["rope_theta"])
    scaling = config["rope_scaling"] or {"type": None, "factor": 1.0}
    if scaling["type"] == "linear":
        places = places / scaling["factor"]
    longest = config["max_position_embeddings"]
    if scaling["type"] == "dynamic" and length > longest:
        stretch = scaling["factor"] * length / longest - (scaling["factor"] - 1)
        base = base * stretch ** (width / (width - 2))
    angles = torch.outer(places, 1.0 / base ** (torch.arange(0, width, 2).float() / width))
    angles = torch.cat((angles, angles), -1)

    def turn(x):  # (tokens, heads, width)
        half = torch.cat((-x[..., width // 2 :], x[..., : width // 2]), -1)
        return x * angles.cos()[:, None] + half * angles.sin()[:, None]

    x = weights["model.tok_embeddings.weight"][ids]
    mask = torch.full((length, length), -math.inf).triu(1)
    for layer in range(2):
        start = f"model.layers.{layer}."
        fused = linear(
            norm(x, start + "attention_norm.weight"),
            weights[start + "attention.wqkv.weight"],
            weights.get(start + "attention.wqkv.bias"),
        ).view(length, kv, group + 2, width)
        queries = turn(fused[:, :, :group].reshape(length, heads, width))
        keys = turn(fused[:, :, -2]).repeat_interleave(group, 1)
        values = fused[:, :, -1].repeat_interleave(group, 1)
        scores = torch.einsum("qhd,khd->hqk", queries, keys) / math.sqrt(width) + mask
        mixed = torch.einsum("hqk,khd->qhd", scores.softmax(-1), values).reshape(length, 32)
        output = weights[start + "attention.wo.weight"]
        x = x + linear(mixed, output, weights.get(start + "attention.wo.bias"))
        y = norm(x, start + "ffn_norm.weight")
        gate = silu(y @ weights[start + "feed_forward.w1.weight"].T)
        up = y @ weights[start + "feed_forward.w3.weight"].T
        x = x + (gate * up) @ weights[start + "feed_forward.w2.weight"].T
    head = weights.get("output.weight", weights["model.tok_embeddings.weight"])
    return norm(x, "model.norm.weight") @ head.T


@pytest.fixture
def checkpoint(tmp_path):
    """Write a checkpoint in InternLM2's layout: its configuration and its weight files."""

    def write(config: dict, weights: dict, files: int = 2, kind: str = "safetensors"):
        import torch
        from safetensors.torch import save_file

        folder = tmp_path / "checkpoint"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config))
        names, paths = list(weights), []
        for number in range(files):
            part = {name: weights[name] for name in names[number::files]}
            paths.append(folder / f"pytorch_model-{number}.{kind}")
            if kind == "bin":
                torch.save(part, paths[-1])
            else:
                save_file(part, paths[-1])
        return folder / "config.json", paths

    return write


@pytest.fixture
def llama(checkpoint, tmp_path):
    """The Llama form of a random checkpoint."""

    def convert(config: dict, weights: dict, name: str = "llama", **how) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        internlm2.to_llama(*checkpoint(config, weights, **how), folder)
        return folder

    return convert


def load(folder: Path):
    from transformers import AutoModelForCausalLM

    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    return model.eval()


@pytest.mark.parametrize("length", [1, 24, 25, 40])
@pytest.mark.parametrize("shape", SHAPES)
def test_logits_are_those_of_the_original(llama, shape, length):
    """Also beyond max_position_embeddings (24), where positions are scaled."""
    import torch

    config = configuration(**SHAPES[shape])
    weights = random_weights(config)
    ids = torch.randint(50, (length,), generator=torch.Generator().manual_seed(length))
    with torch.inference_mode():
        logits = load(llama(config, weights))(input_ids=ids[None]).logits[0]
    expected = forward(config, weights, ids)
    assert expected.std() > 0.3
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_scaling_is_seen_by_the_test_above(llama):
    """Without it the logits of a long text are others."""
    import torch

    config, ids = configuration(), torch.arange(40)
    weights = random_weights(config)
    with torch.inference_mode():
        logits = load(llama(config, weights))(input_ids=ids[None]).logits[0]
    unscaled = forward(config | {"rope_scaling": None}, weights, ids)
    assert (logits - unscaled).abs().max() > 0.01


def test_a_long_text_leaves_nothing_behind(llama):
    """Llama goes back to plain positions with the next text below the limit."""
    import torch

    config = configuration()
    weights = random_weights(config)
    model, short = load(llama(config, weights)), torch.arange(20)
    with torch.inference_mode():
        model(input_ids=torch.arange(40)[None])
        logits = model(input_ids=short[None]).logits[0]
    torch.testing.assert_close(logits, forward(config, weights, short), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_there_and_back_is_the_same_to_the_bit(llama, tmp_path, shape, dtype):
    import torch
    from safetensors.torch import load_file

    config = configuration(**SHAPES[shape], torch_dtype=dtype)
    weights = {n: t.to(getattr(torch, dtype)) for n, t in random_weights(config).items()}
    folder = llama(config, weights)
    (folder / "tokenizer.json").write_text("{}")
    internlm2.from_llama(folder, tmp_path / "back")
    back = load_file(tmp_path / "back" / "model.safetensors")
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], weights[name]) for name in weights)
    assert all(back[name].dtype == weights[name].dtype for name in weights)
    content = read_json(tmp_path / "back" / "config.json")
    assert content == {k: v for k, v in config.items() if k != "auto_map"}
    assert (tmp_path / "back" / "tokenizer.json").read_text() == "{}"


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
@pytest.mark.parametrize("files", [1, 3])
def test_files_of_the_checkpoint_do_not_matter(llama, kind, files):
    """Queries, keys and values may come from, and go to, other files than their neighbours."""
    import torch

    config = configuration()
    weights = random_weights(config)
    one = llama(config, weights, "one", files=files, kind=kind)
    two = llama(config, weights, "two", files=2)
    states = [load(folder).state_dict() for folder in (one, two)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def test_large_weights_are_written_in_several_files(llama, tmp_path, monkeypatch):
    import torch

    config = configuration()
    weights = random_weights(config)
    whole = llama(config, weights, "whole")
    monkeypatch.setattr(safetensors_shards.rewrite, "__defaults__", (10_000,))
    parts = llama(config, weights, "parts")
    files = sorted(path.name for path in parts.glob("*.safetensors"))
    assert len(files) > 3 and files[0] == f"model-00001-of-{len(files):05d}.safetensors"
    assert count_parameters(parts) == sum(tensor.numel() for tensor in weights.values())
    index = read_json(parts / "model.safetensors.index.json")
    assert set(index["weight_map"].values()) == set(files)
    assert index["metadata"]["total_size"] == 4 * count_parameters(parts)
    states = [load(folder).state_dict() for folder in (whole, parts)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    internlm2.from_llama(parts, tmp_path / "back")  # reads q, k, v over borders of files
    names = safetensors_shards.Weights((tmp_path / "back").glob("*.safetensors"))
    assert names.files.keys() == weights.keys()
    assert all(torch.equal(names.tensor(name), weights[name]) for name in weights)


def test_memory_is_bounded_by_one_file_that_is_written(start, tmp_path):
    """The memory of a process grows by less than the limit and one tensor, not by the model."""
    code = """
import json, torch, safetensors.torch
from pathlib import Path
from collectivesft.models.convert import internlm2, safetensors_shards
from collectivesft.models.convert.internlm2_layout import read_layout

sizes = dict(hidden_size=512, intermediate_size=2048, num_hidden_layers=12, vocab_size=4096,
             num_attention_heads=8, num_key_value_heads=2, bias=False)
config, model = Path("config.json"), Path("model.safetensors")
config.write_text(json.dumps(sizes))
tensors = read_layout(config, sizes, False).internlm2()
write = safetensors.torch.save_file
write({name: torch.zeros(shape) for name, shape in tensors.items()}, model)
Path("out").mkdir()

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) >> 10

def save(*args, **more):
    write(*args, **more)
    most.append(held())

safetensors.torch.save_file = save
safetensors_shards.rewrite.__defaults__ = (16 << 20,)
most, before = [], held()
internlm2.to_llama(config, [model], Path("out"))
print(max(most) - before, model.stat().st_size >> 20)
"""
    process = start(code=code)
    out, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    grown, size = map(int, out.split())
    assert size > 180
    assert grown < 40


def test_a_killed_conversion_leaves_nothing_that_looks_finished(llama, start, tmp_path):
    config = configuration()
    folder = llama(config, random_weights(config))
    code = (
        "import sys, time; from pathlib import Path\n"
        "from collectivesft.models.convert import internlm2\n"
        "internlm2.write_json = lambda *_: (print('weights', flush=True), time.sleep(60))\n"
        "internlm2.from_llama(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    process = start(folder, tmp_path / "back", code=code)
    assert process.stdout.readline() == "weights\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "back").exists()
    internlm2.from_llama(folder, tmp_path / "back")
    assert (tmp_path / "back" / "config.json").is_file()
    assert not list(tmp_path.glob(".back*"))


WRONG_WEIGHTS = {
    "missing": (lambda w: w.pop("model.norm.weight"), "tensor model.norm.weight is missing"),
    "unexpected": (
        lambda w: w.update({"model.layers.2.ffn_norm.weight": w["model.norm.weight"].clone()}),
        "tensor model.layers.2.ffn_norm.weight is unexpected",
    ),
    "shape": (
        lambda w: w.update({"output.weight": w["output.weight"][:40].clone()}),
        "tensor output.weight is (40, 32) where config.json says (50, 32)",
    ),
}


@pytest.mark.parametrize("change, message", WRONG_WEIGHTS.values(), ids=list(WRONG_WEIGHTS))
def test_weights_that_are_not_of_the_configuration_are_refused(llama, change, message):
    config = configuration()
    weights = random_weights(config)
    change(weights)
    with pytest.raises(InputError) as caught:
        llama(config, weights)
    assert message in str(caught.value)
    assert "fetch both again" in str(caught.value)


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_a_truncated_file_is_refused_by_name(checkpoint, tmp_path, kind):
    config = configuration()
    place, paths = checkpoint(config, random_weights(config), kind=kind)
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    with pytest.raises(InputError) as caught:
        internlm2.to_llama(place, paths, tmp_path)
    assert str(caught.value).startswith(f"{paths[1]}: ")
    assert "Fetch it again" in str(caught.value)


def test_a_file_with_code_in_it_is_refused(checkpoint, tmp_path):
    import torch

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "evil"),))

    config = configuration()
    place, paths = checkpoint(config, random_weights(config), kind="bin")
    torch.save({"model.norm.weight": Evil()}, paths[1])
    with pytest.raises(InputError, match="torch cannot read its weights"):
        internlm2.to_llama(place, paths, tmp_path)
    assert not (tmp_path / "evil").exists()


def test_a_tensor_in_two_files_is_refused(checkpoint, tmp_path):
    config = configuration()
    place, paths = checkpoint(config, random_weights(config))
    paths[1].write_bytes(paths[0].read_bytes())
    with pytest.raises(InputError, match=r"is in pytorch_model-0\.safetensors too"):
        internlm2.to_llama(place, paths, tmp_path)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"rope_scaling": {"type": "yarn", "factor": 2.0}}, "rope scaling 'yarn'"),
        ({"hidden_size": None}, "no whole number hidden_size"),
        ({"num_attention_heads": 5}, "do not divide"),
    ],
)
def test_a_configuration_without_a_llama_form_is_refused(llama, changes, message):
    weights = random_weights(configuration())
    with pytest.raises(InputError, match=message):
        llama(configuration(**changes), weights)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"model_type": "qwen2"}, "model_type is 'qwen2', not 'llama'"),
        ({"mlp_bias": True}, "biases in the feed-forward layers"),
        ({"head_dim": 64}, "heads of another width"),
        ({"rope_parameters": {"rope_type": "llama3"}}, "rope scaling 'llama3'"),
    ],
)
def test_a_model_without_an_internlm2_form_is_refused(llama, tmp_path, changes, message):
    config = configuration()
    folder = llama(config, random_weights(config))
    path = folder / "config.json"
    path.write_text(json.dumps(read_json(path) | changes))
    with pytest.raises(InputError, match=message):
        internlm2.from_llama(folder, tmp_path / "back")
    assert not (tmp_path / "back").exists()


OLD_SCALING = {
    "linear": ({"type": "linear", "factor": 4.0}, {"type": "linear", "factor": 4.0}),
    "dynamic": ({"rope_type": "dynamic", "factor": 2.0}, {"type": "dynamic", "factor": 2.0}),
    "none": (None, None),
    "default": ({"rope_type": "default"}, None),
}


def written_by_transformers_4(folder: Path, scaling: dict | None) -> None:
    """Give a Llama folder a config.json of the form that most of the Hub's have."""
    path = folder / "config.json"
    content = read_json(path)
    del content["rope_parameters"]
    old = {"rope_theta": 500000.0, "rope_scaling": scaling, "torch_dtype": content.pop("dtype")}
    path.write_text(json.dumps(content | old))


@pytest.mark.parametrize("scaling, wanted", OLD_SCALING.values(), ids=list(OLD_SCALING))
def test_a_configuration_of_transformers_4_loses_nothing(llama, tmp_path, scaling, wanted):
    from transformers import LlamaConfig

    folder = llama(configuration(), random_weights(configuration()))
    written_by_transformers_4(folder, scaling)
    internlm2.from_llama(folder, tmp_path / "back")
    content = read_json(tmp_path / "back" / "config.json")
    found = [content[key] for key in ("rope_theta", "rope_scaling", "torch_dtype")]
    assert found == [500000.0, wanted, "float32"]
    again = internlm2.llama_config(tmp_path / "back" / "config.json", content)
    there = LlamaConfig.from_pretrained(folder)
    rope = {key: value for key, value in there.rope_parameters.items() if key != "type"}
    assert (again["rope_parameters"], again["dtype"]) == (rope, str(there.dtype)[6:])


def test_scaling_of_transformers_4_without_an_internlm2_form_is_refused(llama, tmp_path):
    folder = llama(configuration(), random_weights(configuration()))
    written_by_transformers_4(folder, {"rope_type": "llama3", "factor": 8.0})
    with pytest.raises(InputError, match="rope scaling 'llama3'"):
        internlm2.from_llama(folder, tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.fixture(scope="module")
def base(workshop, tmp_path_factory):
    """A base model made of files as internlm/internlm2_5-1_8b holds them."""
    return write_base(workshop, tmp_path_factory.mktemp("base"))


def test_base_model_has_no_code_and_loads_as_llama(base):
    from sentencepiece import SentencePieceProcessor
    from transformers import AutoTokenizer

    assert not list(base.glob("*.py")) and not list(base.glob("*.bin"))
    assert type(load(base)).__name__ == "LlamaForCausalLM"
    tokenizer = AutoTokenizer.from_pretrained(base)
    conversation = [{"role": "user", "content": "头痛"}]
    text = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
    assert text == "<s><|im_start|>user\n头痛<|im_end|>\n<|im_start|>assistant\n"
    reference = SentencePieceProcessor(model_file=str(base / "tokenizer.model"))
    assert tokenizer(" the 头痛")["input_ids"] == [1, *reference.encode(" the 头痛")]
    ends = read_json(base / "generation_config.json")["eos_token_id"]
    assert ends == sorted([2, tokenizer.convert_tokens_to_ids("<|im_end|>")])


def test_trains_merges_and_goes_back_to_its_own_layout(base, workshop, tmp_path, command):
    from collectivesft.sft.merge import merge
    from collectivesft.sft.train import train

    recipe = workshop.recipe(epochs=1, max_steps=1)
    tokens = workshop.tokens(base)
    train(tokens, base, recipe, tmp_path / "c", tmp_path / "h.jsonl", tmp_path / "trained", 1)
    merge(base, tmp_path / "trained", recipe, tmp_path / "model")
    out = tmp_path / "internlm2"
    code, errors = command("sft", "to-internlm2", "--model", tmp_path / "model", "--out", out)
    assert code == 0, errors
    assert read_json(out / "config.json")["model_type"] == "internlm2"
    assert (
        "model.layers.0.attention.wqkv.weight"
        in safetensors_shards.Weights(out.glob("*.safetensors")).files
    )
    kept = {"tokenizer.model", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}
    assert kept < {path.name for path in out.iterdir()}
