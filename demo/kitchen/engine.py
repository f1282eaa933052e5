"""onnxruntime for browsers, as this page serves it; `python -m demo.kitchen.engine` fetches it.

Twice: the engine that every browser gets, and the one that knows graphics cards too (WebGPU), for browsers
that have one and a graph that is slow without. The second alone would not do: some graphs it cannot open.

The WebAssembly files are kept as gzip: they are four times smaller so, no file of this checkout may have more
than 10 MB, and a browser unpacks them by itself, whatever serves them.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from demo import vendored
from demo.vendored import Origin

DIRECTORY = Path(__file__).resolve().parent / "runtime"
PACKAGE = "onnxruntime-web@1.30.0"
"""As npm names it; under the MIT licence, which lies beside the files."""
ORIGINS = {
    "ort.mjs": Origin(
        "dist/ort.wasm.bundle.min.mjs", "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90"
    ),
    "ort.wasm": Origin(
        "dist/ort-wasm-simd-threaded.wasm", "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
    "gpu.mjs": Origin(
        "dist/ort.jspi.bundle.min.mjs", "07ec090355e11b342c95436db54da2d0c2bd5b1d319745bfd3337e6bdcf170ac"
    ),
    "gpu.wasm": Origin(
        "dist/ort-wasm-simd-threaded.jspi.wasm",
        "a54c76f86b0f0d9572380cf1c6292a7b3903716ffcbcd6b0e5c7050bf430eb93",
    ),
}
FILES = tuple(f"{name}.gz" if name.endswith(".wasm") else name for name in ORIGINS)
"""As they lie in `DIRECTORY`."""


def fetch(directory: Path = DIRECTORY) -> None:
    """Write the files into ``directory``: nothing is written unless all of them are the pinned ones."""
    found = vendored.fetch(PACKAGE, ORIGINS)
    directory.mkdir(parents=True, exist_ok=True)
    for file, content in zip(FILES, found.values(), strict=True):
        (directory / file).write_bytes(gzip.compress(content, mtime=0) if file.endswith(".gz") else content)


if __name__ == "__main__":
    vendored.run(fetch)
