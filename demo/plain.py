"""Plain pictures: one GET each, ready for an ``<img>``; past Gradio's queue, but bounded like it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from demo.engine import images, inference, limits, styles
from demo.engine.library import Library
from demo.kit import paper
from onnx_models import seeds
from onnx_models.errors import LineageError
from onnx_models.seeds import Stream

Array = NDArray[np.float32]
Asked = Mapping[str, str]
Painter = Callable[[Library, Asked], images.Bytes]
Answer = Callable[[Request], Awaitable[Response]]

_TOO_MANY = f"You wait for {limits.WAITING} pictures already: ask again in a moment."
_FULL = f"{limits.QUEUE} pictures are being waited for already: ask again in a moment."
_COLUMNS = 8


class Pictures:
    """Answers that are pictures: `limits.CONCURRENCY` painted at the same time, the last ones kept.

    A visitor for whom `limits.WAITING` are being painted gets status 429, everybody 503 when they are
    `limits.QUEUE` in all; a wrong argument 400, a network that does not ship 404, a broken file 500: each
    with one sentence.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._waiting: Counter[str] = Counter()
        self._turns = asyncio.Semaphore(limits.CONCURRENCY)
        self._kept: OrderedDict[tuple[object, ...], tuple[bytes, str]] = OrderedDict()  # longest unused first
        self._bytes = 0

    def answer(self, paint: Painter, name: str, *arguments: str) -> Answer:
        """Return what answers ``GET /name?argument=...`` with what ``paint`` makes of the arguments."""

        async def picture(request: Request) -> Response:
            asked = dict(request.query_params)
            unknown = set(asked) - set(arguments)
            if unknown:
                takes = (
                    " and ".join(filter(None, (", ".join(arguments[:-1]), *arguments[-1:]))) or "no arguments"
                )
                return _refusal(400, f"{name} takes {takes}, got {min(unknown)[:40]!r}.")
            key = (name, *sorted(asked.items()))
            if key in self._kept:
                self._kept.move_to_end(key)
            else:
                made = await self.turn(request, lambda: paper.to_png(paint(self._library, asked)), _wrong)
                if isinstance(made, Response):
                    return made
                self._keep(key, (made, f'"{hashlib.sha256(made).hexdigest()[:32]}"'))
            content, tag = self._kept[key]
            # A day: the same arguments give the same picture until the network is another one.
            headers = {"cache-control": "public, max-age=86400", "etag": tag}
            if _matches(request.headers.get("if-none-match", ""), tag):
                return Response(status_code=304, headers=headers)
            return Response(content, media_type="image/png", headers=headers)

        return picture

    async def turn(
        self, request: Request, make: Callable[[], bytes], wrong: Callable[[LineageError], Response]
    ) -> bytes | Response:
        """Return what is made when it is the visitor's turn, or what is said instead.

        Parameters
        ----------
        wrong : what is said of an error

        """
        visitor = request.client.host if request.client else ""
        if self._waiting[visitor] >= limits.WAITING:
            return _refusal(429, _TOO_MANY)
        if self._waiting.total() >= limits.QUEUE:
            return _refusal(503, _FULL)
        self._waiting[visitor] += 1
        try:
            async with self._turns:
                return await run_in_threadpool(make)
        except LineageError as error:
            return wrong(error)
        finally:
            self._waiting[visitor] -= 1
            if not self._waiting[visitor]:
                del self._waiting[visitor]

    def _keep(self, key: tuple[object, ...], found: tuple[bytes, str]) -> None:
        if key not in self._kept:
            self._bytes += _weight(key, found)
        self._kept[key] = found
        while self._bytes > limits.KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= _weight(*self._kept.popitem(last=False))


_ABSENT = ("style.none", "plain.none")


def avatar(library: Library, asked: Asked) -> images.Bytes:
    """Paint a face that nobody has; what is left out has the default of `demo.styles.Look`."""
    model = styles.painter(library, asked.get("model"))
    look = styles.Look(psi=_number(asked, "psi", styles.PSI), label=_number(asked, "label", -1))
    return paper.as_image(styles.portrait(library, model, _number(asked, "seed", 0), look))


def picture(library: Library, asked: Asked) -> images.Bytes:
    """Paint the first picture of a seed, as ``/sample`` does, or as ``/stylegan`` does where psi is given."""
    return paper.as_image(_made(library, asked, 1)[0])


def grid(library: Library, asked: Asked) -> images.Bytes:
    """Paint the first pictures of a seed in rows."""
    count = limits.COUNT.check(_number(asked, "count", limits.COUNT.default))
    columns = limits.COLUMNS.check(_number(asked, "columns", min(count, _COLUMNS)))
    return paper.grid(_made(library, asked, count), columns)


def _made(library: Library, asked: Asked, count: int) -> Array:
    """float32 [count, channels, height, width] in [0, 1]."""
    if "model" in asked:
        model = library.catalog.model(asked["model"])
    else:
        able = library.generators or styles.painters(library)
        if not able:
            raise LineageError("plain.none", "No network that makes pictures of a seed ships here.")
        model = able[0]
    seed = seeds.check_seed(_number(asked, "seed", 0))
    label = _number(asked, "label", -1)
    if "psi" not in asked and (model.has("generate") or not model.has(*styles.ROLES)):
        return inference.sample(library, model.id, seed, count, label).images
    painter = styles.painter(library, model.id)
    look = styles.Look(psi=_number(asked, "psi", styles.PSI), label=label)
    most = styles.affordable(painter, limits.COUNT.highest)
    limits.Bound("count", limits.COUNT.lowest, most, most).check(count)
    if painter.seeds is None:
        z = seeds.normals(seed, count, styles.z_size(painter), Stream.Z)
    else:  # its makers' seeds have one picture each
        z = styles.z_of(painter, styles.onwards(seed, count))
    made: Array = styles.paint(library, painter, styles.styles(library, painter, z, look), look)
    return made


def _number(asked: Asked, name: str, default: float) -> Any:
    """Return a whole number, or another one, of an address; what is neither stays text, to be refused."""
    text = asked.get(name)
    if text is None:
        return default
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _matches(wanted: str, tag: str) -> bool:
    """Whether a header ``If-None-Match`` names that tag (RFC 9110, section 13.1.2)."""
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in wanted.split(","))


def _weight(key: tuple[object, ...], found: tuple[bytes, str]) -> int:
    return len(found[0]) + 500 + sum(len(str(part)) for part in key)


def _wrong(error: LineageError) -> JSONResponse:
    status = 404 if error.code in _ABSENT else 500 if error.code.startswith("file.") else 400
    return _refusal(status, str(error))


def _refusal(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status)
