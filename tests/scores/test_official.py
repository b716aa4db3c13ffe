"""Preset official against CMB's own code, fact by fact.

Source: FreedomIntelligence/CMB @ 6c8ece46, workers/base.py, workers/mymodel.py, src/utils.py,
score.py, as the project's notes on sources and peers describe them. What one of the facts needs
more cases for is pinned in full by test_scores_extraction.py and test_scores_score.py.
"""

import json
from pathlib import Path

import pytest
import yaml

from collectivesft.benchmarks import cmb
from collectivesft.common.errors import UserError
from collectivesft.config.protocol import Protocol
from collectivesft.schema.item import Item
from collectivesft.scores.extract.grade import grade_prediction
from collectivesft.scores.extract.letters import corrected, official, vote
from collectivesft.scores.prompt.prompts import few_shot, render, turns

ROOT = Path(__file__).parents[2]
WRITTEN = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))["protocols"]
PROTOCOLS = {name: Protocol.model_validate(given).model_dump() for name, given in WRITTEN.items()}
OFFICIAL = [name for name, options in PROTOCOLS.items() if options["preset"] == "official"]


def item(id: str = "1", split: str = "test", multiple: bool = False, **changes) -> Item:
    kind = "多项选择题" if multiple else "单项选择题"
    facts = {
        "id": id, "benchmark": "cmb", "split": split, "kind": "choice", "category": "医师考试",
        "subcategory": "规培结业", "question": "血清钾的符号是", "answer": "B",
        "options": {"A": "钾", "B": "K+", "C": "钠离子"}, "multiple": multiple,
        "explanation": "K是钾。", "meta": {"question_type": kind},
    }  # fmt: skip
    return Item(**facts | changes)


def judged(raw: str, multiple: bool = False, published: str = "", **changes) -> dict:
    asked = item(multiple=multiple, **changes)
    if published:
        asked.meta["published_answer"] = published
    row = {
        "model": "m", "prompt": "p", "raw": raw, "likelihood": None, "error": None, "lead": "",
        "multiple": multiple, "options": list(asked.options),
    }  # fmt: skip
    return grade_prediction(row, asked)


class TestPrompt:
    HEAD = "以下是中国医师考试中规培结业考试的一道单项选择题，"

    def test_the_answer_only_prompt_is_that_of_cmb(self):
        said = "不需要做任何分析和解释，直接输出答案选项。\n血清钾的符号是\nB. K+\nC. 钠离子"
        assert cmb.prompt(item(), "answer_only", "official") == self.HEAD + said

    def test_chain_of_thought(self):
        assert cmb.prompt(item(), "cot", "official") == (
            f"{self.HEAD}请分析每个选项，并最后给出答案。\n血清钾的符号是\nB. K+\nC. 钠离子"
        )

    def test_options_of_one_character_vanish_and_corrected_keeps_them(self):
        assert "A. 钾" not in cmb.prompt(item(), "answer_only", "official")
        assert "A. 钾\nB. K+" in cmb.prompt(item(), "answer_only", "corrected")

    def test_texts_stand_as_in_the_file_with_their_blanks(self):
        """test_benchmarks.py reads such files and compares whole conversations."""
        raw = {"question": "几种？ ", "options": {"A": "3 ", "B": "两种", "C": "4"}}
        asked = item(options={"A": "3", "B": "两种", "C": "4"}, meta={"published": raw})
        official = turns(asked, [], "answer_only", "official")[0][1]
        assert official.endswith("\n几种？ \nA. 3 \nB. 两种")

    def test_solved_examples_lose_such_options_too(self):
        """They are made by the worker's get_single_query; generate_fewshot.py's own get_query,
        which keeps all options, is called by nobody."""
        shown = turns(item(), [item("v", "val")], "answer_only", "official")[0][1]
        assert "A. 钾" not in shown and "B. K+" in shown

    @pytest.mark.parametrize(
        ("style", "reply"), [("answer_only", "答案是B。"), ("cot", "K是钾。所以答案是B。")]
    )
    def test_what_a_solved_example_answers(self, style, reply):
        assert cmb.target(item("v", "val"), style) == reply

    def test_examples_are_of_the_same_sub_category(self):
        pool = [item("o", "val", subcategory="别的"), item("v", "val")]
        assert [one.id for one in few_shot(item(), pool, 1)] == ["v"]

    def test_examples_are_drawn_for_each_question_anew_and_never_twice_in_one(self):
        """generate_fewshot.py: random.sample of the sub-category; the seed is ours."""
        pool = [item(f"v{n}", "val") for n in range(10)] + [item("o", "val", subcategory="别的")]
        asked = [item(str(n)) for n in range(40)]
        drawn = [[one.id for one in few_shot(each, pool, 3, seed=1)] for each in asked]
        assert all(len(set(ids)) == 3 and "o" not in ids for ids in drawn)
        assert len({tuple(ids) for ids in drawn}) > 30
        assert {id for ids in drawn for id in ids} == {f"v{n}" for n in range(10)}
        again = [[one.id for one in few_shot(each, pool, 3, seed=1)] for each in asked[::-1]]
        assert again[::-1] == drawn  # whatever else is asked, and in whatever order
        assert [[one.id for one in few_shot(each, pool, 3, seed=2)] for each in asked] != drawn

    def test_too_few_examples_of_a_sub_category_are_an_error_as_in_cmbs_code(self):
        pool = [item("v", "val"), *(item(f"o{n}", "val", subcategory="别的") for n in range(9))]
        with pytest.raises(UserError, match="3 shots asked for, but cmb has only 1 val items of"):
            few_shot(item(), pool, 3, seed=1)

    def test_words_around_the_turns(self):
        text = render(None, [("user", "甲"), ("assistant", "乙"), ("user", "丙")], "cmb", "").text
        assert text.endswith("问：甲\n答：乙\n问：丙\n答：")


