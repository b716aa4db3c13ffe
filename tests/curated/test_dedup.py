"""Copies go, the first stays; a near copy is one by exact similarity, never by chance alone."""

import json
import random
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.curated.dedup import dedup_files
from collectivesft.curated.duplicates.comparison_text import compared_batch
from collectivesft.curated.duplicates.find import NGRAM, SMALLEST
from collectivesft.curated.storage import parquet
from collectivesft.curated.storage.parquet import read_batches, read_examples
from collectivesft.curated.text.ngrams import jaccard, tokens
from collectivesft.curated.text.unicode_fold import SEPARATOR, fold_text
from collectivesft.schema.example import Drop, Example
from tests.helpers.curated_examples import drops, exam, ids, ngrams, qa, same_bytes, save

LONG = "一侧太阳穴跳着疼，怕光想吐，每月两三次，持续大半天，有什么预防办法？"
ADVICE = "发作频繁时可在医生指导下服用预防药物，平时记录诱因，规律作息，避免熬夜和空腹。"


def results(examples: list[Example], near=True, threshold=0.8) -> list[Example | Drop]:
    """Return the fate of each example, in their order."""
    with tempfile.TemporaryDirectory() as name:
        return run(examples, Path(name), near, threshold)[0]


def run(
    examples: list[Example], folder: Path, near=True, threshold=0.8, threads=1
) -> tuple[list[Example | Drop], dict]:
    """Return the fate of each example, and the counts."""
    source = save(folder / "in.parquet", examples)
    paths = [folder / name for name in ("out.parquet", "dropped.parquet", "ledger.json")]
    dedup_files([source], near, threshold, *paths, threads=threads)
    found = {example.id: example for example in read_examples(paths[0])}
    for row in drops(paths[1]):
        found[row["id"]] = Drop(row["id"], row["reason"], row["text"], row["detail"])
    return [found[example.id] for example in examples], json.loads(paths[2].read_bytes())


def reasons(found: list[Example | Drop]) -> list[str]:
    return [result.reason if isinstance(result, Drop) else "kept" for result in found]


class TestExact:
    def test_first_copy_is_kept_and_named(self):
        found = results([qa("a:1"), qa("b:1"), qa("b:2", "另一问")])
        assert reasons(found) == ["kept", "exact_duplicate", "kept"]
        assert found[1].detail == "same text as a:1" and found[1].id == "b:1"

    def test_case_width_spacing_and_punctuation_do_not_count(self):
        first = qa("a:1", "What is CRP？", "C 反应蛋白。")
        second = qa("a:2", "what  is　ＣＲＰ", "C反应蛋白")
        assert reasons(results([first, second])) == ["kept", "exact_duplicate"]

    def test_another_answer_is_another_example(self):
        found = results([qa("a:1", answer="多休息。"), qa("a:2", answer="先就诊。")])
        assert reasons(found) == ["kept", "kept"]

    def test_earlier_turns_count(self):
        turns = [("user", "甲"), ("assistant", "乙"), ("user", "丙"), ("assistant", "丁")]
        other = [("user", "甲"), ("assistant", "戊"), *turns[2:]]
        found = results(
            [Example(f"a:{n}", "a", "dialogue", "zh", t) for n, t in enumerate([turns, other])]
        )
        assert reasons(found) == ["kept", "kept"]

    def test_exam_options_may_be_in_another_order_and_another_instruction(self):
        options = {"A": "口服铁剂", "B": "输血", "C": "叶酸"}
        moved = {"A": "叶酸", "B": "口服铁剂", "C": "输血"}
        found = results(
            [
                exam("a:1", "缺铁性贫血首选", options, "A"),
                exam("b:1", "缺铁性贫血首选", moved, "B", head="请作答："),
                exam("b:2", "缺铁性贫血首选", moved, "A"),
            ]
        )
        assert reasons(found) == ["kept", "exact_duplicate", "kept"]

    def test_texts_of_punctuation_alone_are_not_all_the_same(self):
        assert reasons(results([qa("a:1", "？？", "……"), qa("a:2", "！", "。")])) == [
            "kept",
            "kept",
        ]

    def test_near_copies_stay_where_only_exact_ones_are_asked_for(self):
        examples = [qa("a:1", LONG, ADVICE), qa("a:2", LONG.replace("疼", "痛"), ADVICE)]
        assert reasons(results(examples, near=False)) == ["kept", "kept"]
        assert reasons(results(examples, near=True)) == ["kept", "near_duplicate"]


