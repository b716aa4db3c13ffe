"""Free text: metrics on answers as models write them, scores, paired differences, uploads."""

import csv
import io
import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import InputError, UserError
from collectivesft.common.files import write_json
from collectivesft.schema.item import Item, dump_item
from collectivesft.scores.extract.early_stop import is_final
from collectivesft.scores.measure import text_metrics
from collectivesft.scores.measure.text_metrics import METRICS
from collectivesft.scores.measure.text_statistics import differences, summarise
from collectivesft.scores.score_text import score_text
from collectivesft.scores.table import write_tables
from collectivesft.scores.upload import check, upload

LEADERBOARD = Path(__file__).parents[2] / "resources/leaderboard/cmb-exam-2024-03-16.csv"


def judge(name: str, answer: str, *references: str) -> dict[str, float]:
    """A metric's values of one answer."""
    metric = METRICS[name]([references])
    return metric.values(metric.count(answer, references))


RIGHT = [
    ("letter", "B", "B: Tell them", True),
    ("letter", "The right answer is B: Tell them", "B: Tell them", True),
    ("letter", "Answer: C", "C: x", True),  # upstream reads A, the first character
    ("letter", "Answer: C", "A: x", False),
    ("letter", "", "A: x", False),
    ("letter", "I do not know.", "D: x", False),
    ("first_word", "Maybe, the study says", "maybe", True),
    ("first_word", "yes.", "yes", True),
    ("first_word", "**Yes**: it is", "yes", True),
    ("first_word", "The answer is yes, so", "yes", True),
    ("first_word", "There is yes and no", "yes", False),
    ("first_word", "Yesterday", "yes", False),
    ("first_word", "\n\n", "no", False),
    ("true_false", "The answer is true.", "True", True),
    ("true_false", "True or False", "True", False),
    ("true_false", "FALSE", "False", True),
    ("contains", "I think it is bronchitis, acute.", "Bronchitis.", True),
    ("contains", "I know", "no", False),  # upstream: right
    ("contains", 'a "10 mg" dose', "10 mg", True),
    ("contains", "10 mg/kg", "10 mg", True),
    ("contains", "110 mg", "10 mg", False),
    ("contains", "", "no", False),
    ("contains", "C++ (x)", "C++ (x)", True),
]


@pytest.mark.parametrize(("name", "answer", "reference", "right"), RIGHT)
def test_right_or_wrong(name, answer, reference, right):
    metric = METRICS[name]([[reference]])
    assert metric.right(answer, [reference]) is right
    assert judge(name, answer, reference) == {"accuracy": float(right)}


def test_the_last_word_that_is_stated_counts():
    metric = METRICS["first_word"]([["yes"], ["no"], ["maybe"]])
    assert metric.read("My answer is no. On reflection, the answer: maybe") == "maybe"
    assert metric.read("Perhaps.") == "" == METRICS["first_word"]([]).read("yes")


def test_any_accepted_output_is_right():
    assert METRICS["contains"]([]).right("so it is flu", ["cold", "flu"])


def test_entities_of_a_task_are_counted_together():
    metric = METRICS["entities"]([])
    counts = [
        metric.count("Mercury, lead.", ["mercury, zinc."]),
        metric.count("There is no related entity.", ["There is no related enetity."]),
        metric.count("gold", ["There is no related enetity."]),
    ]
    assert counts == [[1, 1, 1], [0, 0, 0], [0, 1, 0]]
    values = metric.values([sum(column) for column in zip(*counts, strict=True)])
    assert values == {"precision": 1 / 3, "recall": 1 / 2, "f1": pytest.approx(0.4)}


def test_a_last_entity_keeps_its_last_letter():
    assert judge("entities", "leak", "lead")["f1"] == 0  # upstream cuts both to lea


def test_several_outputs_are_one_set_of_entities():
    assert judge("entities", "mercury; lead\nzinc", "mercury", "lead, zinc.")["f1"] == 1


