"""``python -m demo.contact_sheet``: ten pictures of every model that ships, by year, on one sheet.

Each data set opens with ten real pictures, one a class. Whatever can be asked for a class is asked for each
in turn; whatever cannot makes ten pictures of the same z; what only rebuilds is shown the real ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from demo import inference, limits
from demo.images import enlarge, to_bytes, to_png
from demo.library import Library
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

EACH = 10
"""Pictures of a model: one a class."""
OUT = Path(__file__).resolve().parents[1] / "docs" / "lineage.png"

SCALE = 2
CELL = 32 * SCALE + 4
"""Pixels from one picture to the next; pictures are 28 or 32 pixels wide."""
WORDS = 300
"""Pixels for what stands beside the pictures."""
MARGIN = 24
PAPER, INK, QUIET = "#faf7f2", "#1c1b1a", "#6b665f"


@dataclass(frozen=True)
class Row:
    """Ten pictures and what is said of them."""

    title: str
    note: str
    colour: str
    images: Array
    """float32 [10, channels, height, width] in [0, 1]."""


def rows(library: Library, dataset_id: str, seed: int) -> Iterator[Row]:
    """Yield the rows of one data set: real pictures, then every model, exhibits included, by year.

    Raises
    ------
    LineageError
        ``dataset.unknown`` or ``dataset.role`` where the data set ships no examples; ``seed.range``.

    """
    dataset = library.dataset(dataset_id)
    real = np.concatenate(
        [inference.real(library, dataset_id, seed, 1, label=label).images for label in range(EACH)]
    )
    yield Row(dataset.name, "real pictures", QUIET, real)
    for model in library.catalog.models:
        if model.kind not in ("model", "exhibit") or model.dataset["id"] != dataset_id:
            continue
        if tuple(model.image.values()) != real.shape[1:]:
            continue
        shown = pictures(library, model, real, seed)
        if shown is not None:
            images, how = shown
            yield Row(model.title["en"], f"{model.year}, {how}", model.colour, images)


def pictures(library: Library, model: Model, real: Array, seed: int) -> tuple[Array, str] | None:
    """Return what a model makes, float32 [10, channels, height, width], and how; None where it is nothing."""
    classes = list(range(EACH))
    if model.has("generate"):
        sample = inference.sample(library, model.id, seed, EACH)
        if not inference.takes_label(model, "generate"):
            return sample.images, "any class"
        asked = [inference.generate(library, model.id, sample.z[k : k + 1], label=k).images for k in classes]
        return np.concatenate(asked), "asked for each class"
    if model.has("gibbs_step"):
        labelled = inference.takes_label(model, "gibbs_step")
        steps = limits.STEPS.highest
        chain = inference.gibbs_steps(
            library, model.id, None, steps, seed, label=classes if labelled else -1, chains=EACH
        )
        *_, last = chain
        held = "each class held" if labelled else "any class"
        return last.visible_mean, f"{held}, {steps} Gibbs steps"
    if model.has("encode", "decode"):
        return inference.decode(library, model.id, inference.encode(library, model.id, real)), "rebuilt"
    return None


def sheet(all_rows: Sequence[Row]) -> NDArray[np.uint8]:
    """Lay rows out in two columns, ink on paper. Return uint8 [height, width, 3]."""
    height = -(-len(all_rows) // 2)
    column = WORDS + EACH * CELL
    page = Image.new("RGB", (3 * MARGIN + 2 * column, 2 * MARGIN + height * CELL), PAPER)
    draw = ImageDraw.Draw(page)
    name, note = ImageFont.load_default(17), ImageFont.load_default(13)
    for k, row in enumerate(all_rows):
        left, top = MARGIN + (k // height) * (column + MARGIN), MARGIN + (k % height) * CELL
        draw.rectangle((left, top + 2, left + 4, top + CELL - 3), fill=row.colour)
        draw.text((left + 14, top + 13), _fitted(row.title, name), font=name, fill=INK)
        draw.text((left + 14, top + 37), _fitted(row.note, note), font=note, fill=QUIET)
        for place, image in enumerate(row.images):
            made = _on_paper(image)
            gap = (CELL - made.height) // 2
            page.paste(made, (left + WORDS + place * CELL + gap, top + gap))
    return np.asarray(page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sheet; exit code 2 and one sentence where it cannot be made."""
    options = _parser().parse_args(arguments)
    try:
        library = Library.open(options.models, "cpu")
        of = [model.dataset["id"] for model in library.catalog.models]
        ids = sorted(library.catalog.datasets, key=of.count, reverse=True)
        found = []
        for dataset_id in tqdm(ids, unit="data set", leave=False):
            real, *made = rows(library, dataset_id, options.seed)
            found += [real, *made] if made else []
        if not found:
            raise LineageError(
                "dataset.unknown", "No model here makes pictures of a data set that ships examples."
            )
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_bytes(to_png(sheet(found)))
    except (LineageError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.out}: {len(found)} rows of {EACH}, seed {options.seed}")
    return 0


def _on_paper(image: Array) -> Image.Image:
    """Return a picture enlarged without smoothing, grey levels as ink."""
    levels = to_bytes(image)
    if len(levels) == 3:
        return Image.fromarray(np.stack([enlarge(channel, SCALE) for channel in levels], axis=-1))
    ink = Image.new("RGB", (levels.shape[2] * SCALE, levels.shape[1] * SCALE), PAPER)
    ink.paste(INK, mask=Image.fromarray(enlarge(levels[0], SCALE)))
    return ink


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Return the text, shortened to what fits beside the pictures."""
    room = WORDS - 24
    while font.getlength(text) > room:
        text = f"{text.removesuffix('…')[:-1]}…"
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.contact_sheet",
        description="Draw ten pictures of every model that ships on one sheet.",
    )
    parser.add_argument("--seed", type=int, default=7, help="0 to 4294967295 (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=OUT, help="PNG to write (default: docs/lineage.png)")
    parser.add_argument(
        "--models",
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="directories of <id>/model.json folders, a later one winning (default: what ships)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
