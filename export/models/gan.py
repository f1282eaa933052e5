"""The first generative adversarial network, the one that collapsed, and what all of the family ship."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from export.entry import Entry, formula
from export.graphs import SIZE, Graph, Wrapper, batched, picture
from export.inputs import LABEL, NORMAL, UNIT_INTERVAL
from onnx_models.catalog import Reported
from training.adversarial import Z


class Generate(Wrapper):
    """Noise to pictures."""

    def forward(self, z: Tensor) -> Tensor:
        """[batch, z] -> image."""
        return self.network(z)


class GenerateLabelled(Wrapper):
    """Noise to pictures of a class."""

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """[batch, z], [batch] -> image."""
        return self.network(z, label)


class Discriminate(Wrapper):
    """The probability that a picture is real."""

    def forward(self, image: Tensor) -> Tensor:
        """Image -> score."""
        return torch.sigmoid(self.network(image))


class DiscriminateLabelled(Wrapper):
    """The probability that a picture is real and of the class it is said to be."""

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """Image, [batch] -> score."""
        return torch.sigmoid(self.network(image, label))


MADE = "a digit that nobody wrote"


LATENT = "the latent vector, independent standard normals"
LATENT_SPARE = f"{LATENT}; the first is spare, read only to pick a label where none is asked for"
DIGIT = "the digit to make; -1 leaves it to the first value of z: all ten equally often"


def generate(
    generator: nn.Module,
    size: tuple[int, int, int] = SIZE,
    made: str = MADE,
    storage: Literal["int16", "float16"] = "float16",
) -> Graph:
    """Noise to pictures. Nothing averages the roundings of halves away in what is only convolved: there
    integers of 16 bits, several times as near, take as little room."""
    return Graph(
        "generate",
        Generate(generator),
        inputs=(batched("z", NORMAL, LATENT, Z),),
        outputs=(picture("image", made, size),),
        storage=storage,
    )


def generate_labelled(generator: nn.Module) -> Graph:
    """Noise and a class to pictures, in halves."""
    return Graph(
        "generate",
        GenerateLabelled(generator),
        inputs=(
            batched("z", NORMAL, LATENT_SPARE, Z),
            batched("label", LABEL, DIGIT, dtype="int64"),
        ),
        outputs=(picture("image", MADE),),
        storage="float16",
    )


def discriminate(
    discriminator: nn.Module,
    size: tuple[int, int, int] = SIZE,
    shown: str = "grey levels",
    storage: Literal["float32", "float16", "int16"] = "float32",
) -> Graph:
    """Real or made."""
    return Graph(
        "discriminate",
        Discriminate(discriminator),
        inputs=(picture("image", f"{shown}, real or made", size),),
        outputs=(batched("score", UNIT_INTERVAL, "D(x), the probability that the picture is real"),),
        storage=storage,
    )


def discriminate_labelled(discriminator: nn.Module) -> Graph:
    """Real or made, as a picture of a class."""
    return Graph(
        "discriminate",
        DiscriminateLabelled(discriminator),
        inputs=(
            picture("image", "grey levels, real or made"),
            batched(
                "label",
                LABEL,
                "the digit the picture is said to be; -1 takes the one that suits it best",
                dtype="int64",
            ),
        ),
        outputs=(batched("score", UNIT_INTERVAL, "D(x|y), the probability that picture and label are real"),),
        storage="float16",
    )


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Both players."""
    return generate(networks["generator"]), discriminate(networks["discriminator"], storage="float16")


# min_G max_D E_x log D(x) + E_z log(1 - D(G(z)))
EQUATION = formula(
    "<munder><mi>min</mi><mi>G</mi></munder><mspace width='0.2em'/><munder><mi>max</mi>"
    "<mi>D</mi></munder><mspace width='0.2em'/>"
    "<msub><mi>𝔼</mi><mi>x</mi></msub><mo>[</mo><mi>log</mi><mspace width='0.2em'/><mi>D</mi>"
    "<mo>(</mo><mi>x</mi><mo>)</mo><mo>]</mo><mo>+</mo>"
    "<msub><mi>𝔼</mi><mi>z</mi></msub><mo>[</mo><mi>log</mi><mo>(</mo><mn>1</mn>"
    "<mo>−</mo><mi>D</mi><mo>(</mo><mi>G</mi><mo>(</mo><mi>z</mi><mo>)</mo>"
    "<mo>)</mo><mo>)</mo><mo>]</mo>"
)

PAPER = {
    "authors": "Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio",
    "title": "Generative adversarial nets",
    "url": "https://arxiv.org/abs/1406.2661",
}

ENTRIES = (
    Entry(
        id="gan",
        kind="model",
        year=2014,
        title={"en": "Generative adversarial network", "fr": "Réseau antagoniste génératif"},
        lesson={
            "en": "Two networks play a zero-sum game: the generator turns noise into pictures, the "
            "discriminator says whether a picture is real or made. The generator never sees a digit; it "
            "learns only from how the discriminator's verdict would change. At the game's ideal end, a "
            "Nash equilibrium, made pictures follow the distribution of real ones and the discriminator "
            "can do no better than answer one half.",
            "fr": "Deux réseaux se livrent un jeu à somme nulle : le générateur transforme du bruit en "
            "images, le discriminateur dit si une image est vraie ou fabriquée. Le générateur ne voit "
            "jamais un seul chiffre ; il n'apprend que de la façon dont le verdict du discriminateur "
            "changerait. À la fin idéale du jeu, un équilibre de Nash, les images fabriquées suivent la "
            "loi des vraies et le discriminateur ne peut mieux faire que de répondre un demi.",
        },
        equation=EQUATION,
        paper=PAPER,
        reported=(Reported("parzen_log_likelihood", None, 225.0, "Goodfellow et al. 2014"),),
        colour="#935edf",
        graphs=graphs,
        snapshot_role="generate",
    ),
    Entry(
        id="gan_collapsed",
        kind="exhibit",
        year=2014,
        title={"en": "A collapsed GAN", "fr": "Un GAN effondré"},
        lesson={
            "en": "This is the same game gone wrong on purpose: the batch normalisation that holds its "
            "neighbour upright was taken away. The generator fell onto a one and a nine and hardly looks "
            "at the noise it is fed, so that the seeds come out alike. Its discriminator has long seen "
            "through it, yet all it can say of each picture is how to pass for real, and nothing in the "
            "game asks a generator for eight more digits.",
            "fr": "C'est le même jeu, faussé exprès : on a retiré la normalisation par lots qui tient son "
            "voisin debout. Le générateur est tombé sur un un et un neuf et ne regarde guère le bruit "
            "dont on le nourrit, si bien que les graines se ressemblent. Son discriminateur l'a percé à "
            "jour depuis longtemps, mais tout ce qu'il peut dire de chaque image, c'est comment passer "
            "pour vraie, et rien dans le jeu ne demande au générateur huit chiffres de plus.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#827593",
        graphs=graphs,
        snapshot_role="generate",
    ),
)
