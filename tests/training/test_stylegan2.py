"""StyleGAN2: every primitive against its definition, the game's rules, and activations of unit size."""

from __future__ import annotations

import dataclasses
import math
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from training import adversarial, randomness, stylegan2, stylegan2_layers, stylegan2_networks
from training.config import ConfigError
from training.stylegan2 import ColourConfig, StyleConfig

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SMALL = StyleConfig(batch=8, widths=(6, 5, 4, 3), w=8, bfloat16=False, gamma=0.5, lazy=3)


def normals(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def built(config: StyleConfig = SMALL, seed: int = 0) -> dict[str, nn.Module]:
    torch.manual_seed(seed)
    return stylegan2.build(config)


def noises(sizes: int, batch: int, seed: int = 5) -> list[Tensor]:
    return [
        normals(batch, 1, size, size, seed=seed + k)
        for k, size in enumerate(stylegan2_networks.noise_sizes(sizes))
    ]


# --- resampling ---------------------------------------------------------------------------------------------


def upfirdn(x: np.ndarray, up: int, before: int, after: int, gain: float, down: int) -> np.ndarray:
    """Zeros between pixels, padding, [1, 3, 3, 1] in both directions, every `down`-th pixel: by loops."""
    height, width = x.shape
    spread = np.zeros((height * up, width * up))
    spread[::up, ::up] = x
    padded = np.pad(spread, (before, after))
    line = np.array([1, 3, 3, 1]) / 8
    kernel = gain * np.outer(line, line)
    rows, columns = padded.shape[0] - 3, padded.shape[1] - 3
    out = np.empty((rows, columns))
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (padded[i : i + 4, j : j + 4] * kernel).sum()
    return out[::down, ::down]


def test_resampling_is_zeros_filter_and_every_second_pixel() -> None:
    """Catches a filter that does not sum to its gain, is off by a pixel, or mixes maps."""
    x = normals(2, 3, 5, 5).double()
    maps = x.reshape(6, 5, 5).numpy()
    for found, expected in (
        (stylegan2_layers.doubled(x), [upfirdn(one, 2, 2, 1, 4.0, 1) for one in maps]),
        (stylegan2_layers.halved(x), [upfirdn(one, 1, 1, 1, 1.0, 2) for one in maps]),
        (stylegan2_layers.smoothed(x, 2), [upfirdn(one, 1, 2, 2, 1.0, 1) for one in maps]),
    ):
        np.testing.assert_allclose(found.flatten(0, 1).numpy(), np.stack(expected), atol=1e-12)


def test_doubling_leaves_no_grid() -> None:
    """Catches uneven phases: a flat map must stay flat away from the edges, where zeros come in."""
    flat = stylegan2_layers.doubled(torch.ones(1, 1, 8, 8))[0, 0, 1:-1, 1:-1]
    torch.testing.assert_close(flat, torch.ones(14, 14))


# --- layers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("double", [False, True])
def test_styled_convolution_is_the_papers_grouped_one(double: bool) -> None:
    """Equations 1 and 3 in their own form, a kernel a picture: catches a style on the wrong axis, a sum over
    the wrong weights, and a filter whose gain is lost.
    """
    torch.manual_seed(0)
    layer = stylegan2_layers.StyledConvolution(7, 3, 4, 3, double).double()
    x, w = normals(5, 3, 6, 6, seed=1).double(), normals(5, 7, seed=2).double()
    style = w @ layer.style.weight.t() / math.sqrt(7) + layer.style.bias
    weight = layer.weight / math.sqrt(3 * 9) * style[:, None, :, None, None]  # [batch, out, in, 3, 3]
    weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    grouped = x.reshape(1, 15, 6, 6)
    if double:
        # Zeros between the pixels, then the true convolution: what a transposed one is.
        spread = torch.zeros(1, 15, 12, 12, dtype=torch.float64)
        spread[..., ::2, ::2] = grouped
        kernel = weight.flip(3, 4).reshape(20, 3, 3, 3)
        wide = functional.conv2d(functional.pad(spread, (2, 1, 2, 1)), kernel, groups=5)  # [1, 20, 13, 13]
        expected = stylegan2_layers.smoothed(wide, padding=1, gain=4.0)
    else:
        expected = functional.conv2d(grouped, weight.reshape(20, 3, 3, 3), padding=1, groups=5)
    found, demodulate = layer(x, w)
    torch.testing.assert_close(
        found * demodulate, expected.reshape(5, 4, *expected.shape[2:]), atol=1e-10, rtol=0
    )


def test_minibatch_deviation_is_its_formula() -> None:
    """Catches groups of neighbours instead of every n-th picture, and n - 1 in the variance."""
    x = normals(6, 2, 3, 3).double()
    found = stylegan2_networks.minibatch_deviation(x, group=2)
    pixels = x.numpy()
    for first in range(3):
        pair = pixels[[first, first + 3]]
        deviation = np.sqrt(np.square(pair - pair.mean(0)).mean(0) + 1e-8).mean()
        assert found[first].item() == pytest.approx(deviation)
        assert found[first + 3].item() == found[first].item()


def test_a_slow_layer_starts_like_any_other() -> None:
    """Catches a learning rate that changes what the layer computes at first, or a bias it does not reach."""
    torch.manual_seed(0)
    fast = stylegan2_layers.Linear(40, 30, bias=1.0)
    torch.manual_seed(0)
    slow = stylegan2_layers.Linear(40, 30, bias=1.0, rate=0.01)
    x = normals(4, 40)
    torch.testing.assert_close(slow(x), fast(x))
    with torch.no_grad():
        for layer in (fast, slow):
            layer.weight += 1
            layer.bias += 1
    # The same step of Adam moves a slow layer a hundredth as far.
    step = x.sum(1, keepdim=True) / math.sqrt(40) + 1
    torch.manual_seed(0)
    start = stylegan2_layers.Linear(40, 30, bias=1.0)(x)
    torch.testing.assert_close(fast(x) - start, step.expand(4, 30), atol=1e-5, rtol=0)
    torch.testing.assert_close(slow(x) - start, 0.01 * step.expand(4, 30), atol=1e-5, rtol=0)


# --- activations at the start -------------------------------------------------------------------------------


def power(x: Tensor) -> float:
    """Mean square: what a rectifier with gain keeps at 1."""
    return float(x.detach().square().mean())


@pytest.mark.parametrize("config", [StyleConfig(), ColourConfig()], ids=("digits", "avatars"))
def test_activations_have_unit_size_at_the_start(config: StyleConfig) -> None:
    """Catches a gain forgotten or applied twice anywhere in G or D: it would multiply from layer to layer.

    Zeros come in at the edges, which are much of a 4x4 map, and the filter takes something from white noise,
    which trained maps are not: hence the wide bounds below 1. The next test has neither, and narrow ones.
    """
    networks = built(config)
    found: dict[str, float] = {}

    def watch(name: str, module: nn.Module) -> None:
        module.register_forward_hook(
            lambda _module, _given, out: found.__setitem__(
                name, power(out[0] if isinstance(out, tuple) else out)
            )
        )

    synthesis, discriminator = networks["synthesis"], networks["discriminator"]
    kinds = (stylegan2_layers.Layer, stylegan2_networks.ResidualBlock)
    for network in (synthesis, discriminator):
        for name, module in network.named_modules():
            if isinstance(module, kinds) or name in ("hidden", "final"):
                watch(f"{type(network).__name__}.{name}", module)
    channels, size, batch = config.image_shape[0], config.resolution, 32
    w = normals(batch, config.w)
    with torch.no_grad():
        synthesis(w[:, None].expand(-1, 2 * len(config.widths), -1), noises(len(config.widths), batch))
        # Uniform in [0, 1] with the mean square that [-1, 1] images of unit size have.
        discriminator(
            (normals(batch, channels, size, size) + 1) / 2, *((torch.arange(batch) % 10,) * config.labelled)
        )
    assert len(found) == 3 * len(config.widths)
    for name, value in found.items():
        assert 0.1 < value < 1.3, (name, value)


def test_rectified_convolutions_keep_unit_size_exactly() -> None:
    """Catches a gain off by a little: layers without the filter, averaged over enough random weights."""
    torch.manual_seed(0)
    x = normals(8, 64, 16, 16)
    plain = functional.leaky_relu(
        stylegan2_layers.Convolution(64, 256, 3, stylegan2_layers.GAIN)(x)[..., 1:-1, 1:-1], 0.2
    )
    # leaky keeps (1 + 0.2^2) / 2 of the mean square, the gain gives back 2.
    assert power(plain) == pytest.approx(1.04, abs=0.05)
    layer = stylegan2_layers.Layer(16, 64, 256)
    styled = layer(x, normals(8, 16, seed=1), torch.zeros(8, 1, 16, 16))[..., 1:-1, 1:-1]
    assert power(styled) == pytest.approx(1.04, abs=0.05)


@pytest.mark.parametrize("config", [StyleConfig(), ColourConfig()], ids=("digits", "avatars"))
def test_z_really_moves_w_and_the_picture(config: StyleConfig) -> None:
    """Catches a mapping network whose output is nearly constant, as eight slow layers' is."""
    networks = built(config)
    label = (torch.full((200,), 3),) if config.labelled else ()
    with torch.no_grad():
        w, _ = networks["mapping"](normals(200, 100), *label)
        share = w.var(0).sum() / w.square().mean(0).sum()
        assert share > 0.45, share
        fixed = [noise[:1].expand(20, -1, -1, -1) for noise in noises(len(config.widths), 1)]
        images, _ = networks["synthesis"](w[:20, None].expand(-1, 2 * len(config.widths), -1), fixed)
    assert images.std(0).mean() > 0.3 * images.std()


# --- mapping and truncation ---------------------------------------------------------------------------------


def test_truncation_goes_from_the_centre_to_w_layer_by_layer() -> None:
    """Catches psi read the wrong way round, or one psi for all layers."""
    w, centre = normals(2, 5), normals(2, 5, seed=1)
    psi = torch.tensor([[0.0, 1.0, 0.5], [2.0, 0.0, 1.0]])
    ws = stylegan2_networks.truncated(w, centre, psi)
    assert ws.shape == (2, 3, 5)
    torch.testing.assert_close(ws[0, 0], centre[0])
    torch.testing.assert_close(ws[0, 1], w[0])
    torch.testing.assert_close(ws[0, 2], (w[0] + centre[0]) / 2)
    torch.testing.assert_close(ws[1, 0], 2 * w[1] - centre[1])


def test_each_class_has_a_centre_that_follows_its_w() -> None:
    """Catches one centre for all, a class drawn to zero by batches without it, and a centre that is stuck."""
    mapping = cast(stylegan2_networks.MappingNetwork, built()["mapping"]).train()
    z, label = normals(400, 100), torch.arange(400) % 4
    for _ in range(3000):
        mapping._follow(torch.eye(8)[label % 8] + 1, label)
    torch.testing.assert_close(mapping.centre[:4], torch.eye(8)[:4] + 1, atol=0.01, rtol=0)
    assert (mapping.centre[4:] == 0).all()
    before = mapping.centre.clone()
    mapping.eval()
    _, centre = mapping(z, label)
    assert torch.equal(mapping.centre, before)
    assert torch.equal(centre, before[label])


def test_a_free_label_is_picked_by_the_spare_value_alone() -> None:
    """Catches layers that see the value that picks the label, and a label that is not listened to."""
    mapping = built()["mapping"].eval()
    z = normals(40, 100)
    picked = adversarial.chosen_label(torch.full((40,), -1), z[:, 0])
    moved = torch.cat([-z[:, :1], z[:, 1:]], 1)
    with torch.no_grad():
        assert torch.equal(mapping(z, torch.full((40,), -1))[0], mapping(z, picked)[0])
        assert torch.equal(mapping(moved, picked)[0], mapping(z, picked)[0])
        assert not torch.equal(mapping(z, picked)[0], mapping(z, (picked + 1) % 10)[0])


# --- the picture --------------------------------------------------------------------------------------------


def test_the_parts_of_a_picture_sum_to_it() -> None:
    """Catches a size left out, or a skip that is not doubled as it is said to be."""
    synthesis = cast(stylegan2_networks.SynthesisNetwork, built()["synthesis"])
    ws = normals(2, synthesis.styles, 8)
    with torch.no_grad():
        picture, parts = synthesis(ws, noises(4, 2))
    assert [part.shape[-1] for part in parts] == [4, 8, 16, 32] == list(synthesis.resolutions)
    total = torch.zeros_like(parts[0])
    for part in parts:
        total = part + (stylegan2_layers.doubled(total) if part.shape[-1] > 4 else 0)
    torch.testing.assert_close(picture, total + 0.5)


def test_a_place_may_have_a_bias_of_its_own() -> None:
    """Catches a place's bias that is multiplied by the style or spreads over the map."""
    layer = stylegan2_layers.Layer(6, 5, 3, double=True, size=8)
    x, w, noise = normals(2, 5, 4, 4), normals(2, 6, seed=1), torch.zeros(2, 1, 8, 8)
    places = layer.places
    assert places is not None
    with torch.no_grad():
        before = layer(x, w, noise)
        places[0, 1, 2, 3] = 100.0
        moved = layer(x, w, noise) - before
        layer.bias[1] += 100.0
        places[0, 1, 2, 3] = 0.0
        everywhere = layer(x, w, noise) - before
    assert moved.nonzero().tolist() == [[0, 1, 2, 3], [1, 1, 2, 3]]
    torch.testing.assert_close(moved[:, 1, 2, 3], everywhere[:, 1, 2, 3])


def test_the_style_mixes_banks_into_the_places() -> None:
    """Catches shares that the style does not decide, a bank of another map's, and one that moves anything
    while it is zero.
    """
    layer = stylegan2_layers.Layer(6, 5, 3, double=True, size=8, banks=4)
    x, w, noise = normals(2, 5, 4, 4), normals(2, 6, seed=1), torch.zeros(2, 1, 8, 8)
    banks, mix, places = layer.banks, layer.mix, layer.places
    assert banks is not None
    assert mix is not None
    assert places is not None
    with torch.no_grad():
        before = layer(x, w, noise)
        banks[2, 1, 2, 3] = 1.0
        moved = layer(x, w, noise)
        banks.zero_()
        assert torch.equal(layer(x, w, noise), before)
        for row in range(2):
            places[0, 1, 2, 3] = mix(w)[row, 2] / 2  # over the root of their number
            torch.testing.assert_close(moved[row], layer(x, w, noise)[row])
    assert (moved - before).nonzero().tolist() == [[0, 1, 2, 3], [1, 1, 2, 3]]


def test_each_layer_listens_to_its_own_style_and_noise() -> None:
    """Catches a style or a noise that reaches nothing, and a coarse one that comes in too late."""
    networks = built()
    synthesis = cast(stylegan2_networks.SynthesisNetwork, networks["synthesis"])
    with torch.no_grad():
        for name, parameter in synthesis.named_parameters():
            if name.endswith("strength"):
                parameter.fill_(0.5)
        ws, given = normals(1, synthesis.styles, 8), noises(4, 1)
        picture, parts = synthesis(ws, given)
        for k in range(synthesis.styles):
            other = ws.clone()
            other[:, k] = normals(1, 8, seed=9)
            moved, changed = synthesis(other, given)
            assert not torch.equal(moved, picture)
            first = next(
                i for i, (a, b) in enumerate(zip(parts, changed, strict=True)) if not torch.equal(a, b)
            )
            assert first == k // 2  # a picture layer shares its style with the next size's first convolution
        for k in range(len(given)):
            louder = [noise + (i == k) for i, noise in enumerate(given)]
            assert not torch.equal(synthesis(ws, louder)[0], picture)
    assert [noise.shape[-1] for noise in given] == [4, 8, 8, 16, 16, 32, 32]


def test_a_shipped_discriminator_judges_each_picture_alone() -> None:
    """Catches a score that depends on who else is in the batch; while it learns, it must."""
    discriminator = built()["discriminator"]
    images, label = normals(8, 1, 32, 32), torch.arange(8)
    with torch.no_grad():
        together = discriminator(images, label)
        assert not torch.allclose(together[:4], discriminator(images[:4], label[:4]))
        discriminator.eval()
        alone = torch.cat([discriminator(images[k : k + 1], label[k : k + 1]) for k in range(8)])
        torch.testing.assert_close(discriminator(images, label), alone)


# --- the game -----------------------------------------------------------------------------------------------


class _Plane(nn.Module):
    """A discriminator whose score is linear in the image: its slope is `weight` everywhere."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(normals(pixels, seed=3) / pixels)

    def forward(self, image: Tensor, label: Tensor | None = None, dtype: torch.dtype | None = None) -> Tensor:
        return image.flatten(1) @ self.weight


def played(steps: int, **changes: object) -> tuple[list[tuple[str, float]], dict[str, nn.Module]]:
    """What each player descended, of a game against a plane."""
    config = dataclasses.replace(SMALL, **changes)  # type: ignore[arg-type]
    networks = built(config)
    networks["discriminator"] = _Plane(32 * 32)
    images = torch.randint(
        0, 256, (8, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    labels = torch.arange(8)
    (stage,) = stylegan2.stages(config, networks, images, labels)
    rule = cast(stylegan2.Pairing, stage.rule)
    descended: list[tuple[str, float]] = []
    rule._optimizers.descend = (  # type: ignore[method-assign]
        lambda name, loss: descended.append((name, float(loss.detach())))
    )
    for step in range(steps):
        rule.step(images, labels, 0.0, randomness.Draw([0, step], CPU))
    return descended, networks


def test_both_penalties_are_exact_and_lazy() -> None:
    """A plane's slope is its weight: R1 + R2 is |w|^2, every third step, three times as heavy. Catches R1
    alone, a forgotten half, a penalty at every step or with the wrong weight.
    """
    descended, networks = played(7)
    weight = cast(_Plane, networks["discriminator"]).weight
    expected = SMALL.lazy * SMALL.gamma * float(weight.detach().square().sum())
    names = [name for name, _ in descended]
    with_penalty, without = ["discriminator", "discriminator", "generator"], ["discriminator", "generator"]
    assert names == [*with_penalty, *without, *without, *with_penalty, *without, *without, *with_penalty]
    for index in (1, 8, 15):
        assert descended[index][1] == pytest.approx(expected, rel=1e-5)


def test_penalties_fall_with_the_schedule() -> None:
    """Half a cosine from gamma to its share. Catches a rise, a share taken twice and a schedule that runs on
    to the end.
    """
    config = dataclasses.replace(SMALL, gamma=2.0, gamma_share=0.1, gamma_from=0.5, gamma_until=0.9)
    networks = built(config)
    rule = stylegan2.Pairing(config, *(networks[name] for name in ("mapping", "synthesis", "discriminator")))
    found = [rule.gamma(progress) for progress in (0.0, 0.5, 0.6, 0.7, 0.9, 1.0)]
    quarter = 0.2 + 1.8 * (1 + 2**-0.5) / 2
    assert found == pytest.approx([2.0, 2.0, quarter, 1.1, 0.2, 0.2])
    alone = dataclasses.replace(config, gamma_share=1.0)
    rule = stylegan2.Pairing(alone, *(networks[name] for name in ("mapping", "synthesis", "discriminator")))
    assert [rule.gamma(progress) for progress in (0.0, 0.3, 1.0)] == [2.0, 2.0, 2.0]


def test_the_players_mirror_each_other() -> None:
    """Catches scores that are not paired: with nothing descended, D's and G's softplus differ by their mean
    argument, softplus(a) - softplus(-a) = a.
    """
    (_, of_d), (_, of_g) = played(1, gamma=0.0)[0]
    config = dataclasses.replace(SMALL, gamma=0.0)
    networks = built(config)
    plane = _Plane(32 * 32)
    images = torch.randint(
        0, 256, (8, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    (stage,) = stylegan2.stages(config, networks | {"discriminator": plane}, images, torch.arange(8))
    with torch.no_grad():
        rule = cast(stylegan2.Pairing, stage.rule)
        made = rule._make((torch.arange(8),), *rule._numbers(8, randomness.Draw([0, 0], CPU)))
        real = functional.pad(images.float() / 255, (2, 2, 2, 2))
        margin = (plane(made) - plane(real)).mean()
    assert of_d - of_g == pytest.approx(float(margin), abs=1e-5)


def test_means_of_means_are_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a form for GPUs that is another filter, or another place: it must be the convolution's sum."""

    class OnGPU(torch.Tensor):
        is_cuda = True

    maps = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    for padding in range(4):
        expected = stylegan2_layers.smoothed(maps, padding, gain=4.0)
        torch.testing.assert_close(
            stylegan2_layers.smoothed(maps.as_subclass(OnGPU), padding, gain=4.0), expected
        )
    torch.testing.assert_close(
        stylegan2_layers.doubled(maps.as_subclass(OnGPU)), stylegan2_layers.doubled(maps)
    )


def test_a_lazy_discriminator_has_adjusted_rates() -> None:
    """Catches Adam left as it is where there are 17 steps for 16, and a generator adjusted with it."""
    networks = built()
    optimizers = adversarial.Optimizers(
        SMALL, networks["synthesis"], networks["discriminator"], betas=(0.0, 0.99), lazy=16
    )
    optimizers.schedule(0.0)
    state = optimizers.state_dict()
    of_d, of_g = (state[name]["param_groups"][0] for name in ("discriminator", "generator"))
    assert of_d["lr"] == pytest.approx(SMALL.discriminator_rate * 16 / 17)
    assert of_d["betas"] == pytest.approx((0.0, 0.99 ** (16 / 17)))
    assert of_g["lr"] == pytest.approx(SMALL.generator_rate)
    assert of_g["betas"] == (0.0, 0.99)


def test_the_mapping_learns_at_a_pace_of_its_own() -> None:
    """Catches a rate that schedules forget, or one that others of G get: at rate 0 f alone stays."""
    config = dataclasses.replace(SMALL, mapping_rate=0.0)
    networks = built(config)
    images, labels = torch.randint(0, 256, (8, 1, 28, 28), dtype=torch.uint8), torch.arange(8)
    (stage,) = stylegan2.stages(config, networks, images, labels)
    before = {k: v.clone() for k, v in networks["mapping"].named_parameters()}
    stage.rule.step(images, labels, 0.0, randomness.Draw([0], CPU))
    moved = {k: not torch.equal(v, before[k]) for k, v in networks["mapping"].named_parameters()}
    assert moved.pop("embedding.weight")
    assert moved.pop("embedding.bias")
    assert len(moved) == 4
    assert not any(moved.values())
    rates = {
        round(group["lr"] / config.generator_rate, 6)
        for group in stage.rule.state_dict()["optimizers"]["generator"]["param_groups"]
    }
    assert rates == {0.0, 1.0}


def test_a_pace_is_the_same_in_one_of_several_processes() -> None:
    """Catches a name that DistributedDataParallel has put its own before: the pace would be everybody's."""
    layers = torch.nn.ModuleDict({"layers": torch.nn.Linear(2, 2), "embedding": torch.nn.Linear(2, 2)})
    shared = torch.nn.ModuleList([torch.nn.ModuleDict({"module": layers})])
    found = []
    for network in (torch.nn.ModuleList([layers]), shared):
        optimizers = adversarial.Optimizers(SMALL, network, torch.nn.Linear(2, 2), paces={"0.layers.": 100.0})
        groups = optimizers.state_dict()["generator"]["param_groups"]
        found.append([(group["pace"], len(group["params"])) for group in groups])
    assert found[0] == found[1] == [(100.0, 2), (1.0, 2)]


def test_every_parameter_learns() -> None:
    """Catches a layer cut off from the loss: after one step of each player nothing is where it was."""
    config = dataclasses.replace(SMALL, mixing=0.5, places=True, banks=2)
    networks = built(config)
    for name, parameter in networks["synthesis"].named_parameters():
        if name.endswith("banks"):  # while they are zero it does not matter how they are mixed
            torch.nn.init.normal_(parameter)
    images = torch.randint(0, 256, (8, 1, 28, 28), dtype=torch.uint8)
    labels = torch.arange(8)
    (stage,) = stylegan2.stages(config, networks, images, labels)
    before = {name: {k: v.clone() for k, v in net.named_parameters()} for name, net in networks.items()}
    losses = stage.rule.step(images, labels, 0.0, randomness.Draw([0], CPU))
    assert all(torch.isfinite(value) for value in losses.values())
    for name, network in networks.items():
        for key, value in network.named_parameters():
            assert value.requires_grad
            assert not torch.equal(value, before[name][key]), f"{name}.{key} did not move"


def test_mixed_pictures_have_two_styles() -> None:
    """Catches a mixture that never happens, or one style for all after the change."""
    config = dataclasses.replace(SMALL, mixing=1.0)
    networks = built(config)
    seen: list[Tensor] = []
    networks["synthesis"].register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    images = torch.zeros(8, 1, 28, 28, dtype=torch.uint8)
    (stage,) = stylegan2.stages(config, networks, images, torch.arange(8))
    stage.rule.step(images, torch.arange(8), 0.0, randomness.Draw([0], CPU))
    for row in seen[0]:
        changes = [k for k in range(1, len(row)) if not torch.equal(row[k], row[k - 1])]
        assert len(changes) == 1


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (StyleConfig(widths=(8, 8)), "2 widths make pictures of 8 pixels, the images have 28"),
        (ColourConfig(widths=(8,) * 4), "4 widths make pictures of 32 pixels, the images have 64"),
        (StyleConfig(mixing=2), r"mixing must lie in \[0, 1\]"),
        (StyleConfig(mapping_rate=-1), "mapping_rate must be 0 or more"),
        (StyleConfig(lazy=0), "lazy at least 1 step"),
        (StyleConfig(gamma_share=1.5), r"gamma_share must lie in \[0, 1\]"),
        (StyleConfig(gamma_from=0.8), "gamma_from and gamma_until"),
        (StyleConfig(banks=4), "banks must be 0 or more, and 0 without places"),
        (StyleConfig(batch=30), "batch must be a multiple of group"),
    ],
)
def test_what_cannot_be_trained_is_said_before_the_first_step(config: StyleConfig, says: str) -> None:
    """Catches a size that fails in the middle."""
    with pytest.raises(ConfigError, match=says):
        config.validate()


def test_every_preset_is_valid_and_fits_a_file() -> None:
    """Catches a preset whose networks cannot ship: 10 MB a file in float32."""
    for presets in stylegan2.MODELS.values():
        for config in presets.values():
            config.validate()
            for name, network in stylegan2.build(config).items():
                assert 4 * sum(p.numel() for p in network.parameters()) < 9.9e6, name
