"""ONNX graphs written node by node.

Values are the names of tensors, as ONNX has them; a method that adds a node returns the name of its output.
Constants that are equal are stored once.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from export.onnx_file import IR_VERSION, OPSET, PRODUCER
from onnx_models.catalog import Tensor

Array = NDArray[Any]

SLOPE = 0.2
"""Of the leaky rectifier below zero, in every StyleGAN."""


class Nodes:
    """A graph that grows; `model` gives it out.

    Names begin with the scopes that are open (`scope`), so that a graph can be read beside its paper.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._scopes: list[str] = []
        self._used: dict[str, int] = {}

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Names made within begin with ``name``."""
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    def constant(self, name: str, array: Array) -> str:
        """Store an array, floats as float32."""
        array = np.asarray(array, None if array.dtype.kind in "iub" else np.float32, order="C")
        content = hashlib.sha256(array.tobytes()).digest()
        key = (array.dtype.name, array.shape, content)
        if key not in self._known:
            self._known[key] = self._fresh(name, ".")
            self._constants[self._known[key]] = numpy_helper.from_array(array, self._known[key])
        return self._known[key]

    def shape(self, constant: str) -> tuple[int, ...]:
        """Of a constant."""
        return tuple(self._constants[constant].dims)

    def add(
        self, operator: str, *inputs: str | float | Sequence[int], to: str | None = None, **attributes: Any
    ) -> str:
        """Add a node of one output, called ``to`` or after its operator.

        A number among the inputs becomes a float32 scalar, whole numbers in a sequence an int64 vector.
        """
        names = [value if isinstance(value, str) else self._number(value) for value in inputs]
        output = to or self._fresh(operator, "/")
        self._nodes.append(helper.make_node(operator, names, [output], name=output, **attributes))
        return output

    def _number(self, value: float | Sequence[int]) -> str:
        if isinstance(value, int | float | np.floating):
            return self.constant(f"number_{float(value):.6g}", np.array(value, np.float32))
        return self.constant("_".join(["whole", *map(str, value)]), np.array(value, np.int64))

    def _fresh(self, name: str, joint: str) -> str:
        full = joint.join([*self._scopes, name])
        count = self._used[full] = self._used.get(full, 0) + 1
        return full if count == 1 else f"{full}_{count}"

    # What StyleGANs are made of.

    def linear(self, x: str, weight: Array, bias: Array | None = None, name: str = "") -> str:
        """x W^T + b: [batch, in] -> [batch, out]; weight [out, in]."""
        stored = self.constant(f"{name}weight", weight)
        offset = () if bias is None else (self.constant(f"{name}bias", bias),)
        return self.add("Gemm", x, stored, *offset, transB=1)

    def row(self, ws: str, index: int) -> str:
        """One style of ws: [batch, num_ws, w] -> [batch, w]."""
        return self.add("Gather", ws, self.constant(f"row_{index}", np.array(index, np.int64)), axis=1)

    def each_channel(self, values: str) -> str:
        """[batch, channels] -> [batch, channels, 1, 1]."""
        return self.add("Unsqueeze", values, (2, 3))

    def rectify(self, x: str, activation: str) -> str:
        """Apply lrelu, relu or linear, without any gain."""
        if activation == "lrelu":
            return self.add("LeakyRelu", x, alpha=SLOPE)
        return self.add("Relu", x) if activation == "relu" else x

    def clip(self, x: str, limit: float | None) -> str:
        """Clip to [-limit, limit], or nothing for None."""
        return x if limit is None else self.add("Clip", x, -limit, limit)

    def pixel_norm(self, x: str) -> str:
        """x / sqrt(mean(x^2) + 1e-8) over the last axis (Karras et al. 2018, section 4.2)."""
        square = self.add("ReduceMean", self.add("Mul", x, x), (-1,), keepdims=1)
        return self.add("Div", x, self.add("Sqrt", self.add("Add", square, 1e-8)))

    def picture(self, x: str) -> str:
        """What the networks paint, in [0, 1] up to what leaves it, to the output ``image``."""
        return self.add("Clip", self.add("Identity", x, to="unclipped"), 0.0, 1.0, to="image")

    def model(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> ModelProto:
        """Return the graph with that signature, without the constants that nothing reads."""
        used = {name for node in self._nodes for name in node.input}
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [_value(tensor) for tensor in inputs],
            [_value(tensor) for tensor in outputs],
            [stored for name, stored in self._constants.items() if name in used],
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name=PRODUCER)


def _value(tensor: Tensor) -> ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
    return helper.make_tensor_value_info(tensor.name, kind, list(tensor.shape))
