"""log Z of an RBM by annealed importance sampling, forward and reverse.

An RBM gives every image an unnormalised probability f(v) in closed form; what it takes to compare two
machines is log p(v) = log f(v) - log Z, and Z is a sum over 2^784 images. Both estimators here walk the same
bridge of distributions from a base whose Z is known to the RBM itself:

- forward (AIS): an unbiased estimate of Z, so one of log p(v) that tends to be too high;
- reverse (RAISE): starts at each test image and walks back, so its estimate of log p(v) tends to be too low.

Where the two agree, both can be believed.

Sources: Neal, "Annealed importance sampling", 2001; Salakhutdinov & Murray, "On the quantitative analysis of
deep belief networks", ICML 2008; Burda, Grosse & Salakhutdinov, "Accurate and conservative estimates of MRF
log-likelihood using reverse annealing", AISTATS 2015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import trange

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class BinaryRbm:
    """Energy E(v, h) = -b.v - c.h - h.W v of binary visible units v and hidden units h."""

    weight: Floats
    """W [hidden, visible]."""
    visible_bias: Floats
    """b [visible]."""
    hidden_bias: Floats
    """c [hidden]."""

    @classmethod
    def from_parameters(cls, outputs: Mapping[str, NDArray[Any]]) -> BinaryRbm:
        """Read what a `parameters` graph of one layer returns."""
        return cls(outputs["weight_0"], outputs["visible_bias_0"], outputs["hidden_bias_0"])

    def activations(self, visible: Floats) -> Floats:
        """What each hidden unit receives, W v + c: [n, visible] -> [n, hidden]."""
        return visible @ self.weight.T + self.hidden_bias

    def log_unnormalised(self, visible: Floats) -> Doubles:
        """log f(v) = b.v + sum_j log(1 + exp(c_j + W_j v)), the negative free energy, nats: [n]."""
        hidden = np.logaddexp(0, self.activations(visible)).sum(axis=1, dtype=np.float64)
        return hidden + visible @ self.visible_bias


@dataclass(frozen=True)
class LogEstimate:
    """The logarithm of a positive quantity, estimated by a mean of importance weights."""

    value: float
    standard_error: float
    """Of ``value``: the weights' relative standard error (delta method)."""
    low: float
    high: float
    """log(mean -/+ 3 standard errors), the interval of Salakhutdinov & Murray; ``low`` may be -inf."""

    @classmethod
    def from_log_weights(cls, log_weights: Doubles) -> LogEstimate:
        """Average importance weights [chains] given by their logarithms."""
        value = float(np.logaddexp.reduce(log_weights) - np.log(len(log_weights)))
        relative = float(np.exp(log_weights - value).std(ddof=1) / np.sqrt(len(log_weights)))
        low = float(np.log1p(-3 * relative)) if 3 * relative < 1 else -np.inf
        return cls(value, relative, value + low, value + float(np.log1p(3 * relative)))


def schedule(*pieces: tuple[float, float, int]) -> tuple[float, ...]:
    """Inverse temperatures up to 1: pieces of (from, to, steps), each piece evenly spaced."""
    spaced = [np.linspace(start, stop, steps, endpoint=False).tolist() for start, stop, steps in pieces]
    return (*(beta for piece in spaced for beta in piece), 1.0)


PAPER_SCHEDULE = schedule((0.0, 0.5, 500), (0.5, 0.9, 4_000), (0.9, 1.0, 10_000))
"""Salakhutdinov & Murray's 14,500 steps: 0.001 apart up to 0.5, 0.0001 up to 0.9, 0.00001 up to 1."""


