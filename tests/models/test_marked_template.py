"""The chat template with generation marks: who bears it, and what it does there.

A release has both forms. llama.cpp's server, transformers and TRL render the marked one as the
plain one; renderers built on Jinja alone refuse it, so the plain one stays the model's own.
"""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from collectivesft.models import chat
from tests.helpers.gguf_file import write_gguf
from tests.helpers.scores_inputs import tiny_model

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-llama/bin/python"
SERVER = ROOT / "tests/helpers/llama_server.py"
MESSAGES = [
    {"role": "user", "content": "头痛怎么办？"},
    {"role": "assistant", "content": "多休息。"},
    {"role": "user", "content": "咳嗽？"},
]


@pytest.mark.parametrize("name", sorted(chat.END_OF_TURN))
def test_renderers_built_on_jinja_alone_take_the_plain_form_only(name):
    """llama-cpp-python and text-generation-webui are such."""
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    with pytest.raises(jinja2.TemplateSyntaxError, match="unknown tag 'generation'"):
        environment.from_string(chat.training_template(name))
    plain = environment.from_string(chat.plain_template(name))
    assert "头痛怎么办？" in plain.render(messages=MESSAGES, eos_token="<e>", bos_token="<b>")


@pytest.fixture(scope="module")
def gguf(tmp_path_factory) -> Path:
    found = PYTHON.is_file() and subprocess.run(
        [PYTHON, "-c", "import xllamacpp"], capture_output=True, check=False
    )
    if not found or found.returncode:
        pytest.skip("needs xllamacpp: envs/install llama .venv-llama")
    folder = tmp_path_factory.mktemp("marked")
    return write_gguf(
        tiny_model(folder / "model", ("以下是中国医师考试中的一道单项选择题，答案是头痛",)),
        folder / "model.gguf",
    )


def free_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


def prompt_of_the_server(gguf: Path, template: str, port: int) -> str:
    """Return the prompt that llama.cpp's server makes of the messages by a template."""
    path = gguf.with_name(f"{port}.jinja")
    path.write_text(template, encoding="utf-8")
    command = [PYTHON, SERVER, gguf, "tiny", str(port), path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout.readline(), "the server did not start"
            body = json.dumps({"messages": MESSAGES}).encode()
            address = f"http://127.0.0.1:{port}/apply-template"
            request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
            for _ in range(100):  # it listens before it has loaded the model
                try:
                    return json.load(urllib.request.urlopen(request, timeout=60))["prompt"]
                except urllib.error.HTTPError as error:
                    if error.code != 503:
                        raise
                    time.sleep(0.2)
            raise AssertionError("the server did not become ready")
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(chat.END_OF_TURN))
def test_llama_cpps_server_makes_the_same_prompt_of_both_forms(gguf, name):
    plain, marked = (
        prompt_of_the_server(gguf, text, free_port())
        for text in (chat.plain_template(name), chat.training_template(name))
    )
    assert plain == marked
    assert [plain.count(message["content"]) for message in MESSAGES] == [1, 1, 1]


@pytest.mark.slow
def test_trl_learns_the_tokens_that_we_learn(workshop, conversations, tmp_path):
    """With the plain form it refuses loss on answers only."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from collectivesft.sft.batches.token_files import Tokens

    base = workshop.base()
    turns = [[{"role": role, "content": text} for role, text in rows] for rows in conversations]
    rows = Dataset.from_list([{"messages": messages} for messages in turns])
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    config = SFTConfig(
        output_dir=str(tmp_path), assistant_only_loss=True, max_length=256, report_to="none",
        use_cpu=True, bf16=False,
    )  # fmt: skip

    def learned() -> list[list[int]]:
        trainer = SFTTrainer(
            model=model, args=config, train_dataset=rows, processing_class=tokenizer
        )
        return [[i for i in row["labels"] if i != -100] for row in trainer.train_dataset]

    tokenizer.chat_template = (base / chat.OWN).read_text("utf-8")
    found = learned()
    ours = Tokens.load(workshop.tokens(base), "train")
    for number, ids in enumerate(found):
        start, end = ours.offsets[number : number + 2]
        assert ids == ours.ids[start:end][ours.mask[start:end] == 1].tolist()
    assert sum(map(len, found)) == int((ours.mask == 1).sum()) < len(ours.ids)
