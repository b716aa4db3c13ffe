"""Make a base model one plain folder: safetensors, tokenizer with chat template, facts."""

import math
import shutil
from pathlib import Path
from typing import Any

from collectivesft.common.errors import InputError
from collectivesft.common.files import atomic_path, place, read_json, sha256, share, write_json
from collectivesft.common.temporary import locked
from collectivesft.config.experiment import FACTS, ModelRecipe, WordTokenizer, read_model
from collectivesft.models import chat
from collectivesft.models.convert import internlm2, pangu
from collectivesft.models.convert.base_check import check_model, check_tokenizer, remove_code
from collectivesft.models.convert.gguf_reader import parsed_once
from collectivesft.models.convert.older_formats import add_model_keys, add_tokenizer_keys
from collectivesft.models.convert.safetensors_shards import Weights, copies, rewrite, shapes
from collectivesft.models.convert.sentencepiece_proto import read_sentencepiece
from collectivesft.models.convert.sentencepiece_tokenizer import convert_tokenizer
from collectivesft.models.quiet_transformers import quiet
from collectivesft.models.registry import register
from collectivesft.sources.folder import RawFolder


def make_base(recipe: Path, manifest: Path, out: Path, template: Path | None = None) -> None:
    """Turn a base model's raw files into a folder that transformers loads without remote code.

    Args:
        recipe: the model's YAML file.
        manifest: of its raw files.
        out: folder to write, with weights, tokenizer and ``base.json``.
        template: file of the model's own chat template; None: as the recipe says, expanded here.

    Raises:
        InputError: the files are no model that can be used.
    """
    model, raw = read_model(recipe), RawFolder.load(manifest)
    quiet()
    register()
    with locked(out), atomic_path(out) as partial:
        partial.mkdir()
        _weights(recipe, model, raw, partial)
        remove_code(partial)
        add_model_keys(partial)
        _keep_template(template or model.own_template(recipe), model, partial)
        tokenizer = _tokenizer(model, raw, partial)
        sizes = check_model(raw.manifest, partial)
        check_tokenizer(raw.manifest, tokenizer, _end_of_turn(model), sizes["embeddings"])
        if sizes["tied"] and any("lm_head" in name for name in model.lora_targets or ()):
            problem = "lm_head is the embedding of this model: an adapter on it cannot be merged"
            raise InputError(recipe, problem, "Remove lm_head from lora_targets")
        add_tokenizer_keys(partial)
        share(partial)
        facts = _facts(recipe, model, partial) | {"positions": sizes["positions"]}
        write_json(partial / FACTS, facts)


def _facts(recipe: Path, model: ModelRecipe, folder: Path) -> dict[str, Any]:
    shown = ("title", "licence", "licence_url", "homepage", "chat_template", "notes")
    shown += ("lora_targets",)
    weights = {path.name: sha256(path) for path in sorted(folder.glob("*.safetensors"))}
    return {key: getattr(model, key) for key in shown} | {
        "chat_template": Path(model.chat_template).name,
        "name": recipe.stem,
        "parameters": count_parameters(folder),
        "weights": weights,
    }


def _weights(recipe: Path, model: ModelRecipe, raw: RawFolder, folder: Path) -> None:
    if model.source.get("kind") == "random":
        from collectivesft.models.convert.random_model import write_random_model

        write_random_model(model.architecture, folder)
    elif gguf := raw.paths(".gguf"):
        with parsed_once():
            convert_gguf(gguf[0], folder)
    elif shards := raw.paths(".safetensors") or _pickled(raw):
        convert_shards(model, raw, shards, folder)
    else:
        problem = f"no weights among {', '.join(raw.names) or 'no files'}"
        remedy = "Use a source with .safetensors, pytorch_model*.bin or .gguf files"
        raise InputError(raw.manifest, problem, remedy)


def _pickled(raw: RawFolder) -> list[Path]:
    """Weights in torch's own format; ``training_args.bin`` and the like are none."""
    return [path for path in raw.paths(".bin") if path.name.startswith("pytorch_model")]


def convert_shards(model: ModelRecipe, raw: RawFolder, shards: list[Path], folder: Path) -> None:
    """Make a checkpoint of one or more weight files a folder of safetensors.

    Only what transformers itself can build comes out: no code from a repository is run.

    Raises:
        InputError: an architecture without a plain form, or damaged weights.
    """
    from transformers import CONFIG_MAPPING

    config = raw.path("config.json")
    content = read_json(config)
    if not isinstance(content, dict):
        raise InputError(config, "holds no object", "Fetch config.json again")
    name = content.get("model_type")
    if name == "internlm2":
        internlm2.to_llama(config, shards, folder)
        _sentencepiece(model, raw, folder)
    elif name == "gpt_pangu":
        if model.word_tokenizer is None:
            _own_tokenizer(raw, folder)
        pangu.convert(config, shards, folder)
    elif name in CONFIG_MAPPING:
        _take_over(model, raw, shards, folder)
    else:
        remedy = "Choose a base model of a plain architecture, or convert its weights to one first"
        raise InputError(config, f"transformers has no architecture {name!r}", remedy)
    if words := model.word_tokenizer:
        write_word_tokenizer(raw.path(words.vocabulary), words, folder)


