"""A whole models directory of tiny networks, written in milliseconds, for tests of anything that reads one.

    directory = tiny.write_models(tmp_path / "models")          # the line-up below
    catalog = onnx_models.catalog.load(directory)

Every graph has the roles, names, dtypes and shapes of the contract and weights that are random but fixed, so
outputs differ from blank, from each other and between models, and never between two runs. The line-up:

    rbm            model     1986  reconstruct, gibbs_step, parameters
    autoencoder    model     2006  reconstruct, encode, decode
    gan            model     2014  generate, discriminate, three snapshots of `generate`
    pca            baseline  1901  reconstruct
    rbm_untrained  baseline  1986  reconstruct
    classifier_cnn judge     1998  classify

and `datasets/mnist` with `examples` (50 pictures of ten classes) and `neighbours` (200).
`stylegan` makes one more, as large as asked for, with or without noise, labels and what each size adds.
`write_first_half` adds what stands between the RBM and the GAN:

    dbn            model     2006  reconstruct, encode, decode, gibbs_step with labels, classify
    vae            model     2014  reconstruct, encode, decode
    autoencoder_2  exhibit   2006  reconstruct, encode, decode; a code of two numbers
    vae_2          exhibit   2014  reconstruct, encode, decode; a code of two numbers
    classifier_mlp judge     1998  classify

One more model is one more `write_model(directory, "unseen", gan(seed=9))`, a broken one `edit(folder, ...)`
or a byte written over its file. `pictures` makes labelled data, `write_idx` files it as MNIST is filed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CHANNELS, HEIGHT, WIDTH = 1, 28, 28
PIXELS = CHANNELS * HEIGHT * WIDTH
LATENT = 100
CLASSES = 10
QUESTIONS = {"glasses": ("none", "tinted", "dark"), "hair_colour": ("dark", "light")}
"""What `attributes` answers."""
OPSET = 18
IR_VERSION = 8

Floats = NDArray[np.floating]
Graphs = Mapping[str, onnx.ModelProto]
Shape = Sequence[int | str]
Node = tuple[str, str, str, Mapping[str, Any]]
"""Operator, inputs and outputs (names separated by spaces), attributes."""

IMAGE: Shape = ("batch", CHANNELS, HEIGHT, WIDTH)
_FLAT = np.array([-1, PIXELS])
_PICTURE = np.array([-1, CHANNELS, HEIGHT, WIDTH])

# By tensor name; what is not listed is any real number.
_RANGES = {
    "image": "[0, 1]",
    "reconstruction": "[0, 1]",
    "visible": "[0, 1]",
    "visible_mean": "[0, 1]",
    "visible_sample": "{0, 1}",
    "visible_noise": "[0, 1)",
    "hidden_mean": "[0, 1]",
    "hidden": "{0, 1}",
    "hidden_noise": "[0, 1)",
    "z": "N(0, 1)",
    "label": "{-1, ..., 9}",
    "label_noise": "[0, 1)",
    "label_mean": "[0, 1]",
    "score": "[0, 1]",
}


# --- the networks: role -> graph -----------------------------------------------------------------------


def rbm(
    weight: Floats | None = None,
    visible_bias: Floats | None = None,
    hidden_bias: Floats | None = None,
    *,
    hidden: int = 12,
    seed: int = 0,
) -> dict[str, onnx.ModelProto]:
    """Binary RBM with 784 visible units: `reconstruct`, `gibbs_step`, `parameters`.

    weight [hidden, 784], visible_bias [784], hidden_bias [hidden]; what is not given is drawn.
    """
    draw = np.random.default_rng(seed)
    weight = draw.normal(0, 0.3, (hidden, PIXELS)) if weight is None else weight
    visible_bias = draw.normal(-1, 0.5, PIXELS) if visible_bias is None else visible_bias
    hidden_bias = draw.normal(0, 0.5, len(weight)) if hidden_bias is None else hidden_bias
    units: Shape = ("batch", len(weight))
    pixels: Shape = ("batch", PIXELS)
    parameters = {"weight": weight, "visible_bias": visible_bias, "hidden_bias": hidden_bias}
    up = ("Gemm", "visible weight hidden_bias", "hidden_logits", {"transB": 1})
    reconstruct: list[Node] = [
        ("Reshape", "image flat", "visible", {}),
        up,
        ("Sigmoid", "hidden_logits", "code", {}),
        ("Gemm", "code weight visible_bias", "visible_logits", {}),
        ("Sigmoid", "visible_logits", "visible_mean", {}),
        ("Reshape", "visible_mean picture", "reconstruction", {}),
    ]
    gibbs_step: list[Node] = [
        up,
        ("Sigmoid", "hidden_logits", "hidden_mean", {}),
        ("Less", "hidden_noise hidden_mean", "hidden_on", {}),
        ("Cast", "hidden_on", "hidden", {"to": TensorProto.FLOAT}),
        ("Gemm", "hidden weight visible_bias", "visible_logits", {}),
        ("Sigmoid", "visible_logits", "visible_mean", {}),
        ("Less", "visible_noise visible_mean", "visible_on", {}),
        ("Cast", "visible_on", "visible_sample", {"to": TensorProto.FLOAT}),
        # F(v) = -b.v - sum_j softplus(c_j + W_j v), of the v that came in
        ("Softplus", "hidden_logits", "softplus", {}),
        ("ReduceSum", "softplus last", "hidden_part", {"keepdims": 0}),
        ("Mul", "visible visible_bias", "weighted", {}),
        ("ReduceSum", "weighted last", "visible_part", {"keepdims": 0}),
        ("Add", "hidden_part visible_part", "negated", {}),
        ("Neg", "negated", "free_energy", {}),
    ]
    return {
        "reconstruct": graph(
            reconstruct,
            {"image": IMAGE},
            {"reconstruction": IMAGE, "code": units},
            parameters | {"flat": _FLAT, "picture": _PICTURE},
        ),
        "gibbs_step": graph(
            gibbs_step,
            {"visible": pixels, "hidden_noise": units, "visible_noise": pixels},
            {
                "visible_mean": pixels,
                "visible_sample": pixels,
                "hidden_mean": units,
                "hidden": units,
                "free_energy": ("batch",),
            },
            parameters | {"last": np.array([1])},
        ),
        "parameters": graph(
            [("Identity", name, f"{name}_0", {}) for name in parameters],
            {},
            {f"{name}_0": np.shape(value) for name, value in parameters.items()},
            parameters,
        ),
    }


def dbn(sizes: tuple[int, int, int] = (12, 16, 9), *, seed: int = 8) -> dict[str, onnx.ModelProto]:
    """Deep belief network of three layers with ten labels at the top (Hinton, Osindero and Teh 2006).

    The same weights lead up and down; `encode` ends and `decode` starts at the units that `gibbs_step` calls
    visible. A free label is drawn from its exact posterior given those.
    """
    draw = np.random.default_rng(seed)
    first, second, top = sizes
    weights = {
        "w0": draw.normal(0, 0.3, (first, PIXELS)),
        "a0": draw.normal(-1, 0.5, PIXELS),
        "b0": draw.normal(0, 0.5, first),
        "w1": draw.normal(0, 1 / np.sqrt(first), (second, first)),
        "a1": draw.normal(0, 0.5, first),
        "b1": draw.normal(0, 0.5, second),
        "w2": draw.normal(0, 1 / np.sqrt(second), (top, second)),
        "a2": draw.normal(0, 0.5, second),
        "b2": draw.normal(0, 0.5, top),
        "u": draw.normal(0, 2.0, (top, CLASSES)),
        "by_label": np.concatenate([np.zeros((1, CLASSES)), np.eye(CLASSES)]),
        "one": np.array(1),
        "zero": np.array(0),
        "last": np.array([-1]),
        "middle": np.array([1]),
        "flat": _FLAT,
        "picture": _PICTURE,
        "column": np.array([-1, 1]),
        "before_all": np.triu(np.ones((CLASSES, CLASSES)), 1),
        "up_to": np.triu(np.ones((CLASSES, CLASSES))),
    }
    up: list[Node] = [
        ("Reshape", "image flat", "pixels", {}),
        ("Gemm", "pixels w0 b0", "raw_0", {"transB": 1}),
        ("Sigmoid", "raw_0", "units_0", {}),
        ("Gemm", "units_0 w1 b1", "raw_1", {"transB": 1}),
        ("Sigmoid", "raw_1", "code", {}),
    ]
    down: list[Node] = [
        ("Gemm", "code w1 a1", "raw_2", {}),
        ("Sigmoid", "raw_2", "hidden_1", {}),
        ("Gemm", "hidden_1 w0 a0", "raw_3", {}),
        ("Reshape", "raw_3 picture", "logits", {}),
    ]
    # -F(v, y) = a.v + sum_j softplus(b_j + W_j v + U_jy): one row of the three axes for each class
    posterior: list[Node] = [
        ("Gemm", "visible w2 b2", "from_visible", {"transB": 1}),
        ("Unsqueeze", "from_visible middle", "by_class", {}),
        ("Transpose", "u", "u_rows", {"perm": [1, 0]}),
        ("Add", "by_class u_rows", "inputs", {}),
        ("Softplus", "inputs", "softplus", {}),
        ("ReduceSum", "softplus last", "class_logits", {"keepdims": 0}),
        ("Softmax", "class_logits", "label_posterior", {"axis": 1}),
    ]
    gibbs_step: list[Node] = [
        *posterior,
        ("MatMul", "label_posterior before_all", "below", {}),
        ("MatMul", "label_posterior up_to", "above", {}),
        ("LessOrEqual", "below label_noise", "reached", {}),
        ("Less", "label_noise above", "not_passed", {}),
        ("And", "reached not_passed", "drawn_on", {}),
        ("Cast", "drawn_on", "drawn", {"to": TensorProto.FLOAT}),
        ("Add", "label one", "row", {}),
        ("Gather", "by_label row", "clamped", {}),
        ("Less", "label zero", "free", {}),
        ("Reshape", "free column", "free_column", {}),
        ("Where", "free_column drawn clamped", "labels", {}),
        ("Where", "free_column label_posterior clamped", "label_mean", {}),
        ("Gemm", "labels u", "from_label", {"transB": 1}),
        ("Add", "from_visible from_label", "hidden_logits", {}),
        ("Sigmoid", "hidden_logits", "hidden_mean", {}),
        ("Less", "hidden_noise hidden_mean", "hidden_on", {}),
        ("Cast", "hidden_on", "hidden", {"to": TensorProto.FLOAT}),
        ("Gemm", "hidden w2 a2", "visible_logits", {}),
        ("Sigmoid", "visible_logits", "visible_mean", {}),
        ("Less", "visible_noise visible_mean", "visible_on", {}),
        ("Cast", "visible_on", "visible_sample", {"to": TensorProto.FLOAT}),
        ("ReduceLogSumExp", "class_logits last", "summed", {"keepdims": 0}),
        ("Mul", "class_logits clamped", "chosen", {}),
        ("ReduceSum", "chosen last", "one_class", {"keepdims": 0}),
        ("Where", "free summed one_class", "hidden_part", {}),
        ("Mul", "visible a2", "weighted", {}),
        ("ReduceSum", "weighted last", "visible_part", {"keepdims": 0}),
        ("Add", "hidden_part visible_part", "negated", {}),
        ("Neg", "negated", "free_energy", {}),
    ]
    image: dict[str, Shape] = {"image": IMAGE}
    code: Shape = ("batch", second)
    judge = [("Identity", "code", "visible", {}), *posterior, ("Identity", "from_visible", "features", {})]
    return {
        "reconstruct": graph(
            [*up, *down, ("Sigmoid", "logits", "reconstruction", {})],
            image,
            {"reconstruction": IMAGE, "code": code},
            weights,
        ),
        "encode": graph(up, image, {"code": code}, weights),
        "decode": graph(
            [*down, ("Sigmoid", "logits", "image", {})],
            {"code": code},
            {"image": IMAGE, "logits": IMAGE, "hidden_1": ("batch", first)},
            weights,
        ),
        "gibbs_step": graph(
            gibbs_step,
            {
                "visible": code,
                "label": ("batch",),
                "hidden_noise": ("batch", top),
                "visible_noise": code,
                "label_noise": ("batch", 1),
            },
            {
                "visible_mean": code,
                "visible_sample": code,
                "hidden_mean": ("batch", top),
                "hidden": ("batch", top),
                "free_energy": ("batch",),
                "label_mean": ("batch", CLASSES),
            },
            weights,
        ),
        "classify": graph(
            [*up, *judge],
            image,
            {"class_logits": ("batch", CLASSES), "features": ("batch", top)},
            weights,
        ),
    }


def autoencoder(*, code: int = 3, seed: int = 1) -> dict[str, onnx.ModelProto]:
    """One-layer autoencoder: `reconstruct`, `encode`, `decode`."""
    draw = np.random.default_rng(seed)
    weights = {
        "encoder": draw.normal(0, 0.1, (PIXELS, code)),
        "decoder": draw.normal(0, 1.0, (code, PIXELS)),
        "bias": draw.normal(-1, 0.5, PIXELS),
        "flat": _FLAT,
        "picture": _PICTURE,
    }
    encode: list[Node] = [
        ("Reshape", "image flat", "pixels", {}),
        ("MatMul", "pixels encoder", "code", {}),
    ]
    logits: list[Node] = [
        ("Gemm", "code decoder bias", "raw", {}),
        ("Reshape", "raw picture", "logits", {}),
    ]
    codes: Shape = ("batch", code)
    return {
        "reconstruct": graph(
            [*encode, *logits, ("Sigmoid", "logits", "reconstruction", {})],
            {"image": IMAGE},
            {"reconstruction": IMAGE, "code": codes},
            weights,
        ),
        "encode": graph(encode, {"image": IMAGE}, {"code": codes}, weights),
        "decode": graph(
            [*logits, ("Sigmoid", "logits", "image", {})],
            {"code": codes},
            {"image": IMAGE, "logits": IMAGE},
            weights,
        ),
    }


def linear(
    mean: Floats | None = None, components: Floats | None = None, *, seed: int = 2
) -> dict[str, onnx.ModelProto]:
    """`reconstruct` as PCA does: projection on orthonormal components around a mean, which may leave [0, 1].

    mean [784], components [k, 784]; what is not given is drawn (k = 4).
    """
    draw = np.random.default_rng(seed)
    mean = draw.uniform(0, 0.5, PIXELS) if mean is None else mean
    components = np.linalg.qr(draw.normal(size=(PIXELS, 4)))[0].T if components is None else components
    nodes: list[Node] = [
        ("Reshape", "image flat", "pixels", {}),
        ("Sub", "pixels mean", "centred", {}),
        ("Gemm", "centred components", "code", {"transB": 1}),
        ("Gemm", "code components mean", "raw", {}),
        ("Reshape", "raw picture", "reconstruction", {}),
    ]
    weights = {
        "mean": mean,
        "components": components,
        "flat": _FLAT,
        "picture": _PICTURE,
    }
    outputs: dict[str, Shape] = {"reconstruction": IMAGE, "code": ("batch", len(components))}
    return {"reconstruct": graph(nodes, {"image": IMAGE}, outputs, weights)}


def gan(*, seed: int = 3, contrast: float = 0.3, conditional: bool = False) -> dict[str, onnx.ModelProto]:
    """One-layer generator and discriminator: `generate`, `discriminate`.

    ``contrast`` says how far z moves the picture (0: a collapsed generator). A conditional generator also
    takes `label`, -1 for none.
    """
    draw = np.random.default_rng(seed)
    generator = {
        "weight": draw.normal(0, contrast, (LATENT, PIXELS)),
        "bias": draw.normal(-1, 1.0, PIXELS),
        "by_label": np.concatenate([np.zeros((1, PIXELS)), draw.normal(0, 1.0, (CLASSES, PIXELS))]),
        "one": np.array(1),
        "picture": _PICTURE,
    }
    discriminator = {"weight": draw.normal(0, 0.1, (PIXELS, 1)), "flat": _FLAT, "last": np.array([1])}
    inputs: dict[str, Shape] = {"z": ("batch", LATENT)}
    nodes: list[Node] = [("Gemm", "z weight bias", "logits", {})]
    if conditional:
        inputs["label"] = ("batch",)
        nodes = [
            ("Gemm", "z weight bias", "unlabelled", {}),
            ("Add", "label one", "row", {}),
            ("Gather", "by_label row", "shift", {}),
            ("Add", "unlabelled shift", "logits", {}),
        ]
    nodes += [("Sigmoid", "logits", "means", {}), ("Reshape", "means picture", "image", {})]
    score: list[Node] = [
        ("Reshape", "image flat", "pixels", {}),
        ("MatMul", "pixels weight", "column", {}),
        ("Squeeze", "column last", "logit", {}),
        ("Sigmoid", "logit", "score", {}),
    ]
    return {
        "generate": graph(nodes, inputs, {"image": IMAGE}, generator),
        "discriminate": graph(score, {"image": IMAGE}, {"score": ("batch",)}, discriminator),
    }


def critic(*, seed: int = 3, constant: float = 100.0) -> onnx.ModelProto:
    """`criticise`: a linear score with no zero of its own, ``constant`` being added to all."""
    draw = np.random.default_rng(seed)
    weights = {
        "weight": draw.normal(0, 0.1, (PIXELS, 1)),
        "constant": np.array([constant]),
        "flat": _FLAT,
        "last": np.array([1]),
    }
    nodes: list[Node] = [
        ("Reshape", "image flat", "pixels", {}),
        ("Gemm", "pixels weight constant", "column", {}),
        ("Squeeze", "column last", "score", {}),
    ]
    return graph(nodes, {"image": IMAGE}, {"score": ("batch",)}, weights)


def classifier(
    prototypes: Floats | None = None, *, features: int = 8, seed: int = 4
) -> dict[str, onnx.ModelProto]:
    """`classify`: the class of the nearest prototype, and random linear features.

    prototypes [classes, 784]: given, a test can make data of known classes; drawn otherwise.
    """
    draw = np.random.default_rng(seed)
    prototypes = draw.uniform(0, 1, (CLASSES, PIXELS)) if prototypes is None else prototypes
    weights = {
        "weight": draw.normal(0, 0.1, (PIXELS, features)),
        # argmin |x - p|^2 = argmax p.x - |p|^2 / 2
        "prototypes": prototypes,
        "offset": -0.5 * np.square(prototypes).sum(1),
        "flat": _FLAT,
    }
    nodes: list[Node] = [
        ("Reshape", "image flat", "pixels", {}),
        ("MatMul", "pixels weight", "features", {}),
        ("Gemm", "pixels prototypes offset", "class_logits", {"transB": 1}),
    ]
    outputs: dict[str, Shape] = {
        "class_logits": ("batch", len(prototypes)),
        "features": ("batch", features),
    }
    return {"classify": graph(nodes, {"image": IMAGE}, outputs, weights)}


def stylegan(
    *,
    size: int = 32,
    channels: int = 3,
    labelled: bool = False,
    noise: bool = True,
    parts: bool = True,
    strength: float = 0.02,
    seed: int = 51,
) -> dict[str, onnx.ModelProto]:
    """StyleGAN without convolutions: `mapping`, `synthesis`, `generate` (psi 1, no noise).

    A picture is a drawing of regions, each toned by a style, cut into what every size adds when the smaller
    ones are doubled as a StyleGAN does; the rows of ws tone their own sizes only, and noise lies on top. A
    label, -1 being none, moves w and its centre towards the region of that class.
    """
    draw = np.random.default_rng(seed)
    regions = _blots(size) if channels == 1 else _face(size)
    sizes = [4 << k for k in range((size // 4).bit_length())]
    count, values = 2 * len(sizes), 16
    tones = draw.normal(0, 0.2, (values, len(regions), channels))
    base = draw.uniform(-0.25, 0.25, (len(regions), channels))
    if channels == 1:
        tones[:, -1], base[:] = 0, np.where(regions.min(axis=(1, 2)) == 1, -0.5, 0.1)[:, None]  # on black
    centres = draw.normal(0, 0.2, (CLASSES + 1, values))
    if labelled:
        tones = 0.3 * tones
        tones[range(CLASSES), range(CLASSES)] += 0.6
        centres[1:, :CLASSES] += np.eye(CLASSES)
    weights: dict[str, NDArray[Any]] = {
        "weight": draw.normal(0, 0.1, (LATENT, values)),
        "centres": centres if labelled else centres[:1],
        "one": np.array(1),
        "middle": np.array([1]),
        "end": np.array([2]),
        "half": np.array(0.5),
        "low": np.array(0.0),
        "high": np.array(1.0),
        "strength": np.array(strength),
        "twice": np.repeat(np.outer(*2 * [np.array([1, 3, 3, 1]) / 4])[None, None], channels, axis=0),
    }
    mapping: list[Node] = [
        ("MatMul", "z weight", "moved", {}),
        *(
            [("Add", "label one", "row", {}), ("Gather", "centres row", "centre", {})]
            if labelled
            else [("Identity", "centres", "centre", {})]
        ),
        ("Tanh", "moved", "offset", {}),
        ("Unsqueeze", "offset middle", "offsets", {}),
        ("Unsqueeze", "psi end", "shares", {}),
        ("Mul", "offsets shares", "truncated", {}),
        ("Unsqueeze", "centre middle", "middles", {}),
        ("Add", "truncated middles", "ws", {}),
    ]
    synthesis: list[Node] = []
    bands = _bands(regions, sizes)
    total = ""
    for k, (side, band) in enumerate(zip(sizes, bands, strict=True)):
        rows = [0] if k == 0 else [2 * k - 1, 2 * k]
        rows += [count - 1] if side == size else []
        weights[f"rows_{k}"] = np.array(rows)
        weights[f"tones_{k}"] = np.einsum("vrc,ryx->vcyx", tones, band).reshape(values, -1)
        weights[f"base_{k}"] = np.einsum("rc,ryx->cyx", np.broadcast_to(base, tones.shape[1:]), band).ravel()
        weights[f"picture_{k}"] = np.array([-1, channels, side, side])
        synthesis += [
            ("Gather", f"ws rows_{k}", f"some_{k}", {"axis": 1}),
            ("ReduceMean", f"some_{k} middle", f"style_{k}", {"keepdims": 0}),
            ("Gemm", f"style_{k} tones_{k} base_{k}", f"flat_{k}", {}),
            ("Reshape", f"flat_{k} picture_{k}", f"still_{k}", {}),
        ]
        now = f"still_{k}"
        for layer in ([0] if k == 0 else [2 * k - 1, 2 * k]) if noise else []:
            synthesis += [
                ("Mul", f"noise_{layer} strength", f"grain_{layer}", {}),
                ("Add", f"{now} grain_{layer}", f"grained_{layer}", {}),
            ]
            now = f"grained_{layer}"
        synthesis.append(("Identity", now, f"rgb_{side}", {}))
        if total:
            double = {"strides": [2, 2], "pads": [1, 1, 1, 1], "group": channels}
            synthesis += [
                ("ConvTranspose", f"{total} twice", f"doubled_{k}", double),
                ("Add", f"doubled_{k} rgb_{side}", f"total_{k}", {}),
            ]
        total = f"total_{k}" if k else f"rgb_{side}"
    synthesis += [("Add", f"{total} half", "raw", {}), ("Clip", "raw low high", "image", {})]
    z: dict[str, Shape] = {"z": ("batch", LATENT)} | ({"label": ("batch",)} if labelled else {})
    ws: Shape = ("batch", count, values)
    noises: dict[str, Shape] = {
        f"noise_{layer}": ("batch", 1, sizes[(layer + 1) // 2], sizes[(layer + 1) // 2])
        for layer in range(count - 1 if noise else 0)
    }
    image: dict[str, Shape] = {"image": ("batch", channels, size, size)}
    added: dict[str, Shape] = {f"rgb_{side}": ("batch", channels, side, side) for side in sizes}
    still = {name: np.zeros([1, *shape[1:]]) for name, shape in noises.items()}
    ones = {"psi": np.ones((1, count))}
    return {
        "mapping": graph(mapping, z | {"psi": ("batch", count)}, {"ws": ws}, weights),
        "synthesis": graph(synthesis, {"ws": ws} | noises, image | (added if parts else {}), weights),
        "generate": graph([*mapping, *synthesis], z, image, weights | still | ones),
    }


def encoder(generator: Mapping[str, onnx.ModelProto]) -> dict[str, onnx.ModelProto]:
    """`encode` and `refine` of a `stylegan`: a crude guess, and steps of Adam down the true gradient.

    Its picture is linear in ws before it is clipped, so that the gradient is one matrix product.
    """
    paint = ort.InferenceSession(generator["synthesis"].SerializeToString())
    rows, width = next(one.shape[1:] for one in paint.get_inputs() if one.name == "ws")
    noises = {one.name: tuple(one.shape[1:]) for one in paint.get_inputs() if one.name != "ws"}

    def painted(ws: Floats) -> Floats:
        still = {name: np.zeros((len(ws), *shape), np.float32) for name, shape in noises.items()}
        (image,) = paint.run(["image"], {"ws": ws.astype(np.float32), **still})
        return image.reshape(len(ws), -1).astype(np.float64)

    mapping = ort.InferenceSession(generator["mapping"].SerializeToString())
    at_rest = {"z": np.zeros((1, LATENT), np.float32), "psi": np.zeros((1, rows), np.float32)}
    (centre,) = mapping.run(["ws"], at_rest)
    step = 0.05  # too small to be clipped
    slopes = (painted(centre + step * np.eye(rows * width).reshape(-1, rows, width)) - painted(centre)) / step
    ridge = 0.3 * np.trace(slopes @ slopes.T) / len(slopes)
    channels, height, across = paint.get_outputs()[0].shape[1:]
    weights: dict[str, NDArray[Any]] = {
        "guess": slopes.T @ np.linalg.inv(slopes @ slopes.T + ridge * np.eye(len(slopes))),
        "slopes": slopes.T * 2 / slopes.shape[1],
        "rest": painted(centre),
        "centre": centre,
        "sized": np.array([-1, rows, width]),
        "axes": np.array([1]),
        "tail": np.array([1, 2]),
        "b1": np.array(0.9), "a1": np.array(0.1), "b2": np.array(0.999), "a2": np.array(0.001),
        "one": np.array(1.0), "least": np.array(1e-8), "spread": np.array(0.3),
        "share": np.array(2 / (rows * width)),
    }  # fmt: skip
    encode: list[Node] = [
        ("Flatten", "image", "pixels", {}),
        ("Sub", "pixels rest", "offset", {}),
        ("MatMul", "offset guess", "flat", {}),
        ("Reshape", "flat sized", "moves", {}),
        ("Add", "moves centre", "ws", {}),
    ]
    nodes: list[Node] = [
        (node.op_type, " ".join(node.input), " ".join(node.output), _attributes(node))
        for node in generator["synthesis"].graph.node
        if "image" not in node.output
    ]
    nodes += [
        ("Clip", "raw low high", "picture", {}),
        ("Sub", "raw image", "residual", {}),
        ("Flatten", "residual", "residuals", {}),
        ("Mul", "residuals residuals", "squares", {}),
        ("ReduceMean", "squares axes", "loss", {"keepdims": 0}),
        ("MatMul", "residuals slopes", "slope", {}),
        ("Reshape", "slope sized", "of_error", {}),
        ("Sub", "ws centre", "away", {}),
        ("Unsqueeze", "pull tail", "pulls", {}),
        ("Mul", "away pulls", "pulled", {}),
        ("Mul", "pulled share", "of_distance", {}),
        ("Add", "of_error of_distance", "gradient", {}),
        ("Mul", "first b1", "first_kept", {}),
        ("Mul", "gradient a1", "first_new", {}),
        ("Add", "first_kept first_new", "new_first", {}),
        ("Mul", "gradient gradient", "gradient_2", {}),
        ("Mul", "second b2", "second_kept", {}),
        ("Mul", "gradient_2 a2", "second_new", {}),
        ("Add", "second_kept second_new", "new_second", {}),
        ("Cast", "step", "count", {"to": TensorProto.FLOAT}),
        ("Unsqueeze", "count tail", "counts", {}),
        ("Pow", "b1 counts", "left_1", {}),
        ("Pow", "b2 counts", "left_2", {}),
        ("Sub", "one left_1", "bias_1", {}),
        ("Sub", "one left_2", "bias_2", {}),
        ("Div", "new_first bias_1", "mean", {}),
        ("Div", "new_second bias_2", "variance", {}),
        ("Sqrt", "variance", "root", {}),
        ("Add", "root least", "size", {}),
        ("Div", "mean size", "direction", {}),
        ("Unsqueeze", "rate tail", "rates", {}),
        ("Mul", "direction rates", "scaled", {}),
        ("Mul", "scaled spread", "move", {}),
        ("Sub", "ws move", "new_ws", {}),
    ]
    weights |= {one.name: numpy_helper.to_array(one) for one in generator["synthesis"].graph.initializer}
    image: Shape = ("batch", channels, height, across)
    ws: Shape = ("batch", rows, width)
    inputs: dict[str, Shape] = {
        "image": image, "ws": ws, "first": ws, "second": ws,
        "step": ("batch",), "rate": ("batch",), "pull": ("batch",),
        **{name: ("batch", *shape) for name, shape in noises.items()},
    }  # fmt: skip
    outputs = {"new_ws": ws, "new_first": ws, "new_second": ws, "loss": ("batch",), "picture": image}
    return {
        "encode": graph(encode, {"image": image}, {"ws": ws}, weights),
        "refine": graph(nodes, inputs, outputs, weights),
    }


def attributes(size: int = 64) -> dict[str, onnx.ModelProto]:
    """`classify`: is there something dark where `stylegan` has eyes, and how light is the hair?

    `QUESTIONS` says what its logits stand for.
    """
    _, hair, _, eyes, _ = _face(size)
    read = np.zeros((3 * size * size, 5))
    # Tinted below a tone of 0.45, dark below 0.35; hair is light above 0.45.
    for column, region, slope in ((1, eyes, -40), (2, eyes, -80), (4, hair, 40)):
        read[:, column] = np.tile(slope * region.ravel() / (3 * region.sum()), 3)
    weights = {"read": read, "offset": np.array([0.0, 18.0, 32.0, 0.0, -18.0])}
    nodes: list[Node] = [
        ("Flatten", "image", "pixels", {}),
        ("Gemm", "pixels read offset", "class_logits", {}),
        ("Identity", "class_logits", "features", {}),
    ]
    outputs: dict[str, Shape] = {"class_logits": ("batch", 5), "features": ("batch", 5)}
    return {"classify": graph(nodes, {"image": ("batch", 3, size, size)}, outputs, weights)}


def _face(size: int) -> Floats:
    """Return ground, hair, skin, eyes and mouth of a face, [5, size, size], each in [0, 1]."""
    fine = 4 * size
    y, x = (np.mgrid[:fine, :fine] + 0.5) / fine

    def oval(row: float, column: float, high: float, wide: float) -> Floats:
        return (((y - row) / high) ** 2 + ((x - column) / wide) ** 2 < 1).astype(float)

    skin = np.maximum(oval(0.55, 0.5, 0.32, 0.25), oval(1.05, 0.5, 0.25, 0.16))
    hair = np.maximum(oval(0.42, 0.5, 0.34, 0.33) * (y < 0.42), oval(0.6, 0.5, 0.36, 0.32) * (y < 0.8))
    hair = hair * (1 - skin * (y > 0.36 + 0.2 * (x - 0.5)))
    eyes = np.maximum(oval(0.52, 0.4, 0.035, 0.045), oval(0.52, 0.6, 0.035, 0.045))
    mouth = oval(0.7, 0.5, 0.07, 0.1) * (y > 0.7)
    skin = skin * (1 - hair) * (1 - eyes) * (1 - mouth)
    ground = (1 - skin) * (1 - hair) * (1 - eyes) * (1 - mouth)
    masks = np.stack([ground, hair, skin, eyes, mouth])
    return masks.reshape(5, size, 4, size, 4).mean(axis=(2, 4))


def _blots(size: int) -> Floats:
    """Return the ten blots of `prototypes` in a margin, and their ground: [11, size, size]."""
    margin = (size - HEIGHT) // 2
    blots = np.pad(prototypes().reshape(CLASSES, HEIGHT, WIDTH), ((0, 0), (margin, margin), (margin, margin)))
    return np.concatenate([blots, np.ones((1, size, size))])


def _bands(pictures: Floats, sizes: Sequence[int]) -> list[Floats]:
    """Cut pictures [count, size, size] into what each size adds to the smaller ones, doubled."""
    bands, total = [], np.zeros((len(pictures), sizes[0] // 2, sizes[0] // 2))
    for side in sizes:
        block = pictures.shape[-1] // side
        small = pictures.reshape(-1, side, block, side, block).mean(axis=(2, 4))
        up = np.zeros((side, side // 2))
        for k in range(side // 2):
            for j, share in enumerate((0.25, 0.75, 0.75, 0.25), start=2 * k - 1):
                if 0 <= j < side:
                    up[j, k] = share
        bands.append(small - up @ total @ up.T)
        total = small
    return bands


# --- a directory of them -------------------------------------------------------------------------------


def write_models(directory: Path) -> Path:
    """Write the line-up of the module's docstring and return ``directory``."""
    write_model(directory, "rbm", rbm(), year=1986, family="rbm", colour="#8c2f39")
    write_model(directory, "autoencoder", autoencoder(), year=2006, family="autoencoder", colour="#b5651d")
    contrasts = {0: 0.0, 600: 0.1, 6000: 0.2}
    earlier = {seen: gan(contrast=contrast)["generate"] for seen, contrast in contrasts.items()}
    write_model(directory, "gan", gan(), year=2014, family="gan", colour="#2a6f97", snapshots=earlier)
    write_model(directory, "pca", linear(), kind="baseline", year=1901, family="pca")
    untrained = {"reconstruct": rbm(seed=5)["reconstruct"]}
    write_model(directory, "rbm_untrained", untrained, kind="baseline", year=1986, family="rbm")
    write_model(directory, "classifier_cnn", classifier(), kind="judge", year=1998, family="classifier")
    write_dataset(directory)
    return directory


