"""A draw depends on the example and the seed alone; the recipe is read strictly."""

import itertools
import json
import math
import re
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import InputError
from collectivesft.config.mixture import Mixture, read_mixture
from collectivesft.curated.croissant import head
from collectivesft.curated.mix import mix_file
from collectivesft.curated.mixture.sampling import (
    _chosen,
    apply_style_shares,
    apply_temperature,
    even_shares,
    sample_key,
)
from collectivesft.curated.mixture.statistics import (
    LENGTH_BINS,
    LENGTH_STEP,
    LISTED,
    Description,
    Sample,
    entropy,
    grams,
    vendi,
)
from collectivesft.curated.storage.parquet import read_examples
from collectivesft.schema.example import Example
from tests.helpers.curated_examples import exam, ids, qa, same_bytes, save

SETS = {"alpha": 400, "beta": 50, "gamma": 7}


EXAM = exam("alpha:1", "正常体温是？", {"A": "36.5℃", "B": "40℃"}, "A")
EXAM.meta["exam"] = "中国护理考试"


def examples(sizes: dict[str, int] = SETS) -> list[Example]:
    """Examples of several datasets; every fifth is an exam question."""
    options = {"A": "甲", "B": "乙"}
    return [
        exam(f"{name}:{n}", f"第{n}题", options, "A") if n % 5 == 0 else qa(f"{name}:{n}")
        for name, size in sizes.items()
        for n in range(size)
    ]


def mix(folder: Path, mixture: str, source: Path | None = None) -> dict:
    """Draw a mixture; returns ids of both parts, the ledger and the description."""
    folder.mkdir(parents=True, exist_ok=True)
    source = source or save(folder / "in.parquet", examples())
    recipe = folder / "some.yaml"
    recipe.write_text(f"title: t\nmixture: {mixture}\n", encoding="utf-8")
    names = ("train.parquet", "validation.parquet", "mix.json", "stats.json")
    paths = [folder / name for name in names]
    mix_file(source, recipe, *paths)
    train, validation = (ids(read_examples(path)) for path in paths[:2])
    ledger, stats = (json.loads(path.read_bytes()) for path in paths[2:])
    return {
        "train": train,
        "validation": validation,
        "all": {*train, *validation},
        "ledger": ledger["datasets"],
        "stats": stats,
    }


def by_set(found: set[str] | list[str]) -> Counter:
    return Counter(id.partition(":")[0] for id in found)


