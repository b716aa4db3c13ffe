"""Share a tiny random model, items, and options that take no time."""

import json
from dataclasses import replace
from pathlib import Path

from collectivesft.schema.item import Item, dump_item
from collectivesft.scores.predict import Protocol

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|pad|>", "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>"]


def tiny_model(folder: Path, corpus: tuple[str, ...] = (), longest: int = 2048) -> Path:
    """Write a random Llama of two layers with a byte-level tokenizer and a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    size = len(alphabet) + len(SPECIAL) + 20 * bool(corpus)
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False
    )
    plain.train_from_iterator(corpus, trainer)
    plain.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", special_tokens=[("<|begin|>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<|begin|>", eos_token="<|end|>", pad_token="<|pad|>"
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=longest,
        initializer_range=0.5, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def question(number: int, split: str = "test", **changes) -> Item:
    """A question; two categories of two sub-categories each, every fifth with two answers."""
    group, multiple = number % 4, number % 5 == 0
    item = Item(
        id=f"{split}-{number}",
        benchmark="cmb",
        split=split,
        kind="choice",
        category=("医师考试", "护理考试")[group // 2],
        subcategory=f"科目{group}",
        question=f"问题{'长' * (number % 7)}{number}？",
        options={"A": "头痛", "B": "发热", "C": "咳", "D": "腹泻"},
        answer="AC" if multiple else "ABCD"[number % 4],
        multiple=multiple,
        explanation="因为如此。",
        meta={"question_type": "多项选择题" if multiple else "单项选择题"},
    )
    return replace(item, **changes)


def write_items(path: Path, items: list[Item]) -> Path:
    path.write_text("".join(dump_item(item) + "\n" for item in items), encoding="utf-8")
    return path


def case(number: int, turns: int = 2) -> Item:
    pairs = [{"question": f"问{n}？", "reference": f"答{n}。"} for n in range(1, turns + 1)]
    return Item(
        str(number),
        "cmb_clin",
        "test",
        "clinical",
        "clinical",
        "clinical",
        f"病例{number}",
        turns=pairs,
    )


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


QUICK = Protocol(max_new_tokens=6, batch_size=4)
