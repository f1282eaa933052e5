"""A pickle read as data: its opcodes build plain values, and the only names it may call are ours.

``pickle.load`` runs whatever a file names, and so does an ``Unpickler`` with an allowlist as soon as one
allowed function unpickles in turn (``torch.storage._load_from_bytes`` does). Here nothing is imported by
name: a name that a file mentions is looked up, exactly, in a table of this program's own functions, which
make inert records. What is not in the table is refused.

A file can also exhaust instead of execute. So every opcode, every copied item and every byte of text is
spent from a :class:`Budget`; a declared length is compared with what is left of the file before anything is
allocated; nothing here recurses; and a value that is referred to a thousand times stays one value.
"""

import inspect
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NoReturn

from export.official.errors import OfficialError, quoted

MAX_STEPS = 500_000  # opcodes and copied items of one file; an official one of 1024 x 1024 pixels has a fifth
MAX_TEXT = 64 << 20  # bytes of all text; a module's source is below 100 kB, and stored once
MAX_STRING = 4 << 20  # bytes of one text
MAX_LINE = 1024  # bytes of an argument that ends with a line feed
MAX_INTEGER = 16  # bytes of an integer: the largest is the magic number of torch's files, with ten
MAX_DEPTH = 64  # containers within containers; official files have about 25
PROTOCOL = 5


class Budget:
    """What is left to spend on one file, nested pickles included."""

    def __init__(self, steps: int = MAX_STEPS, text: int = MAX_TEXT) -> None:
        self.steps = steps
        self.text = text

    def spend(self, steps: int) -> None:
        """Take `steps`, or refuse the file."""
        self.steps -= steps
        if self.steps < 0:
            raise OfficialError(
                f"it has more than {MAX_STEPS:,} steps, many times what an official checkpoint has: get the"
                " file from its makers."
            )

    def spend_text(self, count: int) -> None:
        """Take `count` bytes of text, or refuse the file."""
        self.text -= count
        if count > MAX_STRING or self.text < 0:
            raise OfficialError(
                f"it has a text of more than {MAX_STRING >> 20} MB or more than {MAX_TEXT >> 20} MB of text"
                " in all, which no official checkpoint has: get the file from its makers."
            )


@dataclass(frozen=True, eq=False)
class Global:
    """A name from the allowlist: what it does when called, or as the class of a new object; or neither."""

    module: str
    name: str
    call: Callable[..., Any] | None = None
    """Takes the arguments; returns an inert record. Raises :class:`OfficialError`."""
    new: Callable[..., Any] | None = None
    data: Any = None
    """What the name stands for, where it is only mentioned."""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Record:
    """What our functions make of a call: inert, and neither a container nor a function."""

    def build(self, state: Any) -> None:
        """Take the state that the file gives after the call. Raises :class:`OfficialError`."""
        malformed("it gives a state to what takes none")

    def held(self) -> Iterable[Any]:
        """The values of the file that it keeps."""
        return ()


Allowed = Mapping[tuple[str, str], Global]


def malformed(what: str) -> NoReturn:
    """Refuse a file that is no pickle, or a broken one."""
    raise OfficialError(f"{what}, so it is damaged or no checkpoint: download it again.")


