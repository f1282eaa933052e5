"""Every model that can be exported, by its id: what the files of `export.models` list in their `ENTRIES`."""

from export import models
from export.entry import Entry
from training.families import offering

ENTRIES: dict[str, Entry] = {
    entry.id: entry for module in offering(models, "ENTRIES") for entry in module.ENTRIES
}
