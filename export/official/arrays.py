"""Arrays as checkpoints store them: numpy's by their state, torch's by storage, offset, shape and stride."""

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from export.official.errors import OfficialError, quoted
from export.official.opcodes import Allowed, Budget, Global, Reader, Record, malformed

MAX_AXES = 8
MAX_ENTRIES = 20_000  # of a zip file: one for each storage
MAX_NAME = 32  # characters of a storage's key or place

MAGIC = 0x1950A86A20F9469CFC6C  # of torch.save before 1.6, and of storages within a pickle to this day
LEGACY = bytes.fromhex(
    "8a0a6cfc9c46f920 6aa85019"
)  # the opcode that such a file begins with, after its protocol
ZIP = b"PK\x03\x04"
STORAGES = {
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "DoubleStorage": "<f8",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}


# numpy


@dataclass(eq=False)
class DType(Record):
    """A numpy dtype of plain numbers."""

    code: str
    order: str = "|"

    def build(self, state: Any) -> None:
        """Take the byte order; everything else that a dtype could have is refused."""
        match state:
            case (int(), "<" | ">" | "=" | "|" as order, None, None, None, -1, -1, 0):
                self.order = order
            case _:
                malformed("a type of numbers in it is none that official checkpoints use")

    def dtype(self) -> np.dtype[Any]:
        """The same, as numpy's."""
        return np.dtype(self.order + self.code)


def dtype(budget: Budget, code: object, align: object = False, copy: object = True) -> DType:
    """``numpy.dtype``: of integers, booleans and floating point only, never of objects."""
    if not isinstance(code, str) or not re.fullmatch(r"[iu][1248]|f[248]|b1", code):
        raise OfficialError(
            f"it has an array of type {quoted(code)}, where official checkpoints have plain numbers: get the"
            " file from its makers."
        )
    return DType(code)


@dataclass(eq=False)
class Array(Record):
    """A numpy array; its numbers stay in the file until :meth:`array`."""

    kind: DType | None = None
    shape: tuple[int, ...] = ()
    fortran: bool = False
    data: memoryview = field(default_factory=lambda: memoryview(b""))

    def build(self, state: Any) -> None:
        """Take shape, type and bytes, which must agree."""
        match state:
            case (int(), tuple() as shape, DType() as kind, bool() as fortran, memoryview() as data):
                pass
            case _:
                malformed("an array of numbers in it is none")
        if self.kind is not None:
            malformed("it makes the same array twice")
        count = math.prod(sizes(shape))
        width = kind.dtype().itemsize
        if count * width != len(data):
            malformed(f"an array of shape {shape} takes {count * width:,} bytes and it has {len(data):,}")
        self.kind, self.shape, self.fortran, self.data = kind, shape, fortran, data

    def array(self) -> np.ndarray:
        """Its numbers, read-only and not copied."""
        if self.kind is None:
            malformed("an array of numbers in it has none")
        order: Any = "F" if self.fortran else "C"
        return np.frombuffer(self.data, self.kind.dtype()).reshape(self.shape, order=order)


def array(budget: Budget, kind: object, shape: object, code: object) -> Array:
    """``numpy.core.multiarray._reconstruct``: an array without numbers, which a state then fills."""
    if kind is not NDARRAY or shape != (0,):
        malformed("an array of numbers in it is none")
    return Array()


def array_of(budget: Budget, data: object, kind: object, shape: object, order: object) -> Array:
    """``numpy.core.numeric._frombuffer``, which protocol 5 has instead."""
    made = Array()
    made.build((1, shape, kind, order == "F", data))
    return made


def scalar(budget: Budget, kind: object, data: object) -> int | float | bool:
    """``numpy.core.multiarray.scalar``: one number, as Python's."""
    if not isinstance(kind, DType) or not isinstance(data, memoryview) or len(data) != kind.dtype().itemsize:
        malformed("a number in it is none")
    value: int | float | bool = np.frombuffer(data, kind.dtype())[0].item()
    return value


