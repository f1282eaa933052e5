"""What a deep belief network is worth: how likely it finds the test digits, and what its dreams look like.

Everything is read from its graphs: `parameters` (the greedy stack, whose RBMs have a likelihood to estimate),
`encode`, `gibbs_step` and `decode` (the fine-tuned network, which dreams).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm, trange

from evaluation.annealing import PAPER_SCHEDULE, BinaryRbm, Doubles, Floats, ais, base_rate_bias
from evaluation.context import Context, as_images
from evaluation.figures import figure
from evaluation.likelihood import binarise
from onnx_models import cookbook, recipes
from onnx_models.catalog import Catalog, Metric, Model
from onnx_models.diversity import diversity_ratio

CHAINS = 100
BOUND_SAMPLES = 4  # of the hidden layers, from each test image
DREAMS = 100  # of each class
DREAM_STEPS = 1000  # as Hinton, Osindero & Teh 2006 let theirs run between samples (figure 8)
FREE = -1  # the label that is none
_QUICK_SCHEDULE = (*PAPER_SCHEDULE[::100], 1.0)
_QUICK_DREAMS, _QUICK_DREAM_STEPS = 5, 20
_LAYER_DRAWS, _MEMORY_DRAWS, _BOUND_DRAWS, _CODE_DRAWS = 11, 12, 13, 14  # purposes of `Context.generator`


@dataclass(frozen=True)
class Stack:
    """A greedily learned belief network: RBMs from the pixels up, the last with label units at its end."""

    layers: tuple[BinaryRbm, ...]
    memory: BinaryRbm
    classes: int

    def upwards(self, visible: Floats, draw: np.random.Generator) -> list[Floats]:
        """Sample the layers bottom up: [visible, h1, ..., code], each [n, units] of 0 and 1."""
        states = [visible]
        for layer in self.layers:
            mean = _sigmoid(layer.activations(states[-1]))
            states.append((draw.random(mean.shape, np.float32) < mean).astype(np.float32))
        return states

    def label_scores(self, code: Floats) -> Doubles:
        """-F(code, y) for each label y, nats: [n, units] -> [n, classes]."""
        scores = np.empty((len(code), self.classes))
        for label in range(self.classes):
            one_hot = np.zeros((len(code), self.classes), np.float32)
            one_hot[:, label] = 1
            scores[:, label] = self.memory.log_unnormalised(np.concatenate([code, one_hot], axis=1))
        return scores

    def log_bound(self, visible: Floats, log_z: float, samples: int, draw: np.random.Generator) -> Doubles:
        """A variational lower bound of log p(visible), estimated: [n], nats.

        E_q[log p(v | h1) + log p(h1 | h2) + log p(h2) - log q(h1 | v) - log q(h2 | h1)]

        with the labels summed out of p(h2), q the sampled way up (Salakhutdinov & Murray 2008, section 3).
        ``log_z`` is the memory's; visible [n, pixels] of 0 and 1.
        """
        total = np.zeros(len(visible))
        for _ in trange(samples, desc="bound", unit="sample", leave=False, disable=None):
            states = self.upwards(visible, draw)
            for layer, below, above in zip(self.layers, states[:-1], states[1:], strict=True):
                total += _log_bernoulli(below, above @ layer.weight + layer.visible_bias)
                total -= _log_bernoulli(above, layer.activations(below))
            total += np.logaddexp.reduce(self.label_scores(states[-1]), axis=1)
        return total / samples - log_z


def applies(model: Model) -> bool:
    """Whether the model is a stack of RBMs below a memory with labels that can be clamped."""
    roles = ("parameters", "encode", "decode", "gibbs_step")
    return all(model.has(role) for role in roles) and any(
        tensor.name == "label" for tensor in model.graphs["gibbs_step"].inputs
    )


def measure(model: Model, context: Context) -> list[Metric]:
    """Return the likelihoods, the test errors without backpropagation, and the judge's word on the dreams."""
    return [*likelihoods(model, context), *test_errors(model, context), *dreams(model, context)]


