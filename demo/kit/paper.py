"""Paper and ink: the page's two tones, and the files that a visitor takes home."""

from __future__ import annotations

import base64

from demo.kit.answers import File

PAPER, INK = "#faf7f2", "#1c1b1a"
"""The page's ground and its text; dark mode turns them round. ``kit/tokens.css`` has the tones between."""


def parcel(name: str, content: bytes, kind: str) -> File:
    """Return a PNG or GIF as a file for the visitor."""
    href = f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
    return File(f"{name}.{kind}", href)
