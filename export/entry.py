"""What a person says about a model: one `Entry` each, kept in `export.models`, joined in `export.table`.

What its run says, its id leads to: `training.families` knows the file that teaches it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from onnx_models.catalog import Reported
from training import avatars

if TYPE_CHECKING:
    from torch import nn

    from export.graphs import Graph

MNIST = {"id": "mnist", "name": "MNIST", "licence": "CC BY-SA 3.0"}
FASHION_MNIST = {"id": "fashion-mnist", "name": "Fashion-MNIST", "licence": "MIT"}
CIFAR10 = {"id": "cifar10", "name": "CIFAR-10 (JPEG)", "licence": "none stated; cite the report"}
AVATARS = {
    "id": "avatars",
    "name": "Avatars drawn by DiceBear from Avataaars by Pablo Stanley",
    "licence": avatars.LICENCE,
}
LICENCE = "Apache-2.0"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model's words and its graphs; the numbers come from its run."""

    id: str
    kind: Literal["model", "baseline", "judge", "exhibit", "encoder"]
    year: int
    title: Mapping[str, str]  # by language
    lesson: Mapping[str, str]  # three sentences, by language
    equation: str  # MathML
    paper: Mapping[str, str]  # authors, title, url
    reported: tuple[Reported, ...] = ()  # what papers report for such a network
    colour: str  # #rrggbb, at least 4:1 against both paper and ink
    graphs: Callable[[Mapping[str, nn.Module]], tuple[Graph, ...]]  # from the networks by name
    generator: str | None = None  # of an encoder: the model whose styles it finds
    snapshot_role: str | None = None  # the graph whose earlier generations ship too
    dataset: Mapping[str, str] = field(default_factory=lambda: MNIST)
    licence: str = LICENCE
    image: Mapping[str, int] = field(default_factory=lambda: {"channels": 1, "height": 28, "width": 28})


def formula(body: str) -> str:
    """A displayed equation from the inside of its MathML."""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mrow>{body}</mrow></math>'