def likelihoods(model: Model, context: Context) -> list[Metric]:
    """Return the first layer's log-probability as an RBM and a lower bound of the whole stack's, nats."""
    graph = model.graphs["parameters"]
    stack = read_stack(model, context)
    betas = _QUICK_SCHEDULE if context.quick else PAPER_SCHEDULE
    train = context.whole(model, "train")
    train_pixels = as_images(train.images).reshape(len(train), -1)
    test = as_images(context.data(model, "test").images)
    visible = binarise(test.reshape(len(test), -1), context.seed)
    pixels = f"pixels drawn as Bernoulli(grey), seed {context.seed}"
    annealing = f"AIS, {CHAINS} chains, {len(betas) - 1:,} steps, base-rate visible biases"

    first = stack.layers[0]
    first_z = ais(first, base_rate_bias(train_pixels), betas, CHAINS, context.generator(_LAYER_DRAWS))

    some = slice(None, None, 6)  # 10,000 training images say how often each unit of the code is on
    codes = stack.upwards(binarise(train_pixels[some], context.seed), context.generator(_CODE_DRAWS))[-1]
    labels = np.eye(stack.classes, dtype=np.float32)[train.labels[some]]
    base_bias = base_rate_bias(np.concatenate([codes, labels], axis=1))
    memory_draw = context.generator(_MEMORY_DRAWS)
    memory_z = ais(stack.memory, base_bias, betas, CHAINS, memory_draw, classes=stack.classes)
    bound = stack.log_bound(visible, memory_z.value, BOUND_SAMPLES, context.generator(_BOUND_DRAWS))
    return [
        figure(
            model,
            "first_layer_ais_test_log_probability",
            (first.log_unnormalised(visible) - first_z.value).mean(),
            error=first_z.standard_error,
            unit="nats",
            protocol=f"the first RBM alone, before fine-tuning; {annealing}; mean over {len(visible):,} test "
            f"images, {pixels}; ± standard error of log Z",
            source="Salakhutdinov & Murray 2008",
            measured_on=[graph],
            units=len(first.hidden_bias),
        ),
        figure(
            model,
            "variational_bound_test_log_probability",
            bound.mean(),
            error=memory_z.standard_error,
            unit="nats",
            protocol=f"lower bound of the whole stack, labels summed out, before fine-tuning; "
            f"{BOUND_SAMPLES} samples of the hidden layers an image; log Z of the memory by {annealing}; "
            f"mean over {len(visible):,} test images, {pixels}; ± standard error of log Z",
            source="Salakhutdinov & Murray 2008",
            measured_on=[graph],
        ),
    ]


def test_errors(model: Model, context: Context) -> list[Metric]:
    """Return how often the label of least free energy is wrong: before fine-tuning, and after up-down."""
    test = context.data(model, "test")
    images = as_images(test.images)
    stack = read_stack(model, context)
    code = images.reshape(len(images), -1)
    for layer in stack.layers:
        code = _sigmoid(layer.activations(code))
    before = stack.label_scores(code).argmax(axis=1)

    encode, step = model.graphs["encode"], model.graphs["gibbs_step"]
    code = context.run(encode, {"image": images}, f"{model.id} reads test images")["code"]
    inputs = {
        tensor.name: np.full(
            (len(code), *map(int, tensor.shape[1:])), 0.5, np.float32
        )  # decides nothing here
        for tensor in step.inputs
        if tensor.name.endswith("_noise")
    }
    inputs |= {"visible": code, "label": np.full(len(code), FREE, np.int64)}
    after = context.run(step, inputs, f"{model.id} finds labels")["label_mean"].argmax(axis=1)

    def error(name: str, guesses: NDArray[np.integer], which: str, graphs: list[str]) -> Metric:
        wrong = float((guesses != test.labels).mean())
        return figure(
            model,
            name,
            wrong,
            error=_binomial(wrong, len(test)),
            unit="fraction",
            protocol=f"{which}: up by probabilities, then the label of least free energy in the memory; "
            f"{len(test):,} test images; ± binomial standard error",
            source="Hinton, Osindero & Teh 2006",
            measured_on=[model.graphs[role] for role in graphs],
        )

    return [
        error("test_error_before_fine_tuning", before, "greedy learning alone", ["parameters"]),
        error("test_error_up_down", after, "after up-down, before backpropagation", ["encode", "gibbs_step"]),
    ]


