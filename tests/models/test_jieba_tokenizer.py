"""PanGu-alpha's and CPM-1's tokenizer: the ids of the authors' steps, one by one and in parts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import InputError
from collectivesft.config.experiment import WordTokenizer
from collectivesft.models import chat
from collectivesft.models.registry import register
from collectivesft.sft.base import write_word_tokenizer
from tests.helpers.internlm2_upstream import CORPUS
from tests.helpers.jieba_vocabulary import spaced, train_vocabulary

SETTINGS = WordTokenizer(vocabulary="vocab.model", eos_token="<eot>")
TEXTS = st.lists(
    st.sampled_from(["头痛", "血压高", "，", "：", "\n", " ", "\r\n", "\t", "　", "A", "3.5mg"])
    | st.text(max_size=3).filter(lambda text: "<" not in text),
    max_size=12,
).map("".join)


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def both(request, tmp_path_factory):
    """SentencePiece's own processor, and the tokenizer as transformers loads it from a folder."""
    import sentencepiece
    from transformers import AutoTokenizer, GPT2Config

    folder = tmp_path_factory.mktemp(request.param)
    model = folder / "vocab.model"
    model.write_bytes(train_vocabulary(request.param))
    GPT2Config().save_pretrained(folder / "base")
    write_word_tokenizer(model, SETTINGS, folder / "base")
    register()
    reference = sentencepiece.SentencePieceProcessor(model_file=str(model))
    return reference, AutoTokenizer.from_pretrained(folder / "base", trust_remote_code=False)


@settings(max_examples=150)
@given(text=TEXTS)
def test_same_ids_and_same_text_as_the_published_steps(both, text):
    reference, tokenizer = both
    wanted = reference.encode(spaced(text))
    assert tokenizer(text)["input_ids"] == wanted
    shown = reference.decode(wanted).replace(" ", "").replace("▂", " ").replace("▃", "\n")
    assert tokenizer.decode(wanted) == shown


@settings(max_examples=100)
@given(question=TEXTS, answer=TEXTS, follow=TEXTS)
def test_parts_of_a_conversation_have_the_ids_of_the_whole(both, question, answer, follow):
    """Training encodes answers apart; a prompt is encoded whole."""
    _, tokenizer = both
    turns = [("user", question), ("assistant", answer), ("user", follow), ("assistant", answer)]
    ids, mask = chat.encode(tokenizer, turns, chat.training_template("words"))
    plain = chat.plain_template("words")
    messages = [{"role": role, "content": content} for role, content in turns]
    text = tokenizer.apply_chat_template(messages, chat_template=plain, tokenize=False)
    assert text == f"问：{question}\n答：{answer}<eot>问：{follow}\n答：{answer}<eot>"
    assert ids == tokenizer(text)["input_ids"]
    prompt = tokenizer.apply_chat_template(
        messages[:-1], chat_template=plain, add_generation_prompt=True, tokenize=False
    )
    begin = tokenizer(prompt)["input_ids"]
    assert ids[: len(begin)] == begin and not mask[len(begin) - 1]
    assert mask[len(begin) :] == [1] * (len(ids) - len(begin))
    assert ids[-1] == tokenizer.eos_token_id


def test_special_tokens_are_pieces_and_nothing_is_added(both):
    reference, tokenizer = both
    assert len(tokenizer) == tokenizer.vocab_size == reference.get_piece_size()
    names = (tokenizer.eos_token, tokenizer.pad_token, tokenizer.unk_token)
    assert names == ("<eot>", "<pad>", "<unk>")
    ids = tokenizer("头痛<eot>")["input_ids"]
    assert ids == [*reference.encode("头痛"), reference.piece_to_id("<eot>")]
    assert tokenizer.decode(ids) == "头痛<eot>"
    assert tokenizer.decode(ids, skip_special_tokens=True) == "头痛"


def test_blanks_and_line_ends_come_back(both):
    _, tokenizer = both
    for text in (" 头痛", "头痛\n\n血压 高", "头痛 "):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_saved_again_it_is_the_same(both, tmp_path):
    from transformers import AutoTokenizer, GPT2Config

    _, tokenizer = both
    tokenizer.save_pretrained(tmp_path)
    GPT2Config().save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=False)
    assert again(CORPUS[0])["input_ids"] == tokenizer(CORPUS[0])["input_ids"]
    again.save_pretrained(tmp_path)  # onto its own files


def test_a_dictionary_in_the_folder_of_temporary_files_is_not_read(tmp_path, monkeypatch):
    """jieba would read ``jieba.cache`` from there, whoever wrote it."""
    import marshal
    import tempfile

    from collectivesft.models import jieba_tokenizer

    (tmp_path / "jieba.cache").write_bytes(marshal.dumps(({"痛三": 10**9}, 10**9)))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    jieba_tokenizer._cutter.cache_clear()
    assert list(jieba_tokenizer._cutter().cut("头痛三天")) == ["头痛", "三天"]
    assert [path.name for path in tmp_path.iterdir()] == ["jieba.cache"]


@pytest.mark.parametrize("key", ["eos_token", "pad_token"])
def test_a_special_token_that_is_no_piece_is_refused(key, tmp_path):
    (tmp_path / "vocab.model").write_bytes(train_vocabulary("unigram"))
    wrong = SETTINGS.model_copy(update={key: "<end>"})
    with pytest.raises(InputError, match=r"vocab\.model: no piece <end>\. Correct word_tokenizer"):
        write_word_tokenizer(tmp_path / "vocab.model", wrong, tmp_path / "out")
    assert not (tmp_path / "out").exists()
