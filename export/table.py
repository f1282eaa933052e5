"""Every model that can be exported, by its id."""

from export.entry import Entry
from export.models import (
    acgan,
    autoencoder,
    cdcgan,
    cgan,
    classifier,
    dbn,
    dcgan,
    gan,
    pca,
    rbm,
    ssgan,
    stylegan2,
    stylegan2_encoder,
    vae,
    wgan_gp,
)

FAMILIES = (
    rbm,
    dbn,
    pca,
    autoencoder,
    vae,
    gan,
    cgan,
    dcgan,
    cdcgan,
    acgan,
    ssgan,
    wgan_gp,
    stylegan2,
    stylegan2_encoder,
    classifier,
)

ENTRIES: dict[str, Entry] = {entry.id: entry for family in FAMILIES for entry in family.ENTRIES}
