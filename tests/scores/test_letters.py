"""Reading letters from what a model wrote: CMB's way with its faults, and the corrected one."""

import gc
import itertools
import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectivesft.scores.extract.early_stop import is_final
from collectivesft.scores.extract.letters import corrected, official, vote
from collectivesft.scores.extract.polarity import asks_for_denied

OPTIONS = "ABCDE"


@pytest.mark.parametrize(
    ("text", "multiple", "letters"),
    [
        ("答案是B。", False, "B"),
        ("CT和DNA，选择B", True, "CDAB"),
        ("CT和DNA，选择B", False, "C"),
        ("答案是A。更正：答案是C。", False, "A"),
        ("答案是CA。", True, "CA"),
        ("答案是AA。", True, "AA"),
        ("正确选项为\nD.", True, "D"),
        ("答案是维生素。选B", True, ""),
        ("选B, G 或 H", True, "BG"),
        ("", True, ""),
    ],
)
def test_official_reads_as_the_benchmark_does(text, multiple, letters):
    assert official(text, multiple) == letters


SINGLE = {
    "答案是B。": "B",
    "CT和DNA，选择B": "B",
    "答案：Ｃ": "C",
    "正确答案为(B)": "B",
    "答案应该是B": "B",
    "答案是选项C": "C",
    "故答案选A": "A",
    "答案是“D”。": "D",
    "因此，本题选E": "E",
    "排除A，故选D": "D",
    "不选A，选择B": "B",
    "答案不是A，B正确": "B",
    "The answer is **C**.": "C",
    "Answer: B": "B",
    "答案是A。不对，答案是D。": "D",
    "答案是B\n解析：C错误，D错误": "B",
    "答案是A CT检查": "A",
    "答案是B、C": "B",
    "B": "B",
    "**B**": "B",
    "(C)": "C",
    "B. 阿司匹林": "B",
    "A：肝炎": "A",
    "考虑为D。": "D",
    "B选项正确": "B",
    "选项B是正确的": "B",
    "A B型血": "A",
    "考虑为D，A、B型血少见": "D",
}


def test_corrected_reads_one_answer():
    assert {text: corrected(text, False, OPTIONS) for text in SINGLE} == SINGLE


MULTIPLE = {
    "AC": "AC",
    "CA": "AC",
    "A、C": "AC",
    "A B": "AB",
    "正确选项是A和C": "AC",
    "答案为：ABE": "ABE",
    "答案:A,C,E": "ACE",
    "答案选择：B、C": "BC",
    "答案是AC。最后更正：答案是BD。": "BD",
    "A. 头痛\nC. 发热": "AC",
    "答案是A和B超": "A",
    "应为 A、B两项": "AB",
    "A和C都对": "AC",
    "A、B、E三个选项": "ABE",
}


def test_corrected_reads_several_answers_sorted():
    assert {text: corrected(text, True, OPTIONS) for text in MULTIPLE} == MULTIPLE


NOTHING = [
    "", "答案是", "选择题", "CT", "HIV", "DNA", "B超", "B超检查", "维生素B12", "维生素C缺乏",
    "维生素 C", "A型血", "C-反应蛋白", "37℃时", "37°C", "E抗原", "hepatitis B infection",
    "A patient with fever", "答案是CT", "答案是B超", "答案是F", "答案不是A", "β-A", "bad",
    "答案是bad。", "A、B型血", "A和B型血", "A、B血型", "A 或 B型", "B、T细胞", "维生素A、D",
    "维生素A、C和E缺乏", "不是A或B",
]  # fmt: skip


@pytest.mark.parametrize("multiple", [False, True])
def test_corrected_takes_no_letter_from_a_term(multiple):
    assert not [text for text in NOTHING if corrected(text, multiple, OPTIONS)]


def test_only_letters_that_are_options_count():
    assert corrected("答案是E", False, "ABCD") == ""
    assert corrected("答案是F", False, "ABCDEF") == "F"
    assert corrected("答案是A", False, "") == ""


OUTPUTS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data/model_outputs.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


def readings_of(row: dict) -> dict[str, str]:
    """Read one pinned output with both extractors."""
    text, multiple = row["text"] * row.get("repeat", 1), row.get("multiple", False)
    options, lead = row.get("options", OPTIONS), row.get("lead", "")
    return {
        "official": official(text, multiple),
        "corrected": corrected(text, multiple, options, lead),
    }


