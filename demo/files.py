"""Files that browsers keep."""

from __future__ import annotations

import gzip
import hashlib

from fastapi import Request, Response

KEPT = "public, max-age=31536000, immutable"


class File:
    """A file that browsers keep: its name changes with its content."""

    def __init__(self, stem: str, suffix: str, media: str, content: str) -> None:
        self.plain = content.encode()
        self.packed = gzip.compress(self.plain, compresslevel=6, mtime=0)
        self.name = f"{stem}-{hashlib.sha256(self.plain).hexdigest()[:16]}.{suffix}"
        self.media = media

    async def answer(self, request: Request) -> Response:
        """Send it, compressed where that is understood."""
        headers = {"cache-control": KEPT, "vary": "Accept-Encoding"}
        content = self.plain
        if understood(request.headers.get("accept-encoding", "")):
            content, headers["content-encoding"] = self.packed, "gzip"
        return Response(content, media_type=self.media, headers=headers)


def understood(offers: str) -> bool:
    """Whether a caller takes gzip (RFC 9110, section 12.5.3); what is not said plainly is not."""
    known = dict((each.replace(" ", "") + ";q=1").split(";q=")[:2] for each in offers.lower().split(","))
    try:
        return float(known.get("gzip", "0")) > 0
    except ValueError:
        return False
