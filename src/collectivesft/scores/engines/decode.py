"""Decode greedy answers and probabilities of letters; on a CPU the same at any batch size.

On a CPU each prompt is read by itself, after a prefix that many prompts share and that is read
once. So probabilities do not depend on the batch or the order, to the bit; other questions, with a
different prefix in common, may change their last digits. Answers are written together, one token of
each at a time; rounding then depends on the batch, by about 1e-5. Where the two likeliest tokens
are closer than TIE, the text so far is read again by itself, and that decides. So on a CPU the same
tokens come out at any batch size and order.

On a GPU (``LanguageModel.together``) the prompts of a batch are read in one pass after the prefix,
padded on the right: no token sees those after it, so padding changes nothing but rounding.
In bfloat16 that is as large as near ties are, and no promise of equal bits is made there.
"""

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from collectivesft.models.registry import packable
from collectivesft.scores.engines.language_model import LanguageModel, enough_memory

TIE = 5e-3
# Early stopping is checked after each of the first tokens, where most answers finish, then after
# every few.
_FIRST, _EVERY = 32, 8


@dataclass(frozen=True, slots=True)
class Prefix:
    """Token ids that prompts begin with, and the network's cache after them (None if empty)."""

    ids: tuple[int, ...]
    cache: Any


@dataclass(frozen=True, slots=True)
class Draw:
    """Seed and temperature (above 0) by which the tokens of an answer are drawn."""

    seed: int
    temperature: float


@dataclass(slots=True)
class Written:
    """Hold the answer of a model.

    Attributes:
        tokens: ids, without the end token.
        stopped: the model ended it itself.
        settled: it was ended since nothing more could change its reading.
    """

    tokens: list[int] = field(default_factory=list)
    stopped: bool = False
    settled: bool = False


def common_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Return the number of tokens that all prompts begin with, at most the shortest's less one."""
    first, last = min(prompts), max(prompts)
    longest = min(map(len, prompts)) - 1
    differ = (i for i in range(longest) if first[i] != last[i])
    return next(differ, longest)


def read_prefix(model: LanguageModel, prompts: Sequence[Sequence[int]]) -> Prefix:
    """Read the common beginning of all prompts, once.

    Nothing, for a network without positions (CPM-Ant): it cannot continue with several tokens.
    """
    if not packable(model.network):
        return Prefix((), None)
    ids = tuple(prompts[0][: common_prefix(prompts)])
    empty = _whole_cache() if reads_together(model) else None
    return Prefix(ids, _read(model, empty, ids)[1] if ids else None)


def extend_prefix(model: LanguageModel, prefix: Prefix, prompts: Sequence[Sequence[int]]) -> Prefix:
    """Return a prefix of these prompts that is as long as possible; it begins with ``prefix``."""
    length = common_prefix(prompts)
    if not packable(model.network) or length <= len(prefix.ids):
        return prefix
    ids = tuple(prompts[0][:length])
    return Prefix(ids, _read(model, prefix.cache, ids[len(prefix.ids) :])[1])


def reads_together(model: LanguageModel) -> bool:
    """Return True if the prompts of a batch are read in one pass."""
    return model.together and packable(model.network)


def log_probabilities(
    model: LanguageModel, prefix: Prefix, prompt: Sequence[int], tokens: Sequence[int]
) -> list[float]:
    """Natural log probabilities of given next tokens, over the whole vocabulary."""
    import torch

    logits, _ = _read(model, prefix.cache, prompt[len(prefix.ids) :])
    return torch.log_softmax(logits, dim=-1).cpu()[list(tokens)].tolist()


def log_probabilities_together(
    model: LanguageModel,
    prefix: Prefix,
    prompts: Sequence[Sequence[int]],
    tokens: Sequence[Sequence[int]],
) -> list[list[float]]:
    """As ``log_probabilities``, of a batch of prompts in one pass; tokens for each prompt."""
    import torch

    logits, _ = _read_together(model, prefix, prompts)
    found = torch.log_softmax(logits, dim=-1).cpu()
    return [row[list(wanted)].tolist() for row, wanted in zip(found, tokens, strict=True)]


def _whole_cache() -> Any:
    """An empty cache that keeps every token, in layers with a sliding window too.

    Such layers would otherwise keep the last tokens of a padded row: its padding.
    """
    from transformers import DynamicCache

    return DynamicCache()


