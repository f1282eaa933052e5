"""The deep convolutional GAN, of digits, of clothes, and conditional."""

from collections.abc import Mapping

from torch import nn

from export.entry import AVATARS, FASHION_MNIST, Entry, formula
from export.graphs import Graph
from export.models.gan import discriminate, generate


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Both players."""
    return generate(networks["generator"], storage="int16"), discriminate(
        networks["discriminator"], storage="int16"
    )


def fashion_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Both players, of clothes."""
    return (
        generate(networks["generator"], made="a garment that nobody sewed", storage="int16"),
        discriminate(networks["discriminator"], storage="int16"),
    )


def avatars_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Both players, of faces in colour."""
    size = (3, 64, 64)
    return (
        generate(
            networks["generator"],
            size,
            made="red, green and blue of a face that nobody has",
            storage="int16",
        ),
        discriminate(networks["discriminator"], size, shown="red, green and blue", storage="int16"),
    )


# G(z) = sigmoid(W_L^T * relu(bn(... W_1^T * relu(bn(W_0 z))))), * with strides of two, transposed
EQUATION = formula(
    "<mi>G</mi><mo>(</mo><mi>z</mi><mo>)</mo><mo>=</mo><mi>σ</mi><mo>(</mo>"
    "<msub><mi>W</mi><mn>2</mn></msub><msup><mo>∗</mo><mo>⊤</mo></msup><mi>f</mi><mo>(</mo>"
    "<msub><mi>W</mi><mn>1</mn></msub><msup><mo>∗</mo><mo>⊤</mo></msup><mi>f</mi><mo>(</mo>"
    "<msub><mi>W</mi><mn>0</mn></msub><mi>z</mi><mo>)</mo><mo>)</mo><mo>)</mo><mo>,</mo>"
    "<mspace width='0.6em'/><mi>f</mi><mo>=</mo><mi>relu</mi><mo>∘</mo><mi>batch norm</mi>"
)

PAPER = {
    "authors": "Radford, Metz, Chintala",
    "title": "Unsupervised representation learning with deep convolutional generative adversarial networks",
    "url": "https://arxiv.org/abs/1511.06434",
}

ENTRIES = (
    Entry(
        id="dcgan",
        kind="model",
        year=2016,
        title={"en": "Deep convolutional GAN", "fr": "GAN convolutif profond"},
        lesson={
            "en": "The game is that of 2014, the players are new: convolutions, which use the same few "
            "weights all over the picture. The generator starts from coarse maps of seven by seven and "
            "doubles them with transposed convolutions until strokes appear; the discriminator walks "
            "the same way back. A handful of plain rules, strides for pooling, batch normalisation "
            "nearly everywhere, made it the first recipe for GANs that mostly worked at the first "
            "attempt.",
            "fr": "Le jeu est celui de 2014, les joueurs sont nouveaux : des convolutions, qui "
            "appliquent les mêmes quelques poids partout dans l'image. Le générateur part de cartes "
            "grossières de sept sur sept et les double par convolutions transposées jusqu'à ce que "
            "naissent des traits ; le discriminateur refait le chemin en sens inverse. Une poignée de "
            "règles simples, des pas de deux au lieu du sous-échantillonnage, la normalisation par "
            "lots presque partout, en ont fait la première recette de GAN qui marchait le plus "
            "souvent du premier coup.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#c840bc",
        graphs=graphs,
        snapshot_role="generate",
    ),
    Entry(
        id="dcgan_fashion",
        kind="model",
        year=2016,
        title={"en": "DCGAN of clothes", "fr": "DCGAN de vêtements"},
        lesson={
            "en": "The same networks and the same recipe, shown clothes instead of digits. Nothing in "
            "them knew about pens, so nothing has to be unlearned: coarse maps become outlines, "
            "outlines become sleeves and heels. Look at what is hard for it: prints and lettering, "
            "which differ on every shirt and which the discriminator seldom sees twice.",
            "fr": "Les mêmes réseaux et la même recette, à qui l'on montre des vêtements au lieu de "
            "chiffres. Rien en eux ne connaissait la plume, rien n'est donc à désapprendre : les "
            "cartes grossières deviennent des contours, les contours des manches et des talons. "
            "Regardez ce qui lui coûte : les motifs et les lettres, différents sur chaque chemise et "
            "que le discriminateur voit rarement deux fois.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#aa60a3",
        graphs=fashion_graphs,
        snapshot_role="generate",
        dataset=FASHION_MNIST,
    ),
    Entry(
        id="dcgan_avatars",
        kind="baseline",
        year=2016,
        title={"en": "DCGAN of avatars", "fr": "DCGAN d'avatars"},
        lesson={
            "en": "This is the yardstick for the StyleGAN of avatars: the recipe of 2016 with as many "
            "weights, shown as many drawings. Here z enters once, at the bottom, and every layer has to "
            "hand on what the later ones will need. Compare the eyes and mouths, and the distances below: "
            "the difference is what four years of ideas are worth.",
            "fr": "C'est l'étalon du StyleGAN d'avatars : la recette de 2016, avec autant de poids, à qui "
            "l'on a montré autant de dessins. Ici z n'entre qu'une fois, tout en bas, et chaque couche doit "
            "transmettre ce dont les suivantes auront besoin. Comparez les yeux et les bouches, puis les "
            "distances ci-dessous : l'écart dit ce que valent quatre ans d'idées.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#a8659c",
        graphs=avatars_graphs,
        dataset=AVATARS,
        image={"channels": 3, "height": 64, "width": 64},
    ),
)