class TestDraw:
    def test_everything_is_taken_by_default_and_parts_are_apart(self, tmp_path):
        drawn = mix(tmp_path, "{validation: 0.1}")
        assert drawn["all"] == {example.id for example in examples()}
        assert not set(drawn["train"]) & set(drawn["validation"])
        assert 0.05 < len(drawn["validation"]) / len(drawn["all"]) < 0.15

    def test_nothing_is_held_out_where_nothing_is_wanted(self, tmp_path):
        assert mix(tmp_path, "{validation: 0}")["validation"] == []

    def test_1_percent_is_a_part_of_10_percent(self, tmp_path):
        source = save(tmp_path / "in.parquet", [qa(f"alpha:{n}") for n in range(5000)])
        small = mix(tmp_path / "1", "{fraction: 0.01, validation: 0.1}", source)
        large = mix(tmp_path / "10", "{fraction: 0.1, validation: 0.1}", source)
        assert set(small["train"]) < set(large["train"])
        assert set(small["validation"]) <= set(large["validation"])
        assert 25 < len(small["all"]) < 75 and 400 < len(large["all"]) < 600

    @pytest.mark.parametrize("most", [1, 7, 24, 50, 399, 400, 401])
    def test_max_samples_is_exact(self, tmp_path, most):
        drawn = mix(tmp_path, f"{{max_samples: {most}, validation: 0}}")
        assert by_set(drawn["all"]) == {name: min(size, most) for name, size in SETS.items()}

    def test_max_samples_counts_examples_of_the_styles_that_are_taken(self, tmp_path):
        drawn = mix(tmp_path, "{max_samples: 8, styles: [mcqa], validation: 0}")
        assert by_set(drawn["all"]) == {"alpha": 8, "beta": 8, "gamma": 2}
        assert all(int(id.partition(":")[2]) % 5 == 0 for id in drawn["all"])

    def test_fewer_samples_are_a_part_of_more(self, tmp_path):
        small = mix(tmp_path / "a", "{max_samples: 10, validation: 0}")["all"]
        assert small < mix(tmp_path / "b", "{max_samples: 30, validation: 0}")["all"]

    @pytest.mark.parametrize("mixture", ["{max_samples: 20}", "{fraction: 0.3}", "{}"])
    def test_adding_a_set_leaves_the_draws_of_the_others(self, tmp_path, mixture):
        sources = [
            save(tmp_path / f"{n}.parquet", examples(sizes))
            for n, sizes in enumerate([SETS, {"aardvark": 90, **SETS, "omega": 60}])
        ]
        before, after = (mix(tmp_path / s.stem, mixture, s) for s in sources)
        for part in ("train", "validation"):
            shared = [id for id in after[part] if id.partition(":")[0] in SETS]
            assert shared == before[part]
        assert len(after["all"]) > len(before["all"])

    def test_the_order_of_the_examples_does_not_matter(self, tmp_path):
        source = save(tmp_path / "in.parquet", examples()[::-1])
        mixture = "{max_samples: 20, fraction: 0.6}"
        turned = mix(tmp_path / "turned", mixture, source)
        assert set(mix(tmp_path / "straight", mixture)["train"]) == set(turned["train"])

    def test_another_seed_draws_others(self, tmp_path):
        first = mix(tmp_path / "a", "{max_samples: 20, seed: 1}")["all"]
        assert first != mix(tmp_path / "b", "{max_samples: 20, seed: 2}")["all"]

    def test_named_sets_only(self, tmp_path):
        drawn = mix(tmp_path, "{datasets: [beta, gamma]}")
        assert by_set(drawn["all"]) == {"beta": 50, "gamma": 7}

    def test_a_limit_for_each_set_named(self, tmp_path):
        drawn = mix(tmp_path, "{max_samples: {alpha: 30, gamma: 100}, validation: 0}")
        assert by_set(drawn["all"]) == {"alpha": 30, "beta": 50, "gamma": 7}
        assert drawn["ledger"]["alpha"]["dropped"] == {"not_sampled": 370}

    @pytest.mark.parametrize(("digest", "number"), [(0, 0), (2**63, 0.5), (2**64 - 1, 1 - 2**-53)])
    def test_a_draw_is_at_least_0_and_below_1(self, monkeypatch, digest, number):
        monkeypatch.setattr("xxhash.xxh3_64_intdigest", lambda text: digest)
        assert sample_key("a:1", 42, "sample") == number

    def test_draws_are_even_and_those_of_two_purposes_unrelated(self):
        pairs = [
            (sample_key(f"a:{n}", 42, "sample"), sample_key(f"a:{n}", 42, "validation"))
            for n in range(4000)
        ]
        quarters = Counter((int(a * 2), int(b * 2)) for a, b in pairs)
        assert len(quarters) == 4 and all(850 < count < 1150 for count in quarters.values())


