"""Lengths of examples are the tokens that training takes, so that a budget of tokens is exact."""

import pyarrow.parquet as pq
import pytest

from collectivesft.curated.mix import mix_file
from collectivesft.curated.storage.parquet import read_examples
from collectivesft.sft.token_lengths import measure_lengths
from collectivesft.sft.tokenize import tokenize
from tests.helpers.curated_examples import exam, qa, save

OPTIONS = {"A": "甲", "B": "乙"}
LONG = [("user", "问" * 60), ("assistant", "答")]  # nothing of its answer is left at 64 tokens


@pytest.fixture
def examples(tmp_path):
    found = [qa(f"alpha:{n}") for n in range(20)]
    found += [exam(f"beta:{n}", f"第{n}题" * n, OPTIONS, "A") for n in range(1, 20)]
    for one in found[20:]:
        one.meta["exam"] = "护士资格考试"
    found[3].messages[:] = LONG
    return save(tmp_path / "examples.parquet", found)


@pytest.mark.parametrize("prompt", ["paper", "cmb"])
def test_a_mixture_within_its_budget_has_the_tokens_that_it_says(
    workshop, examples, tmp_path, prompt
):
    recipe = workshop.recipe(max_length=64, truncation="end")
    budget = f"mixture: {{tokens: 700, examples_by: rows, prompt: {prompt}, validation: 0.2}}\n"
    own = tmp_path / "budget.yaml"
    own.write_text(recipe.read_text("utf-8") + budget, encoding="utf-8")
    lengths = tmp_path / "lengths.parquet"
    counts = measure_lengths(examples, workshop.base(), own, lengths)
    rows = pq.read_table(lengths).to_pylist()
    assert [row["id"] for row in rows] == [one.id for one in read_examples(examples)]
    assert counts == {"examples": 39, "tokens": sum(row["tokens"] for row in rows)}
    assert rows[3] == {"id": "alpha:3", "tokens": 0}
    paths = [tmp_path / name for name in ("train", "validation", "ledger", "stats")]
    mix_file(examples, own, *paths, lengths=lengths)
    tokens = tokenize(*paths[:2], workshop.base(), own, tmp_path / "tokens")
    said = f'"training_tokens": {tokens["train"]["tokens"]}'
    assert said in paths[3].read_text("utf-8")
    assert 700 - 64 < tokens["train"]["tokens"] <= 700