@dataclass(frozen=True)
class Bridge:
    """The unnormalised distributions f_beta between a base of independent pixels (0) and an RBM (1).

    log f_beta(v) = (1 - beta) a.v + beta b.v + sum_j log(1 + exp(beta (W_j v + c_j)))

    with a the base's visible biases (Salakhutdinov & Murray 2008, eq. 15, for a base without weights).
    """

    rbm: BinaryRbm
    base_bias: Floats
    """a [visible]."""
    classes: int = 0
    """How many of the last visible units are a softmax group, exactly one of which is on: label units."""

    @property
    def log_base_partition(self) -> float:
        """log of the sum of f_0 over all images: at beta = 0 each hidden unit contributes a factor of 2."""
        pixels, labels = self._split(self.base_bias.astype(np.float64))
        log_sum = np.logaddexp(0, pixels).sum() + (np.logaddexp.reduce(labels) if self.classes else 0)
        return float(log_sum + len(self.rbm.hidden_bias) * np.log(2))

    def base_samples(self, count: int, draw: np.random.Generator) -> Floats:
        """Independent samples of f_0: [count, visible]."""
        return self._visible(np.broadcast_to(self.base_bias, (count, len(self.base_bias))), draw)

    def gibbs(self, activations: Floats, beta: float, draw: np.random.Generator) -> Floats:
        """One sweep v -> h -> v' that leaves f_beta invariant, from the RBM's activations at v."""
        hidden = _below(draw, _sigmoid(beta * activations))
        received = hidden @ self.rbm.weight + self.rbm.visible_bias
        return self._visible(beta * received + (1 - beta) * self.base_bias, draw)

    def _visible(self, log_odds: Floats, draw: np.random.Generator) -> Floats:
        """Sample visible units [n, visible] from what they receive."""
        pixels, labels = self._split(log_odds)
        states = _below(draw, _sigmoid(pixels))
        if not self.classes:
            return states
        # Gumbel-max: the largest of log-odds plus Gumbel noise is a draw from their softmax.
        drawn = (labels - np.log(-np.log(draw.random(labels.shape)))).argmax(axis=1)
        return np.concatenate([states, np.eye(self.classes, dtype=np.float32)[drawn]], axis=1)

    def _split(self, visible: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The last axis apart: plain units, label units."""
        plain = visible.shape[-1] - self.classes
        return visible[..., :plain], visible[..., plain:]

    def log_ratio(self, visible: Floats, activations: Floats, lower: float, upper: float) -> Doubles:
        """log f_upper(v) - log f_lower(v): [n].

        The difference is formed unit by unit and without overflow, since neighbouring temperatures differ so
        little that two sums in float32 would not. With x = W_j v + c_j and softplus(y) = log(1 + exp(y)):

            softplus(upper x) - softplus(lower x)
                = (upper - lower) max(x, 0) + log(1 + (exp(-(upper - lower) |x|) - 1) sigmoid(-lower |x|))
        """
        step = upper - lower
        size: Floats = np.abs(activations)
        softplus = step * np.maximum(activations, 0)
        softplus += np.log1p(np.expm1(-step * size) * _sigmoid(-lower * size))
        pixels = visible @ (self.rbm.visible_bias - self.base_bias)
        return step * pixels.astype(np.float64) + softplus.sum(axis=1, dtype=np.float64)


def base_rate_bias(images: NDArray[np.float32]) -> Floats:
    """Visible biases under which independent pixels are as bright as in the data: log-odds of the mean.

    One image of black and one of white are counted in, so that a pixel which is never on keeps a finite bias.
    images [n, visible] in [0, 1].
    """
    rate = (images.sum(axis=0, dtype=np.float64) + 1) / (len(images) + 2)
    return np.log(rate / (1 - rate)).astype(np.float32)


def ais(
    rbm: BinaryRbm,
    base_bias: Floats,
    betas: Sequence[float],
    chains: int,
    draw: np.random.Generator,
    classes: int = 0,
) -> LogEstimate:
    """log Z by annealed importance sampling (Neal 2001; Salakhutdinov & Murray 2008, section 4.1).

    With `classes`, the last so many visible units are a softmax group.
    """
    bridge = Bridge(rbm, base_bias, classes)
    log_weights = np.full(chains, bridge.log_base_partition)
    visible = bridge.base_samples(chains, draw)
    for k in trange(1, len(betas), desc="AIS", unit="beta", leave=False, disable=None):
        activations = rbm.activations(visible)
        log_weights += bridge.log_ratio(visible, activations, betas[k - 1], betas[k])
        visible = bridge.gibbs(activations, betas[k], draw)
    return LogEstimate.from_log_weights(log_weights)


def raise_log_weights(
    rbm: BinaryRbm, base_bias: Floats, betas: Sequence[float], visible: Floats, draw: np.random.Generator
) -> Doubles:
    """log w of one reverse chain from each image (Burda et al. 2015, section 3).

    E[w] is the probability that the annealed chain ends at that image, so E[log w] is below its logarithm;
    and with many temperatures the annealed chain's distribution is the RBM's.

    visible [n, visible], 0 or 1; returns [n], nats.
    """
    bridge = Bridge(rbm, base_bias)
    log_weights = rbm.log_unnormalised(visible) - bridge.log_base_partition
    activations = rbm.activations(visible)
    for k in trange(len(betas) - 1, 0, -1, desc="RAISE", unit="beta", leave=False, disable=None):
        visible = bridge.gibbs(activations, betas[k], draw)
        activations = rbm.activations(visible)
        log_weights -= bridge.log_ratio(visible, activations, betas[k - 1], betas[k])
    return log_weights


def _sigmoid(x: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(0.5 * x))  # cannot overflow, unlike exp(-x)


def _below(draw: np.random.Generator, probability: Floats) -> Floats:
    """Bernoulli samples as float32 zeros and ones."""
    return (draw.random(probability.shape, np.float32) < probability).astype(np.float32)