class TestWeights:
    @pytest.mark.parametrize(
        ("temperature", "sizes"),
        [
            (1, {"alpha": 400, "beta": 50, "gamma": 7}),
            (2, {"alpha": 53, "beta": 19, "gamma": 7}),  # sqrt(400 x 7), sqrt(50 x 7), 7
            (1000, {"alpha": 7, "beta": 7, "gamma": 7}),
        ],
    )
    def test_temperature_makes_the_sets_more_even(self, tmp_path, temperature, sizes):
        drawn = mix(tmp_path, f"{{temperature: {temperature}, validation: 0}}")
        assert by_set(drawn["all"]) == sizes
        for name, size in SETS.items():
            missing = size - sizes[name]
            assert drawn["ledger"][name]["dropped"] == ({"not_sampled": missing} if missing else {})

    def test_temperature_acts_on_what_the_limits_left(self, tmp_path):
        drawn = mix(tmp_path, "{max_samples: {alpha: 50}, temperature: 2, validation: 0}")
        assert by_set(drawn["all"]) == {"alpha": 19, "beta": 19, "gamma": 7}

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.dictionaries(st.text(max_size=3), st.integers(0, 10**7)), st.floats(1, 50))
    def test_tempered_sizes_suffice_keep_their_order_and_the_smallest_set(self, sizes, temperature):
        found = apply_temperature(sizes, temperature)
        assert all(0 <= found[name] <= size for name, size in sizes.items())
        assert apply_temperature(sizes, 1) == sizes
        some = sorted((size, found[name]) for name, size in sizes.items() if size)
        assert [n for _, n in some] == sorted(n for _, n in some)
        if some:
            assert some[0][0] == some[0][1]

    def styles(self, drawn: dict) -> Counter:
        return Counter(
            "mcqa" if int(id.partition(":")[2]) % 5 == 0 else "qa" for id in drawn["all"]
        )

    def test_even_shares_take_as_much_of_each_style(self, tmp_path):
        drawn = mix(tmp_path, "{style_shares: even, validation: 0}")
        assert self.styles(drawn) == {"mcqa": 92, "qa": 92}
        # Every dataset gives the same share of its 320, 40 and 5 other examples: a quarter.
        answers = by_set(id for id in drawn["all"] if int(id.partition(":")[2]) % 5)
        assert answers == {"alpha": 80, "beta": 10, "gamma": 2}

    def test_weights_of_styles(self, tmp_path):
        drawn = mix(tmp_path, "{style_shares: {qa: 1, mcqa: 3}, validation: 0}")
        assert self.styles(drawn) == {"mcqa": 92, "qa": 31}
        dropped = drawn["ledger"]["alpha"]["dropped"]
        assert dropped.keys() == {"not_sampled"}

    def test_styles_without_weight_are_not_taken(self, tmp_path):
        drawn = mix(tmp_path, "{style_shares: {qa: 1}, validation: 0}")
        assert self.styles(drawn) == {"qa": 365}
        assert drawn["ledger"]["alpha"]["dropped"] == {"not_in_mixture": 80}

    def test_a_style_without_examples_cannot_have_a_share(self, tmp_path):
        with pytest.raises(
            InputError, match=r"some\.yaml: .*style_shares: no examples of style ner"
        ):
            mix(tmp_path, "{style_shares: {qa: 1, ner: 1}}")

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(
        st.dictionaries(
            st.tuples(st.sampled_from("abc"), st.sampled_from(["mcqa", "qa", "ner"])),
            st.integers(1, 5000),
            min_size=1,
        ),
        st.fixed_dictionaries({s: st.floats(0.01, 100) for s in ("mcqa", "qa", "ner")}),
    )
    def test_shares_are_met_and_no_cell_gives_more_than_it_has(self, sizes, weights):
        shares = {style: weights[style] for _, style in sizes}
        found = apply_style_shares(sizes, shares)
        assert found.keys() == sizes.keys()
        assert all(0 <= found[cell] <= size for cell, size in sizes.items())
        totals = Counter()
        for (_, style), size in found.items():
            totals[style] += size
        unit = min(
            sum(n for (_, s), n in sizes.items() if s == style) / share
            for style, share in shares.items()
        )
        for style, share in shares.items():
            assert abs(totals[style] - unit * share) <= 0.5 + 1e-6

    @pytest.mark.parametrize(
        "mixture",
        [
            "{temperature: 3, fraction: 0.5}",
            "{style_shares: even, max_samples: {alpha: 90}}",
            "{style_shares: {mcqa: 2, qa: 5}, temperature: 2}",
        ],
    )
    def test_the_order_of_the_examples_does_not_matter(self, tmp_path, mixture):
        source = save(tmp_path / "in.parquet", examples()[::-1])
        turned = mix(tmp_path / "turned", mixture, source)
        straight = mix(tmp_path / "straight", mixture)
        assert set(straight["train"]) == set(turned["train"])
        assert straight["stats"]["distinct"] == turned["stats"]["distinct"]


class TestPrompt:
    def mixed(self, folder: Path, mixture: str) -> list[Example]:
        mix(folder, mixture, save(folder / "in.parquet", [EXAM, qa("alpha:2")]))
        return list(read_examples(folder / "train.parquet"))

    def test_exam_questions_are_asked_as_the_sets_ask_by_default(self, tmp_path):
        assert self.mixed(tmp_path, "{validation: 0}") == [EXAM, qa("alpha:2")]

    def test_exam_questions_can_be_asked_as_cmb_asks(self, tmp_path):
        asked, other = self.mixed(tmp_path, "{prompt: cmb, validation: 0}")
        assert other == qa("alpha:2") and asked.meta == EXAM.meta
        assert asked.messages == [
            (
                "user",
                "以下是中国护理考试的一道单项选择题，不需要做任何分析和解释，直接输出答案选项。\n"
                "正常体温是？\nA. 36.5℃\nB. 40℃",
            ),
            ("assistant", "答案是A。"),
        ]
        stats = json.loads((tmp_path / "stats.json").read_bytes())
        assert stats["prompt"] == "cmb"


