"""Serve a GGUF file by llama.cpp's own server; run by .venv-llama's Python.

python llama_server.py MODEL.gguf NAME PORT [TEMPLATE.jinja]
"""

import sys
import threading
from pathlib import Path

from xllamacpp import CommonParams, Server


def main(model: str, name: str, port: str, template: str = "") -> None:
    """Load the model and answer until the process is ended."""
    params = CommonParams()
    params.model.path = model
    params.model_alias = {name}
    params.hostnames, params.port = ["127.0.0.1"], int(port)
    params.n_ctx, params.n_parallel = 4096, 2
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.warmup = False
    if template:
        params.use_jinja = True
        params.chat_template = Path(template).read_text("utf-8")
    server = Server(params)
    print(server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
