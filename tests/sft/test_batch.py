"""Packed examples do not see each other, and the loss is that of examples on their own."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from collectivesft.models.registry import register
from collectivesft.sft.batches.batch import boundaries, loss_sum, make_batch
from collectivesft.sft.batches.token_files import Tokens
from collectivesft.sft.kernels import fused_cross_entropy, packed_attention

ALL = [3, 0, 6, 2, 1, 5, 4]  # not the order of the file


def load(base, **options):
    """A model whose arithmetic is exact enough to compare sums in another order."""
    import torch
    from transformers import AutoModelForCausalLM

    register()
    packed_attention.register()
    options = {"dtype": torch.float64, "attn_implementation": packed_attention.NAME} | options
    return AutoModelForCausalLM.from_pretrained(base, **options)


def make(workshop, name):
    """A base model with its tokens; gemma3 has layers with a window of 8 tokens."""
    base = workshop.base(name, "gemma" if name == "gemma3" else "chatml")
    return base, Tokens.load(workshop.tokens(base), "train")


@pytest.fixture(scope="module", params=["llama", "gemma3", "gpt2"])
def made(request, workshop):
    return make(workshop, request.param)


BY_MASK = [(name, "sdpa") for name in ("llama", "gemma3", "gpt2", "pangu_alpha")]
BY_BOUNDS = [(name, packed_attention.NAME) for name in ("llama", "gemma3", "gpt2")]


@pytest.fixture(scope="module", params=BY_MASK + BY_BOUNDS, ids=" ".join)
def setting(request, workshop):
    """A model whose packed examples are kept apart by a mask or by their boundaries."""
    name, attend = request.param
    base, tokens = make(workshop, name)
    return load(base, attn_implementation=attend), tokens


def logits(model, batch):
    import torch

    with torch.no_grad():
        output = model(
            input_ids=batch.ids,
            position_ids=batch.positions,
            use_cache=False,
            **boundaries(model, batch),
        )
    return output.logits[0]


def test_batch_holds_the_examples_one_after_the_other(workshop):
    tokens = Tokens.load(workshop.tokens(workshop.base()), "train")
    batch = make_batch(tokens, [4, 1])
    one, two = (tokens.ids[tokens.offsets[i] : tokens.offsets[i + 1]] for i in (4, 1))
    assert batch.ids[0].tolist() == [*one, *two]
    assert batch.positions[0].tolist() == [*range(len(one)), *range(len(two))]
    masks = [tokens.mask[tokens.offsets[i] : tokens.offsets[i + 1]] for i in (4, 1)]
    carry = np.flatnonzero(np.concatenate(masks))
    assert (batch.predictors + 1).tolist() == carry.tolist()
    assert batch.labels.tolist() == batch.ids[0, carry].tolist()


def test_packed_logits_equal_those_of_each_example_alone(setting):
    import torch

    model, tokens = setting
    packed = logits(model, make_batch(tokens, ALL))
    alone = torch.cat([logits(model, make_batch(tokens, [i])) for i in ALL])
    assert (packed - alone).abs().max() < 1e-10


def test_an_example_would_be_seen_without_its_boundaries(made):
    """The comparison above has the power to see a leak."""
    import torch

    base, tokens = made
    model = load(base, attn_implementation="sdpa")
    batch = make_batch(tokens, ALL)
    through = torch.arange(batch.ids.shape[1])[None]
    with torch.no_grad():
        leaking = model(input_ids=batch.ids, position_ids=through, use_cache=False).logits[0]
    alone = torch.cat([logits(model, make_batch(tokens, [i])) for i in ALL])
    first = len(make_batch(tokens, ALL[:1]).ids[0])
    assert (leaking - alone)[:first].abs().max() < 1e-10
    assert (leaking - alone)[first:].abs().max() > 0.01


def test_neighbours_change_nothing(setting):
    """Other examples in the same pass, of the same lengths, leave an example's loss as it is."""
    import torch

    model, tokens = setting
    start, end = (int(tokens.offsets[i]) for i in (2, 3))
    swapped = np.where(np.arange(len(tokens.ids)) < start, tokens.ids[::-1], tokens.ids)
    swapped = np.where(np.arange(len(tokens.ids)) >= end, tokens.ids[::-1], swapped)
    other = Tokens(swapped, tokens.mask, tokens.offsets)
    everything = list(range(len(tokens)))
    one, two = (logits(model, make_batch(each, everything))[start:end] for each in (tokens, other))
    assert torch.equal(one, two)


