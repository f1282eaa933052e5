"""Cook every recipe in recipe.json, and say how far it is from what the page showed (expected.json).

pip install onnxruntime numpy
"""

from __future__ import annotations

import base64
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onnx_models import catalog, recipes, runtime

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Return 0 where everything is within its tolerance, else 1."""
    models, engine = catalog.load(HERE / "models"), runtime.Runtime("cpu")
    expected = json.loads((HERE / "expected.json").read_text("utf-8"))
    sound = True
    for name, recipe in json.loads((HERE / "recipe.json").read_text("utf-8")).items():
        cooked = recipes.cook(recipe, models, engine, recipes.TRUSTED)
        values = dict(cooked.numbers)
        if "picture" in recipe:
            values[recipe["picture"]] = cooked.pictures
            (HERE / f"{name}.png").write_bytes(png(cooked.pictures))
        for what, known in expected[name].items():
            wanted = np.frombuffer(base64.b64decode(known["data"]), "<f4")
            difference = float(np.abs(values[what].ravel() - wanted).max())
            sound &= difference <= known["tolerance"]
            print(f"{name} {what}: largest difference {difference:.1e} (tolerance {known['tolerance']:.1e})")
    return 0 if sound else 1


def png(pictures: NDArray[Any]) -> bytes:
    """Encode pictures, float32 [count, 1 or 3, height, width] in [0, 1], side by side."""
    row = np.concatenate(list(pictures), axis=2).transpose(1, 2, 0)
    lines = np.rint(255 * row.clip(0, 1)).astype(np.uint8).reshape(len(row), -1)
    header = struct.pack(">2I5B", row.shape[1], len(row), 8, 0 if row.shape[2] == 1 else 2, 0, 0, 0)
    body = zlib.compress(np.pad(lines, ((0, 0), (1, 0))).tobytes())  # each line begins with its filter: none
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    written = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


if __name__ == "__main__":
    sys.exit(main())
