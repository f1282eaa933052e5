"""The mapping network as a graph: z [, label], psi -> ws. One for all families.

Karras, Laine & Aila 2019, "A style-based generator architecture for generative adversarial networks",
section 2 and appendix B; a label's embedding as in Karras et al. 2020, "Training generative adversarial
networks with limited data".
"""

from collections.abc import Iterator

import numpy as np
from onnx import ModelProto

from export.official import signature
from export.official.nodes import Array, Nodes
from export.official.spec import Network
from export.official.tensors import ACTIVATION_GAIN, Tensors, activation

EPSILON = 1e-8


def build(network: Network) -> ModelProto:
    """Return the graph ``mapping``; its psi, [batch, num_ws], is truncation, cutoff and all.

    Raises :class:`export.official.errors.OfficialError` for what it cannot build.
    """
    inputs, outputs = signature.mapping(network)
    tensors, graph = Tensors(network), Nodes("mapping")
    rectifier = activation(network, "mapping_activation")
    x = "z"
    table, before_norm = _labels(network, tensors)
    if table is not None and before_norm:
        x = _with_label(graph, x, table)
    if network.settings["normalize_latents"]:
        x = graph.pixel_norm(x)
    if table is not None and not before_norm:
        x = _with_label(graph, x, table)
    for k, (weight, bias) in enumerate(_layers(network, tensors, rectifier)):
        with graph.scope(f"fc{k}"):
            x = graph.rectify(graph.linear(x, weight, bias), rectifier)
    centre = graph.constant("w_avg", tensors["mapping.w_avg" if _torch(network) else "dlatent_avg"])
    apart = graph.add("Unsqueeze", graph.add("Sub", x, centre), (1,))  # [batch, 1, w]
    kept = graph.add("Mul", graph.add("Unsqueeze", "psi", (2,)), apart)  # [batch, num_ws, w]
    graph.add("Add", kept, centre, to="ws")
    return graph.model(inputs, outputs)


def _torch(network: Network) -> bool:
    return network.origin == "torch"


def _layers(network: Network, tensors: Tensors, rectifier: str) -> Iterator[tuple[Array, Array]]:
    """Weight [out, in] and bias [out] of each layer, every gain multiplied in: leaky(g x) is g leaky(x)."""
    lrmul = float(network.settings["lrmul"])
    gain = ACTIVATION_GAIN[rectifier]
    for k in range(network.settings["mapping_layers"]):
        name = f"mapping.fc{k}" if _torch(network) else f"G_mapping/Dense{k}"
        if _torch(network):
            weight, bias = tensors.torch_linear(name, lrmul)
        else:
            weight = tensors.tensorflow_weight(f"{name}/weight", lrmul).T
            bias = tensors[f"{name}/bias"] * lrmul
        # StyleGAN's gain is a part of its weights' scale, not of the activation: its biases have none.
        yield weight * gain, bias if network.family == "stylegan" else bias * gain


def _labels(network: Network, tensors: Tensors) -> tuple[Array | None, bool]:
    """A row for no label and one for each class, and whether they join z before it is normalised.

    What follows a label up to where it meets z depends on the class alone: it is worked out here.
    """
    if not network.c_dim:
        return None, False
    if network.settings["label"] == "concat":
        rows = tensors["G_mapping/LabelConcat/weight"]  # [classes, z]
        return np.concatenate([np.zeros_like(rows[:1]), rows]), True
    if _torch(network):
        weight, bias = tensors.torch_linear("mapping.embed")
        weight = weight.T  # [classes, embedding]
    else:
        weight = tensors.tensorflow_weight("G_mapping/LabelEmbed/weight")
        bias = tensors["G_mapping/LabelEmbed/bias"]
    rows = np.concatenate([np.zeros_like(weight[:1]), weight]) + bias
    return rows / np.sqrt(np.square(rows).mean(axis=1, keepdims=True) + EPSILON), False


def _with_label(graph: Nodes, x: str, table: Array) -> str:
    """[batch, n] and the input ``label``, [batch] from -1 on, to [batch, n + columns of the table]."""
    one = graph.constant("one", np.array(1, np.int64))
    row = graph.add("Gather", graph.constant("labels", table), graph.add("Add", "label", one), axis=0)
    return graph.add("Concat", x, row, axis=1)
