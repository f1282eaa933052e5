"""``python -m demo.contact_sheet``: ten pictures of every model that ships, by year, on one sheet.

Each data set opens with ten real pictures, one a class. Whatever can be asked for a class is asked for each
in turn; whatever cannot makes ten pictures of the same z; what only rebuilds is shown the real ones.

With ``--truncation MODEL`` the sheet is of one StyleGAN instead: a row a seed, its style drawn to the centre
of all styles and beyond.
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

from demo.arguments import add_directories
from demo.engine import inference, limits, styles
from demo.engine.library import Library
from demo.kit import paper
from demo.kit.paper import INK, PAPER
from onnx_models import cookbook, recipes
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

EACH = 10
"""Pictures of a model: one a class."""
DOCS = Path(__file__).resolve().parents[1] / "docs"

SCALE = 2
CELL = 32 * SCALE + 4
"""Pixels from one picture to the next; pictures are 28, 32 or 64 pixels wide."""
WORDS = 300
"""Pixels for what stands beside the pictures."""
MARGIN = 24
SWEEPS = 4
"""Seeds of a truncation sheet, the first the one asked for."""
QUIET = "#6b665f"


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
    if library.examples(dataset_id).labels.max() < 0:
        real = inference.real(library, dataset_id, seed, EACH).images
    else:
        each = (inference.real(library, dataset_id, seed, 1, label=label).images for label in range(EACH))
        real = np.concatenate(list(each))
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
        if not inference.takes_label(model, "generate"):
            return inference.sample(library, model.id, seed, EACH).images, "any class"
        recipe = cookbook.sample(model, seed, EACH, classes)
        return recipes.cook(recipe, library.catalog, library.runtime).pictures, "asked for each class"
    if model.has("gibbs_step"):
        labelled = inference.takes_label(model, "gibbs_step")
        steps = limits.STEPS.highest
        recipe = cookbook.gibbs(model, None, steps, seed, classes if labelled else cookbook.FREE, EACH)
        last = recipes.cook(recipe, library.catalog, library.runtime).pictures
        held = "each class held" if labelled else "any class"
        return last, f"{held}, {steps} Gibbs steps"
    if model.has("reconstruct"):
        recipe = cookbook.reconstruct(model, real)
        return recipes.cook(recipe, library.catalog, library.runtime).pictures, "rebuilt"
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
        lines = [*((line, name, INK) for line in _lines(row.title, name)), (row.note, note, QUIET)]
        for place, (words, font, ink) in enumerate(lines):
            middle = top + CELL / 2 + 22 * (place - (len(lines) - 1) / 2)
            draw.text((left + 14, middle), words, font=font, fill=ink, anchor="lm")
        for place, image in enumerate(row.images):
            made = _on_paper(image)
            gap = (CELL - made.height) // 2
            page.paste(made, (left + WORDS + place * CELL + gap, top + gap))
    return np.asarray(page)


def truncation(library: Library, model_id: str, seed: int) -> NDArray[np.uint8]:
    """Lay out a StyleGAN's pictures of some seeds, psi from -1 to 1 in 20 steps: uint8 [height, width, 3].

    Raises
    ------
    LineageError
        ``model.unknown`` or ``model.role`` for what is no StyleGAN of this program; ``seed.range``.

    """
    model = styles.painter(library, model_id)
    psi = np.linspace(-1, 1, limits.SWEEP.default + 1, dtype=np.float32)
    look = styles.Look(psi=1.0)
    left = MARGIN + 80
    page = Image.new("RGB", (left + len(psi) * CELL + MARGIN, 2 * MARGIN + SWEEPS * CELL + 24), PAPER)
    draw = ImageDraw.Draw(page)
    words = ImageFont.load_default(13)
    for row, one in enumerate(styles.onwards(seed, SWEEPS)):
        top = MARGIN + row * CELL
        draw.text((MARGIN, top + CELL // 2 - 10), f"seed {one}", font=words, fill=QUIET)
        painted = styles.paint(library, model, styles.sweep(library, model, one, look, psi), look)
        for place, image in enumerate(styles.shrunk(painted, 32 * SCALE)):
            page.paste(_on_paper(image), (left + place * CELL, top))
    for place in range(0, len(psi), 5):
        middle = left + place * CELL + 16 * SCALE
        said = f"psi {psi[place]:g}"  # the font that Pillow brings knows no Greek
        draw.text((middle, MARGIN + SWEEPS * CELL + 4), said, font=words, fill=INK, anchor="ma")
    return np.asarray(page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the sheet; exit code 2 and one sentence where it cannot be made."""
    options = _parser().parse_args(arguments)
    out = options.out or DOCS / ("truncation.png" if options.truncation else "lineage.png")
    try:
        library = Library.open(options.models, "cpu")
        if options.truncation:
            _write(out, truncation(library, options.truncation, options.seed))
            print(f"{out}: {SWEEPS} seeds of {options.truncation}, from seed {options.seed} on")
            return 0
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
        _write(out, sheet(found))
    except (LineageError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{out}: {len(found)} rows of {EACH}, seed {options.seed}")
    return 0


def _write(out: Path, page: NDArray[np.uint8]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(paper.to_png(page))


def _on_paper(image: Array) -> Image.Image:
    """Return a picture enlarged without smoothing, grey levels as ink."""
    scale = max(1, SCALE * 32 // image.shape[-1])
    return Image.fromarray(paper.enlarge(paper.on_paper(image, (PAPER, INK)), scale))


def _lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """Return the text in the lines that fit beside the pictures, broken between words."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= WORDS - 24:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.contact_sheet",
        description="Draw ten pictures of every model that ships on one sheet.",
    )
    parser.add_argument("--seed", type=int, default=7, help="0 to 4294967295 (default: %(default)s)")
    parser.add_argument("--truncation", metavar="MODEL", help="a StyleGAN's pictures, twenty truncations")
    parser.add_argument("--out", type=Path, help="PNG to write (default: docs/lineage.png or truncation.png)")
    add_directories(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
