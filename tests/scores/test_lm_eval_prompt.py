"""CMMLU in lm-evaluation-harness's text: prompts and letters to the character, from facts.

The expected texts are written from the definition of the harness's tasks (lm_eval/tasks/cmmlu,
version 1.0, at 4e7e0d47): a line with the subject, ``Question.strip()``, the options as they are,
答案：, and a blank before the letter. Prompts and log probabilities of the harness itself were held
against ours once; benchmarks/lm_eval_cmmlu.py does so.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from collectivesft import benchmarks
from collectivesft.common.errors import UserError
from collectivesft.schema.item import Item
from collectivesft.scores.engines.openai_server import Server
from collectivesft.scores.engines.questions import Protocol
from collectivesft.scores.predict import predict
from tests.helpers.completions_server import CompletionsServer
from tests.helpers.scores_inputs import question, rows, tiny_model, write_items
from tests.helpers.upstream import raw_folder

HEADER = ",Question,A,B,C,D,Answer\n"
DEV = HEADER + "0,样本量是什么,人数,均数,中位数,众数,A\n1, 均数是什么 ,平均,个数,误差,方差,A\n"
TEST = HEADER + "0, 方差的单位是？ ,原单位,1/16 ,原单位的平方, 无单位,C\n"
ZERO = """以下是关于大学医学统计的单项选择题，请直接给出正确答案的选项。

方差的单位是？
A. 原单位
B. 1/16 
C. 原单位的平方
D.  无单位
答案："""  # noqa: W291 (the blank after 1/16 is the authors')
TWO = """以下是关于大学医学统计的单项选择题，请直接给出正确答案的选项。

样本量是什么
A. 人数
B. 均数
C. 中位数
D. 众数
答案： A

均数是什么
A. 平均
B. 个数
C. 误差
D. 方差
答案： A

方差的单位是？
A. 原单位
B. 1/16 
C. 原单位的平方
D.  无单位
答案："""  # noqa: W291
LM_EVAL = Protocol(method="likelihood", template="lm_eval", batch_size=4)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A tiny model whose tokenizer has a token for a blank and a letter."""
    return tiny_model(tmp_path_factory.mktemp("tiny") / "model", (" A B C D",) * 50)


@pytest.fixture
def items(tmp_path) -> Path:
    files = {f"{split}/college_medical_statistics.csv": text.encode()
             for split, text in (("dev", DEV), ("test", TEST))}  # fmt: skip
    raw = raw_folder(tmp_path / "raw", files)
    return write_items(tmp_path / "items.jsonl", list(benchmarks.get("cmmlu_medical").items(raw)))


def asked(model: Path, items: Path, options: Protocol, server: Server | None = None) -> dict:
    out = items.with_name("predictions.jsonl")
    predict(model, "tiny", items, out, options, server)
    (row,) = rows(out)
    return row


@pytest.mark.parametrize(("shots", "text"), [(0, ZERO), (2, TWO)])
def test_the_prompt_is_that_of_the_harness(model, items, shots, text):
    row = asked(model, items, replace(LM_EVAL, shots=shots))
    assert (row["prompt"], row["lead"], row["shots"]) == (text, "答案：", shots)


@pytest.mark.parametrize("shots", [0, 2])
def test_the_letters_continue_it_after_a_blank(model, items, shots):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    row = asked(model, items, replace(LM_EVAL, shots=shots))
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model)
    context = tokenizer(row["prompt"])["input_ids"]
    for letter, value in row["likelihood"].items():
        whole = tokenizer(f"{row['prompt']} {letter}")["input_ids"]
        assert whole[: len(context)] == context and len(whole) == len(context) + 1
        with torch.no_grad():
            logs = torch.log_softmax(network(torch.tensor([context])).logits[0, -1], dim=-1)
        assert value == pytest.approx(logs[whole[-1]].item(), abs=1e-4)


def test_a_server_is_asked_for_the_same_letters(model, items):
    own = asked(model, items, LM_EVAL)
    server = CompletionsServer(model)
    url = server.start()
    try:
        for alternatives in (None, 1):  # 1: each letter is scored as the end of a prompt
            server.alternatives = alternatives
            served = asked(model, items, LM_EVAL, Server(url, "tiny"))
            assert served["prompt"] == own["prompt"]
            assert served["likelihood"] == pytest.approx(own["likelihood"], abs=1e-4)
    finally:
        server.stop()


def test_blanks_at_the_ends_of_options_are_kept_for_this_text_only(model, items):
    shown = asked(model, items, replace(LM_EVAL, template="chat"))["prompt"]
    assert "B. 1/16\nC. 原单位的平方\nD. 无单位" in shown
    turned = asked(model, items, replace(LM_EVAL, orders="rotations"))
    assert [v["order"] for v in turned["variants"]] == ["BCDA", "CDAB", "DABC", "ABCD"]


def test_what_the_harness_does_not_do_is_refused(model, items, tmp_path):
    with pytest.raises(UserError, match=r"compares letters; set method to likelihood in"):
        asked(model, items, replace(LM_EVAL, method="generate"))
    with pytest.raises(UserError, match="no room for reasoning"):
        asked(model, items, replace(LM_EVAL, style="cot"))
    cmb = write_items(tmp_path / "cmb.jsonl", [question(0)])
    with pytest.raises(UserError, match="lm-evaluation-harness has no text for cmb"):
        asked(model, cmb, LM_EVAL)
    bytes_only = tiny_model(tmp_path / "bytes")
    with pytest.raises(UserError, match="no token of its own for A after '答案： '"):
        asked(bytes_only, items, LM_EVAL)


def test_every_medical_subject_has_the_name_of_the_harness():
    module = benchmarks.get("cmmlu_medical")
    found = {
        module.lm_eval_subject(Item("1", "cmmlu_medical", "test", "choice", name, name, "问？"))
        for name in module.CATEGORIES
    }
    assert found == {
        "解剖学", "临床知识", "大学医学统计", "大学医学", "遗传学", "营养学", "专业医学",
        "中医中药", "病毒学",
    }  # fmt: skip