def test_outputs_that_models_write_are_read_as_pinned():
    """Written for this test: restated options, retractions, words with letters, tags, refusals."""
    assert len(OUTPUTS) > 1000
    offenders = [
        (row, found) for row in OUTPUTS if not (found := readings_of(row)).items() <= row.items()
    ]
    assert not offenders


def test_the_pinned_outputs_are_several_hundred_different_ones():
    assert len({json.dumps(row, sort_keys=True) for row in OUTPUTS}) == len(OUTPUTS) > 1000
    assert sum(set(row["official"]) != set(row["corrected"]) for row in OUTPUTS) > 300


@pytest.mark.parametrize(
    ("readings", "answer"),
    [([], ""), ([""], ""), (["A"], "A"), (["", "B"], "B"), (["A", "B", "B"], "B"),
     (["B", "A", "A", "B"], "B"), (["AC", "CA", "CA"], "CA")],
)  # fmt: skip
def test_samples_vote_as_in_the_benchmark(readings, answer):
    assert vote(readings) == answer


SET = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "resources/reading/answers.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


def read_row(row: dict) -> str:
    """The corrected reading of a row of the published test set."""
    return corrected(
        row["text"], row["multiple"], row["options"], "", row["question"], row["stopped"]
    )


def shares(rows: list[dict]) -> tuple[float, float]:
    """Return the share of answers that are read right, and of those that get wrong letters."""
    found = [(read_row(row), row["key"]) for row in rows]
    right = sum(read == key for read, key in found)
    return right / len(rows), sum(read not in ("", key) for read, key in found) / len(rows)


def test_what_the_rules_were_tuned_to_is_read_right():
    assert len(SET) > 300
    assert not [row["id"] for row in SET if not row["held_out"] and read_row(row) != row["key"]]


# Rounds of answers that were scored before any rule was changed for them.
ROUNDS = ("sixth", "seventh", "eighth", "ninth", "tenth", "eleventh")


@pytest.mark.parametrize(
    ("name", "answers", "least_right", "most_wrong"),
    [
        ("", 128, 0.95, 0.01),  # the aim
        ("sixth", 61, 0.98, 0.0),  # without five: one of 61 is not read
        ("seventh", 85, 0.91, 0.0),  # without the 19 answers that rules were changed for
        ("eighth", 71, 0.84, 0.0),  # without twelve; far below the aim: 11 of 71 are not read
        ("ninth", 42, 1.0, 0.0),  # ordinary answers, as at first sight
        ("tenth", 120, 0.94, 0.017),  # the half that no rule was changed for
        ("eleventh", 248, 0.967, 0.0),  # without the two that got a wrong letter at first sight
    ],
)
def test_held_out_answers_are_read_by_round(name, answers, least_right, most_wrong):
    """A careful reader's letters: the older held-out answers, and each round as it reads now.

    At first sight 60 of all 66 of the sixth round were read right and 3 got wrong letters; of all
    104 of the seventh 75.0 % and 8.7 %, of all 83 of the eighth 72.3 % and 3.6 %, of all 237 of the
    tenth 92.0 % and 1.7 %, of all 250 of the eleventh 96.0 % and 0.8 %. Answers
    that were mended afterwards are no longer held out.
    """
    rounds = {row["id"]: row["id"].partition("-")[0] for row in SET if row["held_out"]}
    named = {id: one if one in ROUNDS else "" for id, one in rounds.items()}
    held = [row for row in SET if named.get(row["id"]) == name]
    right, wrong = shares(held)
    assert len(held) == answers
    assert right >= least_right
    assert wrong <= most_wrong


@pytest.mark.parametrize("kind", sorted({row["kind"] for row in SET}))
def test_no_kind_is_read_worse_than_by_the_benchmarks_own_way(kind):
    rows = [row for row in SET if row["kind"] == kind]
    own = sum(set(official(row["text"], row["multiple"])) == set(row["key"]) for row in rows)
    assert shares(rows)[0] * len(rows) >= own


def test_one_published_option_text_twice_names_no_letter():
    texts = {"A": "硝普钠", "B": "阿托品", "C": "硝普钠"}
    assert corrected("硝普钠", False, texts) == ""
    assert corrected("阿托品", False, texts) == "B"


