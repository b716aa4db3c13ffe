"""Diversity of a mixture by the base model's hidden states, through the real command line."""

import numpy as np
import pytest
from typer.testing import CliRunner

from collectivesft.cli import app
from collectivesft.common.files import read_json
from collectivesft.curated.mixture.novelsum import novelsum
from collectivesft.curated.mixture.vendi import vendi_score
from collectivesft.models import chat
from collectivesft.models.network import load_network, mean_state
from collectivesft.schema.prompts import in_cmb_form
from tests.helpers.curated_examples import exam, qa, save

QUESTIONS = ("头痛怎么办？", "Is 39 high?", "失眠", "血压150/95？", "咳嗽", "a" * 40)
EXAMPLES = [qa(f"s:{n}", text, f"答{n}。") for n, text in enumerate(QUESTIONS)]


def measure(*options: object) -> None:
    done = CliRunner().invoke(app, ["sft", "diversity", *map(str, options)])
    assert done.exit_code == 0, done.output


@pytest.fixture
def given(workshop, tmp_path):
    """Options of the command but for the number of examples, and the file that it writes."""

    def make(examples, name="diversity", mixture=None, **training):
        recipe = workshop.recipe(**training)
        if mixture:
            recipe = workshop.yaml({"title": "Quick", "base": "tiny", "mixture": mixture})
        train = save(tmp_path / f"{name}.parquet", examples)
        out = tmp_path / f"{name}.json"
        options = ["--train", train, "--base", workshop.base(), "--recipe", recipe, "--out", out]
        return options, out

    return make


def expected(base, examples, longest=None) -> np.ndarray:
    """Mean of transformers' own last hidden states, example by example."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModel.from_pretrained(base, dtype=torch.float32).eval()
    rows = []
    for example in examples:
        ids, _ = chat.encode(tokenizer, example.messages, chat.training_template("chatml"))
        with torch.no_grad():
            states = model(input_ids=torch.tensor([ids[:longest]])).last_hidden_state[0]
        rows.append(states.double().mean(dim=0).numpy())
    return np.array(rows)


def test_the_measures_are_those_of_the_mean_last_hidden_state(workshop, given):
    options, out = given(EXAMPLES)
    measure(*options, "--examples", 50)
    found, states = read_json(out), expected(workshop.base(), EXAMPLES)
    assert found["vendi"] == pytest.approx(vendi_score(states), abs=1e-5)
    assert found["novelsum"]["score"] == pytest.approx(novelsum(states, states), abs=1e-4)
    assert 1 < found["vendi"] < len(EXAMPLES)
    assert (found["base"], found["sampled"], found["seed"]) == ("tiny", 50, 42)
    assert found["mixture"]["compared"] == len(EXAMPLES) and found["pool"] is None
    assert found["novelsum"] | {"score": 0} == {
        "score": 0, "neighbours": 10, "density_power": 0.5, "proximity_power": 1.0,
    }  # fmt: skip


def test_a_second_run_and_rows_in_a_different_order_give_the_same_bytes(given):
    files = []
    for name, examples in (("one", EXAMPLES), ("again", EXAMPLES), ("turned", EXAMPLES[::-1])):
        options, out = given(examples, name)
        measure(*options, "--examples", 4)
        files.append(out.read_bytes())
    assert files[0] == files[1] == files[2]


def test_equal_texts_are_one(given):
    options, out = given([qa(f"s:{n}") for n in range(5)])
    measure(*options, "--examples", 50)
    found = read_json(out)
    assert (found["vendi"], found["novelsum"]["score"]) == (1.0, 0.0)


def test_examples_are_cut_as_in_training_and_those_without_an_answer_left_out(workshop, given):
    kept = [qa(f"s:{n}", text, "答" * 60) for n, text in enumerate(("头痛", "失眠", "咳嗽"))]
    options, out = given([*kept, qa("s:9", "a" * 400)], max_length=80, truncation="end")
    measure(*options, "--examples", 50)
    found, states = read_json(out), expected(workshop.base(), kept, 80)
    assert found["mixture"] == {"compared": 3, "without_loss": 1, "truncated": 3, "tokens": 240}
    assert found["vendi"] == pytest.approx(vendi_score(states), abs=1e-5)


def test_the_pool_decides_density_only_and_is_asked_as_the_mixture_is(given, tmp_path):
    options = {"A": "甲状腺", "B": "乙肝"}
    asked = [exam(f"s:{n}", text, options, "B") for n, text in enumerate(QUESTIONS)]
    for example in asked:
        example.meta["exam"] = "医学"
    pool = save(tmp_path / "pool.parquet", asked)
    mixture = {"prompt": "cmb"}
    (alone, first), (pooled, second), (other, third) = (
        given([in_cmb_form(one) for one in asked], name, mixture) for name in ("a", "b", "c")
    )
    measure(*alone, "--examples", 50)
    measure(*pooled, "--examples", 50, "--pool", pool)
    measure(*other, "--examples", 50, "--pool", save(tmp_path / "few.parquet", asked[:2]))
    mine, same, few = (read_json(path) for path in (first, second, third))
    assert same["pool"] == mine["mixture"]
    assert same["novelsum"] == mine["novelsum"] != few["novelsum"]
    assert same["vendi"] == mine["vendi"] == few["vendi"]


def test_a_mixture_of_one_example_is_refused(given):
    options, _ = given(EXAMPLES[:1])
    done = CliRunner().invoke(app, ["sft", "diversity", *map(str, options), "--examples", "5"])
    assert done.exit_code != 0
    assert "1 examples to learn from, and two are needed" in str(done.exception or done.output)


@pytest.mark.parametrize("kind", ["llama", "gemma3", "gpt2", "pangu_alpha", "cpmant"])
def test_the_state_is_what_the_output_layer_reads(workshop, kind):
    import torch

    network, ids = load_network(workshop.base(kind), 1), [5, 9, 7, 11, 6]
    state = torch.tensor(mean_state(network, ids), dtype=torch.float32)
    with torch.inference_mode():
        logits = network(input_ids=torch.tensor([ids])).logits[0].mean(dim=0)
        assert torch.allclose(network.get_output_embeddings()(state), logits, atol=1e-4)
