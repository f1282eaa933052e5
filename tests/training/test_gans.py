"""The GAN family: losses against closed forms, labels and their absence, what batch statistics may see."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from export.table import ENTRIES
from export.to_onnx import to_onnx
from training import acgan, adversarial, cdcgan, cgan, dcgan, gan, randomness, ssgan, wgan_gp
from training.config import ConfigError

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def normals(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def uniforms(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def pictures(count: int, *shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *(shape or (1, 28, 28))), generator=generator, dtype=torch.uint8)


# --- losses -------------------------------------------------------------------------------------------------


def test_losses_are_the_logarithms_of_the_paper() -> None:
    """Catches a wrong sign, a sum for a mean, and smoothing that reaches made images."""
    score = normals(7)
    probability = torch.sigmoid(score)
    torch.testing.assert_close(adversarial.real_loss(score), -probability.log().mean())
    torch.testing.assert_close(adversarial.made_loss(score), -(1 - probability).log().mean())
    smoothed = functional.binary_cross_entropy(probability, torch.full((7,), 0.9))
    torch.testing.assert_close(adversarial.real_loss(score, 0.9), smoothed)


def test_penalties_of_a_linear_score_are_exact() -> None:
    """A linear score has the same slope w everywhere: R1 is |w|^2 / 2, the paper's penalty (|w| - 1)^2.

    Catches a norm over the batch, a missing root, and a penalty at the images instead of between them.
    """
    weight = normals(12)

    class Linear(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image.flatten(1) @ weight

    real, made, mix = uniforms(5, 1, 3, 4), uniforms(5, 1, 3, 4, seed=1), uniforms(5, seed=2)
    found = wgan_gp.gradient_penalty(Linear(), real, made, mix)
    torch.testing.assert_close(found, (weight.norm() - 1).square())
    image = real.clone().requires_grad_()
    slope = adversarial.slope_penalty(Linear()(image), image)
    torch.testing.assert_close(slope, weight.square().sum().expand(5) / 2)


def test_the_penalty_is_taken_at_the_interpolates() -> None:
    """Catches one share of mixing for the whole batch, and real and made the wrong way round: the slope of
    |u|^2 / 2 at u is u itself.
    """

    class Bowl(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image.square().flatten(1).sum(1) / 2

    real, made, mix = uniforms(5, 1, 3, 4), uniforms(5, 1, 3, 4, seed=1), uniforms(5, seed=2)
    share = mix[:, None, None, None]
    between = share * real + (1 - share) * made
    expected = (between.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(wgan_gp.gradient_penalty(Bowl(), real, made, mix), expected)


def test_the_log_sum_of_exponentials_is_the_logit_of_being_any_class() -> None:
    """Catches a softmax over K instead of K + 1 classes: with a K+1st logit of 0, D = Z / (Z + 1)."""
    logits = normals(6, 10)
    of_eleven = torch.cat([logits, torch.zeros(6, 1)], 1).softmax(1)
    torch.testing.assert_close(torch.sigmoid(ssgan.source_score(logits)), 1 - of_eleven[:, 10])
    z = logits.exp().sum(1)
    torch.testing.assert_close(adversarial.made_loss(ssgan.source_score(logits)), (z + 1).log().mean())


def test_feature_matching_compares_means() -> None:
    """Catches a mean of squares where the square of the mean belongs: sets may differ image by image."""
    real = normals(8, 3)
    assert ssgan.feature_matching(real, real.flip(0)) < 1e-12  # float32 sums in another order
    torch.testing.assert_close(ssgan.feature_matching(real, real + 2), torch.tensor(4.0))


def test_normalised_weights_have_the_length_they_learn() -> None:
    """Catches a direction whose length matters, and a start far from unit variance."""
    torch.manual_seed(0)
    layer = ssgan.NormalisedLinear(400, 50, input_power=0.5)
    x = math.sqrt(0.5) * normals(2000, 400, seed=1)
    assert layer(x).std().item() == pytest.approx(1, abs=0.03)  # 100,000 values, their directions fixed
    before = layer(x)
    with torch.no_grad():
        layer.direction.mul_(3)
    torch.testing.assert_close(layer(x), before)


# --- labels -------------------------------------------------------------------------------------------------


def test_a_free_label_is_uniform_and_an_asked_one_is_kept() -> None:
    """Catches tenths of the wrong distribution, and -1 read as the last row of something."""
    spare = normals(100_000)
    free = adversarial.chosen_label(torch.full((100_000,), -1), spare)
    shares = torch.bincount(free, minlength=10) / 100_000
    assert (shares - 0.1).abs().max() < 0.004  # four standard errors of sqrt(0.09 / 100,000)
    asked = torch.arange(100_000) % 10
    assert torch.equal(adversarial.chosen_label(asked, spare), asked)
    order = torch.argsort(spare)
    assert (free[order].diff() >= 0).all()  # the lowest tenth is class 0
    assert torch.equal(adversarial.one_hot(asked[:10]), torch.eye(10))


def labelled_generators() -> list[nn.Module]:
    torch.manual_seed(0)
    perceptron = cgan.build(gan.GANConfig(generator_widths=(16,), discriminator_widths=(8,)))
    small = dcgan.DCGANConfig(generator_widths=(4, 3), discriminator_widths=(3, 4))
    return [net["generator"].eval() for net in (perceptron, cdcgan.build(small), acgan.build(small))]


@pytest.mark.parametrize("generator", labelled_generators(), ids=("cgan", "cdcgan", "acgan"))
def test_a_free_label_leaves_the_rest_of_z_to_the_picture(generator: nn.Module) -> None:
    """Catches layers that see the value that picks the label, which would tie handwriting to digit, and a
    label that is not listened to.
    """
    z = normals(40, 100)
    free = torch.full((40,), -1)
    picked = adversarial.chosen_label(free, z[:, 0])
    with torch.no_grad():
        torch.testing.assert_close(generator(z, free), generator(z, picked))
        moved = torch.cat([-z[:, :1], z[:, 1:]], 1)
        assert torch.equal(generator(z, picked), generator(moved, picked))
        assert not torch.equal(generator(z, picked), generator(z, (picked + 1) % 10))


def test_the_score_that_counts_is_the_labels() -> None:
    """Catches a gather along the batch, and a free label scored as class 9."""
    scores = normals(6, 10)
    label = torch.tensor([0, 9, 3, -1, 5, -1])
    found = adversarial.score_of(scores, label)
    expected = [scores[0, 0], scores[1, 9], scores[2, 3], scores[3].max(), scores[4, 5], scores[5].max()]
    assert torch.equal(found, torch.stack(expected))


def test_a_discriminator_learns_from_the_score_of_the_label_alone() -> None:
    """Catches a verdict trained for all ten labels at once: the others must get no gradient."""
    torch.manual_seed(0)
    judge = cgan.Discriminator(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)))
    judge(uniforms(3, 1, 28, 28), torch.tensor([2, 2, 7])).sum().backward()
    gradient = judge.layers[1].weight.grad
    assert set(torch.nonzero(gradient.abs().sum(1)).flatten().tolist()) == {2, 7}


def test_labelled_subsets_are_balanced_random_and_repeatable() -> None:
    """Catches the first hundred images under every seed, and a class with nine labels."""
    labels = np.random.default_rng(0).integers(0, 10, 2000)
    first = ssgan.labelled_subset(labels, 100, seed=0)
    assert np.bincount(labels[first]).tolist() == [10] * 10
    assert len(set(first)) == 100
    assert np.array_equal(first, ssgan.labelled_subset(labels, 100, seed=0))
    other = ssgan.labelled_subset(labels, 100, seed=1)
    assert len(set(first) & set(other)) < 30  # 5 of 100 on average
    with pytest.raises(ConfigError, match="has 1 images of class 0, not 10"):
        ssgan.labelled_subset(np.arange(10), 100, seed=0)


def test_the_semi_supervised_gan_never_reads_another_label() -> None:
    """Catches labels of the batch that leak into the 'unlabelled' loss."""
    images, labels = pictures(40), torch.arange(40) % 10
    config = ssgan.SSGANConfig(
        labels=10, batch=20, generator_widths=(8,), discriminator_widths=(8,), bfloat16=False
    )

    def learned(batch_labels: Tensor) -> Tensor:
        torch.manual_seed(0)
        networks = ssgan.build(config)
        (stage,) = ssgan.stages(config, networks, images, labels)
        stage.rule.step(images[:20], batch_labels, 0.0, randomness.Draw([0], CPU))
        return cast(Tensor, networks["discriminator"].layers[0].direction)

    assert torch.equal(learned(labels[:20]), learned(torch.zeros(20, dtype=torch.int64)))


# --- the players --------------------------------------------------------------------------------------------


class _Spy(nn.Module):
    """A discriminator that remembers what was put into it in one pass."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.seen: list[Tensor] = []

    def forward(self, image: Tensor, *rest: Tensor) -> object:
        self.seen.append(image.detach().clone())
        return self.network(image, *rest)