@pytest.mark.parametrize(
    ("question", "letter"),
    [("下列说法错误的是", "C"), ("下列说法正确的是", "A"), ("下列没有错误的是", "A"), ("", "A")],
)
def test_a_verdict_is_read_by_the_questions_polarity(question, letter):
    assert corrected("A选项正确，C选项错误。", False, OPTIONS, question=question) == letter


DRUGS = {"A": "肠内营养", "B": "哮喘", "C": "心力衰竭", "D": "肺炎", "E": "阿司匹林"}
ENGLISH = {"A": "Aspirin", "B": "Warfarin", "C": "Heparin", "D": "Insulin"}
ILL = "男，30岁，不能平卧，咳粉红色泡沫痰，最可能的诊断是"
NO_RESPONSE = "A patient does not respond to oral drugs. What is the next step?"


@pytest.mark.parametrize(
    ("question", "text", "options", "letter"),
    [
        ("患者昏迷，不能进食，营养支持首选的是", "A不宜，应考虑胃肠外途径", DRUGS, ""),
        ("昏迷不能进食者营养支持首选的是", "A不宜，应考虑胃肠外途径", DRUGS, ""),
        ("不能进食的患者，营养支持的方式是", "A不宜，应考虑胃肠外途径", DRUGS, ""),
        (ILL, "B不需要考虑", DRUGS, ""),
        (ILL, "排除肺炎的可能", DRUGS, ""),
        (ILL, "考虑患者为心力衰竭", DRUGS, "C"),
        (NO_RESPONSE, "A is not appropriate here.", ENGLISH, ""),
        (NO_RESPONSE, "Give Heparin at once.", ENGLISH, "C"),
        ("At least which drug should be given?", "Give Heparin at once.", ENGLISH, "C"),
        ("Which drug suits a man who does not eat?", "Give Heparin.", ENGLISH, "C"),
        ("Which drug does not lower clotting?", "D does not: D is NOT one.", ENGLISH, "D"),
        ("阿司匹林不能缓解的是", "A、B、C、E均可缓解，D不能。", DRUGS, "D"),
    ],
)
def test_only_the_asking_clause_makes_a_denial_an_answer(question, text, options, letter):
    assert corrected(text, False, options, question=question) == letter


@pytest.mark.parametrize(
    ("question", "denial"),
    [
        ("下列哪项不属于过敏反应？", "不属于"),
        ("不是应激性溃疡病因的是", "不是"),
        ("不属于患者权利的是", "不属于"),
        ("高血压合并哮喘不宜首选的是", "不宜"),
        ("不能同时使用的是", "不能"),
        ("与本病无关的是", "无关"),
        ("不是该器官血液供应来源的是", "不是"),
        ("Which drug should not be given to this patient?", "not"),
        ("Which of the following is NOT a complication of COPD?", "NOT"),
        ("属于不可逆性胆碱酯酶抑制药的是", ""),
        ("属于非必需氨基酸的是", ""),
        ("有效不应期最长的细胞是", ""),
        ("不能说话的患儿检查方法是", ""),
        ("What is the least likely diagnosis?", ""),
        ("In a man not responding, which drug is used?", ""),
    ],
)
def test_a_denial_in_a_term_or_in_a_history_asks_for_nothing(question, denial):
    assert asks_for_denied(question) == denial


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("不能用A，即B最危险，应避免。", ""),
        ("所以B最危险，应避免。", ""),
        ("故A最常见的副作用是出血，慎用。", ""),
        ("A起效慢，即B最合适。", "B"),
        ("正确做法：A不用。", ""),
        ("正确做法：A、B不用。", ""),
        ("正确处理：A应避免。", ""),
        ("正确做法：A禁用，选B。", "B"),
        ("正确做法：A。不用其他药。", "A"),
        ("第二步，逐项排除：A为严重时表现；第三步，得出结论：B。", "B"),
        ("**结论**\nB. 阿司匹林", "B"),
        ("初步结论：A。进一步分析，最终结论应为B。", "B"),
        ("结论是A错误。", ""),
        ("结论C中提到此药。", ""),
    ],
)
def test_a_conclusion_chooses_what_it_calls_best(text, letter):
    assert corrected(text, False, OPTIONS, question="可用的药是") == letter


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("以上四个选项均属于非抗生素。", ""),
        ("以上五个选项均属于非抗生素。", ""),
        ("以上四个选项均属于抗生素。", ""),
        ("以上五个选项均属于抗生素。", "ABCDE"),
        ("以上均属于抗生素。", "ABCDE"),
        ("四项均正确", ""),
        ("五项均正确", "ABCDE"),
        ("All four options are correct.", ""),
        ("All five options are correct.", "ABCDE"),
        ("以上选项均是错误的。", ""),
        ("并非以上都是。", ""),
        ("不是全选", ""),
        ("全选错了", ""),
        ("前四项全部正确。", ""),
        ("其余选项全部正确。", ""),
        ("综合分析后全选", "ABCDE"),
    ],
)
def test_all_options_are_chosen_by_their_right_number_only(text, letters):
    assert corrected(text, True, OPTIONS, question="属于抗生素的是") == letters


