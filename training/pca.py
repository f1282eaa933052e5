"""Principal component analysis: the linear baseline that the deep autoencoder is measured against.

    Pearson 1901; the protocol, 30 components fitted on the 60,000 digits, is Hinton & Salakhutdinov 2006

There is nothing to iterate: the components are the leading eigenvectors of the covariance of the pixels, and
the whole training set is one batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.config import Config, ConfigError
from training.grids import above_one_another
from training.randomness import Draw
from training.stage import Stage

GRAPHS = {"pca": ("reconstruct",)}
DISTRIBUTED = False  # one step on all images at once


@dataclass(frozen=True, kw_only=True)
class PCAConfig(Config):
    """How many components to keep, of how many images."""

    images: int = 60_000
    batch: int = 60_000
    snapshots: int = 1
    code: int = 30  # components kept

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be fitted."""
        super().validate()
        if not 1 <= self.code <= 28 * 28:
            raise ConfigError(f"code must be 1 to {28 * 28} components, not {self.code}.")
        if self.images != self.batch:
            raise ConfigError("PCA sees its images in one batch: set images and batch to the same number.")


MODELS: dict[str, dict[str, PCAConfig]] = {"pca": {"default": PCAConfig()}}


class PCA(nn.Module):
    """Projection onto the leading components and back."""

    def __init__(
        self,
        pixels: int,  # values of a flattened image
        code: int,  # components
    ) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(pixels), requires_grad=False)
        self.components = nn.Parameter(torch.zeros(code, pixels), requires_grad=False)  # orthonormal rows

    def encode(self, image: Tensor) -> Tensor:
        """[batch, pixels] -> [batch, code]."""
        return (image - self.mean) @ self.components.T

    def decode(self, code: Tensor) -> Tensor:
        """[batch, code] -> [batch, pixels]; may leave [0, 1] a little, as the paper's does."""
        return code @ self.components + self.mean

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, pixels] in [0, 1] -> reconstruction [batch, pixels], code [batch, code]."""
        code = self.encode(image)
        return self.decode(code), code


def principal_components(images: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean [pixels] and the `count` leading eigenvectors of the covariance [count, pixels], float64.

    `images` [n, pixels]. Signs are fixed so that each component's largest entry is positive.
    """
    mean = images.mean(axis=0, dtype=np.float64)
    second_moment = (images.T @ images).astype(np.float64) / len(images)
    _, vectors = np.linalg.eigh(second_moment - np.outer(mean, mean))  # ascending eigenvalues
    components = vectors[:, ::-1].T[:count]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return mean, components * np.sign(largest)


class Eigenvectors:
    """The one step of PCA."""

    def __init__(self, pca: PCA, images: Tensor) -> None:
        self._pca = pca
        self._examples = images[:50]

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """Fit on the batch, which is the training set."""
        pca = self._pca
        pixels = (images.flatten(1).double() / 255).cpu().numpy()
        mean, components = principal_components(pixels, len(pca.components))
        pca.mean.copy_(torch.from_numpy(mean))
        pca.components.copy_(torch.from_numpy(components))
        image = images.flatten(1).float() / 255
        return {"squared_error": (pca(image)[0] - image).square().sum(1).mean()}

    def state_dict(self) -> dict[str, Any]:
        """Nothing beyond the components."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing beyond the components."""

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Rows of ten training images, each above the row of their reconstructions. [100, 1, 28, 28]."""
        images = self._examples.float() / 255
        reconstruction, _ = networks["pca"](images.flatten(1))
        return above_one_another(images, reconstruction.view_as(images))


def build(config: PCAConfig) -> dict[str, nn.Module]:
    """A PCA of 28x28 images, not fitted yet."""
    return {"pca": PCA(28 * 28, config.code)}


def stages(
    config: PCAConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of one step."""
    pca = networks["pca"]
    assert isinstance(pca, PCA)
    return [Stage("pca", Eigenvectors(pca, images), config.images // config.batch, config.batch)]