def write_first_half(directory: Path) -> Path:
    """Write the line-up and what stands between the RBM and the GAN; return ``directory``."""
    write_models(directory)
    write_model(directory, "dbn", dbn(), year=2006, family="dbn", colour="#5b7553")
    for family, year, colour in (("autoencoder", 2006, "#b5651d"), ("vae", 2014, "#3d5a80")):
        short = autoencoder(code=2, seed=year)
        write_model(directory, f"{family}_2", short, kind="exhibit", year=year, family=family, colour=colour)
    write_model(directory, "vae", autoencoder(seed=11), year=2014, family="vae", colour="#3d5a80")
    judge = classifier(seed=12)
    write_model(directory, "classifier_mlp", judge, kind="judge", year=1998, family="classifier")
    return directory


def write_model(
    directory: Path,
    model_id: str,
    graphs: Graphs,
    *,
    kind: str = "model",
    year: int = 2014,
    family: str = "gan",
    colour: str = "#555555",
    dataset: str = "mnist",
    snapshots: Mapping[int, onnx.ModelProto] | None = None,
    snapshot_role: str = "generate",
) -> Path:
    """Write the folder ``directory/model_id`` (graphs, snapshots by images seen, `model.json`); return it."""
    folder = directory / model_id
    (folder / "snapshots").mkdir(parents=True)
    entry: dict[str, Any] = {
        "id": model_id,
        "kind": kind,
        "title": {"en": f"Tiny {model_id}", "fr": f"Petit {model_id}"},
        "year": year,
        "family": family,
        "paper": {"authors": "A. Author", "title": f"On {model_id}", "url": "https://example.org/paper"},
        "lesson": {"en": f"What {model_id} teaches.", "fr": f"Ce que {model_id} enseigne."},
        "equation": "<math><mi>x</mi></math>",
        "colour": colour,
        "dataset": {"id": dataset, "name": dataset.upper(), "licence": "CC-BY-SA-3.0"},
        "licence": "Apache-2.0",
        "image": {"channels": CHANNELS, "height": HEIGHT, "width": WIDTH},
        "training": {
            "command": f"python -m training {model_id}",
            "seconds": 1.0,
            "device": "cpu",
            "seed": 0,
            "images_seen": 60000,
        },
        "graphs": {role: write_graph(folder, f"{role}.onnx", model) for role, model in graphs.items()},
        "snapshots": [],
        "files": [],
    }
    for seen, model in (snapshots or {}).items():
        written = write_graph(folder, f"snapshots/{seen}.onnx", model)
        kept = {key: written[key] for key in ("file", "sha256", "bytes")}
        entry["snapshots"].append({"images_seen": seen, "role": snapshot_role, **kept})
    (folder / "model.json").write_text(json.dumps(entry, indent=1), "utf-8")
    return folder