def test_packed_gradients_equal_the_sum_of_those_alone(setting):
    import torch

    model, tokens = setting

    def gradients(batches):
        model.zero_grad()
        for examples in batches:
            loss_sum(model, make_batch(tokens, examples)).backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    packed, alone = gradients([ALL]), gradients([[i] for i in ALL])
    assert alone.abs().max() > 1e-3
    torch.testing.assert_close(packed, alone, rtol=1e-5, atol=1e-6 * alone.abs().max().item())


def test_loss_equals_that_of_a_padded_batch_with_labels_of_minus_100(made):
    """Mean over the labels of transformers' own loss, padded on the right."""
    import torch

    base, tokens = made
    model, padding = load(base), load(base, attn_implementation="sdpa")
    width = int(tokens.lengths.max())
    ids = torch.zeros(len(tokens), width, dtype=torch.long)
    seen, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, (start, end) in enumerate(zip(tokens.offsets, tokens.offsets[1:], strict=False)):
        part = torch.from_numpy(tokens.ids[start:end].astype(np.int64))
        learned = torch.from_numpy(tokens.mask[start:end].astype(bool))
        ids[row, : len(part)], seen[row, : len(part)] = part, 1
        labels[row, : len(part)] = torch.where(learned, part, -100)
    with torch.no_grad():
        padded = padding(input_ids=ids, attention_mask=seen, labels=labels, use_cache=False).loss
        batch = make_batch(tokens, ALL)
        packed = loss_sum(model, batch) / len(batch.labels)
    assert len(batch.labels) == int((labels[:, 1:] != -100).sum())
    assert packed.item() == pytest.approx(padded.item(), rel=1e-5)


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2", "pangu_alpha"])
@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "frozen"])
def test_loss_in_the_output_layer_is_the_same(workshop, monkeypatch, name, frozen):
    """Its sum and all gradients, in several pieces, and the layer is as before."""
    import torch

    monkeypatch.setattr(
        fused_cross_entropy, "loss_in_head", partial(fused_cross_entropy.loss_in_head, piece=4000)
    )

    base, tokens = make(workshop, name)
    model = load(base, dtype=torch.float32, attn_implementation="sdpa")
    head = model.get_output_embeddings()
    assert fused_cross_entropy.fusable(model)
    head.weight.requires_grad_(not frozen)
    batch, found = make_batch(tokens, ALL), []
    for fuse in (False, True):
        model.zero_grad()
        loss = loss_sum(model, batch, fuse)
        loss.backward()
        grads = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        found.append((loss.item(), torch.cat(grads)))
    (plain, plain_gradients), (inside, gradients) = found
    assert inside == pytest.approx(plain, rel=1e-6)
    scale = plain_gradients.abs().max().item()
    torch.testing.assert_close(gradients, plain_gradients, rtol=1e-4, atol=1e-5 * scale)
    assert logits(model, batch).shape == (len(batch.ids[0]), head.weight.shape[0])


def test_loss_in_the_output_layer_is_the_same_in_half_precision(workshop):
    import torch

    base, tokens = make(workshop, "llama")
    model, batch, found = load(base, dtype=torch.float32), make_batch(tokens, ALL), []
    for fuse in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_sum(model, batch, fuse)
        (loss / len(batch.labels)).backward()
        found.append((loss, model.get_output_embeddings().weight.grad))
    (plain, wanted), (inside, gradient) = found
    assert inside.dtype == gradient.dtype == torch.float32
    assert inside.item() == pytest.approx(plain.item(), rel=1e-3)
    assert (gradient - wanted).norm() < 0.01 * wanted.norm()


def test_a_model_that_changes_its_logits_keeps_the_plain_loss(workshop):
    base, _ = make(workshop, "gemma3")
    model = load(base)
    model.config.final_logit_softcapping = 30.0
    assert not fused_cross_entropy.fusable(model)