def dreams(model: Model, context: Context) -> list[Metric]:
    """Return how often the judge sees the clamped label, and how varied the dreams of a label are."""
    judge = context.judge(model)
    each = _QUICK_DREAMS if context.quick else DREAMS
    steps = _QUICK_DREAM_STEPS if context.quick else DREAM_STEPS
    real, _ = context.judged_data(model, "test")
    real_labels = context.data(model, "test").labels
    classes = len(context.data(model, "test").class_names)
    labels = np.repeat(np.arange(classes), each)
    made, seen = context.judged(judge, dream(model, context, labels, steps), f"{model.id}'s dreams")

    agreement = float((seen == labels).mean())
    ratios = [diversity_ratio(made[labels == k], real[real_labels == k][:each]) for k in range(classes)]
    graphs = [model.graphs["gibbs_step"], model.graphs["decode"], judge.graphs["classify"]]
    protocol = (
        f"{each} chains for each label, clamped, {steps} steps from coins of stream BINARY, shown as "
        f"probabilities; judged by {judge.id}; seed {context.seed}"
    )

    def one(name: str, value: float, unit: str, text: str, error: float | None = None) -> Metric:
        return figure(
            model,
            name,
            value,
            error=error,
            unit=unit,
            protocol=text,
            source="this project",
            measured_on=graphs,
        )

    def spread(name: str, which: int) -> Metric:
        text = f"mean pairwise distance over that of {each} test images; class {which}; {protocol}"
        return one(name, ratios[which], "ratio", text)

    return [
        one("label_agreement", agreement, "fraction", protocol, _binomial(agreement, len(labels))),
        spread("class_diversity_ratio_min", int(np.argmin(ratios))),
        spread("class_diversity_ratio_max", int(np.argmax(ratios))),
    ]


def dream(model: Model, context: Context, labels: NDArray[np.integer], steps: int) -> NDArray[np.float32]:
    """Return pictures [n, c, h, w]: chain i, of labels[i], after ``steps`` Gibbs steps from coin flips."""
    recipe = cookbook.chain(model, None, steps, context.seed, labels.tolist(), len(labels))
    recipe["numbers"] = ["gibbs.visible_sample"]
    states = recipes.frames(recipe, Catalog((model,)), context.runtime, recipes.TRUSTED)
    for state in tqdm(states, f"{model.id} dreams", steps, unit="step", leave=False, disable=None):
        code = state.numbers["gibbs.visible_sample"]  # only the last one counts, and none is kept
    return context.run(model.graphs["decode"], {"code": code}, f"{model.id} draws")["image"]


def read_stack(model: Model, context: Context) -> Stack:
    """Return the RBMs that the model's `parameters` graph gives."""
    outputs = context.runtime.run(model.graphs["parameters"], {}).outputs
    count = sum(name.startswith("weight_") for name in outputs)
    rbms = [
        BinaryRbm(*(outputs[f"{name}_{k}"] for name in ("weight", "visible_bias", "hidden_bias")))
        for k in range(count)
    ]
    classes = rbms[-1].weight.shape[1] - len(rbms[-2].hidden_bias)
    return Stack(tuple(rbms[:-1]), rbms[-1], classes)


def _log_bernoulli(states: Floats, logits: Floats) -> Doubles:
    """Log-probability of states of 0 and 1 under independent units with the given log-odds: [n], nats."""
    return (states * logits - np.logaddexp(0, logits)).sum(axis=1, dtype=np.float64)


def _sigmoid(x: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _binomial(share: float, count: int) -> float:
    return float(np.sqrt(share * (1 - share) / count))