def test_labels_are_a_mean_over_labels():
    references = [["Resisting cell death, Evading growth suppressors"], ["Resisting cell death"]]
    metric = METRICS["labels"](references)
    said = ["It is resisting cell death", "Resisting cell death, evading growth suppressors."]
    counts = [metric.count(a, r) for a, r in zip(said, references, strict=True)]
    values = metric.values([sum(column) for column in zip(*counts, strict=True)])
    # Resisting: both found. Evading: missed once, said wrongly once.
    assert values == {"precision": 0.5, "recall": 0.5, "f1": 0.5}


def test_labels_of_a_task_without_any():
    assert judge("labels", "x", "There is no related entity.")["f1"] == 0


def test_overlap_of_words():
    values = judge("overlap", "the cat sat", "the cat is on the mat")
    assert values["bleu_1"] == pytest.approx(2 / 3 * math.exp(1 - 6 / 3))
    assert values["rouge_l"] == pytest.approx(2 * 2 / (3 + 6))
    assert judge("overlap", "", "a b") == {"bleu_1": 0, "rouge_l": 0}
    same = judge("overlap", "Fever, 39.5 °C.", "Fever, 39.5 °C.")
    assert same == {"bleu_1": pytest.approx(1), "rouge_l": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("缺铁性贫血", ["缺", "铁", "性", "贫", "血"]),
        ("カルテ", ["カ", "ル", "テ"]),
        ("B12缺乏, ok.", ["B12", "缺", "乏", ",", "ok", "."]),
        ("", []),
    ],
)
def test_words_of_languages(text, words):
    assert text_metrics.words(text).split() == words


def test_the_best_reference_counts():
    assert judge("overlap", "a b c", "x y", "a b c")["rouge_l"] == 1


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(METRICS)),
    st.lists(st.tuples(st.text(), st.text(min_size=1).filter(str.strip)), min_size=1, max_size=4),
)
def test_any_answers_have_values_between_0_and_1(name, pairs):
    metric = METRICS[name]([[reference] for _, reference in pairs])
    counts = [metric.count(answer, [reference]) for answer, reference in pairs]
    values = metric.values([sum(column) for column in zip(*counts, strict=True)])
    assert metric.main in values
    assert all(0 <= value <= 1 + 1e-9 for value in values.values())


def test_free_text_is_never_settled():
    assert not is_final("答案是A。\n\n问:第二题" + "长" * 99, "", {}, False)


def tasks_of(**rights: list[int]) -> dict:
    """Tasks of accuracy; ``a_b`` is task b of category a."""
    metric = METRICS["contains"]([])
    names = {tuple(name.split("_")): right for name, right in rights.items()}
    return {n: (metric, "contains", [[float(r), 1.0] for r in right]) for n, right in names.items()}


def test_a_category_is_the_mean_of_its_tasks_and_macro_of_categories():
    found = summarise(tasks_of(a_x=[1, 1], a_y=[0] * 8, b_z=[1, 0, 0, 0]), {"b": "B", "a": "A"})
    assert [(c["label"], c["items"], c["value"]) for c in found["categories"]] == [
        ("B", 4, 0.25), ("A", 10, 0.5),
    ]  # fmt: skip
    assert found["macro"]["value"] == 0.375
    assert [task["subcategory"] for task in found["subcategories"]] == ["z", "x", "y"]
    assert found["subcategories"][0]["values"] == {"accuracy": 0.25}


def test_intervals_are_those_of_the_binomial():
    right = [1] * 60 + [0] * 40
    macro = summarise(tasks_of(a_x=right), {})["macro"]
    spread = 1.96 * math.sqrt(0.6 * 0.4 / 100)
    assert macro["low"] == pytest.approx(0.6 - spread, abs=0.02)
    assert macro["high"] == pytest.approx(0.6 + spread, abs=0.02)
    assert macro == summarise(tasks_of(a_x=right), {})["macro"]


