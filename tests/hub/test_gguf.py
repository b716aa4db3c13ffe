"""A GGUF copy has the same bytes anywhere, answers as its original does, or is not made."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, sha256, write_json
from collectivesft.hub.evidence import gguf_agreement
from collectivesft.hub.gguf import LIMITS, make
from tests.helpers.hub_helpers import ROOT

CONVERTER = Path(__file__).with_name("fake_converter.py")
# Weights so large that the model is sure of what it says: a wrong copy says something else.
TINY = {
    "model_type": "llama", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
    "initializer_range": 0.5,
}  # fmt: skip


def write_model(folder: Path) -> Path:
    """A random Llama with a tokenizer of bytes, and files that no converter should see."""
    from transformers import GenerationConfig

    from collectivesft.models.chat import plain_template
    from collectivesft.models.convert.random_model import byte_tokenizer, write_random_model

    write_random_model(TINY, folder)
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = plain_template("chatml")
    tokenizer.save_pretrained(folder)
    ends = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_end|>")]
    GenerationConfig(eos_token_id=ends).save_pretrained(folder)
    (folder / "tokenization_mine.py").write_text("raise SystemExit('code was run')")
    (folder / ".snakemake_timestamp").touch()
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("gguf") / "model")


@pytest.fixture
def convert(model, tmp_path):
    """Make a copy; keywords change what is asked for."""

    def run(**changes) -> dict:
        paths = {"out": tmp_path / "out/Tiny-F16.gguf", "report": tmp_path / "out/report.json"}
        asked = {"model": model, "gguf_converter": CONVERTER, "gguf": "f16", "name": "Tiny"}
        return make(**asked | paths | changes)

    return run


@pytest.fixture
def refused(convert, tmp_path, monkeypatch):
    """The message of a conversion that goes wrong, of which nothing is left."""

    def run(fault: str = "", **changes) -> str:
        monkeypatch.setenv("FAULT", fault)
        with pytest.raises(UserError) as error:
            convert(**changes)
        assert not list(tmp_path.glob("out/*")) and not list(tmp_path.glob("out/.*"))
        assert "\n" not in str(error.value)
        return str(error.value)

    return run


def test_the_report_says_what_it_is_and_how_near(convert, tmp_path):
    report, out = convert(), tmp_path / "out/Tiny-F16.gguf"
    assert report == read_json(tmp_path / "out/report.json")
    assert (report["file"], report["type"]) == (out.name, "f16")
    assert (report["size"], report["sha256"]) == (out.stat().st_size, sha256(out))
    found = report["agreement"]
    assert found["same"] == found["tokens"] > 0
    assert 0 <= found["divergence"] < 1e-4 < LIMITS["f16"] == report["limit"]
    assert 0 < found["logprob_difference"] < 0.1
    assert report["note"] == ""
    assert len(report["converter"]["sha256"]) == 64
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name, "report.json"]


def test_a_copy_is_parsed_once(convert, monkeypatch):
    """A parse of Gemma's vocabulary takes ten seconds, and five readers ask for it."""
    import gguf

    parsed = []

    class Reader(gguf.GGUFReader):
        def __init__(self, path, *more):
            parsed.append(path)
            super().__init__(path, *more)

    monkeypatch.setattr(gguf, "GGUFReader", Reader)
    convert()
    assert len(parsed) == 1


# Case: what the converter does to the file's tokenizer, and what is said.
TOKENIZERS = {
    "unnamed marks": "mark '<|im_start|>' (token 5) is '[UNUSED_TOKEN_146]' there",
    "marks of text": "mark '<|im_end|>' (token 6) has type 1 there, which is not that of a control",
    "no tokenizer": "holds no tokenizer",
}


@pytest.mark.parametrize(("fault", "said"), TOKENIZERS.items(), ids=list(TOKENIZERS))
def test_a_copy_that_loses_the_marks_of_the_chat_is_not_made(refused, fault, said):
    assert said in refused(fault)


def test_the_report_says_how_the_files_tokenizer_was_compared(convert):
    found = convert()["tokenizer"]
    assert (found["model"], found["pre"]) == ("gpt2", "default")
    assert found["marks"] == 4  # the text begins and ends, turns begin and end
    assert found["prompt"] in (True, None)


def test_the_prompt_is_told_for_programs_without_a_chat_template(convert):
    report = convert()
    assert report["template"].endswith(
        "<|im_start|>user\n{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n"
    )
    assert not report["template"].startswith("<bos>")
    assert report["stops"] == ["<eos>", "<|im_end|>"]


