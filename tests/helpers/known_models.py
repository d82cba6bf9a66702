"""Models of the catalogue by name, for tests that need one that is there and whose sizes are known."""

from core.catalogue.catalogue import CatalogueEntry, entry_of
from core.models.sizing.dims import ModelDims
from tests.helpers.typed import present


def known(model_id: str) -> CatalogueEntry:
    return present(entry_of(model_id))


def dims_of(entry: CatalogueEntry) -> ModelDims:
    return present(ModelDims.of_entry(entry))
