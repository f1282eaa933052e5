"""The page's typeface, IBM Plex Sans: files that it holds itself, so that it looks the same everywhere.

Its figures are all as wide as one another, and it has the French letters and the Greek ones. The files come
from a package that is pinned here, byte for byte; ``python -m demo.kit.typeface`` fetches them again
with npm.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from demo import vendored
from demo.vendored import Origin

DIRECTORY = Path(__file__).resolve().parent / "fonts"
FAMILY = "IBM Plex Sans"
PACKAGE = "@fontsource-variable/ibm-plex-sans@5.3.0"
"""As npm names it."""
LICENCE = "LICENSE"
"""The SIL Open Font License 1.1, which wants to lie beside the files."""
LICENCE_SHA256 = "d0283623ef57e722fd0eb688a8041589670c608ab780cd3612d06ba6f153d3fd"


@dataclass(frozen=True)
class Face:
    """One file: some letters of the typeface in every weight from 100 to 700."""

    name: str
    sha256: str
    letters: str
    """As CSS writes a ``unicode-range``."""


FACES = (
    Face(
        "ibm-plex-sans-latin-wght-normal.woff2",
        "e2291e842cf5af167122a22881a740c7f2dda7716f1e8cd76680264f4a859470",
        "U+0000-00FF, U+0131, U+0152-0153, U+02BB-02BC, U+02C6, U+02DA, U+02DC, U+0304, U+0308, U+0329, "
        "U+2000-206F, U+20AC, U+2122, U+2191, U+2193, U+2212, U+2215, U+FEFF, U+FFFD",
    ),
    Face(
        "ibm-plex-sans-greek-wght-normal.woff2",
        "f598dd0700f155e2facfaa8ecfacace397d4c2c153e9ce37ab7ad310e8505bc2",
        "U+0370-0377, U+037A-037F, U+0384-038A, U+038C, U+038E-03A1, U+03A3-03FF",
    ),
)


def head() -> str:
    """Return the script that brings the typeface, the files in it; it stands before all that is laid out.

    So nothing moves when they come, and nothing is asked for. A rule of CSS would do it later: where there is
    no other font at all to wait with, Chromium gives such a file up.
    """
    faces = json.dumps([[face.letters, _base64(face.name)] for face in FACES])
    return f"""<script>for (const [letters, data] of {faces}) {{
  const content = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  document.fonts.add(new FontFace("{FAMILY}", content, {{ weight: "100 700", unicodeRange: letters }}));
}}</script>
"""


def _base64(name: str) -> str:
    return base64.b64encode((DIRECTORY / name).read_bytes()).decode("ascii")


def fetch(directory: Path = DIRECTORY) -> None:
    """Write the files and their licence, as npm has them, into ``directory``.

    Raises
    ------
    ValueError
        A file is not, byte for byte, the one that this module names; nothing is written then.

    """
    origins = {LICENCE: Origin("LICENSE", LICENCE_SHA256)}
    origins |= {face.name: Origin(f"files/{face.name}", face.sha256) for face in FACES}
    contents = vendored.fetch(PACKAGE, origins)
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (directory / name).write_bytes(content)


DIGESTS = {LICENCE: LICENCE_SHA256} | {face.name: face.sha256 for face in FACES}
"""The SHA-256 of every file that is kept."""

if __name__ == "__main__":
    vendored.run(fetch)