def write_strangers(directory: Path, unseen: Graphs) -> None:
    """Write a model nobody has heard of, one whose file is gone and one whose description is broken."""
    write_model(directory, "unseen", unseen, year=2031, family="unheard_of", colour="#123456")
    write_model(directory, "gone", autoencoder(seed=23), year=2032)
    (directory / "gone" / "reconstruct.onnx").unlink()
    write_model(directory, "unreadable", gan(seed=24))
    (directory / "unreadable" / "model.json").write_text("{")


def ask(folder: Path, questions: Mapping[str, Sequence[str]]) -> None:
    """Say in a written `model.json` what stands side by side in ``class_logits``."""
    entry = json.loads((folder / "model.json").read_text("utf-8"))
    (logits,) = (one for one in entry["graphs"]["classify"]["outputs"] if one["name"] == "class_logits")
    logits["groups"] = [{"name": name, "values": list(values)} for name, values in questions.items()]
    edit(folder, graphs=entry["graphs"])


def edit(folder: Path, **changes: Any) -> None:
    """Overwrite top-level keys of a written `model.json`; None removes the key."""
    path = folder / "model.json"
    entry = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({key: value for key, value in entry.items() if value is not None}), "utf-8")


def write_metrics(folder: Path, *figures: Mapping[str, Any]) -> None:
    """Write the folder's `metrics.json`; each figure needs only `name`, `value` and `measured_on`."""
    rest = {"error": None, "unit": "unit", "protocol": "a test", "paper_value": None, "source": "none"}
    content = {"metrics": [rest | dict(figure) for figure in figures]}
    (folder / "metrics.json").write_text(json.dumps(content), "utf-8")


