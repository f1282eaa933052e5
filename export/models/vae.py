"""The variational autoencoder, with 50 latents and with two."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from export.entry import Entry, formula
from export.graphs import SIZE, Graph, Wrapper, batched, picture
from export.inputs import NORMAL, REAL
from export.models.autoencoder import Decode
from onnx_models.catalog import Reported


class ReconstructMean(Wrapper):
    """A picture through the mean of a variational autoencoder's q(z|x) and back; nothing is drawn."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> reconstruction, code."""
        mean, _ = self.network.encode(image.flatten(1))
        return torch.sigmoid(self.network.decoder(mean)).view_as(image), mean


class EncodeDistribution(Wrapper):
    """The distribution q(z|x) of a variational autoencoder."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[batch, 1, 28, 28] -> code, mean, log_variance; the code is the mean."""
        mean, log_variance = self.network.encode(image.flatten(1))
        return mean.clone(), mean, log_variance


class GenerateFromPrior(Wrapper):
    """z from N(0, I) to pixel probabilities."""

    def forward(self, z: Tensor) -> Tensor:
        """[batch, z] -> image."""
        return torch.sigmoid(self.network.decoder(z)).unflatten(1, SIZE)


def map_graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Both halves: what a map of the codes needs."""
    vae = networks["vae"]
    latents = vae.decoder[0].in_features
    return (
        Graph(
            "encode",
            EncodeDistribution(vae),
            inputs=(picture("image", "grey levels, taken as the probabilities of white"),),
            outputs=(
                batched("code", REAL, "the mean again: the most probable code", latents),
                batched("mean", REAL, "of q(z|x), one Gaussian a dimension", latents),
                batched("log_variance", REAL, "of q(z|x), natural logarithm", latents),
            ),
        ),
        Graph(
            "decode",
            Decode(vae),
            inputs=(batched("code", NORMAL, "z: N(0, I) over all digits, q(z|x) for one of them", latents),),
            outputs=(
                picture("image", "probability that each pixel is white"),
                picture("logits", "its log-odds, before the sigmoid", range=REAL),
            ),
        ),
    )


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """Both halves, together and apart, and the generative model alone."""
    vae = networks["vae"]
    latents = vae.decoder[0].in_features
    return (
        Graph(
            "reconstruct",
            ReconstructMean(vae),
            inputs=(picture("image", "grey levels, taken as the probabilities of white"),),
            outputs=(
                picture("reconstruction", "probability that each pixel is white, given the code"),
                batched("code", REAL, "the mean of q(z|x)", latents),
            ),
            storage="int16",
        ),
        *map_graphs(networks),
        Graph(
            "generate",
            GenerateFromPrior(vae),
            inputs=(batched("z", NORMAL, "the latents; as many as the code has", latents),),
            outputs=(picture("image", "probability that each pixel is white"),),
            storage="int16",
        ),
    )


PAPER = {
    "authors": "Kingma, Welling",
    "title": "Auto-encoding variational Bayes",
    "url": "https://arxiv.org/abs/1312.6114",
}

# log p(x) >= E_{q(z|x)} log p(x|z) - KL(q(z|x) || p(z))
EQUATION = formula(
    "<mi>log</mi><mspace width='0.2em'/><mi>p</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>≥</mo>"
    "<msub><mi>𝔼</mi><mrow><mi>q</mi><mo>(</mo><mi>z</mi><mo>|</mo><mi>x</mi><mo>)</mo></mrow></msub>"
    "<mspace width='0.2em'/><mi>log</mi><mspace width='0.2em'/><mi>p</mi>"
    "<mo>(</mo><mi>x</mi><mo>|</mo><mi>z</mi><mo>)</mo><mo>−</mo><mi>KL</mi><mo>(</mo><mi>q</mi>"
    "<mo>(</mo><mi>z</mi><mo>|</mo><mi>x</mi><mo>)</mo><mo>‖</mo><mi>p</mi><mo>(</mo><mi>z</mi>"
    "<mo>)</mo><mo>)</mo>"
)

ENTRIES = (
    Entry(
        id="vae",
        kind="model",
        year=2014,
        title={"en": "Variational autoencoder", "fr": "Autoencodeur variationnel"},
        lesson={
            "en": "A variational autoencoder is two networks that check each other: a decoder that "
            "turns random numbers z into digits, and an encoder that says which z may have made the "
            "digit it sees. Both learn at once by raising one bound on the probability of the data, "
            "which pays for faithful pictures and charges for every code that strays from the noise "
            "the decoder will be fed. So it rebuilds and invents alike, and where it is unsure it "
            "answers with a blur, the mean of what might have been.",
            "fr": "Un autoencodeur variationnel, ce sont deux réseaux qui se contrôlent : un décodeur "
            "qui change des nombres aléatoires z en chiffres, et un encodeur qui dit quels z ont pu "
            "faire le chiffre qu'il voit. Tous deux apprennent ensemble en relevant une même borne "
            "sur la probabilité des données, qui récompense les images fidèles et taxe tout code qui "
            "s'écarte du bruit dont on nourrira le décodeur. Il sait donc refaire aussi bien "
            "qu'inventer, et quand il hésite il répond par un flou, la moyenne de ce qui aurait pu "
            "être.",
        },
        equation=EQUATION,
        paper=PAPER,
        reported=(
            Reported(
                "negative_log_likelihood_5000", 50, 86.76, "one stochastic layer; Burda et al. 2016, table 1"
            ),
        ),
        colour="#3c7ad1",
        graphs=graphs,
    ),
    Entry(
        id="vae_2",
        kind="exhibit",
        year=2014,
        title={"en": "VAE with two latents", "fr": "VAE à deux variables latentes"},
        lesson={
            "en": "Here the whole latent space is a sheet one can look at: every point of it is a "
            "digit, and neighbours melt into one another. The prior pulls all codes towards the "
            "middle, so the map is filled without gaps, classes elbowing each other where an "
            "autoencoder would leave empty land. Two numbers are too few for ten digits in every "
            "handwriting: look for the fours that turn into nines.",
            "fr": "Ici, l'espace latent tout entier est une feuille que l'on peut regarder : chacun "
            "de ses points est un chiffre, et les voisins se fondent l'un dans l'autre. La loi a "
            "priori attire tous les codes vers le milieu : la carte se remplit sans trous et les "
            "classes y jouent des coudes, là où un autoencodeur laisserait des terres vides. Deux "
            "nombres ne suffisent pas à dix chiffres dans toutes les écritures : cherchez les quatre "
            "qui se changent en neuf.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#5b77c8",
        graphs=map_graphs,
    ),
)
