"""Faces that nobody owns: avatars drawn by a program, so that every attribute of every picture is known.

The parts are those of Avataaars by Pablo Stanley (free for personal and commercial use), as DiceBear's
package of styles describes them; resvg turns each SVG into pixels. Which parts a face has is not left to
DiceBear: the values of all attributes are drawn here, independently of one another, from a counter-based
generator, and named one by one. So the labels are true by construction, the frequencies are known, and face
number n is always the same.

No combination of values is both in the training and in the test set: each combination belongs to one of the
two, by a hash of its values, and a draw that belongs to the other set is passed over.

Of the style's own variety this is a part: what cannot be told apart at 64 x 64 pixels is left out, glasses
and beards, which the style gives to one face in ten, are more common, and there is one background.
"""

import hashlib
import io
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = 64  # height and width, pixels
COUNTS = {"train": 30_000, "test": 10_000}
BACKGROUND = "#eaf0f6"
FRAMES = "#262e33"  # of glasses
TEST_SHARE = 4  # one combination in so many belongs to the test set
LICENCE = "free for personal and commercial use"
SOURCE = (
    "drawn by DiceBear (https://www.dicebear.com) from Avataaars by Pablo Stanley, https://avataaars.com/;"
    " 30,000 to learn from, 10,000 to test on, no combination of attributes in both"
)


@dataclass(frozen=True)
class Attribute:
    """What a picture can be asked about: one of the columns of its labels."""

    name: str
    values: tuple[str, ...]  # the label is an index into these


@dataclass(frozen=True)
class _Part:
    """An attribute, what DiceBear calls its values, and how often each comes."""

    name: str
    values: dict[str, str]  # value -> the style's name of the variant, or a colour
    absent: float = 0.0  # share of faces with the first value; the others share the rest alike

    @property
    def shares(self) -> np.ndarray:
        """Probability of each value."""
        count = len(self.values)
        if not self.absent:
            return np.full(count, 1 / count)
        return np.array([self.absent] + [(1 - self.absent) / (count - 1)] * (count - 1))


_PARTS = (
    _Part(
        "top",
        {
            "bob": "bob",
            "bun": "bun",
            "curls": "curly",
            "waves": "curvy",
            "dreadlocks": "dreads",
            "afro": "fro",
            "quiff": "frizzle",
            "shaggy": "shaggy",
            "short curls": "shortCurly",
            "short": "shortFlat",
            "bald": "sides",
            "long": "straight01",
            "hat": "hat",
            "hijab": "hijab",
            "turban": "turban",
            "winter hat": "winterHat03",
        },
    ),
    _Part(
        "hair_colour",
        {
            "black": "#2c1b18",
            "brown": "#724133",
            "auburn": "#a55728",
            "blond": "#d6b370",
            "red": "#c93305",
            "pink": "#f59797",
            "grey": "#e8e1e1",
        },
    ),
    _Part(
        "skin",
        {
            "dark": "#614335",
            "brown": "#ae5d29",
            "tan": "#d08b5b",
            "light": "#edb98a",
            "pale": "#ffdbb4",
            "yellow": "#f8d25c",
        },
    ),
    _Part(
        "eyes",
        {
            "open": "default",
            "happy": "happy",
            "surprised": "surprised",
            "sideways": "side",
            "wink": "wink",
            "hearts": "hearts",
        },
    ),
    _Part(
        "eyebrows", {"calm": "default", "angry": "angry", "raised": "raisedExcited", "sad": "sadConcerned"}
    ),
    _Part(
        "mouth",
        {
            "smile": "smile",
            "closed smile": "twinkle",
            "serious": "serious",
            "shout": "screamOpen",
            "grimace": "grimace",
            "tongue": "tongue",
        },
    ),
    _Part(
        "glasses",
        {"none": "", "round": "round", "square": "prescription02", "sunglasses": "sunglasses"},
        absent=0.55,
    ),
    _Part(
        "facial_hair",
        {
            "none": "",
            "beard": "beardMedium",
            "long beard": "beardMajestic",
            "moustache": "moustacheMagnum",
        },
        absent=0.61,
    ),
    _Part(
        "clothes",
        {
            "hoodie": "hoodie",
            "blazer": "blazerAndShirt",
            "sweater": "collarAndSweater",
            "overall": "overall",
            "T-shirt": "shirtVNeck",
        },
    ),
    _Part(
        "clothes_colour",
        {
            "black": "#262e33",
            "blue": "#5199e4",
            "green": "#a7ffc4",
            "red": "#ff5c5c",
            "yellow": "#ffffb1",
            "white": "#ffffff",
        },
    ),
)

HIDDEN = "hidden"
# What cannot be seen: an attribute, and the values of another one that hide it. Its label then says so.
_HIDERS = (
    ("hair_colour", "top", ("hat", "hijab", "turban", "winter hat")),  # at most a beard tells
    ("eyes", "glasses", ("sunglasses",)),
    ("clothes", "top", ("hijab",)),
)

ATTRIBUTES = tuple(
    Attribute(part.name, (*part.values, *(HIDDEN for hidden, _, _ in _HIDERS if hidden == part.name)))
    for part in _PARTS
)


