"""Loss is on what the assistant wrote and on its end of turn, and nowhere else."""

import re
from importlib import resources
from typing import get_args

import pytest

from collectivesft.config.experiment import ModelRecipe
from collectivesft.models import chat
from collectivesft.models.convert.random_model import SPECIAL, byte_tokenizer

TEMPLATES = sorted(
    path.name.removesuffix(".jinja")
    for path in resources.files("collectivesft.models").joinpath("templates").iterdir()
)


@pytest.fixture(scope="module")
def tokenizer():
    return byte_tokenizer()


@pytest.fixture(scope="module")
def merging_tokenizer(conversations):
    """A tokenizer that joins bytes, also across the borders of words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [f"{role}\n{content}" for turns in conversations for role, content in turns]
    backend.train_from_iterator(texts * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        additional_special_tokens=list(SPECIAL[3:]),
    )


def test_every_template_has_an_end_of_turn_and_a_place_in_the_schema():
    known = get_args(get_args(ModelRecipe.model_fields["chat_template"].annotation)[0])
    assert set(TEMPLATES) == set(chat.END_OF_TURN)
    assert set(TEMPLATES) == set(known)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("kind", ["tokenizer", "merging_tokenizer"])
def test_loss_is_on_the_assistants_words_and_end_of_turn_only(
    kind, template, conversations, request
):
    tokenizer = request.getfixturevalue(kind)
    for turns in conversations:
        ids, mask = chat.encode(tokenizer, turns, chat.training_template(template))
        assert len(ids) == len(mask)
        assert set(mask) <= {0, 1}
        learned = tokenizer.decode([i for i, on in zip(ids, mask, strict=True) if on])
        end = chat.END_OF_TURN[template] or tokenizer.eos_token
        assert learned == "".join(text + end for role, text in turns if role == "assistant")


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_turn_is_shown_once_and_in_order(tokenizer, template, conversations):
    for turns in conversations:
        ids, _ = chat.encode(tokenizer, turns, chat.training_template(template))
        text = tokenizer.decode(ids)
        if template in ("words", "qwen3"):  # their models begin a text with no token
            assert tokenizer.bos_token_id not in ids
        else:
            assert ids.count(tokenizer.bos_token_id) == 1 and ids[0] == tokenizer.bos_token_id
        answers = sum(role == "assistant" for role, _ in turns)
        end = chat.END_OF_TURN[template] or tokenizer.eos_token
        system = sum(role == "system" for role, _ in turns)  # gemma: part of the user's turn
        assert text.count(end) in (answers, len(turns), len(turns) - system)
        before = "：" if template == "words" else "\n"
        place = 0
        for _, content in turns:
            place = text.index(before + content, place) + len(content)


@pytest.mark.parametrize("template", TEMPLATES)
def test_plain_template_writes_the_same_text_without_generation_marks(
    tokenizer, template, conversations
):
    plain = chat.plain_template(template)
    assert not re.search(r"\bgeneration\b|endgeneration", plain.replace("add_generation_", ""))
    for turns in conversations:
        messages = [{"role": role, "content": content} for role, content in turns]
        for more in ({}, {"add_generation_prompt": True}):
            texts = [
                tokenizer.apply_chat_template(messages, chat_template=text, tokenize=False, **more)
                for text in (chat.training_template(template), plain)
            ]
            assert texts[0] == texts[1]


@pytest.mark.parametrize("template", TEMPLATES)
def test_prompt_ends_where_the_learned_answer_begins(tokenizer, template, conversations):
    """A model that is asked sees the text that it saw before each learned token."""
    for turns in conversations:
        asked = [{"role": role, "content": content} for role, content in turns[:-1]]
        prompt = tokenizer.apply_chat_template(
            asked,
            chat_template=chat.plain_template(template),
            add_generation_prompt=True,
            return_dict=True,
        )["input_ids"]
        ids, mask = chat.encode(tokenizer, turns, chat.training_template(template))
        assert ids[: len(prompt)] == prompt
        assert mask[len(prompt)] == 1 and mask[len(prompt) - 1] == 0