def pictures(count: int, *, seed: int = 6) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return uint8 images [count, 28, 28] and labels [count]: noisy copies of ten blurred blots, one a class.

    The blots depend on nothing, so sets of two seeds are two samples of one distribution.
    """
    draw = np.random.default_rng(seed)
    labels = (np.arange(count) % CLASSES).astype(np.uint8)
    noisy = prototypes()[labels] + draw.normal(0, 0.1, (count, PIXELS))
    return (255 * np.clip(noisy, 0, 1)).round().astype(np.uint8).reshape(-1, HEIGHT, WIDTH), labels


def prototypes() -> Floats:
    """Return the ten blots behind `pictures`, [10, 784] in [0, 1]."""
    draw = np.random.default_rng(7)
    row, column = np.mgrid[:HEIGHT, :WIDTH]
    centres = draw.uniform(6, 22, (CLASSES, 3, 2))
    squared = (row - centres[..., :1, None]) ** 2 + (column - centres[..., 1:, None]) ** 2
    return np.exp(-squared / 12).max(axis=1).reshape(CLASSES, PIXELS)


def write_dataset(directory: Path, dataset: str = "mnist") -> Path:
    """Write ``directory/datasets/<dataset>``: `dataset.json`, `examples.npz`, `neighbours.npz`."""
    folder = directory / "datasets" / dataset
    folder.mkdir(parents=True)
    files = []
    for seed, (role, count) in enumerate({"examples": 50, "neighbours": 200}.items()):
        images, labels = pictures(count, seed=seed)
        path = folder / f"{role}.npz"
        np.savez_compressed(path, images=images, labels=labels)
        content = path.read_bytes()
        files.append(
            {
                "role": role,
                "file": path.name,
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
                "licence": "CC-BY-SA-3.0",
                "made_by": "the tests",
            }
        )
    named = {"en": "", "fr": ""} if dataset == "mnist" else {"en": "piece ", "fr": "pièce "}
    entry = {
        "id": dataset,
        "name": dataset.upper(),
        "licence": "CC-BY-SA-3.0",
        "source": "blots drawn by the tests",
        "classes": {language: [f"{what}{k}" for k in range(CLASSES)] for language, what in named.items()},
        "files": files,
    }
    (folder / "dataset.json").write_text(json.dumps(entry, indent=1), "utf-8")
    return folder


def write_idx(path: Path, array: NDArray[np.uint8]) -> Path:
    """Write images [n, height, width] or labels [n] as a gzipped IDX file, MNIST's format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content, mtime=0))
    # These are not the papers' files, and say so.
    with (path.parent / "SHA256SUMS").open("a", encoding="utf-8") as sums:
        print(f"{hashlib.sha256(content).hexdigest()}  {path.stem}", file=sums)
    return path


