"""Every model that can be exported, by its id."""

from export.entry import Entry
from export.models import autoencoder, classifier, dbn, gan, pca, rbm, vae

ENTRIES: dict[str, Entry] = {
    entry.id: entry
    for family in (rbm, dbn, pca, autoencoder, vae, gan, classifier)
    for entry in family.ENTRIES
}
