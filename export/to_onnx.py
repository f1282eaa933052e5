"""One graph to the bytes of one ``.onnx`` file; the same module gives the same bytes.

What is done to PyTorch's export and why:

* PyTorch's own optimiser is left out. It merges batch normalisation into convolutions, drops biases that
  happen to be zero and shares initialisers that happen to be equal, so that parameters would lose their names
  (`python -m training X --init-from onnx_models` reads them by name) and a graph's form would depend on its
  weights. onnxruntime makes the same optimisations when it loads a file.
* Constants are folded, except where a parameter takes part.
* Nodes carry stack traces with paths of this machine: metadata and doc strings are taken out.
* Half-precision storage is an initialiser in float16 and a Cast in front of its readers; storage in 16-bit
  integers one in int16, a Cast and a Mul by the columns' scale (DequantizeLinear takes int16 from opset 21
  on, which fewer runtimes read); 8-bit storage one in int8 and a DequantizeLinear. onnxruntime computes any
  of them once, at load.
"""

import contextlib
import inspect
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import onnx
import torch
from onnx import ModelProto, helper, numpy_helper
from onnxscript import optimizer
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from export import inputs
from export.graphs import Graph
from export.onnx_file import IR_VERSION, OPSET, PRODUCER, signature, store_smaller, stored_as


class SlopeError(ValueError):
    """A gradient that the exported operators cannot compute."""


def to_onnx(graph: Graph) -> bytes:
    """The file's content.

    Raises ValueError where the exported signature is not the described one.
    """
    return stored(traced(graph), graph)


def traced(graph: Graph) -> ModelProto:
    """The graph as nodes, its weights in float32. It takes seconds, :func:`stored` does not."""
    example = tuple(torch.from_numpy(array) for array in inputs.draw(graph.inputs, batch=2, seed=0).values())
    module = graph.module.eval()
    if getattr(module, "differentiates", False):
        module = _unrolled(module, example)
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
    return model


def stored(trace: ModelProto, graph: Graph) -> bytes:
    """The content of a traced graph with its weights in `graph.storage`.

    Raises ValueError where the exported signature is not the described one.
    """
    model = ModelProto()
    model.CopyFrom(trace)
    if graph.storage != "float32":
        store_smaller(model, graph.storage)
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
        for part, stored in stored_as(name, weights[name].numpy(), dtype).items():
            places[part].CopyFrom(numpy_helper.from_array(stored, part))
    return model.SerializeToString(deterministic=True)


def _dynamic_shapes(module: nn.Module, count: int) -> tuple[Any, ...]:
    """A dynamic first axis for each of `count` inputs, nested as the arguments of `forward` are."""
    batch = {0: "batch"}
    parameters = inspect.signature(module.forward).parameters.values()
    alone = sum(parameter.kind is not parameter.VAR_POSITIONAL for parameter in parameters)
    rest = (tuple(batch for _ in range(count - alone)),) if alone < len(parameters) else ()
    return (*(batch for _ in range(alone)), *rest)


class _Unrolled(nn.Module):
    """The same function of the same parameters, as a list of operators."""

    def __init__(self, network: nn.Module, names: Sequence[str], operators: nn.Module) -> None:
        super().__init__()
        self.network, self._names = network, names
        self._operators = (operators,)  # in a tuple: no child, it has no parameters

    def forward(self, *given: torch.Tensor) -> Any:
        """The arguments of the module it was made of, all of them by position."""
        parameters = [self.network.get_parameter(name) for name in self._names]
        return self._operators[0](parameters, given)


def _unrolled(module: nn.Module, example: Sequence[torch.Tensor]) -> nn.Module:
    """A module whose `forward` computes a gradient, with that computation spelt out.

    PyTorch's exporter does not look into `torch.func.grad`; `make_fx` does, and writes what it finds as
    ordinary operators, sizes that follow the batch included.
    """
    ((child, network),) = module.named_children()
    names = [name for name, _ in network.named_parameters()]

    def function(parameters: Sequence[torch.Tensor], given: Sequence[torch.Tensor]) -> Any:
        values = {f"{child}.{name}": value for name, value in zip(names, parameters, strict=True)}
        return torch.func.functional_call(module, values, tuple(given))

    parameters = [network.get_parameter(name).detach() for name in names]
    trace = make_fx(
        function,
        {torch.ops.aten.convolution_backward.default: _convolution_backward},
        tracing_mode="symbolic",
        _allow_non_fake_inputs=True,  # constants of a network's, such as a filter, are no inputs
    )
    operators = trace(parameters, list(example))
    for node in list(operators.graph.nodes):
        if node.target is torch.ops.aten.detach.default:
            node.replace_all_uses_with(node.args[0])
            operators.graph.erase_node(node)
    operators.recompile()
    return _Unrolled(network, names, operators)


def _convolution_backward(
    slope: torch.Tensor,  # of what came out
    given: torch.Tensor,
    weight: torch.Tensor,
    bias_sizes: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    wanted: Sequence[bool],  # slopes of input, weight and bias
) -> tuple[torch.Tensor | None, ...]:
    """The slope of a convolution's input, itself a convolution: ONNX has no operator for it.

    Raises :class:`SlopeError` where the slope of a weight is wanted: all that descends in what is exported
    are inputs of the graph, while weights stand still.
    """
    if any(wanted[1:]):
        raise SlopeError(
            "A graph can hold the slopes of its inputs, not those of a convolution's weights: pass what is to"
            " be learned as an input, or stop its gradient."
        )
    # Several sizes shrink to the same one under a stride: what is left over tells which it was.
    kernel = weight.shape[2:]
    rest = [0] * len(stride)
    if not transposed:
        rest = [
            given.shape[2 + k]
            - ((slope.shape[2 + k] - 1) * stride[k] - 2 * padding[k] + dilation[k] * (kernel[k] - 1) + 1)
            for k in range(len(stride))
        ]
    back = torch.ops.aten.convolution(
        slope, weight, None, stride, padding, dilation, not transposed, rest, groups
    )
    return back, None, None


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


def _check_signature(model: ModelProto, graph: Graph) -> None:
    for end, found, described in (
        ("inputs", signature(model.graph.input), graph.inputs),
        ("outputs", signature(model.graph.output), graph.outputs),
    ):
        expected = [(tensor.name, tensor.dtype, tensor.shape) for tensor in described]
        if found != expected:
            raise ValueError(f"{graph.role}: its {end} are {found}, but {expected} are described")