class TestBooks:
    @pytest.mark.parametrize(
        "mixture",
        [
            "{}",
            "{max_samples: 9}",
            "{fraction: 0.2, datasets: [alpha]}",
            "{styles: [mcqa], validation: 0.3}",
        ],
    )
    def test_rows_in_are_kept_plus_dropped(self, tmp_path, mixture):
        drawn = mix(tmp_path, mixture)
        kept, held = by_set(drawn["all"]), by_set(drawn["validation"])
        for name, size in SETS.items():
            entry = drawn["ledger"][name]
            assert entry["rows_in"] == size == entry["kept"] + sum(entry["dropped"].values())
            assert entry["kept"] == kept[name]
            assert entry["changed"].get("held_out", 0) == held[name]

    def test_reasons_tell_unwanted_from_unlucky(self, tmp_path):
        ledger = mix(tmp_path, "{datasets: [alpha, beta], styles: [qa], max_samples: 30}")["ledger"]
        assert ledger["alpha"]["dropped"] == {"not_in_mixture": 80, "not_sampled": 290}
        assert ledger["beta"]["dropped"] == {"not_in_mixture": 10, "not_sampled": 10}
        assert ledger["gamma"]["dropped"] == {"not_in_mixture": 7}

    def test_description_is_of_the_training_part(self, tmp_path):
        drawn = mix(tmp_path, "{validation: 0.2}")
        stats, trained = drawn["stats"], by_set(drawn["train"])
        assert stats["experiment"] == "some"
        assert (stats["train"], stats["validation"]) == (
            len(drawn["train"]),
            len(drawn["validation"]),
        )
        assert {part["dataset"]: part["examples"] for part in stats["datasets"]} == trained
        assert sum(stats["styles"].values()) == stats["languages"]["zh"] == stats["train"]
        assert sum(stats["lengths"]["counts"]) == stats["train"]
        for part in stats["datasets"]:
            assert sum(part["style_counts"].values()) == part["examples"]
            assert part["mean_characters"] == round(part["characters"] / part["examples"], 1)

    def test_same_input_same_bytes(self, tmp_path):
        source = save(tmp_path / "in.parquet", examples())
        assert (
            same_bytes(
                lambda folder: mix(folder, "{max_samples: 30}", source),
                tmp_path / "one",
                tmp_path / "two",
            )
            == 5
        )

    def test_long_examples_are_counted_in_the_last_bin(self):
        description = Description()
        lengths = (0, LENGTH_STEP, LENGTH_STEP * LENGTH_BINS * 3)
        for length in lengths:
            description.add(qa("a:1", "甲" * length, ""))
        counts = description.as_json()["lengths"]["counts"]
        assert (counts[0], counts[1], counts[-1], sum(counts)) == (1, 1, 1, 3)

    @pytest.mark.parametrize(
        ("counts", "bits"),
        [([], 0), ([0, 0], 0), ([5], 0), ([3, 3], 1), ([1, 1, 1, 1], 2), ([9, 0, 9], 1)],
    )
    def test_entropy_is_that_of_the_counts(self, counts, bits):
        assert entropy(counts) == bits

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
    def test_entropy_is_at_most_that_of_even_shares(self, counts):
        assert 0 <= entropy(counts) <= math.log2(len(counts)) + 1e-4


class TestMeasures:
    def test_categories_are_counted_by_set_and_the_rarest_not_listed(self):
        description = Description()
        for n in range(LISTED + 5):
            facts = {"file": "a", "row": 1, "category": f"{n:02}"}
            for _ in range(1 + (n == 7)):
                description.add(qa(f"a:{n}", meta=facts))
        (part,) = description.as_json()["datasets"]
        assert part["categories"] == LISTED + 5 and len(part["category_counts"]) == LISTED
        assert list(part["category_counts"].items())[:2] == [("07", 2), ("00", 1)]

    def test_categories_of_exams_are_those_of_exam_questions(self):
        description = Description()
        for n, category in enumerate(["内科", "内科", "外科"]):
            example = exam(f"a:{n}", "题", {"A": "甲", "B": "乙"}, "A")
            example.meta["category"] = category
            description.add(example)
        description.add(qa("a:9", meta={"category": "儿科"}))
        measures = description.as_json()
        assert measures["entropy_bits"]["exam_categories"] == 0.9183
        assert measures["groups"]["exam_categories"] == 2 and measures["groups"]["styles"] == 2

    def test_lengths_by_style_add_up(self, tmp_path):
        lengths = mix(tmp_path, "{}")["stats"]["lengths"]
        assert [sum(bins) for bins in zip(*lengths["by_style"].values(), strict=True)] == lengths[
            "counts"
        ]

    @pytest.mark.parametrize(
        ("texts", "shares"),
        [
            (["甲甲甲甲"], {"1": 0.25, "2": 0.3333, "3": 0.5}),
            (["甲乙", "甲乙"], {"1": 0.5, "2": 0.5, "3": 0.0}),
            (["甲乙丙", "丁戊"], {"1": 1.0, "2": 1.0, "3": 1.0}),
            ([], {"1": 0.0, "2": 0.0, "3": 0.0}),
        ],
        ids=["one sign", "twice the same", "all different", "nothing"],
    )
    def test_distinct_ngrams_are_counted_over_a_sample(self, texts, shares):
        sample = Sample(42)
        for n, text in enumerate(texts):
            sample.add(str(n), text)
        assert sample.distinct()["shares"] == shares

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.text(max_size=30), st.integers(1, 3))
    def test_ngrams_are_told_apart_as_texts_are(self, text, n):
        slices = [text[i : i + n] for i in range(len(text) - n + 1)]
        assert len(set(grams(text, n).tolist())) == len(set(slices))

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.lists(st.text("甲乙丙", min_size=1, max_size=9), unique=True), st.randoms())
    def test_the_sample_is_the_smallest_draws_in_any_order(self, texts, random):
        shuffled = list(texts)
        random.shuffle(shuffled)
        first, second = Sample(1, size=20), Sample(1, size=20)
        for text in texts:
            first.add(text, text)
        for text in shuffled:
            second.add(text, text)
        ordered = sorted(texts, key=lambda text: sample_key(text, 1, "measure"))
        needed = next((n for n in range(len(ordered)) if len("".join(ordered[:n])) >= 20), None)
        assert {text for _, _, text in first._heap} == set(ordered[:needed])
        assert first.distinct() == second.distinct()


