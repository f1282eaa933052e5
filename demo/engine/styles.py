"""What a StyleGAN can be asked: styles of seeds, truncated, mixed, moved; noise; a picture's own styles.

A *style* is a row of ``ws``, float32 [count, rows, size of w]: one for each layer, coarse to fine. Everything
works for any network with the graphs ``mapping`` and ``synthesis``, of any size, with noise or without; how
much is made of a large one is bounded by `affordable`. Whatever goes wrong is a `LineageError`.

    Karras, Laine & Aila 2019, "A style-based generator architecture for generative adversarial networks"
    Shen et al. 2020, "Interpreting the latent space of GANs for semantic face editing"
    Abdal, Qin & Wonka 2019, "Image2StyleGAN: how to embed images into the StyleGAN latent space?"
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.engine import inference, latents, limits
from demo.engine.library import Library
from onnx_models import cookbook, directions, inversion, recipes, seeds
from onnx_models.catalog import Model
from onnx_models.directions import Direction
from onnx_models.errors import LineageError
from onnx_models.seeds import Stream

Array = NDArray[np.float32]

ROLES = ("mapping", "synthesis")
PREFERRED = "stylegan2_avatars"
"""Who is asked where nobody is named, if it ships."""
PSI = 0.7
"""Truncation where none is named: the value of the paper's own pictures."""
NOISE_SEED = 0
"""The noise that the graph ``generate`` holds."""
RANGES = ("coarse", "middle", "fine")

WILD = 1e4
"""No style of any network comes near; of a visitor's beyond, the picture would be nothing but NaN."""

_PART = re.compile(r"rgb_(\d+)")


@dataclass(frozen=True)
class Look:
    """How a picture is made of its style, but for the style itself."""

    psi: float = PSI
    """Truncation: 1 leaves a style as it is, 0 is the centre of all, below 0 lies on its other side."""
    cutoff: int = limits.STYLES.highest
    """How many rows it applies to, from the coarsest; as many as there are at most."""
    label: int = -1
    """The class asked of a network that takes one; -1 for none."""
    noise_seed: int | None = NOISE_SEED
    """None for no noise at all."""

    def check(self, model: Model) -> None:
        """Raise `LineageError` ``argument.range`` or ``seed.range`` for what that network cannot be asked."""
        limits.check_number("psi", self.psi, *limits.PSI)
        limits.STYLES.check(self.cutoff)
        label = limits.LABEL
        (replace(label, highest=classes(model) - 1) if takes_label(model) else label).check(self.label)
        if self.noise_seed is not None:
            seeds.check_seed(self.noise_seed)


# ---------------------------------------------------------------------------------------------- the networks


def painters(library: Library) -> tuple[Model, ...]:
    """Return the networks that paint from styles, the preferred one first, then the oldest."""
    able = [model for model in library.catalog.models if model.has(*ROLES)]
    return tuple(sorted(able, key=lambda model: model.id != PREFERRED))


def painter(library: Library, model_id: str | None = None) -> Model:
    """Return the network of that id, or the first of `painters`.

    Raises
    ------
    LineageError
        ``model.unknown``, ``model.role``, or ``style.none`` where none ships.

    """
    if model_id is not None:
        return library.model(model_id, *ROLES)
    able = painters(library)
    if not able:
        raise LineageError("style.none", "No network that paints from styles ships here.")
    return able[0]


def rows(model: Model) -> int:
    """Return how many styles a picture has."""
    return int(model.graphs["mapping"].input("psi").shape[1])


def z_size(model: Model) -> int:
    """Return how many numbers ``mapping`` makes a style of."""
    return int(model.graphs["mapping"].input("z").shape[1])


def shape(model: Model) -> tuple[int, int, int]:
    """Return channels, height and width of what ``synthesis`` paints, a margin included."""
    _, channels, height, width = model.graphs["synthesis"].output("image").shape
    return int(channels), int(height), int(width)


def takes_label(model: Model) -> bool:
    """Whether a class can be asked for."""
    return inference.takes_label(model, "mapping")


