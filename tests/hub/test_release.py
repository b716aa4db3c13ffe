"""Card and manifest hold the run's own numbers and digests, and nothing of the machine."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from collectivesft import __version__, datasets
from collectivesft.common.errors import UserError
from collectivesft.common.files import read_json, sha256, write_json
from collectivesft.hub.cli import app
from tests.helpers.release_folder import Folder

OTHERS = ("70.50", "1.00", 2, "0.5")
RANDOM = {"source": {"kind": "random"}, "architecture": {"model_type": "llama"}}


@pytest.fixture
def folder(tmp_path):
    """Make the files in a folder of their own."""
    return lambda name="run", **options: Folder(tmp_path / name, **options)


class TestEvalResults:
    def made(self, folder, tmp_path, **options) -> dict[str, list]:
        made = folder(str(len(options))).release(files=tmp_path / "files", **options)
        names = [n for n in made.manifest["files"] if n.startswith(".eval_results/")]
        return {n: yaml.safe_load((tmp_path / "files" / n).read_text("utf-8")) for n in names}

    def test_they_hold_plain_numbers_of_the_score_files(self, folder, tmp_path):
        from collectivesft import benchmarks

        found = self.made(folder, tmp_path)
        assert list(found) == [".eval_results/collectivesft-cmb.yaml"]
        answer, likelihood = found[".eval_results/collectivesft-cmb.yaml"]
        source = benchmarks.get("cmb").SOURCE.files[0].locations[0]
        assert answer["dataset"] == {
            "id": source.repo, "task_id": "cmb", "revision": source.revision
        }  # fmt: skip
        assert (answer["value"], likelihood["value"]) == (72.35, 66.67)
        assert "protocol answer, 8 items, 95 % interval 0.00 to 100.00" in answer["notes"]

    @pytest.mark.parametrize("option", ["demo", "made_up"])
    def test_a_demonstration_has_none(self, folder, tmp_path, option):
        assert self.made(folder, tmp_path, **{option: True}) == {}


class TestCard:
    def test_head_is_understood_by_the_hubs_own_reader(self, folder):
        data = folder().release().card.data
        assert data.license == "apache-2.0"
        assert data.license_link == "https://example.org/licence"
        assert data.language == ["zh", "en"]
        assert data.base_model == "org/base-7b"
        assert data.base_model_relation == "finetune"
        assert data.pipeline_tag == "text-generation"
        assert data.library_name == "transformers"
        assert "demo" not in data.tags
        assert data.model_name == "Model-7B"

    def test_model_index_holds_the_values_of_the_score_files(self, folder):
        made = folder().release()
        wanted = {}
        for row in made.scores.values():
            if (row["model"], row["kind"]) == ("mine", "choice"):
                place = f"cmb ({row['protocol']}, 8 items)"
                values = {"accuracy, macro over categories": row["macro"]["value"]}
                values |= {f"accuracy, {c['label']}": c["value"] for c in row["categories"]}
                wanted |= {(place, name): round(100 * value, 2) for name, value in values.items()}
        results = made.card.data.eval_results
        found = {(r.dataset_name, r.metric_name): r.metric_value for r in results}
        assert found == wanted
        assert len(results) == len(wanted) == 6
        assert wanted["cmb (answer, 8 items)", "accuracy, macro over categories"] == 72.35
        assert {(r.dataset_type, r.metric_type) for r in results} == {("cmb", "accuracy")}

    def test_table_shows_this_model_beside_its_base(self, folder):
        text = folder().release().text
        assert "| mine | cmb | answer | 8 | 72.35 (1.00 to 99.00) | 71.00 |" in text
        assert "| base | cmb | answer | 8 | 25.00 (0.00 to 50.00) | 24.00 |" in text
        assert "another" not in text

    def test_licences_of_base_and_sets_are_listed(self, folder):
        text = folder().release().text
        assert "The base model's licence (Apache-2.0) applies to the weights" in text
        assert "| [MedQA](https://example.org/medqa) | MIT |" in text
        assert "| [NLPEC](https://example.org/nlpec) | unknown |" in text

    @pytest.mark.parametrize(
        "licence, found",
        [
            ("MIT", {"license": "mit"}),
            ("Gemma Terms of Use", {"license": "gemma"}),
            ("Own Licence 1.0", {"license": "other", "license_name": "own-licence-1.0"}),
        ],
    )
    def test_licence_is_named_as_the_hub_names_it(self, folder, licence, found):
        data = folder(base={"licence": licence}).release().card.data.to_dict()
        assert {key: data.get(key) for key in found} == found

    @pytest.mark.parametrize(
        "base, name",
        [
            ({"source": {"kind": "pypi"}}, "org/base-7b"),
            (RANDOM | {"homepage": None}, None),
            ({"source": {"kind": "folder", "path": "x"}, "homepage": "https://lab.org"}, None),
        ],
    )
    def test_base_model_is_named_only_where_it_has_a_page_on_the_hub(self, folder, base, name):
        assert folder(base=base).release().card.data.base_model == name

    def test_datasets_on_the_hub_are_named_by_their_own_entries(self, folder):
        """MedQA is there; NLPEC is not. Made-up rows are of no dataset there."""
        place = datasets.get("medqa").SOURCE.files[0].locations[0]
        assert folder().release().card.data.datasets == [place.repo]
        assert folder("demo").release(made_up=True).card.data.datasets is None

    def test_an_adapter_is_related_to_its_base_as_one(self, folder):
        made = folder()
        card = made.release(more={"trained": made.adapter()}, weights="adapter").card
        assert card.data.base_model_relation == "adapter"

    def test_demonstration_says_so(self, folder):
        made = folder().release(demo=True)
        assert "demo" in made.card.data.tags
        assert "A demonstration." in made.text
        assert "A demonstration." not in folder("paper").release().text

    def test_made_up_data_is_said_and_claims_no_result(self, folder):
        """Questions written for this package are no benchmark's, whatever form they have."""
        from collectivesft.common.made_up import SENTENCE

        before = folder()
        card = before.root / "data-card.md"
        card.write_text(f"# Data of mine\n\n> **{SENTENCE}**\n\n" + card.read_text(), "utf-8")
        made = before.release(demo=True, made_up=True)
        assert made.text.count(SENTENCE) == 1
        assert "on 5 made-up examples in the form of 2 datasets" in made.text
        assert made.card.data.eval_results is None and "model-index" not in made.text
        assert {"demo", "made-up"} <= set(made.card.data.tags)
        assert "| mine | cmb, made-up | answer |" in made.text
        assert made.manifest["made_up"] is True
        other = folder("other").release(demo=True)  # a demonstration on published data
        assert SENTENCE not in other.text and other.card.data.eval_results

    def test_the_card_says_where_its_command_comes_from(self, folder):
        address = "https://example.org/collectivesft"
        text = folder().release(package_url=address).text
        assert f"`pip install git+{address}`" in text
        text = folder("other").release().text
        assert "has no public address yet" in text
        assert f"`collectivesft-{__version__}.tar.gz`" in text and "envs/install dev" in text

    def test_headings_of_the_data_card_stand_below_its_own(self, folder):
        lines = folder().release().card.content.splitlines()
        headings = [line for line in lines if line.startswith("#")]
        assert [line for line in headings if line.startswith("# ")] == ["# Model-7B"]
        start = headings.index("## Data of the experiment mine")
        assert headings[start + 1 : start + 3] == ["### Datasets", "#### Notes"]

    def test_settings_are_those_of_the_recipe(self, folder):
        text = folder(method="lora", lora={"r": 3, "alpha": 5}, learning_rate=7e-4).release().text
        assert "| method | lora |" in text
        assert "| rank, alpha | 3, 5 |" in text
        assert "| learning rate | 0.0007 |" in text
        assert "| steps | 2 |" in text
        assert "rank" not in folder("full").release().text

    def test_question_names_the_repository(self, folder):
        assert 'pipeline("text-generation", "me/Model-7B", revision=' in folder().release().text

    def test_intervals_stand_in_the_model_index(self, folder):
        results = folder().release().card.data.eval_results
        macro = next(r for r in results if "macro" in r.metric_name)
        assert macro.metric_args == {"confidence": 0.95, "low": 0.0, "high": 100.0}

    def test_the_answer_keys_date_is_named(self, folder):
        made = folder()
        row = made.scores["mine-answer.json"] | {"key": {"sha256": "0", "date": "2024-02-21"}}
        (made.root / "mine-answer.json").write_text(json.dumps(row))
        results = made.release().card.data.eval_results
        assert "cmb (answer, 8 items, key of 2024-02-21)" in {r.dataset_name for r in results}

    def test_costs_are_said_to_lie_with_the_measurements(self, folder):
        text = folder().release().text.partition("## Environmental cost")[2]
        assert "`measurements.json`" in text and "Emissions were not measured" in text

    def test_every_way_to_run_it_is_pinned_to_the_version(self, folder):
        text = folder().release(tag="v3").text
        for line in ("collectivesft hub verify me/Model-7B@v3", "--model me/Model-7B@v3",
                     'revision="v3"', "vllm serve me/Model-7B --revision v3"):  # fmt: skip
            assert line in text
        assert "Not medical advice" in text