class TestRecipe:
    def recipe(self, folder: Path, text: str) -> Path:
        path = folder / "some.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    @pytest.mark.parametrize("text", ["", "title: t\n", "mixture: {}\n", "mixture:\n"])
    def test_everything_has_a_default(self, tmp_path, text):
        assert read_mixture(self.recipe(tmp_path, text)) == Mixture()

    @pytest.mark.parametrize(
        ("mixture", "key"),
        [
            ("{max_sample: 10}", "mixture.max_sample"),
            ("{fraction: 0}", "mixture.fraction"),
            ("{fraction: 1.5}", "mixture.fraction"),
            ("{validation: 1}", "mixture.validation"),
            ("{max_samples: 0}", "mixture.max_samples"),
            ("{max_samples: many}", "mixture.max_samples"),
            ("{max_samples: {cmb: 0}}", "mixture.max_samples"),
            ("{temperature: 0.5}", "mixture.temperature"),
            ("{temperature: .inf}", "mixture.temperature"),
            ("{style_shares: odd}", "mixture.style_shares"),
            ("{style_shares: {mcq: 1}}", "mixture.style_shares"),
            ("{style_shares: {qa: 0}}", "mixture.style_shares"),
            ("{style_shares: {}}", "mixture"),
            ("{styles: [qa], style_shares: {mcqa: 1}}", "mixture"),
            ("{prompt: mine}", "mixture.prompt"),
            ("{styles: [mcq]}", "mixture.styles"),
            ("{styles: []}", "mixture.styles"),
            ("{datasets: []}", "mixture.datasets"),
            ("{datasets: alpha}", "mixture.datasets"),
            ("{seed: x}", "mixture.seed"),
            ("[a]", "mixture"),
        ],
    )
    def test_a_wrong_key_or_value_is_named(self, tmp_path, mixture, key):
        path = self.recipe(tmp_path, f"mixture: {mixture}\n")
        with pytest.raises(InputError) as caught:
            read_mixture(path)
        assert str(caught.value).startswith(f"{path}: {key}")

    @pytest.mark.parametrize("text", ["- mixture\n", "mixture\n", "3\n"])
    def test_a_file_that_is_no_table(self, tmp_path, text):
        with pytest.raises(InputError, match=r"some\.yaml: not a table of keys and values"):
            read_mixture(self.recipe(tmp_path, text))

    @pytest.mark.parametrize(
        ("mixture", "problem"),
        [
            (
                "{datasets: [alhpa]}",
                "mixture.datasets: no examples of alhpa. There are alpha",
            ),
            ("{max_samples: {alhpa: 3}}", "mixture.max_samples: no examples of alhpa"),
            ("{datasets: [gamma], styles: [ner]}", "this mixture leaves nothing to train on"),
            ("{datasets: []}", "mixture.datasets: []; allowed: a list (text, at least one)"),
        ],
    )
    def test_a_mixture_of_nothing_leaves_no_file(self, tmp_path, mixture, problem):
        with pytest.raises(InputError) as caught:
            mix(tmp_path, mixture)
        assert problem in str(caught.value) and caught.value.path == tmp_path / "some.yaml"
        left = {path.name for path in tmp_path.iterdir()}
        assert left == {"in.parquet", "in.dropped", "some.yaml"}

    def test_a_set_that_could_not_be_had_is_done_without(self, tmp_path, capsys):
        mix(tmp_path, "{datasets: [alpha, nlpec]}")
        assert {e.dataset for e in read_examples(tmp_path / "train.parquet")} == {"alpha"}
        message = "mixture.datasets: no examples of nlpec; the mixture goes without"
        assert message in capsys.readouterr().err

    def test_experiments_of_the_repository_are_valid(self):
        folder = Path(__file__).parents[2] / "config" / "experiments"
        recipes = sorted(folder.glob("*.yaml"))
        assert len(recipes) > 5 and all(read_mixture(path) for path in recipes)


