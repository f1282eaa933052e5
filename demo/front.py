"""What the page is called where its address is shown: title, sentence, picture and icon; and a smaller page.

Gradio writes its own name and picture into the page's head, where other sites look for them.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import numpy as np
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from gradio import route_utils
from starlette.datastructures import Headers

from demo import theme
from demo.engine import images, inference, styles
from demo.engine.library import Library
from demo.files import understood
from demo.first import First
from demo.kit import paper
from demo.kit.paper import INK, PAPER
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

TITLE = "Latent Lineage"
SENTENCE = "Forty years of generative networks, from RBM to StyleGAN, playable side by side."
ICON = theme.KIT / "icon.svg"

_TEXTS = {"/", "/config", "/gradio_api/info"}
"""What is long, is text and comes whole; scripts and styles are compressed by Gradio, streams by nobody."""
_LEVEL = 5
_OTHERS = re.compile(
    r"""<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*|<link\s+rel="(?:manifest|icon)"[^>]*>\s*"""
)
_ALONE = """<script>
// Gradio asks a font host for typefaces that this page does not use, and that its policy refuses.
document.head.appendChild = (node) => {
  const foreign = node.rel === "stylesheet" && new URL(node.href).origin !== location.origin;
  return foreign ? node : Node.prototype.appendChild.call(document.head, node);
};
</script>
"""
_SCALE, _COLUMNS, _ROWS, _MARGIN = 3, 12, 6, 14
_WIDTH, _HEIGHT = 1200, 630
"""Of the picture, as the sites that show it ask for it."""


class Front:
    """ASGI middleware: gives the page a head of its own, and compresses what is long."""

    def __init__(self, app: Application, sight: First, root_path: str = "") -> None:
        self.app = app
        self.sight = sight
        self.root_path = root_path

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3.0)."""
        if scope["type"] != "http" or scope["path"] not in _TEXTS:
            await self.app(scope, receive, send)
            return
        started: Message = {}
        parts: list[bytes] = []

        async def hold(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                await self._send(scope, started, b"".join(parts), send)

        await self.app(scope, receive, hold)

    async def _send(self, scope: Message, started: Message, body: bytes, send: Send) -> None:
        headers = {name.lower(): value for name, value in started["headers"]}
        if body and headers.get(b"content-type", b"").startswith(b"text/html"):
            request = Request(scope)
            address = route_utils.get_root_url(request, scope["path"], self.root_path or None)
            page = own_head(body.decode(), address, self.sight.head)
            accepted = Headers(scope=scope).get("accept-language", "")
            sight = self.sight.body(accepted, scope["query_string"].decode("latin-1"))
            body = page.replace("<gradio-app", f"{sight}\n<gradio-app", 1).encode()
            headers[b"vary"] = b", ".join(filter(None, (headers.get(b"vary"), b"Accept-Language")))
        taken = understood(Headers(scope=scope).get("accept-encoding", ""))
        if body and b"content-encoding" not in headers and taken:
            body = await run_in_threadpool(_compressed, body)
            headers[b"content-encoding"] = b"gzip"
        headers[b"vary"] = b", ".join(filter(None, (headers.get(b"vary"), b"Accept-Encoding")))
        if body:
            headers[b"content-length"] = str(len(body)).encode()
        # A header that comes more than once, as cookies do, stays so.
        changed = {b"content-encoding", b"content-length", b"vary"}
        kept = [(name, value) for name, value in started["headers"] if name.lower() not in changed]
        kept += [(name, headers[name]) for name in sorted(changed) if name in headers]
        await send({**started, "headers": kept})
        await send({"type": "http.response.body", "body": body})


def own_head(page: str, address: str, more: str = "") -> str:
    """Return the page with our title, sentence, picture and icon in its head in the place of Gradio's.

    ``address`` is the page's own, absolute: pictures are fetched by other machines. ``more`` comes after.
    """
    head, tag, rest = page.partition("<head>")
    names, marker, body = rest.partition("window.gradio_config")
    facts = {
        "og:type": "website",
        "og:site_name": TITLE,
        "og:title": TITLE,
        "og:description": SENTENCE,
        "og:url": f"{address}/",
        "og:image": f"{address}/card.png",
        "og:image:width": str(_WIDTH),
        "og:image:height": str(_HEIGHT),
        "og:image:alt": "Pictures that the networks of this page made, a row each",
        "twitter:card": "summary_large_image",
        "twitter:title": TITLE,
        "twitter:description": SENTENCE,
        "twitter:image": f"{address}/card.png",
    }
    ours = "".join(
        f'<meta {kind}="{name}" content="{html.escape(value)}" />\n'
        for name, value in facts.items()
        for kind in ("property" if name.startswith("og:") else "name",)
    )
    ours += f'<meta name="description" content="{html.escape(SENTENCE)}" />\n<title>{TITLE}</title>\n'
    ours += '<link rel="icon" type="image/svg+xml" href="./favicon.ico" />\n'
    ours += _ALONE + more
    body = re.sub(r'<link\s+rel="manifest"[^>]*>\s*', "", body, count=1)
    # The viewport and the base of all addresses come first.
    first, base, others = names.partition("<base")
    return f"{head}{tag}{first}{base}{_before_scripts(_OTHERS.sub('', others), ours)}{marker}{body}"


def _before_scripts(names: str, ours: str) -> str:
    """Put our names after the tag that is open already, in front of all others."""
    opened, end, others = names.partition(">")
    return f"{opened}{end}\n{ours}{others}"


def card(library: Library, asked: object = None) -> images.Bytes:
    """Draw the picture of a link to the page: uint8 [630, 1200, 3], a row for each of some networks."""
    rows = []
    for model in _spread(library.generators or styles.painters(library), _ROWS):
        try:
            rows.append(_row(library, model))
        except LineageError:
            continue  # a file is broken: the others are shown
    sheet = np.full((_HEIGHT, _WIDTH, 3), tuple(bytes.fromhex(PAPER[1:])), np.uint8)
    side = 28 * _SCALE
    gap = (_WIDTH - _COLUMNS * side) // (_COLUMNS + 1)
    top = (_HEIGHT - len(rows) * (side + _MARGIN) + _MARGIN) // 2
    for k, row in enumerate(rows):
        for j, picture in enumerate(row):
            y, x = top + k * (side + _MARGIN), gap + j * (side + gap)
            sheet[y : y + side, x : x + side] = picture
    return sheet


def _row(library: Library, model: Model) -> list[images.Bytes]:
    if model.has("generate"):
        made = inference.sample(library, model.id, 7, _COLUMNS).images
    else:
        look = styles.Look()
        z = styles.z_of(model, styles.onwards(7, styles.affordable(model, _COLUMNS)))
        made = styles.paint(library, model, styles.styles(library, model, z, look), look)
    return [_tile(picture) for picture in made]


def _tile(picture: images.Array) -> images.Bytes:
    """One picture as large as all, on the page's paper."""
    side = 28 * _SCALE
    values = images.resized(picture, (side, side)) if picture.shape[1:] != (28, 28) else picture
    image = paper.on_paper(values, (PAPER, INK))
    return image if len(image) == side else paper.enlarge(image, _SCALE)


def _spread(models: tuple[Model, ...], count: int) -> list[Model]:
    """Some of the models, the first and the last among them, evenly spaced."""
    if len(models) <= count:
        return list(models)
    return [models[round(k * (len(models) - 1) / (count - 1))] for k in range(count)]


def _compressed(body: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, wbits=zlib.MAX_WBITS | 16)  # the form of gzip
    return packer.compress(body) + packer.flush()