class TestFiles:
    def test_scores_lie_beside_the_manifest(self, folder):
        made = folder()
        made.release(files=made.root / "files")
        names = {f"scores/{row['model']}.{name}" for name, row in made.scores.items()}
        listed = made.manifest["files"]
        assert set(listed) == names | {
            "scores/table.csv", "README.md", "NOTICE", ".eval_results/collectivesft-cmb.yaml"
        }  # fmt: skip
        for name in names:
            assert sha256(made.root / "files" / name) == listed[name]["sha256"]

    @pytest.mark.parametrize("weights", ["adapter", "both"])
    def test_an_adapter_names_its_base_on_the_hub(self, folder, weights):
        made = folder()
        more = {"trained": made.adapter()}
        made.release(files=made.root / "files", weights=weights, more=more)
        assert {"adapter/adapter_config.json", "adapter/adapter_model.safetensors"} <= set(
            made.manifest["files"]
        )
        settings = read_json(made.root / "files/adapter/adapter_config.json")
        assert settings["base_model_name_or_path"] == "org/base-7b"
        assert (settings["revision"], settings["r"]) == ("0" * 40, 3)
        whole = "model.safetensors" in made.manifest["model"]["files"]
        assert whole is (weights == "both")
        alone = weights == "adapter"
        assert ("holds a LoRA adapter" in made.text) is alone
        assert ("--base BASE" in made.text) is alone and ("vllm serve" in made.text) is not alone

    def test_an_adapter_that_is_not_there_is_one_message(self, folder):
        with pytest.raises(UserError, match="no adapter there"):
            made = folder()
            made.release(files=made.root / "files", weights="both")
        assert not (made.root / "manifest.json").exists()

    @pytest.mark.parametrize("weights", ["merged", "adapter", "both"])
    def test_each_form_is_published_whole(self, hub, folder, weights):
        made = folder()
        more = {"trained": made.adapter()}
        made.release(files=made.root / "files", weights=weights, more=more)
        made.publish()
        names = set(hub.files("v1", "me/Model-7B"))
        listed = made.manifest["model"]["files"] | made.manifest["files"]
        assert names == set(listed) | {"manifest.json"}
        assert ("model.safetensors" in names) is (weights != "adapter")
        assert ("adapter/adapter_model.safetensors" in names) is (weights != "merged")