def encode(budget: Budget, text: object, encoding: object) -> memoryview:
    """``_codecs.encode``: how protocols up to 2 write bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        malformed("bytes in it are none")
    budget.spend_text(len(text))
    try:
        return memoryview(text.encode("latin1"))
    except UnicodeEncodeError:
        malformed("bytes in it are none")


NDARRAY = Global("numpy", "ndarray")


# torch


@dataclass(eq=False)
class Storage(Record):
    """The numbers behind tensors; they stay in the file."""

    kind: str
    count: int
    data: memoryview | None = None

    def bind(self, data: memoryview) -> None:
        """Take the bytes, which must be as many as declared."""
        if len(data) != self.count * np.dtype(self.kind).itemsize:
            malformed(f"a storage declares {self.count:,} numbers and has {len(data):,} bytes")
        self.data = data


@dataclass(frozen=True, eq=False)
class Tensor(Record):
    """A view of a storage that lies within it and holds no number twice."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self) -> np.ndarray:
        """Its numbers, read-only and not copied."""
        if self.storage.data is None:
            malformed("a storage in it has no numbers")
        flat = np.frombuffer(self.storage.data, self.storage.kind)[self.offset :]
        steps = [step * flat.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(flat, self.shape, steps, writeable=False)


def sizes(shape: object) -> tuple[int, ...]:
    """A shape that can be one. Raises :class:`OfficialError`."""
    if not isinstance(shape, tuple) or len(shape) > MAX_AXES:
        malformed("a shape in it is none")
    if not all(type(size) is int and 0 <= size < 1 << 40 for size in shape):
        malformed("a shape in it is none")
    return shape


def tensor(
    budget: Budget,
    storage: object,
    offset: object,
    shape: object,
    stride: object,
    requires_grad: object = False,
    hooks: object = None,
    metadata: object = None,
) -> Tensor:
    """``torch._utils._rebuild_tensor_v2``, with every number of the view checked against its storage."""
    if not isinstance(storage, Storage) or type(offset) is not int or hooks or metadata:
        malformed("a tensor in it is none")
    shape = sizes(shape)
    if (
        not isinstance(stride, tuple)
        or len(stride) != len(shape)
        or any(type(step) is not int for step in stride)
    ):
        malformed("a tensor in it is none")
    where = f"a tensor of shape {shape}, stride ({', '.join(map(quoted, stride))})"
    if offset < 0 or any(step < 0 for step in stride):
        malformed(f"{where} and offset {quoted(offset)} runs backwards")
    # An axis of one number is never stepped along; torch leaves anything in its stride.
    reach = 1
    for step, size in sorted((step, size) for step, size in zip(stride, shape, strict=True) if size > 1):
        if step < reach:
            malformed(f"{where} holds the same numbers more than once")
        reach = step * (size - 1) + reach
    if math.prod(shape) and offset + reach > storage.count:
        malformed(f"{where} and offset {quoted(offset)} leaves its storage of {storage.count:,} numbers")
    return Tensor(storage, offset, shape, stride)


def parameter(budget: Budget, data: object, requires_grad: object, hooks: object) -> Tensor:
    """``torch._utils._rebuild_parameter``."""
    if not isinstance(data, Tensor) or hooks:
        malformed("a parameter in it is none")
    return data


def storage(budget: Budget, content: object) -> Storage:
    """``torch.storage._load_from_bytes``: a file of torch.save within the pickle, of a storage alone.

    The function of that name unpickles again without any restraint; this one reads the same bytes as data,
    and the only names they may mention are the types of storages.
    """
    if not isinstance(content, memoryview):
        malformed("a storage in it is none")
    found = read_torch_file(content, STORAGE_TYPES, budget)
    if not isinstance(found, Storage):
        malformed("a storage in it is none")
    return found


STORAGE_TYPES: Mapping[tuple[str, str], Global] = {
    ("torch", name): Global("torch", name, data=kind) for name, kind in STORAGES.items()
}


def is_torch_file(data: memoryview) -> bool:
    """Whether `data` is a file of torch.save, of the format before 1.6 or of the one since."""
    return data[:4] == ZIP or data[2 : 2 + len(LEGACY)] == LEGACY


def read_torch_file(data: memoryview, allowed: Allowed, budget: Budget) -> Any:
    """What a file of torch.save holds. Raises :class:`OfficialError`."""
    return _read_zip(data, allowed, budget) if data[:4] == ZIP else _read_legacy(data, allowed, budget)


def _stored(storages: dict[str, Storage], identity: Any) -> Storage:
    """What a persistent id stands for."""
    match identity[:6] if isinstance(identity, tuple) else identity:
        case ("storage", Global(data=str() as kind), str() as key, str() as place, int() as count, *view):
            pass
        case _:
            malformed("it refers to a storage as no official checkpoint does")
    if len(key) > MAX_NAME or len(place) > MAX_NAME or type(count) is not int or not 0 <= count < 1 << 40:
        malformed("it refers to a storage as no official checkpoint does")
    if view not in ([], [None]):
        malformed("a storage in it is a part of another")
    found = storages.setdefault(key, Storage(kind, count))
    if (found.kind, found.count) != (kind, count):
        malformed("it describes one storage in two ways")
    return found


def _read_legacy(data: memoryview, allowed: Allowed, budget: Budget) -> Any:
    storages: dict[str, Storage] = {}
    position = 0

    def pickled(names: Allowed) -> Any:
        nonlocal position
        reader = Reader(data, position, names, budget, lambda identity: _stored(storages, identity))
        value = reader.read()
        position = reader.position
        return value

    if pickled({}) != MAGIC or pickled({}) != 1001:
        malformed("a storage in it is of no format that torch writes")
    match pickled({}):
        case {"little_endian": True}:
            pass
        case _:
            raise OfficialError(
                "its numbers are big-endian, which is not supported: save it on another machine."
            )
    root = pickled(allowed)
    keys = pickled({})
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        malformed("it lists storages as no official checkpoint does")
    if len(keys) != len(storages) or set(keys) != storages.keys():
        malformed("the storages that it lists are not those it refers to")
    for key in keys:
        found = storages[key]
        if len(data) - position < 8:
            malformed("it ends too early")
        (count,) = struct.unpack_from("<q", data, position)
        length = found.count * np.dtype(found.kind).itemsize
        if count != found.count or length > len(data) - position - 8:
            malformed(
                f"a storage declares {found.count:,} numbers and {len(data) - position - 8:,} bytes are left"
            )
        found.bind(data[position + 8 : position + 8 + length])
        position += 8 + length
    if position != len(data):
        malformed("it goes on after its end")
    return root


def _read_zip(data: memoryview, allowed: Allowed, budget: Budget) -> Any:
    entries = _zip_entries(data, budget)
    roots = [name for name in entries if name.rpartition("/")[2] == "data.pkl" and name.count("/") == 1]
    if len(roots) != 1:
        malformed("it is a zip file and none of torch's")
    folder = roots[0].removesuffix("data.pkl")
    if bytes(entries.get(f"{folder}byteorder", memoryview(b"little"))[:16]) != b"little":
        raise OfficialError("its numbers are big-endian, which is not supported: save it on another machine.")
    storages: dict[str, Storage] = {}
    reader = Reader(entries[roots[0]], 0, allowed, budget, lambda identity: _stored(storages, identity))
    root = reader.read()
    for key, found in storages.items():
        content = entries.get(f"{folder}data/{key}")
        if content is None:
            malformed("it is a zip file that misses a storage")
        found.bind(content)
    return root


def _zip_entries(data: memoryview, budget: Budget) -> dict[str, memoryview]:
    """The files of a zip file that stores them uncompressed, as torch does, by name. Nothing is copied."""
    tail = bytes(data[-(22 + 0xFFFF) :])
    budget.spend(1000)  # that copy
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < 22:
        malformed("it begins as a zip file and does not end as one")
    count, length, start = struct.unpack_from("<HII", tail, found + 10)
    if 0xFFFFFFFF in (length, start) or count == 0xFFFF:
        locator = found - 20
        if locator < 0 or tail[locator : locator + 4] != b"PK\x06\x07":
            malformed("it is a broken zip file")
        (at,) = struct.unpack_from("<Q", tail, locator + 8)
        if at > len(data) - 56 or bytes(data[at : at + 4]) != b"PK\x06\x06":
            malformed("it is a broken zip file")
        count, length, start = struct.unpack_from("<QQQ", data, at + 32)
    if count > MAX_ENTRIES or start + length > len(data):
        malformed(f"it is a zip file that declares {count:,} files and {length:,} bytes for their names")
    budget.spend(count)

    entries: dict[str, memoryview] = {}
    position, end = start, start + length
    for _ in range(count):
        if end - position < 46 or bytes(data[position : position + 4]) != b"PK\x01\x02":
            malformed("it is a broken zip file")
        flags, method = struct.unpack_from("<HH", data, position + 8)
        packed, size, named, extra, comment = struct.unpack_from("<IIHHH", data, position + 20)
        (at,) = struct.unpack_from("<I", data, position + 42)
        after = position + 46 + named + extra + comment
        if after > end:
            malformed("it is a broken zip file")
        if method or flags & 1:
            malformed("it is a zip file that is compressed or encrypted, which torch's never are")
        budget.spend_text(named)
        name = bytes(data[position + 46 : position + 46 + named]).decode("utf-8", "replace")
        fields = data[position + 46 + named : position + 46 + named + extra]
        size, packed, at = _zip64((size, packed, at), fields)
        if at > len(data) - 30 or data[at : at + 4] != ZIP:
            malformed("it is a broken zip file")
        named, extra = struct.unpack_from("<HH", data, at + 26)
        begin = at + 30 + named + extra
        if size != packed or size > len(data) - begin:
            malformed(f"it declares {size:,} bytes where {max(len(data) - begin, 0):,} are left")
        if name in entries:
            malformed("it is a zip file with two files of one name")
        entries[name] = data[begin : begin + size]
        position = after
    return entries


def _zip64(values: tuple[int, int, int], fields: memoryview) -> tuple[int, int, int]:
    """Size, packed size and offset, of which those that do not fit 32 bits are in the extra field 1."""
    resolved = list(values)
    position = 0
    while len(fields) - position >= 4:
        kind, length = struct.unpack_from("<HH", fields, position)
        if kind == 1:
            at = position + 4
            for k, value in enumerate(values):
                if value == 0xFFFFFFFF:
                    if at + 8 > min(position + 4 + length, len(fields)):
                        malformed("it is a broken zip file")
                    (resolved[k],) = struct.unpack_from("<Q", fields, at)
                    at += 8
            break
        position += 4 + length
    return resolved[0], resolved[1], resolved[2]
