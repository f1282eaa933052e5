"""The deep autoencoder, three with narrower codes, and one that repairs."""

from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from export.entry import Entry, formula
from export.graphs import SIZE, Graph, Wrapper, batched, picture
from export.inputs import REAL
from onnx_models.catalog import Reported


class Reconstruct(Wrapper):
    """A picture through the autoencoder and back."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> reconstruction, code."""
        logits, code = self.network(image.flatten(1))
        return torch.sigmoid(logits).view_as(image), code


class Encode(Wrapper):
    """The first half of an autoencoder."""

    def forward(self, image: Tensor) -> Tensor:
        """[batch, 1, 28, 28] -> code."""
        return self.network.encoder(image.flatten(1))


class Decode(Wrapper):
    """The second half of an autoencoder."""

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Code -> image, logits."""
        logits = self.network.decoder(code).unflatten(1, SIZE)
        return torch.sigmoid(logits), logits


def graphs(
    networks: Mapping[str, nn.Module], alone: Literal["float32", "int16"] = "int16"
) -> tuple[Graph, ...]:
    """Both halves, together and apart, the decoder by itself stored as `alone` says.

    The whole is stored in float16, as is the encoder. Far from any digit's code the logits are steep: there
    halves cost a decoder 0.013, integers of 16 bits the deepest one 0.0023 and the others less than 0.002.
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
            storage=alone,
        ),
    )


