"""ERN ITHACA: malformation syndromes, intellectual and other neurodevelopmental disorders."""

from collections.abc import Sequence

from cpms_core import Dataset, Importer, Network, Plugin, hookimpl
from cpms_ern_ithaca.datasets import DATASETS
from cpms_ern_ithaca.network import ITHACA
from cpms_ern_ithaca.phenopacket import PHENOPACKET


class ErnIthaca(Plugin):
    """The network, its record, and the published cases it can read."""

    @hookimpl
    def networks(self) -> Sequence[Network]:
        return (ITHACA,)

    @hookimpl
    def datasets(self) -> Sequence[Dataset]:
        return DATASETS

    @hookimpl
    def importers(self) -> Sequence[Importer]:
        return (PHENOPACKET,)
