"""Variational autoencoder: an encoder that answers with a distribution, a decoder that is a generative model.

    Kingma & Welling 2014, "Auto-encoding variational Bayes"

    p(z) = N(0, I)    p(x|z) = Bernoulli(decoder(z))    q(z|x) = N(mean(x), diag(exp(log_variance(x))))

What is maximised is the paper's bound on log p(x), the ELBO with its KL term in closed form and one sample of
z an image; nothing is re-weighted, annealed or tightened. As in later work on the bound (Burda et al. 2016)
the pixels are drawn anew from their grey values every time an image is seen, so that there is no end of data
to overfit. One stochastic layer and two deterministic ones on either side, as there; what their 200 tanh
units learn in 3,280 passes, wider SiLU layers, AdamW and a cosine schedule learn in a fraction of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config, ConfigError
from training.randomness import Draw
from training.recipes import Descent, mlp, part_of_run
from training.stage import Stage

GRAPHS = {"vae": ("encode", "decode")}
DISTRIBUTED = True

PIXELS = 28 * 28


@dataclass(frozen=True, kw_only=True)
class VaeConfig(Config):
    """A variational autoencoder and how it learns."""

    images: int = 200 * 60_000
    batch: int = 128
    latents: int = 50  # dimensions of z
    widths: tuple[int, ...] = (400, 400)  # hidden layers of the encoder; the decoder mirrors them
    learning_rate: float = 4e-3  # AdamW's, at its height
    warm_up_steps: int = 500
    bfloat16: bool = True  # matrix products in bfloat16; the sample, the bound and the weights in float32

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if self.latents < 1 or min(self.widths, default=1) < 1:
            raise ConfigError("latents and every one of widths must be at least 1 unit.")
        if self.warm_up_steps < 1:
            raise ConfigError(f"warm_up_steps must be at least 1, not {self.warm_up_steps}.")


MODELS: dict[str, dict[str, VaeConfig]] = {
    # The recipe was chosen on train[:50000] / train[50000:]; the defaults are the final refits on all 60,000.
    "vae": {
        "default": VaeConfig(),
        "selection": VaeConfig(split="train[:50000]"),
    },
    # Two latents are a map one can look at, and far too few to be a good model of digits.
    "vae_2": {
        "default": VaeConfig(latents=2, widths=(256, 256), images=60 * 60_000),
    },
}


class VariationalAutoencoder(nn.Module):
    """q(z|x) and p(x|z), each a multilayer perceptron."""

    def __init__(
        self,
        pixels: int,  # values of a flattened image
        widths: tuple[int, ...],  # hidden units of the encoder, and in reverse of the decoder
        latents: int,  # dimensions of z
    ) -> None:
        super().__init__()
        self.encoder = mlp((pixels, *widths, 2 * latents))
        self.decoder = mlp((latents, *reversed(widths), pixels))
        for half in (self.encoder, self.decoder):
            _initialise(half)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, pixels] in [0, 1] -> mean and log_variance of q(z|x), [batch, latents] each."""
        mean, log_variance = self.encoder(image).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Tensor) -> Tensor:
        """[batch, latents] -> logits [batch, pixels]; their sigmoid is the probability of each pixel."""
        return self.decoder(z)

    def forward(self, image: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[batch, pixels], [batch, latents] from N(0, 1) -> logits, mean, log_variance."""
        mean, log_variance = self.encode(image)
        mean, log_variance = mean.float(), log_variance.float()  # under autocast the sample stays exact
        z = mean + torch.exp(log_variance / 2) * noise  # the reparameterisation trick, section 2.4
        return self.decode(z), mean, log_variance


def _initialise(half: nn.Sequential) -> None:
    """Keep the size of activations from layer to layer (He et al. 2015); the last layer starts small, so that
    q begins near p(z) and the pixels near a probability of one half.
    """
    *hidden, last = (layer for layer in half if isinstance(layer, nn.Linear))
    for layer in hidden:
        nn.init.normal_(layer.weight, std=SILU_GAIN / layer.in_features**0.5)
        nn.init.zeros_(layer.bias)
    nn.init.normal_(last.weight, std=0.3 / last.in_features**0.5)
    nn.init.zeros_(last.bias)


SILU_GAIN = 1.7  # 1 / sqrt(E[silu(x)^2]) is 1.68 for x from N(0, 1)


def bernoulli_log_likelihood(logits: Tensor, image: Tensor) -> Tensor:
    """log p(x|z) of binary `image`, nats: [batch, pixels] twice -> [batch]. Appendix C.1."""
    return -functional.binary_cross_entropy_with_logits(logits.float(), image, reduction="none").sum(1)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(q(z|x) || p(z)) between a diagonal Gaussian and N(0, I), nats: [batch, latents] twice -> [batch].

    Appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)


class MaximiseElbo(Descent):
    """Stochastic gradient ascent on the bound L(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z)), equation 10."""

    def __init__(self, config: VaeConfig, vae: nn.Module, images: Tensor) -> None:
        warm_up = part_of_run(config.warm_up_steps, config)
        super().__init__(vae, config.learning_rate, warm_up, fused=True)
        self._config, self._vae = config, vae
        self._examples = images[:20]

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One step of AdamW on freshly binarised images."""
        config = self._config
        grey = images.flatten(1).float() / 255
        image = (draw.uniform(*grey.shape) < grey).float()
        noise = draw.normal(len(image), config.latents)
        with torch.autocast(image.device.type, torch.bfloat16, enabled=config.bfloat16):
            logits, mean, log_variance = self._vae(image, noise)
        reconstruction = bernoulli_log_likelihood(logits, image).mean()
        kl = gaussian_kl(mean, log_variance).mean()
        self.descend(kl - reconstruction, progress)
        reconstruction, kl = reconstruction.detach(), kl.detach()
        return {"elbo": reconstruction - kl, "log_likelihood": reconstruction, "kl": kl}

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Training images above their reconstructions, two rows of each, then six rows of digits decoded from
        z ~ N(0, I). [100, 1, 28, 28].
        """
        vae = networks["vae"]
        images = self._examples.float() / 255
        mean, _ = vae.encode(images.flatten(1))
        pairs = torch.stack([images, torch.sigmoid(vae.decode(mean)).view_as(images)])
        pairs = pairs.unflatten(1, (-1, min(10, len(images)))).transpose(0, 1).flatten(0, 2)
        z = draw.normal(60, self._config.latents)
        dreams = torch.sigmoid(vae.decode(z)).unflatten(1, images.shape[1:])
        return torch.cat([pairs, dreams])


def build(config: VaeConfig) -> dict[str, nn.Module]:
    """A variational autoencoder for 28x28 images with fresh weights."""
    return {"vae": VariationalAutoencoder(PIXELS, config.widths, config.latents)}


def stages(
    config: VaeConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage, end to end."""
    rule = MaximiseElbo(config, networks["vae"], images)
    return [Stage("vae", rule, config.images // config.batch, config.batch, config.ema_half_life)]
