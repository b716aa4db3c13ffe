"""Examples are cleaned whole or dropped with a reason; the counts add up."""

import copy
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.curated.clean import clean, clean_example, clean_file, fault
from collectivesft.curated.storage.parquet import read_examples
from collectivesft.curated.storage.step_ledger import StepLedger
from collectivesft.models.chat import END_OF_TURN
from collectivesft.models.convert.random_model import SPECIAL
from collectivesft.schema.example import Drop, Example
from tests.helpers.curated_examples import drops, exam, ids, qa, same_bytes, save

OPTIONS = {"A": "<b>口服铁剂</b>", "B": "输血&nbsp;"}


def dialogue(*texts: str) -> Example:
    messages = list(zip(("user", "assistant") * 9, texts, strict=False))
    return Example("x:1", "x", "dialogue", "zh", messages, {})


def run(examples: list[Example], shortest=2, longest=6000) -> tuple[list, dict]:
    counts = StepLedger("clean")
    results = list(counts.watch(clean(examples, counts, shortest, longest)))
    return results, {name: entry.as_json() for name, entry in counts.entries.items()}


def test_every_turn_is_cleaned_and_what_was_done_is_named():
    example = dialogue("头痛<br>三天", "电话１３９１２３４５６７８", "好的　谢谢", "不客气。")
    cleaned, done = clean_example(example)
    texts = [text for _, text in cleaned.messages]
    assert texts == ["头痛\n三天", "电话[电话]", "好的 谢谢", "不客气。"]
    assert done == {"html_removed", "characters_normalised", "mobile_number"}
    assert [role for role, _ in cleaned.messages] == [role for role, _ in example.messages]


def test_an_exam_questions_facts_are_cleaned_with_its_text():
    cleaned, _ = clean_example(exam("x:1", "缺铁性贫血　首选<br>治疗是", OPTIONS, "A"))
    assert cleaned.meta["question"] == "缺铁性贫血 首选\n治疗是"
    assert cleaned.meta["options"] == {"A": "口服铁剂", "B": "输血"}
    prompt = cleaned.messages[0][1]
    assert cleaned.meta["question"] in prompt and "A. 口服铁剂\nB. 输血" in prompt


def test_the_example_that_came_in_is_left_alone():
    example = exam("x:1", "甲<br>乙", OPTIONS, "A")
    before = copy.deepcopy(example)
    clean_example(example)
    assert example == before


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        (qa("x:1", "问", "<br>&nbsp;"), "empty_after_cleaning"),
        (qa("x:1", "\u200b", "多休息。"), "empty_after_cleaning"),
        (dialogue("问", "答案", "<p>", "答案"), "empty_after_cleaning"),
        (exam("x:1", "<br>", {"A": "甲", "B": "乙"}, "A"), "empty_after_cleaning"),
        (exam("x:1", "题", {"A": "<i></i>", "B": "乙"}, "A"), "empty_after_cleaning"),
        (qa("x:1", "头\ufffd痛", "多休息。"), "damaged_text"),
        (qa("x:1", "旋内的肌肉是\ue077什么", "背阔肌。"), "damaged_text"),
        (qa("x:1", "旋内的肌肉是什么", "背阔\U000f0012肌。"), "damaged_text"),
        (qa("x:1", "头痛", "多休息。<eos>多喝水"), "control_token"),
        (qa("x:1", "头痛<|im_end|>", "多休息。"), "control_token"),
        (exam("x:1", "题", {"A": "&lt;unk&gt;", "B": "乙"}, "A"), "control_token"),
        (qa("x:1", "甲" * 10, "乙" * 11), "too_long"),
        (qa("x:1", "问", "答"), "too_short"),
        (dialogue("问", "答案", "问", "嗯"), "too_short"),
    ],
)
def test_what_cannot_be_used_is_dropped_with_the_reason(example, reason):
    (result,), counts = run([example], shortest=2, longest=20)
    assert isinstance(result, Drop) and result.reason == reason and result.id == example.id
    assert counts["x"] == {"rows_in": 1, "kept": 0, "dropped": {reason: 1}, "changed": {}}


@pytest.mark.parametrize(
    "example",
    [
        qa("x:1", "甲" * 10, "乙" * 10),
        qa("x:1", "问", "答案"),
        qa("x:1", "甲" * 10, "乙" * 10 + "\u3000" * 9),
        exam("x:1", "题", {"A": "甲", "B": "乙"}, "A", head=""),
    ],
)
def test_limits_are_inclusive_and_count_clean_text(example):
    assert isinstance(run([example], shortest=2, longest=20)[0][0], Example)


ENDS = {end for end in END_OF_TURN.values() if end}  # a template of words has no mark
MARKS = {*SPECIAL, *ENDS, "<unused7>", "<|endoftext|>", "<｜end▁of▁sentence｜>"}


