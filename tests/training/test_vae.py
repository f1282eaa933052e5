"""The variational autoencoder's bound against integrals, and what the newer rules do to their batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from training import autoencoder, avatars, classifier, recipes, vae
from training.randomness import Draw

CPU = torch.device("cpu")


def draw(key: int = 0) -> Draw:
    return Draw([key], CPU)


# --- the bound ----------------------------------------------------------------------------------------------


def test_kl_and_likelihood_agree_with_torchs_distributions() -> None:
    """Catches a variance taken for a deviation, a missing half, a mean over latents or pixels."""
    torch.manual_seed(0)
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    expected = kl_divergence(Normal(mean, torch.exp(log_variance / 2)), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(vae.gaussian_kl(mean, log_variance), expected)
    logits, image = 3 * torch.randn(5, 11), torch.randint(0, 2, (5, 11)).float()
    expected = Bernoulli(logits=logits).log_prob(image).sum(1)
    torch.testing.assert_close(vae.bernoulli_log_likelihood(logits, image), expected)


@pytest.fixture(scope="module")
def tiny_vae() -> vae.VariationalAutoencoder:
    """One latent, so that integrals over it can be done on a grid; weights large enough to matter."""
    torch.manual_seed(1)
    network = vae.VariationalAutoencoder(6, (5,), 1)
    for parameter in network.parameters():
        parameter.data = torch.randn_like(parameter)
    return network.double().requires_grad_(False)


def test_the_bound_is_short_of_the_evidence_by_the_kl_to_the_posterior(
    tiny_vae: vae.VariationalAutoencoder,
) -> None:
    """log p(x) = ELBO + KL(q(z|x) || p(z|x)), all three on a grid and the ELBO by the network's own samples.

    Catches a sample that is not of q, a KL that is not of that q, a sign.
    """
    image = torch.tensor([[1.0, 0, 1, 1, 0, 1]], dtype=torch.float64)
    z = torch.linspace(-12, 12, 24_001, dtype=torch.float64)[:, None]
    mean, log_variance = tiny_vae.encode(image)
    q = Normal(mean, torch.exp(log_variance / 2)).log_prob(z)[:, 0]
    joint = Bernoulli(logits=tiny_vae.decode(z)).log_prob(image).sum(1) + Normal(0.0, 1.0).log_prob(z)[:, 0]
    step = float(z[1] - z[0])
    log_evidence = float(torch.logsumexp(joint, 0)) + math.log(step)
    gap = float((q.exp() * (q - (joint - log_evidence))).sum() * step)
    assert gap > 0.01  # q is not the posterior: the bound is loose enough to be told from the evidence

    count = 100_000
    noise = torch.randn(count, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits, mean, log_variance = tiny_vae(image.expand(count, -1), noise)
    likelihood = Bernoulli(logits=logits).log_prob(image.expand(count, -1)).sum(1)
    elbo = float(likelihood.mean() - vae.gaussian_kl(mean, log_variance)[0])
    error = float(likelihood.std()) / math.sqrt(count)
    # The network's sample is float32 at its narrowest: 1e-5 beside the standard error.
    assert elbo == pytest.approx(log_evidence - gap, abs=4 * error + 1e-5)


def two_patterns(count: int, flipped: float) -> torch.Tensor:
    """uint8 [count, 1, 4, 4]: all black or all white, each pixel then flipped with that probability."""
    generator = torch.Generator().manual_seed(0)
    side = torch.rand(count, 1, generator=generator) < 0.5
    flips = torch.rand(count, 16, generator=generator) < flipped
    return ((side ^ flips).byte() * 255).view(count, 1, 4, 4)


def test_training_reaches_the_entropy_of_data_it_can_explain() -> None:
    """The best any model can do is minus the entropy of the data, known here; without a code it is -16 log 2.

    Catches a bound that is not one (above the entropy), a KL without weight or with too much of it, images
    that are not binary, an optimiser that does not get there.
    """
    flipped = 0.1
    ones = np.arange(17)
    counts = np.array([math.comb(16, k) for k in ones])
    of_one_image = 0.5 * (flipped**ones * (1 - flipped) ** (16 - ones))
    of_one_image = of_one_image + of_one_image[::-1]
    entropy = -float((counts * of_one_image * np.log(of_one_image)).sum())

    torch.manual_seed(0)
    config = vae.VaeConfig(
        images=60_000,
        batch=100,
        latents=2,
        widths=(16,),
        learning_rate=1e-2,
        warm_up_steps=20,
        bfloat16=False,
    )
    network = vae.VariationalAutoencoder(16, config.widths, config.latents)
    data = two_patterns(5_000, flipped)
    rule = vae.MaximiseElbo(config, network, data)
    steps = config.images // config.batch
    found = []
    for step in range(steps):
        batch = data[torch.arange(step * 100, (step + 1) * 100) % len(data)]
        losses = rule.step(batch, torch.zeros(100), step / steps, draw(step))
        assert float(losses["elbo"]) == pytest.approx(
            float(losses["log_likelihood"] - losses["kl"]), abs=1e-4
        )
        found.append(float(losses["elbo"]))
    # Above the entropy by no more than noise: 100 steps of 100 images that vary by 2 nats give 0.02. Below it
    # by what a Gaussian wastes on a code of one bit, measured as 0.4.
    last = np.mean(found[-100:])
    assert -entropy - 0.7 < last < -entropy + 0.1
    assert last > -16 * math.log(2) + 4


def test_every_visit_draws_the_pixels_anew() -> None:
    """Catches a data set binarised once: two steps on one grey image must not see the same pixels."""
    seen: list[torch.Tensor] = []

    class Watch(vae.VariationalAutoencoder):
        def forward(self, image: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, ...]:
            seen.append(image)
            return super().forward(image, noise)

    config = vae.VaeConfig(images=1_000, latents=2, widths=(4,))
    grey = torch.full((50, 1, 4, 4), 64, dtype=torch.uint8)
    rule = vae.MaximiseElbo(config, Watch(16, (4,), 2), grey)
    for key in range(2):
        rule.step(grey, torch.zeros(50), 0.5, draw(key))
    assert all(set(image.unique().tolist()) == {0.0, 1.0} for image in seen)
    assert not torch.equal(seen[0], seen[1])
    # 800 pixels a step of probability 1/4: a deviation of 0.011 for both steps together.
    assert float(torch.stack(seen).mean()) == pytest.approx(64 / 255, abs=0.045)


# --- damage, mirrors, blanks --------------------------------------------------------------------------------


def test_damage_is_as_frequent_as_asked_and_leaves_the_rest_alone() -> None:
    """Catches masking and salt that overlap or swap, one severity for the whole batch, a damaged target."""
    image = torch.full((4_000, 100), 0.5)
    damaged = autoencoder.corrupted(image, masking=0.5, salt=0.3, draw=draw())
    black, white = (damaged == 0).float(), (damaged == 1).float()
    # Severities are uniform, so half of the most is the mean; 0.29 * 0.5 / sqrt(4000) = 0.002 its deviation.
    assert float(black.mean()) == pytest.approx(0.25, abs=0.01)
    assert float(white.mean()) == pytest.approx(0.15, abs=0.01)
    assert torch.equal(damaged[(black + white) == 0], image[(black + white) == 0])
    shares = black.mean(1)
    assert float(shares.min()) < 0.05
    assert float(shares.max()) > 0.45
    assert float(torch.corrcoef(torch.stack([shares, white.mean(1)]))[0, 1]) > 0.7  # one severity for both
    assert torch.equal(image, torch.full((4_000, 100), 0.5))


def test_a_denoiser_is_taught_the_whole_picture() -> None:
    """Catches a denoiser that is asked to reproduce the damage: it would never learn to undo it."""
    torch.manual_seed(0)
    data = two_patterns(400, flipped=0.0)
    config = autoencoder.DenoisingConfig(
        images=40_000,
        batch=100,
        code=2,
        widths=(16,),
        shift=0,
        warm_up_steps=10,
        learning_rate=1e-2,
        bfloat16=False,
    )
    network = autoencoder.Autoencoder(16, config.widths, config.code)
    rule = autoencoder.Denoise(config, network, data)
    errors = [
        float(
            rule.step(data[torch.arange(100) + 100 * (step % 4)], torch.zeros(100), step / 400, draw(step))[
                "squared_error"
            ]
        )
        for step in range(400)
    ]
    # Seven pixels in sixteen spoiled at the worst still tell black from white, nearly always.
    assert np.mean(errors[-20:]) < 0.5 < errors[0]


def test_a_shift_moves_all_colours_alike() -> None:
    """Catches channels that are shifted apart, which no grey data set would show."""
    image = torch.arange(1, 1 + 2 * 8 * 8, dtype=torch.uint8).view(2, 1, 8, 8).expand(-1, 3, -1, -1)
    moved = recipes.shifted(image, 2, draw())
    assert not torch.equal(moved, image)
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert torch.equal(moved[:, 0], moved[:, 2])


class Probe(torch.nn.Module):
    """A classifier that keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(10))
        self.seen = torch.empty(0)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.seen = image.detach().clone()
        return self.weight.expand(len(image), -1), image.flatten(1)