def load(split: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels of "train" or "test", drawn at the first call and kept in `folder`.

    Returns uint8 [n, 3, 64, 64] and int64 [n, attributes]. Raises ImportError where neither the drawn
    pictures nor the packages that draw them are there, OSError and ValueError where a kept file is bad.
    """
    from tqdm import tqdm

    path = folder / f"{split}-{_version()}.npz"
    if path.is_file():
        with np.load(path) as kept:
            return kept["images"], kept["labels"].astype(np.int64)
    draw = Artist()
    chosen = combinations(split, COUNTS[split])
    images = np.empty((len(chosen), 3, SIZE, SIZE), np.uint8)
    for image, values in zip(images, tqdm(chosen, desc=f"drawing {path.name}", unit="img"), strict=True):
        image[:] = draw(values)
    found = labels(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npz")  # another process may be drawing them too
    np.savez_compressed(partial, images=images, labels=found.astype(np.uint8))
    partial.replace(path)
    return images, found


def combinations(split: str, count: int) -> np.ndarray:
    """The first `count` faces of a split, as indices into each part's values. int64 [count, attributes].

    A face does not depend on how many are asked for.
    """
    bounds = [np.cumsum(part.shares)[:-1] for part in _PARTS]
    found: list[np.ndarray] = []
    kept = 0
    for block in _uniforms(4_096, len(_PARTS)):
        values = np.stack(
            [np.searchsorted(b, u, side="right") for b, u in zip(bounds, block.T, strict=True)], 1
        )
        mine = values[_in_test(values) == (split == "test")]
        found.append(mine)
        kept += len(mine)
        if kept >= count:
            break
    return np.concatenate(found)[:count].astype(np.int64)


def labels(values: np.ndarray) -> np.ndarray:
    """What can be seen of faces with these values, "hidden" where one covers another. The same shape."""
    names = [part.name for part in _PARTS]
    seen = values.copy()
    for hidden, by, which in _HIDERS:
        column, hider = names.index(hidden), _PARTS[names.index(by)]
        hiding = [list(hider.values).index(name) for name in which]
        seen[np.isin(values[:, names.index(by)], hiding), column] = len(_PARTS[column].values)
    return seen


class Artist:
    """Draws a face from the values of its attributes. Raises ImportError without DiceBear and resvg."""

    def __init__(self) -> None:
        import resvg_py
        from dicebear import Avatar, Style

        definition = resources.files("dicebear_styles").joinpath("avataaars.json").read_text("utf-8")
        self._avatar, self._style = Avatar, Style(json.loads(definition))
        self._rasterise = resvg_py.svg_to_bytes

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Values int64 [attributes], as :func:`combinations` gives them -> uint8 [3, 64, 64]."""
        svg = self._avatar(self._style, self._options(values)).to_string()
        png = self._rasterise(
            svg_string=svg, width=SIZE, height=SIZE, background=BACKGROUND, skip_system_fonts=True
        )
        with Image.open(io.BytesIO(bytes(png))) as image:
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)

    @staticmethod
    def _options(values: np.ndarray) -> dict[str, Any]:
        chosen = {part.name: tuple(part.values.values())[k] for part, k in zip(_PARTS, values, strict=True)}
        hair, clothes = chosen["hair_colour"], chosen["clothes_colour"]
        return {
            "seed": "one",  # everything the seed would choose is chosen here
            "topVariant": [chosen["top"]],
            "hairColor": [hair],
            "facialHairColor": [hair],
            "hatColor": [clothes],  # hats match the clothes
            "clothesColor": [clothes],
            "skinColor": [chosen["skin"]],
            "eyesVariant": [chosen["eyes"]],
            "eyebrowsVariant": [chosen["eyebrows"]],
            "mouthVariant": [chosen["mouth"]],
            "clothesVariant": [chosen["clothes"]],
            "accessoriesColor": [FRAMES],
            **_optional("accessories", chosen["glasses"]),
            **_optional("facialHair", chosen["facial_hair"]),
        }


def _optional(component: str, variant: str) -> dict[str, Any]:
    if not variant:
        return {f"{component}Probability": 0}
    return {f"{component}Probability": 100, f"{component}Variant": [variant]}


def _uniforms(rows: int, columns: int) -> Iterator[np.ndarray]:
    """Endless blocks of uniform numbers in [0, 1), float64 [rows, columns]."""
    for block in itertools.count():
        yield np.random.Generator(np.random.Philox(key=[0, block])).random((rows, columns))


def _in_test(values: np.ndarray) -> np.ndarray:
    """Which of the combinations [n, attributes] belong to the test set: bool [n]."""
    number = np.zeros(len(values), np.uint64)
    for part, column in zip(_PARTS, values.T, strict=True):
        number = number * np.uint64(len(part.values)) + column.astype(np.uint64)  # the combination's number
    # SplitMix64's finaliser (Steele et al. 2014): neighbours in number share nothing of their hashes.
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (number ^ (number >> np.uint64(31))) % np.uint64(TEST_SHARE) == 0


def _version() -> str:
    """Eight hex digits that change with anything that changes the pictures."""
    text = repr((_PARTS, _HIDERS, COUNTS, SIZE, BACKGROUND, FRAMES, TEST_SHARE))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
