"""PanGu-alpha (arXiv 2104.12369) for transformers, without code from a repository.

It is GPT-2 with one more layer on top, whose queries are made of the position only: an embedding
that asks for the token at the next place. The last norm comes before that layer, none after it.
The layers below are transformers' own GPT-2 blocks.
"""

from typing import Any

import torch
from torch import nn
from transformers import GPT2Config
from transformers.cache_utils import Cache, DynamicCache
from transformers.generation import GenerationMixin
from transformers.masking_utils import create_causal_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.gpt2.modeling_gpt2 import (
    GPT2MLP,
    GPT2Block,
    GPT2PreTrainedModel,
    eager_attention_forward,
)


class PanguConfig(GPT2Config):
    """GPT-2's configuration; ``n_layer`` counts the query layer too."""

    model_type = "pangu_alpha"


class QueryAttention(nn.Module):
    """Attention whose queries come from one sequence, keys and values from a second one."""

    def __init__(self, config: PanguConfig):
        super().__init__()
        self.config, self.layer_idx = config, config.n_layer - 1
        self.width = config.n_embd // config.n_head
        self.is_causal, self.scaling = True, self.width**-0.5
        for name in ("q_proj", "k_proj", "v_proj", "c_proj"):
            setattr(self, name, nn.Linear(config.n_embd, config.n_embd))
        self.resid_dropout = nn.Dropout(config.resid_pdrop)

    def forward(
        self,
        asking: torch.Tensor,
        hidden: torch.Tensor,
        mask: torch.Tensor | None,
        cache: Cache | None,
    ) -> torch.Tensor:
        """Mix ``hidden`` as ``asking`` wants; both (batch, tokens, n_embd)."""
        made = (self.q_proj(asking), self.k_proj(hidden), self.v_proj(hidden))
        query, key, value = (x.view(*x.shape[:2], -1, self.width).transpose(1, 2) for x in made)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        dropout = self.config.attn_pdrop if self.training else 0.0
        mixed, _ = attend(self, query, key, value, mask, dropout=dropout, scaling=self.scaling)
        return self.resid_dropout(self.c_proj(mixed.reshape(*hidden.shape).contiguous()))


class QueryLayer(GradientCheckpointingLayer):
    """The layer on top."""

    def __init__(self, config: PanguConfig):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.attn = QueryAttention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.mlp = GPT2MLP(config.n_inner or 4 * config.n_embd, config)

    def forward(
        self,
        hidden: torch.Tensor,
        asking: torch.Tensor,
        mask: torch.Tensor | None,
        cache: Cache | None,
    ) -> torch.Tensor:
        """(batch, tokens, n_embd) after attention and feed-forward layer."""
        hidden = hidden + self.attn(asking, self.ln_1(hidden), mask, cache)
        return hidden + self.mlp(self.ln_2(hidden))


class PanguModel(GPT2PreTrainedModel):
    """All but the output layer."""

    config_class = PanguConfig
    _no_split_modules = ("GPT2Block", "QueryLayer")

    def __init__(self, config: PanguConfig):
        super().__init__(config)
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.wqe = nn.Embedding(config.n_positions, config.n_embd)
        self.drop = nn.Dropout(config.embd_pdrop)
        self.h = nn.ModuleList(GPT2Block(config, layer_idx=i) for i in range(config.n_layer - 1))
        self.ln_f = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.top = QueryLayer(config)
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The words' embedding."""
        return self.wte

    def forward(
        self,
        inputs: torch.Tensor,
        position_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        cache: Cache | None,
    ) -> torch.Tensor:
        """(batch, tokens, n_embd) from the embedded words of the same shape."""
        if position_ids is None:
            past = cache.get_seq_length() if cache is not None else 0
            position_ids = torch.arange(inputs.shape[1], device=inputs.device)[None] + past
        mask = create_causal_mask(
            config=self.config,
            inputs_embeds=inputs,
            attention_mask=attention_mask,
            past_key_values=cache,
            position_ids=position_ids,
        )
        hidden = self.drop(inputs + self.wpe(position_ids))
        for block in self.h:
            hidden = block(hidden, cache, mask, None, use_cache=cache is not None)
        asking = self.wqe(position_ids).expand_as(hidden)
        return self.top(self.ln_f(hidden), asking, mask, cache)


class PanguForCausalLM(GPT2PreTrainedModel, GenerationMixin):
    """PanGu-alpha with its output layer, which is the words' embedding."""

    config_class = PanguConfig
    _supports_attention_backend = False  # the boundaries of packed examples are not handed down
    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}  # noqa: RUF012

    def __init__(self, config: PanguConfig):
        super().__init__(config)
        self.transformer = PanguModel(config)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        labels: torch.Tensor | None = None,
        **more: Any,
    ) -> CausalLMOutputWithPast:
        """Logits (batch, tokens, words); at the places of ``logits_to_keep`` only, if given.

        With ``labels``, the next-token loss too, as transformers' own models give it.
        """
        inputs = self.transformer.wte(input_ids) if inputs_embeds is None else inputs_embeds
        keep = self.config.use_cache if use_cache is None else use_cache
        if keep and past_key_values is None and not self.training:
            past_key_values = DynamicCache(config=self.config)
        hidden = self.transformer(inputs, position_ids, attention_mask, past_key_values)
        if isinstance(logits_to_keep, int):
            hidden = hidden[:, -logits_to_keep or None :]
        else:
            hidden = hidden[:, logits_to_keep]
        logits, loss = self.lm_head(hidden), None
        if labels is not None:
            words = self.config.vocab_size
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=words, **more)
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=past_key_values)