class TestNotice:
    def made(self, folder, weights: str = "merged", **base) -> tuple[Folder, str]:
        made = folder(base=base)
        more = {"trained": made.adapter()}
        made.release(files=made.root / "files", weights=weights, more=more)
        text = (made.root / "files/NOTICE").read_text(encoding="utf-8")
        assert made.manifest["files"]["NOTICE"]["sha256"] == sha256(made.root / "files/NOTICE")
        return made, text

    def test_gemmas_sentence_stands_there_word_for_word(self, folder):
        made, text = self.made(folder, licence="Gemma Terms of Use")
        sentence = (
            "Gemma is provided under and subject to the Gemma Terms of Use found at "
            "ai.google.dev/gemma/terms"
        )
        assert sentence in text.splitlines()
        assert "https://ai.google.dev/gemma/prohibited_use_policy" in text
        assert "modified by supervised fine-tuning" in text and "(experiment mine)" in text
        assert "`NOTICE` lists the duties of people who pass them on" in made.text

    def test_apache_and_its_addresses(self, folder):
        _, text = self.made(folder)
        assert "Its licence: Apache-2.0\n  https://www.apache.org/licenses/LICENSE-2.0\n" in text
        assert "  https://example.org/licence\n" in text
        assert "Base model: Base 7B (https://huggingface.co/org/base-7b)" in text
        assert "Gemma" not in text

    @pytest.mark.parametrize(
        "licence, said",
        [
            ("not stated by the repository", "None is stated. Without one, there is no right"),
            ("Own Licence 1.0", "read it before you pass them on"),
        ],
    )
    def test_a_licence_that_nobody_has_read_is_said_to_be_so(self, folder, licence, said):
        assert said in self.made(folder, licence=licence, licence_url=None, homepage=None)[1]

    def test_an_adapter_holds_no_weights_of_its_base(self, folder):
        _, text = self.made(folder, weights="adapter")
        assert "the base model's weights are not here" in text and "modified" not in text

    def test_it_arrives_and_is_compared(self, hub, folder, tmp_path):
        from collectivesft.hub.client import download
        from collectivesft.hub.client.manifest import listed, read_manifest

        made, text = self.made(folder)
        made.publish()
        version = download.pin("me/Model-7B@v1")
        place = download.download(version, tmp_path / "cache")
        assert (place / "NOTICE").read_text(encoding="utf-8") == text
        assert "NOTICE" in listed(read_manifest(place / "manifest.json"))

    def test_every_licence_of_a_base_model_has_been_read_or_is_said_not_to_be(self):
        from collectivesft.hub.card.licence_notice import ASKS

        models = Path(__file__).parents[2] / "config/models"
        licences = {yaml.safe_load(p.read_text("utf-8"))["licence"] for p in models.glob("*.yaml")}
        assert licences - set(ASKS) == {
            "not stated by the repository", "Apache-2.0 (by an older README)",
        }  # fmt: skip