class TestNear:
    def test_similarity_and_kept_copy_are_named(self):
        found = results([qa("a:1", LONG, ADVICE), qa("b:7", LONG.replace("疼", "痛"), ADVICE)])
        similarity = jaccard(
            *(ngrams(f"{q}\n{ADVICE}", NGRAM) for q in (LONG, LONG.replace("疼", "痛")))
        )
        assert found[1].detail == f"similarity {similarity:.2f} with a:1"

    def test_short_texts_are_compared_exactly_only(self):
        short = "高血压患者应低盐饮食吗"  # with the answer fewer than SMALLEST n-grams
        examples = [qa("a:1", short, "应"), qa("a:2", short, "要")]
        assert len(ngrams(f"{short}\n应", NGRAM)) < SMALLEST
        assert reasons(results(examples, threshold=0.1)) == ["kept", "kept"]

    def test_two_exam_questions_with_other_right_answers_are_not_near_copies(self):
        options = {"A": "口服铁剂治疗", "B": "输注红细胞", "C": "口服叶酸片", "D": "注射维生素"}
        question = "患者女，25岁，月经过多，面色苍白乏力半年，下列处理中正确的是"
        wrong = question.replace("正确", "错误")
        same = question.replace("半年", "一年")
        found = results(
            [
                exam("a:1", question, options, "A"),
                exam("a:2", wrong, options, "B"),
                exam("a:3", same, options, "A"),
            ]
        )
        assert reasons(found) == ["kept", "kept", "near_duplicate"]
        assert found[2].detail.endswith("with a:1")

    def test_an_exam_question_and_a_consultation_are_not_compared(self):
        options = {"A": ADVICE, "B": "不必处理"}
        question = "\n".join([LONG, *sorted(options.values())])
        found = results([qa("a:1", question, ""), exam("a:2", LONG, options, "A")])
        assert "near_duplicate" not in reasons(found)


def labelled(id: str, text: str, wanted: str) -> Example:
    """A question with labels, as CMID's reader makes it."""
    user = f"分析下列描述中提到的医学专有名词并分析其意图：\n\n{text}"
    answer = f"该描述提到了{wanted}，期望知道该治疗方案及其禁忌，饮食。"
    return Example(id, "cmid", "ner", "zh", [("user", user), ("assistant", answer)], {})


CMID = {
    "糖尿病患者能吃西瓜吗": "糖尿病",
    "糖尿病患者能吃葡萄吗": "糖尿病",
    "痛风患者能吃海带吗": "痛风",
    "痛风患者能吃豆腐吗": "痛风",
    "空腹血糖7.8要吃药吗": "血糖",
    "空腹血糖9.1要吃药吗": "血糖",
    "尿酸480怎么办": "尿酸",
    "尿酸620怎么办": "尿酸",
    "胃炎吃什么水果好": "胃炎",
    "胃炎吃什么蔬菜好": "胃炎",
}
INSTRUCTION = "你是一位认真负责的心内科医生，请用简单明白的话回答患者提出的下列问题，不要开药。"
FRAME = "以上内容仅供参考，不能代替面诊，如有不适请及时到正规医院就诊，祝您早日康复。"
ASKED = [f"{drug}{ask}" for drug in ("阿司匹林", "华法林", "地高辛", "美托洛尔", "硝酸甘油")
         for ask in ("饭前吃还是饭后吃", "能和酒同服吗", "漏服一次怎么办", "会引起咳嗽吗",
                     "要吃多久", "孕妇能用吗", "老人减量吗", "多少钱一盒")]  # fmt: skip
PLACES = {
    "first": lambda text: [("user", f"{INSTRUCTION}\n{text}")],
    "last": lambda text: [("user", f"{text}\n{INSTRUCTION}")],
    "system": lambda text: [("system", INSTRUCTION), ("user", text)],
}


class TestTemplate:
    def test_ten_labelled_questions_of_one_form_are_ten(self):
        found = results([labelled(f"cmid:{i}", *pair) for i, pair in enumerate(CMID.items())])
        assert reasons(found) == ["kept"] * len(CMID)

    def test_a_labelled_question_asked_again_in_nearly_the_same_words_goes(self):
        asked = "患者男，56岁，糖尿病十年，近一周视物模糊伴双下肢水肿，能不能吃西瓜和葡萄"
        pairs = [(asked, "糖尿病"), (f"{asked}呢", "糖尿病"), (f"{asked}啊", "水肿")]
        found = results([labelled(f"cmid:{i}", *pair) for i, pair in enumerate(pairs)])
        assert reasons(found) == [
            "kept",
            "near_duplicate",
            "kept",
        ]  # the last is labelled otherwise

    @pytest.mark.parametrize("place", PLACES)
    def test_a_datasets_own_instruction_and_frame_make_no_copies(self, place):
        rows = [
            Example(f"lab:{i}", "lab", "qa", "zh", [*PLACES[place](text), ("assistant", FRAME)])
            for i, text in enumerate(ASKED)
        ]
        assert reasons(results(rows)) == ["kept"] * len(ASKED)

    @pytest.mark.parametrize("place", PLACES)
    def test_a_near_copy_within_a_template_is_still_found(self, place):
        texts = [*ASKED, LONG, LONG.replace("疼", "痛")]
        rows = [
            Example(f"lab:{i}", "lab", "qa", "zh", [*PLACES[place](text), ("assistant", FRAME)])
            for i, text in enumerate(texts)
        ]
        assert reasons(results(rows)) == ["kept"] * (len(ASKED) + 1) + ["near_duplicate"]

    def test_another_datasets_rows_are_compared_without_its_template(self):
        rows = [
            Example(f"lab:{i}", "lab", "qa", "zh", [*PLACES["first"](text), ("assistant", FRAME)])
            for i, text in enumerate(ASKED)
        ]
        other = [qa("b:1", LONG, ADVICE), qa("b:2", LONG.replace("疼", "痛"), ADVICE)]
        assert reasons(results([*rows, *other]))[-2:] == ["kept", "near_duplicate"]