def test_the_converter_is_offline_and_sees_neither_code_nor_token(convert, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    convert()
    said = capsys.readouterr().err
    assert "offline: 1, token: None" in said
    assert "model.safetensors" in said and "tokenization_mine.py" not in said
    assert ".snakemake_timestamp" not in said


def test_the_same_bytes_wherever_it_lies(convert, model, tmp_path):
    again = shutil.copytree(model, tmp_path / "another-7B-v2")
    place = {"out": tmp_path / "elsewhere/x.gguf", "report": tmp_path / "elsewhere/x.json"}
    first, second = convert(), convert(model=again, **place)
    assert {k: v for k, v in first.items() if k != "file"} == {
        k: v for k, v in second.items() if k != "file"
    }


@pytest.mark.parametrize(
    "fault, words",
    [
        ("fails", "the converter ended with code 3 (ValueError: this cannot be). Its output"),
        ("architecture", "the converter does not know the architecture FooForCausalLM. Set hub."),
        ("tokenizer", "the converter does not know its tokenizer: BPE pre-tokenizer was not"),
        ("nothing", "ended well, but wrote no GGUF file. Run envs/converter"),
        ("page", "ended well, but wrote no GGUF file. Run envs/converter"),
        ("cut", "cannot be read back ("),
        ("sizes", "transformers reads intermediate_size 33 where the model has 32. Converter or"),
        ("wrong", "answers otherwise than the model it was made of ("),
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_no_file(refused, fault, words):
    assert words in refused(fault)


def test_four_bits_too_few_are_refused(refused):
    """Random weights as large as these bear no four bits; a trained model's do."""
    assert "Four bits are too few for it" in refused(gguf="q4_0")


def test_four_bits_have_their_own_agreement_and_keep_the_metadata(convert, tmp_path, monkeypatch):
    monkeypatch.setitem(LIMITS, "q4_0", 2.0)
    from gguf import GGUFReader

    whole = convert(out=tmp_path / "whole.gguf", report=tmp_path / "whole.json")
    report = convert(gguf="q4_0", out=tmp_path / "four.gguf", report=tmp_path / "four.json")
    found = report["agreement"]
    assert (
        whole["agreement"]["divergence"] < found["divergence"] < LIMITS["q4_0"] == report["limit"]
    )
    one, two = (GGUFReader(tmp_path / f"{name}.gguf") for name in ("whole", "four"))
    skipped = ("GGUF.", "general.file_type")
    facts = [
        {k: f.contents() for k, f in file.fields.items() if not k.startswith(skipped)}
        for file in (one, two)
    ]
    assert facts[0] == facts[1]
    kinds = {tensor.name: tensor.tensor_type.name for tensor in two.tensors}
    assert kinds["blk.0.attn_q.weight"] == "Q4_0" and kinds["output_norm.weight"] in ("F32", "F16")
    assert kinds["token_embd.weight"] == "Q8_0"
    assert report["size"] < whole["size"]
    assert report["quantiser"] == {"name": "gguf", "version": version("gguf")}
    assert "quantiser" not in whole
    assert report["tokenizer"] == whole["tokenizer"]


def test_a_tokenizer_of_words_is_refused_before_the_converter_runs(refused, model, tmp_path):
    words = shutil.copytree(model, tmp_path / "words")
    (words / "vocabulary.model").write_bytes(b"")
    assert "takes words by jieba, which llama.cpp does not know" in refused(model=words)


def test_what_is_not_there_is_one_line(refused, tmp_path):
    nowhere = tmp_path / "convert_hf_to_gguf.py"
    assert f"{nowhere}: no converter there. Run envs/converter" in refused(gguf_converter=nowhere)
    assert "--gguf: name the copy's type, one of f16, bf16, q8_0, q4_0." in refused(gguf=None)
    (tmp_path / "adapter").mkdir()
    assert "no weights in safetensors" in refused(model=tmp_path / "adapter")


def test_what_transformers_cannot_read_is_said_to_be_unverified(convert, monkeypatch):
    """Its reader knows fewer architectures than the converter (OLMo is one)."""
    monkeypatch.setenv("FAULT", "unread")
    report = convert()
    assert report["agreement"] is None
    assert report["note"].startswith("not verified: transformers does not read it back (GGUF model")
    assert "olmo" in report["note"]


def test_rows_that_no_token_has_may_be_cut_off(model, monkeypatch, tmp_path):
    """As the converter does with Gemma's; the rest is compared."""
    read = gguf_agreement._read

    def cut(copy, original):
        network, note = read(copy, original)
        network.resize_token_embeddings(network.config.vocab_size - 1)
        return network, note

    monkeypatch.setattr(gguf_agreement, "_read", cut)
    report = tmp_path / "report.json"
    found = make(model, CONVERTER, "f16", "Tiny", tmp_path / "x.gguf", report)["agreement"]
    assert found["divergence"] < LIMITS["f16"]


@pytest.fixture(scope="session")
def real_converter(tmp_path_factory) -> Path:
    """llama.cpp's own, as `envs/converter` gets it."""
    folder = tmp_path_factory.mktemp("tools") / "llama.cpp"
    command = [ROOT / "envs/converter", folder]
    env = os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no package index here: {done.stderr.strip().splitlines()[-1][:120]}")
    return folder / "convert_hf_to_gguf.py"


def write_sentencepiece_model(folder: Path) -> Path:
    """A random Llama in the form of the paper's model: a plain tokenizer, its origin beside it."""
    import sentencepiece
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from collectivesft.models.chat import plain_template
    from collectivesft.models.convert.sentencepiece_tokenizer import convert_tokenizer

    folder.mkdir()
    texts = ["头痛三天，伴有发热，应该怎么办？多休息。", "The drug of choice is penicillin."]
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts * 9), model_writer=buffer, model_type="bpe", vocab_size=330,
        byte_fallback=True, add_dummy_prefix=False, remove_extra_whitespaces=False,
        normalization_rule_name="identity", hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    (folder / "tokenizer.model").write_bytes(buffer.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=buffer.getvalue())
    size = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.3}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    size |= {"vocab_size": len(pieces), "max_position_embeddings": 512}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(LlamaConfig(**size, **heads, **ends)).save_pretrained(folder)
    settings = {"chat_template": plain_template("chatml")}
    convert_tokenizer(folder / "tokenizer.model", settings, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(LIMITS))
def test_llama_cpps_own_converter_there_and_back(real_converter, tmp_path, kind, monkeypatch):
    monkeypatch.setitem(LIMITS, "q4_0", 2.0)  # random weights lose more than a trained model's
    model = write_sentencepiece_model(tmp_path / "model")
    found = [
        make(folder, real_converter, kind, "Tiny", tmp_path / f"{n}.gguf", tmp_path / f"{n}.json")
        for n, folder in enumerate((model, shutil.copytree(model, tmp_path / "elsewhere-7B-v2")))
    ]
    first, second = ({k: v for k, v in one.items() if k != "file"} for one in found)
    assert first == second
    assert first["note"] == ""
    assert first["agreement"]["divergence"] < LIMITS[kind]
    assert first["size"] > 10_000
    cache = list(real_converter.parent.rglob("__pycache__"))
    assert cache == [], "the converter's folder stays as it was"


def random_model(kind: str, model: Path, folder: Path, left_out: Sequence[str], **sizes) -> Path:
    """A random model of a kind (Gemma3Text, Qwen3) with the tokenizer of a folder."""
    import torch
    import transformers

    from collectivesft.models.convert.older_formats import add_tokenizer_keys

    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("*.safetensors", *left_out))
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=read_json(model / "config.json")["vocab_size"],
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.3,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        **sizes,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    add_tokenizer_keys(folder)
    return folder


