"""The judge: a classifier in whose features the others are measured."""

from collections.abc import Mapping

from torch import nn

from export.entry import Entry, formula
from export.graphs import Classify, Graph, batched, picture
from export.inputs import POSITIVE, REAL


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Class and features."""
    classifier = networks["classifier"]
    classes, features = classifier.head.weight.shape
    return (
        Graph(
            "classify",
            Classify(classifier),
            inputs=(picture("image", "grey levels"),),
            outputs=(
                batched("class_logits", REAL, "log-odds of each digit; softmax: probability", classes),
                batched("features", POSITIVE, "activations of the last hidden layer", features),
            ),
        ),
    )


ENTRIES = (
    Entry(
        id="classifier_cnn",
        kind="judge",
        year=1998,
        family="classifier",
        title={"en": "Convolutional classifier", "fr": "Classifieur convolutif"},
        lesson={
            "en": "This network generates nothing: it was taught, with labels, to say which digit it "
            "sees. The activations of its last hidden layer place alike-looking digits close together, so "
            "that distances and diversity are measured there rather than in pixels. It judges the other "
            "models and was never shown a picture they made.",
            "fr": "Ce réseau n'engendre rien : on lui a appris, avec des étiquettes, à dire quel chiffre "
            "il voit. Les activations de sa dernière couche cachée rapprochent les chiffres qui se "
            "ressemblent ; c'est donc là, et non entre pixels, que se mesurent distances et diversité. Il "
            "juge les autres modèles et n'a jamais vu une image fabriquée par eux.",
        },
        # p(y = k | x) = exp(s_k(x)) / sum_j exp(s_j(x))
        equation=formula(
            "<mi>p</mi><mo>(</mo><mi>y</mi><mo>=</mo><mi>k</mi><mo>|</mo><mi>x</mi>"
            "<mo>)</mo><mo>=</mo><mfrac><mrow><mi>exp</mi><mspace width='0.2em'/><msub><mi>s</mi>"
            "<mi>k</mi></msub>"
            "<mo>(</mo><mi>x</mi><mo>)</mo></mrow>"
            "<mrow><munder><mo>∑</mo><mi>j</mi></munder><mi>exp</mi><mspace width='0.2em'/><msub>"
            "<mi>s</mi><mi>j</mi></msub>"
            "<mo>(</mo><mi>x</mi><mo>)</mo></mrow></mfrac>"
        ),
        paper={
            "authors": "LeCun, Bottou, Bengio, Haffner",
            "title": "Gradient-based learning applied to document recognition",
            "url": "https://doi.org/10.1109/5.726791",
        },
        colour="#687c91",
        graphs=graphs,
    ),
)
