"""Write the NOTICE of a release: the duties of people who pass the base model's weights on.

Facts and addresses in this project's own words, and the one sentence that Gemma's terms prescribe;
no licence text is copied. It is no legal advice.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asks:
    """Duties under a licence.

    Attributes:
        sentence: to be shown word for word; "" where none is prescribed.
        text: duties of people who pass the weights on, in short.
        links: where the terms are.
    """

    sentence: str
    text: tuple[str, ...]
    links: tuple[str, ...]


_GEMMA = Asks(
    "Gemma is provided under and subject to the Gemma Terms of Use found at "
    "ai.google.dev/gemma/terms",
    (
        "Give every recipient a copy of the Gemma Terms of Use, and this notice.",
        "Pass on its restrictions of use, the Prohibited Use Policy among them, as binding terms.",
        "Say prominently that files were modified.",
    ),
    ("https://ai.google.dev/gemma/terms", "https://ai.google.dev/gemma/prohibited_use_policy"),
)
_APACHE = Asks(
    "",
    (
        "Give every recipient a copy of the licence.",
        "Say prominently that files were changed.",
        "Keep the notices of copyright, and the NOTICE of the base model where it has one.",
    ),
    ("https://www.apache.org/licenses/LICENSE-2.0",),
)
_MIT = Asks(
    "",
    ("Keep its notice of copyright and of permission.",),
    ("https://opensource.org/license/mit",),
)
# A base model's `licence`, word for word, to its duties.
ASKS = {"Gemma Terms of Use": _GEMMA, "Apache-2.0": _APACHE, "MIT": _MIT}
_UNREAD = Asks("", ("Nobody of this project has read it: read it before you pass them on.",), ())
_NONE = Asks("", ("None is stated. Without one, there is no right to pass the weights on.",), ())


def notice(
    base: dict[str, Any], experiment: str, weights: str, repo: str, gguf: str | None = None
) -> str:
    """The text of a release's NOTICE.

    Args:
        base: the manifest's: title, licence, licence_url, homepage.
        weights: merged, adapter or both.
        gguf: name of the GGUF copy, where there is one.
    """
    asks = ASKS.get(base["licence"]) or (_NONE if _is_none(base["licence"]) else _UNREAD)
    links = dict.fromkeys([*asks.links, *filter(None, [base["licence_url"]])])
    home = f" ({base['homepage']})" if base["homepage"] else ""
    lines = [
        repo,
        "",
        *([asks.sentence, ""] if asks.sentence else []),
        f"Base model: {base['title']}{home}",
        f"Its licence: {base['licence']}",
        *[f"  {link}" for link in links],
        "",
        _changes(base, experiment, weights, gguf),
        "",
        "Its licence binds people who pass the weights on, in short and without warranty:",
        *[f"- {text}" for text in asks.text],
        "",
        "Licences of the training datasets: README.md. Every file with its sha256: manifest.json.",
    ]
    return "\n".join(lines) + "\n"


def may_be_public(manifest: dict[str, Any]) -> bool:
    """False where a release holds weights of a base model that states no licence."""
    whole = any(name.endswith(".safetensors") for name in manifest["model"]["files"])
    return not (whole and _is_none(manifest.get("base", {}).get("licence", "")))


def _is_none(licence: str) -> bool:
    return licence.startswith(("not stated", "unknown"))


def _changes(base: dict[str, Any], experiment: str, weights: str, gguf: str | None) -> str:
    made = f"by supervised fine-tuning on medical examples (experiment {experiment})"
    if weights == "adapter":
        return f"Changes: the adapter was made {made}; the base model's weights are not here."
    more = " Only the adapter is here, in adapter/." if weights == "both" else ""
    more += f" {gguf} holds the same weights in a different format." if gguf else ""
    return (
        f"Changes: the weights (*.safetensors) are those of {base['title']}, modified {made}; "
        f"tokenizer files and settings were rewritten.{more}"
    )
