"""What ships, as modules whose `forward` signature IS the ONNX signature: names and order of its arguments.

Images are float32 NCHW in [0, 1] on both sides of every graph, whatever the network inside likes. Randomness
comes in by arguments. A module here holds exactly one network, as its only child, so that the parameters keep
the names they have in training once that child's name is taken off.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.inputs import UNIT_INTERVAL
from onnx_models.catalog import Tensor as Described
from training.stylegan2_networks import truncated

BETAS = (0.9, 0.999)  # of Adam's moments in `refine`
TINY = 1e-8
SIZE = (1, 28, 28)  # channels, height, width of a digit


@dataclass(frozen=True)
class Graph:
    """One ``.onnx`` file to be."""

    role: str
    module: nn.Module
    inputs: tuple[Described, ...]
    outputs: tuple[Described, ...]
    storage: Literal["float32", "float16", "int16", "int8"] = "float32"
    """What the weights are kept in; all arithmetic is float32."""

    def __post_init__(self) -> None:
        arguments: list[str] = []
        described = [tensor.name for tensor in self.inputs]
        for name, parameter in inspect.signature(self.module.forward).parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:  # *noise is noise_0, noise_1, ...
                arguments += [f"{name}_{k}" for k in range(len(described) - len(arguments))]
            else:
                arguments.append(name)
        if arguments != described:
            raise ValueError(f"{self.role}: forward takes {arguments}, but {described} are described")


def batched(name: str, range: str, meaning: str, *shape: int, dtype: str = "float32") -> Described:
    """Describe an input or output [batch, *shape]."""
    return Described(name, dtype, ("batch", *shape), range, meaning)


def picture(
    name: str, meaning: str, size: tuple[int, int, int] = SIZE, range: str = UNIT_INTERVAL
) -> Described:
    """Describe images [batch, channels, height, width]."""
    return batched(name, range, meaning, *size)


class Reconstruct(nn.Module):
    """A picture through the autoencoder and back."""

    def __init__(self, autoencoder: nn.Module) -> None:
        super().__init__()
        self.network = autoencoder

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> reconstruction, code."""
        logits, code = self.network(image.flatten(1))
        return torch.sigmoid(logits).view_as(image), code


class Encode(nn.Module):
    """The first half of an autoencoder."""

    def __init__(self, autoencoder: nn.Module) -> None:
        super().__init__()
        self.network = autoencoder

    def forward(self, image: Tensor) -> Tensor:
        """[batch, 1, 28, 28] -> code."""
        return self.network.encoder(image.flatten(1))


class Decode(nn.Module):
    """The second half of an autoencoder."""

    def __init__(self, autoencoder: nn.Module, size: tuple[int, int, int] = SIZE) -> None:
        super().__init__()
        self.network = autoencoder
        self.size = size

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Code -> image, logits."""
        logits = self.network.decoder(code).unflatten(1, self.size)
        return torch.sigmoid(logits), logits


class Project(nn.Module):
    """A picture onto principal components and back."""

    def __init__(self, pca: nn.Module) -> None:
        super().__init__()
        self.network = pca

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> reconstruction, code."""
        reconstruction, code = self.network(image.flatten(1))
        return reconstruction.view_as(image), code