class TestScript:
    def test_a_traditional_copy_of_a_simplified_text_is_an_exact_copy(self):
        rows = [
            qa("a:1", "头痛应该怎么办？", "请先测量血压。"),
            qa("a:2", "頭痛應該怎麼辦？", "請先測量血壓。"),
        ]
        assert reasons(results(rows)) == ["kept", "exact_duplicate"]

    def test_the_texts_that_are_kept_stay_traditional(self):
        found = results([qa("a:1", "頭痛應該怎麼辦？", "請先測量血壓。")])
        assert found[0].messages[0] == ("user", "頭痛應該怎麼辦？")

    def test_characters_are_folded_one_by_one(self):
        assert fold_text("程式性細胞死亡") == "程式性细胞死亡"  # not 程序性


ALPHABET = (
    "患者男女性头痛发热咳嗽三天伴恶心呕吐查体血压心率正常首选治疗药物手术检查诊断鉴别高低左右上下"
)


def family(generator: random.Random) -> list[str]:
    """Random texts of which some are copies of others with a few characters changed."""
    texts = []
    for _ in range(16):
        text = generator.choices(ALPHABET, k=generator.randint(25, 120))
        for _ in range(generator.randint(1, 6)):
            copy = list(text)
            for place in generator.sample(range(len(copy)), generator.randint(0, 4)):
                copy[place] = generator.choice(ALPHABET)
            texts.append("".join(copy))
    generator.shuffle(texts)
    return texts


def brute_force(texts: list[str], threshold: float) -> list[float | None]:
    """For each text None if it is kept, or its similarity to the first kept copy."""
    kept, verdicts = [], []
    for text in texts:
        words = tokens(text)
        grams = {tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)}
        likeness = [len(grams & other) / len(grams | other) for other in kept]
        verdicts.append(next((value for value in likeness if value >= threshold), None))
        if verdicts[-1] is None:
            kept.append(grams)
    return verdicts


@pytest.mark.parametrize("threshold", [0.8, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_near_copies_are_those_that_comparing_every_pair_finds(seed, threshold):
    texts = family(random.Random(seed))
    examples = [qa(f"a:{n}", text, "。") for n, text in enumerate(texts)]
    found = results(examples, threshold=threshold)
    expected = brute_force(texts, threshold)
    assert any(value is not None for value in expected)
    for result, value in zip(found, expected, strict=True):
        assert isinstance(result, Drop) == (value is not None), result.id
        if isinstance(result, Drop) and result.reason == "near_duplicate":
            assert f"similarity {value:.2f} with" in result.detail


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.floats(0.3, 1.0))
def test_no_text_below_the_threshold_is_dropped(seed, threshold):
    texts = family(random.Random(seed))
    found = results([qa(f"a:{n}", text, "。") for n, text in enumerate(texts)], threshold=threshold)
    for n, result in enumerate(found):
        if isinstance(result, Drop):
            other = int(re.search(r"a:(\d+)$", result.detail).group(1))
            assert isinstance(found[other], Example) and other < n
            assert brute_force([texts[other], texts[n]], threshold)[1] is not None


# Texts whose difference is easily lost: a sign, a point, a word more.
CHOICES = (
    "+",
    "-",
    "1.5mg",
    "15mg",
    ">5",
    "<5",
    "阳性",
    "阴性",
    "钠",
    "钠钾",
    "钾",
    "7-10天",
    "710天",
    "A",
    "B",
)
QUESTIONS = (
    "下列各项中正确的是",
    "下列各项中错误的是",
    f"{LONG}下列说法正确的是",
    f"{LONG}下列说法错误的是",
)


@st.composite
def exams(draw) -> Example:
    texts = draw(st.lists(st.sampled_from(CHOICES), min_size=2, max_size=5, unique=True))
    options = dict(zip("ABCDE", texts, strict=False))
    right = draw(st.sets(st.sampled_from(sorted(options)), min_size=1))
    return exam("a:0", draw(st.sampled_from(QUESTIONS)), options, "".join(sorted(right)))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(exams(), min_size=2, max_size=12), st.floats(0.3, 1.0))