def test_nothing_that_came_through_curation_is_named(tmp_path):
    with pytest.raises(InputError, match="no row of any dataset came through the curation"):
        mix(tmp_path, "{datasets: [alpha]}", save(tmp_path / "none.parquet", []))


@pytest.mark.parametrize("share", [0, 0.2])
def test_the_folder_of_a_mixture_is_one_that_load_dataset_reads(tmp_path, share):
    """Whole, streamed and by split; a split without rows is none."""
    loader = pytest.importorskip("datasets")
    drawn = mix(tmp_path, f"{{validation: {share}}}")
    folder = tmp_path / "mixture"
    folder.mkdir()
    names = ["train.parquet", "validation.parquet"]
    for name in names:
        shutil.copy(tmp_path / name, folder / name)
    counts = {"train": len(drawn["train"]), "validation": len(drawn["validation"])}
    about = {"experiment": "x", "languages": {"zh": 1}, **counts}
    (folder / "README.md").write_text(f"---\n{head(about, names)}---\n", encoding="utf-8")
    rows = {split: count for split, count in counts.items() if count}
    where = {"cache_dir": str(tmp_path / "cache")}
    whole = loader.load_dataset(str(folder), **where)
    assert {split: len(part) for split, part in whole.items()} == rows
    stream = loader.load_dataset(str(folder), streaming=True, **where)
    assert {split: len(list(part)) for split, part in stream.items()} == rows
    for split, count in rows.items():
        assert len(loader.load_dataset(str(folder), split=split, **where)) == count


def sizes(found: dict) -> Counter:
    """Examples of each dataset, of both parts."""
    return Counter(id.split(":")[0] for id in [*found["train"], *found["validation"]])


@pytest.mark.parametrize(
    ("mixture", "expected"),
    [
        ("{examples: 60}", {"alpha": 26, "beta": 27, "gamma": 7}),
        ("{examples: 60, datasets: [alpha]}", {"alpha": 60}),
        ("{examples: 457}", {"alpha": 400, "beta": 50, "gamma": 7}),
        ("{examples: 5, datasets: [alpha, beta]}", {"alpha": 2, "beta": 3}),
    ],
)
def test_a_budget_is_met_exactly_with_even_datasets(tmp_path, mixture, expected):
    found = mix(tmp_path, mixture)
    assert sizes(found) == expected


def test_the_rest_of_an_even_budget_goes_to_the_smallest_that_have_it():
    assert even_shares(SETS, 60) == {"gamma": 7, "beta": 27, "alpha": 26}
    assert even_shares({"b": 9, "a": 9}, 5) == {"a": 3, "b": 2}


def test_random_rows_meet_the_budget_in_the_proportions_of_the_datasets(tmp_path):
    found = sizes(mix(tmp_path, "{examples: 100, examples_by: rows}"))
    assert found.total() == 100 and found["alpha"] > 70 > 25 > found["beta"] > 0


def test_draws_choose_different_datasets_of_one_size(tmp_path):
    rows = [e for n in range(8) for e in examples({f"set{n}": 30})]
    source = save(tmp_path / "in.parquet", rows)
    drawn = [mix(tmp_path / str(d), f"{{choose: 2, examples: 40, draw: {d}}}", source)
             for d in (1, 2, 3)]  # fmt: skip
    assert [sorted(sizes(one).values()) for one in drawn] == [[20, 20]] * 3
    assert len({tuple(sorted(sizes(one))) for one in drawn}) == 3
    budget = {"examples": 40, "by": "datasets", "draw": 2, "too_small": []}
    assert drawn[1]["stats"]["budget"] == budget
    again = mix(tmp_path / "again", "{choose: 2, examples: 40, draw: 2}", source)
    assert again["train"] == drawn[1]["train"]


