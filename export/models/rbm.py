"""Restricted Boltzmann Machine, trained and not."""

from collections.abc import Mapping

from torch import Tensor, nn

from export.entry import Entry, formula
from export.graphs import Described, Graph, Wrapper, batched, picture
from export.inputs import BINARY, REAL, UNIFORM, UNIT_INTERVAL
from onnx_models.catalog import Reported


class MeanField(Wrapper):
    """A picture up to a Boltzmann machine's hidden units and down again, by probabilities: nothing random."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> reconstruction, code."""
        hidden = self.network.hidden_mean(image.flatten(1))
        return self.network.visible_mean(hidden).view_as(image), hidden


class GibbsStep(Wrapper):
    """One step of block Gibbs sampling, v -> h -> v; the host loops, since many runtimes know no Loop."""

    def forward(self, visible: Tensor, hidden_noise: Tensor, visible_noise: Tensor) -> tuple[Tensor, ...]:
        """-> visible_mean, visible_sample, hidden_mean, hidden, free_energy. On is where noise < mean."""
        rbm = self.network
        hidden_mean = rbm.hidden_mean(visible)
        hidden = (hidden_noise < hidden_mean).to(visible.dtype)
        visible_mean = rbm.visible_mean(hidden)
        visible_sample = (visible_noise < visible_mean).to(visible.dtype)
        return visible_mean, visible_sample, hidden_mean, hidden, rbm.free_energy(visible)


class Parameters(Wrapper):
    """The parameters themselves, layer by layer: filters to look at, energies to compute elsewhere."""

    def forward(self) -> tuple[Tensor, ...]:
        """-> weight_0, visible_bias_0, hidden_bias_0."""
        rbm = self.network
        # Cloned: an output that is the parameter itself would take the parameter's name away.
        return rbm.weight.clone(), rbm.visible_bias.clone(), rbm.hidden_bias.clone()


PAPER = {
    "authors": "Smolensky",
    "title": "Information processing in dynamical systems: foundations of harmony theory",
    "url": "https://apps.dtic.mil/sti/citations/ADA620727",
}

# p(v) = (1/Z) sum_h exp(b'v + c'h + h'Wv)
EQUATION = formula(
    "<mi>p</mi><mo>(</mo><mi>v</mi><mo>)</mo><mo>=</mo>"
    "<mfrac><mn>1</mn><mi>Z</mi></mfrac>"
    "<munder><mo>∑</mo><mi>h</mi></munder>"
    "<mi>exp</mi><mo>(</mo>"
    "<msup><mi>b</mi><mo>⊤</mo></msup><mi>v</mi>"
    "<mo>+</mo><msup><mi>c</mi><mo>⊤</mo></msup><mi>h</mi>"
    "<mo>+</mo><msup><mi>h</mi><mo>⊤</mo></msup><mi>W</mi><mi>v</mi>"
    "<mo>)</mo>"
)


def reconstruct(networks: Mapping[str, nn.Module]) -> Graph:
    """One mean-field pass up and down."""
    rbm = networks["rbm"]
    hidden = len(rbm.hidden_bias)
    return Graph(
        "reconstruct",
        MeanField(rbm),
        inputs=(picture("image", "grey levels, taken as the probabilities of white"),),
        outputs=(
            picture("reconstruction", "probability that each pixel is white, given the code"),
            batched("code", UNIT_INTERVAL, "probability that each hidden unit is on", hidden),
        ),
        storage="int16",
    )


