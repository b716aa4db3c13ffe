"""Examples become tokens once; what is cut or left out is counted."""

import logging
import shutil

import numpy as np
import pytest

from collectivesft.common import process_pool
from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json, sha256, write_json
from collectivesft.models import chat
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.tokenize import tokenize


def digests(folder) -> dict[str, str]:
    return {path.name: sha256(path) for path in folder.iterdir()}


@pytest.fixture
def make(workshop, tmp_path):
    """Tokenize conversations; returns the folder and the counts."""

    def run(train, validation=(), max_length=256, name="tokens", truncation="end"):
        parts = (workshop.mixture(train), workshop.mixture(validation))
        recipe = workshop.recipe(max_length=max_length, truncation=truncation)
        counts = tokenize(*parts, workshop.base(), recipe, tmp_path / name)
        return tmp_path / name, counts

    return run


def test_tokens_are_those_of_the_chat_template(workshop, make, conversations):
    from transformers import AutoTokenizer

    folder, counts = make(conversations)
    tokens = Tokens.load(folder, "train")
    tokenizer = AutoTokenizer.from_pretrained(workshop.base())
    assert len(tokens) == counts["train"]["examples"] == len(conversations)
    for number, turns in enumerate(conversations):
        ids, mask = chat.encode(tokenizer, turns, chat.training_template("chatml"))
        span = slice(tokens.offsets[number], tokens.offsets[number + 1])
        assert tokens.ids[span].tolist() == ids
        assert tokens.mask[span].tolist() == mask


def test_counts_say_what_the_arrays_hold(make, conversations):
    folder, counts = make(conversations, conversations[:2])
    assert read_json(folder / "tokens.json") == counts
    for part, examples in (("train", 7), ("validation", 2)):
        tokens = Tokens.load(folder, part)
        assert counts[part] == {
            "examples": examples,
            "tokens": len(tokens.ids),
            "loss_tokens": int(tokens.mask.sum()),
            "longest": int(tokens.lengths.max()),
            **dict.fromkeys(("truncated", "questions_cut", "answers_cut", "without_loss"), 0),
        }
    assert counts["sha256"] == {k: v for k, v in digests(folder).items() if k != "tokens.json"}


def test_long_examples_are_cut_at_their_end_and_those_without_an_answer_left_out(make):
    answer = [("user", "一"), ("assistant", "好" * 40)]
    question = [("user", "问" * 60), ("assistant", "答")]
    short = [("user", "a"), ("assistant", "b")]
    whole, _ = make([answer, question, short], max_length=512, name="whole")
    folder, counts = make([answer, question, short], max_length=64)
    assert counts["train"]["truncated"] == 1
    assert counts["train"]["without_loss"] == 1
    assert counts["train"]["questions_cut"] == 2  # of the answer's example, its last line end
    assert counts["train"]["answers_cut"] == 2
    assert counts["train"]["examples"] == 2
    tokens, full = Tokens.load(folder, "train"), Tokens.load(whole, "train")
    assert tokens.lengths.tolist() == [64, full.lengths[2]]
    assert tokens.ids[:64].tolist() == full.ids[:64].tolist()
    assert tokens.ids[64:].tolist() == full.ids[full.offsets[2] :].tolist()
    assert tokens.mask[63] == 1  # cut inside the answer


def test_questions_are_cut_before_answers(make):
    """The answer and its end mark stay; the question loses its last tokens and its end mark."""
    question = [("user", "问" * 60), ("assistant", "答")]
    whole, _ = make([question], max_length=512, name="whole")
    folder, counts = make([question], max_length=64, truncation="question_first")
    tokens, full = Tokens.load(folder, "train"), Tokens.load(whole, "train")
    answer = full.ids[full.mask == 1].tolist()
    assert tokens.ids[tokens.mask == 1].tolist() == answer
    assert tokens.ids[: 64 - len(answer)].tolist() == full.ids[: 64 - len(answer)].tolist()
    train = counts["train"]
    assert (train["examples"], train["questions_cut"], train["answers_cut"]) == (1, 1, 0)
    assert train["without_loss"] == 0


def test_examples_of_more_tokens_than_the_model_has_positions_are_refused(make):
    with pytest.raises(InputError, match=r"an example has \d+ tokens, the base model 2048 pos"):
        make([[("user", "长" * 900), ("assistant", "短")]], max_length=4096)


def test_every_example_has_a_label_and_none_on_its_first_token(make, conversations):
    tokens = Tokens.load(make(conversations, max_length=48)[0], "train")
    for start, end in zip(tokens.offsets, tokens.offsets[1:], strict=False):
        assert tokens.mask[start] == 0
        assert tokens.mask[start:end].any()


def test_same_examples_give_the_same_bytes(make, conversations):
    one, _ = make(conversations, name="one")
    two, _ = make(conversations, name="two")
    assert digests(one) == digests(two)


def test_an_empty_validation_part_is_allowed(make, conversations):
    folder, counts = make(conversations)
    assert counts["validation"]["examples"] == 0
    assert len(Tokens.load(folder, "validation")) == 0


