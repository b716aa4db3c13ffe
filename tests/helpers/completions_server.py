"""A small OpenAI-compatible server with a real (tiny) model, and the faults of real ones.

    python completions_server.py --name NAME --port PORT --says TEXT

``/v1/completions`` computes with transformers, one prompt at a time, or gives one text to all;
``/v1/chat/completions`` answers what a test's function says.
"""

import argparse
import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class CompletionsServer:
    """The state of the server, and its records for tests.

    Attributes:
        faults: each answers one request in its place.
        seen: body of each request to completions, chats included, in order.
        keys: the Authorization header of each.
        now, most: requests that are there, and were there at once at most.
        alternatives: log probabilities a token (0: none at all); None: as many as are asked for.
        echoes: whether prompts are scored.
        strict: fields beyond OpenAI's own are refused.
        slow: seconds that every other request, and the others, wait.
        reply: makes the reply of a chat from its body.
        like: the server whose answers this one's are like: "" (vLLM), "llama-cpp-python" (lists
            without BOS, no ids), "llama.cpp" (ids, no echo).
        listed: the answer to a request for the list of models, if not its own.
        adds_bos: a BOS before each text that was sent.
    """

    def __init__(self, folder=None, name: str = "tiny", says: str = ""):
        self.name, self.says = name, says
        self.key, self.slow = "", (0.0, 0.0)
        self.faults: deque[Response | Callable[[], Any]] = deque()
        self.seen: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.alternatives: int | None = None
        self.echoes, self.strict, self.extra_tokens = True, False, 0
        self.reply: Callable[[dict], str] = lambda body: ""
        self.like, self.adds_bos = "", False
        self.listed: Response | None = None
        self.most = self.now = 0
        self._lock = threading.Lock()
        self.model = None
        if folder:
            from collectivesft.scores.engines import language_model

            self.model = language_model.load(folder, threads=1)
        self.app = Starlette(
            routes=[
                Route("/v1/models", self.models),
                Route("/v1/completions", self.completions, methods=["POST"]),
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
            ]
        )

    def start(self) -> str:
        """Serve in a thread; returns the address."""
        config = uvicorn.Config(self.app, port=0, log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/v1"

    def stop(self) -> None:
        """End the thread."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)

    def wait_for_clients_to_leave(self) -> None:
        """Return once no connection is open and no request is there."""
        while self._server.server_state.connections or self.now:
            time.sleep(0.01)

    async def models(self, request: Request) -> Response:
        return self.listed or JSONResponse({"data": [{"id": self.name}]})

    async def completions(self, request: Request) -> Response:
        return await self._answer(request, self._complete)

    async def chat(self, request: Request) -> Response:
        return await self._answer(request, self._reply)

    async def _answer(self, request: Request, compute: Callable) -> Response:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            body = await request.json()
            self.seen.append(body)
            self.keys.append(request.headers.get("authorization"))
            if self.faults:
                fault = self.faults.popleft()
                return fault if isinstance(fault, Response) else await fault()
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                words = f"Incorrect API key: {request.headers.get('authorization')}"
                return JSONResponse({"error": {"message": words}}, 401)
            await asyncio.sleep(self.slow[len(self.seen) % 2])
            return JSONResponse(await asyncio.to_thread(self._locked, compute, body))
        finally:
            self.now -= 1

    def _locked(self, compute: Callable, body: dict) -> dict:
        with self._lock:
            return compute(body)

    def _reply(self, body: dict) -> dict:
        return {
            "choices": [{"message": {"role": "assistant", "content": self.reply(body)}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10},
        }

    def _complete(self, body: dict) -> dict:
        if self.model is None:
            return {"choices": [{"text": self.says, "finish_reason": "stop"}]}
        from collectivesft.scores.engines import decode
        from collectivesft.scores.engines import language_model as models

        prompt = body["prompt"]
        special = body.get("add_special_tokens", True)
        ids = (
            self.model.tokenizer(prompt, add_special_tokens=special)["input_ids"]
            if isinstance(prompt, str)
            else prompt
        )
        if self.adds_bos and isinstance(prompt, str):
            special = False
            ids = self.model.tokenizer(prompt, add_special_tokens=False)["input_ids"]
            ids = [self.model.tokenizer.bos_token_id, *ids]
        nothing, drawn = decode.Prefix((), None), None
        if body["temperature"]:
            drawn = [decode.Draw(body.get("seed", len(self.seen)), body["temperature"])]
        written = decode.generate(self.model, nothing, [ids], body["max_tokens"], None, drawn)[0]
        choice = {
            "text": models.text_of(self.model, written.tokens),
            "finish_reason": "stop" if written.stopped else "length",
            "logprobs": self._logprobs(body, ids),
        }
        usage = {"prompt_tokens": len(ids) + self.extra_tokens}
        return {"choices": [choice], "usage": usage}

    def _logprobs(self, body: dict, ids: list[int]) -> dict | None:
        import torch

        if not body.get("logprobs") or self.alternatives == 0:
            return None
        with torch.inference_mode():
            logits = self.model.network(torch.tensor([ids])).logits[0].float()
        rows = torch.log_softmax(logits, dim=-1)
        best = rows[-1].topk(self.alternatives or min(body["logprobs"], rows.shape[1]))
        named = body.get("return_tokens_as_token_ids") and not self.like
        top = {
            f"token_id:{token}" if named else self.model.tokenizer.decode([token]): value
            for value, token in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        }
        if self.like == "llama.cpp":
            pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
            likely = [{"id": t, "token": self._name(t, False), "logprob": v} for v, t in pairs]
            return {"content": [{**likely[0], "top_logprobs": likely}]}
        if not (body.get("echo") and self.echoes):
            return {"top_logprobs": [top], "token_logprobs": [best.values[0].item()]}
        said = [None, *(rows[i, token].item() for i, token in enumerate(ids[1:]))]
        names = [self._name(token, named) for token in [*ids, int(best.indices[0])]]
        values, tops = [*said, best.values[0].item()], [None] * len(ids) + [top]
        begin = int(self.like == "llama-cpp-python")  # leaves out BOS, which usage counts
        return {
            "tokens": names[begin:],
            "top_logprobs": tops[begin:],
            "token_logprobs": values[begin:],
        }

    def _name(self, token: int, named: bool) -> str:
        return f"token_id:{token}" if named else self.model.tokenizer.decode([token])


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--says", required=True)
    options = parser.parse_args()
    server = CompletionsServer(None, options.name, options.says)
    uvicorn.run(server.app, port=options.port, log_level="error")


if __name__ == "__main__":
    main()