# --- ONNX ----------------------------------------------------------------------------------------------


def graph(
    nodes: Sequence[Node],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    initialisers: Mapping[str, NDArray[Any]],
) -> onnx.ModelProto:
    """Build a checked model: floats stored as float32, integers as int64, what no node reads left out."""
    read = {name for _, names, _, _ in nodes for name in names.split()}
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node(op, i.split(), o.split(), **attributes) for op, i, o, attributes in nodes],
            "tiny",
            [_value(name, shape) for name, shape in inputs.items()],
            [_value(name, shape) for name, shape in outputs.items()],
            [
                numpy_helper.from_array(_storage(value), name)
                for name, value in initialisers.items()
                if name in read
            ],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="tiny",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def write_graph(folder: Path, file: str, model: onnx.ModelProto) -> dict[str, Any]:
    """Write ``folder/file`` and return its entry in `model.json`."""
    content = model.SerializeToString(deterministic=True)
    (folder / file).write_bytes(content)
    return {
        "file": file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "opset": OPSET,
        "tolerance": 1e-4,
        "inputs": [_signature(value) for value in model.graph.input],
        "outputs": [_signature(value) for value in model.graph.output],
    }


def weight(path: Path, name: str) -> NDArray[Any]:
    """Read one initialiser of a written graph."""
    stored = onnx.load(path).graph.initializer
    return next(numpy_helper.to_array(tensor) for tensor in stored if tensor.name == name)


def _storage(value: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(value)
    return array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    kind = TensorProto.INT64 if name in ("label", "step") else TensorProto.FLOAT
    return helper.make_tensor_value_info(name, kind, list(shape))


def _signature(value: onnx.ValueInfoProto) -> dict[str, Any]:
    tensor = value.type.tensor_type
    return {
        "name": value.name,
        "dtype": "int64" if tensor.elem_type == TensorProto.INT64 else "float32",
        "shape": [axis.dim_param or axis.dim_value for axis in tensor.shape.dim],
        "range": _RANGES.get(value.name, "real"),
        "meaning": value.name.replace("_", " "),
    }
