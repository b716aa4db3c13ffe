"""Our own greedy decoding gives what transformers' generate gives to each prompt alone."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from collectivesft.scores.engines import decode
from collectivesft.scores.engines.decode import Prefix, common_prefix, generate, read_prefix
from collectivesft.scores.engines.language_model import LanguageModel
from tests.helpers.lazy_import import LazyImport

torch, transformers = LazyImport("torch"), LazyImport("transformers")
pangu = LazyImport("collectivesft.models.pangu")

SHAPE = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.4,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """More threads wait for each other longer than such small networks take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(kind: str):
    torch.manual_seed(3)
    if kind == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=97, n_embd=32, n_layer=2, n_head=4, initializer_range=0.4
        )
        return transformers.GPT2LMHeadModel(config).eval()
    if kind == "pangu":
        config = pangu.PanguConfig(
            vocab_size=97, n_embd=32, n_layer=3, n_head=4, initializer_range=0.4
        )
        return pangu.PanguForCausalLM(config).eval()
    if kind == "llama":
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SHAPE)).eval()
    layers = ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"]
    config = transformers.Gemma3TextConfig(
        **SHAPE, head_dim=8, sliding_window=16, layer_types=layers, tie_word_embeddings=False
    )
    return transformers.Gemma3ForCausalLM(config).eval()


@pytest.fixture(scope="module", params=["llama", "gemma3", "gpt2"])
def model(request) -> LanguageModel:
    return LanguageModel(
        network(request.param), SimpleNamespace(), stops=tuple(range(2, 97, 9)), longest=None
    )


def prompts(shared: int = 9) -> list[list[int]]:
    """Of 10 to 40 tokens, shorter and longer than the sliding window, which begin alike."""
    source = torch.Generator().manual_seed(11)
    start = torch.randint(8, 97, (shared,), generator=source).tolist()
    lengths = (1, 31, 5, 14, 7, 22, 1)
    return [start + torch.randint(8, 97, (n,), generator=source).tolist() for n in lengths]


def by_transformers(model: LanguageModel, prompt: list[int], limit: int) -> tuple[list[int], bool]:
    out = model.network.generate(
        torch.tensor([prompt]), do_sample=False, max_new_tokens=limit,
        eos_token_id=list(model.stops), pad_token_id=0,
    )[0, len(prompt) :].tolist()  # fmt: skip
    end = next((i for i, token in enumerate(out) if token in model.stops), None)
    return out[:end], end is not None


@pytest.mark.parametrize("shared", [0, 9])
def test_answers_are_those_of_transformers_to_each_prompt_alone(model, shared):
    asked = prompts(shared)
    found = generate(model, read_prefix(model, asked), asked, 30)
    assert [(w.tokens, w.stopped) for w in found] == [by_transformers(model, p, 30) for p in asked]
    assert len({len(w.tokens) for w in found}) > 2


def test_a_tie_is_decided_alone_as_all_tokens_would_be(model, monkeypatch):
    asked = prompts()
    prefix = read_prefix(model, asked)
    found = [w.tokens for w in generate(model, prefix, asked, 30)]
    monkeypatch.setattr(decode, "TIE", float("inf"))
    assert [w.tokens for w in generate(model, prefix, asked, 30)] == found


def test_near_ties_are_read_again(model, monkeypatch):
    """With a wide TIE each token after the first is asked for again, without the other answers."""
    asked, alone = prompts()[:3], []
    real = decode._Decoding._alone
    monkeypatch.setattr(decode, "TIE", float("inf"))
    monkeypatch.setattr(
        decode._Decoding, "_alone", lambda self, i: alone.append(i) or real(self, i)
    )
    found = generate(model, Prefix((), None), asked, 10)
    assert len(alone) == sum(len(w.tokens) - (not w.stopped) for w in found)


def test_probabilities_are_the_networks_own_and_do_not_depend_on_what_else_is_asked(model):
    asked = prompts()
    prefix = read_prefix(model, asked)
    for prompt in asked:
        found = decode.log_probabilities(model, prefix, prompt, [8, 9, 50])
        with torch.no_grad():
            logits = model.network(torch.tensor([prompt])).logits[0, -1]
        wanted = torch.log_softmax(logits, dim=-1)[[8, 9, 50]]
        assert found == pytest.approx(wanted.tolist(), abs=1e-4)
        assert decode.log_probabilities(model, prefix, prompt, [8, 9, 50]) == found


