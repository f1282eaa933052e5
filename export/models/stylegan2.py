"""StyleGAN2, of digits by label and of avatars.

Weights are stored in 16-bit integers: with the larger layers in halves a face is 0.0026 away from PyTorch's,
where 0.002 is allowed. The mapping network is stored in full: it is small, and every style is rounded by it.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.entry import AVATARS, Entry, formula
from export.graphs import Described, Graph, Wrapper, batched, picture
from export.inputs import LABEL, NORMAL, REAL, UNIT_INTERVAL
from export.models.gan import DIGIT, LATENT, LATENT_SPARE, MADE
from export.models.wgan_gp import Criticise
from onnx_models import seeds
from training.adversarial import Z
from training.stylegan2_networks import truncated


class MapToStyles(Wrapper):
    """z to one style a layer, each drawn to the centre of all styles by its own psi."""

    def forward(self, z: Tensor, psi: Tensor) -> Tensor:
        """[batch, z], [batch, styles] -> ws."""
        w, centre = self.network(z)
        return truncated(w, centre, psi)


class MapToStylesLabelled(Wrapper):
    """z and a class to one style a layer, each drawn to the centre of the class."""

    def forward(self, z: Tensor, label: Tensor, psi: Tensor) -> Tensor:
        """[batch, z], [batch], [batch, styles] -> ws."""
        w, centre = self.network(z, label)
        return truncated(w, centre, psi)


class Synthesise(Wrapper):
    """Styles and noise to a picture, and what each size adds to it."""

    def forward(self, ws: Tensor, *noise: Tensor) -> tuple[Tensor, ...]:
        """[batch, styles, w], [batch, 1, size, size] each -> image, rgb_R."""
        image, parts = self.network(ws, noise)
        return image.clamp(0, 1), *parts


class MapAndSynthesise(Wrapper):
    """Noise to pictures by way of styles: psi 1 and always the same noise images, a margin cut off."""

    def __init__(self, both: nn.Module, noise: Sequence[Tensor], margin: int = 0) -> None:
        super().__init__(both)  # a module that holds `mapping` and `synthesis`
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


class CriticiseLabelled(Wrapper):
    """A critic's score of a picture as one of a class; the margin that its network wants is added."""

    def __init__(self, critic: nn.Module, margin: int = 0) -> None:
        super().__init__(critic)
        self.margin = margin

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """Image, [batch] -> score."""
        return self.network(functional.pad(image, (self.margin,) * 4), label)


MARGIN = 2  # pixels around a digit of 28x28 in a network of 32x32
NOISE_SEED = (
    0  # of the noise images in `generate`, drawn as SEEDS.md says: anyone can give them to `synthesis`
)
FACE = "red, green and blue of a face that nobody has"

PSI = (
    "truncation, layer by layer from the coarsest: 1 leaves the style as it is, 0 replaces it by the centre "
    "of all styles{}; beyond 1 exaggerates"
)
SCORE = "D(x): higher is more like the data; only differences between pictures{} mean something"


def digits_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Of a class that is asked for.

    The networks know 32x32 pixels; `generate` and `criticise` take the margin off and put it on, so that
    these digits stand beside those of the whole lineage.
    """
    z, label = batched("z", NORMAL, LATENT_SPARE, Z), batched("label", LABEL, DIGIT, dtype="int64")
    both = Both(networks)
    return (
        Graph(
            "mapping",
            MapToStylesLabelled(networks["mapping"]),
            inputs=(z, label, _psi(both, PSI.format(" of the digit"))),
            outputs=(_ws(both),),
        ),
        _synthesis(both, f"{MADE}, in a black margin of {MARGIN} pixels"),
        Graph(
            "generate",
            MapAndSynthesiseLabelled(both, _noise(both), MARGIN),
            inputs=(z, label),
            outputs=(picture("image", MADE),),
            storage="int16",
        ),
        Graph(
            "criticise",
            CriticiseLabelled(networks["discriminator"], MARGIN),
            inputs=(
                picture("image", "grey levels, real or made"),
                batched(
                    "label",
                    LABEL,
                    "the digit the picture is said to be; -1 takes the highest of ten scores",
                    dtype="int64",
                ),
            ),
            outputs=(batched("score", REAL, SCORE.format(" said to be one digit")),),
            storage="int16",
        ),
    )


def avatars_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Of faces in colour."""
    z, both, size = batched("z", NORMAL, LATENT, Z), Both(networks), (3, 64, 64)
    return (
        Graph(
            "mapping",
            MapToStyles(networks["mapping"]),
            inputs=(z, _psi(both, PSI.format(""))),
            outputs=(_ws(both),),
        ),
        _synthesis(both, FACE),
        Graph(
            "generate",
            MapAndSynthesise(both, _noise(both)),
            inputs=(z,),
            outputs=(picture("image", FACE, size),),
            storage="int16",
        ),
        Graph(
            "criticise",
            Criticise(networks["discriminator"]),
            inputs=(picture("image", "red, green and blue, real or made", size),),
            outputs=(batched("score", REAL, SCORE.format("")),),
            storage="int16",
        ),
    )


class Both(nn.Module):
    """Mapping and synthesis under one roof, as `generate` holds them."""

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.mapping, self.synthesis = networks["mapping"], networks["synthesis"]


def _psi(both: Both, meaning: str) -> Described:
    return batched("psi", UNIT_INTERVAL, meaning, both.synthesis.styles)


def _ws(both: Both) -> Described:
    meaning = "a style for each convolution, coarse to fine, and one for the last picture layer"
    return batched("ws", REAL, meaning, both.synthesis.styles, both.mapping.centre.shape[1])


