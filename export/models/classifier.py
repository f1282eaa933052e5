"""The judges: classifiers in whose features the others are measured, and a baseline."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from export.entry import AVATARS, CIFAR10, FASHION_MNIST, Entry, formula
from export.graphs import Described, Graph, Wrapper, batched, picture
from export.inputs import POSITIVE, REAL
from onnx_models.catalog import Group
from training.avatars import ATTRIBUTES


class Classify(Wrapper):
    """Which class, and the features it was decided from."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> class_logits, features."""
        return self.network(image)


def classify(classifier: nn.Module, image: Described, thing: str) -> Graph:
    """Class and features of one `image`, which shows some `thing`."""
    classes, features = classifier.head.weight.shape
    return Graph(
        "classify",
        Classify(classifier),
        inputs=(image,),
        outputs=(
            batched("class_logits", REAL, f"log-odds of each {thing}; softmax: probability", classes),
            batched("features", POSITIVE, "activations of the last hidden layer", features),
        ),
    )


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Of a digit."""
    return (classify(networks["classifier"], picture("image", "grey levels"), "digit"),)


def fashion_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Of an article of clothing."""
    return (classify(networks["classifier"], picture("image", "grey levels"), "article"),)


def cifar10_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Of a photograph; 1.2 million weights, stored in halves."""
    image = picture("image", "red, green, blue", size=(3, 32, 32))
    return (replace(classify(networks["classifier"], image, "object"), storage="float16"),)


def avatars_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Of an avatar: ten questions, their answers side by side."""
    graph = classify(networks["classifier"], picture("image", "red, green, blue", (3, 64, 64)), "value")
    logits, features = graph.outputs
    groups = tuple(Group(attribute.name, attribute.values) for attribute in ATTRIBUTES)
    meaning = "log-odds of each value of each attribute; softmax over an attribute's values: probability"
    return (replace(graph, outputs=(replace(logits, meaning=meaning, groups=groups), features)),)


LECUN = {
    "authors": "LeCun, Bottou, Bengio, Haffner",
    "title": "Gradient-based learning applied to document recognition",
    "url": "https://doi.org/10.1109/5.726791",
}

# p(y = k | x) = exp(s_k(x)) / sum_j exp(s_j(x))
EQUATION = formula(
    "<mi>p</mi><mo>(</mo><mi>y</mi><mo>=</mo><mi>k</mi><mo>|</mo><mi>x</mi>"
    "<mo>)</mo><mo>=</mo><mfrac><mrow><mi>exp</mi><mspace width='0.2em'/><msub><mi>s</mi><mi>k</mi></msub>"
    "<mo>(</mo><mi>x</mi><mo>)</mo></mrow>"
    "<mrow><munder><mo>∑</mo><mi>j</mi></munder><mi>exp</mi><mspace width='0.2em'/>"
    "<msub><mi>s</mi><mi>j</mi></msub><mo>(</mo><mi>x</mi><mo>)</mo></mrow></mfrac>"
)