def test_uneven_pupils_are_no_question_for_the_wrong_statement():
    asked = "女，60岁，双侧瞳孔不对称，诊断是"
    assert corrected("A正确，C选项错误。", False, OPTIONS, question=asked) == "A"


PIECES = st.sampled_from(
    ["答案", "是", "为", "：", "选", "择", "不", "A", "B", "E", "G", "Ａ", "℃", "。", ".", "、",
     " ", "\n", "**", "CT", "维生素", "超", "the answer is ", "(", ")", "以下是", "的一道",
     "\n问：", "<|user|>", "错", "正确", "因为患者有发热和咳嗽，并且没有其他的任何症状", "\u0301",
     "A\n", "\nB. ", "（甲药）", "选项", "A. 甲药", "B：", "和", "；", "\nD、", "×", "\u0338", "是",
     "不", "and", "-", "\nQuestion:", "[INST]", "<|im_end|>", "\ufffd", "都", "C", "\u3000",
     "<think>", "</think>", "不对，", "下一题", "若", "则应选", "还是", "维生素C", "B超", "除了",
     "都对", "\n2. ", "（）", "只剩下", "|", "~", "错误", "更正：", "→"]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join))


@given(TEXTS, st.booleans(), st.sets(st.sampled_from("ABCDEFG")))
@example("答案是Ａ、A", True, {"A"})
def test_corrected_gives_options_only_sorted_and_once(text, multiple, options):
    found = corrected(text, multiple, options)
    assert set(found) <= options
    assert found == "".join(sorted(set(found)))
    assert multiple or len(found) <= 1


@given(TEXTS, st.booleans())
def test_official_gives_letters_a_to_g(text, multiple):
    found = official(text, multiple)
    assert set(found) <= set("ABCDEFG")
    assert multiple or len(found) <= 1


@given(TEXTS, TEXTS, st.booleans(), st.sampled_from(["", "答案是"]))
@example("B." + "*" * 20, "C. ", True, "答案是")
@example("B。" + "，因为如此" * 5, "。不对，答案是C。", False, "答案是")
@example("答案是B。\n问：" + "长" * 60, "答案是C。", False, "")
@example("B。以下是<|user|>" + "长" * 48, "的一道", False, "答案是")
@example("A. 甲药，片剂，用于此病，口服，一日三次", "\nB. 乙药", True, "答案是")
@example("A\n" + "因为" * 9, "B", True, "答案是")
@example("AC\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n", "D", True, "答案是")
@example("AC.\n" + "长" * 20, "（甲药）和D（丁药）", True, "答案是")
@example("<think>答案是B。\n问：" + "长" * 60, "</think>答案是C。", False, "")
@example("<think>A</think>答案是B。\n问：" + "长" * 60, "<think>", False, "")
@example("答案是B。\n问：" + "长" * 60, "<think>答案是C。</think>D", False, "")
@example("B。因为患者有发热、咳嗽和胸痛等症状。", "<think>不对</think>C", False, "答案是")
@example("<think>\n问：答案是B。" + "长" * 60, "</think>C", True, "答案是")
@example("B\n", "×", False, "答案是")
@example("B\n*", "(×)", False, "答案是")
@example("B", "\u0307。", False, "答案是")
@example("Ｂ、", "A。", False, "答案是")
@example("G、", "A。", False, "答案是")
@example("A-", "B", False, "答案是")
@example("选。<|user|>", "\u0338，答案是C", False, "答案是")
@example("选。<|user|>\u0307", "\u0338，答案是C", False, "答案是")
@example("选。<|user|>\ufffd", "\u0338，答案是C", False, "答案是")
@example("选。以下是选B<|user|>", "的一道", False, "答案是")
@example("选。以下是选B<|user|>" + "长" * 30, "的一道", False, "答案是")
@example("选。以下是选B<|user|>" + "长" * 30 + "的一", "道", False, "答案是")
@example("B \ufffd", "×", False, "答案是")
def test_what_is_settled_stays_so_whatever_follows(text, more, multiple, lead):
    if is_final(text, lead, OPTIONS, multiple):
        now = read(text, multiple, lead)
        assert read(text + more, multiple, lead) == now
        # A character that is not whole yet, which tokens of single bytes write as up to three.
        for _ in range(3):
            text = text.removesuffix("\ufffd")
            assert read(text + more, multiple, lead) == now