@pytest.mark.parametrize("family", [dcgan, cdcgan, acgan], ids=("dcgan", "cdcgan", "acgan"))
def test_real_and_made_images_never_share_batch_statistics(family: Any) -> None:
    """Catches one pass over real and made images together, through which D tells them apart by their sum."""
    config = dcgan.DCGANConfig(
        generator_widths=(4, 3), discriminator_widths=(3, 4), normalise=True, batch=6, bfloat16=False
    )
    torch.manual_seed(0)
    networks = family.build(config)
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in networks["discriminator"].modules())
    spy = networks["discriminator"] = _Spy(networks["discriminator"])
    images = pictures(6)
    (stage,) = family.stages(config, networks, images, torch.arange(6))
    stage.rule.step(images, torch.arange(6), 0.0, randomness.Draw([0], CPU))
    assert [len(batch) for batch in spy.seen] == [6, 6, 6]  # real; made for D; made for G
    assert torch.equal(spy.seen[0], images.float() / 255)


def test_no_image_changes_the_critics_score_of_another() -> None:
    """Catches batch normalisation in the critic: the penalty is of each image alone."""
    torch.manual_seed(0)
    config = wgan_gp.WGANConfig(generator_widths=(4, 3), critic_widths=(3, 4))
    critic = wgan_gp.build(config)["critic"].train()
    image = uniforms(4, 1, 28, 28)
    torch.testing.assert_close(critic(image)[:2], critic(image[:2]))