ENTRIES = (
    Entry(
        id="classifier_cnn",
        kind="judge",
        year=1998,
        title={"en": "Convolutional classifier", "fr": "Classifieur convolutif"},
        lesson={
            "en": "This network generates nothing: it was taught, with labels, to say which digit it "
            "sees. The activations of its last hidden layer place alike-looking digits close "
            "together, so that distances and diversity are measured there rather than in pixels. It "
            "judges the other models and was never shown a picture they made.",
            "fr": "Ce réseau n'engendre rien : on lui a appris, avec des étiquettes, à dire quel "
            "chiffre il voit. Les activations de sa dernière couche cachée rapprochent les chiffres "
            "qui se ressemblent ; c'est donc là, et non entre pixels, que se mesurent distances et "
            "diversité. Il juge les autres modèles et n'a jamais vu une image fabriquée par eux.",
        },
        equation=EQUATION,
        paper=LECUN,
        colour="#687c91",
        graphs=graphs,
    ),
    Entry(
        id="classifier_mlp",
        kind="judge",
        year=1986,
        title={"en": "Multilayer perceptron", "fr": "Perceptron multicouche"},
        lesson={
            "en": "This perceptron reads a digit as a list of 784 numbers and has no idea which of "
            "them are neighbours: shuffle the pixels of every picture in the same way and it learns "
            "just as well. Each layer weighs all the outputs of the one before, and backpropagation "
            "says how much each weight is to blame for an error. It is the baseline that a "
            "convolutional network, told about neighbourhood, has to beat.",
            "fr": "Ce perceptron lit un chiffre comme une liste de 784 nombres sans savoir lesquels "
            "sont voisins : mélangez de la même façon les pixels de toutes les images et il apprend "
            "tout aussi bien. Chaque couche pondère toutes les sorties de la précédente, et la "
            "rétropropagation dit quelle part de l'erreur revient à chaque poids. C'est la référence "
            "que doit battre un réseau convolutif, à qui l'on a soufflé la notion de voisinage.",
        },
        equation=EQUATION,
        paper={
            "authors": "Rumelhart, Hinton, Williams",
            "title": "Learning representations by back-propagating errors",
            "url": "https://doi.org/10.1038/323533a0",
        },
        colour="#6f7c88",
        graphs=graphs,
    ),
    Entry(
        id="classifier_fashion",
        kind="judge",
        year=2017,
        title={"en": "Fashion classifier", "fr": "Classifieur de vêtements"},
        lesson={
            "en": "The same convolutional network as for the digits, taught to tell ten kinds of "
            "clothing apart. The task is harder: a shirt, a pullover and a coat differ by a collar or "
            "a row of buttons a few pixels wide. Its features are the ruler for every model that "
            "generates clothes.",
            "fr": "Le même réseau convolutif que pour les chiffres, à qui l'on a appris à distinguer "
            "dix sortes de vêtements. La tâche est plus rude : chemise, pull et manteau ne diffèrent "
            "que par un col ou une rangée de boutons de quelques pixels. Ses traits sont la règle à "
            "laquelle se mesure tout modèle qui engendre des vêtements.",
        },
        equation=EQUATION,
        paper={
            "authors": "Xiao, Rasul, Vollgraf",
            "title": "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
            "url": "https://arxiv.org/abs/1708.07747",
        },
        colour="#957082",
        graphs=fashion_graphs,
        dataset=FASHION_MNIST,
    ),
    Entry(
        id="classifier_cifar10",
        kind="judge",
        year=2016,
        title={"en": "Photograph classifier", "fr": "Classifieur de photographies"},
        lesson={
            "en": "A small residual network names what a photograph of 32 by 32 pixels shows: one of "
            "ten animals and vehicles. Each block adds a correction to what it was given instead of "
            "computing everything anew, so that the error finds a straight way back through all "
            "layers. It learned from a lossy JPEG copy of CIFAR-10 in about an hour on one processor "
            "core, and its features measure the models that generate such pictures.",
            "fr": "Un petit réseau résiduel nomme ce que montre une photographie de 32 pixels sur 32 "
            ": l'un de dix animaux et véhicules. Chaque bloc ajoute une correction à ce qu'il reçoit "
            "au lieu de tout recalculer, si bien que l'erreur trouve un chemin direct à travers "
            "toutes les couches. Il a appris d'une copie JPEG de CIFAR-10, avec pertes, en une "
            "heure environ sur un seul cœur, et ses traits mesurent les modèles qui engendrent de "
            "telles images.",
        },
        equation=EQUATION,
        paper={
            "authors": "He, Zhang, Ren, Sun",
            "title": "Deep residual learning for image recognition",
            "url": "https://arxiv.org/abs/1512.03385",
        },
        colour="#857a59",
        graphs=cifar10_graphs,
        dataset=CIFAR10,
        image={"channels": 3, "height": 32, "width": 32},
    ),
    Entry(
        id="classifier_avatars",
        kind="judge",
        year=2016,
        title={"en": "Avatar classifier", "fr": "Classifieur d'avatars"},
        lesson={
            "en": "A small residual network answers ten questions about a drawn face at once: glasses, "
            "beard, hair, its colour, skin, eyes, eyebrows, mouth, clothes, their colour. Its teachers "
            "cannot be wrong, since the faces were drawn by a program that knew what it drew, and what a "
            "hat or dark glasses cover it may call hidden. Its answers say whether the generated faces "
            "have glasses as often as the drawn ones, and its features how far they are from them.",
            "fr": "Un petit réseau résiduel répond à dix questions à la fois sur un visage dessiné : "
            "lunettes, barbe, cheveux et leur couleur, peau, yeux, sourcils, bouche, habits et leur "
            "couleur. Ses maîtres ne peuvent se tromper, car les visages sont l'œuvre d'un programme qui "
            "savait ce qu'il dessinait, et ce que cachent un chapeau ou des verres noirs, il peut le dire "
            "caché. Ses réponses disent si les visages engendrés portent des lunettes aussi souvent que "
            "les dessinés, et ses traits à quelle distance ils en sont.",
        },
        equation=EQUATION,
        paper={
            "authors": "He, Zhang, Ren, Sun",
            "title": "Deep residual learning for image recognition",
            "url": "https://arxiv.org/abs/1512.03385",
        },
        colour="#7d7f5e",
        graphs=avatars_graphs,
        dataset=AVATARS,
        image={"channels": 3, "height": 64, "width": 64},
    ),
)
