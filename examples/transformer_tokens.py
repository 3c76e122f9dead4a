"""Tokens as players: "not good".

A small transformer learns to rate six-word sentences in which "not" turns the next word around. The players
are its tokens: each moves with all its embedding dimensions. What "not" and "good" do together is an
interaction effect, which no score per token can show.
"""

# %%
import warnings
from itertools import pairwise

import torch
from torch import nn

import taylorattr as ta

WORDS = ("-", "the", "film", "was", "not", "good", "bad")
RATING = {"good": 1.0, "bad": -1.0}
LENGTH = 6


def rating(tokens: list[int]) -> float:
    """Return the sum of the words' ratings, each reversed after "not"."""
    words = ["-", *(WORDS[token] for token in tokens)]
    return sum(RATING.get(word, 0.0) * (-1 if last == "not" else 1) for last, word in pairwise(words))


class Reader(nn.Module):
    """Token embeddings (B, T, 16) -> rating (B,): positions, an encoder layer, a head on the tokens' sum."""

    def __init__(self) -> None:
        """Make the layers."""
        super().__init__()
        self.embedding = nn.Embedding(len(WORDS), 16)
        self.position = nn.Parameter(0.5 * torch.randn(LENGTH, 16))
        self.encoder = nn.TransformerEncoderLayer(
            16, 2, dim_feedforward=64, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.head = nn.Linear(16, 1)

    def forward(self, embedded: torch.Tensor) -> torch.Tensor:
        """Return the ratings of embedded sentences."""
        return self.head(self.encoder(embedded + self.position).sum(1)).squeeze(1)


def error(reader: Reader, sentences: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the ratings of sentences (B, T)."""
    wanted = torch.tensor([rating(sentence) for sentence in sentences.tolist()])
    return (reader(reader.embedding(sentences)) - wanted).square().mean()


torch.manual_seed(0)
reader = Reader()
optimiser = torch.optim.Adam(reader.parameters(), lr=3e-3)
for _ in range(500):
    optimiser.zero_grad()
    error(reader, torch.randint(0, len(WORDS), (128, LENGTH))).backward()
    optimiser.step()
reader.eval()
print(f"mean squared error {error(reader, torch.randint(0, len(WORDS), (1000, LENGTH))).item():.3f}")

# %%
# "the film was not good -" against a sentence of six blanks: all 2⁶ exact effects.

sentence = ["the", "film", "was", "not", "good", "-"]
with torch.no_grad():
    x = reader.embedding(torch.tensor([[WORDS.index(word) for word in sentence]]))
    blank = reader.embedding(torch.full((1, LENGTH), WORDS.index("-")))
players = ta.Players.tokens(x, names=sentence)
exact = ta.harsanyi(reader, x, blank, players=players)
print(exact)

assert exact["not", "good"].item() < -1.5 and exact["good"].item() > 0.8
assert exact.top(1)[0][0].key == (3, 4)
assert abs(exact.values[:, 1:].sum() - exact.delta).item() < 1e-12  # 63 numbers of size 1

# %%
# Taylor effects describe the neighbourhood of a point. From blanks to a sentence is farther than this
# network's series reaches, and `decompose` says so in place of numbers that look fine.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    far = ta.decompose(reader, x, blank, order=4, players=players)
print(far.reasons[0])
assert not far.converged.item()
assert any(issubclass(warning.category, ta.errors.DivergenceWarning) for warning in caught)

# %%
# Over the last tenth of the way it does reach: there the Taylor effects of each coalition add up to the exact
# effect, up to a tail that is known.

near = x + 0.1 * (blank - x)
series = ta.decompose(reader, x, near, order=6, players=players)
truth = ta.harsanyi(reader, x, near, players=players)
print(series)
assert series.converged.item() and series.tails is not None
largest = truth.values[:, 1:].abs().max()
for coalition in (("good",), ("not", "good"), ("film", "not", "good")):
    tail = truth[coalition] - series.interactions[coalition]
    assert abs(tail - series.tails[coalition]).item() < 1e-12  # rounding of sums of 2⁶ numbers near 1
    assert abs(tail) < 0.01 * largest