def read(text: str, multiple: bool, lead: str) -> tuple[str, str]:
    """Both readings of what a model wrote after a lead, to a question for the wrong statement."""
    whole = lead + text
    asked = "下列说法错误的是"
    return official(whole, multiple), corrected(whole, multiple, TEXTS_OF, lead, asked)


TEXTS_OF = {"A": "甲药", "B": "B超", "C": "维生素C", "D": "患者有发热", "E": "以上都对"}
# What could still turn a letter into something else, or end the text before it.
TURNS = [
    *"A BC、和。.(（\n*=-选是错不×超T\u0338\u0307\ufffd",
    "<think>",
    "</think>",
    "以下是",
    "的一道",
    "<|user|>",
    "\n问:",
    "答案是",
]


def test_a_letter_and_what_follows_it_is_settled_for_every_continuation():
    more = ["".join(some) for n in (1, 2) for some in itertools.product(TURNS, repeat=n)]
    first = [t for t in more if is_final(t, "答案是", OPTIONS, False)]
    first += [t for t in (f"B{each}" for each in more) if is_final(t, "答案是", OPTIONS, False)]
    first = [t for t in first if not is_final(t[:-1], "答案是", OPTIONS, False)]
    assert len(first) > 30
    for text in first:
        now = read(text, False, "答案是")
        assert all(read(text + each, False, "答案是") == now for each in more), text


@pytest.mark.parametrize("lead", ["", "答案是"])
@pytest.mark.parametrize("multiple", [False, True])
def test_pinned_outputs_are_read_whole_as_where_they_are_settled(multiple, lead):
    found = 0
    for row in OUTPUTS:
        text = row["text"]
        ends = (n for n in range(len(text)) if is_final(text[:n], lead, OPTIONS, multiple))
        if (end := next(ends, None)) is not None:
            assert read(text[:end], multiple, lead) == read(text, multiple, lead), text
            found += 1
    assert found >= 5


@pytest.mark.parametrize(
    ("text", "lead", "done"),
    [
        ("B。因为患者有发热、咳嗽和胸痛等症状。", "答案是", True),
        ("A、C\n因为患者有发热、咳嗽和胸痛等症状。", "答案是", True),
        ("答案是B。\n\n以下是中国护理考试中护士考试的一道" + "单项选择题" * 10, "", True),
        ("<think>答案是B。\n问：" + "单项选择题" * 10, "", False),
        ("B", "答案是", False),
        ("B。", "答案是", True),
        ("**B**。", "答案是", True),
        ("B、C", "答案是", True),
        ("AC. ", "答案是", True),
        ("B\n", "答案是", False),
        ("B\n\n", "答案是", True),
        ("B 因", "答案是", True),
        ("B (", "答案是", False),
        ("答案是B。\n\n以下是中国护理考试中护士考试的一道", "", False),
        ("答案是B。\n\n以下是中国护理考试中护士考试的一道单", "", True),
        ("答案是B。<|user|>以", "", True),
        ("答案是B。以下是<|user|>以", "", False),
        ("B。", "", False),
        ("答案是B。因为患者有发热、咳嗽和胸痛等症状。", "", False),
        ("B。因为患者有发热、咳嗽和胸痛等症状。", "", False),
        ("B因为患者有发热、咳嗽和胸痛等症状。", "答案是", False),
        ("F。因为患者有发热、咳嗽和胸痛等症状。", "答案是", False),
        ("CT。因为患者有发热、咳嗽和胸痛等症状。", "答案是", False),
    ],
)
def test_a_reading_is_settled_once_nothing_can_change_it(text, lead, done):
    assert is_final(text, lead, OPTIONS, multiple=False) is done