def test_every_draw_has_other_datasets_until_there_are_no_more(tmp_path):
    rows = [e for n in range(4) for e in examples({f"set{n}": 9})]
    source = save(tmp_path / "in.parquet", rows)
    text = "{{choose: 2, validation: 0, draw: {}}}"
    found = {frozenset(sizes(mix(tmp_path, text.format(d), source))) for d in range(1, 7)}
    assert len(found) == 6
    words = "mixture.choose: 2 of 4 datasets with examples: no choice is left for draw 7, of 6"
    with pytest.raises(InputError, match=re.escape(words)):
        mix(tmp_path, text.format(7), source)


def test_a_larger_draw_need_not_hold_a_smaller_one():
    names = tuple(f"set{n}" for n in range(13))
    draws = [(draw, [_chosen(names, Mixture(choose=size, draw=draw)) for size in (1, 2, 4, 8)])
             for draw in (1, 2, 3)]  # fmt: skip
    assert not all(one < two for _, drawn in draws for one, two in itertools.pairwise(drawn))


@pytest.mark.parametrize(
    ("more", "left_out", "draws"),
    [
        ("", ["gamma"], 3),
        (", max_samples: {alpha: 19}", ["alpha", "gamma"], 1),
        (", styles: [mcqa]", ["gamma"], 3),
        (", fraction: 0.9", ["gamma"], 3),
    ],
)
def test_a_dataset_too_small_for_its_part_is_never_chosen(tmp_path, capsys, more, left_out, draws):
    counts = {"alpha": 150, "beta": 150, "gamma": 19, "x": 150}
    source = save(tmp_path / "in.parquet", examples(counts))
    for draw in range(1, draws + 1):
        text = f"{{choose: 2, examples: 40, draw: {draw}{more}}}"
        found = mix(tmp_path, text, source)
        assert sizes(found).total() == 40 and not set(left_out) & set(sizes(found))
        assert found["stats"]["budget"]["too_small"] == left_out
        assert found["ledger"]["gamma"]["dropped"] == {"not_in_mixture": 19}
        assert f"too few examples in {', '.join(left_out)}; it" in capsys.readouterr().err
    words = "mixture.choose: 4 of 3 datasets with at least 16 examples"
    with pytest.raises(InputError, match=words):
        mix(tmp_path, "{choose: 4, examples: 64}", save(tmp_path / "s", examples(
            {"alpha": 60, "beta": 60, "gamma": 15, "x": 60})))  # fmt: skip


@pytest.mark.parametrize(
    ("mixture", "words"),
    [
        ("{examples: 458}", "mixture.examples: 458, but there are 457. Lower the number"),
        ("{choose: 4}", "mixture.choose: 4 of 3 datasets with examples. Lower the number"),
        ("{choose: 2, datasets: [alpha]}", "choose takes 2 of 1 datasets"),
        ("{examples_by: rows}", "examples_by: rows needs examples or tokens"),
        ("{examples: 9, tokens: 9}", "examples and tokens exclude each other"),
        ("{tokens: 9, style_shares: even}", "style_shares and tokens exclude each other"),
        ("{tokens: 9}", "mixture.tokens needs the examples' lengths"),
        ("{examples: 9, style_shares: even}", "style_shares and examples exclude each other"),
    ],
)
def test_a_budget_that_cannot_be_met_is_an_error(tmp_path, mixture, words):
    with pytest.raises(InputError, match=re.escape(words)):
        mix(tmp_path, mixture)


def test_vendi_score_counts_different_texts():
    one, other = "患者头痛三天，伴有发热。", "Which vitamin prevents scurvy?"
    assert vendi([one] * 10)["score"] == 1.0
    assert vendi([one, other])["score"] == pytest.approx(2, abs=0.05)
    assert vendi([one, one, other, other])["score"] == pytest.approx(2, abs=0.05)
    assert vendi([]) == {"score": 0.0, "texts": 0}
    assert vendi(["甲", other]) == {"score": 2.0, "texts": 2}
    assert vendi(["", "甲", "乙", "乙"])["score"] == pytest.approx(2**1.5, abs=0.001)


def test_more_datasets_at_one_size_have_a_higher_vendi_score(tmp_path):
    words = ["头痛发热三天", "骨折固定方法", "糖尿病饮食管理", "Which drug treats asthma"]
    rows = [
        Example(id=f"s{n}:{i}", dataset=f"s{n}", style="qa", language="zh",
                messages=[("user", f"{word}{i}"), ("assistant", word * 2)], meta={})
        for n, word in enumerate(words) for i in range(40)
    ]  # fmt: skip
    source = save(tmp_path / "in.parquet", rows)
    scores = [
        mix(tmp_path / str(k), f"{{choose: {k}, examples: 40, validation: 0}}", source)["stats"]
        for k in (1, 2, 4)
    ]
    first, second, third = (found["vendi"]["score"] for found in scores)
    assert first < second < third


