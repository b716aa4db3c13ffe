"""Find JSON objects among a judge's other words."""

import json
import re
from collections.abc import Iterator
from typing import Any


def json_objects(reply: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects in a reply, the last beginning first, nested ones too.

    Words around one, a code fence and commas at its end are passed over, also single quotes where
    it is no JSON otherwise. Text in a <think> that never ends is a draft.
    """
    text = re.sub(r",(?=\s*[}\]])", " ", reply)
    readings = (text, text.replace("'", '"'))  # of one length: a place in one is one in the other
    for begin in reversed([match.start() for match in re.finditer("{", text)]):
        if text.rfind("<think>", 0, begin) > text.rfind("</think>", 0, begin):
            continue
        for written in readings:
            try:
                yield json.JSONDecoder().raw_decode(written, begin)[0]
            except (ValueError, RecursionError):
                continue