@pytest.mark.parametrize(
    ("family", "config"),
    [
        (acgan, dcgan.DCGANConfig(generator_widths=(4, 3), discriminator_widths=(3, 4), bfloat16=False)),
        (ssgan, ssgan.SSGANConfig(generator_widths=(8,), discriminator_widths=(8,), bfloat16=False)),
        (wgan_gp, wgan_gp.WGANConfig(generator_widths=(4, 3), critic_widths=(3, 4), bfloat16=False)),
    ],
    ids=("acgan", "ssgan", "wgan_gp"),
)
def test_each_player_learns_and_none_stays_frozen(family: Any, config: Any) -> None:
    """Catches a player left out, and one left frozen after the other's step."""
    torch.manual_seed(0)
    networks = family.build(config)
    images, labels = pictures(200), torch.arange(200) % 10
    (stage,) = family.stages(config, networks, images, labels)
    before = {name: [p.clone() for p in net.parameters()] for name, net in networks.items()}
    losses = stage.rule.step(images[: stage.batch], labels[: stage.batch], 0.0, randomness.Draw([0], CPU))
    assert all(torch.isfinite(value) for value in losses.values())
    for name, network in networks.items():
        assert any(not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True))
        assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("shape", "doublings", "first"),
    [((1, 28, 28), 3, 4), ((1, 28, 28), 2, 7), ((3, 32, 32), 3, 4), ((1, 21, 21), 2, 6)],
)
def test_maps_grow_to_the_size_of_the_picture(
    shape: tuple[int, int, int], doublings: int, first: int
) -> None:
    """Catches a kernel that doubles 4 to 8 where 7 are wanted."""
    assert dcgan.sizes(shape[1], doublings)[0] == first
    layers = dcgan.generator_layers(5, (4, 3, 2)[-doublings:], shape)
    assert layers(torch.randn(3, 5)).shape == (3, *shape)