def _synthesis(both: Both, made: str) -> Graph:
    synthesis = both.synthesis
    channels, size = synthesis.rgb[0].bias.shape[0], synthesis.resolutions[-1]
    noises = tuple(
        batched(f"noise_{k}", NORMAL, f"added to the maps of convolution {k}; zeros: none", 1, side, side)
        for k, side in enumerate(synthesis.noise_sizes)
    )
    parts = tuple(
        batched(
            f"rgb_{side}",
            REAL,
            f"what the layers of {side}x{side} add; doubled to full size, all parts and 0.5 sum to the image",
            channels,
            side,
            side,
        )
        for side in synthesis.resolutions
    )
    return Graph(
        "synthesis",
        Synthesise(synthesis),
        inputs=(_ws(both), *noises),
        outputs=(picture("image", made, (channels, size, size)), *parts),
        storage="int16",
    )


def _noise(both: Both) -> list[torch.Tensor]:
    """Noise images [1, 1, size, size] of seed 0, sample 0: the same in every file and every language."""
    return [
        torch.from_numpy(seeds.normals(NOISE_SEED, 1, side * side, seeds.Stream.NOISE, layer=k)).view(
            1, 1, side, side
        )
        for k, side in enumerate(both.synthesis.noise_sizes)
    ]


# x' = sqrt(2) leaky( d * (W * (s x)) + b + n ),  s = A w + 1,  d_o = ( sum (s_i W_oik)^2 )^(-1/2)
EQUATION = formula(
    "<mi>x</mi><mo>′</mo><mo>=</mo><mi>f</mi><mo>(</mo><mi>d</mi><mo>⊙</mo><mo>(</mo><mi>W</mi><mo>∗</mo>"
    "<mo>(</mo><mi>s</mi><mo>⊙</mo><mi>x</mi><mo>)</mo><mo>)</mo><mo>+</mo><mi>n</mi><mo>+</mo><mi>b</mi>"
    "<mo>)</mo><mo>,</mo><mspace width='0.6em'/><mi>s</mi><mo>=</mo><mi>A</mi><mi>w</mi><mo>+</mo>"
    "<mn>1</mn><mo>,</mo><mspace width='0.6em'/><msub><mi>d</mi><mi>o</mi></msub><mo>=</mo>"
    "<msup><mrow><mo>(</mo><munder><mo>∑</mo><mrow><mi>i</mi><mo>,</mo><mi>k</mi></mrow></munder>"
    "<msup><mrow><mo>(</mo><msub><mi>s</mi><mi>i</mi></msub><msub><mi>W</mi><mrow><mi>o</mi><mi>i</mi>"
    "<mi>k</mi></mrow></msub><mo>)</mo></mrow><mn>2</mn></msup><mo>)</mo></mrow><mrow><mo>−</mo><mn>1</mn>"
    "<mo>/</mo><mn>2</mn></mrow></msup>"
)

PAPER = {
    "authors": "Karras, Laine, Aittala, Hellsten, Lehtinen, Aila",
    "title": "Analyzing and improving the image quality of StyleGAN",
    "url": "https://arxiv.org/abs/1912.04958",
}

ENTRIES = (
    Entry(
        id="stylegan2_avatars",
        kind="model",
        year=2020,
        title={"en": "StyleGAN2 of avatars", "fr": "StyleGAN2 d'avatars"},
        lesson={
            "en": "Noise is no longer the seed a picture grows from but the style it is painted in: a small "
            "network turns z into w, and w tells every layer which of its maps to listen to. Coarse layers "
            "choose the hair, fine ones the colours, so two faces can be mixed layer by layer, and drawing "
            "w to its centre trades variety for safety. The networks are the paper's; the game is a later "
            "one, in which a made face is judged beside a real one, with a penalty on the judge's slope at "
            "both.",
            "fr": "Le bruit n'est plus la graine d'où pousse l'image, mais le style dans lequel elle est "
            "peinte : un petit réseau change z en w, et w dit à chaque couche lesquelles de ses cartes "
            "écouter. Les couches grossières choisissent la coiffure, les fines les couleurs ; on peut donc "
            "mêler deux visages couche par couche, et ramener w vers son centre échange la variété contre la "
            "prudence. Les réseaux sont ceux de l'article ; le jeu vient après lui : on y juge un visage "
            "fabriqué à côté d'un vrai, en pénalisant la pente du juge aux deux.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#d9455f",
        graphs=avatars_graphs,
        snapshot_role="generate",
        dataset=AVATARS,
        image={"channels": 3, "height": 64, "width": 64},
    ),
    Entry(
        id="stylegan2_digits",
        kind="model",
        year=2020,
        title={"en": "StyleGAN2 of digits", "fr": "StyleGAN2 de chiffres"},
        lesson={
            "en": "The end of the line, brought back to where it began: the same digits, from the same z, "
            "with the label asked for. The label goes through the mapping network together with z, so that "
            "each digit has a centre of its own, the average hand, which truncation leads to. Its pictures "
            "are doubled up from four by four pixels to thirty-two and lose a margin of two.",
            "fr": "Le bout de la lignée, ramené à son point de départ : les mêmes chiffres, du même z, avec "
            "l'étiquette demandée. L'étiquette traverse le réseau de style avec z, si bien que chaque "
            "chiffre a son propre centre, la main moyenne, où mène la troncature. Ses images se doublent de "
            "quatre pixels sur quatre jusqu'à trente-deux, puis perdent une marge de deux.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#dc3f4a",
        graphs=digits_graphs,
        snapshot_role="generate",
    ),
)
