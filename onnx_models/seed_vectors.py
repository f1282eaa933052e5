"""`python -m onnx_models.seed_vectors > onnx_models/seeds.json`: the vectors for other languages.

Only a change of `SEEDS.md` is a reason to run it again.
"""

from __future__ import annotations

import json
from typing import Any

from onnx_models.seeds import Stream, normals, uniforms, words

# Chosen so that every field of key and counter, both ends of a seed, an odd size and a size beyond one block
# occur at least once.
CASES: tuple[dict[str, int], ...] = (
    {"seed": 0, "stream": Stream.Z, "first": 0, "step": 0, "layer": 0, "count": 2, "size": 8},
    {"seed": 42, "stream": Stream.Z, "first": 3, "step": 0, "layer": 0, "count": 2, "size": 5},
    {
        "seed": 4294967295,
        "stream": Stream.HIDDEN,
        "first": 0,
        "step": 299,
        "layer": 0,
        "count": 1,
        "size": 10,
    },
    {"seed": 7, "stream": Stream.HIDDEN, "first": 0, "step": 0, "layer": 0, "count": 2, "size": 6},
    {"seed": 2, "stream": Stream.VISIBLE, "first": 9, "step": 1, "layer": 2, "count": 1, "size": 4},
    {"seed": 2006, "stream": Stream.LABEL, "first": 0, "step": 17, "layer": 0, "count": 3, "size": 10},
    {"seed": 2019, "stream": Stream.NOISE, "first": 0, "step": 0, "layer": 5, "count": 1, "size": 16},
    {"seed": 7, "stream": Stream.CORRUPTION, "first": 65536, "step": 0, "layer": 0, "count": 1, "size": 3},
    {"seed": 1, "stream": Stream.CHOICE, "first": 0, "step": 0, "layer": 0, "count": 1, "size": 1},
    {"seed": 0, "stream": Stream.BINARY, "first": 9999, "step": 0, "layer": 0, "count": 1, "size": 6},
)


def vectors() -> list[dict[str, Any]]:
    """Return each case with its ``words``, ``uniforms`` and ``normals``, lists of ``count`` rows."""
    filled: list[dict[str, Any]] = []
    for case in CASES:
        where = {name: case[name] for name in ("first", "step", "layer")}
        drawn = [
            draw(case["seed"], case["count"], case["size"], Stream(case["stream"]), **where).tolist()
            for draw in (words, uniforms, normals)
        ]
        filled.append(dict(case) | dict(zip(("words", "uniforms", "normals"), drawn, strict=True)))
    return filled


def text() -> str:
    """Return the whole of `seeds.json`, one case a line."""
    lines = ",\n".join(json.dumps(case) for case in vectors())
    return f'{{"vectors": [\n{lines}\n]}}'


if __name__ == "__main__":
    print(text())