class TestTokens:
    """A budget of training tokens cuts the order of the draws; lengths come from the tokenizer."""

    @staticmethod
    def mix(folder: Path, mixture: str, changes: dict[str, int] | None = None) -> dict:
        """Draw a mixture of examples whose lengths are their numbers plus one."""
        folder.mkdir(parents=True, exist_ok=True)
        source = save(folder / "in.parquet", examples())
        lengths = {one.id: int(one.id.partition(":")[2]) + 1 for one in examples()}
        lengths |= changes or {}
        table = pa.table({"id": list(lengths), "tokens": pa.array(lengths.values(), pa.int32())})
        pq.write_table(table, folder / "lengths.parquet")
        recipe = folder / "some.yaml"
        recipe.write_text(f"title: t\nmixture: {mixture}\n", encoding="utf-8")
        names = ("train.parquet", "validation.parquet", "mix.json", "stats.json")
        paths = [folder / name for name in names]
        mix_file(source, recipe, *paths, lengths=folder / "lengths.parquet")
        train, held = (ids(read_examples(path)) for path in paths[:2])
        ledger, stats = (json.loads(path.read_bytes()) for path in paths[2:])
        tokens = Counter()
        for id in train:
            tokens[id.partition(":")[0]] += lengths[id]
        return {
            "train": train, "held": held, "ledger": ledger["datasets"], "stats": stats,
            "tokens": tokens, "lengths": lengths,
        }  # fmt: skip

    @pytest.mark.parametrize("validation", [0, 0.1])
    def test_random_rows_fill_the_budget_up_to_the_first_that_does_not_fit(
        self, tmp_path, validation
    ):
        mixture = f"{{tokens: 20000, examples_by: rows, validation: {validation}}}"
        found = self.mix(tmp_path, mixture)
        taken = sum(found["tokens"].values())
        budget = found["stats"]["budget"]
        assert budget["tokens"] == 20000 and budget["training_tokens"] == taken <= 20000
        order = sorted(found["lengths"], key=lambda id: sample_key(id, 42, "sample"))
        inside = {*found["train"], *found["held"]}
        ends = [place for place, id in enumerate(order) if id not in inside]
        assert ends == list(range(ends[0], len(order)))  # a beginning of the seeded order
        assert taken + found["lengths"][order[ends[0]]] > 20000
        assert bool(found["held"]) == bool(validation)
        dropped = sum(entry["dropped"]["over_token_budget"] for entry in found["ledger"].values())
        assert dropped == len(order) - len(inside)

    def test_datasets_get_as_many_tokens_each_and_all_of_a_small_one(self, tmp_path):
        found = self.mix(tmp_path, "{tokens: 2400, validation: 0}")
        # gamma has 28 tokens in all, the others half of the rest each.
        assert found["tokens"]["gamma"] == 28
        assert all(1186 - 400 < found["tokens"][name] <= 1186 for name in ("alpha", "beta"))
        assert found["stats"]["budget"]["training_tokens"] == sum(found["tokens"].values())

    def test_a_smaller_budget_is_a_part_of_a_larger_one(self, tmp_path):
        small, large = (
            set(self.mix(tmp_path / str(n), f"{{tokens: {n}, examples_by: rows}}")["train"])
            for n in (4000, 9000)
        )
        assert small < large

    def test_the_other_keys_act_before_it(self, tmp_path):
        found = self.mix(tmp_path, "{datasets: [beta], max_samples: 9, tokens: 60, validation: 0}")
        reasons = found["ledger"]["beta"]["dropped"]
        assert reasons["not_sampled"] == 41 and reasons["over_token_budget"] == 9 - len(
            found["train"]
        )

    def test_fewer_tokens_than_the_budget_are_an_error(self, tmp_path):
        with pytest.raises(InputError, match=r"mixture\.tokens: 90000, but there are 81503"):
            self.mix(tmp_path, "{tokens: 90000, validation: 0}")

    def test_lengths_of_other_examples_are_refused(self, tmp_path):
        with pytest.raises(InputError, match="lengths of other examples than these"):
            self.mix(tmp_path, "{tokens: 90}", {"delta:1": 3})
        (tmp_path / "lengths.parquet").write_bytes(b"PAR1")
        paths = [tmp_path / name for name in ("a", "b", "c", "d")]
        source, recipe = tmp_path / "in.parquet", tmp_path / "some.yaml"
        with pytest.raises(InputError, match="not readable as Parquet"):
            mix_file(source, recipe, *paths, lengths=tmp_path / "lengths.parquet")
