"""Validate a crate against a profile without the internet; run by .venv-roc's Python.

Use: validate_crate.py CRATE PROFILE. Prints the validator's JSON for its recommended checks.

The JSON-LD context that a crate names is on the web. The library rocrate brings one (1.3, which
holds the terms of 1.1; terms that it names otherwise are set back). The validator gets that one
and no other answer.
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

options = ["-l", "recommended", "-p", sys.argv[2], "--no-cache", "-f", "json"]
sys.exit(cli(["-y", "validate", *options, sys.argv[1]]))
