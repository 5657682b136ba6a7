"""Which sentences of the document a control, an operation and a system are about."""

from collections.abc import Iterable

from posture.controls.claims import Claims
from posture.controls.registry import Registry, registry

COVERAGE = "meta.inventory.coverage"


def is_evidence(control: str) -> bool:
    """Whether a control judges what the sentences speak of, and not enctop itself."""
    return not control.startswith("meta.")


class Reach:
    """Which sentences a control, an operation and a system are about. `named` are the controls of a model: those of
    another version may be among them.
    """

    def __init__(self, named: Registry, known: Claims) -> None:
        self._registry = registry()
        self._declared = {operation for control in self._registry for operation in control.reads}
        self._verified = {
            control.id: tuple(name for name in control.verifies if name in known.sentences)
            for control in (*named, *self._registry)
        }
        self.titles = {control.id: control.title for control in (*named, *self._registry)}
        self.controls = {
            name: tuple(control for control, verified in sorted(self._verified.items()) if name in verified)
            for name in known.sentences
        }
        parted = {
            name: ([one for one in found if is_evidence(one)], [one for one in found if not is_evidence(one)])
            for name, found in self.controls.items()
        }
        self.evidence = {name: evidence for name, (evidence, _) in parted.items()}
        self.conditions = {name: conditions for name, (_, conditions) in parted.items()}
        self._hidden: dict[tuple[str, str], frozenset[str]] = {}

    def sentences(self, control: str) -> tuple[str, ...]:
        """The sentences that a control verifies."""
        return self._verified.get(control, ())

    def operation(self, operation: str) -> str:
        """An operation without its parameters; empty where no control reads it: it may hold names then."""
        plain = operation.partition("(")[0]
        return plain if plain in self._declared else ""

    def hidden(self, system: str, operation: str) -> frozenset[str]:
        """The sentences of which something may be missing where a system refused an operation: those of every control
        of the types that it is read for. Those of the whole system where no control reads it.
        """
        if (found := self._hidden.get((system, operation))) is None:
            readers = set(self._registry.reading(operation))
            types = {type_ for control in self._registry if control.id in readers for type_ in control.applies}
            found = self._hidden[system, operation] = frozenset(
                sentence
                for control in self._registry
                if is_evidence(control.id) and _concerned(control.id, control.applies, system, types)
                for sentence in self.sentences(control.id)
            )
        return found


def _concerned(control: str, applies: Iterable[str], system: str, types: set[str]) -> bool:
    return any(type_ in types for type_ in applies) if types else control.partition(".")[0] == system