def classes(model: Model) -> int:
    """Return how many classes can be asked for, 0 where none can."""
    return inference.classes(model, "mapping")


def noise_sizes(model: Model) -> tuple[tuple[int, int], ...]:
    """Return height and width of each noise image, none where the network takes no noise."""
    noises = (tensor for tensor in model.graphs["synthesis"].inputs if tensor.name.startswith("noise_"))
    return tuple((int(tensor.shape[2]), int(tensor.shape[3])) for tensor in noises)


def part_sizes(model: Model) -> tuple[int, ...]:
    """Return the sizes that say what they add to the picture, smallest first; none where they do not."""
    found = (_PART.fullmatch(tensor.name) for tensor in model.graphs["synthesis"].outputs)
    return tuple(sorted(int(match[1]) for match in found if match))


def row_sizes(model: Model) -> tuple[int | None, ...]:
    """Return the height of the maps that each style acts on, where noise tells; else None."""
    sizes = noise_sizes(model)
    return tuple(sizes[min(row, len(sizes) - 1)][0] if sizes else None for row in range(rows(model)))


def affordable(model: Model, wanted: int, least: int = 1) -> int:
    """Return how many pictures one answer may hold: as many as wanted of small ones, fewer of large ones."""
    _, height, width = shape(model)
    return max(least, min(wanted, limits.PAINTED // (height * width)))


# ---------------------------------------------------------------------------------------------------- layers


def layer_range(model: Model, name: str) -> range:
    """Return the rows that are called ``coarse``, ``middle`` or ``fine``.

    The paper's bounds, 4 and 8 rows, where a network is large; thirds of its sizes where it is small.
    """
    count = rows(model)
    first, second = min(4, 2 * -(-count // 6)), min(8, 2 * -(-count // 3))
    return dict(zip(RANGES, (range(first), range(first, second), range(second, count)), strict=True))[name]


def layers(model: Model, text: str) -> tuple[int, ...]:
    """Read which rows come from elsewhere: ``coarse``, ``middle``, ``fine``, ``none``, ``0-3`` or ``0-3,8``.

    Raises
    ------
    LineageError
        ``style.layers``, naming what can be said.

    """
    if text in RANGES:
        return tuple(layer_range(model, text))
    chosen: set[int] = set()
    for part in () if text == "none" else str(text).split(","):
        match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", part)
        if match is None or max(int(match[1]), int(match[2] or 0)) >= rows(model):
            raise LineageError(
                "style.layers",
                f"Layers are coarse, middle, fine, none, or numbers from 0 to {rows(model) - 1} such as "
                f"0-3,6; got {text[:40]!r}.",
                last=rows(model) - 1,
                value=repr(text[:40]),
            )
        chosen.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(sorted(chosen))


def mixed(a: Array, b: Array, taken: Sequence[int]) -> Array:
    """Return ``a`` with the rows ``taken`` of ``b``: both float32 [..., rows, size of w] (section 3.1)."""
    taken_rows = np.isin(np.arange(a.shape[-2]), taken)[:, None]
    return np.where(taken_rows, b, a)


# ---------------------------------------------------------------------------------------------------- styles


def z_of(model: Model, chosen: Sequence[int]) -> Array:
    """Return the first z of each seed, by the makers' rule where there is one: float32 [count, z size]."""
    if model.seeds is not None:
        return np.concatenate([seeds.makers_normals(seed, z_size(model)) for seed in chosen])
    return np.concatenate([seeds.normals(seed, 1, z_size(model), Stream.Z) for seed in chosen])


def onwards(seed: int, count: int) -> list[int]:
    """Return a seed and those after it; after the last comes 0."""
    first = seeds.check_seed(seed)
    return [(first + k) % seeds.SEED_LIMIT for k in range(count)]


def styles(library: Library, model: Model, z: Array, look: Look, psi: Array | None = None) -> Array:
    """Map z, float32 [count, z size], to styles: float32 [count, rows, size of w].

    Parameters
    ----------
    psi : float32 [count], in the place of ``look.psi``

    """
    look.check(model)
    chosen = np.broadcast_to(np.float32(look.psi) if psi is None else psi, len(z))
    truncated = np.ones((len(z), rows(model)), np.float32)
    truncated[:, : look.cutoff] = chosen[:, None]
    inputs = {"z": z, "psi": truncated}
    if takes_label(model):
        inputs["label"] = np.full(len(z), look.label, np.int64)
    return library.runtime.run(model.graphs["mapping"], inputs)["ws"]


def truncated(library: Library, model: Model, ws: Array, look: Look, psi: Array | None = None) -> Array:
    """Draw styles that no z is known of, float32 [count, rows, size of w], to the centre: the same shape.

    Parameters
    ----------
    psi : float32 [count], in the place of ``look.psi``

    """
    (centre,) = styles(
        library, model, np.zeros((1, z_size(model)), np.float32), replace(look, psi=0.0, cutoff=rows(model))
    )
    share = np.broadcast_to(np.float32(look.psi) if psi is None else psi, len(ws))[:, None, None]
    drawn = np.asarray(ws + (share - 1) * (ws - centre), np.float32)  # exactly ws where the share is 1
    return mixed(ws, drawn, range(min(look.cutoff, rows(model))))


def sweep(library: Library, model: Model, seed: int, look: Look, psi: Array) -> Array:
    """Return the style of one seed under each truncation, psi [count]: float32 [count, rows, size of w]."""
    z = np.repeat(z_of(model, [seeds.check_seed(seed)]), len(psi), axis=0)
    return styles(library, model, z, look, np.asarray(psi, np.float32))


def ways(library: Library, model: Model, start: int, end: int, count: int, look: Look) -> tuple[Array, Array]:
    """Go from one seed's style to another's in two ways, both ends included.

    Returns
    -------
    Of the great circle in z, then of the straight line in w: float32 [count, rows, size of w] each

    """
    z = z_of(model, [seeds.check_seed(start), seeds.check_seed(end)])
    t = np.linspace(0.0, 1.0, count, dtype=np.float32)
    in_z = styles(library, model, latents.slerp(z[0], z[1], t), look)
    a, b = styles(library, model, z, look)
    return in_z, straight(a, b, count)


def straight(start: Array, end: Array, count: int) -> Array:
    """Go straight from one style to another, float32 [rows, size of w], both ends included: [count, ...]."""
    t = np.linspace(0.0, 1.0, count, dtype=np.float32)
    return latents.lerp(start.ravel(), end.ravel(), t).reshape(count, *start.shape)


# ------------------------------------------------------------------------------------------------ directions


def sliders(library: Library, model: Model) -> tuple[Direction, ...]:
    """Return the directions that ship with a network, read once; raises as `onnx_models.directions.load`."""
    return library.once(("directions", model.id), lambda: directions.load(model))


def moves(library: Library, model: Model, asked: Any) -> list[tuple[Direction, float]]:
    """Read which directions a style is to be moved along, and how far.

    Parameters
    ----------
    asked : an object of standard deviations by a direction's id; null for the strength it was measured at

    Raises
    ------
    LineageError
        ``style.direction`` naming the directions there are, or ``argument.range``.

    """
    known = {direction.id: direction for direction in sliders(library, model)}
    if not isinstance(asked, Mapping) or not known.keys() >= asked.keys():
        able = ", ".join(known) or "none"
        unknown = (
            (name for name in asked if name not in known) if isinstance(asked, Mapping) else iter([asked])
        )
        missing = str(next(unknown))[:40]
        raise LineageError(
            "style.direction",
            f"Directions are an object of strengths by id, and {model.id} has none called {missing!r}; "
            f"it has: {able}.",
            model=model.id,
            direction=missing,
            able=able,
        )
    return [
        (
            known[name],
            known[name].strength
            if strength is None
            else limits.check_number(f"directions.{name}", strength, *limits.STRENGTH),
        )
        for name, strength in asked.items()
    ]


# ----------------------------------------------------------------------------------------- found in pictures


@dataclass(frozen=True)
class Found:
    """Styles that were looked for, and the picture that the network paints of them."""

    ws: Array
    """float32 [1, rows, size of w]."""
    picture: Array
    """float32 [channels, height, width]."""
    error: float
    """Root of the mean squared difference to what was looked for, white being 1."""


def encoder(library: Library, model: Model) -> Model:
    """Return who finds styles for that network, or raise `LineageError` ``style.encoder``."""
    found = library.catalog.encoder(model.id)
    if found is None:
        raise LineageError(
            "style.encoder", f"Nobody here finds the styles of a picture for {model.id}.", model=model.id
        )
    return found


def guess(library: Library, model: Model, picture: Array) -> Array:
    """Return the styles that the encoder sees in a picture, float32 [channels, height, width], at one glance.

    Returns
    -------
    float32 [1, rows, size of w]

    """
    graph = encoder(library, model).graphs["encode"]
    return library.runtime.run(graph, {"image": picture[None]})["ws"]


def found(library: Library, model: Model, picture: Array, ws: Array, look: Look) -> Found:
    """Paint styles, float32 [1, rows, size of w], and measure how far they are from a picture."""
    (made,) = paint(library, model, ws, look)
    return Found(ws, made, distance(made, picture))


def refined(
    library: Library, model: Model, picture: Array, ws: Array, look: Look, steps: int
) -> Iterator[Found]:
    """Bring styles closer to a picture, step by step: first what was given, then one more for each step.

    Each is a run of the graph ``refine``, a step of Adam whose length falls along a cosine.
    """
    graph = encoder(library, model).graphs["refine"]
    noise = inversion.noises(graph, look.noise_seed)
    for styles, (made,) in inversion.refined(library.runtime, graph, picture[None], ws, noise, steps):
        yield Found(styles, made, distance(made, picture))


def distance(made: Array, picture: Array) -> float:
    """Return the root of the mean squared difference of two pictures, white being 1."""
    return float(np.sqrt(np.square(made.astype(np.float64) - picture).mean()))


def packed(ws: Array) -> str:
    """Return styles, float32 [1, rows, size of w], as text for an address or a state."""
    return base64.b64encode(ws.astype("<f4").tobytes()).decode("ascii")


def unpacked(model: Model, text: str) -> Array | None:
    """Return what `packed` made of a network's styles; None for anything else."""
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except (binascii.Error, ValueError):
        return None
    _, *shape_of = model.graphs["mapping"].output("ws").shape
    wanted = tuple(map(int, shape_of))
    if values.size != math.prod(wanted) or not (np.abs(values) < WILD).all():
        return None
    return values.astype(np.float32).reshape(1, *wanted)


# -------------------------------------------------------------------------------------------------- pictures


def paint(library: Library, model: Model, ws: Array, look: Look, side: int | None = None) -> Array:
    """Paint styles, all with the same noise: float32 [count, channels, height, width] in [0, 1].

    Parameters
    ----------
    side : pictures that are larger are shrunk by a whole factor until they are not

    """
    recipe = cookbook.paint(model, ws, cookbook.noise(model, look.noise_seed))
    return shrunk(recipes.cook(recipe, library.catalog, library.runtime).pictures, side)


def portrait(
    library: Library, model: Model, seed: int, look: Look, along: Iterable[tuple[Direction, float]] = ()
) -> Array:
    """Paint one seed, moved along directions: float32 [channels, height, width] in [0, 1]."""
    return _single(library, recipe(model, seed, look, along=along))


def crossing(
    library: Library,
    model: Model,
    seed: int,
    other: int,
    taken: Sequence[int],
    look: Look,
    along: Iterable[tuple[Direction, float]] = (),
) -> Array:
    """Paint a seed with some rows of another's style: float32 [channels, height, width] in [0, 1].

    The child is what is moved along directions.
    """
    return _single(library, recipe(model, seed, look, (other, taken), along))


def recipe(
    model: Model,
    seed: int,
    look: Look,
    mix: tuple[int, Sequence[int]] | None = None,
    along: Iterable[tuple[Direction, float]] = (),
) -> cookbook.Recipe:
    """Return the recipe of `portrait`, or with another seed and the rows it lends that of `crossing`."""
    look.check(model)
    psi, grains = cookbook.truncation(model, look.psi, look.cutoff), cookbook.noise(model, look.noise_seed)
    chosen = seeds.check_seed(seed)
    other = None if mix is None else (seeds.check_seed(mix[0]), mix[1])
    return cookbook.portrait(model, chosen, psi, grains, look.label, other, along)


def _single(library: Library, recipe: cookbook.Recipe) -> Array:
    return recipes.cook(recipe, library.catalog, library.runtime).pictures[0]


def deviation(library: Library, model: Model, ws: Array, noise_seed: int, count: int) -> Array:
    """Measure how much noise moves each pixel of one style, float32 [1, rows, size of w].

    Returns
    -------
    float32 [height, width]: the standard deviation over ``count`` noises of the seed, its root mean square
    over the channels

    Raises
    ------
    LineageError
        ``style.noise``: the network takes none.

    """
    if not noise_sizes(model):
        raise without(model, "noise")
    recipe = cookbook.paint(model, ws, cookbook.noise(model, noise_seed, count))
    pictures = recipes.cook(recipe, library.catalog, library.runtime).pictures
    variance = pictures.var(axis=0, dtype=np.float64)
    return np.sqrt(variance.mean(axis=0)).astype(np.float32)


def parts(library: Library, model: Model, ws: Array, look: Look) -> tuple[Array, ...]:
    """Return what each size adds to the picture of one style, float32 [1, rows, size of w].

    Returns
    -------
    float32 [channels, size, size] each, about 0, from the smallest; see `sums`

    Raises
    ------
    LineageError
        ``style.inside``: the network does not tell.

    """
    if not part_sizes(model):
        raise without(model, "inside")
    names = [f"paint.rgb_{size}" for size in part_sizes(model)]
    recipe = cookbook.paint(model, ws, cookbook.noise(model, look.noise_seed)) | {"numbers": names}
    numbers = recipes.cook(recipe, library.catalog, library.runtime).numbers
    return tuple(numbers[name][0] for name in names)


def sums(added: Sequence[Array]) -> tuple[Array, ...]:
    """Return the picture so far after each part of `parts`; the last is the picture, before it is clipped."""
    found = [added[0] + 0.5]
    for part in added[1:]:
        found.append(doubled(found[-1] - 0.5) + 0.5 + part)
    return tuple(found)


def doubled(picture: NDArray[Any]) -> NDArray[Any]:
    """Double height and width as the networks do: [..., h, w] -> [..., 2 h, 2 w].

    Zeros between the pixels and around them, then the filter [1, 3, 3, 1] / 4 both ways (Karras et al. 2020,
    after Zhang 2019).
    """
    for axis in (-2, -1):
        x = np.moveaxis(picture, axis, -1)
        edge = np.zeros_like(x[..., :1])
        before = np.concatenate([edge, x[..., :-1]], axis=-1)
        after = np.concatenate([x[..., 1:], edge], axis=-1)
        pairs = np.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=-1)
        picture = np.moveaxis(pairs.reshape(*x.shape[:-1], -1), -1, axis)
    return picture


def shrunk(pictures: Array, side: int | None) -> Array:
    """Average pictures [..., h, w] over blocks by the smallest factor of two that brings them to ``side``."""
    while side is not None and max(pictures.shape[-2:]) > side and not pictures.shape[-1] % 2:
        *rest, height, width = pictures.shape
        pictures = pictures.reshape(*rest, height // 2, 2, width // 2, 2).mean(axis=(-3, -1))
    return pictures


def without(model: Model, what: str) -> LineageError:
    """Return what is said of a network that takes no noise, or does not tell what its sizes add."""
    if what == "noise":
        return LineageError("style.noise", f"{model.id} takes no noise beside its styles.", model=model.id)
    return LineageError(
        "style.inside", f"{model.id} does not tell what each of its sizes adds.", model=model.id
    )