def _sentencepiece(recipe: ModelRecipe, raw: RawFolder, folder: Path) -> None:
    """A plain tokenizer from a repository whose own needs its code.

    Its source file is copied too: converters for other engines ask for it.
    """
    model, name = raw.path("tokenizer.model"), "tokenizer_config.json"
    settings = read_json(raw.path(name)) if name in raw.names else {}
    convert_tokenizer(model, settings, folder, recipe.special_tokens)
    shutil.copy(model, folder / model.name)


def write_word_tokenizer(vocabulary: Path, settings: WordTokenizer, folder: Path) -> None:
    """Write the tokenizer of a vocabulary over jieba's words.

    Raises:
        InputError: the file is no SentencePiece model, or has no piece of a special token's name.
    """
    from collectivesft.models.jieba_tokenizer import JiebaTokenizer

    known = {piece for piece, _, _ in read_sentencepiece(vocabulary).pieces}
    for token in (settings.eos_token, settings.pad_token):
        if token not in known:
            problem = f"no piece {token}"
            raise InputError(vocabulary, problem, "Correct word_tokenizer in the model's file")
    special = {"eos_token": settings.eos_token, "pad_token": settings.pad_token}
    JiebaTokenizer(str(vocabulary), padding_side="left", **special).save_pretrained(folder)


def _own_tokenizer(raw: RawFolder, folder: Path) -> None:
    """Take a plain tokenizer over: the repository's own is code, which is not run."""
    if "tokenizer.json" not in raw.names:
        problem = "no tokenizer.json, and the repository's own tokenizer is code"
        remedy = "Set word_tokenizer in the model's file, or add a tokenizer.json to the source"
        raise InputError(raw.manifest, problem, remedy)
    for name in raw.names:
        if name.startswith(("tokenizer", "special_tokens")):
            _place(raw.path(name), folder / name)


def _take_over(model: ModelRecipe, raw: RawFolder, shards: list[Path], folder: Path) -> None:
    """Copy files as they are, but for weights in torch's own format, which become safetensors.

    A tokenizer that ``word_tokenizer`` replaces is left out.
    """
    words = model.word_tokenizer
    for name in raw.names:
        path = raw.path(name)
        if words and name.startswith(("tokenizer", "special_tokens", words.vocabulary)):
            continue
        if path.suffix == ".safetensors":
            shapes(path)  # is it whole?
        if not name.endswith((".bin", ".bin.index.json")):
            _place(path, folder / name)
    if shards[0].suffix == ".bin":
        weights = Weights(shards)
        rewrite(weights, copies(weights), folder)


def _place(source: Path, target: Path) -> None:
    """A copy of a file; weights, which are never written to, get a second name where possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".safetensors":
        place(source, target)
    else:
        shutil.copy(source, target)


def convert_gguf(path: Path, folder: Path) -> None:
    """Dequantise a GGUF file and save the model as safetensors in bfloat16."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place: dict[str, Any] = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    place["trust_remote_code"] = False
    try:
        model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    except Exception as error:  # a damaged file makes the reader fail in many ways
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            path, f"transformers cannot read it ({reason})", "Fetch it again"
        ) from error
    # The weights are plain numbers from here on.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    for attribute in ("hf_quantizer", "quantization_method"):
        if hasattr(model, attribute):
            setattr(model, attribute, None)
    model.is_quantized = False
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(**place).save_pretrained(folder)


def _end_of_turn(model: ModelRecipe) -> str:
    words = model.word_tokenizer
    return model.end_of_turn or chat.END_OF_TURN[model.chat_template] or words.eos_token


def _keep_template(own: Path | None, model: ModelRecipe, folder: Path) -> None:
    """Keep the chat template with its generation marks, for step tokenize and later trainings."""
    if own:
        text = chat.read_own_template(own, _end_of_turn(model))
    else:
        text = chat.training_template(model.chat_template)
    (folder / chat.OWN).write_text(text, encoding="utf-8")


def _tokenizer(model: ModelRecipe, raw: RawFolder, folder: Path) -> Any:
    """Give the tokenizer the chat template, and the model its end of turn; return the tokenizer."""
    from transformers import AutoTokenizer, GenerationConfig

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        problem = f"transformers cannot load the tokenizer ({str(error).strip().splitlines()[0]})"
        raise InputError(
            raw.manifest, problem, "Add the tokenizer's files to the source"
        ) from error
    end = _end_of_turn(model)
    if tokenizer.convert_tokens_to_ids(end) in (None, tokenizer.unk_token_id):
        problem = f"the tokenizer has no token {end} of the chat template {model.chat_template}"
        raise InputError(raw.manifest, problem, "Choose another chat_template in the model's file")
    tokenizer.chat_template = chat.plain_template(model.chat_template, folder)
    tokenizer.save_pretrained(folder)
    ends = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(end)]
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=sorted({token for token in ends if token is not None}),
        pad_token_id=pad,
        do_sample=False,
    ).save_pretrained(folder)
    return tokenizer


def count_parameters(folder: Path) -> int:
    """Number of weights in a folder's safetensors files, read from their headers."""
    return sum(math.prod(s) for path in sorted(folder.glob("*.safetensors")) for s in shapes(path))