def test_what_carries_no_loss_is_not_learned(workshop):
    """Another label in a prompt leaves the loss alone, another in an answer does not."""
    import torch

    base = workshop.base()
    model, tokens = load(base), Tokens.load(workshop.tokens(base), "train")
    start, end = tokens.offsets[:2]
    answer = np.flatnonzero(tokens.mask[start:end])
    batch = make_batch(tokens, [0])
    with torch.no_grad():
        before = torch.log_softmax(logits(model, batch), -1)
        mine = -before[answer - 1, batch.ids[0, answer]].sum()
        assert loss_sum(model, batch).item() == pytest.approx(mine.item(), rel=1e-5)
    assert answer.min() > 10  # the prompt


def test_attention_is_the_same_by_boundaries_and_by_mask(made):
    import torch

    base, tokens = made
    one, other = load(base), load(base, attn_implementation="sdpa")
    batch = make_batch(tokens, ALL)
    assert (logits(one, batch) - logits(other, batch)).abs().max() < 1e-10
    assert torch.equal(logits(one, batch), logits(one, batch))


def test_a_caller_without_boundaries_is_told(made):
    base, tokens = made
    batch = make_batch(tokens, ALL)
    with pytest.raises(ValueError, match="cu_seq_lens_q"):
        load(base)(input_ids=batch.ids, position_ids=batch.positions, use_cache=False)


def test_models_that_make_their_own_attention_are_known():
    from transformers import CpmAntConfig, GPT2Config, LlamaConfig

    from collectivesft.models.pangu import PanguConfig

    register()
    assert packed_attention.supported(LlamaConfig())
    assert packed_attention.supported(GPT2Config())
    assert not packed_attention.supported(CpmAntConfig())
    assert not packed_attention.supported(PanguConfig())


def stand_in(query, key, value, starts, starts_k, longest, longest_k, *, scale, window_size,
             enable_gqa):  # fmt: skip
    """torch's ``varlen_attn`` by its documentation, in plain torch."""
    import torch

    assert starts is starts_k and longest == longest_k == int(starts.diff().max())
    assert enable_gqa == (query.shape[1] != key.shape[1]) and starts.dtype == torch.int32
    repeat, rows = query.shape[1] // key.shape[1], []
    for start, end in pairwise(starts.tolist()):
        q, k, v = (each[start:end].transpose(0, 1) for each in (query, key, value))
        k, v = (each.repeat_interleave(repeat, dim=0) for each in (k, v))
        back = torch.arange(end - start)[:, None] - torch.arange(end - start)[None]
        left, right = window_size
        seen = (back >= -right) & ((back <= left) | torch.tensor(left < 0))
        scores = (q @ k.transpose(1, 2) * scale).masked_fill(~seen, -torch.inf)
        rows.append((scores.softmax(-1) @ v).transpose(0, 1))
    return torch.cat(rows)


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("key_heads", [4, 2])
def test_a_gpus_kernel_is_called_as_its_documentation_says(monkeypatch, window, key_heads):
    """The kernel itself needs a GPU; here stands another with its names, shapes and meaning."""
    import inspect

    import torch
    from torch.nn.attention import varlen

    real = inspect.signature(varlen.varlen_attn)

    def called(*given, **named):
        real.bind(*given, **named)  # an argument that torch does not know is an error
        return stand_in(*given, **named)

    monkeypatch.setattr(varlen, "varlen_attn", called)
    torch.manual_seed(0)
    query = torch.randn(1, 4, 17, 8)
    key, value = torch.randn(1, key_heads, 17, 8), torch.randn(1, key_heads, 17, 8)
    bounds, found = torch.tensor([0, 5, 6, 17], dtype=torch.int32), []
    for flash in (False, True):
        monkeypatch.setattr(packed_attention, "_has_flash", lambda query, flash=flash: flash)
        out, _ = packed_attention.packed_attention(
            None, query, key, value, scaling=0.3, sliding_window=window,
            cu_seq_lens_q=bounds, max_length_q=11,
        )  # fmt: skip
        found.append(out)
    torch.testing.assert_close(found[0], found[1])