class TestManifest:
    def test_every_result_has_its_digest(self, folder):
        made = folder().release(settings={"run": "paper"})
        results, root = made.manifest["results"], made.root
        assert results["ledger"] == sha256(root / "ledger.json")
        assert results["raw/datasets/medqa"] == sha256(root / "raw-medqa.json")
        assert results["scores/mine.mine-answer.json"] == sha256(root / "mine-answer.json")
        assert made.manifest["config"] == {"run": "paper"}
        assert len(made.manifest["package"]["code_sha256"]) == 64

    def test_model_files_with_size_and_digest(self, folder):
        made = folder().release()
        wanted = {
            name: {"size": path.stat().st_size, "sha256": sha256(path)}
            for name in ("config.json", "model.safetensors")
            for path in [made.model / name]
        }
        assert made.manifest["model"]["files"] == wanted  # without the workflow's hidden file

    def test_what_the_model_was_made_of(self, folder):
        made = folder(seed=7).release()
        manifest, files = made.manifest, made.files
        assert manifest["raw"] == {"datasets/medqa": files["raw-medqa.json"]["files"]}
        assert manifest["mixture"] == files["mixture.json"]
        assert manifest["ledger"] == files["ledger.json"]["totals"]
        assert manifest["contamination"] == {"items": 3}
        assert manifest["scores"] == list(made.scores.values())
        assert manifest["experiment"]["name"] == "mine"
        assert manifest["experiment"]["training"]["seed"] == 7
        assert manifest["base"]["name"] == "base"
        tokens = {"examples": 5, "without_loss": 0}
        last = {"step": 2, "eval_loss": 2}
        assert manifest["training"] == {"steps": 2, "last": last, "tokens": tokens}
        assert manifest["lock"]["sha256"] == sha256(made.root / "model-cpu.lock")

    def test_sets_left_out_are_named(self, folder):
        assert "without these datasets" not in folder().release().text
        made = folder("other")
        raw = {"source": "datasets/nlpec", "files": [], "left_out": "a.json: no address"}
        (made.root / "raw-medqa.json").write_text(json.dumps(raw))
        made.release()
        assert made.manifest["left_out"] == {"datasets/nlpec": "a.json: no address"}
        assert "made without these sets of its configuration: nlpec (reasons below)" in made.text

    def test_publish_accepts_it(self, hub, folder):
        made = folder().release()
        made.publish(receipt=made.root / "published.json")
        assert set(hub.files("v1", "me/Model-7B")) == {
            "README.md", "manifest.json", "config.json", "model.safetensors",
        }  # fmt: skip


