"""Steps of training as CUDA graphs."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from training import captured, randomness, ssgan


def test_a_processor_plays_the_step_itself() -> None:
    """Catches a machine without a GPU being asked for CUDA."""

    def step() -> dict[str, torch.Tensor]:
        return {}

    assert captured.played(step, torch.nn.Linear(1, 1)) is step


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA device here")
def test_a_replayed_step_descends_as_an_ordinary_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a value that a graph holds on to: rates, noise, the weight of fooling change with the step."""
    config = dataclasses.replace(ssgan.SSGANConfig(), bfloat16=False)
    images = torch.randint(0, 256, (200, 1, 28, 28), dtype=torch.uint8, device="cuda")
    labels = torch.arange(200, device="cuda") % 10

    def losses(warm_up: int) -> list[float]:
        monkeypatch.setattr(captured, "WARM_UP", warm_up)
        torch.manual_seed(0)
        networks = {name: network.to("cuda") for name, network in ssgan.build(config).items()}
        (stage,) = ssgan.stages(config, networks, images, labels)
        found = []
        for k in range(20):
            draw = randomness.Draw([0, 0, k], images.device)
            found += [float(loss) for loss in stage.rule.step(images, labels, k / 20, draw).values()]
        return found

    assert losses(3) == pytest.approx(losses(1000), rel=1e-3)