def _read_together(
    model: LanguageModel, prefix: Prefix, prompts: Sequence[Sequence[int]]
) -> tuple[Any, Any]:
    """Logits (prompts, vocabulary, float32) after each prompt, and one cache of them all, each
    padded on the left up to the longest."""
    import torch

    # 1) Rows of equal width, padded on the right, where reading needs no mask.
    start, device = len(prefix.ids), model.network.device
    rests = [list(ids[start:]) for ids in prompts]
    width = max(map(len, rests))
    rows = torch.tensor([ids + [0] * (width - len(ids)) for ids in rests], device=device)
    ends = torch.tensor([len(ids) - 1 for ids in rests], device=device)
    # 2) Logits at the places where a row ends, and only there.
    kept, places = ends.unique(return_inverse=True)
    # 3) One forward pass after the shared prefix; then padding moves to the left for decoding.
    cache = _copy(prefix.cache) if start else _whole_cache()
    cache.batch_repeat_interleave(len(rests))
    with torch.inference_mode(), enough_memory(len(rests)):
        out = _forward(model, rows, cache, logits_to_keep=kept)
        # A network that does not know logits_to_keep gives all positions.
        columns = places if out.logits.shape[1] == len(kept) else ends
        logits = out.logits[torch.arange(len(rests), device=device), columns].float()
        _to_the_left(out.past_key_values, ends + start + 1)
    return logits, out.past_key_values


def _to_the_left(cache: Any, lengths: Any) -> None:
    """Move padding from the right of a cache's rows to their left, in place.

    Args:
        lengths: tokens of each row without padding, a tensor.
    """
    import torch

    width = int(lengths.max())
    columns = torch.arange(width, device=lengths.device) - (width - lengths)[:, None]
    index = columns.clamp(min=0)[:, None, :, None]
    for layer in cache.layers:
        layer.keys = layer.keys.take_along_dim(index, dim=2)
        layer.values = layer.values.take_along_dim(index, dim=2)


def _read(model: LanguageModel, cache: Any, ids: Sequence[int]) -> tuple[Any, Any]:
    """Logits (vocabulary, float32) after ``ids``, and the cache then; ``cache`` stays as it is."""
    import torch

    rows = torch.tensor([list(ids)], device=model.network.device)
    with torch.inference_mode(), enough_memory(1):
        out = _forward(model, rows, _copy(cache))
    return out.logits[0, -1].float(), out.past_key_values


def _forward(model: LanguageModel, ids: Any, cache: Any, **inputs: Any) -> Any:
    known = inspect.signature(model.network.forward).parameters
    inputs.setdefault("logits_to_keep", 1)  # only the last position is read
    inputs = {key: value for key, value in inputs.items() if key in known}
    return model.network(input_ids=ids, past_key_values=cache, use_cache=True, **inputs)


def _copy(cache: Any) -> Any:
    """A cache that grows by itself: layers replace their tensors and never write into them."""
    if cache is None:
        return None
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    return twin


def _merge(caches: Sequence[Any]) -> Any:
    """One cache of many rows, each padded on the left up to the longest."""
    merged = copy.copy(caches[0])
    columns = zip(*(cache.layers for cache in caches), strict=True)
    merged.layers = [_stack(layers) for layers in columns]
    return merged


def _stack(layers: Sequence[Any]) -> Any:
    import torch
    from torch.nn.functional import pad

    stacked = copy.copy(max(layers, key=lambda layer: layer.get_seq_length()))
    width = max(layer.keys.shape[-2] for layer in layers)
    for name in ("keys", "values"):
        rows = [getattr(layer, name) for layer in layers]
        padded = [pad(row, (0, 0, width - row.shape[-2], 0)) for row in rows]
        setattr(stacked, name, torch.cat(padded))
    return stacked


def generate(
    model: LanguageModel,
    prefix: Prefix,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    settled: Callable[[int, list[int]], bool] | None = None,
    draws: Sequence[Draw] | None = None,
) -> list[Written]:
    """Greedy or drawn answers to prompts that begin with ``prefix``.

    A drawn token is the largest of logits / temperature plus Gumbel noise, which is a draw from
    their softmax (Gumbel-max; Maddison et al. 2014, arXiv 1411.0030, section 2). Each answer has
    noise by its seed, so on a CPU it is the same at any batch size and order.

    Args:
        draws: one for each prompt; None for greedy answers.
        settled: asked now and then with a prompt's index and the tokens written so far; true
            ends that answer.
    """
    kind = _Decoding if packable(model.network) else _Rereading
    return kind(model, prefix, prompts, max_new_tokens, settled, draws or ()).run()


class _Noise:
    """Gumbel noise of one answer: ``now`` (vocabulary,) is that of its next token."""

    def __init__(self, draw: Draw, device: Any):
        import torch

        self.generator = torch.Generator(device=device).manual_seed(draw.seed)
        self.temperature = draw.temperature

    def draw(self, size: int) -> None:
        """Draw the noise of one more token."""
        import torch

        device = self.generator.device
        # In float32 one of 2**24 would be an endless one: too many for a large vocabulary.
        even = torch.rand(size, generator=self.generator, device=device, dtype=torch.float64)
        self.now = -torch.log(-torch.log(even))

    def added(self, logits: Any) -> Any:
        """Return logits (vocabulary,) divided by the temperature, with this noise."""
        return logits.double() / self.temperature + self.now


