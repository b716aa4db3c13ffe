"""A benchmark item that stands in an example is found; one that does not is not."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import UserError
from collectivesft.curated import decontaminate
from collectivesft.curated.clean import clean_example
from collectivesft.curated.contamination import item_index
from collectivesft.curated.contamination.item_index import COMMON, MINIMUM, NGRAM, ItemIndex
from collectivesft.curated.decontaminate import decontaminate_file
from collectivesft.curated.storage.parquet import read_examples
from collectivesft.curated.text.ngrams import tokens
from collectivesft.schema.example import Example
from collectivesft.schema.item import dump_item, load_items
from tests.helpers.curated_examples import drops, exam, ids, item, qa, same_bytes, save

QUESTION = "患者男，58岁，突发胸骨后压榨样疼痛2小时，心电图示V1至V4导联ST段抬高，最可能的诊断是"
SHORT = "肺炎首选药物是"  # 7 tokens
OPTIONS = {"A": "急性心肌梗死", "B": "主动脉夹层"}


def matches(example: Example, *items) -> list[tuple[str, float]]:
    return ItemIndex(items).matches(example)


def dialogue(*texts: str) -> Example:
    messages = list(zip(("user", "assistant") * 9, texts, strict=False))
    return Example("x:1", "x", "dialogue", "zh", messages, {})


class TestFound:
    def test_the_same_question_is_found_whole(self):
        found = matches(exam("x:1", QUESTION, OPTIONS, "A"), item("7", QUESTION))
        assert found == [("cmb:7", 1.0)]

    @pytest.mark.parametrize("turn", range(4))
    def test_in_any_turn(self, turn):
        texts = ["头疼得厉害", "多久了", "三天", "请就诊"]
        texts[turn] = f"想问一下：{QUESTION}，谢谢"
        assert matches(dialogue(*texts), item("7", QUESTION)) == [("cmb:7", 1.0)]

    def test_case_width_spacing_and_punctuation_do_not_count(self):
        text = "Ｔｈｅ most common cause of acute pancreatitis in adults\nis:"
        other = "the MOST common cause, of acute pancreatitis in adults is"
        assert matches(qa("x:1", other), item("7", text)) == [("cmb:7", 1.0)]

    @pytest.mark.parametrize(
        "text",
        [
            "血清Ca<sup>2+</sup>与K<sup>+</sup>和Na<sup>+</sup>浓度升高时心肌的变化是",
            "<p>患者女，30岁，</p>发热、咳嗽&nbsp;3&nbsp;天，&quot;最可能&quot;的诊断是",
            "血小板少于20&times;10<sup>9</sup>/L时首选",
            QUESTION.encode().decode("latin-1"),
            "家属电话13812345678，询问术后多久可以进食流质饮食",
        ],
        ids=["sup", "entities", "short", "mojibake", "telephone"],
    )
    def test_whatever_cleaning_took_from_the_example(self, text):
        options = {"A": "10<sup>9</sup>/L", "B": "&lt;5%"}
        asked = replace(item("7", text), options=options, answer="A")
        cleaned, done = clean_example(exam("x:1", text, options, "A"))
        assert done and matches(cleaned, asked) == [("cmb:7", 1.0)]
        case = replace(item("7", QUESTION, [text]), kind="clinical")
        told = clean_example(dialogue(f"{QUESTION}。{text}", "略"))[0]
        assert matches(told, case) == [("cmb:7", 1.0)]

    def test_a_few_words_changed_do_not_hide_it(self):
        changed = QUESTION.replace("患者男", "病人男").replace("最可能", "首先考虑")
        ((name, share),) = matches(exam("x:1", changed, OPTIONS, "A"), item("7", QUESTION))
        assert name == "cmb:7" and 0.5 <= share < 1

    def test_less_than_half_of_it_is_not_it(self):
        assert matches(qa("x:1", QUESTION[:20]), item("7", QUESTION)) == []
        assert matches(qa("x:1", QUESTION[:35]), item("7", QUESTION)) != []

    def test_a_short_item_is_found_where_it_is_a_whole_turn_only(self):
        assert MINIMUM <= len(tokens(SHORT)) < NGRAM
        assert matches(exam("x:1", f"{SHORT}：", OPTIONS, "A"), item("7", SHORT)) == [
            ("cmb:7", 1.0)
        ]
        assert matches(qa("x:1", f"{SHORT}？"), item("7", SHORT)) == [("cmb:7", 1.0)]
        assert matches(qa("x:1", f"请问{SHORT}什么"), item("7", SHORT)) == []

    def test_an_item_of_too_few_words_is_passed_over(self):
        assert len(tokens("首选药物是")) == MINIMUM - 1
        assert matches(qa("x:1", "首选药物是"), item("7", "首选药物是")) == []

    def test_but_an_exam_question_with_the_same_options_is_it(self):
        """Real exams ask "The ureter" several times, each time with options of its own."""
        asked = replace(item("7", "输尿管"), options={"A": "开口于膀胱颈", "B": "起始于肾盂。"})
        moved = {"A": "起始于肾盂", "B": " 开口于膀胱颈", "C": "可分为两段"}
        same = {"A": moved["A"], "B": moved["B"]}
        assert matches(exam("x:1", "输尿管：", same, "A"), asked) == [("cmb:7", 1.0)]
        assert matches(exam("x:1", "输尿管", moved, "A"), asked) == []
        assert matches(exam("x:1", "输精管", same, "A"), asked) == []
        assert matches(qa("x:1", "输尿管", "起始于肾盂"), asked) == []

    @pytest.mark.parametrize("question", ["正确的说法是", "下列哪些说法是不正确的"])
    def test_a_question_that_many_ask_is_found_with_its_options_only(self, question):
        options = {"A": "尿道", "B": "膀胱", "C": "前列腺", "D": "输尿管"}
        asked = replace(item("7", question), options=options)
        assert MINIMUM <= len(tokens(question)) < COMMON
        half = {"A": "输尿管。", "B": "胆囊", "C": " 膀胱", "D": "胰腺"}
        assert matches(exam("x:1", question, half, "A"), asked) == [("cmb:7", 1.0)]
        less = half | {"C": "脾"}
        assert matches(exam("x:1", question, less, "A"), asked) == []
        assert matches(exam("x:1", f"有关硫胺素，{question}", less, "A"), asked) == []
        # In free text: the question alone, or with its options.
        assert matches(qa("x:1", f"{question}？"), asked) == [("cmb:7", 1.0)]
        assert matches(qa("x:1", f"有关硫胺素，{question}？A. 胆囊 B. 脾"), asked) == []

    def test_it_is_found_with_its_options_in_free_text(self):
        question, options = "下列哪些说法是不正确的", {"A": "尿道", "B": "膀胱", "C": "前列腺"}
        asked = replace(item("7", question), options=options)
        text = f"请问{question}：A. 尿道 B. 膀胱 C. 脾"
        assert matches(qa("x:1", text), asked) == [("cmb:7", 1.0)]

    @pytest.mark.parametrize(
        ("answer", "right", "wrong"),
        [
            ("B", "正确答案是冠状动脉造影。", "正确答案是心肌酶谱。"),
            ("BC", "冠状动脉造影和CT", "CT"),
        ],
    )
    def test_it_is_found_with_its_right_answer(self, answer, right, wrong):
        question = "诊断急性心肌梗死最有价值的检查是"
        options = {"A": "心电图", "B": "冠状动脉造影", "C": "CT", "D": "超声心动图", "E": "X线"}
        asked = replace(item("7", question), options=options, answer=answer)
        assert matches(qa("x:1", f"请问：{question}", right), asked) == [("cmb:7", 1.0)]
        assert matches(qa("x:1", f"请问：{question}", wrong), asked) == []
        there = [options[letter] for letter in answer]
        others = dict(zip("ABCDE", ["磁共振", *there, "肌钙蛋白", "血气"], strict=False))
        assert matches(exam("x:1", question, others, "B"), asked) == [("cmb:7", 1.0)]
        others["B"] = "动态心电图"
        assert matches(exam("x:1", question, others, "B"), asked) == []

    def test_a_key_that_is_none_of_its_options_is_no_answer(self):
        question = "诊断急性心肌梗死最有价值的检查是"
        asked = replace(item("7", question), options={"A": "心电图", "B": "超声"}, answer="F")
        assert matches(qa("x:1", f"请问：{question}", "心电图"), asked) == [("cmb:7", 1.0)]
        assert matches(qa("x:1", f"请问：{question}", "血气"), asked) == []

    def test_a_question_of_its_own_is_found_whatever_its_options(self):
        asked = replace(item("7", QUESTION), options={"A": "主动脉夹层", "B": "心包炎"})
        found = matches(exam("x:1", QUESTION, {"A": "气胸", "B": "肺栓塞"}, "A"), asked)
        assert found == [("cmb:7", 1.0)]

    def test_in_files_too(self, tmp_path):
        options = {"A": "尿道", "B": "膀胱"}
        asked = replace(item("7", "输尿管"), options=options)
        (tmp_path / "items.jsonl").write_text(dump_item(asked) + "\n", encoding="utf-8")
        exams = [exam(f"x:{n}", text, options, "A") for n, text in enumerate(("输尿管", "阑尾"))]
        names = ("out", "dropped", "ledger", "report")
        outputs = {name: tmp_path / name for name in names}
        source = save(tmp_path / "in.parquet", [*exams, qa("x:2")])
        decontaminate_file(source, items=[tmp_path / "items.jsonl"], decontaminate=True, **outputs)
        assert ids(read_examples(outputs["out"])) == ["x:1", "x:2"]
        assert [row["detail"] for row in drops(outputs["dropped"])] == ["100% of cmb:7"]

    def test_the_instruction_of_an_exam_question_is_not_compared(self):
        head = "以下是一道单项选择题，不需要做任何分析和解释，直接输出答案选项。"
        assert matches(exam("x:1", "另一道题", OPTIONS, "A", head=head), item("7", head)) == []

    def test_the_surest_come_first(self):
        half = QUESTION[:30] + "，应与哪些疾病鉴别，首选哪项检查"
        found = matches(qa("x:1", QUESTION), item("1", half), item("2", QUESTION))
        assert [name for name, _ in found] == ["cmb:2", "cmb:1"]

    def test_nothing_to_find(self):
        assert matches(qa("x:1", QUESTION)) == []
        assert matches(qa("x:1", "", ""), item("7", QUESTION)) == []


class TestClinicalCase:
    CASE = "现病史：患者男，24岁，转移性右下腹痛18小时，伴恶心呕吐，体温38.1℃。"
    ASKED = (
        "该患者最可能的诊断是什么？它的诊断依据有哪些，还需与什么病鉴别？",
        "该患者入院后若出现右下腹包块，此时的治疗原则和手术时机各是什么？",
    )
    SOLUTION = "急性阑尾炎。转移性右下腹痛，体温升高，麦氏点压痛和反跳痛，白细胞升高。"

    def case(self, id="3", description=CASE, asked=ASKED):
        case = item(id, description, asked, benchmark="cmb_clin")
        case.turns[0]["reference"] = self.SOLUTION
        return case

    def test_the_description_is_found(self):
        assert matches(qa("x:1", self.CASE), self.case()) == [("cmb_clin:3", 1.0)]

    @pytest.mark.parametrize("turn", ASKED)
    def test_each_question_is_found(self, turn):
        assert matches(qa("x:1", turn), self.case()) == [("cmb_clin:3", 1.0)]

    def test_a_solution_is_found(self):
        assert matches(qa("x:1", "怎么办", self.SOLUTION), self.case()) == [("cmb_clin:3", 1.0)]

    @pytest.mark.parametrize("asked", ["该患者最可能的诊断是什么？", "治疗原则是什么？"])
    def test_a_question_that_many_ask_is_not_looked_for(self, asked):
        """CMB-Clin asks 28 of its 74 cases for the principles of treatment in the same words."""
        case = self.case(asked=[asked])
        options = {"A": "急性胰腺炎", "B": "消化性溃疡穿孔"}
        example = exam("x:1", f"男，30岁，上腹剧痛3小时。{asked}", options, "A")
        assert matches(example, case) == [] == matches(qa("x:1", asked), case)

    def test_nor_is_a_long_one_of_several_cases(self):
        other = self.case("4", "现病史：患者女，60岁，反复咳嗽咳痰10年，加重伴气促3天。")
        assert matches(qa("x:1", self.ASKED[0]), self.case(), other) == []
        assert matches(qa("x:1", self.CASE), self.case(), other) == [("cmb_clin:3", 1.0)]

    def test_the_surest_text_counts_though_another_is_there_in_part(self):
        """A few words of the second question must not hide that the description is there whole."""
        part = self.ASKED[1][:9]
        example = qa("x:1", f"{self.CASE}{part}")
        alone = ItemIndex([item("3", self.ASKED[1])])
        assert alone.matches(example) == [] and len(tokens(part)) >= NGRAM
        assert matches(example, self.case()) == [("cmb_clin:3", 1.0)]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_an_index_made_by_parts_is_the_same(monkeypatch, size):
    items = [item("1", QUESTION), item("2", SHORT), item("3", QUESTION[10:40]), item("4", SHORT)]
    rows = [[QUESTION, "A"], [SHORT, "青霉素"], ["无关的话" * 9, "是的"], [QUESTION[5:45], SHORT]]
    whole = ItemIndex(items).search(rows)
    assert [len(found) for found in whole.values()] == [2, 2, 4]
    monkeypatch.setattr(item_index, "PART", size)
    assert ItemIndex(iter(items)).search(rows) == whole


CHINESE = st.text("患者男女性头痛发热咳嗽三天伴恶心呕吐查体血压心率", min_size=NGRAM, max_size=60)
ENGLISH = st.lists(
    st.sampled_from(["patient", "fever", "cough", "acute", "pain", "drug", "most", "cause", "b12"]),
    min_size=NGRAM,
    max_size=25,
).map(" ".join)
AROUND = st.text("甲乙丙丁戊己庚辛壬癸，。？\n", max_size=40)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    CHINESE | ENGLISH, AROUND, AROUND, st.integers(0, 3), st.lists(AROUND, min_size=4, max_size=4)
)
def test_an_item_inserted_verbatim_is_always_found(text, before, after, turn, texts):
    texts[turn] = f"{before} {text} {after}"
    index = ItemIndex([item("other", "甲乙" * 20), item("7", text)])
    assert ("cmb:7", 1.0) in index.matches(dialogue(*texts))
    assert ("cmb:7", 1.0) in index.matches(exam("x:1", texts[turn], OPTIONS, "A"))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(CHINESE | ENGLISH, st.lists(AROUND, min_size=2, max_size=4))
def test_an_unrelated_item_is_never_found(text, texts):
    assert matches(dialogue(*texts), item("7", text)) == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(CHINESE, min_size=1, max_size=8), st.lists(CHINESE, max_size=6), st.booleans())
def test_rows_in_are_kept_plus_dropped_and_what_is_left_is_clear(texts, questions, drop):
    examples = [qa(f"x:{n}", text) for n, text in enumerate(texts)]
    items = [item(str(n), text) for n, text in enumerate(questions)]
    with tempfile.TemporaryDirectory() as name:
        kept, gone, entry, report = decontaminated(examples, items, Path(name), drop)
    assert entry["rows_in"] == len(examples) == entry["kept"] + sum(entry["dropped"].values())
    assert sorted([*ids(kept), *(row["id"] for row in gone)]) == sorted(ids(examples))
    assert entry["dropped"].get("in_benchmark", 0) == (report["examples_found"] if drop else 0)
    if drop:
        assert not any(ItemIndex(items).matches(example) for example in kept)


def decontaminated(examples: list[Example], items: list, folder: Path, drop: bool = True):
    """Return kept and dropped rows, the counts and the report."""
    lines = "".join(dump_item(each) + "\n" for each in items)
    (folder / "items.jsonl").write_text(lines, encoding="utf-8")
    source = save(folder / "in.parquet", examples)
    paths = {name: folder / name for name in ("out", "dropped", "ledger", "report")}
    decontaminate_file(source, items=[folder / "items.jsonl"], decontaminate=drop, **paths)
    counts = json.loads(paths["ledger"].read_bytes())["datasets"]
    found = json.loads(paths["report"].read_bytes())
    return list(read_examples(paths["out"])), drops(paths["dropped"]), counts.get("x"), found


def test_many_rows_at_once_are_searched_as_each_alone():
    texts = [QUESTION, SHORT, f"{QUESTION}{QUESTION[:20]}", "头痛怎么办？", QUESTION[:25], ""]
    index = ItemIndex([item("1", QUESTION), item("2", SHORT), item("3", QUESTION[10:40])])
    rows = [[text, other] for text in texts for other in texts]
    alone = {n: index.search([row]).get(0) for n, row in enumerate(rows)}
    assert index.search(rows) == {n: found for n, found in alone.items() if found}
    assert index.search([]) == {}


def test_progress_names_the_curation(tmp_path, capsys):
    decontaminated([qa("x:1")], [item("7", QUESTION)], tmp_path)
    assert capsys.readouterr().err.startswith(f"decontaminate {tmp_path}/out: 1/1 in ")


def test_a_drop_names_the_item_and_the_share(tmp_path):
    kept, (row,), _, _ = decontaminated(
        [qa("x:1"), qa("x:2", QUESTION)], [item("7", QUESTION)], tmp_path
    )
    assert ids(kept) == ["x:1"]
    assert (row["id"], row["reason"], row["detail"]) == (
        "x:2",
        "in_benchmark",
        "100% of cmb:7",
    )
    assert row["text"].startswith("user: 患者男")


class TestFile:
    EXAMPLES = (
        qa("a:1"),
        exam("a:2", QUESTION, OPTIONS, "A"),
        qa("b:1", QUESTION),
        qa("b:2", TestClinicalCase.CASE),
    )

    def sources(self, folder: Path) -> tuple[Path, list[Path]]:
        clinical = item("3", TestClinicalCase.CASE, ["如何治疗？"], benchmark="cmb_clin")
        files = {"cmb": [item("7", QUESTION), item("8", SHORT)], "cmb_clin": [clinical]}
        paths = []
        for name, items in files.items():
            paths.append(folder / f"{name}.jsonl")
            lines = "".join(dump_item(each) + "\n" for each in items)
            paths[-1].write_text(lines, encoding="utf-8")
        return save(folder / "in.parquet", self.EXAMPLES), paths

    def run(self, sources, folder: Path, drop=True, threads=1, allowed=()) -> dict:
        names = {"out": "parquet", "dropped": "parquet", "ledger": "json", "report": "json"}
        paths = {name: folder / f"{name}.{kind}" for name, kind in names.items()}
        source, items = sources
        decontaminate_file(
            source, items=items, decontaminate=drop, **paths, threads=threads, allow_splits=allowed
        )
        return json.loads((folder / "report.json").read_bytes())

    def test_examples_and_report(self, tmp_path):
        report = self.run(self.sources(tmp_path), tmp_path)
        assert ids(read_examples(tmp_path / "out.parquet")) == ["a:1"]
        assert [row["id"] for row in drops(tmp_path / "dropped.parquet")] == ["a:2", "b:1", "b:2"]
        assert report["items"] == 3 and report["items_by_benchmark"] == {"cmb": 2, "cmb_clin": 1}
        assert report["items_found"] == 2 and report["examples_found"] == 3
        assert report["examples_by_dataset"] == {"a": 1, "b": 2}
        assert report["examples_by_benchmark"] == {"cmb": 2, "cmb_clin": 1}
        assert report["dropped"] is True
        assert report["pairs"][0] == {"example": "a:2", "item": "cmb:7", "share": 1.0}
        assert report["found"] == {"cmb:7": ["a:2", "b:1"], "cmb_clin:3": ["b:2"]}
        assert report["found_in_more"] == []

    def test_an_item_of_many_examples_names_some_and_is_listed(self, tmp_path, monkeypatch):
        monkeypatch.setattr(decontaminate, "REPORTED_EXAMPLES", 1)
        report = self.run(self.sources(tmp_path), tmp_path)
        assert report["found"] == {"cmb:7": ["a:2"], "cmb_clin:3": ["b:2"]}
        assert report["found_in_more"] == ["cmb:7"]

    @pytest.mark.parametrize(
        ("split", "kept"), [("val", ["a:1", "a:2", "b:1"]), ("test", ["a:1", "b:2"])]
    )
    def test_a_split_that_is_training_data_is_not_looked_for(self, tmp_path, split, kept):
        """In config/real.yaml CMMLU's solved questions are trained on, its test questions never."""
        source, (choice, *others) = self.sources(tmp_path)
        solved = [dump_item(replace(each, split="val")) for each in load_items(choice)]
        choice.write_text("\n".join(solved), encoding="utf-8")
        report = self.run((source, [choice, *others]), tmp_path, allowed=[split])
        assert ids(read_examples(tmp_path / "out.parquet")) == kept
        assert report["allowed_splits"] == [split]

    def test_a_split_that_no_benchmark_has_is_an_error(self, tmp_path):
        with pytest.raises(UserError, match=r"--allow-splits dev: no such split\. Take one of val"):
            self.run(self.sources(tmp_path), tmp_path, allowed=["dev"])

    def test_keeping_them_reports_the_same(self, tmp_path):
        sources = self.sources(tmp_path)
        for name in ("drop", "keep"):
            (tmp_path / name).mkdir()
        dropped = self.run(sources, tmp_path / "drop")
        kept = self.run(sources, tmp_path / "keep", drop=False)
        assert kept == {**dropped, "dropped": False}
        assert ids(read_examples(tmp_path / "keep/out.parquet")) == [e.id for e in self.EXAMPLES]
        assert drops(tmp_path / "keep/dropped.parquet") == []

    def test_reported_pairs_are_limited_and_counts_are_not(self, tmp_path, monkeypatch):
        monkeypatch.setattr(decontaminate, "REPORTED_PAIRS", 1)
        report = self.run(self.sources(tmp_path), tmp_path)
        assert len(report["pairs"]) == 1 and report["examples_found"] == 3
        assert sum(map(len, report["found"].values())) == 3

    def test_same_input_same_bytes(self, tmp_path):
        sources = self.sources(tmp_path)
        assert (
            same_bytes(lambda folder: self.run(sources, folder), tmp_path / "one", tmp_path / "two")
            == 4
        )


def test_an_item_in_simplified_script_is_found_in_a_traditional_example():
    """MedQA's Taiwan part is traditional; the benchmarks are simplified."""
    asked = "患者男，五十八岁，突发胸骨后压榨样疼痛两小时，伴大汗，首选的检查项目是什么"
    told = "患者男，五十八歲，突發胸骨後壓榨樣疼痛兩小時，伴大汗，首選的檢查項目是什麼"
    index = ItemIndex([item("1", asked)])
    assert index.matches(qa("a:1", told, "心電圖。")) == [("cmb:1", 1.0)]