def gibbs_step(networks: Mapping[str, nn.Module]) -> Graph:
    """One step of the Markov chain."""
    rbm = networks["rbm"]
    hidden, visible = rbm.weight.shape
    return Graph(
        "gibbs_step",
        GibbsStep(rbm),
        inputs=(
            batched(
                "visible", UNIT_INTERVAL, "the chain's state, pixels row by row; or grey levels", visible
            ),
            batched("hidden_noise", UNIFORM, "a hidden unit is on where it is below its mean", hidden),
            batched("visible_noise", UNIFORM, "the same for the pixels", visible),
        ),
        outputs=(
            batched("visible_mean", UNIT_INTERVAL, "probability of white, given `hidden`", visible),
            batched("visible_sample", BINARY, "the chain's next state", visible),
            batched("hidden_mean", UNIT_INTERVAL, "probability of each hidden unit, given `visible`", hidden),
            batched("hidden", BINARY, "the hidden units as drawn", hidden),
            batched("free_energy", REAL, "of the input `visible`, nats; lower is more probable"),
        ),
        storage="int16",
    )


def parameters(networks: Mapping[str, nn.Module]) -> Graph:
    """The weights, to look at."""
    rbm = networks["rbm"]
    hidden, visible = rbm.weight.shape
    return Graph(
        "parameters",
        Parameters(rbm),
        inputs=(),
        outputs=(
            Described("weight_0", "float32", (hidden, visible), REAL, "one row a hidden unit: its filter"),
            Described("visible_bias_0", "float32", (visible,), REAL, "log-odds of white, no hidden unit on"),
            Described(
                "hidden_bias_0", "float32", (hidden,), REAL, "log-odds of each hidden unit on a black image"
            ),
        ),
        storage="int16",
    )


ENTRIES = (
    Entry(
        id="rbm",
        kind="model",
        year=1986,
        title={"en": "Restricted Boltzmann Machine", "fr": "Machine de Boltzmann restreinte"},
        lesson={
            "en": "A Restricted Boltzmann Machine gives every picture a probability by way of an energy: "
            "visible pixels and hidden feature detectors are linked to one another, never among "
            "themselves. Learning lowers the energy of real digits and raises that of the digits the "
            "machine dreams up itself, in Gibbs chains that are never restarted (persistent contrastive "
            "divergence, Tieleman 2008). To rebuild your drawing it computes how probable each detector "
            "is, then how probable each pixel is given the detectors: only what they know can come back.",
            "fr": "Une machine de Boltzmann restreinte attribue à chaque image une probabilité, par le "
            "biais d'une énergie : les pixels visibles et les détecteurs cachés sont reliés les uns aux "
            "autres, jamais entre eux. L'apprentissage abaisse l'énergie des vrais chiffres et relève "
            "celle des chiffres que la machine rêve elle-même, dans des chaînes de Gibbs qu'on ne "
            "réinitialise jamais (divergence contrastive persistante, Tieleman 2008). Pour refaire votre "
            "dessin, elle calcule la probabilité de chaque détecteur, puis celle de chaque pixel sachant "
            "les détecteurs : seul revient ce qu'ils connaissent.",
        },
        equation=EQUATION,
        paper=PAPER,
        reported=(Reported("ais_test_log_probability", 500, -86.34, "CD-25; Salakhutdinov & Murray 2008"),),
        colour="#c05e2d",
        graphs=lambda networks: (reconstruct(networks), gibbs_step(networks), parameters(networks)),
    ),
    Entry(
        id="rbm_untrained",
        kind="baseline",
        year=1986,
        title={"en": "Untrained network", "fr": "Réseau non entraîné"},
        lesson={
            "en": "This is the same Boltzmann machine before its first image: small random weights, "
            "biases of zero. Every pixel comes back close to one half, whatever you draw. All that the "
            "trained machine does better, it has learned from the data.",
            "fr": "C'est la même machine de Boltzmann avant sa première image : de petits poids "
            "aléatoires et des biais nuls. Quel que soit votre dessin, chaque pixel revient proche d'un "
            "demi. Tout ce que la machine entraînée fait de mieux, elle l'a appris des données.",
        },
        equation=EQUATION,
        paper=PAPER,
        colour="#897769",
        graphs=lambda networks: (reconstruct(networks),),
    ),
)
