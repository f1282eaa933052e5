"""The names that official checkpoints mention, and the inert records that stand in for what they call."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from export.official import arrays
from export.official.errors import OfficialError, quoted
from export.official.opcodes import Budget, Global, Record, malformed

MAX_SET = 16  # items of a set that is made by a call: a call copies them, and can be repeated


@dataclass(eq=False)
class Module(Record):
    """A torch module: the name of its class, the source that is *not* run, its attributes."""

    class_name: str
    source: str
    state: dict[Any, Any]

    def held(self) -> Iterable[Any]:
        """Its attributes."""
        return (self.state,)


@dataclass(eq=False)
class Graph(Record):
    """A network of ``dnnlib.tflib``, by the state it was saved with."""

    state: dict[Any, Any] | None = None

    def build(self, state: Any) -> None:
        """Take that state."""
        if not isinstance(state, dict) or self.state is not None:
            malformed("a network in it has no state, or two")
        self.state = state

    def held(self) -> Iterable[Any]:
        """The state."""
        return (self.state,)


def digest(source: str) -> str:
    """sha256 of a source, hexadecimal: what can be known of it without running it."""
    return hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()


def _module(budget: Budget, meta: object) -> Module:
    """``torch_utils.persistence._reconstruct_persistent_obj``, which runs ``module_src``; this does not."""
    match meta:
        case {
            "type": "class",
            "version": int() as version,
            "module_src": str() as source,
            "class_name": str() as class_name,
            "state": dict() as state,
            **others,
        } if not others:
            pass
        case _:
            malformed("a network in it is not described as an official checkpoint's is")
    if version != 6:
        raise OfficialError(
            f"it is of version {quoted(version)} and 6 is known: save it again with the official code."
        )
    return Module(class_name, source, state)


def _empty(budget: Budget) -> dict[Any, Any]:
    """``collections.OrderedDict()`` and the like, which a pickle then fills item by item."""
    return {}


def _set(budget: Budget, items: object = ()) -> set[Any]:
    if not isinstance(items, list | tuple) or len(items) > MAX_SET:
        malformed("a set in it is none")
    if not all(isinstance(item, str) for item in items):
        malformed("a set in it is none")
    budget.spend(len(items))
    return set(items)


def _graph(budget: Budget) -> Graph:
    return Graph()


def _plain(budget: Budget, kind: object, base: object, content: object) -> Any:
    """``copyreg._reconstructor``: how protocols 0 and 1 make what later ones make of its class alone."""
    if not isinstance(kind, Global) or kind.new is None:
        malformed("it makes an object of no class")
    if isinstance(content, dict) and base is _DICT:
        budget.spend(len(content))
        return dict(content)
    if content is not None or base is not _OBJECT:
        malformed("it makes an object of no class")
    return kind.new(budget)


def _names(*names: Global) -> dict[tuple[str, str], Global]:
    return {(name.module, name.name): name for name in names}


_OBJECT, _DICT = Global("builtins", "object"), Global("builtins", "dict")

ALLOWED = {
    **_names(
        Global("collections", "OrderedDict", call=_empty, new=_empty),
        Global("dnnlib.util", "EasyDict", call=_empty, new=_empty),
        Global("builtins", "set", call=_set),
        Global("_codecs", "encode", call=arrays.encode),
        Global("copyreg", "_reconstructor", call=_plain),
        _OBJECT,
        _DICT,
        # torch
        Global("torch_utils.persistence", "_reconstruct_persistent_obj", call=_module),
        Global("torch._utils", "_rebuild_tensor_v2", call=arrays.tensor),
        Global("torch._utils", "_rebuild_parameter", call=arrays.parameter),
        Global("torch.storage", "_load_from_bytes", call=arrays.storage),
        # dnnlib.tflib
        Global("dnnlib.tflib.network", "Network", new=_graph),
        # numpy
        arrays.NDARRAY,
        Global("numpy", "dtype", call=arrays.dtype),
    ),
    # The same under the names that Python 2 and later numpy know them by.
    ("__builtin__", "set"): Global("builtins", "set", call=_set),
    ("__builtin__", "object"): _OBJECT,
    ("__builtin__", "dict"): _DICT,
    ("copy_reg", "_reconstructor"): Global("copyreg", "_reconstructor", call=_plain),
    **_names(
        *(
            Global(f"numpy.{core}.{module}", name, call=function)
            for core in ("core", "_core")
            for module, name, function in (
                ("multiarray", "_reconstruct", arrays.array),
                ("multiarray", "scalar", arrays.scalar),
                ("numeric", "_frombuffer", arrays.array_of),
            )
        )
    ),
}
"""By (module, name), exactly. Adding a name means writing the function that reads its arguments as data."""
