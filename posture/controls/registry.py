"""The controls by id and by what they judge: the functions of the areas, joined with their metadata, which is data
beside them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, wraps
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import msgspec

from posture.context import Context
from posture.controls.claims import Claims, with_texts
from posture.filter import Term
from posture.reading import NoAnswer
from posture.resource import Resource
from posture.verdict import EvidenceClass, Severity, Status, Verdict

DATA = frozenset({"claims", "sentences", "mozilla", "provisioners"})
"""TOML files that hold no controls."""

BLANKS = frozenset({"name", "id", "region", "key", "scope", "tenant"})
"""What a remedy may leave to be filled in, beside the resource's own fields, which begin with a capital letter
(`{VolumeId}`).
"""

BLANK = re.compile(r"\{([A-Za-z]+)\}")


Judge = Callable[[Resource, Context], Verdict]


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """One promise. `judge` answers for one resource of a type in `applies`; all else is for people and reports.

    `verifies` are sentences of the document; `reads` the operations without which it is UNKNOWN; `maps` framework ->
    its numbers; `states` what each status means here; `remedy` a template (see `posture.controls.remedy`);
    `evidence_class` that of a verdict which names none. `attestable` where it takes a person's word
    (`posture.policy.Attestation`). `events` are what can have caused a finding, as its system's trail names it
    (`posture.who`); `unrecorded` says why none is.
    """

    id: str
    title: str
    severity: Severity
    cadence: Literal["live", "warm", "cold"]
    evidence_class: EvidenceClass
    subject: str
    verifies: tuple[str, ...]
    reads: tuple[str, ...]
    evidence: str
    states: Mapping[Status, str]
    maps: Mapping[str, tuple[str, ...]]
    remedy: str
    traps: str
    applies: tuple[str, ...]
    judge: Judge
    attestable: bool = False
    events: tuple[str, ...] = ()
    unrecorded: str = ""


class Registry:
    """All controls, in the order of their ids."""

    def __init__(self, controls: Iterable[Control], sentences: Mapping[str, str]) -> None:
        self.sentences = sentences
        """Sentence id -> what the document claims there, paraphrased."""
        self._by_id = {control.id: control for control in sorted(controls, key=lambda control: control.id)}
        types = {type_ for control in self._by_id.values() for type_ in control.applies}
        self._by_type = {type_: tuple(c for c in self._by_id.values() if type_ in c.applies) for type_ in types}

    def __iter__(self) -> Iterator[Control]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, control_id: str) -> Control | None:
        """The control with this id."""
        return self._by_id.get(control_id)

    def for_type(self, type_: str) -> tuple[Control, ...]:
        """The controls that judge resources of this type."""
        return self._by_type.get(type_, ())

    def reading(self, operation: str) -> tuple[str, ...]:
        """Ids of the controls that cannot answer without this operation, however it was parametrised."""
        plain = operation.partition("(")[0]
        return tuple(control.id for control in self if plain in control.reads)


_judges: dict[str, tuple[tuple[str, ...], Judge]] = {}


def control(control_id: str, *, on: str | tuple[str, ...]) -> Callable[[Judge], Judge]:
    """Make a function the judgement of `control_id` on resources of the type, or types, `on`. Where it gets no
    answer, it is UNKNOWN.
    """

    def register(judge: Judge) -> Judge:
        @wraps(judge)
        def answer(resource: Resource, context: Context) -> Verdict:
            try:
                return judge(resource, context)
            except NoAnswer as ended:
                return ended.verdict

        if control_id in _judges:
            raise ValueError(
                f"control {control_id} is judged twice, the second time by {judge.__module__}.{judge.__qualname__}"
            )
        _judges[control_id] = ((on,) if isinstance(on, str) else on, answer)
        return answer

    return register


@cache
def registry() -> Registry:
    """Every control there is. Raises ValueError, at import, where a function and its metadata do not match."""
    here = Path(__file__).parent
    for module in sorted((*here.glob("*/[a-z]*.py"), here / "meta.py")):
        import_module(".".join(("posture.controls", *module.relative_to(here).with_suffix("").parts)))
    sentences = _decoded(here / "sentences.toml", dict[str, str])
    areas = {
        file.relative_to(here).with_suffix("").as_posix(): file
        for file in sorted(here.rglob("*.toml"))
        if file.stem not in DATA
    }
    return joined(_judges, {area: _decoded(file, dict[str, Metadata]) for area, file in areas.items()}, sentences)


@cache
def claims() -> Claims:
    """What the sentences ask of their roll-ups. Raises ValueError where that does not fit the sentences."""
    here = Path(__file__).parent
    return with_texts(_decoded(here / "claims.toml", Claims), _decoded(here / "sentences.toml", dict[str, str]))


def verifying(term: Term) -> Term:
    """The word of a filter that names sentences (`sentence:S04`) as one that names the controls which verify them."""
    holds = Term(term.field, term.patterns, False).test()
    found = tuple(control.id for control in registry() if any(map(holds, control.verifies)))
    return Term("control", found, term.negated)


class Metadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of an area's TOML file."""

    title: str
    severity: Literal["critical", "high", "medium", "low", "info"]
    cadence: Literal["live", "warm", "cold"]
    evidence_class: EvidenceClass
    subject: str
    verifies: tuple[str, ...]
    evidence: str
    states: dict[Literal["pass", "warn", "fail", "unknown", "not_applicable"], str]
    maps: dict[str, tuple[str, ...]]
    remedy: str
    reads: tuple[str, ...] = ()
    traps: str = ""
    attestable: bool = False
    events: tuple[str, ...] = ()
    unrecorded: str = ""