def test_differences_are_paired():
    first, second = [1, 0] * 50, [1, 0] * 48 + [1, 1] * 2
    found = differences(tasks_of(a_x=first), tasks_of(a_x=second))
    assert found["macro"]["value"] == 0.02
    # Of 100 pairs two differ: far narrower than two samples apart, which would be about 0.14 wide.
    assert 0 <= found["macro"]["low"] < found["macro"]["high"] <= 0.06
    assert found["categories"]["a"] == found["macro"]
    same = differences(tasks_of(a_x=first), tasks_of(a_x=first))["macro"]
    assert same == {"value": 0, "low": 0, "high": 0}


def item(number: int, task: str = "Diagnosis", metric: str = "contains", **changes) -> Item:
    facts = {"file": f"{task}/x.json", "task": "task1", "instruction": "Say.", "output": "flu"}
    made = Item(
        id=f"{task}-{number}",
        benchmark="meds_bench",
        split="test",
        kind="text",
        category=task,
        subcategory=task,
        question=f"q{number}",
        metric=metric,
        references=["flu"],
        meta=facts | changes.pop("meta", {}),
    )
    return replace(made, **changes)


def prediction(asked: Item, raw: str, **changes) -> dict:
    return {
        "id": asked.id, "benchmark": asked.benchmark, "model": "m", "prompt": "p", "raw": raw,
        "method": "generate", "error": None, "stopped": True, "limit": None, "sample_seed": 42,
        "shots_dropped": 0, **changes,
    }  # fmt: skip


class Run:
    """Items and a model's answers in a folder."""

    def __init__(self, folder: Path, items: list[Item], raws: list[str], name: str = "m"):
        folder.mkdir(exist_ok=True)
        self.folder, self.name = folder, name
        self.items = folder / "items.jsonl"
        self.items.write_text("".join(dump_item(i) + "\n" for i in items), encoding="utf-8")
        tests = [i for i in items if i.split == "test"]
        self.rows = [prediction(i, r, model=name) for i, r in zip(tests, raws, strict=True)]
        self.predictions = folder / "predictions.jsonl"

    def path(self, name: str) -> Path:
        return self.folder / name

    def write(self) -> Path:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
        self.predictions.write_text(text, encoding="utf-8")
        return self.predictions

    def score(self, base: Path | None = None) -> dict:
        outs = [self.path(f"out.{name}") for name in ("json", "csv", "jsonl")]
        return score_text(self.write(), self.items, self.name, "write", *outs, base)

    def upload(self) -> int:
        return upload(self.write(), self.items, self.path("up.zip"))


SOME = [item(1), item(2), item(3, "NLI"), item(4, "NER", "entities")]


