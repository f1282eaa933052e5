"""What a person says about an official network, by family."""

from collections.abc import Mapping
from typing import Any

COLOUR = "#d9455f"

LICENCE = "that of its makers, which the file does not state; see the card"
ABOUT_LICENCE = (
    "The weights keep the licence of those who made them, which `{file}` does not state: most of NVIDIA's "
    "are under CC BY-NC 4.0 or the NVIDIA Source Code License, neither of which allows commercial use. "
    "They were converted on the machine of the person who has the file; Latent Lineage neither ships nor "
    "licenses them."
)
DATASET = {
    "id": "makers",
    "name": "pictures of its makers' choice",
    "licence": "that of the pictures, which the file does not state",
}


def _formula(body: str) -> str:
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mrow>{body}</mrow></math>'


FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "stylegan": {
        "title": "StyleGAN",
        "year": 2019,
        "paper": {
            "authors": "Karras, Laine, Aila",
            "title": "A style-based generator architecture for generative adversarial networks",
            "url": "https://arxiv.org/abs/1812.04948",
        },
        "lesson": {
            "en": "A picture grows from the same constant each time; what z says comes in as styles, one a "
            "layer. Each layer forgets the mean and spread of its maps and takes those of its style. What "
            "no style decides, every hair and every pore, is left to noise.",
            "fr": "L'image pousse chaque fois de la même constante ; ce que dit z arrive comme des styles, "
            "un par couche. Chaque couche oublie la moyenne et l'étendue de ses cartes et prend celles de "
            "son style. Ce qu'aucun style ne décide, chaque cheveu, chaque pore, est laissé au bruit.",
        },
        # y_s (x - mean(x)) / std(x) + y_b
        "equation": _formula(
            "<msub><mi>y</mi><mi>s</mi></msub><mfrac><mrow><mi>x</mi><mo>−</mo><mi>μ</mi><mo>(</mo><mi>x</mi>"
            "<mo>)</mo></mrow><mrow><mi>σ</mi><mo>(</mo><mi>x</mi><mo>)</mo></mrow></mfrac><mo>+</mo>"
            "<msub><mi>y</mi><mi>b</mi></msub>"
        ),
    },
    "stylegan2": {
        "title": "StyleGAN2",
        "year": 2020,
        "paper": {
            "authors": "Karras, Laine, Aittala, Hellsten, Lehtinen, Aila",
            "title": "Analyzing and improving the image quality of StyleGAN",
            "url": "https://arxiv.org/abs/1912.04958",
        },
        "lesson": {
            "en": "StyleGAN left drops of water in its pictures: maps that were normalised hid their "
            "strength in a blob. Here the style scales the weights instead of the maps, and each kernel is "
            "brought back to length one. Every size adds its own part to the picture.",
            "fr": "StyleGAN laissait des gouttes d'eau dans ses images : des cartes normalisées cachaient "
            "leur force dans une tache. Ici le style met à l'échelle les poids et non les cartes, et "
            "chaque noyau est ramené à la longueur un. Chaque taille ajoute sa part à l'image.",
        },
        # w' = s w / sqrt(sum (s w)^2 + eps)
        "equation": _formula(
            ""
            "<msub><mi>w</mi><mrow><mi>i</mi><mi>j</mi><mi>k</mi></mrow></msub><mo>′</mo><mo>=</mo><mfrac><mrow><msub><mi>s</mi><mi>i</mi></msub><msub><mi>w</mi><mrow><mi>i</mi><mi>j</mi><mi>k</mi></mrow></msub></mrow><msqrt><mrow><munder><mo>∑</mo><mrow><mi>i</mi><mo>,</mo><mi>k</mi></mrow></munder><msup><mrow><mo>(</mo><msub><mi>s</mi><mi>i</mi></msub><msub><mi>w</mi><mrow><mi>i</mi><mi>j</mi><mi>k</mi></mrow></msub><mo>)</mo></mrow><mn>2</mn></msup><mo>+</mo><mi>ε</mi></mrow></msqrt></mfrac>"
        ),
    },
    "stylegan3": {
        "title": "StyleGAN3",
        "year": 2021,
        "paper": {
            "authors": "Karras, Aittala, Laine, Härkönen, Hellsten, Lehtinen, Aila",
            "title": "Alias-free generative adversarial networks",
            "url": "https://arxiv.org/abs/2106.12423",
        },
        "lesson": {
            "en": "In earlier networks beards stick to the screen while faces move: pixels leak into what "
            "should know of none. Here every map stands for a continuous signal, and each rectifier is "
            "wrapped in filters that keep it one. A picture starts as waves that w turns and moves, and "
            "there is no noise.",
            "fr": "Dans les réseaux précédents la barbe colle à l'écran quand le visage bouge : les pixels "
            "fuient dans ce qui ne devrait en connaître aucun. Ici chaque carte représente un signal "
            "continu, et chaque redresseur est enveloppé de filtres qui le gardent tel. L'image commence "
            "en ondes que w tourne et déplace, et il n'y a pas de bruit.",
        },
        # f(z) = down(phi * leaky(phi * up(z)))
        "equation": _formula(
            "<mi>f</mi><mo>(</mo><mi>z</mi><mo>)</mo><mo>=</mo><msub><mi>φ</mi><mi>s</mi></msub><mo>∗</mo>"
            "<mi>σ</mi><mo>(</mo><msub><mi>φ</mi><mrow><mi>s</mi><mo>′</mo></mrow></msub><mo>∗</mo><mi>z</mi>"
            "<mo>)</mo>"
        ),
    },
}
