"""The auxiliary-classifier GAN."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from export.entry import Entry, formula
from export.graphs import Graph, Wrapper, batched, picture
from export.inputs import REAL, UNIT_INTERVAL
from export.models.gan import generate_labelled
from training.adversarial import CLASSES


class DiscriminateAndClassify(Wrapper):
    """The probability that a picture is real, and which class it shows: an auxiliary classifier's answers."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Image -> score, class_logits."""
        score, class_logits = self.network(image)
        return torch.sigmoid(score), class_logits


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """The generator, told the class, and the discriminator, which has to say it."""
    return (
        generate_labelled(networks["generator"]),
        Graph(
            "discriminate",
            DiscriminateAndClassify(networks["discriminator"]),
            inputs=(picture("image", "grey levels, real or made"),),
            outputs=(
                batched("score", UNIT_INTERVAL, "the probability that the picture is real"),
                batched("class_logits", REAL, "the digits' scores; their softmax is P(class | x)", CLASSES),
            ),
            storage="int16",
        ),
    )


# D maximises L_S + L_C, G maximises L_C - L_S
EQUATION = formula(
    "<munder><mi>max</mi><mi>D</mi></munder><mspace width='0.2em'/><msub><mi>L</mi><mi>S</mi></msub>"
    "<mo>+</mo><msub><mi>L</mi><mi>C</mi></msub><mo>,</mo><mspace width='0.6em'/>"
    "<munder><mi>max</mi><mi>G</mi></munder><mspace width='0.2em'/><msub><mi>L</mi><mi>C</mi></msub>"
    "<mo>−</mo><msub><mi>L</mi><mi>S</mi></msub><mo>,</mo><mspace width='0.6em'/>"
    "<msub><mi>L</mi><mi>C</mi></msub><mo>=</mo><mi>𝔼</mi><mo>[</mo><mi>log</mi><mspace width='0.2em'/>"
    "<mi>P</mi><mo>(</mo><mi>y</mi><mo>|</mo><mi>x</mi><mo>)</mo><mo>]</mo><mo>+</mo><mi>𝔼</mi>"
    "<mo>[</mo><mi>log</mi><mspace width='0.2em'/><mi>P</mi><mo>(</mo><mi>y</mi><mo>|</mo><mi>G</mi>"
    "<mo>(</mo><mi>z</mi><mo>,</mo><mi>y</mi><mo>)</mo><mo>)</mo><mo>]</mo>"
)

ENTRIES = (
    Entry(
        id="acgan",
        kind="model",
        year=2017,
        title={"en": "Auxiliary-classifier GAN", "fr": "GAN à classifieur auxiliaire"},
        lesson={
            "en": "Here the discriminator is not told the digit, it has to name it, as well as say "
            "whether the picture is real. About the source the two networks are opponents, about the "
            "class they are partners: both gain when a made seven is recognised as one. The classes "
            "come out clear, sometimes too clear, for a generator paid to be recognised may leave out "
            "the digits that people themselves hesitate over.",
            "fr": "Ici on ne dit pas le chiffre au discriminateur : il doit le nommer, en plus de dire "
            "si l'image est vraie. Sur l'origine, les deux réseaux sont adversaires, sur la classe ils "
            "sont partenaires : tous deux gagnent quand un sept fabriqué est reconnu comme tel. Les "
            "classes en sortent nettes, parfois trop, car un générateur payé pour être reconnu peut "
            "délaisser les chiffres sur lesquels nous hésitons nous-mêmes.",
        },
        equation=EQUATION,
        paper={
            "authors": "Odena, Olah, Shlens",
            "title": "Conditional image synthesis with auxiliary classifier GANs",
            "url": "https://arxiv.org/abs/1610.09585",
        },
        colour="#d74178",
        graphs=graphs,
        snapshot_role="generate",
    ),
)
