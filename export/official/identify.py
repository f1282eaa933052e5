"""Reading values that somebody else's file says, and tensors out of it."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from export.official.errors import OfficialError, listed, quoted

Shapes = dict[str, tuple[int, ...]]

MAX_FEATURES = 1 << 16  # values of z or w, classes, channels
CHANGED = "only networks of the official code, unchanged, can be converted."


class Settings:
    """Named values of a file, each read as what it must be; else :class:`OfficialError`.

    `where` says of what they are, for sentences.
    """

    def __init__(self, values: Mapping[Any, Any], where: str) -> None:
        self.values = values
        self.where = where

    def refusal(self, name: str, wanted: str) -> OfficialError:
        """The error of a value that is none of those `wanted`."""
        if name not in self.values:
            return OfficialError(f"{self.where} has no {name!r}: {CHANGED}")
        return OfficialError(
            f"{self.where} has {name} {quoted(self.values[name])}, where {wanted} is known: {CHANGED}"
        )

    def integer(self, name: str, default: int | None = None, most: int = MAX_FEATURES, least: int = 1) -> int:
        """A whole number from `least` to `most`."""
        value = self.values.get(name, default)
        if type(value) is not int or not least <= value <= most:
            raise self.refusal(name, f"a whole number from {least} to {most}")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number."""
        value = self.values.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e9:
            raise self.refusal(name, "a number")
        return float(value)

    def clamp(self, name: str) -> float | None:
        """A positive number, or none."""
        value = None if self.values.get(name) is None else self.number(name)
        if value is not None and value <= 0:
            raise self.refusal(name, "a positive number")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """True or false."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise self.refusal(name, "true or false")
        return value

    def text(self, name: str) -> str:
        """A text."""
        value = self.values.get(name)
        if not isinstance(value, str):
            raise self.refusal(name, "a text")
        return value

    def mapping(self, name: str, default: Mapping[Any, Any] | None = None) -> "Settings":
        """Values within values."""
        value = self.values.get(name, default)
        if not isinstance(value, Mapping):
            raise self.refusal(name, "a dictionary")
        return Settings(value, f"{self.where}.{name}")

    def one_of(self, name: str, known: Iterable[Any], default: Any = None) -> Any:
        """One of the `known` values."""
        value = self.values.get(name, default)
        known = tuple(known)
        if not isinstance(value, str | int | float | None) or value not in known:
            raise self.refusal(name, " or ".join(map(str, known)))
        return value

    def numbers(self, name: str, default: tuple[float, ...] | None = None) -> list[float]:
        """A list of 1 to 64 finite numbers."""
        value = self.values.get(name, default)
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= 64:
            raise self.refusal(name, "a list of numbers")
        if not all(isinstance(item, int | float) and abs(item) < 1e9 for item in value):
            raise self.refusal(name, "a list of numbers")
        return [float(item) for item in value]

    def integers(self, name: str, count: int) -> list[int]:
        """A list of `count` whole numbers of at most five digits."""
        value = self.values.get(name)
        if not isinstance(value, list | tuple) or len(value) != count:
            raise self.refusal(name, f"{count} whole numbers")
        if not all(type(item) is int and abs(item) < 100_000 for item in value):
            raise self.refusal(name, f"{count} whole numbers")
        return list(value)

    def check_known(self, known: Iterable[str]) -> None:
        """Refuse values of names that are not `known`."""
        unknown = set(self.values) - set(known)
        if unknown:
            raise OfficialError(
                f"{self.where} has {listed(sorted(map(str, unknown)))}, which is not known: {CHANGED}"
            )


def dimension(found: Shapes, name: str, axis: int, axes: int) -> int:
    """Size of an axis of a tensor that must be there. Raises :class:`OfficialError`."""
    if name not in found:
        raise OfficialError(f"its generator lacks {name!r}: {CHANGED}")
    if len(found[name]) != axes:
        raise OfficialError(
            f"its generator has {name!r} of shape {found[name]}, where {axes} axes are needed: {CHANGED}"
        )
    return found[name][axis]


def check_shapes(found: Shapes, wanted: Shapes) -> None:
    """Refuse missing tensors, extra ones and such of another shape. Raises :class:`OfficialError`."""
    missing, extra = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    if missing or extra:
        faults = [f"lacks {listed(missing)}"] if missing else []
        faults += [f"has {listed(extra)}, which the official one has not"] if extra else []
        raise OfficialError(f"its generator {' and '.join(faults)}: {CHANGED}")
    for name, shape in wanted.items():
        if found[name] != shape:
            raise OfficialError(
                f"its generator has {name!r} of shape {found[name]}, where {shape} is needed: {CHANGED}"
            )


def copied(
    arrays: Mapping[str, Callable[[], np.ndarray]], shapes: Shapes, limit: int
) -> dict[str, np.ndarray]:
    """The tensors as float32 of their own, no longer parts of the file. Raises :class:`OfficialError`.

    `limit` is what they may take together, in bytes: tensors that share a storage could ask for any amount.
    """
    asked = sum(4 * math.prod(shapes[name]) for name in arrays)
    if asked > limit:
        raise OfficialError(
            f"its tensors take {asked:,} bytes, more than the file can hold: get the file from its makers."
        )
    tensors = {}
    for name, read in arrays.items():
        stored = read()
        if stored.dtype.kind != "f":
            raise OfficialError(
                f"its generator has {name!r} of type {stored.dtype}, where float32 is needed: {CHANGED}"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            tensors[name] = np.array(stored, np.float32, order="C")
        if not np.isfinite(tensors[name]).all():
            raise OfficialError(
                f"its generator has values in {name!r} that are not finite: its training had failed, take"
                " another snapshot."
            )
        tensors[name].flags.writeable = False
    return tensors