class MeanField(nn.Module):
    """A picture up to a Boltzmann machine's hidden units and down again, by probabilities: nothing random."""

    def __init__(self, rbm: nn.Module) -> None:
        super().__init__()
        self.network = rbm

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> reconstruction, code."""
        hidden = self.network.hidden_mean(image.flatten(1))
        return self.network.visible_mean(hidden).view_as(image), hidden


class GibbsStep(nn.Module):
    """One step of block Gibbs sampling, v -> h -> v; the host loops, since many runtimes know no Loop."""

    def __init__(self, rbm: nn.Module) -> None:
        super().__init__()
        self.network = rbm

    def forward(self, visible: Tensor, hidden_noise: Tensor, visible_noise: Tensor) -> tuple[Tensor, ...]:
        """-> visible_mean, visible_sample, hidden_mean, hidden, free_energy. On is where noise < mean."""
        rbm = self.network
        hidden_mean = rbm.hidden_mean(visible)
        hidden = (hidden_noise < hidden_mean).to(visible.dtype)
        visible_mean = rbm.visible_mean(hidden)
        visible_sample = (visible_noise < visible_mean).to(visible.dtype)
        return visible_mean, visible_sample, hidden_mean, hidden, rbm.free_energy(visible)


class Parameters(nn.Module):
    """The parameters themselves, layer by layer: filters to look at, energies to compute elsewhere."""

    def __init__(self, rbm: nn.Module) -> None:
        super().__init__()
        self.network = rbm

    def forward(self) -> tuple[Tensor, ...]:
        """-> weight_0, visible_bias_0, hidden_bias_0."""
        rbm = self.network
        # Cloned: an output that is the parameter itself would take the parameter's name away.
        return rbm.weight.clone(), rbm.visible_bias.clone(), rbm.hidden_bias.clone()


class UpAndDown(nn.Module):
    """A picture up a belief network's recognition weights and down its generative ones, by probabilities."""

    def __init__(self, dbn: nn.Module) -> None:
        super().__init__()
        self.network = dbn

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> reconstruction, code."""
        code = self.network.encode(image.flatten(1))
        logits, _ = self.network.decode(code)
        return torch.sigmoid(logits).view_as(image), code


class Recognise(nn.Module):
    """The way up alone."""

    def __init__(self, dbn: nn.Module) -> None:
        super().__init__()
        self.network = dbn

    def forward(self, image: Tensor) -> Tensor:
        """[batch, 1, 28, 28] -> code."""
        return self.network.encode(image.flatten(1))


class Descend(nn.Module):
    """The way down alone, with the layer it passes."""

    def __init__(self, dbn: nn.Module, size: tuple[int, int, int] = SIZE) -> None:
        super().__init__()
        self.network = dbn
        self.size = size

    def forward(self, code: Tensor) -> tuple[Tensor, ...]:
        """Code -> image, logits, hidden_1."""
        logits, hidden = self.network.decode(code)
        logits = logits.unflatten(1, self.size)
        return torch.sigmoid(logits), logits, hidden


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp x), the same shape: onnxruntime computes Sigmoid and Log in vectors, Softplus one by one.

    Stable: the sigmoid of |x| lies in [1/2, 1].
    """
    return torch.relu(x) - torch.log(torch.sigmoid(x.abs()))


class LabelledGibbsStep(nn.Module):
    """One step of Gibbs sampling in a belief network's associative memory, the label clamped or free.

    A free label (-1) is drawn from p(label | visible), the hidden units summed out, before they are drawn: so
    the chain's state is `visible` alone, and clamping or releasing the label needs no second state. A clamped
    one pulls `label_gain` times as hard as the model learned; the free energy is the learned model's.
    """

    def __init__(self, dbn: nn.Module) -> None:
        super().__init__()
        self.network = dbn

    def forward(
        self,
        visible: Tensor,
        label: Tensor,
        hidden_noise: Tensor,
        visible_noise: Tensor,
        label_noise: Tensor,
    ) -> tuple[Tensor, ...]:
        """State, noise -> as GibbsStep, and label_mean; on is noise < mean."""
        memory = self.network.memory
        scores, _ = memory.label_scores(visible, softplus)  # [batch, classes]: -F(visible, label)
        free = label < 0
        # Gumbel-max: the largest of scores plus Gumbel noise is a draw from their softmax.
        drawn = (scores - torch.log(-torch.log(label_noise))).argmax(dim=1)
        held = torch.where(free, drawn, label)
        hidden_mean = memory.held_mean(visible, held, self.network.gain(label))
        hidden = (hidden_noise < hidden_mean).to(visible.dtype)
        visible_mean = memory.code_mean(hidden)
        visible_sample = (visible_noise < visible_mean).to(visible.dtype)
        clamped = scores.gather(1, label.clamp(min=0)[:, None]).squeeze(1)
        free_energy = -torch.where(free, scores.logsumexp(dim=1), clamped)
        return visible_mean, visible_sample, hidden_mean, hidden, free_energy, scores.softmax(dim=1)