class TestGeneration:
    @pytest.mark.parametrize("name", OFFICIAL)
    def test_protocols_write_up_to_512_tokens_to_the_end_in_cmbs_words(self, name):
        wanted = {"method": "generate", "template": "cmb", "stop": "end", "max_new_tokens": 512}
        assert {key: PROTOCOLS[name][key] for key in wanted} == wanted

    def test_there_are_such_protocols(self):
        assert {"official", "official_cot_3shot"} <= set(OFFICIAL)


class TestExtraction:
    @pytest.mark.parametrize("keyword", ["答案", "正确选项"])
    @pytest.mark.parametrize("verb", ["是", "：", "为", "应该是", "应该为"])
    @pytest.mark.parametrize("end", ["。", ".", ""])
    def test_every_form_of_statement_is_found(self, keyword, verb, end):
        more = f"{end}而C错误" if end else ""
        assert official(f"CT示{keyword}{verb}A、B{more}", True) == "AB"

    @pytest.mark.parametrize("colon", [":", " ", "选"])
    def test_other_words_are_no_statement(self, colon):
        assert official(f"D不对，答案{colon}B", True) == "DB"

    def test_a_statement_goes_over_lines(self):
        assert official("答案是：\n\nB\n和C\n。D", True) == "BC"

    def test_the_first_statement_counts(self):
        assert official("答案是A。不对，答案是C。", False) == "A"

    def test_without_a_statement_every_letter_of_the_text_does(self):
        assert official("CT和DNA，选择B", True) == "CDAB"

    def test_letters_are_a_to_g(self):
        assert official("答案是FGH。", True) == "FG"

    def test_nothing_is_sorted_or_made_unique(self):
        assert official("答案是CAA。", True) == "CAA"

    def test_one_answer_keeps_the_first_letter(self):
        assert official("答案是CA。", False) == "C"

    def test_the_corrected_preset_does_otherwise(self):
        assert corrected("CT和DNA，选择B", True) == "B"
        assert corrected("答案是CAA。", True) == "AC"
        assert corrected("答案是A。不对，答案是C。", False) == "C"


class TestVote:
    def test_the_most_frequent_reading_wins_and_of_equals_the_first(self):
        assert vote(["C", "A", "A"]) == "A"
        assert vote(["C", "A", "A", "C"]) == "C"

    def test_empty_readings_do_not_count(self):
        assert vote(["", "", "B"]) == "B"
        assert vote(["", ""]) == ""


class TestScore:
    def test_texts_are_compared_as_they_stand(self):
        options = dict.fromkeys("ABCDE", "选项")
        right = judged("答案是EB。", True, published="EB", answer="BE", options=options)
        assert right["official_right"] and right["corrected_right"]
        other = judged("答案是BE。", True, published="EB", answer="BE", options=options)
        assert not other["official_right"] and other["corrected_right"]

    def test_an_answer_that_is_missing_is_wrong(self):
        assert not judged("")["official_right"]

    def test_a_question_with_one_answer_and_two_letters(self):
        assert judged("答案是BA。")["official_right"]


class TestSubmission:
    def test_is_what_score_py_reads(self):
        """It looks answers up by a number, under model_answer; one that is missing is empty."""
        assert json.dumps(cmb.submission(item("7"), "AC")) == '{"id": 7, "model_answer": "AC"}'
        assert cmb.submission(item("7"), None) == {"id": 7, "model_answer": ""}