CUT = {"A": "肝右叶破裂", "B": "胃穿孔", "C": "脾破裂", "D": "肠扭转", "E": "胰腺炎"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("✅ A. 肝右叶破裂\n❌ B. 胃穿孔\n✅ C. 脾破裂\n❌ D. 肠扭转\n❌ E. 胰腺炎", "AC"),
        ("✅A\n❌B\n✅C", "AC"),
        ("❌ A. 肝右叶破裂\n✅ B. 胃穿孔\n✅ C. 脾破裂\n❌ D. 肠扭转\n❌ E. 胰腺炎", "BC"),
        ("✅ A、C、E", "ACE"),
        ("病因包括A、B、C、E。", "ABCE"),
        ("该病的病因包含A、C和E。", "ACE"),
        ("病因包括A、C，不包括B。", "AC"),
        ("食物中含B族维生素。", ""),
    ],
)
def test_marks_before_letters_and_lists_after_include_are_read(text, expected):
    assert corrected(text, True, CUT, question="病因包括") == expected


def test_an_option_that_is_not_included_is_no_answer():
    assert corrected("病因不包括A。", False, OPTIONS) == ""


# Beginnings of answers that were cut at their longest length, as a small base model writes them.


@pytest.mark.parametrize(
    ("text", "multiple", "expected"),
    [
        ("A. 肝右叶破裂\nA. 肝右叶破", False, "A"),  # one answer, repeated
        ("C. 脾破裂\nC. 脾破裂\nC. 脾", False, "C"),
        ("B. \nB. \nB. \nB. ", False, "B"),
        ("C. 脾破裂\n答：\nC. 脾", False, "C"),
        ("B. \n患者女，66岁，高血压病史1", False, "B"),
        ("A. 肝右叶破裂\nB. 胃穿", False, ""),  # options listed
        ("A. 肝右叶破裂\nB. ", False, ""),
        ("A. \n肝右叶破裂\nB. 胃穿孔\nC", False, ""),
        ("A. 肝右叶破裂、肝左叶", False, ""),  # the first line may be a list
        ("A. 肝右叶破裂\nB. 胃穿孔\n", True, ""),
        ("A. 肝右叶破裂\nA. 肝右叶破", True, ""),  # more may follow
        ("", False, ""),
    ],
)
def test_a_cut_answer_counts_if_it_states_one_letter_and_lists_no_options(text, multiple, expected):
    assert corrected(text, multiple, CUT, question="首先应考虑", stopped=False) == expected


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("A、C\n因为患者有发热、咳嗽和胸痛等症状。", True),
        ("AC. 因为患者有发热、咳嗽和胸痛等症状。", True),
        ("A。因为患者有发热、咳嗽和胸痛等症状。", True),
        ("A. 患者有发热、咳嗽和胸痛等症状的说法", False),
        ("A\n患者有发热、咳嗽和胸痛等症状的说法", False),
    ],
)
def test_a_letter_that_may_begin_a_list_settles_nothing(text, done):
    assert is_final(text, "答案是", OPTIONS, multiple=True) is done


LISTS = st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=5, unique=True).map(sorted)
# The sign after each letter, and what stands between the items.
SHAPES = [
    ("{}（甲药）", "、"), ("{}（甲药）", "，"), ("{}选项", "、"), ("{}. 甲药", "；"),
    ("{}. 甲药", "\n"), ("{}、甲药", "\n"), ("{}：甲药", "；"), ("{}", "\n"),
    ("（{}）甲药", "\n"), ("{}. 甲药", " "),
]  # fmt: skip