def test_rates_are_constant_and_then_fall_to_zero() -> None:
    """Catches a schedule that starts at once, or never ends."""
    networks = dcgan.build(dcgan.DCGANConfig(generator_widths=(2, 2), discriminator_widths=(2,)))
    config = dcgan.DCGANConfig(generator_rate=2e-3, decay_from=0.5)
    optimizers = adversarial.Optimizers(config, networks["generator"], networks["discriminator"])
    rates = []
    for progress in (0.0, 0.5, 0.75, 1.0):
        optimizers.schedule(progress)
        state = optimizers.state_dict()["generator"]
        rates.append(state["param_groups"][0]["lr"])
    assert rates == pytest.approx([2e-3, 2e-3, 1e-3, 0.0])


def test_the_critic_takes_its_share_of_the_batch_at_each_step() -> None:
    """Catches five steps on the same images."""
    torch.manual_seed(0)
    config = wgan_gp.WGANConfig(
        generator_widths=(4, 3), critic_widths=(3, 4), batch=10, critic_steps=5, bfloat16=False
    )
    networks = wgan_gp.build(config)
    spy = networks["critic"] = _Spy(networks["critic"])
    images = pictures(10)
    (stage,) = wgan_gp.stages(config, networks, images, images)
    stage.rule.step(images, images, 0.0, randomness.Draw([0], CPU))
    assert [len(batch) for batch in spy.seen] == [2] * 16  # between, real, made, five times; then G's
    assert torch.equal(torch.cat(spy.seen[1:15:3]), images.float() / 255)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (dcgan.DCGANConfig(generator_widths=(8,) * 5), "28 pixels cannot be made by 5 doublings"),
        (dcgan.DCGANConfig(discriminator_widths=(8,) * 5), "judged after 5 halvings"),
        (dcgan.DCGANConfig(real_target=0.2), r"real_target must lie in \(0.5, 1\]"),
        (dcgan.DCGANConfig(decay_from=2), "decay_from must lie in"),
        (wgan_gp.WGANConfig(batch=64, critic_steps=5), "a multiple of critic_steps"),
        (ssgan.SSGANConfig(labels=15), "labels must be a multiple of 10"),
    ],
)
def test_what_cannot_be_trained_is_said_before_the_first_step(config: gan.GameConfig, says: str) -> None:
    """Catches a schedule that fails in the middle."""
    with pytest.raises(ConfigError, match=says):
        config.validate()


# --- what ships ---------------------------------------------------------------------------------------------


def test_a_free_label_is_the_same_in_the_file(tmp_path: Path) -> None:
    """Catches a comparison that ONNX Runtime decides otherwise, even at the edges between two tenths."""
    torch.manual_seed(0)
    networks = cgan.build(gan.GANConfig(generator_widths=(16,), discriminator_widths=(8,)))
    for network in networks.values():
        network.eval().requires_grad_(False)
    graph = ENTRIES["cgan"].graphs(networks)[0]
    session = onnxruntime.InferenceSession(to_onnx(graph), providers=["CPUExecutionProvider"])
    z = np.tile(normals(1, 100).numpy(), (9, 1))
    z[:, 0] = adversarial.TENTHS
    free = np.full(9, -1, np.int64)
    (image,) = session.run(["image"], {"z": z, "label": free})
    (asked,) = session.run(["image"], {"z": z, "label": np.arange(9)})
    np.testing.assert_array_equal(image, asked)
