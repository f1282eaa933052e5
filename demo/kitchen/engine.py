"""onnxruntime for browsers (WebAssembly), as this page serves it; `python -m demo.kitchen.engine` fetches it.

The WebAssembly file is kept as gzip: it is four times smaller so, no file of this checkout may have more than
10 MB, and a browser unpacks it by itself, whatever serves it.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from demo import vendored
from demo.vendored import Origin

DIRECTORY = Path(__file__).resolve().parent / "runtime"
PACKAGE = "onnxruntime-web@1.30.0"
"""As npm names it; under the MIT licence, which lies beside the files."""
SCRIPT, BINARY = "ort.mjs", "ort.wasm"
ORIGINS = {
    SCRIPT: Origin(
        "dist/ort.wasm.bundle.min.mjs", "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90"
    ),
    BINARY: Origin(
        "dist/ort-wasm-simd-threaded.wasm", "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
}


def fetch(directory: Path = DIRECTORY) -> None:
    """Write the files into ``directory``: nothing is written unless all of them are the pinned ones."""
    found = vendored.fetch(PACKAGE, ORIGINS)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / SCRIPT).write_bytes(found[SCRIPT])
    (directory / f"{BINARY}.gz").write_bytes(gzip.compress(found[BINARY], mtime=0))


if __name__ == "__main__":
    vendored.run(fetch)
