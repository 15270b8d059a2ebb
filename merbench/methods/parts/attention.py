"""NMER's Transformer encoder layer: post-norm, ReLU, with a shortcut for sequences of one token."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from merbench.methods.parts.draws import Dropout, dropout

HEADS = 8
FEED_FORWARD = 128
DROPOUT = 0.1
# Two projections of a row cost as much as one where rows are as many as features; multiplying the
# weights beforehand pays when there are several times more.
_MANY_ROWS = 4


class SelfAttention(nn.Module):
    """Multi-head self-attention.

    Over one token a softmax over one score is 1, so the output is the value projection, whatever
    query and key are: their weights exist, are counted, and are inert. Dropout falls on the
    weights, one for each head, as in ordinary attention. Without dropout, value and output
    projection are one linear map, which many rows go through in one step.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        in_projection = nn.init.xavier_uniform_(torch.empty(3 * width, width))
        self.query_key_weight = nn.Parameter(in_projection[: 2 * width].clone())
        self.query_key_bias = nn.Parameter(torch.zeros(2 * width))
        self.value_weight = nn.Parameter(in_projection[2 * width :].clone())
        self.value_bias = nn.Parameter(torch.zeros(width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, T, width) from N sequences of T tokens."""
        if not self.training and x.shape[1] == 1 and len(x) > _MANY_ROWS * x.shape[2]:
            return self._at_once(x)
        values = functional.linear(x, self.value_weight, self.value_bias).unflatten(2, (HEADS, -1))
        if x.shape[1] == 1:
            heads = values * dropout(x.new_ones(len(x), 1, HEADS, 1), DROPOUT, self.training)
        else:
            both = functional.linear(x, self.query_key_weight, self.query_key_bias)
            query, key = both.unflatten(2, (2, HEADS, -1)).transpose(1, 3).unbind(2)
            scores = query @ key.transpose(2, 3) / query.shape[3] ** 0.5
            shares = dropout(scores.softmax(3), DROPOUT, self.training)
            heads = (shares @ values.transpose(1, 2)).transpose(1, 2)
        attended: Tensor = self.out_proj(heads.flatten(2))
        return attended

    def _at_once(self, x: Tensor) -> Tensor:
        """Return (N, 1, width) from N sequences of one token, without dropout."""
        weight = self.out_proj.weight @ self.value_weight
        return functional.linear(x, weight, self.out_proj(self.value_bias))


class TransformerLayer(nn.Module):
    """Post-norm encoder layer with ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width)
        self.first = nn.Linear(width, FEED_FORWARD)
        self.second = nn.Linear(FEED_FORWARD, width)
        self.norm_attention = nn.LayerNorm(width)
        self.norm_feed_forward = nn.LayerNorm(width)
        self.dropout = Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, T, width) from N sequences of T tokens."""
        x = self.norm_attention(x + self.dropout(self.attention(x)))
        hidden = self.dropout(functional.relu(self.first(x)))
        out: Tensor = self.norm_feed_forward(x + self.dropout(self.second(hidden)))
        return out