def test_same_inputs_give_the_same_bytes_anywhere(folder, tmp_path):
    one = folder("one").release()
    two = folder("elsewhere/two").release()
    again = shutil.copytree(one.root, tmp_path / "copy")
    one.release()
    for name in ("README.md", "manifest.json"):
        content = (one.root / name).read_bytes()
        assert content == (two.root / name).read_bytes() == (again / name).read_bytes()


def test_nothing_says_where_it_was_made(folder, tmp_path):
    """Not even where the base model was taken from a folder of this machine."""
    source = {"kind": "folder", "path": str(tmp_path / "models/base")}
    made = folder(base={"source": source, "homepage": None}).release()
    for text in (made.text, json.dumps(made.manifest)):
        assert str(tmp_path) not in text
        assert str(Path.home()) not in text
        assert str(Path(__file__).parents[2]) not in text
    assert made.manifest["base"]["source"] == {"kind": "folder"}


def test_card_counts_what_was_trained_on_and_not_what_was_drawn(folder):
    made = folder(max_length=320)
    write_json(made.root / "tokens.json", {"train": {"examples": 3, "without_loss": 2}})
    text = made.release().text
    assert "on 3 medical examples from 2 datasets (5 drawn, 2 left out because their prompt" in text
    assert "alone fills 320 tokens), made by" in text
    assert "on 5 medical examples from 2 datasets, made by" in folder("all").release().text


def test_command_line_writes_the_same(folder):
    made, other = folder().release(), folder("other")
    assert made.manifest["files"].keys() == {"README.md"}
    inputs = other.inputs
    options = ["--run", "paper", "--repo", "me/Model-7B", "--experiment", "mine"]
    for name in ("model", "recipe", "base_recipe", "ledger", "mixture", "data_card",
                 "contamination", "history", "tokens", "table", "lock"):  # fmt: skip
        options += [f"--{name.replace('_', '-')}", str(getattr(inputs, name))]
    for name, paths in (("scores", inputs.scores), ("raw", inputs.raw)):
        options += [text for path in paths for text in (f"--{name}", str(path))]
    out = {"--card": other.root / "README.md", "--manifest": other.root / "manifest.json"}
    options += [str(text) for pair in out.items() for text in pair]
    result = CliRunner().invoke(app, ["release", *options])
    assert result.exit_code == 0, result.output
    assert other.text == made.text
    assert other.manifest == made.manifest


def recorded(root: Path, precision: str, first: dict) -> Folder:
    """A release whose training has this precision in its recipe and this first row."""
    made = Folder(root, precision=precision)
    rows = [{"step": 1, "loss": 2.5} | first, {"step": 2, "eval_loss": 2}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (made.root / "history.jsonl").write_text(text, encoding="utf-8")
    return made


def test_a_precision_that_the_machine_decided_is_stated(tmp_path):
    made = recorded(tmp_path / "auto", "auto", {"precision": "float32"}).release()
    assert made.manifest["training"]["precision"] == "float32"
    assert made.manifest["experiment"]["training"]["precision"] == "auto"
    assert "| precision | float32 (by `auto`) |" in made.text


def test_a_precision_of_the_recipe_is_stated_once(tmp_path):
    made = recorded(tmp_path / "stated", "bfloat16", {}).release()
    assert "precision" not in made.manifest["training"]
    assert "| precision | bfloat16 |" in made.text


def test_a_training_that_does_not_say_what_auto_was_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"history\.jsonl: does not say which precision `auto` was"):
        recorded(tmp_path / "old", "auto", {}).release()
