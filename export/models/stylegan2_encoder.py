"""The encoder of a StyleGAN2, and the step that improves what it found.

`refine` holds the weights of the generator's `synthesis`, under the same names: `python -m export check`
compares the two files.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from export.entry import AVATARS, Entry, formula
from export.graphs import Graph, Wrapper, batched, picture
from export.inputs import COUNTING, NORMAL, POSITIVE, REAL, UNIFORM
from training.stylegan2_encoder import Encoder
from training.stylegan2_networks import SynthesisNetwork

BETAS = (0.9, 0.999)  # of Adam's moments in `refine`
TINY = 1e-8


class EncodeStyles(Wrapper):
    """A picture to one style a layer."""

    def forward(self, image: Tensor) -> Tensor:
        """[batch, channels, size, size] -> ws."""
        return self.network(image)


class Refine(Wrapper):
    """One step of Adam that brings the picture of some styles closer to another picture, a row at a time.

    Each row of the batch descends a loss of its own, with its own moments, step number and rate,

        L = mean (g(ws) - image)^2 + pull mean ((ws - c) / s)^2

    (Abdal et al. 2019, algorithm 1, with pixels alone), so that a row does not depend on its neighbours. What
    comes out beside the new styles are the loss and the picture of the old ones: they cost nothing more.
    """

    differentiates = True  # the gradient is part of the graph; see `to_onnx`

    def __init__(self, synthesis: nn.Module, centre: Tensor, deviation: float) -> None:
        super().__init__(synthesis)
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


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Of faces in colour."""
    encoder = cast(Encoder, networks["encoder"])
    synthesis = cast(SynthesisNetwork, networks["synthesis"])
    channels, side = synthesis.rgb[0].bias.shape[0], synthesis.resolutions[-1]
    size, styles = (int(channels), side, side), (synthesis.styles, len(encoder.centre))
    noises = tuple(
        batched(f"noise_{k}", NORMAL, f"as in synthesis: noise {k}, the same at every step", 1, edge, edge)
        for k, edge in enumerate(synthesis.noise_sizes)
    )
    return (
        Graph(
            "encode",
            EncodeStyles(encoder),
            inputs=(picture("image", "red, green and blue of a face", size),),
            outputs=(batched("ws", REAL, "a style for each layer of the generator's synthesis", *styles),),
        ),
        Graph(
            "refine",
            Refine(synthesis, encoder.centre, float(encoder.deviation)),
            inputs=(
                picture("image", "the face that is looked for", size),
                batched("ws", REAL, "the styles so far: those of encode at first", *styles),
                batched("first", REAL, "Adam's mean of gradients; zeros at first", *styles),
                batched("second", POSITIVE, "Adam's mean of their squares; zeros at first", *styles),
                batched("step", COUNTING, "number of this step", dtype="int64"),
                batched("rate", UNIFORM, "Adam's, in standard deviations of w; 0.05 is a good start"),
                batched("pull", UNIFORM, "weight of the squared distance to the centre of all w; 0.001"),
                *noises,
            ),
            outputs=(
                batched("new_ws", REAL, "ws of the next step", *styles),
                batched("new_first", REAL, "first of the next step", *styles),
                batched("new_second", POSITIVE, "second of the next step", *styles),
                batched("loss", POSITIVE, "before the step: mean squared error and the weighted distance"),
                picture("picture", "of the styles before the step", size),
            ),
            storage="int16",  # as synthesis is kept
        ),
    )


# w* = argmin |g(w) - x|^2 / n + lambda |(w - c) / s|^2 / m,  from  w = E(x)
EQUATION = formula(
    "<msup><mi>w</mi><mo>*</mo></msup><mo>=</mo><munder><mi>argmin</mi><mi>w</mi></munder>"
    "<mspace width='0.3em'/><msup><mrow><mo>‖</mo><mi>g</mi><mo>(</mo><mi>w</mi><mo>)</mo><mo>−</mo>"
    "<mi>x</mi><mo>‖</mo></mrow><mn>2</mn></msup><mo>+</mo><mi>λ</mi><msup><mrow><mo>‖</mo><mi>w</mi><mo>−</mo>"
    "<mover><mi>w</mi><mo>¯</mo></mover><mo>‖</mo></mrow><mn>2</mn></msup><mo>,</mo><mspace width='0.6em'/>"
    "<msub><mi>w</mi><mn>0</mn></msub><mo>=</mo><mi>E</mi><mo>(</mo><mi>x</mi><mo>)</mo>"
)

ENTRIES = (
    Entry(
        id="stylegan2_avatars_encoder",
        kind="encoder",
        year=2021,
        generator="stylegan2_avatars",
        title={"en": "Encoder of avatars", "fr": "Encodeur d'avatars"},
        lesson={
            "en": "A GAN can paint but cannot look: no part of it says which style a given face has. This "
            "encoder was taught to, on faces the generator had made itself and on drawn ones, while the "
            "generator stood still. Its answer is a first guess in one glance; a few dozen steps down the "
            "gradient of the error, each of them a run of one graph, bring the face closer.",
            "fr": "Un GAN sait peindre mais ne sait pas regarder : rien en lui ne dit quel style a un visage "
            "donné. Cet encodeur l'a appris, sur des visages que le générateur avait faits lui-même et sur "
            "des visages dessinés, tandis que le générateur ne bougeait plus. Sa réponse est une première "
            "idée, d'un seul coup d'œil ; quelques dizaines de pas le long du gradient de l'erreur, chacun "
            "étant une exécution d'un graphe, rapprochent le visage.",
        },
        equation=EQUATION,
        paper={
            "authors": "Richardson, Alaluf, Patashnik, Nitzan, Azar, Shapiro, Cohen-Or",
            "title": "Encoding in style: a StyleGAN encoder for image-to-image translation",
            "url": "https://arxiv.org/abs/2008.00951",
        },
        colour="#b0568c",
        graphs=graphs,
        dataset=AVATARS,
        image={"channels": 3, "height": 64, "width": 64},
    ),
)