def whole(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Both halves together: of codes that no map shows, the halves apart would only be twice the room."""
    return graphs(networks)[:1]


HINTON = {
    "authors": "Hinton, Salakhutdinov",
    "title": "Reducing the dimensionality of data with neural networks",
    "url": "https://doi.org/10.1126/science.1127647",
}

# min_{f,g} sum_x || x - g(f(x)) ||^2
EQUATION = formula(
    "<munder><mi>min</mi><mrow><mi>f</mi><mo>,</mo><mi>g</mi></mrow></munder><mspace width='0.2em'/>"
    "<munder><mo>∑</mo><mi>x</mi></munder>"
    "<msup><mrow><mo>‖</mo><mi>x</mi><mo>−</mo><mi>g</mi><mo>(</mo><mi>f</mi>"
    "<mo>(</mo><mi>x</mi><mo>)</mo><mo>)</mo><mo>‖</mo></mrow><mn>2</mn></msup>"
)

VINCENT = {
    "authors": "Vincent, Larochelle, Bengio, Manzagol",
    "title": "Extracting and composing robust features with denoising autoencoders",
    "url": "https://doi.org/10.1145/1390156.1390294",
}

# min_{f,g} sum_x || x - g(f(x~)) ||^2,  x~ from q(x~|x)
DENOISING = formula(
    "<munder><mi>min</mi><mrow><mi>f</mi><mo>,</mo><mi>g</mi></mrow></munder><mspace width='0.2em'/>"
    "<munder><mo>∑</mo><mi>x</mi></munder>"
    "<msup><mrow><mo>‖</mo><mi>x</mi><mo>−</mo><mi>g</mi><mo>(</mo><mi>f</mi>"
    "<mo>(</mo><mover><mi>x</mi><mo>~</mo></mover><mo>)</mo><mo>)</mo><mo>‖</mo></mrow><mn>2</mn></msup>"
    "<mo>,</mo><mspace width='1em'/><mover><mi>x</mi><mo>~</mo></mover><mo>∼</mo><mi>q</mi>"
    "<mo>(</mo><mover><mi>x</mi><mo>~</mo></mover><mo>|</mo><mi>x</mi><mo>)</mo>"
)

ENTRIES = (
    Entry(
        id="autoencoder",
        kind="model",
        year=2006,
        title={"en": "Deep autoencoder", "fr": "Autoencodeur profond"},
        lesson={
            "en": "An autoencoder learns to copy its input through a narrow waist: an encoder "
            "squeezes 784 pixels into a code of 30 numbers, a decoder rebuilds the picture from them. "
            "No label is needed, since the picture itself is the target and only the squared error "
            "between the two is made small. It rebuilds better than anything else here, but it "
            "assigns no probability to a picture and does not know how to invent one.",
            "fr": "Un autoencodeur apprend à recopier son entrée à travers une taille étroite : un "
            "encodeur réduit 784 pixels à un code de 30 nombres, un décodeur en refait l'image. Il se "
            "passe d'étiquettes, car l'image est sa propre cible et l'on ne réduit que l'erreur "
            "quadratique entre les deux. C'est lui qui reconstruit le mieux ici, mais il n'attribue "
            "aucune probabilité à une image et ne sait pas en inventer une.",
        },
        equation=EQUATION,
        paper=HINTON,
        reported=(Reported("reconstruction_squared_error", 30, 3.0, "Hinton & Salakhutdinov 2006"),),
        colour="#118883",
        graphs=partial(graphs, alone="float32"),
    ),
    Entry(
        id="autoencoder_2",
        kind="exhibit",
        year=2006,
        title={"en": "Autoencoder, code of 2", "fr": "Autoencodeur, code de 2"},
        lesson={
            "en": "Every digit must pass through two numbers, so that all of them can be laid out on "
            "a map. Nothing asks the map to be orderly: the encoder spreads the classes like fingers "
            "over a plane of its own scale and leaves empty land between them. Decode a point of that "
            "land and no digit need come out: this is why an autoencoder rebuilds and does not "
            "invent.",
            "fr": "Chaque chiffre doit passer par deux nombres, si bien qu'on peut les étaler tous "
            "sur une carte. Rien n'exige que la carte soit en ordre : l'encodeur étend les classes "
            "comme des doigts sur un plan à son échelle et laisse entre elles des terres vides. "
            "Décodez un point de ces terres : il n'en sort pas forcément un chiffre, et voilà "
            "pourquoi un autoencodeur refait mais n'invente pas.",
        },
        equation=EQUATION,
        paper=HINTON,
        colour="#268598",
        graphs=graphs,
    ),
    Entry(
        id="autoencoder_5",
        kind="exhibit",
        year=2006,
        title={"en": "Autoencoder, code of 5", "fr": "Autoencodeur, code de 5"},
        lesson={
            "en": "With five numbers the autoencoder keeps which digit it is and roughly how it "
            "slants, and little else. The rest of a handwriting is replaced by the average of all "
            "digits that share the code. Compare it with codes of 2, 10 and 30 to see what each "
            "further number buys.",
            "fr": "Avec cinq nombres, l'autoencodeur retient de quel chiffre il s'agit et à peu près "
            "son inclinaison, guère plus. Le reste de l'écriture cède la place à la moyenne des "
            "chiffres de même code. Comparez avec les codes de 2, de 10 et de 30 pour voir ce que "
            "chaque nombre de plus apporte.",
        },
        equation=EQUATION,
        paper=HINTON,
        colour="#228970",
        graphs=whole,
    ),
    Entry(
        id="autoencoder_10",
        kind="exhibit",
        year=2006,
        title={"en": "Autoencoder, code of 10", "fr": "Autoencodeur, code de 10"},
        lesson={
            "en": "Ten numbers are as many as there are classes, but no label was ever shown: the "
            "code spends them on strokes, slant and thickness as well as on identity. Most digits "
            "come back readable, a personal flourish is still lost. Compare it with codes of 2, 5 and "
            "30 to see what each further number buys.",
            "fr": "Dix nombres, autant que de classes, mais aucune étiquette ne fut montrée : le code "
            "les dépense en traits, en inclinaison et en épaisseur autant qu'en identité. La plupart "
            "des chiffres reviennent lisibles, une fioriture personnelle se perd encore. Comparez "
            "avec les codes de 2, de 5 et de 30 pour voir ce que chaque nombre de plus apporte.",
        },
        equation=EQUATION,
        paper=HINTON,
        colour="#348688",
        graphs=whole,
    ),
    Entry(
        id="autoencoder_denoising",
        kind="model",
        year=2008,
        title={"en": "Denoising autoencoder", "fr": "Autoencodeur débruiteur"},
        lesson={
            "en": "A denoising autoencoder is shown damaged digits, some pixels blackened and others "
            "whitened, and is asked for the whole ones. Copying no longer helps: it has to know what "
            "digits look like, in order to tell a stroke from a stain and to fill what is missing. "
            "Spoil your drawing with the corruption control and compare what comes back with the "
            "plain autoencoder's answer.",
            "fr": "On montre à un autoencodeur débruiteur des chiffres abîmés, pixels noircis ici et "
            "blanchis là, et on lui demande les chiffres entiers. Recopier ne sert plus à rien : il "
            "doit savoir à quoi ressemblent les chiffres, pour distinguer un trait d'une tache et "
            "combler ce qui manque. Abîmez votre dessin avec la commande de corruption et comparez sa "
            "réponse à celle de l'autoencodeur ordinaire.",
        },
        equation=DENOISING,
        paper=VINCENT,
        colour="#3e8a2e",
        graphs=whole,
    ),
)
