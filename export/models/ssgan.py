"""The semi-supervised GAN, and its classifier for two more subsets of labels."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from export.entry import Entry, formula
from export.graphs import Graph, Wrapper, batched, picture
from export.inputs import POSITIVE, REAL, UNIT_INTERVAL
from export.models.classifier import Classify
from export.models.gan import generate
from onnx_models.catalog import Reported
from training.adversarial import CLASSES


class DiscriminateByClasses(Wrapper):
    """The probability that a picture is of any class at all: D = Z / (Z + 1), Z = sum of exp(logits)."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Image -> score, class_logits."""
        class_logits, _ = self.network(image)
        return torch.sigmoid(class_logits.logsumexp(1)), class_logits


def classifier_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """The discriminator as a classifier, in halves."""
    discriminator = networks["discriminator"]
    features = discriminator.layers[-1].direction.shape[1]
    return (
        Graph(
            "classify",
            Classify(discriminator),
            inputs=(picture("image", "grey levels of a digit"),),
            outputs=(
                batched("class_logits", REAL, "the digits' scores; their softmax are probabilities", CLASSES),
                batched("features", POSITIVE, "the last hidden layer, which the generator matches", features),
            ),
            storage="float16",
        ),
    )


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """The generator, and the discriminator in both its offices."""
    discriminate = Graph(
        "discriminate",
        DiscriminateByClasses(networks["discriminator"]),
        inputs=(picture("image", "grey levels, real or made"),),
        outputs=(
            batched("score", UNIT_INTERVAL, "D = Z / (Z + 1), Z the sum of exp(class_logits)"),
            batched("class_logits", REAL, "the digits' scores; their softmax are probabilities", CLASSES),
        ),
        storage="float16",
    )
    return generate(networks["generator"], storage="int16"), discriminate, *classifier_graphs(networks)


# D(x) = Z(x) / (Z(x) + 1), Z(x) = sum_k exp l_k(x); G minimises |E_x f(x) - E_z f(G(z))|^2
EQUATION = formula(
    "<mi>D</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>=</mo><mfrac><mrow><mi>Z</mi><mo>(</mo><mi>x</mi>"
    "<mo>)</mo></mrow><mrow><mi>Z</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>+</mo><mn>1</mn></mrow></mfrac>"
    "<mo>,</mo><mspace width='0.4em'/><mi>Z</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>=</mo>"
    "<munderover><mo>∑</mo><mrow><mi>k</mi><mo>=</mo><mn>1</mn></mrow><mi>K</mi></munderover>"
    "<msup><mi>e</mi><mrow><msub><mi>l</mi><mi>k</mi></msub><mo>(</mo><mi>x</mi><mo>)</mo></mrow></msup>"
    "<mo>,</mo><mspace width='0.6em'/><munder><mi>min</mi><mi>G</mi></munder><mspace width='0.2em'/>"
    "<msup><mrow><mo>‖</mo><msub><mi>𝔼</mi><mi>x</mi></msub><mi>f</mi><mo>(</mo><mi>x</mi><mo>)</mo>"
    "<mo>−</mo><msub><mi>𝔼</mi><mi>z</mi></msub><mi>f</mi><mo>(</mo><mi>G</mi><mo>(</mo><mi>z</mi>"
    "<mo>)</mo><mo>)</mo><mo>‖</mo></mrow><mn>2</mn></msup>"
)

PAPER = {
    "authors": "Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen",
    "title": "Improved techniques for training GANs",
    "url": "https://arxiv.org/abs/1606.03498",
}


def subset(number: int, ordinal: Mapping[str, str], colour: str) -> Entry:
    """The classifier learned from another hundred labels."""
    return Entry(
        id=f"ssgan_subset_{number}",
        kind="exhibit",
        year=2016,
        title={
            "en": f"SSGAN, {ordinal['en']} hundred labels",
            "fr": f"SSGAN, {ordinal['fr']} cent étiquettes",
        },
        lesson={
            "en": "The same run as the semi-supervised GAN's, with another hundred digits that carry "
            "labels. Whether those ten sevens are typical ones is luck, and with so few labels luck "
            "shows in the error. So the error that is reported is the mean over three such draws, and "
            "not that of the best.",
            "fr": "Le même apprentissage que celui du GAN semi-supervisé, avec cent autres chiffres "
            "étiquetés. Que ces dix sept-là soient typiques est affaire de chance, et avec si peu "
            "d'étiquettes la chance se lit dans l'erreur. L'erreur annoncée est donc la moyenne de "
            "trois tirages, et non celle du meilleur.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour=colour,
        graphs=classifier_graphs,
    )


ENTRIES = (
    Entry(
        id="ssgan",
        kind="model",
        year=2016,
        title={"en": "Semi-supervised GAN", "fr": "GAN semi-supervisé"},
        lesson={
            "en": "One hundred digits carry a label, ten of each, and the other sixty thousand do not; "
            "the discriminator must name the first, and tell the rest from made ones by giving them "
            "some name, whichever. To know what is a digit at all it has to find the ten heaps they "
            "lie in, and then a few labels are enough to name the heaps. The generator matches its "
            "average activations, and learns to fool it only at the end: rougher pictures, but a far "
            "better classifier.",
            "fr": "Cent chiffres portent une étiquette, dix de chaque, et les soixante mille autres "
            "aucune ; le discriminateur doit nommer les premiers et distinguer les autres des "
            "fabriqués en leur donnant un nom, quel qu'il soit. Pour savoir ce qui est un chiffre, il "
            "doit trouver les dix tas où ils reposent, et quelques étiquettes suffisent alors à "
            "nommer les tas. Le générateur imite ses activations moyennes, et n'apprend qu'à la fin à "
            "le tromper : des images plus rudes, mais un bien meilleur classifieur.",
        },
        equation=EQUATION,
        paper=PAPER,
        reported=(
            Reported(
                "test_errors_100_labels", None, 93.0, "± 6.5 over 10 subsets; Salimans et al. 2016, table 1"
            ),
        ),
        colour="#d24c59",
        graphs=graphs,
        snapshot_role="generate",
    ),
    subset(1, {"en": "a second", "fr": "une deuxième série de"}, "#ad676e"),
    subset(2, {"en": "a third", "fr": "une troisième série de"}, "#ab6963"),
)
