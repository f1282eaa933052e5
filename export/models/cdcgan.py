"""The conditional DCGAN: the game of the one, the networks of the other."""

from export.entry import Entry
from export.models import cgan, dcgan

ENTRIES = (
    Entry(
        id="cdcgan",
        kind="model",
        year=2016,
        title={"en": "Conditional DCGAN", "fr": "DCGAN conditionnel"},
        lesson={
            "en": "What a network is told and what it is made of are two choices: this one takes the "
            "game from the conditional GAN and the convolutions from DCGAN. Its discriminator looks at "
            "a picture once and keeps ten verdicts, one for each digit it might be said to be; the one "
            "for the label asked for is the one that counts. Hold z still and change the digit, and "
            "the same handwriting stays.",
            "fr": "Ce qu'on dit à un réseau et ce dont il est fait sont deux choix : celui-ci prend le "
            "jeu du GAN conditionnel et les convolutions du DCGAN. Son discriminateur regarde l'image "
            "une seule fois et garde dix verdicts, un pour chaque chiffre qu'elle pourrait prétendre "
            "être ; compte celui de l'étiquette demandée. Gardez z et changez le chiffre : la même "
            "écriture demeure.",
        },
        equation=cgan.EQUATION,
        paper=dcgan.PAPER,
        colour="#d23f9c",
        graphs=cgan.graphs,
        snapshot_role="generate",
    ),
)
