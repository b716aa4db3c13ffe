"""Titles and tokenizers are checked before a run: fonts, room for the template, letters."""

import os
import re
from pathlib import Path

import pytest
import title_check
import tokenizer_check
import yaml

from collectivesft.config.experiment import ModelRecipe
from collectivesft.models.chat import training_template
from collectivesft.models.convert.random_model import byte_tokenizer
from tests.workflow.test_config_check import lines, own_model, own_root

EXPERIMENT = "config/experiments/tiny.yaml"


def own_experiment(root: Path, **changes: object) -> None:
    path = root / EXPERIMENT
    recipe = yaml.safe_load(path.read_text("utf-8"))
    training = recipe["training"] | changes.pop("training", {})
    path.write_text(yaml.safe_dump(recipe | changes | {"training": training}), "utf-8")


def random_model() -> ModelRecipe:
    path = Path(__file__).parents[2] / "config/models/tiny-random.yaml"
    return ModelRecipe.model_validate(yaml.safe_load(path.read_text("utf-8")))


@pytest.mark.parametrize("template", ["chatml", "gemma", "gemma_base"])
def test_bytes_are_counted_as_the_tokenizer_of_random_models_does(template):
    encode = tokenizer_check.encoder(random_model(), [])
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", training_template(template)) + "医<|im_end|>A<eos>"
    assert len(encode(text)) == len(byte_tokenizer()(text, add_special_tokens=False)["input_ids"])


def test_a_length_that_the_template_fills_is_refused(tmp_path):
    root = own_root(tmp_path)
    own_experiment(root, training={"max_length": 20})
    (line,) = lines(root / "config/tiny.yaml", root)
    needed = len(
        byte_tokenizer().apply_chat_template(
            tokenizer_check.TURNS, chat_template=training_template("chatml"), tokenize=True
        )["input_ids"]
    )
    assert line == (
        f"{EXPERIMENT}: training.max_length: 20 tokens, one question and answer of a letter each "
        f"take {needed - 1} with the chat template; raise it to {needed - 1} or more"
    )  # without <bos>, which some tokenizers do not have
    own_experiment(root, training={"max_length": needed})
    assert lines(root / "config/tiny.yaml", root) == []


def test_likelihood_on_a_tokenizer_without_letters_is_refused(tmp_path, monkeypatch):
    from tokenizers import Tokenizer, models, pre_tokenizers

    root = own_root(tmp_path)
    monkeypatch.chdir(root)
    folder = root / ".cache/models/tiny-random"
    folder.mkdir(parents=True)
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "答案是": 1, "A": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Split("答案是", "isolated")
    words.save(str(folder / "tokenizer.json"))
    own_model(root, source={"kind": "hub", "repo": "a/b", "revision": "0" * 40, "patterns": ["*"]})
    (line,) = lines(root / "config/tiny.yaml", root)
    assert line.endswith(
        "evaluation.cmb.protocols: 'circular' and 'likelihood' compare letters, and of tiny-random "
        "its tokenizer has no separate token for C; take method: generate"
    )


@pytest.mark.parametrize(
    ("title", "sign"), [("Fine 😀", "U+1F600"), ("ไทย", "U+0E44"), ("a\tb", "U+0009")]
)
def test_a_title_that_no_font_can_draw_is_refused(tmp_path, title, sign):
    root = own_root(tmp_path)
    own_experiment(root, title=title)
    own_model(root, title=title)
    assert lines(root / "config/tiny.yaml", root) == [
        f"{file}: title: {title!r} has the sign {sign}, for which the paper has no font; "
        "leave it out"
        for file in (EXPERIMENT, "config/models/tiny-random.yaml")
    ]


def test_every_sign_that_a_title_may_have_is_in_our_fonts():
    import matplotlib
    import noto_cjk_sans_otc
    from fontTools.ttLib import TTFont

    noto = Path(noto_cjk_sans_otc.__file__).with_name("NotoSansCJK-Regular.ttc")
    deja = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")
    known = {*TTFont(noto, fontNumber=0).getBestCmap(), *TTFont(deja).getBestCmap()}
    taken = [code for code in range(0x110000) if not title_check.title_fault(chr(code))]
    assert [hex(code) for code in taken if code not in known] == []
    assert len(taken) > 20_000


def test_a_tokenizer_is_loaded_once_for_the_same_texts(tmp_path, monkeypatch):
    """Each start of Snakemake, so each job of a cluster, checks; loading takes seconds."""
    tokenizers = pytest.importorskip("tokenizers")
    (tmp_path / "m").mkdir()
    folder = {"kind": "folder", "path": "m"}
    model = random_model().model_copy(update={"source": folder})
    path = tmp_path / "m/tokenizer.json"
    words = {"答案是": 0, "A": 1, "答案是A": 2}
    tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="A")).save(str(path))
    first = tokenizer_check.encoder(model, [path.parent], tmp_path)("答案是A")
    loaded, load = [], tokenizers.Tokenizer.from_file

    class Counted:
        @staticmethod
        def from_file(name):
            loaded.append(name)
            return load(name)

    monkeypatch.setattr(tokenizers, "Tokenizer", Counted)
    assert tokenizer_check.encoder(model, [path.parent], tmp_path)("答案是A") == first == [2]
    assert not loaded
    os.utime(path, ns=(1, 1))
    assert tokenizer_check.encoder(model, [path.parent], tmp_path)("答案是A") == first
    assert loaded
