"""What becomes of an answer that is not as its API documents it: each field that a control reads, taken away or
changed, one at a time.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from posture.resource import Resource
from posture.verdict import Finding
from tests.posture.controls.world import World
from tests.posture.scenes import Scene

Path = tuple[str | int, ...]
GONE = object()
"""In place of a value: the field is not there."""


class Mutant(msgspec.Struct, frozen=True):
    """A scene with one field changed: `whose` resource (`resource`, or the id of one beside it), the `path` there,
    and what stands there now.
    """

    whose: str
    path: Path
    change: str
    scene: Scene


def mutants(scene: Scene) -> Iterator[Mutant]:
    """Every change of every field that the control read on its way to its verdict, in the resource and in those it
    looked at.
    """
    read = _read(scene)
    for whose, paths in read.items():
        resource = (
            scene.resource if whose == "resource" else next(other for other in scene.world.seen if other.id == whose)
        )
        for path in sorted(paths, key=str):
            for change, value in changes(_at(resource.fields, path)):
                yield _with(
                    scene,
                    whose,
                    path,
                    change,
                    partial(_spoilt, path=path, value=value),
                )


def changes(value: Any) -> Iterator[tuple[str, Any]]:
    """What may stand in place of a value: nothing, null, another type, a word that no API has, the empty value of
    its type.
    """
    yield "absent", GONE
    yield "null", None
    match value:
        case bool():
            others: tuple[Any, ...] = (str(value), "Qx-Unknown", [], {})
        case int() | float():
            others = ("Qx-Unknown", [], {}, -1)
        case str():
            others = ("Qx-Unknown", "", 7, True, [], {})
        case list() | tuple():
            others = ([], "Qx-Unknown", 7, True, {}, [None], [7], ["Qx-Unknown"], [{}])
        case dict():
            others = ({}, "Qx-Unknown", 7, True, [])
        case _:
            others = ("Qx-Unknown", 7, True, [], {})
    yield from ((f"{other!r}", other) for other in others)


def _spoilt(old: Resource, *, path: tuple[Any, ...], value: Any) -> Resource:
    return msgspec.structs.replace(old, fields=_put(old.fields, path, value))


def _with(scene: Scene, whose: str, path: Path, change: str, mutate: Callable[[Resource], Resource]) -> Mutant:
    if whose == "resource":
        return Mutant(whose, path, change, msgspec.structs.replace(scene, resource=mutate(scene.resource)))
    seen = [mutate(other) if other.id == whose else other for other in scene.world.seen]
    return Mutant(
        whose, path, change, msgspec.structs.replace(scene, world=msgspec.structs.replace(scene.world, seen=seen))
    )


# ---------------------------------------------------------------- what was read


def _read(scene: Scene) -> dict[str, set[Path]]:
    """By whose, the paths that the control reads."""
    read: dict[str, set[Path]] = {}

    def watched(resource: Resource, whose: str) -> Resource:
        return msgspec.structs.replace(
            resource, fields=_watch(dict(resource.fields), (), read.setdefault(whose, set()))
        )

    world = _Watched(
        **{field: getattr(scene.world, field) for field in World.__struct_fields__ if field != "seen"},
        seen=[watched(other, other.id) for other in scene.world.seen],
        as_it_is=scene.world,
    )
    scene.control.judge(watched(scene.resource, "resource"), world)
    return {
        whose: {deeper for path in paths for deeper in _text_paths(scene, whose, path)} for whose, paths in read.items()
    }


def _text_paths(scene: Scene, whose: str, path: Path) -> Iterator[Path]:
    """The path, and where a JSON text stands there (a resource policy), all that is in it."""
    yield path
    resource = scene.resource if whose == "resource" else next(other for other in scene.world.seen if other.id == whose)
    value = _at(resource.fields, path)
    if isinstance(value, str) and value.startswith("{"):
        yield from ((*path, JSON, *inner) for inner in _all_paths(json.loads(value)))


JSON = "<json>"


def _all_paths(value: Any) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (key,)
        yield from ((key, *deeper) for deeper in _all_paths(inner))


class _Watched(World):
    """A world of watched resources. What is read for the findings on another is not noted: that is read by the
    controls of that other, and held against the law there.
    """

    as_it_is: World | None = None

    def findings(self, resource: Resource) -> Mapping[str, Finding]:
        world = self.as_it_is or self
        return World.findings(world, next((other for other in world.seen if other.id == resource.id), resource))


class _Dict(dict[Any, Any]):
    """A dict that notes which of its keys are looked at."""

    path: Path
    read: set[Path]

    def _note(self, key: Any) -> None:
        if dict.__contains__(self, key):
            self.read.add((*self.path, key))

    def __getitem__(self, key: Any) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._note(key)
        return super().__contains__(key)

    def __iter__(self) -> Iterator[Any]:
        for key in super().__iter__():
            self._note(key)
            yield key

    def items(self) -> Any:
        return [(key, dict.__getitem__(self, key)) for key in self]

    def values(self) -> Any:
        return [dict.__getitem__(self, key) for key in self]

    def keys(self) -> Any:
        return list(self)


class _List(list[Any]):
    """A list that notes which of its items are looked at."""

    path: Path
    read: set[Path]

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, int):
            self.read.add((*self.path, at % len(self) if self else at))
        return super().__getitem__(at)

    def __iter__(self) -> Iterator[Any]:
        for number, item in enumerate(super().__iter__()):
            self.read.add((*self.path, number))
            yield item


def _watch(value: Any, path: Path, read: set[Path]) -> Any:
    if isinstance(value, Mapping):
        watched = _Dict({key: _watch(inner, (*path, key), read) for key, inner in value.items()})
        watched.path, watched.read = path, read
        return watched
    if isinstance(value, list):
        listed = _List(_watch(inner, (*path, number), read) for number, inner in enumerate(value))
        listed.path, listed.read = path, read
        return listed
    return value


# ---------------------------------------------------------------- changing


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = json.loads(value) if step == JSON else value[step]
    return value


def _put(value: Any, path: Path, new: Any) -> Any:
    """A copy of `value` in which `new` stands at `path`."""
    step, rest = path[0], path[1:]
    if step == JSON:
        return json.dumps(_put(json.loads(value), rest, new))
    copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
    if rest:
        copy[step] = _put(copy[step], rest, new)
    elif new is GONE:
        del copy[step]
    else:
        copy[step] = new
    return copy
