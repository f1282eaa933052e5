"""Principal component analysis, the linear yardstick."""

from collections.abc import Mapping

from torch import Tensor, nn

from export.entry import Entry, formula
from export.graphs import Graph, Wrapper, batched, picture
from export.inputs import REAL
from onnx_models.catalog import Reported


class Project(Wrapper):
    """A picture onto principal components and back."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> reconstruction, code."""
        reconstruction, code = self.network(image.flatten(1))
        return reconstruction.view_as(image), code


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Projection and back."""
    pca = networks["pca"]
    return (
        Graph(
            "reconstruct",
            Project(pca),
            inputs=(picture("image", "grey levels"),),
            outputs=(
                # Not clipped: the paper's 13.87 is measured on the projection itself.
                picture(
                    "reconstruction", "grey levels; may leave [0, 1] a little, clip it to show it", range=REAL
                ),
                batched("code", REAL, "coordinates along the leading components", len(pca.components)),
            ),
        ),
    )


ENTRIES = (
    Entry(
        id="pca",
        kind="baseline",
        year=1901,
        title={"en": "PCA, 30 components", "fr": "ACP, 30 composantes"},
        lesson={
            "en": "Principal component analysis keeps the 30 directions along which the training digits "
            "vary most, and forgets the rest. A picture is rebuilt as the mean digit plus a weighted sum "
            "of 30 fixed images: no other linear method of that size has a smaller squared error. What an "
            "autoencoder with a code of the same size gains over it, it gains by being nonlinear.",
            "fr": "L'analyse en composantes principales garde les 30 directions selon lesquelles les "
            "chiffres d'entraînement varient le plus, et oublie le reste. Une image est refaite comme le "
            "chiffre moyen plus une somme pondérée de 30 images fixes : aucune méthode linéaire de cette "
            "taille n'a une erreur quadratique plus faible. Ce qu'un autoencodeur de même code gagne sur "
            "elle, il le doit à sa non-linéarité.",
        },
        # x^ = mu + U'U (x - mu)
        equation=formula(
            "<mover><mi>x</mi><mo>^</mo></mover><mo>=</mo><mi>μ</mi>"
            "<mo>+</mo><msup><mi>U</mi><mo>⊤</mo></msup><mi>U</mi>"
            "<mo>(</mo><mi>x</mi><mo>−</mo><mi>μ</mi><mo>)</mo>"
        ),
        paper={
            "authors": "Pearson; Hotelling 1933",
            "title": "On lines and planes of closest fit to systems of points in space",
            "url": "https://doi.org/10.1080/14786440109462720",
        },
        reported=(Reported("reconstruction_squared_error", 30, 13.87, "Hinton & Salakhutdinov 2006"),),
        colour="#7a7a7a",
        graphs=graphs,
    ),
)
