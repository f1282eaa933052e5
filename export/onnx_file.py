"""What can be read off an ONNX file without PyTorch."""

from collections.abc import Iterable

from onnx import ValueInfoProto, helper, load_model_from_string

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
