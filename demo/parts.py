"""What need not be in the page's first bytes: the answers that panels come with, in one file of their own.

They are made when the first visitor asks for them: the page is there before, and painted. A visitor who comes
again has them still.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping

import gradio as gr
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from demo.files import File
from demo.kit import carriers

_MARK = "held:"


class Parts:
    """The file: ``{component: value}`` as JSON. Its name is another at each start."""

    def __init__(self, components: Mapping[str, gr.HTML]) -> None:
        self.name = f"parts-{secrets.token_hex(8)}.json"
        self._components = components
        self._file: File | None = None
        self._turn = threading.Lock()

    async def answer(self, request: Request) -> Response:
        """Send it; whoever comes while it is being made waits for it."""
        return await (await run_in_threadpool(self._made)).answer(request)

    def _made(self) -> File:
        with self._turn:
            if self._file is None:
                values = {number: carriers.comes_with(box) for number, box in self._components.items()}
                content = json.dumps(values, ensure_ascii=False)
                self._file = File("parts", "json", "application/json", content)
            return self._file


def hold(page: gr.Blocks) -> Parts:
    """Take what the panels come with out of a page, but for the first panel, whose answers are made now."""
    first = next((block for block in page.blocks.values() if isinstance(block, gr.Column)), None)
    late = {str(number): box for number, box in page.blocks.items() if hasattr(box, "first")}
    parts = Parts({number: box for number, box in late.items() if box.parent is not first})
    for number, box in late.items():
        box.value = carriers.comes_with(box) if box.parent is first else f"{_MARK}{parts.name}#{number}"
    return parts