def test_the_shared_prefix_is_read_once(model, monkeypatch):
    read = []
    real = decode._forward
    monkeypatch.setattr(
        decode, "_forward", lambda m, ids, c, **o: read.append(ids.numel()) or real(m, ids, c, **o)
    )
    asked = prompts()
    generate(model, read_prefix(model, asked), asked, 1)
    assert sum(read) == 9 + sum(len(prompt) - 9 for prompt in asked)


@pytest.mark.parametrize(("enough", "wanted"), [(3, 3), (5, 8)])
def test_settled_answers_end_while_others_go_on(model, monkeypatch, enough, wanted):
    """They are asked after each of the first tokens, then after every eighth."""
    monkeypatch.setattr(decode, "_FIRST", 4)

    def settled(index: int, tokens: list[int]) -> bool:
        return index % 2 == 0 and len(tokens) >= enough

    asked = prompts()
    whole = generate(model, read_prefix(model, asked), asked, 30)
    some = generate(model, read_prefix(model, asked), asked, 30, settled)
    for index, (short, long) in enumerate(zip(some, whole, strict=True)):
        ends = index % 2 == 0 and len(long.tokens) >= wanted
        assert short.settled is ends
        assert short.tokens == (long.tokens[:wanted] if ends else long.tokens)


def test_common_prefix_leaves_a_token_of_each_prompt():
    assert common_prefix([[1, 2, 3], [1, 2, 4, 5]]) == 2
    assert common_prefix([[1, 2, 3], [1, 2, 3]]) == 2
    assert common_prefix([[1, 2], [1, 2, 3]]) == 1
    assert common_prefix([[4], [5]]) == 0


@pytest.fixture(scope="module", params=["llama", "gemma3", "gpt2", "pangu"])
def both(request) -> tuple[LanguageModel, LanguageModel]:
    """One network, read a prompt at a time, and a batch at a time as on a GPU."""
    stops = tuple(range(2, 97, 9))
    alone = LanguageModel(network(request.param), SimpleNamespace(), stops, longest=None)
    return alone, replace(alone, together=True)


@pytest.mark.parametrize("shared", [0, 9, 20])
def test_prompts_read_together_are_answered_as_those_read_alone(both, shared):
    """Also where prompts are longer than a sliding window, and shorter, in one batch."""
    asked, (alone, together) = prompts(shared), both
    wanted = generate(alone, read_prefix(alone, asked), asked, 30)
    prefix = read_prefix(together, asked)
    assert len(prefix.ids) == shared
    for _ in range(2):  # the prefix stays as it was
        assert generate(together, prefix, asked, 30) == wanted
    assert generate(together, prefix, asked[::-1], 30) == wanted[::-1]
    assert len({tuple(w.tokens) for w in wanted}) > 2


@pytest.mark.parametrize("shared", [0, 9, 20])
def test_probabilities_read_together_are_those_read_alone(both, shared):
    asked, (alone, together) = prompts(shared), both
    tokens = [[8, 9, 50][: 1 + n % 3] for n in range(len(asked))]
    prefix = read_prefix(alone, asked)
    wanted = [
        decode.log_probabilities(alone, prefix, *each) for each in zip(asked, tokens, strict=True)
    ]
    prefix = read_prefix(together, asked)
    found = decode.log_probabilities_together(together, prefix, asked, tokens)
    assert [len(row) for row in found] == [len(row) for row in wanted]
    for own, other in zip(found, wanted, strict=True):
        assert own == pytest.approx(other, abs=1e-4)


def test_a_batch_is_read_in_one_pass_after_its_prefix(both, monkeypatch):
    read, real = [], decode._forward
    monkeypatch.setattr(
        decode, "_forward", lambda m, ids, c, **o: read.append(ids.shape) or real(m, ids, c, **o)
    )
    asked, (_, together) = prompts(), both
    generate(together, read_prefix(together, asked), asked, 1)
    assert read == [(1, 9), (len(asked), 31)]
    assert not decode.reads_together(both[0])