class StackParameters(nn.Module):
    """The parameters of a stack of RBMs as greedy learning left them, from the pixels up."""

    def __init__(self, stack: nn.Module) -> None:
        super().__init__()
        self.network = stack

    def forward(self) -> tuple[Tensor, ...]:
        """-> weight_K, visible_bias_K, hidden_bias_K for each layer K."""
        rbms = (*self.network.layers, self.network.memory)
        # Cloned: see Parameters.
        return tuple(
            parameter.clone() for rbm in rbms for parameter in (rbm.weight, rbm.visible_bias, rbm.hidden_bias)
        )


class Generate(nn.Module):
    """Noise to pictures."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.network = generator

    def forward(self, z: Tensor) -> Tensor:
        """[batch, z] -> image."""
        return self.network(z)


class GenerateLabelled(nn.Module):
    """Noise to pictures of a class."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.network = generator

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """[batch, z], [batch] -> image."""
        return self.network(z, label)


class Discriminate(nn.Module):
    """The probability that a picture is real."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.network = discriminator

    def forward(self, image: Tensor) -> Tensor:
        """Image -> score."""
        return torch.sigmoid(self.network(image))


class DiscriminateLabelled(nn.Module):
    """The probability that a picture is real and of the class it is said to be."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.network = discriminator

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """Image, [batch] -> score."""
        return torch.sigmoid(self.network(image, label))


class DiscriminateAndClassify(nn.Module):
    """The probability that a picture is real, and which class it shows: an auxiliary classifier's answers."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.network = discriminator

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Image -> score, class_logits."""
        score, class_logits = self.network(image)
        return torch.sigmoid(score), class_logits


class DiscriminateByClasses(nn.Module):
    """The probability that a picture is of any class at all: D = Z / (Z + 1), Z = sum of exp(logits)."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.network = discriminator

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Image -> score, class_logits."""
        class_logits, _ = self.network(image)
        return torch.sigmoid(class_logits.logsumexp(1)), class_logits


class Criticise(nn.Module):
    """A critic's score, which is no probability: only differences of it mean something."""

    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.network = critic

    def forward(self, image: Tensor) -> Tensor:
        """Image -> score."""
        return self.network(image)


class MapToStyles(nn.Module):
    """z to one style a layer, each drawn to the centre of all styles by its own psi."""

    def __init__(self, mapping: nn.Module) -> None:
        super().__init__()
        self.network = mapping

    def forward(self, z: Tensor, psi: Tensor) -> Tensor:
        """[batch, z], [batch, styles] -> ws."""
        w, centre = self.network(z)
        return truncated(w, centre, psi)


class MapToStylesLabelled(nn.Module):
    """z and a class to one style a layer, each drawn to the centre of the class."""

    def __init__(self, mapping: nn.Module) -> None:
        super().__init__()
        self.network = mapping

    def forward(self, z: Tensor, label: Tensor, psi: Tensor) -> Tensor:
        """[batch, z], [batch], [batch, styles] -> ws."""
        w, centre = self.network(z, label)
        return truncated(w, centre, psi)


class Synthesise(nn.Module):
    """Styles and noise to a picture, and what each size adds to it."""

    def __init__(self, synthesis: nn.Module) -> None:
        super().__init__()
        self.network = synthesis

    def forward(self, ws: Tensor, *noise: Tensor) -> tuple[Tensor, ...]:
        """[batch, styles, w], [batch, 1, size, size] each -> image, rgb_R."""
        image, parts = self.network(ws, noise)
        return image.clamp(0, 1), *parts


