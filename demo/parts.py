"""What need not be in the page's first bytes: the answers that panels come with, in one file of their own.

The page is painted before it is there, and a visitor who comes again has it still.
"""

from __future__ import annotations

import json

import gradio as gr

from demo.files import File

_LONG = 1_000
"""Characters of a value that is worth another place."""
_MARK = "held:"


def hold(page: gr.Blocks) -> File:
    """Take the long values of a page but for its first panel's out of it: ``{component: value}`` as JSON."""
    asked = {block._id for function in page.fns.values() for block in function.inputs}
    first = next((block for block in page.blocks.values() if isinstance(block, gr.Column)), None)
    held = {
        str(number): block
        for number, block in page.blocks.items()
        if number not in asked and block.parent is not first and _long(block)
    }
    values = {number: block.value for number, block in held.items()}
    file = File("parts", "json", "application/json", json.dumps(values, ensure_ascii=False))
    for number, block in held.items():
        block.value = f"{_MARK}{file.name}#{number}"
    return file


def _long(block: object) -> bool:
    return isinstance(block, gr.HTML) and isinstance(block.value, str) and len(block.value) > _LONG
