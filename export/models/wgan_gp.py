"""The Wasserstein GAN with gradient penalty, of digits, clothes and photographs."""

from collections.abc import Mapping

from torch import Tensor, nn

from export.entry import CIFAR10, FASHION_MNIST, Entry, formula
from export.graphs import SIZE, Graph, Wrapper, batched, picture
from export.inputs import REAL
from export.models.gan import MADE, generate


class Criticise(Wrapper):
    """A critic's score, which is no probability: only differences of it mean something."""

    def forward(self, image: Tensor) -> Tensor:
        """Image -> score."""
        return self.network(image)


def graphs(
    networks: Mapping[str, nn.Module], size: tuple[int, int, int] = SIZE, made: str = MADE
) -> tuple[Graph, ...]:
    """Generator and critic."""
    criticise = Graph(
        "criticise",
        Criticise(networks["critic"]),
        inputs=(picture("image", "pixels, real or made", size),),
        outputs=(
            batched("score", REAL, "C(x): higher is more like the data; only differences mean something"),
        ),
        storage="int16",
    )
    return generate(networks["generator"], size, made, "int16"), criticise


def fashion_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """The same, of clothes."""
    return graphs(networks, made="a garment that nobody sewed")


def cifar10_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """The same, in colour."""
    return graphs(networks, (3, 32, 32), "red, green and blue of a photograph that nobody took")


# max_C E_x C(x) - E_z C(G(z)) - lambda E_u (|grad C(u)| - 1)^2
EQUATION = formula(
    "<munder><mi>min</mi><mi>G</mi></munder><mspace width='0.2em'/><munder><mi>max</mi><mi>C</mi>"
    "</munder><mspace width='0.2em'/><msub><mi>𝔼</mi><mi>x</mi></msub><mo>[</mo><mi>C</mi><mo>(</mo>"
    "<mi>x</mi><mo>)</mo><mo>]</mo><mo>−</mo><msub><mi>𝔼</mi><mi>z</mi></msub><mo>[</mo><mi>C</mi>"
    "<mo>(</mo><mi>G</mi><mo>(</mo><mi>z</mi><mo>)</mo><mo>)</mo><mo>]</mo><mo>−</mo><mi>λ</mi>"
    "<mspace width='0.1em'/><msub><mi>𝔼</mi><mi>u</mi></msub><mo>[</mo><msup><mrow><mo>(</mo><mo>‖</mo>"
    "<msub><mo>∇</mo><mi>u</mi></msub><mi>C</mi><mo>(</mo><mi>u</mi><mo>)</mo><mo>‖</mo><mo>−</mo>"
    "<mn>1</mn><mo>)</mo></mrow><mn>2</mn></msup><mo>]</mo>"
)

PAPER = {
    "authors": "Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville",
    "title": "Improved training of Wasserstein GANs",
    "url": "https://arxiv.org/abs/1704.00028",
}

ENTRIES = (
    Entry(
        id="wgan_gp",
        kind="model",
        year=2017,
        title={"en": "Wasserstein GAN, gradient penalty", "fr": "GAN de Wasserstein, pénalité de gradient"},
        lesson={
            "en": "The discriminator becomes a critic that gives marks instead of probabilities, and "
            "the gap between the mean marks of real and made pictures estimates how far the one heap "
            "would have to be carried to become the other. For that its slope must not exceed one: a "
            "penalty asks for slope one on the lines between real and made pictures. Such a gap "
            "shrinks smoothly as the pictures improve, so the critic may be trained hard: five steps "
            "for each of the generator's in the paper, one here.",
            "fr": "Le discriminateur devient un critique qui donne des notes au lieu de probabilités, "
            "et l'écart entre les notes moyennes des vraies images et des fabriquées estime de combien "
            "il faudrait transporter un tas pour en faire l'autre. Pour cela sa pente ne doit pas "
            "dépasser un : une pénalité exige une pente de un sur les segments qui joignent vraies et "
            "fabriquées. Cet écart diminue doucement à mesure que les images s'améliorent : on peut "
            "donc exercer le critique sans retenue, cinq pas pour un du générateur dans "
            "l'article, un seul ici.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#6b6bea",
        graphs=graphs,
        snapshot_role="generate",
    ),
    Entry(
        id="wgan_gp_fashion",
        kind="model",
        year=2017,
        title={"en": "WGAN-GP of clothes", "fr": "WGAN-GP de vêtements"},
        lesson={
            "en": "The same critic and the same generator, shown clothes. Here the distance between "
            "heaps earns its keep: ten kinds of garment, from sandals to coats, and a collapse onto "
            "the easiest would cost far more than it saves. Compare the spread of its seeds with that "
            "of the convolutional GAN on the same data.",
            "fr": "Le même critique et le même générateur, à qui l'on montre des vêtements. La "
            "distance entre les tas y fait ses preuves : dix sortes d'habits, de la sandale au "
            "manteau, et s'effondrer sur la plus facile coûterait bien plus que cela n'épargne. "
            "Comparez la variété de ses graines à celle du GAN convolutif sur les mêmes données.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#6d74c0",
        graphs=fashion_graphs,
        snapshot_role="generate",
        dataset=FASHION_MNIST,
    ),
    Entry(
        id="wgan_gp_cifar10",
        kind="model",
        year=2017,
        title={"en": "WGAN-GP of photographs", "fr": "WGAN-GP de photographies"},
        lesson={
            "en": "The same game in colour, on a lossy JPEG copy of CIFAR-10, small photographs of "
            "animals and vehicles. An hour on one processor core shows the critic six hundred thousand "
            "pictures, where the paper's run saw over sixty million: expect the colours and masses of a "
            "photograph rather than its objects. That is what this game learns first, and this model "
            "stops there.",
            "fr": "Le même jeu en couleurs, sur une copie JPEG avec pertes de CIFAR-10, petites "
            "photographies d'animaux et de véhicules. Une heure sur un cœur montre au critique six "
            "cent mille images, là où celui de l'article en voyait plus de soixante millions : "
            "attendez-vous aux couleurs et aux masses d'une photographie plutôt qu'à ses objets. C'est "
            "ce que ce jeu apprend en premier, et ce modèle s'arrête là.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#7771c2",
        graphs=cifar10_graphs,
        snapshot_role="generate",
        dataset=CIFAR10,
        image={"channels": 3, "height": 32, "width": 32},
    ),
)
