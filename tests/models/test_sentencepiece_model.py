"""A plain tokenizer gets back the SentencePiece model that it was made from."""

import json
import shutil
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from collectivesft.common.files import read_json, write_json
from collectivesft.models.convert.random_model import byte_tokenizer
from collectivesft.models.convert.sentencepiece_model import write_sentencepiece_model
from collectivesft.models.convert.sentencepiece_proto import CONTROL, USER_DEFINED
from collectivesft.models.convert.sentencepiece_tokenizer import convert_tokenizer
from tests.helpers.internlm2_upstream import SETTINGS, UNUSED, added_tokens, write_model


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The first SentencePiece model, and the one written for the plain tokenizer made of it."""
    folder = tmp_path_factory.mktemp("plain")
    first = write_model(folder / "tokenizer.model")
    convert_tokenizer(folder / "tokenizer.model", SETTINGS | added_tokens(first), folder)
    assert write_sentencepiece_model(folder / "tokenizer.json", folder / "again.model")
    again = sentencepiece.SentencePieceProcessor(model_file=str(folder / "again.model"))
    return first, again, folder


TEXTS = st.lists(
    st.sampled_from([*"头痛血压 \n\tabthe 9.，？🩺𠮷é", "  ", "the", "▁"]) | st.text(max_size=3),
    max_size=25,
).map("".join)


@given(text=TEXTS)
def test_the_library_reads_both_files_alike(pair, text):
    first, again, _ = pair
    assert again.encode(text) == first.encode(text)


def test_special_tokens_have_the_kind_that_the_plain_form_says(pair):
    first, again, folder = pair
    config = read_json(folder / "tokenizer.json")
    for token in config["added_tokens"]:
        number, text = token["id"], token["content"]
        assert again.id_to_piece(number) == text
        wanted = CONTROL if token["special"] else USER_DEFINED
        assert again.is_unknown(number) or again.is_control(number) == (wanted == CONTROL)
    assert again.encode(UNUSED[0]) == first.encode(UNUSED[0])


def change(folder: Path, edit) -> Path:
    content = read_json(folder / "tokenizer.json")
    edit(content)
    path = folder / "changed.json"
    write_json(path, content)
    return path


def gap(content: dict) -> None:
    content["model"]["vocab"]["far"] = 9999


def no_merges(content: dict) -> None:
    content["model"]["merges"] = []


@pytest.mark.parametrize("edit", [gap, no_merges], ids=["gap", "no merges"])
def test_a_tokenizer_that_no_such_file_gives_gets_none(pair, tmp_path, edit):
    """Without merges the plain form keeps characters, the library would join them."""
    *_, folder = pair
    path = change(Path(shutil.copytree(folder, tmp_path / "copy")), edit)
    assert not write_sentencepiece_model(path, tmp_path / "tokenizer.model")
    assert not (tmp_path / "tokenizer.model").exists()


def test_other_kinds_of_tokenizers_get_none(tmp_path):
    byte_tokenizer().save_pretrained(tmp_path)
    out = tmp_path / "tokenizer.model"
    assert json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))["model"]["type"] == "BPE"
    assert not write_sentencepiece_model(tmp_path / "tokenizer.json", out)
    assert not write_sentencepiece_model(tmp_path / "none.json", out)
    assert not out.exists()
