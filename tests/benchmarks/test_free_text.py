"""CMExam, MedS-Bench and MedBench beyond their golden files: odd rows, and any options or JSON."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectivesft import benchmarks
from collectivesft.benchmarks import cmexam, medbench, meds_bench
from collectivesft.common.errors import InputError
from collectivesft.curated.contamination.item_index import ItemIndex, items_by_benchmark
from collectivesft.curated.read import read_benchmark
from collectivesft.readers import json_rows
from collectivesft.readers.json_rows import array_rows, member_rows, members
from collectivesft.schema.example import Example
from collectivesft.schema.item import Item
from collectivesft.scores.measure.predictions import unscored
from collectivesft.scores.measure.text_metrics import METRICS
from collectivesft.sources.archive import Part
from tests.helpers.benchmark_files import (
    CMEXAM_TEST,
    cmexam_files,
    instance,
    medbench_files,
    meds_files,
    task,
)
from tests.helpers.promises import real
from tests.helpers.upstream import jsonl, raw_folder, zipped

PACK = {"cmexam": cmexam_files, "meds_bench": meds_files, "medbench": medbench_files}
ANYWHERE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def items(name: str, folder: Path, **changes) -> list[Item]:
    raw = raw_folder(folder, PACK[name](**changes))
    return list(benchmarks.get(name).items(raw))


class TestCmexam:
    def test_questions_without_a_usable_answer_are_counted_and_not_asked(self, tmp_path):
        found = items("cmexam", tmp_path)
        tests = [item for item in found if item.split == "test"]
        assert [item.answer for item in tests] == ["A", "BC"]
        assert [item.category for item in tests] == ["外科学", "内科学"]
        reasons = {"answer is no option": 1, "no answer": 1, "too few options": 1}
        assert unscored(found) == reasons
        assert {item.split for item in found} == {"val", "test", "unscored"}
        assert all(item.answer and not item.meta.get("unscored") for item in tests)

    @pytest.mark.parametrize("said", ["", "NaN", "nan", "null"])
    def test_an_answer_that_is_not_there(self, tmp_path, said):
        found = items("cmexam", tmp_path, test=[[*CMEXAM_TEST[0][:2], said, "", ""]])[-1]
        assert (found.split, found.answer, found.meta["unscored"]) == ("unscored", "", "no answer")

    @pytest.mark.parametrize("said", ["nan", "NaN", "null", " "])
    def test_a_cell_that_says_nothing_is_empty(self, tmp_path, said):
        good = [*CMEXAM_TEST[0][:3], said, said]
        found = items("cmexam", tmp_path, test=[good, [said, *good[1:]]])[-2:]
        assert [item.explanation for item in found] == ["", ""]
        assert [item.category for item in found] == ["CMExam", "CMExam"]
        assert found[1].meta["unscored"] == "no question" and found[1].question == ""
        assert cmexam.target(found[0], "cot") == "所以答案是A。"

    def test_several_letters_make_a_multiple_choice_question(self, tmp_path):
        found = items("cmexam", tmp_path)[1]
        assert found.answer == "AC" and found.multiple
        assert "一道多项选择题" in cmexam.prompt(found, "answer_only", "corrected")

    @pytest.mark.parametrize(
        ("text", "options"),
        [
            ("A 甲\nB 乙", {"A": "甲", "B": "乙"}),
            ("A. 甲\r\nB、乙\r\nC：丙", {"A": "甲", "B": "乙", "C": "丙"}),
            ("a 甲\nb 乙", {"A": "甲", "B": "乙"}),
            ("A 甲\nA 型\nB 乙", {"A": "甲 A 型", "B": "乙"}),
            ("A 甲\nC 丙\nB 乙", {"A": "甲 C 丙", "B": "乙"}),
            ("说明\nA 甲\nB\nC 丙", {"A": "甲", "C": "丙"}),
            ("A 甲\n\n B 乙 ", {"A": "甲", "B": "乙"}),
            ("维生素B12", {}),
            ("", {}),
        ],
    )
    def test_options_are_parsed_from_one_text(self, text, options):
        assert cmexam.parse_options(text) == options

    @ANYWHERE
    @given(st.lists(st.text("甲乙丙丁血压1.2mg", min_size=1, max_size=8), min_size=2, max_size=7))
    def test_options_of_any_text_come_back(self, texts):
        texts = [text.strip(" .") or "甲" for text in texts]
        written = "\n".join(f"{chr(65 + i)} {text}" for i, text in enumerate(texts))
        assert list(cmexam.parse_options(written).values()) == texts

    @pytest.mark.parametrize(
        ("text", "options"),
        [
            ("B 乙\nC 丙\nD 丁", {"B": "乙", "C": "丙", "D": "丁"}),
            ("A 甲\nB 乙\nD 丁\nE 戊", {"A": "甲", "B": "乙", "D": "丁", "E": "戊"}),
            ("A 甲\nC 丙", {"A": "甲", "C": "丙"}),
            ("甲\nB 乙\nC 丙", {"A": "甲", "B": "乙", "C": "丙"}),
            ("题干\n续\nB 乙\nC 丙", {"B": "乙", "C": "丙"}),
            # a line of A's text that begins with a letter by chance
            ("A 甲\nC 反应蛋白\nB 乙\nC 丙", {"A": "甲 C 反应蛋白", "B": "乙", "C": "丙"}),
            ("A 甲\nB 乙\nE 选择素\nC 丙\nD 丁",
             {"A": "甲", "B": "乙 E 选择素", "C": "丙", "D": "丁"}),
            ("A 甲\nB 乙\nX 线检查", {"A": "甲", "B": "乙 X 线检查"}),
        ],
    )  # fmt: skip
    def test_an_option_whose_letter_upstream_lost(self, text, options):
        assert cmexam.parse_options(text) == options

    def test_a_file_whose_options_cannot_be_read_is_an_error(self, tmp_path):
        rows = [[f"题{i}", "A 甲\\nB 乙", "A", "", ""] for i in range(200)]
        with pytest.raises(InputError, match=r"row 2: 200 of 200 .* \(too few options\)"):
            items("cmexam", tmp_path, test=rows)

    def test_a_few_unusable_questions_in_a_large_file_are_counted(self, tmp_path):
        rows = [[f"题{i}", "A 甲\nB 乙", "A" if i > 1 else "nan", "", ""] for i in range(200)]
        assert unscored(items("cmexam", tmp_path, test=rows)) == {"no answer": 2}

    def test_two_test_files_have_ids_of_their_own(self, tmp_path):
        files = cmexam_files()
        test = files.pop("test_with_annotations.csv")
        raw = raw_folder(tmp_path, {**files, "test_a.csv": test, "test_b.csv": test})
        found = [item.id for item in cmexam.items(raw)]
        assert len(set(found)) == len(found) and {"val-2", "test_a-2", "test_b-2"} <= set(found)

    def test_row_with_another_number_of_fields(self, tmp_path):
        row = r"test_with_annotations\.csv, row 2: another number of fields"
        with pytest.raises(InputError, match=row):
            items("cmexam", tmp_path, test=[["题", "A 甲\nB 乙", "A"]])


class TestMedsBench:
    def test_each_task_has_its_type_and_a_known_metric(self, tmp_path):
        found = {item.meta["task"]: item for item in items("meds_bench", tmp_path)}
        metrics = {task: item.metric for task, item in found.items()}
        assert metrics == {
            "task122": "letter", "task123": "first_word", "task57": "letter",
            "task125": "entities", "task106": "labels", "task130": "contains",
            "task100": "overlap", "task117": "true_false",
        }  # fmt: skip
        assert set(metrics.values()) <= set(METRICS)
        assert all(item.category in meds_bench.CATEGORIES for item in found.values())
        assert len(meds_bench.CATEGORIES) == 11  # the paper's task types

    def test_every_file_of_the_source_has_a_metric(self):
        for file in meds_bench.SOURCE.files:
            folder, name = file.path.split("/")
            metric = meds_bench._METRICS.get(name.partition("_")[0], meds_bench._FOLDERS[folder][1])
            assert metric in METRICS

    def test_inputs_and_outputs_are_texts_or_lists(self, tmp_path):
        found = {item.id: item for item in items("meds_bench", tmp_path)}
        assert found["task106-test-2"].question == "In two\nparts."
        assert found["task125-test-1"].references == ["mercury", "lead."]
        assert found["task122-test-2"].references == ["B: y"]
        assert found["task130-test-1"].references == ["Bronchitis."]
        assert found["task130-test-1"].meta["output"] == "The diagnosis result is Bronchitis."

    @pytest.mark.parametrize(
        ("said", "reference"),
        [
            ("The right answer is B: y", "B: y"),
            ("正しい答えは E: 高カリウム血症 です", "E: 高カリウム血症 です"),
            ("正确答案是 D: 维生素C", "D: 维生素C"),
            ("La bonne réponse est C: le foie.", "C: le foie."),
            ("Правильный ответ: B: нет.", "B: нет."),
            ("La respuesta correcta es D: el riñón", "D: el riñón"),
            ("C", "C"),
        ],
    )
    def test_the_letter_is_read_out_of_a_reference_in_any_language(self, tmp_path, said, reference):
        data = task(["d"], [instance(1, "q?\nA: u\tB: v\tC: w\tD: x\tE: y", said)])
        found = next(i for i in items("meds_bench", tmp_path, task57=data) if "task57" in i.id)
        assert (found.references, found.multiple) == ([reference], False)
        metric = METRICS["letter"]([found.references])
        assert metric.right(f"答案是{reference[0]}。", found.references)
        assert not metric.right("答案是A。", found.references)

    @pytest.mark.parametrize(
        "said",
        [
            "Les bonnes réponses sont A: le foie, C: la rate",
            "正しい答えは A, C: 肝 脾 です",
            "La bonne réponse est A: le foie\tC: la rate",
        ],
    )
    def test_several_letters_of_a_reference_are_all_wanted(self, tmp_path, said):
        asked = "q?\nOptions: x\nA: le foie\tB: la peau\tC: la rate\tD: C: non"
        data = task(["d"], [instance(1, asked, said)])
        found = next(i for i in items("meds_bench", tmp_path, task57=data) if "task57" in i.id)
        assert found.multiple
        metric = METRICS["letter"]([found.references])
        answers = ("The answers are A and C.", "The answer is A.", "ABC")
        assert [metric.right(answer, found.references) for answer in answers] == [
            True,
            False,
            False,
        ]

    def test_a_letter_within_an_options_text_is_none_of_the_answers(self, tmp_path):
        asked, said = "q?\nA: 開腹 (B: 緊急)\tB: 観察", "正しい答えは A: 開腹 (B: 緊急) です"
        data = task(["d"], [instance(1, asked, said)])
        found = next(i for i in items("meds_bench", tmp_path, task57=data) if "task57" in i.id)
        assert (found.references, found.multiple) == (["A: 開腹 (B: 緊急) です"], False)

    def test_a_choice_without_a_letter_is_refused(self, tmp_path):
        data = task(["d"], [instance(1, "q?\nA: u", "正解は不明")])
        with pytest.raises(InputError, match="row 1: output '正解は不明' names no option's letter"):
            items("meds_bench", tmp_path, task57=data)

    @pytest.mark.parametrize(("said", "reference"), [(True, "True"), ([False], "False"), (3, "3")])
    def test_outputs_that_are_no_texts_are_written_out(self, tmp_path, said, reference):
        data = task(["True or False?"], [instance(1, "age: 61", said)])
        found = items("meds_bench", tmp_path, task117=data)
        assert next(i for i in found if i.meta["task"] == "task117").references == [reference]

    def test_the_first_definition_is_the_instruction(self, tmp_path):
        found = {item.id: item for item in items("meds_bench", tmp_path)}
        said = meds_bench.prompt(found["task122-test-1"], "answer_only", "corrected")
        assert said.splitlines()[:2] == ["Pick the right option.", "Question: q?"]
        assert meds_bench.prompt(found["task130-test-1"], "", "") == "Age: 49"

    def test_positive_examples_are_shown_and_not_scored(self, tmp_path):
        found = [item for item in items("meds_bench", tmp_path) if item.split == "val"]
        assert [(item.question, meds_bench.target(item, "")) for item in found] == [
            ("Zinc.", "zinc.")
        ]

    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            (task(["d"], [instance(1, "", "x")]), "row 1: input is empty"),
            (task(["d"], [instance(1, "q", "A"), instance(2, "q", [])]), "row 2: output is empty"),
            (task(["d"], [instance(1, {"a": 1}, "x")]), "row 1: input is an object"),
            (task(["d"], [{"input": "q"}]), "row 1: no output; there is input"),
            (task(["d"], ["q"]), "row 1: text where an object with input is expected"),
            (task({"a": 1}, [instance(1, "q", "a")]), "row 1: Definition is an object"),
            (b'{"Definition": ["d"]}', "no Instances in it"),
            (b'{"Instances": {}}', "where a JSON array is expected"),
            (b'[{"input": "q"}]', "where a JSON object is expected"),
            (task(["d"], [], **{"Positive Examples": 3}), "Positive Examples is a number"),
            (task(["d"], [], **{"Positive Examples": {"input": "q"}}), "Examples is an object"),
            (b'{"Instances": [{"input": "q", "out', "row 1: not valid JSON"),
            (b"<!doctype html><title>login</title>", "an HTML page"),
        ],
    )
    def test_file_that_is_no_task(self, tmp_path, data, problem):
        with pytest.raises(InputError) as caught:
            items("meds_bench", tmp_path, task122=data)
        assert "task122_medmcqa_test_set.json" in str(caught.value)
        assert problem in str(caught.value)

    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            (b"3\n", "row 1: a number where an object with input is expected"),
            (b'[{"input": "q"}]\n', "row 1: a list where an object with input is expected"),
            (b"\n \n", "row 1: an empty file"),
            (b"", "row 1: an empty file"),
            (b'{"input": "q", "out', "row 1: not valid JSON"),
            (b'{"input": "q", "output": "A"}\n{"input', "row 2: not valid JSON"),
            (b'{"input": "q", "output": NaN}', "row 1: output is empty"),
            (b'{"input": "q", "output": 1e999}', "row 1: output is not a finite number"),
            (b'{"id": 1}', "no Instances in it"),
            (b"<!doctype html><title>login</title>", "an HTML page"),
        ],
    )
    def test_lines_that_are_no_task(self, tmp_path, data, problem):
        with pytest.raises(InputError) as caught:
            items("meds_bench", tmp_path, task57=data)
        assert "task57_medqa_question_answering_en.jsonl" in str(caught.value)
        assert problem in str(caught.value)

    @pytest.mark.parametrize("indent", [None, 1, 4])
    def test_one_object_in_a_file_of_lines_is_read_however_it_is_printed(self, tmp_path, indent):
        whole = json.loads(task(["d"], [instance(1, "q", "A"), instance(2, "r", "B")]))
        data = json.dumps(whole, indent=indent).encode()
        found = [i for i in items("meds_bench", tmp_path, task57=data) if "task57" in i.id]
        assert [item.references for item in found] == [["A"], ["B"]]

    def test_file_in_an_unknown_folder(self, tmp_path):
        more = {"Poetry/task900_x.json": task(["d"], [instance(1, "q", "a")])}
        with pytest.raises(InputError, match="not in the folder of a task type"):
            items("meds_bench", tmp_path, **more)


CHAT = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nInput:\n问题: 甲？\nOutput:\n"
    "因为乙。<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nInput:\n问题: 丙？\n"
    "正确答案是 B: 丁。\nOutput:<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
)


class TestMedsBenchResults:
    def test_rationale_is_read_from_upstreams_file_of_results(self, tmp_path):
        table = f'task_id,input,GT,output\ntask51,"{CHAT}",选择B。,C\n'
        raw = raw_folder(tmp_path, {"Rationale/rationale.csv": table.encode()})
        (item,) = meds_bench.items(raw)
        assert (item.id, item.category) == ("task51-test-2", "Explanation and rationale")
        assert item.question == "Input:\n问题: 丙？\n正确答案是 B: 丁。\nOutput:"
        assert item.references == ["选择B。"] and item.subcategory == "task51"
        wanted = "Input:\n问题: 甲？\nOutput:\n因为乙。\n" + item.question
        assert meds_bench.prompt(item, "answer_only", "corrected") == wanted

    def test_an_input_that_is_no_chat_is_named(self, tmp_path):
        table = "task_id,input,GT,output\ntask51,问题,选择B。,C\n"
        raw = raw_folder(tmp_path, {"Rationale/rationale.csv": table.encode()})
        with pytest.raises(InputError, match=r"rationale\.csv, row \d: input is no chat"):
            list(meds_bench.items(raw))

    def test_the_real_file_is_read(self, tmp_path):
        data = real("meds-bench/rationale.csv").read_bytes()
        raw = raw_folder(tmp_path, {"Rationale/rationale.csv": data})
        found = list(meds_bench.items(raw))
        assert len(found) == 300 and len({item.id for item in found}) == 300
        assert {item.subcategory for item in found} == {f"task{n}" for n in range(51, 57)}
        assert all(item.question.startswith("Input:") for item in found)


class TestMedbench:
    def test_what_all_questions_of_a_task_begin_with_is_apart(self, tmp_path):
        found = [item for item in items("medbench", tmp_path) if item.subcategory == "DrugCA"]
        assert [item.question.splitlines()[0] for item in found] == [
            "题目：泰能可以配伍吗？", "题目：米托蒽醌的分级？",
        ]  # fmt: skip
        assert all("任务：" in item.meta["instruction"] for item in found)

    def test_the_upload_repeats_each_row_to_the_letter(self, tmp_path):
        rows = {"question": " 两边有空格 \n", "options": None, "answer": "旧", "other": {"id": 7}}
        found = items("medbench", tmp_path, MedHC=[rows])
        item = next(item for item in found if item.subcategory == "MedHC")
        wanted = {**rows, "answer": "新"}
        assert medbench.submission(item, "新") == wanted
        assert list(medbench.submission(item, "新")) == ["question", "options", "answer", "other"]

    @pytest.mark.parametrize(
        "row",
        [
            {"question": "甲？", "answer": "", "other": {"id": 97, "source": "MedCOT_V4"}},
            {"other": {"id": 1}, "question": "乙？\n", "answer": None, "level": 2.50, "tags": []},
            {"question": "丙？"},
        ],
    )
    def test_a_row_of_any_keys_comes_back_with_its_answer_alone_changed(self, tmp_path, row):
        raw = raw_folder(tmp_path, {"MedDiag.jsonl": jsonl([row])})
        (item,) = medbench.items(raw)
        sent = medbench.submission(item, " 答 ")
        assert sent == {**row, "answer": " 答 "} and list(sent) == list({**row, "answer": ""})
        assert (item.subcategory, item.category) == ("MedDiag", "开放式问答")

    @pytest.mark.parametrize(
        ("name", "task"),
        [
            ("MedExam.jsonl", "MedExam"), ("MedExam/MedExam.jsonl", "MedExam"),
            ("DDx-advanced/DDx-advanced_test.jsonl", "DDx-advanced"),
            ("MedRxCheck_V4_MSQ.jsonl", "MedRxCheck_MSQ"), ("MedCOT_V4.jsonl", "MedCOT"),
            ("MedTreat_v4.jsonl", "MedTreat"), ("MedBench_Agent/TEST/MedDBOps.jsonl", "MedDBOps"),
        ],
    )  # fmt: skip
    def test_each_layout_names_its_task(self, tmp_path, name, task):
        (item,) = medbench.items(raw_folder(tmp_path, {name: jsonl([{"question": "甲？"}])}))
        assert item.subcategory == task and item.category in medbench.CATEGORIES

    def test_a_question_about_a_picture_is_counted_and_not_asked(self, tmp_path):
        rows = [{"question": "图中是什么？", "img_path": ["images/1.png"]}, {"question": "甲？"}]
        files = {"MedNew.jsonl": jsonl(rows), "MedSeqIm.jsonl": jsonl(rows[1:])}
        found = list(medbench.items(raw_folder(tmp_path, files)))
        assert [item.split for item in found] == ["unscored", "test", "unscored"]
        assert unscored(found) == {"needs_image": 2}
        assert found[2].category == "图像"

    def test_the_archive_of_v4_is_read_as_downloaded_and_its_folder_kept(self, tmp_path):
        rows = {
            "MedBench_Agent/TEST/MedShield.jsonl": jsonl([{"question": "甲？"}]),
            "MedBench_Agent/TEST/MedLongQA.jsonl": jsonl([{"question": "乙？"}]),
            "__MACOSX/._MedLongQA.jsonl": b"x", "MedBench_Agent/README.md": b"#",
        }  # fmt: skip
        raw = raw_folder(tmp_path, {"MedBench_Agent.zip": zipped(rows)})
        found = list(medbench.items(raw))
        assert [item.id for item in found] == ["MedLongQA-1", "MedShield-1"]
        assert {item.category for item in found} == {"智能体"}
        assert found[1].meta["file"] == "MedBench_Agent/TEST/MedShield.jsonl"

    def test_an_archive_without_a_task_is_named(self, tmp_path):
        raw = raw_folder(tmp_path, {"MedBench_LLM.zip": zipped({"README.md": b"#"})})
        with pytest.raises(InputError, match=r"MedBench_LLM\.zip: an archive without a file"):
            list(medbench.items(raw))

    def test_tasks_are_those_of_the_loader_and_of_v4(self, tmp_path):
        assert sum(map(len, medbench._GROUPS.values())) == 20
        text = {
            task for group, tasks in medbench._V4.items() if group != "智能体" for task in tasks
        }
        kept = {"DDx-advanced", "MedHC", "MedHG", "MedMC", "MedSafety", "MedSpeQA", "MedTreat",
                "SMDoc"}  # fmt: skip
        assert len(text | kept) == 38 and kept < set(medbench.TASKS)
        assert len(medbench._V4["智能体"]) == 14 and len(medbench._PICTURES["图像"]) == 10
        groups = {item.subcategory: item.category for item in items("medbench", tmp_path)}
        assert groups == {"DrugCA": "正误判断", "MedHC": "开放式问答", "MedNew": "其他"}

    @pytest.mark.parametrize(
        ("row", "problem"),
        [
            ({"question": " "}, "question is empty"),
            ({"other": {}}, "no question; there is other"),
            ({"question": 12}, "question is a number, expected text"),
            ({"question": "q", "options": "A"}, "options is text, expected a list"),
            ({"question": "q", "other": 3}, "other is a number, expected an object"),
            (["q"], "a list where an object with question is expected"),
        ],
    )
    def test_row_that_is_none_of_medbench(self, tmp_path, row, problem):
        with pytest.raises(InputError, match=f"MedHC.jsonl, row 1: {problem}"):
            items("medbench", tmp_path, MedHC=[row])

    @pytest.mark.parametrize("data", [b"", b"\n \n"])
    def test_file_without_rows(self, tmp_path, data):
        raw = raw_folder(tmp_path, {"MedHC/MedHC.jsonl": data})
        with pytest.raises(InputError, match=r"MedHC\.jsonl, row 1: an empty file"):
            list(medbench.items(raw))

    @ANYWHERE
    @given(st.lists(st.text("任务\n答a", min_size=1, max_size=9).filter(str.strip), max_size=5))
    def test_any_questions_come_back(self, questions):
        shared = medbench._shared(questions)
        assert all(question.startswith(shared) for question in questions)
        assert shared == "" or shared.endswith("\n")


class TestMembers:
    """A JSON object with one big array, read by pieces, is what a whole read gives."""

    @ANYWHERE
    @given(
        st.dictionaries(st.text(max_size=3), st.lists(st.integers()) | st.text(), max_size=3),
        st.lists(st.dictionaries(st.text(max_size=2), st.text() | st.none(), max_size=2)),
        st.dictionaries(st.text(max_size=3), st.booleans(), max_size=2),
        st.sampled_from([None, 2]),
    )
    def test_the_members_of_any_object_are_read(self, tmp_path, before, rows, after, indent):
        for part in (before, after):
            part.pop("rows", None)
        path = tmp_path / "x.json"
        text = json.dumps({**before, "rows": rows, **after}, indent=indent, ensure_ascii=False)
        path.write_text(text.encode("utf-8", "replace").decode(), encoding="utf-8")
        whole = json.loads(path.read_text(encoding="utf-8"))
        part = Part(path, "x.json")
        assert [row.value for row in member_rows(part, "rows")] == whole["rows"]
        assert members(part, "rows") == {k: v for k, v in whole.items() if k != "rows"}

    @pytest.mark.parametrize("text", ["{1: 2}", "{} x", '{"a": 1', '{"a" 1}', ""])
    def test_a_broken_object_is_an_error(self, tmp_path, text):
        path = tmp_path / "x.json"
        path.write_text(text)
        with pytest.raises(InputError):
            list(member_rows(Part(path, "x.json"), "a"))

    def test_an_unclosed_string_costs_a_few_tries_not_one_a_block(self, tmp_path, monkeypatch):
        monkeypatch.setattr(json_rows, "BLOCK", 16)
        tried = []
        decode = json.JSONDecoder.raw_decode
        monkeypatch.setattr(
            json.JSONDecoder, "raw_decode", lambda *args: (tried.append(1), decode(*args))[1]
        )
        path = tmp_path / "x.json"
        path.write_text('["' + "甲" * 4000)
        with pytest.raises(InputError, match="row 1: not valid JSON"):
            list(array_rows(Part(path, "x.json")))
        assert len(tried) < 40  # of 750 blocks

    def test_an_array_is_read_as_before(self, tmp_path):
        path = tmp_path / "x.json"
        path.write_text("[1, [2], {}]")
        rows = [(row.number, row.value) for row in array_rows(Part(path, "x.json"))]
        assert rows == [(1, 1), (2, [2]), (3, {})]


class TestDecontamination:
    """The new items are found in training rows; what tasks share finds nothing."""

    @pytest.mark.parametrize("name", PACK)
    def test_every_item_has_a_text_of_its_own(self, tmp_path, name):
        assert all(list(item.texts()) == [item.question] for item in items(name, tmp_path))

    def test_a_question_is_found_and_an_instruction_is_not(self, tmp_path):
        own = "某患者服用泰能后出现皮疹并伴有低热，下一步应当如何处理才合适"
        head = "任务：请回答下面的单项选择题，只输出选项，不要输出任何解释，答案放在尖括号里。\n"
        rows = [{"question": f"{head}题目：{own}"}, {"question": f"{head}题目：另一道题目的内容"}]
        index = ItemIndex(items("medbench", tmp_path, DrugCA_test=rows))
        leak = Example("x:1", "x", "qa", "zh", [("user", f"{own}？"), ("assistant", "停药。")], {})
        alike = Example("x:2", "x", "qa", "zh", [("user", head), ("assistant", "好的。")], {})
        assert [name for name, _ in index.matches(leak)] == ["medbench:DrugCA-1"]
        assert index.matches(alike) == []

    @pytest.mark.parametrize("name", PACK)
    def test_items_are_written_and_indexed(self, tmp_path, name):
        raw = raw_folder(tmp_path, PACK[name]())
        read_benchmark(name, raw.manifest, tmp_path / "items.jsonl")
        own = items(name, tmp_path / "again")
        assert items_by_benchmark((tmp_path / "items.jsonl",)) == {name: len(own)}
        ItemIndex(own)
