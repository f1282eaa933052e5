"""The Deep Belief Network, and the same forward network without pretraining."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from export.entry import Entry, formula
from export.graphs import SIZE, Described, Graph, Wrapper, batched, picture
from export.inputs import BINARY, LABEL, REAL, UNIFORM, UNIT_INTERVAL
from export.models.classifier import Classify
from onnx_models.catalog import Reported


class UpAndDown(Wrapper):
    """A picture up a belief network's recognition weights and down its generative ones, by probabilities."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] -> reconstruction, code."""
        code = self.network.encode(image.flatten(1))
        logits, _ = self.network.decode(code)
        return torch.sigmoid(logits).view_as(image), code


class Recognise(Wrapper):
    """The way up alone."""

    def forward(self, image: Tensor) -> Tensor:
        """[batch, 1, 28, 28] -> code."""
        return self.network.encode(image.flatten(1))


class Descend(Wrapper):
    """The way down alone, with the layer it passes."""

    def forward(self, code: Tensor) -> tuple[Tensor, ...]:
        """Code -> image, logits, hidden_1."""
        logits, hidden = self.network.decode(code)
        logits = logits.unflatten(1, SIZE)
        return torch.sigmoid(logits), logits, hidden


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp x), the same shape: onnxruntime computes Sigmoid and Log in vectors, Softplus one by one.

    Stable: the sigmoid of |x| lies in [1/2, 1].
    """
    return torch.relu(x) - torch.log(torch.sigmoid(x.abs()))


class LabelledGibbsStep(Wrapper):
    """One step of Gibbs sampling in a belief network's associative memory, the label clamped or free.

    A free label (-1) is drawn from p(label | visible), the hidden units summed out, before they are drawn: so
    the chain's state is `visible` alone, and clamping or releasing the label needs no second state. A clamped
    one pulls `label_gain` times as hard as the model learned; the free energy is the learned model's.
    """

    def forward(
        self,
        visible: Tensor,
        label: Tensor,
        hidden_noise: Tensor,
        visible_noise: Tensor,
        label_noise: Tensor,
    ) -> tuple[Tensor, ...]:
        """State, noise -> as GibbsStep, and label_mean; on is noise < mean."""
        memory = self.network.memory
        scores, _ = memory.label_scores(visible, softplus)  # [batch, classes]: -F(visible, label)
        free = label < 0
        # Gumbel-max: the largest of scores plus Gumbel noise is a draw from their softmax.
        drawn = (scores - torch.log(-torch.log(label_noise))).argmax(dim=1)
        held = torch.where(free, drawn, label)
        hidden_mean = memory.held_mean(visible, held, self.network.gain(label))
        hidden = (hidden_noise < hidden_mean).to(visible.dtype)
        visible_mean = memory.code_mean(hidden)
        visible_sample = (visible_noise < visible_mean).to(visible.dtype)
        clamped = scores.gather(1, label.clamp(min=0)[:, None]).squeeze(1)
        free_energy = -torch.where(free, scores.logsumexp(dim=1), clamped)
        return visible_mean, visible_sample, hidden_mean, hidden, free_energy, scores.softmax(dim=1)


class StackParameters(Wrapper):
    """The parameters of a stack of RBMs as greedy learning left them, from the pixels up."""

    def forward(self) -> tuple[Tensor, ...]:
        """-> weight_K, visible_bias_K, hidden_bias_K for each layer K."""
        rbms = (*self.network.layers, self.network.memory)
        # Cloned: see Parameters.
        return tuple(
            parameter.clone() for rbm in rbms for parameter in (rbm.weight, rbm.visible_bias, rbm.hidden_bias)
        )


PAPER = {
    "authors": "Hinton, Osindero, Teh",
    "title": "A fast learning algorithm for deep belief nets",
    "url": "https://doi.org/10.1162/neco.2006.18.7.1527",
}


def graphs(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """What up-down left (dreams), what backpropagation left (classes), what greedy learning left (layers)."""
    return (*directed(networks["dbn"]), gibbs_step(networks["dbn"]), *forward(networks), greedy(networks))


def directed(dbn: nn.Module) -> tuple[Graph, ...]:
    """The layers below the memory, each direction with its own weights."""
    image = picture("image", "grey levels, taken as the probabilities of white")
    units = dbn.memory.weight.shape[1] - dbn.memory.classes
    below = dbn.generative[0].in_features
    code = batched(
        "code", UNIT_INTERVAL, "the memory's visible units: probabilities, or states of a chain", units
    )
    return (
        Graph(
            "reconstruct",
            UpAndDown(dbn),
            inputs=(image,),
            outputs=(picture("reconstruction", "probability that each pixel is white, given the code"), code),
            storage="float16",
        ),
        Graph("encode", Recognise(dbn), inputs=(image,), outputs=(code,), storage="float16"),
        Graph(
            "decode",
            Descend(dbn),
            inputs=(code,),
            outputs=(
                picture("image", "probability that each pixel is white"),
                picture("logits", "its log-odds", range=REAL),
                batched("hidden_1", UNIT_INTERVAL, "probability of each unit of the layer passed", below),
            ),
            storage="float16",
        ),
    )


def gibbs_step(dbn: nn.Module) -> Graph:
    """One step in the memory. In float32: its states are compared with noise, and halves would flip some."""
    hidden, visible = dbn.memory.weight.shape
    classes = dbn.memory.classes
    code = visible - classes
    gains = dbn.label_gain.tolist()
    tightness = " to ".join(f"{gain:.3g}" for gain in sorted({min(gains), max(gains)}))
    return Graph(
        "gibbs_step",
        LabelledGibbsStep(dbn),
        inputs=(
            batched("visible", UNIT_INTERVAL, "the chain's state: a code, from `encode` or a step", code),
            batched(
                "label",
                LABEL,
                f"the digit held in mind, {tightness} times as tightly as learned; -1 leaves it free",
                dtype="int64",
            ),
            batched("hidden_noise", UNIFORM, "a hidden unit is on where it is below its mean", hidden),
            batched("visible_noise", UNIFORM, "the same for the code", code),
            batched("label_noise", UNIFORM, "draws a free label, by the Gumbel-max method", classes),
        ),
        outputs=(
            batched(
                "visible_mean", UNIT_INTERVAL, "probability of each unit of the code, given `hidden`", code
            ),
            batched("visible_sample", BINARY, "the chain's next state; `decode` shows it", code),
            batched(
                "hidden_mean", UNIT_INTERVAL, "probability of each hidden unit, given both inputs", hidden
            ),
            batched("hidden", BINARY, "the hidden units as drawn", hidden),
            batched(
                "free_energy",
                REAL,
                "of the input `visible` with the clamped label, or over all labels where it is free; nats",
            ),
            batched("label_mean", UNIT_INTERVAL, "probability of each digit, given `visible`", classes),
        ),
    )


def forward(networks: Mapping[str, nn.Module]) -> tuple[Graph, ...]:
    """The copy that backpropagation tuned."""
    classifier = networks["classifier"]
    classes, features = classifier.head.weight.shape
    return (
        Graph(
            "classify",
            Classify(classifier),
            inputs=(picture("image", "grey levels"),),
            outputs=(
                batched("class_logits", REAL, "log-odds of each digit; softmax: probability", classes),
                batched("features", UNIT_INTERVAL, "activations of the last hidden layer", features),
            ),
            storage="float16",
        ),
    )


def greedy(networks: Mapping[str, nn.Module]) -> Graph:
    """The three RBMs before any fine-tuning; the last ten visible units of the last are the labels."""
    stack = networks["greedy"]
    outputs = []
    for index, rbm in enumerate((*stack.layers, stack.memory)):
        hidden, visible = rbm.weight.shape
        above = f"layer {index}, counted from the pixels, before fine-tuning"
        outputs += [
            Described(f"weight_{index}", "float32", (hidden, visible), REAL, f"of {above}: row, hidden unit"),
            Described(f"visible_bias_{index}", "float32", (visible,), REAL, f"of {above}"),
            Described(f"hidden_bias_{index}", "float32", (hidden,), REAL, f"of {above}"),
        ]
    return Graph("parameters", StackParameters(stack), inputs=(), outputs=tuple(outputs), storage="float16")


ENTRIES = (
    Entry(
        id="dbn",
        kind="model",
        year=2006,
        title={"en": "Deep Belief Network", "fr": "Réseau de croyance profond"},
        lesson={
            "en": "A Deep Belief Network stacks Boltzmann machines: each learns, without labels, what the "
            "one below has found in the digits, and so a deep network gets good weights before anything "
            "tells it what they are for. At the top, 2,000 units tie the code of a picture to ten label "
            "units; hold one label and let the memory wander, and on the way down it dreams that digit in "
            "ever new hands. Tuned by backpropagation, the same weights say which digit you drew: in 2006 "
            "this made deep networks trainable.",
            "fr": "Un réseau de croyance profond empile des machines de Boltzmann : chacune apprend, sans "
            "étiquettes, ce que la précédente a trouvé dans les chiffres, et un réseau profond reçoit ainsi "
            "de bons poids avant qu'on lui dise à quoi ils serviront. Au sommet, 2 000 unités relient le "
            "code d'une image à dix unités d'étiquette ; fixez une étiquette, laissez errer la mémoire, et "
            "en redescendant elle rêve ce chiffre d'écritures toujours nouvelles. Affinés par "
            "rétropropagation, les mêmes poids disent quel chiffre vous avez tracé : en 2006, c'est ce qui "
            "rendit les réseaux profonds entraînables.",
        },
        # p(v, h1, h2, y) = p(v | h1) p(h1 | h2) p(h2, y)
        equation=formula(
            "<mi>p</mi><mo>(</mo><mi mathvariant='bold'>v</mi><mo>,</mo>"
            "<msub><mi mathvariant='bold'>h</mi><mn>1</mn></msub><mo>,</mo>"
            "<msub><mi mathvariant='bold'>h</mi><mn>2</mn></msub><mo>,</mo><mi>y</mi><mo>)</mo><mo>=</mo>"
            "<mi>p</mi><mo>(</mo><mi mathvariant='bold'>v</mi><mo>|</mo>"
            "<msub><mi mathvariant='bold'>h</mi><mn>1</mn></msub><mo>)</mo>"
            "<mi>p</mi><mo>(</mo><msub><mi mathvariant='bold'>h</mi><mn>1</mn></msub><mo>|</mo>"
            "<msub><mi mathvariant='bold'>h</mi><mn>2</mn></msub><mo>)</mo>"
            "<mi>p</mi><mo>(</mo><msub><mi mathvariant='bold'>h</mi><mn>2</mn></msub><mo>,</mo>"
            "<mi>y</mi><mo>)</mo>"
        ),
        paper=PAPER,
        reported=(
            Reported(
                "variational_bound_test_log_probability",
                None,
                -84.55,
                "an estimate, not a bound, of a stack of 500-2000 without labels; Murray & Salakhutdinov "
                "2009",
            ),
            Reported(
                "test_error",
                None,
                0.012,
                "tuned by backpropagation; Hinton & Salakhutdinov 2006",
            ),
            Reported(
                "test_error_up_down",
                None,
                0.0125,
                "up-down, without backpropagation; Hinton, Osindero & Teh 2006",
            ),
        ),
        colour="#b0761a",
        graphs=graphs,
    ),
    Entry(
        id="dbn_random",
        kind="baseline",
        year=2006,
        title={"en": "Not pretrained", "fr": "Sans préapprentissage"},
        lesson={
            "en": "This is the Deep Belief Network's classifier without its past: the same 784, 500, 500, "
            "2,000 and 10 units, the same backpropagation, but random weights to begin with. Its optimiser "
            "and its dropout are those of the pretrained one. Set the two test errors side by side: the "
            "difference is what pretraining gave.",
            "fr": "C'est le classifieur du réseau de croyance profond, privé de son passé : les mêmes 784, "
            "500, 500, 2 000 et 10 unités, la même rétropropagation, mais des poids aléatoires au départ. "
            "L'optimiseur et le dropout sont ceux du réseau préentraîné. Comparez les deux erreurs de test : "
            "la différence est ce qu'a donné le préapprentissage.",
        },
        # y = softmax(W4 s(W3 s(W2 s(W1 v))))
        equation=formula(
            "<mi>p</mi><mo>(</mo><mi>y</mi><mo>|</mo><mi mathvariant='bold'>v</mi><mo>)</mo><mo>=</mo>"
            "<mi>softmax</mi><mo>(</mo><msub><mi>W</mi><mn>4</mn></msub><mi>σ</mi><mo>(</mo>"
            "<msub><mi>W</mi><mn>3</mn></msub><mi>σ</mi><mo>(</mo><msub><mi>W</mi><mn>2</mn></msub>"
            "<mi>σ</mi><mo>(</mo><msub><mi>W</mi><mn>1</mn></msub><mi mathvariant='bold'>v</mi>"
            "<mo>)</mo><mo>)</mo><mo>)</mo><mo>)</mo>"
        ),
        paper=PAPER,
        colour="#8f8468",
        graphs=forward,
    ),
)
