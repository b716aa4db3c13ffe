"""Curation fits many rows: flat texts, spilled bands, bounded comparisons, processes."""

import itertools
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectivesft.common.errors import InputError
from collectivesft.common.process_pool import ordered_map
from collectivesft.curated.clean import clean_file
from collectivesft.curated.decontaminate import decontaminate_file
from collectivesft.curated.dedup import dedup_files
from collectivesft.curated.duplicates import lsh, near
from collectivesft.curated.duplicates.comparison_text import answer_key
from collectivesft.curated.duplicates.exact import digests
from collectivesft.curated.duplicates.lsh import LshBuckets, band_keys, band_shape
from collectivesft.curated.duplicates.near import KeptRows
from collectivesft.curated.storage import parquet
from collectivesft.curated.storage.disk_array import DiskArray
from collectivesft.curated.storage.parquet import read_examples
from collectivesft.curated.text.ngrams import jaccard, ngrams_of, token_values, tokens
from collectivesft.curated.text.normalise import key
from collectivesft.curated.text.unicode_fold import SEPARATOR, fold
from collectivesft.schema.item import dump_item
from tests.helpers.curated_examples import drops, exam, ids, item, ngrams, qa, save

SIGNS = "头aB1_Ａ１℃①ßé\u0301가㎎ﾞがｶ…．.-− \n%＜<\u0338=2。，\u2025/:：∶–~"
TEXTS = st.text(max_size=10) | st.text(SIGNS, max_size=14)


class TestFlatTexts:
    @settings(max_examples=300, deadline=None, derandomize=True)
    @given(st.lists(TEXTS, max_size=5), st.integers(1, 4))
    def test_tokens_and_ngrams_are_those_of_each_text_alone(self, texts, n):
        words = [tokens(text) for text in texts]
        flat = token_values(fold(texts))
        assert flat.sizes.tolist() == [len(found) for found in words]
        self.same(flat.values, itertools.chain(*words))
        expected = [[tuple(w[i : i + n]) for i in range(len(w) - n + 1)] for w in words]
        grams = ngrams_of(flat, n)
        assert grams.sizes.tolist() == [len(found) for found in expected]
        self.same(grams.values, itertools.chain(*expected))

    def same(self, numbers: np.ndarray, things) -> None:
        """Equal numbers for equal things, different ones for different things."""
        pairs = set(zip(numbers.tolist(), things, strict=True))
        assert len({number for number, _ in pairs}) == len({thing for _, thing in pairs})
        assert len(pairs) == len({number for number, _ in pairs})

    def test_a_long_word_changes_no_number_of_the_texts_beside_it(self):
        short, long = "acgt 65 aspirin", "acgt" * 40
        alone = token_values(fold([short])).values.tolist()
        beside = token_values(fold([short, long, long[:-1]])).values.tolist()
        assert beside[:3] == alone
        assert len({*beside}) == 5

    def test_every_character_is_a_token_or_none(self):
        texts = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
        sizes = token_values(fold(texts)).sizes.tolist()
        assert sizes == [len(tokens(text)) for text in texts]

    @settings(max_examples=400, deadline=None, derandomize=True)
    @given(st.lists(st.tuples(TEXTS, TEXTS), min_size=2, max_size=4))
    def test_digests_are_equal_where_keys_are(self, pairs):
        # "…" alone is compared as written, where the key writes "...".
        pairs = [(f"甲{q}", f"乙{a}") for q, a in pairs]
        found = digests(fold([q + SEPARATOR + a.replace("\n", SEPARATOR + "乙") for q, a in pairs]))
        keys = [f"{key(q)}\n{answer_key(a.replace(chr(10), chr(10) + '乙'))}" for q, a in pairs]
        for first, second in itertools.combinations(range(len(pairs)), 2):
            same = bool((found[first] == found[second]).all())
            assert same == (keys[first] == keys[second])


