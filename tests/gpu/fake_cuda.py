"""Forward passes at real shapes on a GPU that is not there; run by test_fake_cuda.py.

Torch with CUDA computes shapes and types under FakeTensorMode without a driver. Autocast is off
there, so models are loaded in the type of the pass.

    python tests/gpu/fake_cuda.py MODEL METHOD PRECISION      # prints a line of JSON
"""

import json
import sys
from typing import Any

import numpy as np

LENGTHS = (700, 300, 24, 1000)  # packed examples; half of each carries loss
LLAMA = {
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 92544,
    "max_position_embeddings": 32768, "tie_word_embeddings": False,
}  # fmt: skip
QWEN = {
    "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
    "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064,
    "max_position_embeddings": 32768, "tie_word_embeddings": False,
}  # fmt: skip
# Flash attention has no dropout: with GPT-2's default of 0.1 each example has a call of its own.
GPT2 = {
    "attn_pdrop": 0.0,
    "n_embd": 2560, "n_layer": 32, "n_head": 32, "n_positions": 1024, "vocab_size": 40000,
}  # fmt: skip
# Shapes of InternLM2.5-7B, Qwen2.5-7B and models of that size; the Chinese ones at their own.
MODELS: dict[str, dict[str, Any]] = {
    "llama": LLAMA,
    "mistral": LLAMA | {"sliding_window": 512},
    "qwen2": QWEN,
    "qwen3": QWEN | {"head_dim": 128},
    "gemma3_text": LLAMA | {
        "hidden_size": 3840, "intermediate_size": 15360, "num_attention_heads": 16,
        "head_dim": 256, "sliding_window": 512, "vocab_size": 262144, "tie_word_embeddings": True,
        "num_hidden_layers": 24,
    },
    "gpt2": GPT2,
    "pangu_alpha": GPT2,
}  # fmt: skip


def make_batch(device: str, flash: bool) -> Any:
    """A packed row; without flash attention the boundaries are read as numbers."""
    import torch

    from collectivesft.sft.batches.batch import Batch

    ends = np.cumsum([0, *LENGTHS], dtype=np.int32)
    labels = np.concatenate(
        [np.arange(a + n // 2, a + n) for a, n in zip(ends, LENGTHS, strict=False)]
    )
    whole = [torch.zeros((1, int(ends[-1])), dtype=torch.int64, device=device) for _ in range(2)]
    few = [torch.zeros(len(labels), dtype=torch.int64, device=device) for _ in range(2)]
    bounds = torch.zeros(len(ends), dtype=torch.int32, device=device) if flash else ends
    return Batch(*whole, *few, bounds, max(LENGTHS))


def make_model(name: str, method: str, precision: str, device: str) -> Any:
    """A model of a real shape, with adapters where the method is lora."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from collectivesft.config.experiment import Training
    from collectivesft.models.registry import register
    from collectivesft.sft.distributed.world import World
    from collectivesft.sft.kernels import packed_attention
    from collectivesft.sft.train import prepare

    # Fake parameters cannot be moved in place; adapters are made on the device.
    torch.nn.Module.to = lambda module, *given, **more: module
    register()
    config = AutoConfig.for_model(name, **MODELS[name])
    attend = packed_attention.register() if packed_attention.supported(config) else None
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(
            config, dtype=getattr(torch, precision), attn_implementation=attend
        )
        training = Training(method=method, precision=precision, distributed="ddp")
        return prepare(model, training, World(0, 1, device), None)


def forward(name: str, method: str, precision: str) -> dict[str, Any]:
    """Run one forward pass with the loss; return what was seen on the way."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    from collectivesft.sft.batches.batch import loss_sum
    from collectivesft.sft.kernels import fused_cross_entropy, packed_attention

    torch.cuda.get_device_capability = lambda device=None: (9, 0)
    seen: dict[str, Any] = {"flash": 0, "windows": set(), "grouped": False, "fused": 0}
    flash, head = packed_attention._flash, fused_cross_entropy.loss_in_head

    def watched(query, key, value, bounds, longest, scaling, window):
        out = flash(query, key, value, bounds, longest, scaling, window)
        seen["flash"] += 1
        seen["windows"].add(window)
        seen["grouped"] |= query.shape[1] != key.shape[1]
        wanted = (1, query.shape[2], query.shape[1], query.shape[3])
        assert tuple(out.shape) == wanted and out.dtype == query.dtype, (out.shape, wanted)
        assert out.device.type == "cuda"
        return out

    def counted(*given, **more):
        seen["fused"] += 1
        return head(*given, **more)

    packed_attention._flash, fused_cross_entropy.loss_in_head = watched, counted
    with FakeTensorMode():
        model = make_model(name, method, precision, "cuda")
        loss = loss_sum(model, make_batch("cuda", precision == "bfloat16"))
        seen |= {"loss": [list(loss.shape), str(loss.dtype), loss.device.type]}
        inner = getattr(model, "get_base_model", lambda: model)()
        seen["layers"] = inner.config.num_hidden_layers
        seen["parameters"] = sum(each.numel() for each in inner.parameters())
        trained = [each for each in model.parameters() if each.requires_grad]
        seen["trained"] = sum(each.numel() for each in trained)
        seen["backward"] = loss.requires_grad
    return seen | {"windows": sorted(seen["windows"], key=str)}


if __name__ == "__main__":
    print("FOUND " + json.dumps(forward(*sys.argv[1:])))