def test_nothing_to_train_on_is_an_error_that_leaves_nothing(make, tmp_path):
    with pytest.raises(InputError, match="no example is left to train on"):
        make([[("user", "长" * 50), ("assistant", "短")]], max_length=16)
    assert list(tmp_path.iterdir()) == []


def test_arrays_are_mapped_and_hold_no_pickles(make, conversations):
    folder, _ = make(conversations)
    assert isinstance(Tokens.load(folder, "train").ids, np.memmap)
    for path in folder.glob("*.npy"):
        np.load(path, allow_pickle=False)


def test_texts_longer_than_the_tokenizers_limit_leave_no_warning(make, caplog):
    logging.getLogger("transformers").propagate = True
    try:
        make([[("user", "长" * 900), ("assistant", "短")]] * 2, max_length=2048)
    except InputError as error:  # nothing is left of them: only the tokenizer matters here
        assert "no example is left" in str(error)
    finally:
        logging.getLogger("transformers").propagate = False
    assert caplog.messages == []


@pytest.fixture
def grouped(conversations, tmp_path):
    """A mixture of several row groups."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from collectivesft.schema.example import Example, arrow_schema

    path = tmp_path / "grouped.parquet"
    many = [conversations[n % 7] for n in range(30)]
    rows = [Example(f"set:{n}", "set", "qa", "zh", m).to_row() for n, m in enumerate(many)]
    pq.write_table(pa.Table.from_pylist(rows, arrow_schema()), path, row_group_size=4)
    return path


def test_processes_do_not_change_the_bytes(workshop, grouped, tmp_path, monkeypatch):
    """One pool serves both parts: each process takes seconds to start."""
    pools, pool = [], process_pool.ProcessPoolExecutor
    monkeypatch.setattr(process_pool, "ProcessPoolExecutor", lambda *a: pools.append(a) or pool(*a))
    base, recipe = workshop.base(), workshop.recipe(max_length=64)
    for threads in (1, 2):
        tokenize(grouped, grouped, base, recipe, tmp_path / str(threads), threads)
    assert len(pools) == 1
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    tokens = Tokens.load(tmp_path / "2", "train")
    assert len(tokens) + read_json(tmp_path / "2/tokens.json")["train"]["without_loss"] == 30


def test_tokens_of_the_same_content_are_made_once(workshop, grouped, tmp_path, monkeypatch):
    from collectivesft.sft import tokenize as module

    base, cache = workshop.base(), tmp_path / "cache"
    for name, rate in (("one", 1e-3), ("two", 1e-4)):
        recipe = workshop.recipe(learning_rate=rate)
        tokenize(grouped, grouped, base, recipe, tmp_path / name, cache=cache)
        monkeypatch.setattr(module, "_part", None)  # what is made again fails
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert len(list(cache.iterdir())) == 1
    with pytest.raises(TypeError):
        recipe = workshop.recipe(max_length=100)
        tokenize(grouped, grouped, base, recipe, tmp_path / "three", cache=cache)


@pytest.mark.parametrize(
    "change", ["tokenizer.json", "special_tokens_map.json", "template", "examples", "library"]
)
def test_what_decides_the_tokens_decides_where_they_are_kept(
    workshop, grouped, tmp_path, conversations, change, monkeypatch
):
    base = tmp_path / "base"
    shutil.copytree(workshop.base(), base)
    recipe, cache = workshop.recipe(), tmp_path / "cache"
    tokenize(grouped, grouped, base, recipe, tmp_path / "one", cache=cache)
    if change == "examples":
        grouped = workshop.mixture(conversations[:3])
    elif change == "template":
        write_json(base / "base.json", read_json(base / "base.json") | {"chat_template": "gemma"})
    elif change == "library":
        monkeypatch.setattr(
            "collectivesft.common.digests.version", lambda name: f"{name} of tomorrow"
        )
    else:
        path = base / change
        path.write_text((path.read_text() if path.exists() else "{}") + " ")
    tokenize(grouped, grouped, base, recipe, tmp_path / "two", cache=cache)
    assert len(list(cache.iterdir())) == 2


def test_a_remark_on_the_base_makes_no_tokens_anew(workshop, grouped, tmp_path):
    base, recipe, cache = tmp_path / "base", workshop.recipe(), tmp_path / "cache"
    shutil.copytree(workshop.base(), base)
    tokenize(grouped, grouped, base, recipe, tmp_path / "one", cache=cache)
    remarks = {"notes": "seen", "title": "Another", "licence_url": "https://example.org"}
    write_json(base / "base.json", read_json(base / "base.json") | remarks)
    tokenize(grouped, grouped, base, recipe, tmp_path / "two", cache=cache)
    assert len(list(cache.iterdir())) == 1


def test_an_older_result_is_replaced_by_the_one_that_was_kept(workshop, grouped, tmp_path):
    base, recipe, out = workshop.base(), workshop.recipe(), tmp_path / "out"
    tokenize(grouped, grouped, base, recipe, out, cache=tmp_path / "cache")
    wanted = digests(out)
    shutil.rmtree(out)
    out.mkdir()
    (out / "old").write_text("")
    tokenize(grouped, grouped, base, recipe, out, cache=tmp_path / "cache")
    assert digests(out) == wanted
