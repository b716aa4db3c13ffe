"""Measure GGUF copies of a model: size, agreement with the original, and llama.cpp's own answer.

    envs/converter && envs/install llama .venv-llama
    PYTHONPATH=src python benchmarks/gguf_copies.py --model .cache/models/gemma-3-270m \
        --name Gemma-3-270M --work /tmp/copies

Each copy is made and compared by `hub gguf`; one whose report lies in the folder of --work is not
made again. Then llama.cpp's server reads it: it cuts the fixed question's prompt as text, and
continues the original's token ids greedily. Writes benchmarks/results/gguf.json and gguf.md;
`make readme` puts the table into docs/download.md.
"""

import argparse
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from collectivesft.common.files import read_json, sha256, write_json, write_text
from collectivesft.hub.evidence import known_answer
from collectivesft.hub.gguf import LIMITS, make

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks/results"
SERVER = ROOT / "tests/helpers/llama_server.py"
HEAD = (
    "| type | size, MB | same best token | largest difference, nats | divergence, nats "
    "| llama.cpp: prompt | its answer |\n|---|---:|---:|---:|---:|---|---:|\n"
)


def main() -> None:
    """Measure, print and write the table."""
    options = parse()
    text, asked, answer = original(options.model)
    rows = {}
    for kind in options.type or list(LIMITS):
        report = copy(options, kind)
        found = report["agreement"]
        served = ask(options.llama, options.work / report["file"], text, asked, len(answer))
        rows[kind] = {
            "size": report["size"],
            "limit": report["limit"],
            **({} if found is None else {key: found[key] for key in KEYS}),
            "llama_prompt": served["prompt"] == asked,
            "llama_same": equal_start(answer, served["answer"]),
            "llama_tokens": len(answer),
        }
        print(kind, rows[kind], flush=True)
    content = {"name": options.name, "weights": weights(options.model), "copies": rows}
    write_json(RESULTS / "gguf.json", content)
    write_text(RESULTS / "gguf.md", page(content))
    print(page(content))


KEYS = ("tokens", "same", "logprob_difference", "divergence")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder in safetensors")
    parser.add_argument("--name", required=True, help="of the model, for its files")
    parser.add_argument("--type", action="append", choices=list(LIMITS), help="default: all")
    parser.add_argument("--work", type=Path, required=True, help="folder for the copies")
    converter = ROOT / ".tools/llama.cpp/convert_hf_to_gguf.py"
    parser.add_argument("--converter", type=Path, default=converter)
    parser.add_argument("--llama", type=Path, default=ROOT / ".venv-llama/bin/python")
    return parser.parse_args()


def weights(model: Path) -> str:
    """Return the sha256 of a model's first file of weights."""
    return sha256(min(model.glob("*.safetensors")))


def original(model: Path) -> tuple[str, list[int], list[int]]:
    """Return the fixed question's prompt as text and as ids, and the model's greedy answer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    messages = [{"role": "user", "content": known_answer.QUESTION}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    asked = tokenizer(text, add_special_tokens=False)["input_ids"]
    size = known_answer.NEW_TOKENS
    answer, _ = known_answer.generate(tokenizer, network, known_answer.QUESTION, size)
    return text, asked, list(answer)


def copy(options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """Make a copy, or read the report of one that is there; return the report."""
    out = options.work / f"{options.name}-{kind.upper()}.gguf"
    report = options.work / f"{kind}.json"
    if report.is_file() and out.is_file() and read_json(report)["sha256"] == sha256(out):
        return read_json(report)
    return make(options.model, options.converter, kind, options.name, out, report)


def ask(python: Path, copy: Path, text: str, asked: list[int], count: int) -> dict[str, list[int]]:
    """Return the ids that llama.cpp's server makes of the prompt, and its greedy answer."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
    command = [python, SERVER, copy, "copy", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            if not process.stdout or not process.stdout.readline():
                raise SystemExit(f"error: {python}: llama.cpp's server did not start with {copy}.")
            cut = {"content": text, "add_special": False, "parse_special": True}
            greedy = {"prompt": asked, "n_predict": count, "temperature": 0, "return_tokens": True}
            return {
                "prompt": post(port, "tokenize", cut)["tokens"],
                "answer": post(port, "completion", greedy)["tokens"],
            }
        finally:
            process.kill()


def post(port: int, path: str, body: dict[str, Any]) -> Any:
    """Return the server's answer; it listens before it has loaded the model."""
    data = json.dumps(body).encode()
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", data, head)
    for _ in range(600):
        try:
            return json.load(urllib.request.urlopen(request, timeout=600))
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(0.2)
    raise SystemExit("error: llama.cpp's server did not load the model within two minutes.")


def equal_start(one: list[int], other: list[int]) -> int:
    """Count the tokens up to the first that differs."""
    for place, (own, found) in enumerate(zip(one, other, strict=False)):
        if own != found:
            return place
    return min(len(one), len(other))


def page(content: dict[str, Any]) -> str:
    """Return the table as Markdown."""
    lines = [row(kind, found) for kind, found in content["copies"].items()]
    head = f"# GGUF copies of {content['name']}\n\nWritten by `benchmarks/gguf_copies.py`.\n\n"
    return head + HEAD + "".join(f"{line}\n" for line in lines)


def row(kind: str, found: dict[str, Any]) -> str:
    """Return one row of the table."""
    apart = ["not verified", "", ""]
    if "same" in found:
        apart = [f"{found['same']} of {found['tokens']}"]
        apart += [plain(found[key]) for key in ("logprob_difference", "divergence")]
    prompt = "same" if found["llama_prompt"] else "differs"
    answer = f"{found['llama_same']} of {found['llama_tokens']}"
    size = f"{found['size'] / 1e6:.0f}"
    return f"| {' | '.join([kind, size, *apart, prompt, answer])} |"


def plain(value: float) -> str:
    """Return a number without an exponent, where it is not 0 to the seventh place."""
    return f"{value:.7f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    main()
