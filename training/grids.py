"""Sample grids: many small pictures as one, ten in a row."""

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def save_grid(images: Tensor, path: Path) -> None:
    """Write float32 NCHW pictures in [0, 1] as one PNG, ten in a row."""
    pixels = (images.detach().float().clamp(0, 1) * 255).round().byte().cpu().numpy()
    count, channels, height, width = pixels.shape
    rows = math.ceil(count / 10)
    canvas = np.zeros((rows * 10, channels, height, width), np.uint8)
    canvas[:count] = pixels
    grid = canvas.reshape(rows, 10, channels, height, width).transpose(0, 3, 1, 4, 2)
    grid = grid.reshape(rows * height, 10 * width, channels)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid[..., 0] if channels == 1 else grid).save(path)


def above_one_another(images: Tensor, made: Tensor) -> Tensor:
    """Rows of ten `images`, each above the row of what was `made` of them, for a sample grid.

    Two sets [n, ...] of one shape -> [2 n, ...], or a little more: what is missing in the last row is black.
    """
    black = images.new_zeros(-len(images) % 10, *images.shape[1:])
    rows = [torch.cat([each, black]).unflatten(0, (-1, 10)) for each in (images, made)]
    return torch.stack(rows, dim=1).flatten(0, 2)