class TestBands:
    @pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0])
    def test_a_pair_at_the_threshold_meets_in_a_band(self, threshold):
        count, rows = band_shape(threshold)
        assert count * rows <= lsh.PERMUTATIONS
        assert 1 - (1 - threshold**rows) ** count >= lsh.RECALL

    def test_rows_share_a_bucket_where_they_share_a_key(self, tmp_path):
        generator = np.random.default_rng(0)
        keys = generator.integers(0, 40, (90, 5)).astype(np.uint64)
        with DiskArray(tmp_path / "keys") as spill:
            spilled = LshBuckets(spill, 5, 200)
            for part in np.split(keys, [1, 7, 50]):
                spilled.add(part)
            sizes, shares = spilled.sort()
            buckets = np.concatenate([spilled.buckets(0, 33), spilled.buckets(33, 90)])
        assert (tmp_path / "keys").stat().st_size <= 8 * 5 * 200
        for band in range(5):
            for i, j in itertools.combinations(range(90), 2):
                together = buckets[i, band] == buckets[j, band] >= 0
                assert together == (keys[i, band] == keys[j, band])
        assert shares.tolist() == (buckets >= 0).any(axis=1).tolist()
        numbers, counts = np.unique(buckets[buckets >= 0], return_counts=True)
        assert numbers.tolist() == list(range(len(sizes))) and counts.tolist() == sizes.tolist()

    def test_texts_of_different_salts_share_nothing(self):
        grams = ngrams_of(token_values(fold(["患者头痛三天伴有发热体温"] * 3)), 3)
        keys = band_keys(grams, np.array([0, 0, 5], dtype=np.uint64), 4, 3)
        assert (keys[0] == keys[1]).all() and not (keys[0] == keys[2]).any()


LETTERS = [chr(0x4E00 + n) for n in range(1500)]


def written(generator: random.Random, length: int) -> str:
    return "".join(generator.choices(LETTERS, k=length))


def changed(generator: random.Random, text: str, places: int) -> str:
    copy = list(text)
    for place in generator.sample(range(len(copy)), places):
        copy[place] = generator.choice(LETTERS)
    return "".join(copy)


def dedup(texts: list[str], folder: Path, threads: int = 1) -> set[int]:
    """Numbers of the texts that were dropped."""
    source = save(folder / "in.parquet", [qa(f"a:{n}", t, "。") for n, t in enumerate(texts)])
    paths = [folder / name for name in ("out", "dropped", "ledger")]
    dedup_files([source], True, 0.8, *paths, threads=threads)
    assert sorted(path.name for path in folder.glob(".*")) == []
    return {int(row["id"].partition(":")[2]) for row in drops(paths[1])}


