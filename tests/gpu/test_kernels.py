"""On a GPU: attention and loss by the fast ways are those of the plain ones, within bfloat16."""

import pytest

from collectivesft.sft.kernels import fused_cross_entropy, packed_attention

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def device():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    torch.manual_seed(7)
    return "cuda"


@pytest.mark.parametrize("key_heads", [8, 2], ids=["each head its key", "grouped"])
@pytest.mark.parametrize("window", [None, 64])
def test_variable_length_attention_is_attention_of_each_example(device, key_heads, window):
    import torch

    lengths = [5, 300, 1, 128, 77]
    bounds = torch.tensor([0, *lengths], device=device).cumsum(0).int()
    shapes = [(1, heads, sum(lengths), 64) for heads in (8, key_heads, key_heads)]
    tensors = [torch.randn(shape, device=device, dtype=torch.bfloat16) for shape in shapes]
    given = {"sliding_window": window, "cu_seq_lens_q": bounds, "max_length_q": max(lengths)}
    assert packed_attention._has_flash(tensors[0])
    fast, _ = packed_attention.packed_attention(None, *tensors, **given)
    exact, _ = packed_attention.packed_attention(None, *(each.float() for each in tensors), **given)
    torch.testing.assert_close(fast.float(), exact, atol=2e-2, rtol=2e-2)


def test_the_loss_inside_the_output_layer_is_the_plain_one(device):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=5000, hidden_size=64, intermediate_size=128, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=4,
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(device)
    ids = torch.randint(0, 5000, (1, 200), device=device)
    labels = ids[0].roll(-1)
    found = []
    for piece in (None, 5000 * 64):
        model.zero_grad()
        with torch.autocast(device, torch.bfloat16):
            if piece is None:
                logits = model(input_ids=ids).logits[0].float()
                loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
            else:
                with fused_cross_entropy.loss_in_head(model, labels, piece):
                    loss = model(input_ids=ids).logits
        loss.backward()
        found.append((loss.item(), model.lm_head.weight.grad.norm().item()))
    assert found[1] == pytest.approx(found[0], rel=1e-2)
