"""What the readers hand to the graphs: one generator, read and identified, not how it was stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Network:
    """One generator of a checkpoint: its family, its sizes, what its graph needs to know, its weights.

    Attributes
    ----------
    family : str
        ``stylegan``, ``stylegan2`` or ``stylegan3``.
    variant : str
        Empty for ``stylegan``; ``skip``, ``resnet`` or ``orig`` for ``stylegan2``; ``t`` or ``r`` for
        ``stylegan3``.
    origin : str
        ``tensorflow`` or ``torch``: how the weights are laid out.
    z_dim, w_dim, c_dim : int
        Values of z, of one w, and classes of a label; 0 classes are an unconditional network.
    resolution, channels : int
        Of the square image.
    num_ws : int
        Rows of ws that the synthesis network takes.
    settings : Mapping[str, Any]
        Resolved values that JSON can hold; :mod:`export.official.checkpoint` lists them by family.
    tensors : Mapping[str, numpy.ndarray]
        float32. Of torch origin by the ``state_dict``'s names (``synthesis.b64.conv0.weight``); of tensorflow
        origin by the variables' names (``G_synthesis/64x64/Conv0_up/weight``), in the shapes stored.
    source : Mapping[str, str]
        ``file``, its ``sha256``, the ``class`` or build function, ``module_src_sha256``.

    """

    family: str
    variant: str
    origin: str
    z_dim: int
    w_dim: int
    c_dim: int
    resolution: int
    channels: int
    num_ws: int
    settings: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray]
    source: Mapping[str, str]
