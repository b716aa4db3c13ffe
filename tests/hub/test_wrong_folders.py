"""A wrong folder, a damaged model or a template without end: one line, and what to do."""

import shutil

import pytest

from collectivesft.common.errors import UserError
from collectivesft.hub import ask
from collectivesft.hub.evidence import known_answer as answers
from collectivesft.hub.evidence.template_limits import rendering
from tests.hub.test_verify import tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model of a few kB."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_model(folder)
    return folder


@pytest.fixture
def model(tiny, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(tiny, tmp_path / "tiny")


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


# Case: what is done to the model's folder, and what is said.
DAMAGE = {
    "no settings": (lambda f: (f / "config.json").unlink(), "holds no config.json"),
    "settings cut": (lambda f: cut(f / "config.json"), "cannot be loaded"),
    "weights cut": (lambda f: cut(f / "model.safetensors"), "cannot be loaded"),
    "weights of no bytes": (lambda f: (f / "model.safetensors").write_bytes(b""), "cannot be loa"),
    "tokenizer cut": (lambda f: cut(f / "tokenizer.json"), "cannot be loaded"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "cannot be loaded"),
    "no template": (lambda f: (f / "chat_template.jinja").unlink(), "no chat template"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no weights in safetensors"),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGE.values(), ids=list(DAMAGE))
def test_a_damaged_model_is_one_line(model, damage, said):
    damage(model)
    with pytest.raises(UserError, match=said) as error:
        ask.ask("问", str(model), new_tokens=1)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(model))


def test_a_folder_one_level_too_high_names_the_right_one(model):
    with pytest.raises(UserError, match=f"Did you mean {model}"):
        ask.ask("问", str(model.parent))


@pytest.mark.parametrize("name", ["/nonexistent", "./nothing", "a/b/c", "nothing", "x/..", "x/y\n"])
def test_a_name_that_is_no_folder_and_no_repository_is_one_line(name):
    with pytest.raises(UserError, match="neither a folder here nor owner/name") as error:
        ask.ask("问", name)
    assert "hub.repo_id" not in str(error.value) and "\n" not in str(error.value)


# Case: a template of harmless text that a sandbox lets pass, and what is said.
TEMPLATES = {
    "a loop in loops": (
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "was not rendered within",
    ),
    "a text without bound": ("{{ 'a' * 9000000000 }}", "asked for more than"),
    "a fault": ("{{ messages[0].content.nothing.nothing }}", "has a fault"),
    "no template's syntax": ("{% if %}", "has a fault"),
}


@pytest.mark.parametrize(("template", "said"), TEMPLATES.values(), ids=list(TEMPLATES))
def test_a_template_has_bounds(tiny, monkeypatch, template, said):
    from transformers import AutoTokenizer

    monkeypatch.setattr(answers, "rendering", lambda: rendering(0.3, 256 << 20))
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.chat_template = template
    with pytest.raises(UserError, match=f"chat template: {said}") as error:
        answers.prompt_tokens(tokenizer, "问")
    assert "\n" not in str(error.value)


def test_the_bounds_are_gone_afterwards():
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGALRM)
    with rendering():
        assert resource.getrlimit(resource.RLIMIT_AS) != before[0]
    assert (resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGALRM)) == before
