"""Validate a crate against Workflow Run Crate without the internet; run by .venv-roc's Python.

The JSON-LD context that a crate names is on the web. The library rocrate brings one (1.3, which
holds the terms of 1.1; what it names otherwise is set back); it is handed to the validator in its
place. Nothing else is answered.
"""

import json
import sys
from importlib import resources

import requests

CONTENT = json.loads(resources.files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes())
CONTENT["@context"] |= {"ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow"}
CONTEXT = json.dumps(CONTENT).encode()
ADDRESS = "https://w3id.org/ro/crate/1.1/context"


def answer(self, method, url, *args, **options):
    """The context, or an error as where there is no network."""
    if url != ADDRESS:
        raise requests.ConnectionError(f"not answered here: {url}")
    response = requests.Response()
    response.status_code, response.url, response._content = 200, url, CONTEXT
    response.headers["Content-Type"] = "application/ld+json"
    return response


requests.Session.request = answer

from rocrate_validator.cli.main import cli  # noqa: E402

options = ["-l", "required", "-p", "workflow-run-crate", "--no-cache", "-f", "json"]
sys.exit(cli(["-y", "validate", *options, sys.argv[1]]))
