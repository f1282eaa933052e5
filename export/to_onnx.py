"""One graph to the bytes of one ``.onnx`` file; the same module gives the same bytes.

What is done to PyTorch's export and why:

* PyTorch's own optimiser is left out. It merges batch normalisation into convolutions, drops biases that
  happen to be zero and shares initialisers that happen to be equal, so that parameters would lose their names
  (`python -m training X --init-from onnx_models` reads them by name) and a graph's form would depend on its
  weights. onnxruntime makes the same optimisations when it loads a file.
* Constants are folded, except where a parameter takes part.
* Nodes carry stack traces with paths of this machine: metadata and doc strings are taken out.
* Half-precision storage is an initialiser in float16 and a Cast in front of its readers; 8-bit storage one in
  int8 and a DequantizeLinear. onnxruntime computes either once, at load.
"""

import contextlib
import inspect
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxscript import optimizer
from torch import nn

from export import inputs
from export.graphs import Graph
from export.onnx_file import signature

OPSET = 18  # what PyTorch's exporter writes without converting anything
IR_VERSION = 10  # the newest that the runtimes of the contract read
PRODUCER = "latent-lineage"
# Values. A smaller layer saves less than 128 KB and often stands first, behind z or the code, where one
# rounding reaches every pixel, or last, where nothing averages it away: halving the 25,600 values of the
# GAN's first layer doubled its largest error.
SMALLEST_HALF = 65_536
SCALE = "{}.scale"  # of an 8-bit initialiser, one value for each of its columns


def to_onnx(graph: Graph) -> bytes:
    """The file's content.

    Raises ValueError where the exported signature is not the described one.
    """
    module = graph.module.eval()
    example = tuple(torch.from_numpy(array) for array in inputs.draw(graph.inputs, batch=2, seed=0).values())
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module,
            example,
            input_names=[tensor.name for tensor in graph.inputs],
            output_names=[tensor.name for tensor in graph.outputs],
            dynamic_shapes=_dynamic_shapes(module, len(graph.inputs)),
            opset_version=OPSET,
            external_data=False,
            optimize=False,
            verbose=False,
        )
        assert program is not None
        parameters = set(module.state_dict())
        optimizer.fold_constants(
            program.model,
            onnx_shape_inference=True,
            should_fold=lambda node: None if parameters.isdisjoint(_names(node.inputs)) else False,
        )
        optimizer.remove_unused_nodes(program.model)
    model = program.model_proto
    _strip(model, graph.role)
    _name_after_network(model, module)
    if graph.storage != "float32":
        _store_smaller(model, graph.storage)
    _check_signature(model, graph)
    content = model.SerializeToString(deterministic=True)
    onnx.checker.check_model(content, full_check=True)
    return content


def with_weights(content: bytes, network: nn.Module) -> bytes:
    """The same graph with the parameters and buffers of `network`, found by their names."""
    model = onnx.load_model_from_string(content)
    weights = network.state_dict()
    places = {initialiser.name: initialiser for initialiser in model.graph.initializer}
    for name in places.keys() & weights.keys():
        dtype = helper.tensor_dtype_to_np_dtype(places[name].data_type)
        for part, stored in _stored(name, weights[name].numpy(), dtype).items():
            places[part].CopyFrom(numpy_helper.from_array(stored, part))
    return model.SerializeToString(deterministic=True)


def _dynamic_shapes(module: nn.Module, count: int) -> tuple[Any, ...]:
    """A dynamic first axis for each of `count` inputs, nested as the arguments of `forward` are."""
    batch = {0: "batch"}
    parameters = inspect.signature(module.forward).parameters.values()
    alone = sum(parameter.kind is not parameter.VAR_POSITIONAL for parameter in parameters)
    rest = (tuple(batch for _ in range(count - alone)),) if alone < len(parameters) else ()
    return (*(batch for _ in range(alone)), *rest)


def _names(values: Any) -> list[str]:
    return [value.name for value in values if value is not None]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages it does not find and on its own internals."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _strip(model: ModelProto, role: str) -> None:
    """Keep only what a runtime needs."""
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = PRODUCER, ""
    model.ClearField("metadata_props")
    model.ClearField("doc_string")
    graph = model.graph
    graph.name = role
    graph.ClearField("doc_string")
    graph.ClearField("value_info")
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _name_after_network(model: ModelProto, module: nn.Module) -> None:
    """Take the wrapper's only child off the parameters' names: `network.encoder.0.weight` loses a word."""
    ((child, _),) = module.named_children()
    names = {f"{child}.{name}": name for name in module.get_submodule(child).state_dict()}
    taken = {output for node in model.graph.node for output in node.output}
    taken |= {tensor.name for tensor in (*model.graph.input, *model.graph.output)}
    # A value of the graph that already bears a parameter's name makes way for it.
    rename = names | {name: f"{name}_value" for name in names.values() if name in taken}
    ends = {tensor.name for tensor in (*model.graph.input, *model.graph.output)}
    if not ends.isdisjoint(names.values()):
        raise ValueError(f"{model.graph.name}: an input or output bears the name of a parameter")
    for initialiser in model.graph.initializer:
        initialiser.name = names.get(initialiser.name, initialiser.name)
    for node in model.graph.node:
        node.input[:] = [rename.get(name, name) for name in node.input]
        node.output[:] = [rename.get(name, name) for name in node.output]


def _store_smaller(model: ModelProto, storage: str) -> None:
    """Keep large float32 initialisers in fewer bits under their own names, widened for their readers."""
    widening = []
    for initialiser in list(model.graph.initializer):
        array = numpy_helper.to_array(initialiser)
        if initialiser.data_type != TensorProto.FLOAT or array.size < SMALLEST_HALF:
            continue
        name, wide = initialiser.name, f"{initialiser.name}.float32"
        parts = _stored(name, array, np.dtype(storage))
        initialiser.CopyFrom(numpy_helper.from_array(parts.pop(name), name))
        model.graph.initializer.extend(numpy_helper.from_array(more, part) for part, more in parts.items())
        for node in model.graph.node:
            node.input[:] = [wide if used == name else used for used in node.input]
        if storage == "int8":
            node = helper.make_node("DequantizeLinear", [name, *parts], [wide], name=f"{name}.widen", axis=1)
        else:
            node = helper.make_node("Cast", [name], [wide], name=f"{name}.cast", to=TensorProto.FLOAT)
        widening.append(node)
    nodes = [*widening, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)


def _stored(name: str, array: NDArray[Any], dtype: np.dtype[Any]) -> dict[str, NDArray[Any]]:
    """The initialisers that hold an array at a dtype, by name.

    int8 takes a second one: the largest magnitude of each column, over 127. Columns are along the second
    axis, the inputs of a linear layer: what a label says weighs more than a value of z.
    """
    if dtype != np.int8:
        return {name: array.astype(dtype)}
    others = tuple(axis for axis in range(array.ndim) if axis != 1)
    largest = np.abs(array).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return {name: np.rint(array / scale).astype(np.int8), SCALE.format(name): scale.reshape(-1)}


def _check_signature(model: ModelProto, graph: Graph) -> None:
    for end, found, described in (
        ("inputs", signature(model.graph.input), graph.inputs),
        ("outputs", signature(model.graph.output), graph.outputs),
    ):
        expected = [(tensor.name, tensor.dtype, tensor.shape) for tensor in described]
        if found != expected:
            raise ValueError(f"{graph.role}: its {end} are {found}, but {expected} are described")
