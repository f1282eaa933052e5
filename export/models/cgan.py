"""The conditional GAN: Mirza and Osindero's game."""

from collections.abc import Mapping

from torch import nn

from export.entry import Entry, formula
from export.graphs import Graph
from export.models.gan import discriminate_labelled, generate_labelled
from onnx_models.catalog import Reported


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Both players, told the class."""
    return generate_labelled(networks["generator"]), discriminate_labelled(networks["discriminator"])


# min_G max_D E_{x,y} log D(x|y) + E_{z,y} log(1 - D(G(z|y)|y))
EQUATION = formula(
    "<munder><mi>min</mi><mi>G</mi></munder><mspace width='0.2em'/><munder><mi>max</mi>"
    "<mi>D</mi></munder><mspace width='0.2em'/>"
    "<msub><mi>𝔼</mi><mrow><mi>x</mi><mo>,</mo><mi>y</mi></mrow></msub><mo>[</mo><mi>log</mi>"
    "<mspace width='0.2em'/><mi>D</mi><mo>(</mo><mi>x</mi><mo>|</mo><mi>y</mi><mo>)</mo><mo>]</mo>"
    "<mo>+</mo><msub><mi>𝔼</mi><mrow><mi>z</mi><mo>,</mo><mi>y</mi></mrow></msub><mo>[</mo>"
    "<mi>log</mi><mo>(</mo><mn>1</mn><mo>−</mo><mi>D</mi><mo>(</mo><mi>G</mi><mo>(</mo><mi>z</mi>"
    "<mo>|</mo><mi>y</mi><mo>)</mo><mo>|</mo><mi>y</mi><mo>)</mo><mo>)</mo><mo>]</mo>"
)

PAPER = {
    "authors": "Mirza, Osindero",
    "title": "Conditional generative adversarial nets",
    "url": "https://arxiv.org/abs/1411.1784",
}

ENTRIES = (
    Entry(
        id="cgan",
        kind="model",
        year=2014,
        title={"en": "Conditional GAN", "fr": "GAN conditionnel"},
        lesson={
            "en": "Both players are told which digit it is about. The discriminator no longer asks "
            "whether a picture looks real but whether it is a real three, so the generator that draws "
            "a fine eight when a three was asked for is caught at once. What the label fixes need not "
            "come from the noise any more: z is left with the hand that writes, slant, weight and "
            "style.",
            "fr": "On dit aux deux joueurs de quel chiffre il s'agit. Le discriminateur ne demande "
            "plus si une image a l'air vraie mais si c'est un vrai trois : le générateur qui dessine "
            "un beau huit quand on voulait un trois est pris aussitôt. Ce que fixe l'étiquette n'a "
            "plus à venir du bruit : il reste à z la main qui écrit, son inclinaison, son trait, son "
            "style.",
        },
        equation=EQUATION,
        paper=PAPER,
        reported=(Reported("parzen_log_likelihood", None, 132.0, "Mirza & Osindero 2014, table 1"),),
        colour="#b34cd5",
        graphs=graphs,
        snapshot_role="generate",
    ),
)