@given(LISTS, st.sampled_from(SHAPES), st.sampled_from(["。", "\n\n解析：", "\n问：", ""]))
def test_a_list_of_options_is_read_whole_in_any_shape(letters, shape, after):
    text = "答案是" + shape[1].join(map(shape[0].format, letters)) + after
    assert corrected(text, True, OPTIONS) == "".join(letters)
    assert corrected(text, True, OPTIONS, "答案是") == "".join(letters)
    assert corrected(text, False, OPTIONS) == letters[0]


@given(
    LISTS, st.sampled_from(SHAPES), st.sampled_from(["。", "。\n", "。\n选项分析：", "\n解析："])
)
def test_a_listing_of_all_options_after_an_answer_adds_none(letters, shape, between):
    listing = shape[1].join(map(shape[0].format, OPTIONS))
    assert corrected(f"答案是{''.join(letters)}{between}{listing}", True, OPTIONS) == "".join(
        letters
    )


@given(st.sets(st.sampled_from(OPTIONS), min_size=1), st.booleans())
def test_what_was_read_is_read_again_from_a_statement(letters, multiple):
    answer = "".join(sorted(letters)) if multiple else min(letters)
    assert corrected(f"答案是{answer}。", multiple, OPTIONS) == answer
    assert official(f"答案是{answer}。", multiple) == answer


@pytest.mark.parametrize(
    "piece",
    [" ", "选 ", "答案是*", "A ", "选\n", "A、", "\n", "答案是A（", "A（甲）、", "B. ", "选A. ",
     "<think>", "<think></think>", "</think>", "\n2. ", "若", "不对，", "A | ", "_", "A-", "a、",
     "除A", "可能是A", "（", "第", "\n1", "if A ", "错误的是", "~~", "[ ]"],
)  # fmt: skip
def test_long_monotonous_texts_take_no_time(piece):
    # The time of the reading alone: other threads and the garbage of other tests are not counted.
    gc.disable()
    try:
        start = time.thread_time()
        corrected(piece * 5000, True, TEXTS_OF, "", "下列说法错误的是")
        took = time.thread_time() - start
    finally:
        gc.enable()
    assert took < 1


FIVE = {"A": "尿频", "B": "排尿困难", "C": "尿潴留", "D": "血尿", "E": "尿失禁"}
EARLIEST = "前列腺增生最早出现的症状是"


@pytest.mark.parametrize(
    ("text", "multiple", "letters"),
    [
        ("A项见于早期；C项见于晚期；D项少见；E项更少。", False, ""),  # only discussed
        ("我无法判断应选A还是B。A更常见。", False, ""),  # weighed
        ("答案是B……不对，题目问最早。", False, ""),  # taken back, and nothing instead
        ("答案是B……不对，那应该是A才对。", False, "A"),
        ("选项：\nA. 尿频\nB. 排尿困难", False, ""),  # the options again
        (
            "尿频（A）、排尿困难（B）、尿潴留（C）；血尿（D）与尿失禁（E）也可见。",
            True,
            "",
        ),  # all, unsaid
        ("A：是\nB：否\nC：是\nD：否\nE：否", True, "AC"),
        ("最早：尿频；最重要：排尿困难。", False, "A"),
        (
            "最早的治疗是尿潴留时导尿，多有排尿困难。",
            False,
            "",
        ),  # the earliest of something different
        ("B（排尿困难）？不，应是A（尿频）。", False, "A"),
    ],
)
def test_doubtful_letters_are_no_answer(text, multiple, letters):
    assert corrected(text, multiple, FIVE, "", EARLIEST) == letters


@pytest.mark.parametrize(
    ("question", "text", "letters"),
    [
        ("下列均为其症状，除外", "A、B、C、E均可见。", "D"),
        ("下列均为其症状，除外", "A、B、C、E均不可见。", ""),
        ("下列哪项不是其症状", "A√ B√ C√ D× E√", "D"),
        ("下列哪项说法错误", "A、C、D、E符合，不选；B不符，当选。", "B"),
        ("下列不属于早期症状的是", "不属于早期的是：尿失禁。早期有尿频。", "E"),
        ("早期症状是", "早期症状：A；晚期症状：C、E", "A"),
        ("早期症状是", "早期症状：尿频；晚期症状：尿潴留", "A"),
    ],
)
def test_the_option_that_a_question_leaves_or_labels(question, text, letters):
    assert corrected(text, False, FIVE, "", question) == letters