def as_gemma(model: Path, folder: Path) -> Path:
    """A random Gemma 3 with the tokenizer of a folder, in its plain form only, as from a GGUF."""
    return random_model(
        "Gemma3Text",
        model,
        folder,
        ["*.model"],
        head_dim=16,
        query_pre_attn_scalar=16,
        layer_types=["sliding_attention", "full_attention"],
        sliding_window=64,
    )


@pytest.mark.slow
def test_gemma_without_its_sentencepiece_file_keeps_its_tokenizer(real_converter, tmp_path):
    """llama.cpp's converter takes it for a byte-level tokenizer, which nobody reads back."""
    model = as_gemma(write_sentencepiece_model(tmp_path / "llama"), tmp_path / "model")
    paths = {"out": tmp_path / "tiny.gguf", "report": tmp_path / "tiny.json"}
    report = make(model, real_converter, "f16", "Tiny", **paths)
    found = report["tokenizer"]
    assert (found["model"], found["pre"], found["prompt"]) == ("llama", "default", True)
    assert report["agreement"]["divergence"] < LIMITS["f16"]
    assert not (model / "tokenizer.model").exists(), "the model's folder stays as it was"


def as_qwen3(model: Path, folder: Path, width: int) -> Path:
    """A random Qwen3 with the tokenizer of a folder and heads of this width."""
    return random_model("Qwen3", model, folder, [], head_dim=width)


@pytest.mark.slow
def test_qwen3_with_heads_of_its_own_width_is_compared(real_converter, tmp_path):
    """transformers 5.23 does not read the width from such a file and takes 128."""
    model = as_qwen3(write_sentencepiece_model(tmp_path / "llama"), tmp_path / "model", 32)
    paths = {"out": tmp_path / "tiny.gguf", "report": tmp_path / "tiny.json"}
    report = make(model, real_converter, "f16", "Tiny", **paths)
    assert report["note"] == ""
    assert report["agreement"]["divergence"] < LIMITS["f16"]


@pytest.mark.slow
def test_llama_cpps_own_converter_says_what_it_does_not_know(real_converter, refused, tmp_path):
    said = refused(gguf_converter=real_converter, name="Tiny")
    assert "the converter does not know its tokenizer: BPE pre-tokenizer was not recognized" in said
    model = write_sentencepiece_model(tmp_path / "model")
    config = read_json(model / "config.json") | {"architectures": ["FooForCausalLM"]}
    write_json(model / "config.json", config)
    said = refused(model=model, gguf_converter=real_converter)
    assert "the converter does not know the architecture FooForCausalLM. Set hub.gguf" in said
