"""A dataset repository holds the rows that may be passed on, and says why others are not there."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from collectivesft import benchmarks, datasets
from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json
from collectivesft.hub.card.redistribution import TERMS, terms
from collectivesft.hub.client.sync import Target
from collectivesft.hub.data import build, push_data
from collectivesft.schema.example import Example, arrow_schema

SETS = {"pubmedqa": True, "nlpec": False, "cmid": False, "webmedqa": True}


def example(name: str, number: int) -> dict:
    turns = (("user", "问"), ("assistant", f"答{number}"))
    return Example(f"{name}:{number}", name, "qa", "zh", turns, {}).to_row()


def write(path, rows):
    pq.write_table(pa.Table.from_pylist(rows, arrow_schema()), path, compression="zstd")
    return path


@pytest.fixture
def mixture(tmp_path):
    rows = [example(name, n) for n in range(5) for name in SETS]
    return write(tmp_path / "train.parquet", rows), write(tmp_path / "v.parquet", rows[:4])


@pytest.fixture
def predictions(tmp_path):
    path = tmp_path / "cmb.answer.predictions.jsonl"
    row = {"id": "cmb:1", "benchmark": "cmb", "model": "demo", "raw": "A"}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", [datasets, benchmarks], ids=["datasets", "benchmarks"])
def test_every_licence_of_a_set_has_been_decided_about(kind):
    for name in kind.names():
        assert terms(name, kind.get(name).SOURCE.licence).why


def test_an_unknown_licence_is_an_error():
    with pytest.raises(UserError, match="mine: no decision about the licence 'Own'"):
        terms("mine", "Own")


def test_nothing_without_a_licence_is_passed_on():
    for licence, decided in TERMS.items():
        if "unknown" in licence or "research" in licence or "NC" in licence:
            assert not decided.allowed, licence


def test_rows_are_those_that_may_be_passed_on(mixture, tmp_path):
    found = build("me/data", *mixture, (), tmp_path / "out")
    for split, path in zip(("train", "validation"), mixture, strict=True):
        before = pq.read_table(path).to_pylist()
        after = pq.read_table(tmp_path / f"out/data/{split}.parquet").to_pylist()
        assert after == [row for row in before if SETS[row["dataset"]]]
        for name, allowed in SETS.items():
            one = found["datasets"][name]
            number = sum(row["dataset"] == name for row in before)
            assert (one["published"][split], one["left_out"][split]) == (
                (number, 0) if allowed else (0, number)
            )
    assert read_json(tmp_path / "out/licences.json") == found


def test_card_says_what_is_left_out_and_why(mixture, predictions, tmp_path):
    build("me/data", *mixture, [predictions], tmp_path / "out")
    text = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert head["configs"][0]["data_files"][0] == {"split": "train", "path": "data/train.parquet"}
    line = next(line for line in text.splitlines() if "NLPEC" in line)
    assert "| 0 | 6 |" in line and TERMS["unknown"].why in line
    assert "`predictions/demo.cmb.answer.predictions.jsonl`: 1 rows" in text


def test_made_up_rows_are_said_to_be(mixture, tmp_path):
    from collectivesft.common.made_up import SENTENCE

    for made_up in (True, False):
        build("me/data", *mixture, (), tmp_path / "out", made_up)
        text = (tmp_path / "out/README.md").read_text(encoding="utf-8")
        assert (SENTENCE in text) is made_up
        assert ("made-up" in yaml.safe_load(text.split("---")[1])["tags"]) is made_up


def test_predictions_of_a_benchmark_that_may_not_be_passed_on_stay_here(
    mixture, predictions, tmp_path
):
    predictions.write_text(predictions.read_text().replace('"cmb"', '"cmmlu_medical"'))
    build("me/data", *mixture, [predictions], tmp_path / "out")
    assert not (tmp_path / "out/predictions").exists()
    assert "non-commercial" in (tmp_path / "out/README.md").read_text(encoding="utf-8")


def test_a_mixture_of_which_nothing_may_be_passed_on_is_one_message(tmp_path):
    path = write(tmp_path / "x.parquet", [example("nlpec", 1)])
    with pytest.raises(UserError, match="none of its datasets may be passed on"):
        build("me/data", path, path, (), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_same_rows_same_bytes(mixture, predictions, tmp_path):
    for name in ("one", "two"):
        build("me/data", *mixture, [predictions], tmp_path / name)
    for path in (tmp_path / "one").rglob("*.*"):
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.is_dir() or path.read_bytes() == other.read_bytes()


def test_pushed_once_and_read_back_by_the_clients_own_loader(hub, mixture, predictions, tmp_path):
    from huggingface_hub import hf_hub_download

    folder = tmp_path / "out"
    build("demo/data", *mixture, [predictions], folder)
    target = Target("demo/data", "v1", kind="dataset")
    receipt = push_data(target, folder, tmp_path / "receipt.json")
    record = hub.store.load("datasets", "demo/data")
    assert record["tags"] == {"v1": receipt["commit"]} and record["private"]
    names = {"README.md", "licences.json", "data/train.parquet", "data/validation.parquet"}
    names |= {"predictions/demo.cmb.answer.predictions.jsonl"}
    assert set(record["commits"][receipt["commit"]]["files"]) == names == set(receipt["files"])
    hub.seen.clear()
    assert push_data(target, folder) == receipt
    assert {line.split()[0] for line in hub.seen} == {"GET"}
    place = {"repo_type": "dataset", "revision": "v1", "cache_dir": tmp_path / "cache"}
    path = hf_hub_download("demo/data", "data/train.parquet", **place)
    assert pq.read_table(path).num_rows == 10


def test_dry_run_sends_nothing(hub, mixture, tmp_path, capsys):
    build("demo/data", *mixture, (), tmp_path / "out")
    push_data(Target("demo/data", "v1", kind="dataset"), tmp_path / "out", dry_run=True)
    assert "demo/data (dataset): not there; would be created private" in capsys.readouterr().out
    assert {line.split()[0] for line in hub.seen} == {"GET"}


@pytest.mark.parametrize("held_out", [["pubmedqa:9"], ["nlpec:9"], []], ids=["some", "none", "no"])
def test_load_dataset_reads_the_folder(tmp_path, held_out):
    """The first dataset may not be passed on, nor all of the validation part."""
    loader = pytest.importorskip("datasets")
    first = [example("nlpec", n) for n in range(9000)]
    train = write(tmp_path / "train.parquet", first + [example("webmedqa", n) for n in range(9)])
    rows = [example(*name.split(":")) for name in held_out]
    build("me/data", train, write(tmp_path / "v.parquet", rows), [], tmp_path / "out")
    wanted = {"train": 9} | ({"validation": 1} if held_out == ["pubmedqa:9"] else {})
    where = {"cache_dir": str(tmp_path / "cache")}
    whole = loader.load_dataset(str(tmp_path / "out"), **where)
    assert {split: len(part) for split, part in whole.items()} == wanted
    stream = loader.load_dataset(str(tmp_path / "out"), streaming=True, **where)
    assert {split: len(list(part)) for split, part in stream.items()} == wanted
    for split, count in wanted.items():
        assert len(loader.load_dataset(str(tmp_path / "out"), split=split, **where)) == count


def test_a_folder_that_is_none_of_ours_removes_nothing(hub, mixture, tmp_path):
    folder = tmp_path / "out"
    build("demo/data", *mixture, (), folder)
    push_data(Target("demo/data", "v1", kind="dataset"), folder)
    record = hub.store.load("datasets", "demo/data")
    (tmp_path / "empty").mkdir()
    for wrong in (tmp_path / "empty", tmp_path / "nothing", folder / "data"):
        for dry_run in (False, True):
            with pytest.raises(UserError, match=r"holds no README\.md"):
                push_data(Target("demo/data", "v2", kind="dataset"), wrong, dry_run=dry_run)
    (tmp_path / "empty/README.md").write_text("# text")
    with pytest.raises(UserError, match="holds no rows"):
        push_data(Target("demo/data", "v2", kind="dataset"), tmp_path / "empty")
    assert hub.store.load("datasets", "demo/data") == record


def test_hidden_folders_stay_here_and_links_out_are_refused(hub, mixture, tmp_path, capsys):
    folder = tmp_path / "out"
    build("demo/data", *mixture, (), folder)
    (folder / ".git").mkdir()
    (folder / ".git/config").write_text("[remote]")
    target = Target("demo/data", "v1", kind="dataset")
    push_data(target, folder, dry_run=True)
    assert ".git" not in capsys.readouterr().out
    (folder / "data/more.parquet").symlink_to(folder / "data/train.parquet")  # within: taken
    push_data(target, folder, dry_run=True)
    assert "data/more.parquet" in capsys.readouterr().out
    (tmp_path / "secret").write_text("mine")
    (folder / "data/link.parquet").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match=r"link\.parquet: a link out of"):
        push_data(target, folder, dry_run=True)


@pytest.mark.parametrize(("repo", "tag"), [("../..", "v1"), ("demo/data", "v 1")])
def test_names_that_cannot_be_are_refused_before_the_first_byte(hub, mixture, tmp_path, repo, tag):
    build("demo/data", *mixture, (), tmp_path / "out")
    with pytest.raises(UserError, match=r"is no name"):
        push_data(Target(repo, tag, kind="dataset"), tmp_path / "out")
    assert hub.seen == []
