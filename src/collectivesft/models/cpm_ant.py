"""CPM-Ant for training: each token sees those before it, and none after.

transformers' CPM-Ant reads all of its input in both directions: it takes the whole text for what
CPM-Ant calls context. Its authors train the text to be learned one way only. A loss on tokens that
the model has seen would be worth nothing, so here no token is context, in training as in answering.
"""

import torch
from transformers.models.cpmant.modeling_cpmant import CpmAntForCausalLM, CpmAntModel


class CausalCpmAntModel(CpmAntModel):
    """CPM-Ant's layers under a causal mask."""

    def _prepare_attention_mask(
        self,
        input_ids: torch.Tensor,
        span: torch.Tensor,
        context: torch.Tensor,
        length: torch.Tensor,
    ) -> torch.Tensor:
        return super()._prepare_attention_mask(input_ids, span, torch.zeros_like(context), length)


class CausalCpmAnt(CpmAntForCausalLM):
    """CPM-Ant with its output layer; weights and configuration are transformers' own."""

    _no_split_modules = ("CpmAntTransformerBlock",)

    def __init__(self, config):
        super().__init__(config)
        self.cpmant = CausalCpmAntModel(config)
        self.post_init()