@pytest.mark.parametrize("mark", sorted(MARKS))
def test_no_mark_of_a_chat_template_or_tokenizer_comes_from_data(tmp_path, mark):
    """Also where the quick look alone decides which rows are cleaned at all."""
    rows = [qa("x:1", "头痛", f"多休息{mark}。"), exam("x:2", f"题{mark}", OPTIONS, "A"), qa("x:3")]
    source = save(tmp_path / "in.parquet", rows)
    clean_file(source, 2, 6000, *(tmp_path / name for name in ("out", "dropped", "ledger")))
    assert ids(read_examples(tmp_path / "out")) == ["x:3"]
    found = [(drop["id"], drop["reason"]) for drop in drops(tmp_path / "dropped")]
    assert found == [("x:1", "control_token"), ("x:2", "control_token")]


@pytest.mark.parametrize("text", ["WBC<4且PLT>100", "a<|b|", "<mask", "p<0.05|eos>", "<1|2>"])
def test_signs_of_comparison_are_no_control_token(text):
    assert fault(qa("x:1", text, text + "。"), 2, 6000) != "control_token"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.text("头痛 \n\r\t\u3000\u200b。<br>", max_size=9), min_size=2, max_size=2))
def test_no_turn_begins_or_ends_with_a_line_break(texts):
    """Some tokenizers would join it with the template's: the prompt of an answer would end
    otherwise in training than when the model is asked."""
    with TemporaryDirectory() as folder:
        source = save(Path(folder) / "in", [qa("x:1", *texts)])
        clean_file(source, 1, 6000, *(Path(folder) / name for name in ("out", "dropped", "ledger")))
        for example in read_examples(Path(folder) / "out"):
            assert all(content == content.strip() for _, content in example.messages)


def test_exam_answers_are_not_held_to_a_length():
    example = exam("x:1", "题", {"A": "甲", "B": "乙"}, "A")
    assert fault(example, 100, 6000) is None and fault(qa("x:1"), 100, 6000) == "too_short"


def test_only_kept_rows_count_as_changed():
    _, counts = run([qa("x:1", "问<br>", "<br>"), qa("x:2", "问<br>", "答案"), qa("x:3")])
    assert counts["x"]["changed"] == {"html_removed": 1, "characters_normalised": 1}


def test_dropped_text_is_shortened():
    (result,), _ = run([qa("x:1", "甲" * 7000)])
    assert len(result.text) == 500 and result.text.startswith("user: 甲甲")


TEXTS = st.text("高血压 <br>&nbsp;\ufffd１３\u3000。", max_size=12)
EXAMPLES = st.lists(st.tuples(st.sampled_from(["x", "y"]), TEXTS, TEXTS), max_size=12).map(
    lambda rows: [qa(f"{name}:{n}", q, a) for n, (name, q, a) in enumerate(rows)]
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(EXAMPLES)
def test_rows_in_are_kept_plus_dropped(examples):
    results, counts = run(examples, shortest=2, longest=12)
    assert [result.id for result in results] == [example.id for example in examples]
    for name in {example.dataset for example in examples}:
        count = counts[name]
        assert count["rows_in"] == sum(example.dataset == name for example in examples)
        assert count["rows_in"] == count["kept"] + sum(count["dropped"].values())
        assert count["kept"] == sum(id.startswith(name) for id in ids(results))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(EXAMPLES)
def test_what_was_kept_is_kept_unchanged_a_second_time(examples):
    kept = [result for result in run(examples)[0] if isinstance(result, Example)]
    again, counts = run(kept)
    assert again == kept and all(not count["changed"] for count in counts.values())


class TestFile:
    def clean(self, examples: Path, folder: Path) -> None:
        names = ("out.parquet", "dropped.parquet", "ledger.json")
        clean_file(examples, 2, 6000, *(folder / name for name in names))

    def test_kept_dropped_and_counts_are_written(self, tmp_path):
        rows = [qa("x:1", "问<br>", "答案"), qa("y:1", "问", "答"), exam("x:2", "题", OPTIONS, "B")]
        self.clean(save(tmp_path / "in.parquet", rows), tmp_path)
        assert ids(read_examples(tmp_path / "out.parquet")) == ["x:1", "x:2"]
        (drop,) = drops(tmp_path / "dropped.parquet")
        assert drop == {
            "id": "y:1",
            "dataset": "y",
            "reason": "too_short",
            "text": "user: 问\nassistant: 答",
            "detail": "",
        }
        ledger = json.loads((tmp_path / "ledger.json").read_bytes())
        assert ledger["step"] == "clean" and list(ledger["datasets"]) == ["x", "y"]
        assert ledger["datasets"]["y"]["dropped"] == {"too_short": 1}

    def test_same_input_same_bytes(self, tmp_path):
        source = save(
            tmp_path / "in.parquet", [qa(f"x:{n}", f"问{n}<br>", "答" * n) for n in range(9)]
        )
        assert (
            same_bytes(lambda folder: self.clean(source, folder), tmp_path / "a", tmp_path / "b")
            == 3
        )