class _Decoding:
    """Answers that are being written together; ``live`` are the indexes of unfinished ones."""

    def __init__(self, model, prefix, prompts, max_new_tokens, settled, draws):
        self.model, self.prefix, self.prompts = model, prefix, prompts
        self.limit, self.settled = max_new_tokens, settled
        self.written = [Written() for _ in prompts]
        self.live = list(range(len(prompts)))
        self.width = max(map(len, prompts))
        self.noise = [_Noise(draw, model.network.device) for draw in draws]
        # Logits closer than this are read again.
        self.tie = TIE / min((draw.temperature for draw in draws), default=1.0)

    def run(self) -> list[Written]:
        logits = self._begin()
        for step in range(self.limit):
            logits = self._drawn(logits)
            # On a CPU the first token was read by itself; there is nothing to decide about it.
            tokens = self._pick(logits) if step else logits.argmax(dim=-1).tolist()
            # 1) Each answer takes its token; some end with it.
            going = [row for row, token in enumerate(tokens) if self._take(self.live[row], token)]
            if not going:
                break
            # 2) Those that ended leave the cache.
            if len(going) < len(self.live):
                self._keep(going)
            self.live = [self.live[row] for row in going]
            # 3) The rest is read one token further.
            logits = self._step([tokens[row] for row in going])
        return self.written

    def _drawn(self, logits: Any) -> Any:
        """Logits (live answers, vocabulary) with the noise of drawn answers."""
        import torch

        if not self.noise:
            return logits
        for index in self.live:
            self.noise[index].draw(logits.shape[-1])
        rows = zip(self.live, logits, strict=True)
        return torch.stack([self.noise[index].added(row) for index, row in rows])

    def _begin(self) -> Any:
        """Logits (answers, vocabulary) after the prompts."""
        import torch

        if reads_together(self.model):
            logits, self.cache = _read_together(self.model, self.prefix, self.prompts)
            return logits
        start = len(self.prefix.ids)
        # Drawn answers to one question have one prompt: it is read once.
        once = {
            ids: _read(self.model, self.prefix.cache, ids[start:])
            for ids in dict.fromkeys(map(tuple, self.prompts))
        }
        read = [once[tuple(ids)] for ids in self.prompts]
        self.cache = _merge([one for _, one in read])
        return torch.stack([one for one, _ in read])

    def _keep(self, rows: list[int]) -> None:
        """Drop the cache of the answers that have ended."""
        import torch

        self.cache.batch_select_indices(torch.tensor(rows, device=self.model.network.device))

    def _take(self, index: int, token: int) -> bool:
        """Add a token to an answer; return True if the answer is not finished."""
        written = self.written[index]
        if token in self.model.stops:
            written.stopped = True
            return False
        written.tokens.append(token)
        count = len(written.tokens)
        if self.settled and (count <= _FIRST or count % _EVERY == 0):
            written.settled = self.settled(index, written.tokens)
        return not written.settled and count < self.limit

    def _step(self, tokens: Sequence[int]) -> Any:
        """Logits (live answers, vocabulary) after one more token of each."""
        import torch

        device = self.model.network.device
        lengths = [len(self.prompts[i]) for i in self.live]
        new = len(self.written[self.live[0]].tokens)
        mask = [[0] * (self.width - n) + [1] * (n + new) for n in lengths]
        with torch.inference_mode(), enough_memory(len(tokens)):
            out = _forward(
                self.model,
                torch.tensor([[token] for token in tokens], device=device),
                self.cache,
                attention_mask=torch.tensor(mask, device=device),
                position_ids=torch.tensor([[n + new - 1] for n in lengths], device=device),
            )
        return out.logits[:, -1].float()

    def _pick(self, logits: Any) -> list[int]:
        """Return the likeliest token of each live answer; on a CPU, read near ties again singly."""
        best, tokens = logits.topk(2, dim=-1)
        picked = tokens[:, 0].tolist()
        if logits.device.type == "cpu":
            for row in ((best[:, 0] - best[:, 1]) < self.tie).nonzero().flatten().tolist():
                picked[row] = self._alone(self.live[row])
        return picked

    def _alone(self, index: int) -> int:
        """The next token after the text so far, read again without other answers."""
        rest = [*self.prompts[index][len(self.prefix.ids) :], *self.written[index].tokens]
        logits = _read(self.model, self.prefix.cache, rest)[0]
        return int((self.noise[index].added(logits) if self.noise else logits).argmax())


class _Rereading(_Decoding):
    """Read the whole text again for each token, for a network without a cache."""

    def _begin(self) -> Any:
        return self._step([])

    def _keep(self, rows: list[int]) -> None:
        pass

    def _step(self, tokens: Sequence[int]) -> Any:
        import torch

        texts = [[*self.prompts[i], *self.written[i].tokens] for i in self.live]
        return torch.stack([_read(self.model, None, ids)[0] for ids in texts])

    def _pick(self, logits: Any) -> list[int]:
        return logits.argmax(dim=-1).tolist()
