"""A SentencePiece tokenizer and its plain form give the same tokens and the same text."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import InputError
from collectivesft.models.convert import sentencepiece_tokenizer
from collectivesft.models.convert.sentencepiece_proto import (
    BYTE,
    CONTROL,
    NORMAL,
    read_sentencepiece,
)
from collectivesft.models.convert.sentencepiece_tokenizer import convert_tokenizer
from tests.helpers.internlm2_upstream import (
    CORPUS,
    SETTINGS,
    SPECIAL,
    UNUSED,
    added_tokens,
    write_model,
)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The library's tokenizer, and ours as transformers loads it beside a Llama model."""
    from transformers import AutoTokenizer, LlamaConfig

    folder = tmp_path_factory.mktemp("tokenizer")
    reference = write_model(folder / "tokenizer.model")
    out = folder / "out"
    LlamaConfig(vocab_size=len(reference)).save_pretrained(out)
    convert_tokenizer(folder / "tokenizer.model", SETTINGS | added_tokens(reference), out)
    return reference, AutoTokenizer.from_pretrained(out)


TEXTS = st.lists(
    st.sampled_from([*"头痛血压 \n\tabthe 9.，？🩺𠮷é", "  ", "the", UNUSED[0], "▁"])
    | st.text(max_size=3),
    max_size=25,
).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS)
def test_same_tokens_and_same_text(both, text):
    reference, tokenizer = both
    wanted = reference.encode(text)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids == wanted
    assert tokenizer.decode(ids) == reference.decode(wanted)


def test_leading_spaces_come_back(both):
    _, tokenizer = both
    for text in (" the", "  the", "the ", "\n the"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_begins_with_bos(both):
    reference, tokenizer = both
    assert tokenizer("头痛")["input_ids"] == [reference.bos_id(), *reference.encode("头痛")]
    assert tokenizer.bos_token_id == 1 and tokenizer.eos_token_id == 2
    assert tokenizer.pad_token_id == 2 and tokenizer.unk_token_id == 0


def test_special_tokens_are_the_renamed_pieces(both):
    reference, tokenizer = both
    start, end = (tokenizer.convert_tokens_to_ids(text) for text in SPECIAL[::-1])
    assert [reference.id_to_piece(i) for i in (end, start)] == UNUSED[2:]
    text = "<|im_start|>user\n头痛 <|im_end|>\n<|im_start|>"
    parts = ["user\n头痛 ", "\n"]
    wanted = [start, *reference.encode(parts[0]), end, *reference.encode(parts[1]), start]
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids == wanted
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids, skip_special_tokens=True) == "".join(parts)


def test_every_id_has_its_piece(both):
    reference, tokenizer = both
    assert len(tokenizer) == len(reference)
    names = tokenizer.convert_ids_to_tokens(range(len(reference)))
    pieces = [reference.id_to_piece(i) for i in range(len(reference))]
    assert [b for a, b in zip(pieces, names, strict=True) if a != b] == list(SPECIAL)


def test_tokens_of_the_recipe_take_the_place_of_unused_pieces(tmp_path):
    """The base models' tokenizers name no marks of turns; those of the chat models do."""
    from transformers import AutoTokenizer

    reference = write_model(tmp_path / "tokenizer.model")
    special = {
        text: reference.piece_to_id(piece) for text, piece in zip(SPECIAL, UNUSED[2:], strict=True)
    }
    for number, config in enumerate((SETTINGS, SETTINGS | added_tokens(reference))):
        out = tmp_path / str(number)
        convert_tokenizer(tmp_path / "tokenizer.model", config, out, special)
        tokenizer = AutoTokenizer.from_pretrained(out)
        ids = tokenizer("<|im_start|>the<|im_end|>", add_special_tokens=False)["input_ids"]
        assert ids == [special[SPECIAL[1]], *reference.encode("the"), special[SPECIAL[0]]]


@pytest.mark.parametrize("place", [1, 300, 100_000])
def test_a_piece_in_use_is_not_replaced(tmp_path, place):
    write_model(tmp_path / "tokenizer.model")
    with pytest.raises(InputError, match="no unused piece"):
        convert_tokenizer(tmp_path / "tokenizer.model", {}, tmp_path, {"<|im_end|>": place})


def test_chat_template_is_kept_as_text(both):
    assert both[1].chat_template == SETTINGS["chat_template"]


@pytest.mark.parametrize(
    "changes",
    [
        {"add_dummy_prefix": True, "user_defined_symbols": []},
        {"remove_extra_whitespaces": True},
        {"normalization_rule_name": "nfkc"},
    ],
    ids=str,
)
def test_other_settings_of_the_trainer(tmp_path, changes):
    from transformers import AutoTokenizer

    reference = write_model(tmp_path / "tokenizer.model", **changes)
    convert_tokenizer(tmp_path / "tokenizer.model", {"add_bos_token": False}, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    for text in (*sentencepiece_tokenizer.PROBES, *CORPUS):
        assert tokenizer(text)["input_ids"] == reference.encode(text)


def test_reads_what_the_library_reads(tmp_path):
    path = tmp_path / "tokenizer.model"
    reference = write_model(path)
    content = read_sentencepiece(path)
    assert len(content.pieces) == len(reference)
    for place, (text, score, kind) in enumerate(content.pieces):
        assert text == reference.id_to_piece(place)
        assert score == reference.get_score(place)
        assert (kind == BYTE) == reference.is_byte(place)
        assert (kind == CONTROL) == reference.is_control(place)
    assert sum(kind == NORMAL for _, _, kind in content.pieces) > 150
    assert not content.dummy_prefix and not content.squeeze and not content.charsmap


def test_settings_that_cannot_be_converted_are_refused(tmp_path):
    """Every conversion is held against the library: here a line's end of two characters."""
    write_model(tmp_path / "tokenizer.model", normalization_rule_name="nmt_nfkc")
    with pytest.raises(InputError, match="otherwise than sentencepiece"):
        convert_tokenizer(tmp_path / "tokenizer.model", {}, tmp_path)


def test_a_wrong_conversion_is_refused(tmp_path, monkeypatch):
    write_model(tmp_path / "tokenizer.model")
    monkeypatch.setattr(sentencepiece_tokenizer, "merges", lambda *_: [])
    with pytest.raises(InputError, match="otherwise than sentencepiece"):
        convert_tokenizer(tmp_path / "tokenizer.model", {}, tmp_path)


def test_a_unigram_tokenizer_is_refused(tmp_path):
    write_model(tmp_path / "tokenizer.model", model_type="unigram")
    with pytest.raises(InputError, match="not of the BPE kind"):
        convert_tokenizer(tmp_path / "tokenizer.model", {}, tmp_path)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x0a\xff\xff\xff\xff\x0fab", b"\x08\x01"])
def test_what_is_no_tokenizer_is_refused(tmp_path, content):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    with pytest.raises(InputError, match="SentencePiece model"):
        read_sentencepiece(path)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.model"
    path.write_bytes(content)
    try:
        assert read_sentencepiece(path).pieces
    except InputError as error:
        assert str(path) in str(error)
