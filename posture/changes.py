"""What moved in the model."""

import msgspec


class Change(msgspec.Struct):
    """What moved since the last `Model.drain`: ids of resources, and of sources; `tenants` when a roll-up did.

    `whole` are the sources whose poll named all of something: what it did not see is marked as left behind, or gone.
    """

    resources: set[str] = msgspec.field(default_factory=set)
    gone: set[str] = msgspec.field(default_factory=set)
    sources: set[str] = msgspec.field(default_factory=set)
    sources_gone: set[str] = msgspec.field(default_factory=set)
    tenants: set[str] = msgspec.field(default_factory=set)
    whole: set[str] = msgspec.field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.resources or self.gone or self.sources or self.sources_gone or self.tenants)

    def add(self, later: "Change") -> None:
        """What moved after this, too."""
        self.resources = (self.resources - later.gone) | later.resources
        self.gone = (self.gone - later.resources) | later.gone
        self.sources |= later.sources
        self.sources_gone = (self.sources_gone | later.sources_gone) - later.sources
        self.whole |= later.whole
        self.tenants |= later.tenants