@dataclass
class Reader:
    """Reads one pickle from `data` at `position`.

    Parameters
    ----------
    data : memoryview
        Of bytes; large values are returned as parts of it, not as copies.
    position : int
        Of the first opcode; :meth:`read` leaves it behind the last.
    allowed : Mapping
        By (module, name): every name that the file may mention.
    budget : Budget
        Shared by the pickles of one file.
    persistent : callable, optional
        Takes a persistent id and returns what it stands for. Raises :class:`OfficialError`.

    """

    data: memoryview
    position: int
    allowed: Allowed
    budget: Budget
    persistent: Callable[[Any], Any] | None = None
    _stack: list[Any] = field(default_factory=list)
    _marks: list[int] = field(default_factory=list)
    _memo: dict[int, Any] = field(default_factory=dict)

    def read(self) -> Any:
        """The value that the pickle describes. Raises :class:`OfficialError`."""
        data, end, handlers, budget = self.data, len(self.data), _HANDLERS, self.budget
        while True:
            if self.position >= end:
                malformed("it ends too early")
            code = data[self.position]
            self.position += 1
            budget.steps -= 1
            if budget.steps < 0:
                budget.spend(0)
            if code == _STOP:
                break
            handler = handlers.get(code)
            if handler is None:
                malformed(
                    f"byte {self.position - 1:,} is {code:#04x}, which no official checkpoint has there"
                )
            handler(self)
        value = self._pop()
        if self._stack or self._marks:
            malformed("it ends with values left over")
        return value

    # Bytes

    def _take(self, count: int) -> memoryview:
        start = self.position
        if count > len(self.data) - start:
            malformed(f"it declares {count:,} bytes where {len(self.data) - start:,} are left")
        self.position = start + count
        return self.data[start : self.position]

    def _number(self, layout: struct.Struct) -> Any:
        return layout.unpack(self._take(layout.size))[0]

    def _line(self, most: int = MAX_LINE) -> bytes:
        """What comes before the next line feed, at most `most` bytes on."""
        start = self.position
        while self.position - start < most and self.position < len(self.data):
            part = bytes(self.data[self.position : self.position + MAX_LINE])
            length = part.find(b"\n")
            if length >= 0:
                line = bytes(self.data[start : self.position + length])
                self.position += length + 1
                return line
            self.position += len(part)
        malformed("a line in it does not end")

    def _text(self, count: int) -> str:
        part = self._take(count)
        self.budget.spend_text(count)
        return _decoded(part, "utf-8")

    # The stack

    def _pop(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            malformed("it takes a value that is not there")
        return self._stack.pop()

    def _top(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            malformed("it changes a value that is not there")
        return self._stack[-1]

    def _pop_mark(self) -> list[Any]:
        if not self._marks:
            malformed("it takes values that are not there")
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    # Opcodes, each as the documentation of Python's pickletools describes it

    def _proto(self) -> None:
        version = self._take(1)[0]
        if version > PROTOCOL:
            malformed(f"it says that it is of pickle protocol {version}")

    def _frame(self) -> None:
        length = self._number(_U8)
        if length > len(self.data) - self.position:
            malformed(f"it declares {length:,} bytes where {len(self.data) - self.position:,} are left")

    def _mark(self) -> None:
        self._marks.append(len(self._stack))

    def _discard(self) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._pop()

    def _int_line(self) -> None:
        line = self._line()
        if line in (b"00", b"01"):
            self._push(line == b"01")
        else:
            self._push(_integer(line))

    def _long_line(self) -> None:
        self._push(_integer(self._line().removesuffix(b"L")))

    def _long(self, layout: struct.Struct) -> None:
        count = self._number(layout)
        if not 0 <= count <= MAX_INTEGER:
            malformed(f"an integer in it declares {count:,} bytes")
        self._push(int.from_bytes(self._take(count), "little", signed=True))

    def _float_line(self) -> None:
        try:
            self._push(float(self._line()))
        except ValueError:
            malformed("a number in it is none")

    def _unicode_line(self) -> None:
        line = self._line(MAX_STRING)
        self.budget.spend_text(len(line))
        self._push(_decoded(memoryview(line), "raw-unicode-escape"))

    def _tuple(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self._push(tuple(reversed(items)))

    def _dict(self) -> None:
        items = self._pop_mark()
        self._push({})
        self._set(items)

    def _append(self, items: list[Any]) -> None:
        target = self._top()
        if type(target) is not list:
            malformed("it appends to what is no list")
        target.extend(items)

    def _set(self, items: list[Any]) -> None:
        target = self._top()
        if type(target) is not dict or len(items) % 2:
            malformed("it sets items of what is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def _setitem(self) -> None:
        value = self._pop()
        self._set([self._pop(), value])

    def _additems(self) -> None:
        items = self._pop_mark()
        target = self._top()
        if type(target) is not set:
            malformed("it adds items to what is no set")
        target.update(map(checked_key, items))

    def _put(self, index: int) -> None:
        if index < 0:
            malformed("it remembers a value under a negative number")
        self._memo[index] = self._top()

    def _get(self, index: int) -> None:
        if index not in self._memo:
            malformed("it recalls a value that it never made")
        self._push(self._memo[index])

    def _global(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            malformed("a name in it is no text")
        found = self.allowed.get((module, name))
        if found is None:
            raise OfficialError(
                f"it asks for {quoted(f'{module}.{name}')}, which no official checkpoint needs there: nothing"
                " was run and nothing is converted; get the file from its makers."
            )
        self._push(found)

    def _global_line(self) -> None:
        module, name = self._line(), self._line()
        self._global(_decoded(memoryview(module), "utf-8"), _decoded(memoryview(name), "utf-8"))

    def _stack_global(self) -> None:
        name = self._pop()
        self._global(self._pop(), name)

    def _apply(self, way: str) -> None:
        arguments = self._pop()
        target = self._pop()
        function = getattr(target, way) if isinstance(target, Global) else None
        if function is None or type(arguments) is not tuple:
            called = quoted(str(target)) if isinstance(target, Global) else "what is no function"
            raise OfficialError(
                f"it calls {called} as no official checkpoint does: nothing was run and nothing is converted;"
                " get the file from its makers."
            )
        least, most = _arity(function)
        if not least <= len(arguments) <= most:
            malformed(f"it calls {target} with {len(arguments):,} arguments")
        self._push(function(self.budget, *arguments))

    def _build(self) -> None:
        state = self._pop()
        target = self._top()
        if not isinstance(target, Record):
            malformed("it gives a state to what takes none")
        target.build(state)

    def _persistent(self, identity: Any) -> None:
        if self.persistent is None:
            malformed("it refers to something outside of itself")
        self._push(self.persistent(identity))


@cache
def _arity(function: Callable[..., Any]) -> tuple[int, int]:
    """How many arguments of a file one of our functions takes: the fewest, the most."""
    taken = list(inspect.signature(function).parameters.values())[1:]  # all but the budget
    return sum(one.default is one.empty for one in taken), len(taken)


def _decoded(part: memoryview, encoding: str) -> str:
    try:
        return str(part, encoding)
    except UnicodeDecodeError:
        malformed("a text in it is none")


def _integer(line: bytes) -> int:
    try:
        if len(line) > 2 * MAX_INTEGER:
            malformed("a number in it is too long")
        return int(line)
    except ValueError:
        malformed("a number in it is none")


def checked_key(key: object) -> str | int | None:
    """A key of a dictionary or a set: text, or a number too small to collide on purpose."""
    if isinstance(key, str) or key is None or (isinstance(key, int) and abs(key) < 1 << 31):
        return key
    malformed("a key in it is neither text nor a small number")


def check_depth(root: Any) -> None:
    """Refuse containers nested deeper than ``MAX_DEPTH``; each is visited once, however often it is held.

    Raises :class:`OfficialError`.
    """
    seen: set[int] = set()
    level = [root]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            held: Iterable[Any] = ()
            if isinstance(value, list | tuple | dict | Record):
                if id(value) in seen:
                    continue
                seen.add(id(value))
                if isinstance(value, dict):
                    held = value.values()
                else:
                    held = value if isinstance(value, list | tuple) else value.held()
            below.extend(item for item in held if not isinstance(item, _LEAVES))
        if not below:
            return
        level = below
    raise OfficialError(
        f"its values are nested more than {MAX_DEPTH} deep, which no official checkpoint's are: get the file"
        " from its makers."
    )


_LEAVES = (str, int, float, memoryview, type(None))
_STOP = ord(".")
_U1, _I4, _U2, _U4, _U8, _F8 = (struct.Struct(layout) for layout in ("<B", "<i", "<H", "<I", "<Q", ">d"))


def _constant(value: Any) -> Callable[[Reader], None]:
    return lambda reader: reader._push(value)


# Left out, for no official file has them: instances of old classes (INST, OBJ), the extension registry (EXT),
# buffers outside of the file, keyword arguments (NEWOBJ_EX) and the byte strings of Python 2.
_HANDLERS: dict[int, Callable[[Reader], None]] = {
    0x80: Reader._proto,
    0x95: Reader._frame,
    ord("("): Reader._mark,
    ord("0"): Reader._discard,
    ord("1"): lambda reader: (reader._pop_mark(), None)[1],
    ord("2"): lambda reader: reader._push(reader._top()),
    ord("N"): _constant(None),
    0x88: _constant(True),
    0x89: _constant(False),
    ord("I"): Reader._int_line,
    ord("J"): lambda reader: reader._push(reader._number(_I4)),
    ord("K"): lambda reader: reader._push(reader._number(_U1)),
    ord("M"): lambda reader: reader._push(reader._number(_U2)),
    ord("L"): Reader._long_line,
    0x8A: lambda reader: reader._long(_U1),
    0x8B: lambda reader: reader._long(_I4),
    ord("F"): Reader._float_line,
    ord("G"): lambda reader: reader._push(reader._number(_F8)),
    ord("V"): Reader._unicode_line,
    0x8C: lambda reader: reader._push(reader._text(reader._number(_U1))),
    ord("X"): lambda reader: reader._push(reader._text(reader._number(_U4))),
    0x8D: lambda reader: reader._push(reader._text(reader._number(_U8))),
    ord("C"): lambda reader: reader._push(reader._take(reader._number(_U1))),
    ord("B"): lambda reader: reader._push(reader._take(reader._number(_U4))),
    0x8E: lambda reader: reader._push(reader._take(reader._number(_U8))),
    0x96: lambda reader: reader._push(reader._take(reader._number(_U8))),
    ord(")"): _constant(()),
    ord("t"): lambda reader: reader._push(tuple(reader._pop_mark())),
    0x85: lambda reader: reader._tuple(1),
    0x86: lambda reader: reader._tuple(2),
    0x87: lambda reader: reader._tuple(3),
    ord("]"): lambda reader: reader._push([]),
    ord("l"): lambda reader: reader._push(reader._pop_mark()),
    ord("a"): lambda reader: reader._append([reader._pop()]),
    ord("e"): lambda reader: reader._append(reader._pop_mark()),
    ord("}"): lambda reader: reader._push({}),
    ord("d"): Reader._dict,
    ord("s"): Reader._setitem,
    ord("u"): lambda reader: reader._set(reader._pop_mark()),
    0x8F: lambda reader: reader._push(set()),
    0x90: Reader._additems,
    0x91: lambda reader: reader._push(frozenset(map(checked_key, reader._pop_mark()))),
    ord("p"): lambda reader: reader._put(_integer(reader._line())),
    ord("q"): lambda reader: reader._put(reader._number(_U1)),
    ord("r"): lambda reader: reader._put(reader._number(_U4)),
    0x94: lambda reader: reader._put(len(reader._memo)),
    ord("g"): lambda reader: reader._get(_integer(reader._line())),
    ord("h"): lambda reader: reader._get(reader._number(_U1)),
    ord("j"): lambda reader: reader._get(reader._number(_U4)),
    ord("c"): Reader._global_line,
    0x93: Reader._stack_global,
    ord("R"): lambda reader: reader._apply("call"),
    0x81: lambda reader: reader._apply("new"),
    ord("b"): Reader._build,
    ord("P"): lambda reader: reader._persistent(_decoded(memoryview(reader._line()), "utf-8")),
    ord("Q"): lambda reader: reader._persistent(reader._pop()),
}
