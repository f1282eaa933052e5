"""The first generative adversarial network."""

from collections.abc import Mapping

from torch import nn

from export.entry import Entry, formula
from export.graphs import Discriminate, Generate, Graph, batched, picture
from export.inputs import NORMAL, UNIT_INTERVAL


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Both players. The generator is stored in halves, so that ten of its snapshots fit in 12 MB."""
    generator = networks["generator"]
    z = next(generator.parameters()).shape[1]
    return (
        Graph(
            "generate",
            Generate(generator),
            inputs=(batched("z", NORMAL, "the latent vector, independent standard normals", z),),
            outputs=(picture("image", "a digit that nobody wrote"),),
            storage="float16",
        ),
        Graph(
            "discriminate",
            Discriminate(networks["discriminator"]),
            inputs=(picture("image", "grey levels, real or made"),),
            outputs=(batched("score", UNIT_INTERVAL, "D(x), the probability that the picture is real"),),
        ),
    )


ENTRIES = (
    Entry(
        id="gan",
        kind="model",
        year=2014,
        family="gan",
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
        # min_G max_D E_x log D(x) + E_z log(1 - D(G(z)))
        equation=formula(
            "<munder><mi>min</mi><mi>G</mi></munder><mspace width='0.2em'/><munder><mi>max</mi>"
            "<mi>D</mi></munder><mspace width='0.2em'/>"
            "<msub><mi>𝔼</mi><mi>x</mi></msub><mo>[</mo><mi>log</mi><mspace width='0.2em'/><mi>D</mi>"
            "<mo>(</mo><mi>x</mi><mo>)</mo><mo>]</mo><mo>+</mo>"
            "<msub><mi>𝔼</mi><mi>z</mi></msub><mo>[</mo><mi>log</mi><mo>(</mo><mn>1</mn>"
            "<mo>−</mo><mi>D</mi><mo>(</mo><mi>G</mi><mo>(</mo><mi>z</mi><mo>)</mo>"
            "<mo>)</mo><mo>)</mo><mo>]</mo>"
        ),
        paper={
            "authors": "Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio",
            "title": "Generative adversarial nets",
            "url": "https://arxiv.org/abs/1406.2661",
        },
        colour="#935edf",
        graphs=graphs,
        snapshot_role="generate",
    ),
)
