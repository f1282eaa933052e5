"""What can be read off an ONNX file, and done to one, without PyTorch."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, load_model_from_string, numpy_helper

OPSET = 18  # what PyTorch's exporter writes without converting anything
# The lowest that the opset needs: onnxruntime 1.15 to 1.17 refuse a file of version 10 that they could run.
IR_VERSION = helper.find_min_ir_version_for([helper.make_operatorsetid("", OPSET)])
OLDEST = {18: "1.15"}
"""The oldest onnxruntime that meets every shipped file's test vectors, by opset; no 1.14 is at hand."""
PRODUCER = "latent-lineage"
# Values of the smallest layer that is stored in fewer bits. A smaller one saves little and often stands
# first, behind z or the code, where one rounding reaches every pixel, or last, where nothing averages it
# away: halving the 25,600 values of the GAN's first layer doubled its largest error. Integers with a scale a
# column lose less, and a StyleGAN's files are large by their many middle-sized layers.
SMALLEST = {"float16": 65_536, "int16": 16_384, "int8": 16_384}
SCALE = "{}.scale"  # of an initialiser in integers, one value for each of its columns

Signature = list[tuple[str, str, tuple[int | str, ...]]]
"""Name, dtype and shape of each tensor; a string in a shape names a dynamic axis."""


def signature(tensors: Iterable[ValueInfoProto]) -> Signature:
    """Read the inputs or the outputs of a graph."""
    found: Signature = []
    for tensor in tensors:
        kind = tensor.type.tensor_type
        shape = tuple(dim.dim_param or dim.dim_value for dim in kind.shape.dim)
        found.append((tensor.name, helper.tensor_dtype_to_np_dtype(kind.elem_type).name, shape))
    return found


def opset(content: bytes) -> int:
    """Version of the standard operator set that a file asks for."""
    model = load_model_from_string(content)
    (version,) = (used.version for used in model.opset_import if used.domain in ("", "ai.onnx"))
    return version


def store_smaller(model: ModelProto, storage: str) -> None:
    """Keep large float32 initialisers in fewer bits under their own names, widened for their readers."""
    widening = []
    for initialiser in list(model.graph.initializer):
        array = numpy_helper.to_array(initialiser)
        if initialiser.data_type != TensorProto.FLOAT or array.size < SMALLEST[storage]:
            continue
        if storage == "float16" and np.abs(array).max() > np.finfo(np.float16).max:
            continue
        name, wide = initialiser.name, f"{initialiser.name}.float32"
        parts = stored_as(name, array, np.dtype(storage))
        initialiser.CopyFrom(numpy_helper.from_array(parts.pop(name), name))
        model.graph.initializer.extend(numpy_helper.from_array(more, part) for part, more in parts.items())
        for node in model.graph.node:
            node.input[:] = [wide if used == name else used for used in node.input]
        if storage == "int8":
            widening.append(
                helper.make_node("DequantizeLinear", [name, *parts], [wide], name=f"{name}.widen", axis=1)
            )
            continue
        cast = f"{name}.cast" if parts else wide
        widening.append(helper.make_node("Cast", [name], [cast], name=f"{name}.cast", to=TensorProto.FLOAT))
        if parts:
            widening.append(helper.make_node("Mul", [cast, *parts], [wide], name=f"{name}.widen"))
    nodes = [*widening, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)


def stored_as(name: str, array: NDArray[Any], dtype: np.dtype[Any]) -> dict[str, NDArray[Any]]:
    """The initialisers that hold an array at a dtype, by name.

    Integers take a second one: the largest magnitude of each column, over the largest integer. Columns are
    along the second axis, the inputs of a linear layer: what a label says weighs more than a value of z.
    """
    if dtype.kind != "i":
        return {name: array.astype(dtype)}
    others = tuple(axis for axis in range(array.ndim) if axis != 1)
    largest = np.abs(array).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest / np.iinfo(dtype).max, 1).astype(np.float32)
    # Mul spreads a scale over the other axes by its shape, DequantizeLinear by its attribute.
    kept = scale.reshape(-1) if dtype == np.int8 else scale
    return {name: np.rint(array / scale).astype(dtype), SCALE.format(name): kept}