def test_no_two_exam_questions_with_different_right_answers_are_merged(examples, threshold):
    for n, example in enumerate(examples):
        example.id = f"a:{n}"
    right = [{e.meta["options"][letter] for letter in e.meta["answer"]} for e in examples]
    for n, result in enumerate(results(examples, threshold=threshold)):
        if isinstance(result, Drop):
            kept = int(re.search(r"a:(\d+)$", result.detail).group(1))
            assert kept < n and right[kept] == right[n]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        exams() | st.integers(0, 3).map(lambda n: qa("a:0", f"{LONG}{n}", ADVICE)), max_size=20
    )
)
def test_rows_in_are_kept_plus_dropped_and_a_second_pass_drops_nothing(examples):
    for n, example in enumerate(examples):
        example.id = f"a:{n}"
    with tempfile.TemporaryDirectory() as name:
        found, counts = run(examples, Path(name))
    assert [result.id for result in found] == [example.id for example in examples]
    if examples:
        entry = counts["datasets"]["a"]
        assert entry["rows_in"] == len(examples) == entry["kept"] + sum(entry["dropped"].values())
    kept = [result for result in found if isinstance(result, Example)]
    assert results(kept) == kept


def test_what_is_compared_leaves_the_instruction_out(tmp_path):
    options = {"A": "甲", "B": "乙"}
    examples = [exam("a:1", "题", options, "A", head="说明"), qa("a:2", "问", "答")]
    (batch,) = read_batches(save(tmp_path / "in.parquet", examples))
    texts = "".join(map(chr, compared_batch(batch).folded.codes))
    assert texts.split(SEPARATOR) == ["题\n乙\n甲", "甲", "问", "答", ""]


def test_progress_names_the_curation(tmp_path, capsys):
    run([qa("a:1"), qa("a:2")], tmp_path)
    label = f"dedup {tmp_path}/out.parquet: "
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(label).partition(":")[0] for line in lines] == [
        "read", "compare", "write",
    ]  # fmt: skip


class TestFiles:
    def write(self, folder: Path, seed: int = 7) -> list[Path]:
        texts = family(random.Random(seed))
        half = len(texts) // 2
        parts = {"a": texts[:half], "b": texts[half:]}
        return [
            save(
                folder / f"{name}.parquet", [qa(f"{name}:{n}", t, "。") for n, t in enumerate(part)]
            )
            for name, part in parts.items()
        ]

    def dedup(self, sources: list[Path], folder: Path) -> None:
        names = ("out.parquet", "dropped.parquet", "ledger.json")
        dedup_files(sources, True, 0.8, *(folder / name for name in names))

    def test_the_first_file_is_the_preferred(self, tmp_path):
        first = save(tmp_path / "a.parquet", [qa("a:1"), qa("a:2", "别的")])
        second = save(tmp_path / "b.parquet", [qa("b:1"), qa("b:2", "又一个")])
        self.dedup([second, first], tmp_path)
        assert ids(read_examples(tmp_path / "out.parquet")) == ["b:1", "b:2", "a:2"]
        (drop,) = drops(tmp_path / "dropped.parquet")
        assert (drop["id"], drop["dataset"], drop["reason"]) == ("a:1", "a", "exact_duplicate")

    @pytest.mark.parametrize("batch", [1, 3, 7])
    def test_the_result_does_not_depend_on_the_batch(self, tmp_path, monkeypatch, batch):
        sources = self.write(tmp_path)
        (tmp_path / "whole").mkdir()
        self.dedup(sources, tmp_path / "whole")
        monkeypatch.setattr(parquet, "BATCH", batch)
        (tmp_path / "parts").mkdir()
        self.dedup(sources, tmp_path / "parts")
        kept = [list(read_examples(tmp_path / f / "out.parquet")) for f in ("whole", "parts")]
        gone = [drops(tmp_path / f / "dropped.parquet") for f in ("whole", "parts")]
        assert kept[0] == kept[1] and gone[0] == gone[1] and len(gone[0]) >= 3

    def test_same_input_same_bytes(self, tmp_path):
        sources = self.write(tmp_path)
        assert (
            same_bytes(
                lambda folder: self.dedup(sources, folder), tmp_path / "one", tmp_path / "two"
            )
            == 3
        )
