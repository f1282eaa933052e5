"""Deep Belief Network 784-500-500-2000 with ten label units: pretrained layer by layer, fine-tuned twice.

    Hinton, Osindero & Teh 2006, "A fast learning algorithm for deep belief nets"

The model is a directed stack below an undirected top. An associative memory, an RBM between 2,000 units and
the 500 units of the code beside ten label units, says which codes (and labels) exist; from a code the picture
is drawn on the way down:

    p(v, h1, h2, y) = p(v | h1) p(h1 | h2) p(h2, y),        p(h2, y) the memory's

and q(h1 | v), q(h2 | h1) guess on the way up what may have caused a picture. The run has five stages.

    layer 1, layer 2    greedy: an RBM on the pixels, then one on what the first makes of them (section 3)
    memory              the top RBM, on the second layer's states and the labels
    up-down             generative and recognition weights part and are tuned together: contrastive wake-sleep
                        (section 5, appendix B). This network dreams.
    backprop            a copy of the greedy weights becomes a forward network 784-500-500-2000-10, tuned to
                        the labels alone. This network says what it sees.

Two departures from the paper, both for the sake of the dreams. The memory's chains persist with their label
held, ten to a class, in place of CD-k from the data: the ascent is then that of log p(code | label), which is
what a dreamer with a clamped label samples from. What those chains cannot teach, which label a code has,
comes from the exact gradient of log p(label | code) (Larochelle & Bengio 2008). And a dream holds its label
tighter than the model does (`label_gain`): at the learned strength one dream in eight is of another digit.
"""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.dbn_greedy import DBNConfig, GreedyLayer, GreedyMemory, MemoryAscent, dreams
from training.dbn_networks import CLASSES, DeepBeliefNetwork, ForwardNetwork, GreedyStack
from training.randomness import Draw
from training.rbm import binarised, sample
from training.recipes import Descent
from training.stage import Rule, Stage

GRAPHS = {
    "greedy": ("parameters",),
    "dbn": ("encode", "decode", "gibbs_step"),
    "classifier": ("classify",),
}
DISTRIBUTED = False  # four of the five stages write the weights themselves: nothing for DDP to average


MODELS: dict[str, dict[str, DBNConfig]] = {
    # The recipe was chosen on train[:50000] / train[50000:]; the default is the final refit on all 60,000.
    "dbn": {"default": DBNConfig(), "selection": DBNConfig(split="train[:50000]")},
    # The forward network alone, from random weights, as long as the pretrained one: what pretraining gave.
    "dbn_random": {"default": DBNConfig(images=50 * 60_000, shares=(0, 0, 0, 0, 1.0), snapshots=1)},
}


class UpDown:
    """Contrastive wake-sleep (Hinton, Osindero & Teh 2006, section 5 and appendix B)."""

    def __init__(
        self, config: DBNConfig, stack: GreedyStack, dbn: DeepBeliefNetwork, class_shares: Tensor
    ) -> None:
        self._config, self._stack, self._dbn = config, stack, dbn
        self._ascent = MemoryAscent(config, dbn.memory, class_shares)

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One pass up, one step in the memory, one pass down."""
        config, dbn = self._config, self._dbn
        if progress == 0:
            dbn.untie(self._stack)
        rate = config.up_down_rate * (1 - progress)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=config.bfloat16):
            # Wake: recognise the picture, teach each layer to generate what is below it.
            pixels = binarised(images, draw)
            below = sample(dbn.up(pixels, 0), draw)
            code = sample(dbn.up(below, 1), draw)
            error = learn(dbn.generative[0], below, pixels, rate)
            learn(dbn.generative[1], code, below, rate)

            if progress == 0:
                self._ascent.start(code, labels, fresh=False)
            losses = self._ascent.climb(code, labels, rate, draw)

            # Sleep: dream a picture from the memory's chains, teach each layer to recognise its causes.
            dreamt_code = self._ascent.chains
            dreamt_below = sample(dbn.down(dreamt_code, 1), draw)
            dreamt_pixels = sample(dbn.down(dreamt_below, 0), draw)
            learn(dbn.recognition[1], dreamt_below, dreamt_code, rate)
            learn(dbn.recognition[0], dreamt_pixels, dreamt_below, rate)
        return {"reconstruction_squared_error": error, **losses}

    def state_dict(self) -> dict[str, Any]:
        """The memory's chains and offsets."""
        return self._ascent.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the chains where they were."""
        self._ascent.load_state_dict(state)

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Ten dreams of each label, a column a label."""
        return dreams(cast(DeepBeliefNetwork, networks["dbn"]), draw)


def learn(linear: nn.Module, given: Tensor, target: Tensor, rate: float) -> Tensor:
    """The delta rule: one ascent step of log p(target | given) for sigmoid units; the squared error before.

    given [batch, in], target [batch, out] in {0, 1}.
    """
    assert isinstance(linear, nn.Linear)
    error = target - torch.sigmoid(linear(given)).float()
    linear.weight.add_(error.T @ given, alpha=rate / len(given))
    linear.bias.add_(error.mean(0), alpha=rate)
    return error.square().sum(1).mean()


class Backprop(Descent):
    """Cross-entropy of the labels, with dropout (Hinton et al. 2012), from the greedy weights."""

    def __init__(self, config: DBNConfig, stack: GreedyStack | None, classifier: ForwardNetwork) -> None:
        super().__init__(classifier, config.backprop_rate, warm_up=0.02, fused=True)
        self._config, self._stack, self._classifier = config, stack, classifier

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One step of AdamW."""
        config, classifier = self._config, self._classifier
        if progress == 0 and self._stack is not None:
            classifier.start_from(self._stack)
        dropout = config.pixel_dropout, config.hidden_dropout
        with torch.autocast(images.device.type, torch.bfloat16, enabled=config.bfloat16):
            logits, _ = classifier(images.float() / 255, dropout, draw)
        loss = functional.cross_entropy(logits.float(), labels)
        self.descend(loss, progress)
        return {"cross_entropy": loss.detach(), "error": (logits.argmax(1) != labels).float().mean()}

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Nothing to see: a classifier makes no pictures."""
        return None


def build(config: DBNConfig) -> dict[str, nn.Module]:
    """The network as the greedy stages leave it, as up-down leaves it, and as backpropagation does.

    The last alone where no other stage has a share.
    """
    code, memory = config.code, config.memory
    classifier = ForwardNetwork(code, memory)
    if not any(config.shares[:-1]):
        return {"classifier": classifier}
    greedy, dbn = GreedyStack(code, memory), DeepBeliefNetwork(code, memory, config.label_gain)
    return {"greedy": greedy, "dbn": dbn, "classifier": classifier}


def stages(
    config: DBNConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """The five stages of the module's docstring, less those without a share."""
    classifier = cast(ForwardNetwork, networks["classifier"])
    rules: dict[str, Rule] = {}
    if "greedy" in networks:
        stack, dbn = cast(GreedyStack, networks["greedy"]), cast(DeepBeliefNetwork, networks["dbn"])
        class_shares = torch.bincount(labels, minlength=CLASSES) / len(labels)
        rules = {
            "layer 1": GreedyLayer(config, stack, 0),
            "layer 2": GreedyLayer(config, stack, 1),
            "memory": GreedyMemory(config, stack, class_shares),
            "up-down": UpDown(config, stack, dbn, class_shares),
        }
    rules["backprop"] = Backprop(config, stack if rules else None, classifier)
    return [
        Stage(name, rule, config.steps(name), config.batch)
        for name, rule in rules.items()
        if config.steps(name)
    ]
