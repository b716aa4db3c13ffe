"""A model behind an OpenAI-compatible server (such as vLLM) answers the same prompts.

Prompts are rendered here and sent to ``/completions``, never to ``/chat/completions``, whose
template is the server's own. Decoding is greedy unless a protocol draws, penalties that a model's
own generation config may name are off. A server's rounding depends on its batches, so unlike on a
CPU here the answers may differ in near ties from run to run.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from collectivesft.common.errors import UserError
from collectivesft.common.progress import Reporter
from collectivesft.scores.engines import language_model as models
from collectivesft.scores.engines import replies
from collectivesft.scores.engines.failures import UNANSWERED, Failures
from collectivesft.scores.engines.http_client import Endpoint, EndpointError, Unanswered
from collectivesft.scores.engines.language_model import LanguageModel
from collectivesft.scores.engines.questions import Protocol, Question, letter_tokens, room
from collectivesft.scores.engines.resume_log import ResumeLog
from collectivesft.scores.extract.early_stop import is_final

# An answer is first asked for so many tokens: a model that continues after its answer is settled
# then does not write hundreds more. Where it was not settled, it is asked for whole.
FIRST = 64
# Most alternatives that servers give for a token: vLLM's default, and OpenAI's.
_ALTERNATIVES = {True: 20, False: 5}
# A bias that makes any token the next one, and a log probability that only such a bias explains.
_FORCE, _CERTAIN = 100, 1e-3


@dataclass(frozen=True, slots=True)
class Server:
    """Address and manners of a server; the command line explains each.

    ``url`` is None where nothing is asked yet (see serve.connected).
    """

    url: str | None
    model: str
    key_env: str | None = None
    concurrency: int = 32
    timeout_s: float = 600.0
    prompt_format: Literal["text", "tokens", "text_without_bos"] = "text"
    extensions: bool = True

    def open(self) -> Endpoint:
        """A connection to it."""
        return Endpoint(self.url, self.key_env, self.timeout_s, self.concurrency)

    def facts(self) -> dict[str, str]:
        """Return the facts that answers depend on, without the address and the concurrency."""
        return {"engine": "openai", "served": self.model}


def answer_all(
    model: LanguageModel,
    asked: Sequence[Question],
    options: Protocol,
    server: Server,
    journal: ResumeLog,
    label: str,
) -> dict[str, dict[str, Any]]:
    """Answers by key of the question; those of too long prompts are left out.

    Args:
        model: the tokenizer and limits of the served model; its network is not used.

    Raises:
        UserError: a server that refuses, or lacks a feature that the method needs.
    """
    fit = [q for q in asked if models.fits(model, len(q.ids), room(options))]
    answers = {record["id"]: record["answer"] for record in journal.done}
    waiting = [q for q in fit if q.key not in answers]
    letters = letter_tokens(model, asked, options) if options.method == "likelihood" else {}
    with server.open() as endpoint, Reporter(label, len(fit)) as reporter:
        reporter.advance(len(answers))
        if waiting:
            endpoint.check_serves(server.model)
        asking = Completions(endpoint, server, model, options.template)

        def answer(q: Question) -> dict[str, Any]:
            if letters:
                return _likelihood(asking, q, letters)
            return _generated(asking, q, options)

        failures = Failures(len(waiting))
        for q, found in endpoint.together(failures.caught(answer), waiting, server.concurrency):
            if isinstance(found, Unanswered):
                failures.add(found)
                found = unanswered(found)
            else:
                failures.answered += 1
                journal.append({"id": q.key, "answer": found})
            answers[q.key] = found
            reporter.advance()
    return answers


def unanswered(error: Unanswered) -> dict[str, Any]:
    """Return the fields of an answer that never came."""
    nothing = {"raw": "", "stopped": False, "settled": False, "likelihood": None}
    return {**nothing, "error": f"{UNANSWERED}: {error}"}


def _generated(asking: "Completions", q: Question, options: Protocol) -> dict[str, Any]:
    if options.temperature:
        # At once: a second request would draw again, and only what was not settled.
        drawn = {"temperature": options.temperature, "seed": q.seed(options.draw_seed)}
        text, stopped = asking.write(q.prompt.text, q.ids, options.max_new_tokens, drawn)
        return {"raw": text, "stopped": stopped, "settled": False, "likelihood": None}
    whole, early = options.max_new_tokens, options.stop == "early" and bool(q.item.options)
    for limit in [FIRST, whole] if early and whole > FIRST else [whole]:
        text, stopped = asking.write(q.prompt.text, q.ids, limit)
        done = (
            early and not stopped and is_final(text, q.prompt.lead, q.item.options, q.item.multiple)
        )
        if stopped or done:
            break
    return {"raw": text, "stopped": stopped, "settled": done, "likelihood": None}


def _likelihood(asking: "Completions", q: Question, letters: dict[str, int]) -> dict[str, Any]:
    wanted = {letter: letters[letter] for letter in q.item.options}
    found = asking.log_probabilities(q.prompt.text, q.ids, wanted, q.prompt.gap)
    return {"raw": "", "stopped": True, "settled": False, "likelihood": found}


class Completions:
    """Ask ``/completions``.

    Args:
        template: of the prompts: a chat template writes its special tokens itself.
    """

    def __init__(self, endpoint: Endpoint, server: Server, model: LanguageModel, template: str):
        self.endpoint, self.server, self.model = endpoint, server, model
        self.template = template
        self.takes_seed = True

    def write(
        self,
        text: str,
        ids: Sequence[int],
        max_new_tokens: int,
        drawn: dict[str, Any] | None = None,
    ) -> tuple[str, bool]:
        """The answer, and whether the model ended it itself.

        Args:
            drawn: temperature and seed; None for a greedy answer. A server that refuses a seed is
                asked without one, with a warning.
        """
        more = {"max_tokens": max_new_tokens, **(drawn or {})}
        if drawn and self.server.extensions:
            more |= {"top_k": -1, "min_p": 0}  # a model's own generation config may cut
        if not self.takes_seed:
            more.pop("seed", None)
        try:
            choice = self._ask(text, ids, more)
        except EndpointError as error:
            if "seed" not in more or error.status not in (400, 422) or "seed" not in str(error):
                raise
            self.takes_seed = False
            sys.stderr.write(
                f"warning: {self.server.url}: it refuses a seed, so a second run draws other "
                "answers\n"
            )
            del more["seed"]
            choice = self._ask(text, ids, more)
        return replies.joined(choice["text"]), choice.get("finish_reason") == "stop"

    def log_probabilities(
        self, text: str, ids: Sequence[int], wanted: dict[str, int], gap: str = ""
    ) -> dict[str, float]:
        """Return natural log probabilities of next tokens, six digits, by their letters.

        They are read from the likeliest next tokens. A letter that is not among them is asked for
        with more alternatives where the server names ids itself (llama.cpp's server), else scored
        as the end of a prompt (``echo``).

        Args:
            wanted: token ids by letter.
            gap: text between the prompt and a letter.

        Raises:
            EndpointError: the server gives no log probabilities, or scores no prompts.
        """
        tokens = [(token, gap + letter) for letter, token in wanted.items()]
        forced: dict[str, Any] = {}
        for count in (_ALTERNATIVES[self.server.extensions], 2000, len(self.model.tokenizer)):
            choice = self._ask(text, ids, {"max_tokens": 1, "logprobs": count, **forced})
            given = replies.next_tokens(choice)
            if not given and not forced:
                forced = {"logit_bias": {str(tokens[0][0]): _FORCE}}
                choice = self._ask(text, ids, {"max_tokens": 1, "logprobs": count, **forced})
                given = self._unforced(replies.next_tokens(choice), tokens[0][0])
            if not given:
                raise self._error(
                    "it gives no log probabilities. Use a protocol with method: generate, or a "
                    "server that has them"
                )
            values = replies.several(given, tokens)
            if None not in values or not (choice["logprobs"] or {}).get("content"):
                break
        found = {}
        for letter, (token, written), value in zip(wanted, tokens, values, strict=True):
            if value is None:
                value = self._scored(text + written, [*ids, token], written)
            found[letter] = round(float(value), 6)
        return found

    def _unforced(self, given: dict[Any, float] | None, token: int) -> dict[Any, float] | None:
        """Return log probabilities of an answer whose token was forced, if they do not count that.

        llama.cpp's server gives none where the likeliest token ends within a character, as a byte
        of a Chinese one does. A letter ends none; the values are those before the bias. With the
        bias counted, the letter would be certain. Values by text are refused: they prove nothing.
        """
        if not given or not all(isinstance(key, int) for key in given):
            return None
        return None if given.get(token, -math.inf) > -_CERTAIN else given

    def _scored(self, text: str, ids: Sequence[int], letter: str) -> float:
        """The log probability of a prompt's last token, by letting the server repeat the prompt."""
        choice = self._ask(text, ids, {"max_tokens": 1, "logprobs": 1, "echo": True})
        before = (ids[-2], self.model.tokenizer.decode([ids[-2]]))
        value = replies.echoed(choice, len(ids), (ids[-1], letter), before)
        if value is None:
            raise self._error(
                f"{letter} is not among the likeliest next tokens that it gives, and it does not "
                "repeat the prompt's tokens with their scores (echo). Use a protocol with method: "
                "generate, or a server that scores prompts"
            )
        return value

    def _ask(self, text: str, ids: Sequence[int], more: dict[str, Any]) -> dict[str, Any]:
        body = {
            "model": self.server.model,
            "prompt": list(ids) if self.server.prompt_format == "tokens" else self._sent(text),
            "temperature": 0,
            "top_p": 1,
            "frequency_penalty": 0,
            "presence_penalty": 0,
            "n": 1,
            "stream": False,
            **more,
        }
        if self.server.extensions:
            body |= {
                "repetition_penalty": 1,
                "add_special_tokens": self.template != "chat",
                "return_tokens_as_token_ids": True,
                "skip_special_tokens": True,
            }
        return self._choice(self._post(body), len(ids))

    def _sent(self, text: str) -> str:
        """The text, without the BOS that a chat template wrote where the server adds its own."""
        bos = self.model.tokenizer.bos_token
        if self.server.prompt_format == "text_without_bos" and self.template == "chat" and bos:
            return text.removeprefix(bos)
        return text

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.endpoint.post("/completions", body)
        except EndpointError as error:
            if error.status in (400, 422) and self.server.extensions:
                hint = "If it knows OpenAI's own fields only, set extensions: false"
                raise type(error)(f"{error}. {hint}.", error.status) from error
            raise

    def _choice(self, answer: dict[str, Any], tokens: int) -> dict[str, Any]:
        choice = replies.first_choice(answer)
        replies.completion(answer)  # raises where there is no text
        read = (answer.get("usage") or {}).get("prompt_tokens")
        if read is not None and read != tokens:
            raise self._error(
                f"it read {read} tokens of a prompt that has {tokens}: its tokenizer is another, "
                "or it adds marks or cuts. Serve this model's folder, set prompt_format: tokens, "
                "or text_without_bos for a server that adds a BOS"
            )
        return choice

    def _error(self, problem: str) -> UserError:
        return EndpointError(f"{self.server.url}: {problem}.")