class EncodeStyles(nn.Module):
    """A picture to one style a layer."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.network = encoder

    def forward(self, image: Tensor) -> Tensor:
        """[batch, channels, size, size] -> ws."""
        return self.network(image)


class Refine(nn.Module):
    """One step of Adam that brings the picture of some styles closer to another picture, a row at a time.

    Each row of the batch descends a loss of its own, with its own moments, step number and rate,

        L = mean (g(ws) - image)^2 + pull mean ((ws - c) / s)^2

    (Abdal et al. 2019, algorithm 1, with pixels alone), so that a row does not depend on its neighbours. What
    comes out beside the new styles are the loss and the picture of the old ones: they cost nothing more.
    """

    differentiates = True  # the gradient is part of the graph; see `to_onnx`

    def __init__(self, synthesis: nn.Module, centre: Tensor, deviation: float) -> None:
        super().__init__()
        self.network = synthesis
        self.centre, self.deviation = centre.tolist(), deviation

    def forward(
        self,
        image: Tensor,
        ws: Tensor,
        first: Tensor,
        second: Tensor,
        step: Tensor,
        rate: Tensor,
        pull: Tensor,
        *noise: Tensor,
    ) -> tuple[Tensor, ...]:
        """-> new_ws, new_first, new_second, loss, picture; eq. as in Kingma & Ba 2015, algorithm 1."""
        gradient, (loss, picture) = torch.func.grad(self.losses, has_aux=True)(ws, image, pull, noise)
        first = BETAS[0] * first + (1 - BETAS[0]) * gradient
        second = BETAS[1] * second + (1 - BETAS[1]) * gradient.square()
        count = step.to(ws.dtype)[:, None, None]
        unbiased = first / (1 - BETAS[0] ** count)
        size = torch.sqrt(second / (1 - BETAS[1] ** count)) + TINY
        ws = ws - self.deviation * rate[:, None, None] * unbiased / size
        return ws, first, second, loss, picture.clamp(0, 1)

    def losses(
        self, ws: Tensor, image: Tensor, pull: Tensor, noise: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The sum over rows, which has each row's own gradient; the rows' losses [batch] and pictures."""
        picture, _ = self.network(ws, noise)
        away = (ws - ws.new_tensor(self.centre)) / self.deviation
        loss = (picture - image).square().mean((1, 2, 3)) + pull * away.square().mean((1, 2))
        return loss.sum(), (loss, picture)


class MapAndSynthesise(nn.Module):
    """Noise to pictures by way of styles: psi 1 and always the same noise images, a margin cut off."""

    def __init__(self, both: nn.Module, noise: Sequence[Tensor], margin: int = 0) -> None:
        super().__init__()
        self.network = both  # a module that holds `mapping` and `synthesis`
        self.noise = list(noise)  # [1, 1, size, size] each
        self.margin = margin

    def forward(self, z: Tensor) -> Tensor:
        """[batch, z] -> image."""
        return self.picture(z)

    def picture(self, z: Tensor, *label: Tensor) -> Tensor:
        """[batch, z], [batch] where there are labels -> image."""
        w, _ = self.network.mapping(z, *label)
        ws = w[:, None].expand(-1, self.network.synthesis.styles, -1)
        image, _ = self.network.synthesis(ws, self.noise)
        keep = slice(self.margin, image.shape[-1] - self.margin)
        return image[:, :, keep, keep].clamp(0, 1)


class MapAndSynthesiseLabelled(MapAndSynthesise):
    """The same, of a class."""

    def forward(self, z: Tensor, label: Tensor) -> Tensor:  # type: ignore[override]
        """[batch, z], [batch] -> image."""
        return self.picture(z, label)


class CriticiseLabelled(nn.Module):
    """A critic's score of a picture as one of a class; the margin that its network wants is added."""

    def __init__(self, critic: nn.Module, margin: int = 0) -> None:
        super().__init__()
        self.network = critic
        self.margin = margin

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """Image, [batch] -> score."""
        return self.network(functional.pad(image, (self.margin,) * 4), label)


class Classify(nn.Module):
    """Which class, and the features it was decided from."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.network = classifier

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> class_logits, features."""
        return self.network(image)


class ReconstructMean(nn.Module):
    """A picture through the mean of a variational autoencoder's q(z|x) and back; nothing is drawn."""

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.network = vae

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> reconstruction, code."""
        mean, _ = self.network.encode(image.flatten(1))
        return torch.sigmoid(self.network.decoder(mean)).view_as(image), mean


class EncodeDistribution(nn.Module):
    """The distribution q(z|x) of a variational autoencoder."""

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.network = vae

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[batch, 1, 28, 28] -> code, mean, log_variance; the code is the mean."""
        mean, log_variance = self.network.encode(image.flatten(1))
        return mean.clone(), mean, log_variance


class GenerateFromPrior(nn.Module):
    """z from N(0, I) to pixel probabilities."""

    def __init__(self, vae: nn.Module, size: tuple[int, int, int] = SIZE) -> None:
        super().__init__()
        self.network = vae
        self.size = size

    def forward(self, z: Tensor) -> Tensor:
        """[batch, z] -> image."""
        return torch.sigmoid(self.network.decoder(z)).unflatten(1, self.size)
