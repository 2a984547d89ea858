"""The parts of DNABERT-2: attention with ALiBi, a gated feed-forward, and what stands before and after the layers.

Attributes carry the names of the published checkpoint, so these classes are as deeply nested as its keys.
Letters: B batch, T tokens, H hidden size, h heads, V vocabulary.
"""

import math

import torch
from torch import nn
from torch.nn import functional


def alibi_slopes(heads):
    """Give the slope of each head's penalty on distance; float32 tensor, shape (h,).

    2^(-8/n), 2^(-16/n), … for n heads if n is a power of two; else those of the largest power of two below n, and then
    every second one of twice that power (Press et al. 2022, and their code for other numbers).
    """
    power = 2 ** math.floor(math.log2(heads))
    slopes = [2 ** (-8 * number / power) for number in range(1, power + 1)]
    between = [2 ** (-8 * number / (2 * power)) for number in range(1, 2 * power + 1, 2)]
    return torch.tensor((slopes + between)[:heads], dtype=torch.float32)


def attention_bias(heads, mask, shape, dtype, device):
    """Make what is added to the attention scores of every layer: ALiBi, and no attention to padding.

    It is made in each forward pass and never stored: the checkpoint has no place for it.

    Parameters
    ----------
    heads : int
    mask : bool tensor, shape (B, T), or None
        False at padding.
    shape : tuple of (B, T)
    dtype : torch.dtype
    device : torch.device

    Returns
    -------
    tensor, shape (1 or B, h, T, T)
        1 where nothing is padded: one bias for the whole batch takes less memory and time.
    """
    place = torch.arange(shape[1], device=device)
    distance = (place[None, :] - place[:, None]).abs()
    bias = (-alibi_slopes(heads).to(device)[:, None, None] * distance).to(dtype)[None]  # (1, h, T, T)
    if mask is None:
        return bias
    # The lowest number and not infinity: a row that is all padding must not become NaN.
    return bias.expand(shape[0], -1, -1, -1).masked_fill(~mask[:, None, None, :], torch.finfo(dtype).min)


class Embeddings(nn.Module):
    """Token and type vectors, added and normalized; there are no positions."""

    def __init__(self, config):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, words, types):
        """Add types (B, T), or None for 0, to token vectors (B, T, H); tensor, shape (B, T, H)."""
        kind = self.token_type_embeddings.weight[0] if types is None else self.token_type_embeddings(types)
        return self.dropout(self.LayerNorm(words + kind))


class _SelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, self.dropout = config.num_attention_heads, config.attention_probs_dropout_prob
        self.Wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)

    def forward(self, x, bias):  # (B, T, H) -> (B, T, H)
        q, k, v = self.Wqkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, h, T, H/h) each
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout)
        return mixed.transpose(1, 2).flatten(2)


class _AttentionOutput(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, mixed, x):
        return self.LayerNorm(x + self.dropout(self.dense(mixed)))


class _Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self = _SelfAttention(config)
        self.output = _AttentionOutput(config)

    def forward(self, x, bias):
        return self.output(self.self(x, bias), x)


class _GatedFeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gated_layers = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.wo = nn.Linear(config.intermediate_size, config.hidden_size)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x):
        opened, value = self.gated_layers(x).chunk(2, dim=-1)  # the first half goes through GELU
        return self.layernorm(x + self.wo(self.dropout(functional.gelu(opened) * value)))


class _Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention = _Attention(config)
        self.mlp = _GatedFeedForward(config)

    def forward(self, x, bias):
        return self.mlp(self.attention(x, bias))


class Encoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config):
        super().__init__()
        self.layer = nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))

    def forward(self, x, bias, every):
        """Vectors after the last layer, or those before the first and after each; list of tensors (B, T, H)."""
        states = [x]
        for layer in self.layer:
            x = layer(x, bias)
            states = [*states, x] if every else [x]
        return states


class Pooler(nn.Module):
    """The first token's vector through a dense layer and tanh."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden):
        """Pool vectors (B, T, H); tensor, shape (B, H)."""
        return torch.tanh(self.dense(hidden[:, 0]))


class _PredictionTransform(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=1e-12)  # fixed upstream, whatever the configuration says

    def forward(self, hidden):
        return self.LayerNorm(functional.gelu(self.dense(hidden)))


class _Predictions(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.transform = _PredictionTransform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, hidden):
        return self.decoder(self.transform(hidden))


class MaskedLMHead(nn.Module):
    """The head of masked language modelling."""

    def __init__(self, config):
        super().__init__()
        self.predictions = _Predictions(config)

    def forward(self, hidden):
        """Score the vocabulary from vectors (B, T, H); tensor, shape (B, T, V)."""
        return self.predictions(hidden)
