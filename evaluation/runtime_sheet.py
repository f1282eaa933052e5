"""The same seed in every runtime, side by side: one picture for the documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from evaluation.runtime_programs import PSI
from onnx_models.catalog import Catalog, Model

CLASSIC = "dcgan"
SIDE = 196
"""Pixels of a picture's longer side on the sheet, at most: it grows by a whole number only."""
GAP, TEXT, SIZE = 16, 20, 13
PAPER, INK, SOFT = "#ffffff", "#1c1c1e", "#6b6b70"

Bytes = NDArray[np.uint8]
Entry = Bytes | str
"""A picture [height, width, 3], or the sentence that says why there is none."""


def shown(models: Catalog, asked: Sequence[str] | None) -> list[Model]:
    """Return whose pictures to make: those asked for, else dcgan and every StyleGAN with SEEDS.md's seeds."""
    if asked:
        return [models.model(model_id) for model_id in asked]
    classic = [model for model in models.models if model.id == CLASSIC]
    styles = [m for m in models.having("mapping", "synthesis") if m.seeds is None]
    return classic + styles


def read(path: Path) -> Entry:
    """Read a PNG as uint8 [height, width, 3], or return a sentence where it is none."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError:
        return "What was written is no PNG."


def apart(found: Entry, expected: Entry) -> int | None:
    """Largest difference of two pictures in steps of 255; None where there are not two of one size."""
    if isinstance(found, str) or isinstance(expected, str) or found.shape != expected.shape:
        return None
    return int(np.abs(found.astype(int) - expected).max())


def sentences(
    columns: Sequence[tuple[str, str]], models: Sequence[Model], pictures: Sequence[Sequence[Entry]]
) -> list[str]:
    """Return what the sheet shows, in words: a line for each picture."""
    lines = []
    for model, row in zip(models, pictures, strict=True):
        for (title, version), entry in zip(columns, row, strict=True):
            distance = apart(entry, row[0])
            said = entry if isinstance(entry, str) else _distance(distance)
            lines.append(f"{model.id}, {title} {version}: {said}")
    return lines


def draw(
    columns: Sequence[tuple[str, str]],
    models: Sequence[Model],
    pictures: Sequence[Sequence[Entry]],
    seed: int,
) -> Image.Image:
    """Return the sheet: a column for each (title, version), a row for each model; the reference first."""
    cell = SIDE + GAP
    height = TEXT * 2 + len(models) * (SIDE + TEXT * 2 + GAP)
    sheet = Image.new("RGB", (GAP + len(columns) * cell, GAP + height), PAPER)
    pen = ImageDraw.Draw(sheet)
    font: Any = ImageFont.load_default(SIZE)
    for k, (title, version) in enumerate(columns):
        pen.text((GAP + k * cell, GAP), title, INK, font)
        pen.text((GAP + k * cell, GAP + TEXT), version, SOFT, font)
    for n, (model, row) in enumerate(zip(models, pictures, strict=True)):
        top = GAP + TEXT * 2 + n * (SIDE + TEXT * 2 + GAP)
        truncated = f", psi {PSI}" if model.has("mapping", "synthesis") else ""
        pen.text((GAP, top + 4), f"{model.id}, seed {seed}{truncated}", INK, font)
        for k, entry in enumerate(row):
            corner = (GAP + k * cell, top + TEXT + 4)
            if isinstance(entry, str):
                pen.rectangle((*corner, corner[0] + SIDE - 1, corner[1] + SIDE - 1), outline=SOFT)
                pen.text((corner[0] + 8, corner[1] + 8), "no picture", SOFT, font)
                continue
            times = max(1, SIDE // max(entry.shape[:2]))
            image = Image.fromarray(entry)
            size = (image.width * times, image.height * times)
            sheet.paste(image.resize(size, Image.Resampling.NEAREST if times > 1 else None), corner)
            if k:
                pen.text((corner[0], corner[1] + size[1] + 2), _distance(apart(entry, row[0])), SOFT, font)
    return sheet


def _distance(distance: int | None) -> str:
    if distance is None:
        return "another size"
    return "no pixel differs" if distance == 0 else f"at most {distance} of 255 apart"
