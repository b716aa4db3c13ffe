"""On a GPU: prompts read together give the probabilities of prompts read alone."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from collectivesft.scores.engines import decode
from collectivesft.scores.engines.language_model import LanguageModel

pytestmark = pytest.mark.gpu


def test_probabilities_read_together_are_those_read_alone():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, initializer_range=0.4,
    )  # fmt: skip
    network = LlamaForCausalLM(config).eval().to("cuda")
    alone = LanguageModel(network, SimpleNamespace(), stops=(), longest=None)
    together = replace(alone, together=True)
    asked = [[5] * 9 + torch.randint(8, 97, (n,)).tolist() for n in (1, 31, 5, 14)]
    prefix = decode.read_prefix(alone, asked)
    wanted = [decode.log_probabilities(alone, prefix, prompt, [8, 9]) for prompt in asked]
    prefix = decode.read_prefix(together, asked)
    found = decode.log_probabilities_together(together, prefix, asked, [[8, 9]] * 4)
    for own, other in zip(found, wanted, strict=True):
        assert own == pytest.approx(other, abs=1e-2)
