#!/usr/bin/env bash
# huggingface_hub 2 raises the errors of httpx2: 'except httpx.HTTPError' around a download, right
# for 1.x, misses each of them, although httpx is installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q huggingface_hub==2.4.0 httpx==0.28.1
venv/bin/python - <<'PY'
import http.server
import threading

import httpx
import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError


class Refuse(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(418)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Refuse)
threading.Thread(target=server.serve_forever, daemon=True).start()
api = huggingface_hub.HfApi(endpoint=f"http://127.0.0.1:{server.server_port}")
try:
    api.model_info("someone/model")
    raise SystemExit("no error")
except httpx.HTTPError:
    raise SystemExit("changed: httpx.HTTPError catches it")
except HfHubHTTPError as error:
    kinds = [f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(error).__mro__]
server.shutdown()
print("huggingface_hub", huggingface_hub.__version__, "httpx", httpx.__version__)
print(" < ".join(kinds))
assert "httpx2.HTTPError" in kinds and "httpx.HTTPError" not in kinds
print("catch huggingface_hub.errors or httpx2, not httpx")
PY