def test_half_of_the_images_are_mirrored_and_none_turned() -> None:
    """Catches a flip upside down, of the whole batch at once, or of the labels' order."""
    image = torch.randint(
        0, 256, (2_000, 1, 3, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    probe = Probe()
    config = classifier.ClassifierConfig(shift=0, flip=True)
    classifier.Classify(config, probe).step(image, torch.zeros(2_000, dtype=torch.long), 0.5, draw())
    as_is = (probe.seen == image.float() / 255).flatten(1).all(1)
    mirrored = (probe.seen == image.flip(3).float() / 255).flatten(1).all(1)
    assert bool((as_is ^ mirrored).all())
    assert float(mirrored.float().mean()) == pytest.approx(0.5, abs=0.05)  # 4.5 deviations


def test_blanking_keeps_the_expected_brightness() -> None:
    """Catches a network that sees darker pictures in training than in use."""
    image = torch.full((200, 1, 20, 20), 255, dtype=torch.uint8)
    probe = Probe()
    config = classifier.PerceptronConfig(blank=0.25)
    classifier.Classify(config, probe).step(image, torch.zeros(200, dtype=torch.long), 0.5, draw())
    assert sorted({round(value, 4) for value in probe.seen.unique().tolist()}) == [0.0, 1.3333]
    assert float(probe.seen.mean()) == pytest.approx(1, abs=0.01)  # 0.58 / sqrt(80,000) = 0.002 its deviation


# --- the judges' networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", classifier.MODELS)
def test_a_judge_says_every_class_and_features_that_are_not_negative(model: str) -> None:
    """Catches a network that does not take its data set's pictures, and features before their ReLU."""
    config = classifier.MODELS[model]["default"]
    network = classifier.build(config)["classifier"].eval()
    image = torch.rand(3, *config.image_shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, features = network(image)
    values = sum(len(attribute.values) for attribute in avatars.ATTRIBUTES)
    assert logits.shape == (3, values if config.dataset == "avatars" else 10)
    assert features.ndim == 2
    assert float(features.min()) >= 0
    assert float(features.max()) > 0
    size = sum(parameter.numel() for parameter in network.parameters())
    assert size < 1_500_000  # 3 MB in half precision


def test_the_perceptron_does_not_know_where_a_pixel_is() -> None:
    """The baseline is fair only if a shuffle of the pixels, undone in the first weights, changes nothing."""
    config = classifier.MODELS["classifier_mlp"]["default"]
    assert config.shift == 0
    assert not config.flip
    network = classifier.build(config)["classifier"].eval()
    shuffle = torch.randperm(784, generator=torch.Generator().manual_seed(0))
    image = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before, _ = network(image)
        first = next(layer for layer in network.modules() if isinstance(layer, torch.nn.Linear))
        first.weight.copy_(first.weight[:, shuffle])
        after, _ = network(image.flatten(1)[:, shuffle].view_as(image))
    torch.testing.assert_close(before, after)