def joined(
    judges: Mapping[str, tuple[tuple[str, ...], Judge]],
    areas: Mapping[str, Mapping[str, Metadata]],
    sentences: Mapping[str, str],
) -> Registry:
    """Functions and metadata as one registry. Raises ValueError in one line where one is without the other, or says
    what cannot be.
    """
    controls: dict[str, Control] = {}
    for area, table in areas.items():
        for control_id, data in table.items():
            where = f"{area}.toml: {control_id}"
            if control_id in controls:
                raise ValueError(f"{where} stands in another area as well")
            if control_id not in judges:
                raise ValueError(
                    f"{where} has no function; write one under @control({control_id!r}, on=...) in {area}.py"
                )
            if unknown := [sentence for sentence in data.verifies if sentence not in sentences]:
                raise ValueError(f"{where} verifies {unknown[0]}, which is not a sentence of sentences.toml")
            if blanks := [
                blank for blank in BLANK.findall(data.remedy) if blank not in BLANKS and not blank[0].isupper()
            ]:
                raise ValueError(
                    f"{where} leaves {{{blanks[0]}}} to be filled in; a remedy may leave {', '.join(sorted(BLANKS))} or"
                    " a field"
                )
            if data.events and data.unrecorded:
                raise ValueError(f"{where} names events and says why none is recorded; it is one of the two")
            if quoted := _quoted_blank(data.remedy):
                raise ValueError(
                    f"{where} leaves {quoted} inside quotes or a substitution, where the quotes it is filled in with"
                    " would end them"
                )
            controls[control_id] = _control(control_id, data, *judges[control_id])
    if missing := sorted(judges.keys() - controls.keys()):
        raise ValueError(
            f'control {missing[0]} has no metadata; write a table ["{missing[0]}"] in the TOML file of its area'
        )
    return Registry(controls.values(), sentences)


_SHELL = re.compile(r"""^[ ]*\#[^\n]*|\\.|'[^']*'|"(?:\\.|[^"\\])*"|`[^`]*`|\$\([^)]*\)|.""", re.DOTALL | re.MULTILINE)
"""The pieces of a remedy as a shell reads it: comments, what is escaped, quoted and substituted, and single
characters.
"""


def _quoted_blank(remedy: str) -> str:
    """The first blank that does not stand in the open, where `posture.controls.remedy` can quote its value; none in
    most remedies.
    """
    for piece in _SHELL.findall(remedy):
        if len(piece) > 1 and not piece.lstrip().startswith("#") and (found := BLANK.search(piece)):
            return found.group()
    return ""


def _control(control_id: str, data: Metadata, applies: tuple[str, ...], judge: Judge) -> Control:
    return Control(
        id=control_id,
        title=data.title,
        severity=Severity[data.severity.upper()],
        cadence=data.cadence,
        evidence_class=data.evidence_class,
        subject=data.subject,
        verifies=data.verifies,
        reads=data.reads,
        evidence=data.evidence.strip(),
        states={Status[word.upper()]: text.strip() for word, text in data.states.items()},
        maps=data.maps,
        remedy=data.remedy.strip(),
        traps=data.traps.strip(),
        applies=applies,
        judge=judge,
        attestable=data.attestable,
        events=data.events,
        unrecorded=data.unrecorded.strip(),
    )


def _decoded(path: Path, shape: Any) -> Any:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=shape)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path.name}: {error}") from None