class TestScore:
    def test_what_is_written(self, tmp_path):
        run = Run(tmp_path, SOME, ["It is flu.", "抱歉，我无法回答", "", "flu, cold"])
        run.rows[2] |= {"error": "prompt_too_long", "stopped": False}
        run.rows[3] |= {"stopped": False, "shots_dropped": 2}
        scores = run.score()
        assert scores == json.loads(run.path("out.json").read_text())
        assert (scores["kind"], scores["items"], scores["against"]) == ("text", 4, None)
        assert [(c["category"], c["value"]) for c in scores["categories"]] == [
            ("Diagnosis", 0.5), ("NER", 0.666667), ("NLI", 0.0),
        ]  # fmt: skip
        assert scores["macro"]["value"] == round((0.5 + 2 / 3) / 3, 6)
        counts = {k: scores[k] for k in ("stopped", "endless", "empty", "refused", "too_long")}
        assert counts == {"stopped": 2, "endless": 1, "empty": 0, "refused": 1, "too_long": 1}
        assert scores["fewer_shots"] == 1
        with open(run.path("out.csv"), encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        ner = next(row for row in rows if row["task"] == "NER")
        assert ner["value"] == "66.67" and ner["main"] == "f1"
        assert ner["values"] == "precision=50.00 recall=100.00 f1=66.67"
        answers = [json.loads(line) for line in run.path("out.jsonl").read_text().splitlines()]
        assert [row["right"] for row in answers] == [True, False, False, None]

    def test_a_file_of_an_archive_keeps_its_folder(self, tmp_path):
        question = kept(0, "", "MedBench_LLM/TEST/MedExam.jsonl", None)
        question.meta["archive"] = "MedBench_LLM.zip"
        run = Run(tmp_path, [question], ["<A>"])
        run.upload()
        with zipfile.ZipFile(run.path("up.zip")) as archive:
            assert archive.namelist() == ["MedBench_LLM/TEST/MedExam.jsonl"]

    def test_same_input_gives_the_same_bytes(self, tmp_path):
        runs = [Run(tmp_path / n, SOME, ["flu", "", "x", "flu"]) for n in "ab"]
        for run in runs:
            run.score()
        for name in ("out.json", "out.csv", "out.jsonl"):
            assert len({run.path(name).read_bytes() for run in runs}) == 1

    def test_the_base_model_is_compared_on_the_same_answers(self, tmp_path):
        base = Run(tmp_path / "base", SOME, ["flu", "no", "no", "cold"], "base")
        base.score()
        tuned = Run(tmp_path / "tuned", SOME, ["flu", "flu", "flu", "flu"])
        against = tuned.score(base.path("out.jsonl"))["against"]
        assert against["model"] == "base"
        assert against["difference"]["macro"]["value"] == round((0.5 + 1 + 1) / 3, 6)
        assert against["difference"]["categories"]["NER"]["value"] == 1
        wanted = {"judged": 3, "only_first": 0, "only_second": 2, "p": 0.5}
        assert {key: against[key] for key in wanted} == wanted

    def test_a_base_of_other_questions(self, tmp_path):
        base = Run(tmp_path / "base", SOME[:3], ["flu"] * 3, "base")
        base.score()
        with pytest.raises(InputError, match=r"out\.jsonl is of other questions"):
            Run(tmp_path / "tuned", SOME, ["flu"] * 4).score(base.path("out.jsonl"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda lines: ['{"x": 1}', *lines[1:]], "row 1: not a judged answer"),
            (lambda lines: ["[1]", *lines[1:]], "row 1: not a judged answer"),
            (lambda lines: [*lines, lines[2]], "row 5: question NLI-3 twice"),
            (lambda lines: [], "no answers"),
        ],
    )
    def test_a_base_that_is_no_file_of_judged_answers(self, tmp_path, change, message):
        base = Run(tmp_path / "base", SOME, ["flu"] * 4, "base")
        base.score()
        path = base.path("out.jsonl")
        lines = change(path.read_text(encoding="utf-8").splitlines())
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        with pytest.raises(InputError, match=rf"base/out\.jsonl.*{message}"):
            Run(tmp_path / "tuned", SOME, ["flu"] * 4).score(path)

    def test_a_base_that_was_scored_by_another_metric(self, tmp_path):
        base = Run(tmp_path / "base", [*SOME[:3], item(4, "NER", "labels")], ["flu"] * 4, "base")
        base.score()
        with pytest.raises(InputError, match=r"out\.jsonl is of other questions"):
            Run(tmp_path / "tuned", SOME, ["flu"] * 4).score(base.path("out.jsonl"))

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"id": "Diagnosis-9"}, "unknown item"),
            ({"id": "Diagnosis-1"}, "item predicted twice"),
            ({"model": "other"}, "a prediction of other, not of m"),
            ({"limit": 3}, "limit changes"),
        ],
    )
    def test_predictions_that_do_not_belong(self, tmp_path, change, problem):
        run = Run(tmp_path, SOME, ["flu"] * 4)
        run.rows[1] |= change
        with pytest.raises(InputError, match=problem):
            run.score()
        assert not run.path("out.json").exists()

    def test_a_benchmark_that_keeps_its_answers(self, tmp_path):
        kept = [item(1, references=[], metric="", benchmark="medbench")]
        with pytest.raises(UserError, match=r"Diagnosis-1 has no reference.*scores upload"):
            Run(tmp_path, kept, ["x"]).score()

    @pytest.mark.parametrize(
        ("items", "problem"),
        [
            ([item(1, metric="rouge")], "no metric 'rouge'. Known are: letter,"),
            ([item(1), item(2, metric="letter")], "Diagnosis has two metrics"),
        ],
    )
    def test_a_metric_that_cannot_be(self, tmp_path, items, problem):
        with pytest.raises(UserError, match=problem):
            Run(tmp_path, items, ["x"] * len(items)).score()

    def test_the_key_is_that_of_the_references(self, tmp_path):
        first = Run(tmp_path / "a", SOME, ["x"] * 4).score()["key"]
        other = [*SOME[:3], item(4, "NER", "entities", references=["cold"])]
        assert first["date"] is None
        assert Run(tmp_path / "b", other, ["x"] * 4).score()["key"] != first

    def test_items_nobody_is_asked_are_counted(self, tmp_path):
        more = [*SOME, item(9, split="unscored", meta={"unscored": "no answer"})]
        assert Run(tmp_path, more, ["x"] * 4).score()["unscored"] == {"no answer": 1}

    def test_the_table_has_a_section(self, tmp_path):
        base = Run(tmp_path / "base", SOME, ["flu", "no", "no", "cold"], "base")
        base.score()
        tuned = Run(tmp_path / "tuned", SOME, ["flu"] * 4)
        tuned.score(base.path("out.jsonl"))
        outs = [tmp_path / f"table.{suffix}" for suffix in ("csv", "md", "tex")]
        write_tables([base.path("out.json"), tuned.path("out.json")], LEADERBOARD, *outs)
        text = outs[1].read_text(encoding="utf-8")
        assert "| base | meds_bench | write | all | 4 | 16.67 (0.00 to 33.33) |  |" in text
        assert (
            "| m | meds_bench | write | Diagnosis | 2 | 100.00 (100.00 to 100.00) | +50.00" in text
        )


