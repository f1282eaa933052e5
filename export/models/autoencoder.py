"""The deep autoencoder."""

from collections.abc import Mapping

from torch import nn

from export.entry import Entry, formula
from export.graphs import Decode, Encode, Graph, Reconstruct, batched, picture
from export.inputs import REAL


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Both halves, together and apart.

    The whole would be 11.3 MB in float32, so it is stored in float16, as is the encoder. The decoder alone
    fits in float32 and needs it: far from any digit's code its logits are steep, and halves cost 0.013.
    """
    autoencoder = networks["autoencoder"]
    image = picture("image", "grey levels")
    code = batched("code", REAL, "the bottleneck, linear units", autoencoder.encoder[-1].out_features)
    return (
        Graph(
            "reconstruct",
            Reconstruct(autoencoder),
            inputs=(image,),
            outputs=(picture("reconstruction", "the picture rebuilt from its code"), code),
            storage="float16",
        ),
        Graph("encode", Encode(autoencoder), inputs=(image,), outputs=(code,), storage="float16"),
        Graph(
            "decode",
            Decode(autoencoder),
            inputs=(code,),
            outputs=(
                picture("image", "the picture of this code"),
                picture("logits", "its log-odds, before the sigmoid", range=REAL),
            ),
        ),
    )


ENTRIES = (
    Entry(
        id="autoencoder",
        kind="model",
        year=2006,
        family="autoencoder",
        title={"en": "Deep autoencoder", "fr": "Autoencodeur profond"},
        lesson={
            "en": "An autoencoder learns to copy its input through a narrow waist: an encoder squeezes "
            "784 pixels into a code of 30 numbers, a decoder rebuilds the picture from them. No label is "
            "needed, since the picture itself is the target and only the squared error between the two is "
            "made small. It rebuilds better than anything else here, but it assigns no probability to a "
            "picture and does not know how to invent one.",
            "fr": "Un autoencodeur apprend à recopier son entrée à travers une taille étroite : un "
            "encodeur réduit 784 pixels à un code de 30 nombres, un décodeur en refait l'image. Il se "
            "passe d'étiquettes, car l'image est sa propre cible et l'on ne réduit que l'erreur "
            "quadratique entre les deux. C'est lui qui reconstruit le mieux ici, mais il n'attribue "
            "aucune probabilité à une image et ne sait pas en inventer une.",
        },
        # min_{f,g} sum_x || x - g(f(x)) ||^2
        equation=formula(
            "<munder><mi>min</mi><mrow><mi>f</mi><mo>,</mo><mi>g</mi></mrow></munder><mspace width='0.2em'/>"
            "<munder><mo>∑</mo><mi>x</mi></munder>"
            "<msup><mrow><mo>‖</mo><mi>x</mi><mo>−</mo><mi>g</mi><mo>(</mo><mi>f</mi>"
            "<mo>(</mo><mi>x</mi><mo>)</mo><mo>)</mo><mo>‖</mo></mrow><mn>2</mn></msup>"
        ),
        paper={
            "authors": "Hinton, Salakhutdinov",
            "title": "Reducing the dimensionality of data with neural networks",
            "url": "https://doi.org/10.1126/science.1127647",
        },
        colour="#118883",
        graphs=graphs,
    ),
)
