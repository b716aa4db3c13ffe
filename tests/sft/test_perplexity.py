"""Perplexity of datasets under the base model: the loss of training, on sampled examples."""

import math

import pytest

from collectivesft.common.errors import InputError
from collectivesft.common.files import read_json
from collectivesft.models import chat
from collectivesft.schema.example import Example, arrow_schema
from collectivesft.sft.perplexity import measure_perplexity


@pytest.fixture
def write(tmp_path):
    """Write examples of two datasets to a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def run(counts: dict[str, int]):
        rows = [
            Example(f"{name}:{n}", name, "qa", "zh", turns(name, n)).to_row()
            for name, count in counts.items()
            for n in range(count)
        ]
        path = tmp_path / "train.parquet"
        pq.write_table(pa.Table.from_pylist(rows, arrow_schema()), path)
        return path

    return run


def turns(name: str, number: int) -> list[tuple[str, str]]:
    return [("user", f"{name}，问{number}？"), ("assistant", "答" * (1 + number % 5) + str(number))]


def expected(base, conversations) -> tuple[int, float]:
    """Tokens with loss, and their mean loss, as transformers computes it from labels."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    network = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    count = total = 0
    for conversation in conversations:
        ids, mask = chat.encode(tokenizer, conversation, chat.training_template("chatml"))
        labels = [one if label else -100 for one, label in zip(ids, mask, strict=True)]
        with torch.no_grad():
            loss = network(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss
        count, total = count + sum(mask), total + float(loss) * sum(mask)
    return count, total / count


def test_perplexity_is_that_of_the_tokens_with_loss(workshop, write, tmp_path):
    base, recipe, out = workshop.base(), workshop.recipe(), tmp_path / "perplexity.json"
    found = measure_perplexity(write({"a": 3, "b": 2}), base, recipe, out, 10)
    assert found == read_json(out)
    assert (found["base"], found["sampled"], found["seed"]) == ("tiny", 10, 42)
    for name, count in (("a", 3), ("b", 2)):
        tokens, loss = expected(base, [turns(name, n) for n in range(count)])
        row = found["datasets"][name]
        assert (row["examples"], row["tokens"], row["without_loss"]) == (count, tokens, 0)
        assert row["loss"] == pytest.approx(loss, abs=1e-5)
        assert row["perplexity"] == pytest.approx(math.exp(loss), rel=1e-4)


def test_a_dataset_gives_as_many_examples_as_asked_and_a_second_run_the_same(
    workshop, write, tmp_path
):
    given = (write({"a": 40, "b": 2}), workshop.base(), workshop.recipe(), tmp_path / "p.json")
    found = measure_perplexity(*given, 5)
    assert {name: row["examples"] for name, row in found["datasets"].items()} == {"a": 5, "b": 2}
    assert measure_perplexity(*given, 5) == found
    alone = measure_perplexity(write({"a": 40}), *given[1:], 5)  # other datasets change nothing
    assert alone["datasets"]["a"] == found["datasets"]["a"]


def test_an_example_whose_answer_is_cut_off_is_counted(workshop, write, tmp_path):
    recipe = workshop.recipe(max_length=16, truncation="end")  # within the question
    given = (write({"a" * 20: 3}), workshop.base(), recipe, tmp_path / "p.json")
    row = measure_perplexity(*given, 5)["datasets"]["a" * 20]
    assert (row["examples"], row["without_loss"], row["tokens"]) == (3, 3, 0)
    assert row["perplexity"] is None


def test_an_empty_mixture_is_refused(workshop, write, tmp_path):
    with pytest.raises(InputError, match=r"train\.parquet: no examples"):
        measure_perplexity(write({}), workshop.base(), workshop.recipe(), tmp_path / "p.json", 5)