QUESTIONS = [
    {"instruction": "任务\n", "file": "DrugCA/DrugCA_test.jsonl", "options": ["A", "B"]},
    {"instruction": "任务\n", "file": "DrugCA/DrugCA_test.jsonl", "options": ["A", "B"]},
    {"instruction": "", "file": "MedHC.jsonl", "options": None},
]


def kept(number: int, instruction: str, file: str, options: list[str] | None) -> Item:
    """A question of MedBench, with the row that it was read from."""
    row = {
        "question": f"{instruction}q{number}", "options": options, "answer": None,
        "other": {"id": number},
    }  # fmt: skip
    meta = {"instruction": instruction, "file": file, "row": row}
    return item(number, file, "", benchmark="medbench", references=[], meta=meta)


KEPT = [kept(number, **question) for number, question in enumerate(QUESTIONS)]


class TestUpload:
    def test_one_file_for_each_of_the_benchmarks(self, tmp_path):
        run = Run(tmp_path, KEPT, ["<A>", " ", "多喝水\n休息"])
        assert run.upload() == 1
        with zipfile.ZipFile(run.path("up.zip")) as archive:
            texts = {name: archive.read(name).decode() for name in archive.namelist()}
        assert list(texts) == ["DrugCA_test.jsonl", "MedHC.jsonl"]
        rows = [json.loads(line) for line in texts["DrugCA_test.jsonl"].splitlines()]
        assert rows[0] == {
            "question": "任务\nq0", "options": ["A", "B"], "answer": "<A>", "other": {"id": 0},
        }  # fmt: skip
        assert [row["answer"] for row in rows] == ["<A>", " "]
        assert json.loads(texts["MedHC.jsonl"])["answer"] == "多喝水\n休息"

    def test_same_input_gives_the_same_bytes(self, tmp_path):
        runs = [Run(tmp_path / name, KEPT, ["a", "b", "c"]) for name in "ab"]
        assert [run.upload() for run in runs] == [0, 0]
        assert len({run.path("up.zip").read_bytes() for run in runs}) == 1

    def test_results_file_of_meds_bench(self, tmp_path):
        raws = ['a "b", c', "two\nlines", "carriage\rreturn", ""]
        run = Run(tmp_path, SOME, raws)
        assert run.upload() == 1
        with zipfile.ZipFile(run.path("up.zip")) as archive:
            text = archive.read("meds_bench.csv").decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [row["output"] for row in rows] == raws
        assert rows[0] | {"output": ""} == {
            "task_id": "task1", "input": "Say.\nq1", "GT": "flu", "output": "",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("rows", "problem"),
        [
            (slice(0, 2), "1 of 3 items are missing"),
            (slice(0, 0), "no predictions"),
        ],
    )
    def test_not_all_questions(self, tmp_path, rows, problem):
        run = Run(tmp_path, KEPT, ["a", "b", "c"])
        run.rows = run.rows[rows]
        with pytest.raises(InputError, match=problem):
            run.upload()
        assert not run.path("up.zip").exists()

    def test_only_some_were_asked(self, tmp_path):
        run = Run(tmp_path, KEPT, ["a", "b", "c"])
        run.rows = [row | {"limit": 3} for row in run.rows]
        with pytest.raises(InputError, match="only 3 questions were asked"):
            run.upload()

    def test_two_files_of_one_name(self, tmp_path):
        same = replace(kept(3, **QUESTIONS[2] | {"file": "x/MedHC.jsonl"}), id="x")
        twice = [*KEPT, same]
        with pytest.raises(InputError, match="would be one file"):
            Run(tmp_path, twice, ["a"] * 4).upload()

    def test_a_benchmark_that_takes_none(self, tmp_path):
        with pytest.raises(UserError, match="cmb: takes no file of free text"):
            Run(tmp_path, [item(1, benchmark="cmb")], ["a"]).upload()

    def test_what_was_written_is_read_back(self, tmp_path):
        run = Run(tmp_path, KEPT, ["a", "b", "c"])
        run.upload()
        with zipfile.ZipFile(run.path("up.zip")) as archive:
            lines = archive.read("MedHC.jsonl").decode()
        wanted = {"MedHC.jsonl": [json.loads(lines)]}
        with pytest.raises(InputError, match=r"holds DrugCA_test\.jsonl, MedHC\.jsonl"):
            check(run.path("up.zip"), "jsonl", wanted)
        bad = tmp_path / "bad.zip"
        with zipfile.ZipFile(bad, "w") as archive:
            archive.writestr("MedHC.jsonl", lines.replace('"c"', '"d"'))
        with pytest.raises(InputError, match="does not hold the answer of this record"):
            check(bad, "jsonl", wanted)
        bad.write_bytes(b"PK")
        with pytest.raises(InputError, match="not a zip"):
            check(bad, "jsonl", wanted)

    @settings(deadline=None, max_examples=50)
    @given(st.text(), st.sampled_from(["jsonl", "csv"]))
    def test_any_answer_survives(self, tmp_path_factory, raw, kind):
        folder = tmp_path_factory.mktemp("any")
        items = KEPT[:1] if kind == "jsonl" else SOME[:1]
        raw = raw.encode("utf-8", "ignore").decode()
        assert Run(folder, items, [raw]).upload() == (not raw.strip())


def test_scores_of_another_kind_are_refused_by_the_table(tmp_path):
    write_json(tmp_path / "x.json", {"kind": "songs"})
    with pytest.raises(InputError, match="not a scores file"):
        write_tables([tmp_path / "x.json"], LEADERBOARD, *[tmp_path / n for n in "abc"])