def test_planted_pairs_are_found(tmp_path):
    """1,200 pairs of Jaccard 0.8 and more among 6,000 texts: recall 0.99, no false pair."""
    generator = random.Random(1)
    texts = [written(generator, 120) for _ in range(4800)]
    originals = generator.sample(range(4800), 1200)
    texts += [changed(generator, texts[i], generator.randint(1, 6)) for i in originals]
    likeness = [
        jaccard(ngrams(f"{texts[4800 + n]}。", 3), ngrams(f"{texts[i]}。", 3))
        for n, i in enumerate(originals)
    ]
    wanted = {4800 + n for n, value in enumerate(likeness) if value >= 0.8}
    dropped = dedup(texts, tmp_path)
    assert len(wanted) > 600 and len(wanted) < 1200
    assert dropped <= wanted and len(dropped) >= 0.99 * len(wanted)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts exact comparisons."""
    count = [0]

    def counted(first, second):
        count[0] += 1
        return jaccard(first, second)

    monkeypatch.setattr(near, "jaccard", counted)
    return count


class TestBigBucket:
    def test_copies_of_one_text_are_each_compared_with_few(self, tmp_path, compared):
        generator = random.Random(2)
        text = written(generator, 150)
        # What half of the rows have in common is their template: here two rows of five are copies.
        copies = [n for n in range(2, 2002) if n % 5 < 2]
        texts = [text] + [written(generator, 150) for _ in range(2001)]
        for n in copies:
            texts[n] = changed(generator, text, 2)
        assert len(copies) == 800 and dedup(texts, tmp_path) == set(copies)
        assert compared[0] <= 2 * (1 + len(copies))

    def test_a_template_does_not_hide_copies_and_is_not_one(self, tmp_path, monkeypatch, compared):
        monkeypatch.setattr(near, "REMEMBERED", 8)
        monkeypatch.setattr(near, "COMPARED", 8)
        generator = random.Random(3)
        template = written(generator, 80)  # two rows with it have a similarity of about 0.5
        texts = [template + written(generator, 40) for _ in range(1500)]
        texts += [changed(generator, texts[n * 5], 1) for n in range(200)]
        dropped = dedup(texts, tmp_path)
        assert dropped <= set(range(1500, 1700)) and len(dropped) >= 0.99 * 200
        assert compared[0] <= 8 * len(texts)

    def test_those_that_share_most_buckets_come_first(self, tmp_path, monkeypatch):
        monkeypatch.setattr(near, "COMPARED", 2)
        grams = [np.arange(20 * n, 20 * n + 20, dtype=np.uint64) for n in range(4)]
        buckets = [np.array(found) for found in ([0, 1], [0, 2], [0, 1, 2], [0, 1, 2])]
        with DiskArray(tmp_path / "grams") as spill:
            kept = KeptRows(np.array([4, 3, 3]), 4, 0.8, spill)
            for row in range(3):
                kept.add(row, grams[row], buckets[row])
            # Row 1 shares as many as row 0 but comes later: it is left out.
            assert kept.find(grams[2], buckets[3]) == (2, 1.0)
            assert kept.find(grams[0], buckets[3]) == (0, 1.0)
            assert kept.find(grams[1], buckets[3]) is None


class TestSpill:
    def test_arrays_come_back(self, tmp_path):
        with DiskArray(tmp_path / "a") as spill:
            spill.write(np.arange(5, dtype=np.uint64), 16)
            spill.write(np.empty(0, dtype=np.uint64), 0)
            spill.write(np.arange(2, dtype=np.int32), 0)
            assert spill.read(np.uint64, 5, 16).tolist() == [0, 1, 2, 3, 4]
            assert spill.read(np.int32, 2, 0).tolist() == [0, 1]
            assert spill.read(np.int32, 0, 0).tolist() == []

    def test_a_part_that_was_written_is_followed_by_the_rest(self, tmp_path, monkeypatch):
        whole, pwrite = np.arange(100, dtype=np.uint64), os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda file, data, at: pwrite(file, data[:33], at))
        with DiskArray(tmp_path / "a") as spill:
            spill.write(whole, 8)
            assert spill.read(np.uint64, 100, 8).tolist() == whole.tolist()


def rows(count: int) -> list:
    """Examples for every step: dirty, short, copied, leaked and sound ones."""
    generator = random.Random(5)
    texts = [written(generator, 60) for _ in range(count)]
    found = []
    for n in range(count):
        text = texts[n] if n % 7 else changed(generator, texts[n // 2], 1)
        if n % 5 == 0:
            text += "<br>电话１３９１２３４５６７８"
        answer = "答" if n % 11 == 0 else "多休息。"
        found.append(qa(f"a:{n}", text, answer))
        if n % 13 == 0:
            options = {"A": "甲<br>", "B": "乙"}
            found.append(exam(f"a:x{n}", texts[n // 3], options, "A"))
    return found


def test_any_number_of_processes_gives_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP", 64)
    examples = rows(400)
    source = save(tmp_path / "in.parquet", examples)
    items = [item(str(n), examples[17 * n].messages[0][1]) for n in range(9)]
    lines = "".join(dump_item(each) + "\n" for each in items)
    (tmp_path / "items").write_text(lines, encoding="utf-8")
    written = []
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        folder.mkdir()

        def three(step: str, folder: Path = folder) -> list[Path]:
            return [folder / f"{step}.{kind}" for kind in ("parquet", "dropped", "json")]

        clean_file(source, 2, 6000, *three("clean"), threads=threads)
        dedup_files([folder / "clean.parquet"], True, 0.8, *three("dedup"), threads=threads)
        out, dropped, ledger = three("clear")
        decontaminate_file(
            folder / "dedup.parquet", items=[tmp_path / "items"], decontaminate=True, out=out,
            dropped=dropped, ledger=ledger, report=folder / "report", threads=threads,
        )  # fmt: skip
        written.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})
    assert written[0] == written[1] and len(written[0]) == 10
    kept = ids(read_examples(tmp_path / "1/clear.parquet"))
    assert kept == [example.id for example in examples if example.id in set(kept)]
    for step in ("clean", "dedup", "clear"):
        counts = json.loads((tmp_path / f"1/{step}.json").read_bytes())["datasets"]["a"]
        assert counts["dropped"] and counts["kept"]


def half(number: int) -> float:
    if number == 7:
        raise InputError("rows.csv", "no such row", "Look again", row=7)
    return number / 2


class TestOrderedMap:
    def test_results_come_in_order(self):
        assert list(ordered_map(half, range(6), 2)) == [n / 2 for n in range(6)]
        assert list(ordered_map(half, [], 2)) == []

    def test_an_error_is_the_one_that_was_raised(self):
        with pytest.raises(InputError) as caught:
            list(ordered_map(half, range(9), 2))
        assert str(caught.value) == "rows.csv, row 7: no such row. Look again."
