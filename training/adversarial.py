"""What the games of the GAN family share: z, labels, both players' Adam and rates, sample grids, losses.

The games themselves, who is rewarded for what, are in the files of their papers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config, ConfigError
from training.randomness import Draw

Z = 100  # values of z, for every GAN of this project, so that one z means something across them
CLASSES = 10
BETAS = (0.5, 0.99)  # of Adam's moments: little momentum, for the other player has moved on
TENTHS = tuple(NormalDist().inv_cdf(k / CLASSES) for k in range(1, CLASSES))  # they cut N(0, 1) in ten


@dataclass(frozen=True, kw_only=True)
class GameConfig(Config):
    """How two networks play, whatever they play."""

    batch: int = 64
    ema_half_life: int = 50_000
    snapshots: int = 8
    generator_rate: float = 5e-4  # Adam's
    discriminator_rate: float = 5e-4
    decay_from: float = 0.5  # part of the run after which both rates fall linearly to 0
    bfloat16: bool = True  # matrix products in bfloat16; pixels, scores and losses in float32

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if not 0 <= self.decay_from <= 1:
            raise ConfigError(f"decay_from must lie in [0, 1], not {self.decay_from}.")


class Optimizers:
    """Adam (Kingma & Ba 2015) for each player, its rate constant at first and then falling to 0."""

    def __init__(
        self,
        config: GameConfig,
        generator: nn.Module,
        discriminator: nn.Module,
        betas: tuple[float, float] = BETAS,
        lazy: int = 0,  # D makes one more step each so many, down a penalty; 0 = never
        paces: Mapping[str, float] | None = None,  # a part of a parameter's name -> its rate over the others'
    ) -> None:
        self._decay_from = config.decay_from
        # Where D makes lazy + 1 steps instead of lazy, each is to count for less (Karras et al. 2020, 3.1).
        share = lazy / (lazy + 1) if lazy else 1.0
        self._rates = {"generator": config.generator_rate, "discriminator": config.discriminator_rate * share}
        players = (
            ("generator", generator, betas),
            ("discriminator", discriminator, (betas[0] ** share, betas[1] ** share)),
        )
        self._adam = {
            name: _adam(network, self._rates[name], both, paces or {}) for name, network, both in players
        }

    def schedule(self, progress: float) -> None:
        """Set the rates for this part of the run."""
        remaining = min(1.0, (1 - progress) / max(1 - self._decay_from, 1e-9))
        for name, adam in self._adam.items():
            for group in adam.param_groups:
                rate = self._rates[name] * remaining * group.get("pace", 1.0)  # a run begun earlier has none
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate

    def descend(self, name: str, loss: Tensor) -> None:
        """One step of one player down its loss."""
        self._adam[name].zero_grad(set_to_none=True)
        loss.backward()
        self._adam[name].step()

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments."""
        return {name: adam.state_dict() for name, adam in self._adam.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with Adam's moments."""
        for name, adam in self._adam.items():
            adam.load_state_dict(state[name])


class Game:
    """What a rule of two players is made of, whatever they play: their Adam and their sample grid."""

    def __init__(
        self,
        config: GameConfig,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        betas: tuple[float, float] = BETAS,
        lazy: int = 0,  # as in :class:`Optimizers`
        paces: Mapping[str, float] | None = None,  # the same
        labelled: bool = False,  # whether the generator takes a label
    ) -> None:
        self._generator, self._discriminator = generator, discriminator
        self._optimizers = Optimizers(config, generator, discriminator, betas, lazy, paces)
        self._bfloat16, self._labelled = config.bfloat16, labelled

    def _autocast(self, data: Tensor) -> torch.autocast:
        """Where matrix products are in bfloat16, if the configuration says so."""
        return torch.autocast(data.device.type, torch.bfloat16, enabled=self._bfloat16)

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments."""
        return self._optimizers.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with Adam's moments."""
        self._optimizers.load_state_dict(state)

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """A hundred images from the same z at every snapshot, a column a class where labelled, NCHW."""
        return sample_grid(networks, draw.normal(100, Z), self._labelled)


def _adam(
    network: nn.Module, rate: float, betas: tuple[float, float], paces: Mapping[str, float]
) -> torch.optim.Adam:
    """Adam whose rates, on a GPU, are tensors there, so that a captured step sees them change."""
    on_gpu = next(network.parameters()).is_cuda
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        name = name.replace("module.", "")  # of DistributedDataParallel
        pace = next((pace for part, pace in paces.items() if part in name), 1.0)
        groups.setdefault(pace, []).append(parameter)
    return torch.optim.Adam(
        [
            {
                "params": parameters,
                "lr": torch.tensor(rate * pace, device="cuda") if on_gpu else rate * pace,
                "pace": pace,
            }
            for pace, parameters in groups.items()
        ],
        betas=betas,
        fused=True,
        capturable=on_gpu,
    )


def chosen_label(label: Tensor, spare: Tensor) -> Tensor:
    """The label asked for; where none is (-1), the tenth of N(0, 1) that a spare normal number falls into.

    label int64 [batch] in -1..9, spare [batch] from N(0, 1) -> int64 [batch] in 0..9, uniform where free. A
    generator that takes a label shows its layers every value of z but the spare first one: so a free label
    says nothing about the rest of z, and G(z, -1) is an exact draw from the ten classes together. Comparing
    with constants, unlike computing a cumulative distribution, gives the same label in every runtime.
    """
    tenth = (spare[:, None] > spare.new_tensor(TENTHS)).sum(1)
    return torch.where(label < 0, tenth, label)


def one_hot(label: Tensor) -> Tensor:
    """Int64 [batch] in 0..9 -> float32 [batch, 10]."""
    return (label[:, None] == torch.arange(CLASSES, device=label.device)).float()


def score_of(scores: Tensor, label: Tensor) -> Tensor:
    """Each picture's score under its label; without one (-1) under the label that suits it best.

    scores [batch, 10], label int64 [batch] in -1..9 -> [batch].
    """
    asked = scores.gather(1, label.clamp(min=0)[:, None]).squeeze(1)
    return torch.where(label < 0, scores.amax(1), asked)


def slope_penalty(score: Tensor, image: Tensor) -> Tensor:
    """Half the squared length of the score's gradient at each picture: R1 (Mescheder et al. 2018, eq. 9).

    score [batch] computed from image [batch, ...], which requires its gradient -> [batch].
    """
    (slope,) = torch.autograd.grad(score.sum(), image, create_graph=True)
    return slope.square().flatten(1).sum(1) / 2


def real_loss(score: Tensor, target: float = 1.0) -> Tensor:
    """-log D(x), the mean over [batch] logits; a target below 1 smooths the label, of real images alone
    (Salimans et al. 2016, section 3.4).
    """
    return functional.softplus(-score).mean() + (1 - target) * score.mean()


def made_loss(score: Tensor) -> Tensor:
    """-log(1 - D(G(z))), the mean over [batch] logits."""
    return functional.softplus(score).mean()


def sample_grid(networks: Mapping[str, nn.Module], z: Tensor, labelled: bool) -> Tensor:
    """Pictures of z [n, 100], float32 NCHW in [0, 1]; with labels, a column of ten a class."""
    generator = networks["generator"].eval()
    columns = torch.arange(len(z), device=z.device) % CLASSES
    pictures: Tensor = generator(z, columns) if labelled else generator(z)
    return pictures
