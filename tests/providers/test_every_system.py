"""What every system must do, held against each that `providers.SYSTEMS` names: one more fails here by its name until
it has its line in `tests/providers/subjects` and in `tests/matrix/systems`.

The matrix holds the fault cells of whole collectors; here every single source is held against the laws of a room.
"""

from collections.abc import Callable

import pytest

import providers
from providers import system
from tests.matrix.systems import SYSTEMS
from tests.providers.subjects import SUBJECTS, laws
from tests.providers.subjects.subject import Subject
from tests.providers.subjects.toy import ToySubject

NAMES = tuple(declared.name for declared in system.systems())
EVERY = pytest.mark.parametrize("name", [*NAMES, "toy"])
TOYS: dict[str, Callable[[pytest.FixtureRequest], Subject]] = {**SUBJECTS, "toy": ToySubject}


@pytest.fixture
def subject(name: str, request: pytest.FixtureRequest) -> Subject:
    """A system by its name, behind its stand-in."""
    return TOYS[name](request)


@pytest.fixture
def toy(request: pytest.FixtureRequest) -> Callable[[str], Subject]:
    """A toy that breaks a law."""
    return lambda broken: ToySubject(request, broken)


def lacking(names: tuple[str, ...]) -> list[str]:
    """Systems without their line in the suite, or in the fault matrix."""
    columns = {column.provider for column in SYSTEMS}
    return [
        *(f"{name} is not in tests/providers/subjects" for name in names if name not in SUBJECTS),
        *(f"{name} is not in tests/matrix/systems" for name in names if name not in columns),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_system_has_its_line_in_the_suite_and_in_the_matrix(name: str) -> None:
    assert lacking((name,)) == []


def test_a_system_that_is_declared_and_not_in_the_suite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "SYSTEMS", (*providers.SYSTEMS, "tests.world.toy"))
    names = tuple(declared.name for declared in system.systems())
    assert lacking(names) == ["toy is not in tests/providers/subjects", "toy is not in tests/matrix/systems"]


@EVERY
@pytest.mark.parametrize("everything", [True, False], ids=["every opt-in", "no opt-in"])
async def test_what_is_asked_is_what_the_printed_policy_grants_no_more_and_no_less(
    subject: Subject, everything: bool
) -> None:
    wrong = await laws.asks_otherwise_than_printed(subject, everything=everything)
    assert not wrong, "\n".join(wrong)


@EVERY
async def test_a_poll_that_is_dropped_in_the_middle_leaves_no_task_no_thread_and_no_connection(
    subject: Subject,
) -> None:
    wrong = await laws.leaves_behind(subject)
    assert not wrong, "\n".join(wrong)


@EVERY
async def test_no_source_knows_another_time_than_it_is_given(subject: Subject) -> None:
    wrong = await laws.reads_the_clock(subject)
    assert not wrong, "\n".join(wrong)


@EVERY
@pytest.mark.parametrize("fault", laws.FAULTY)
async def test_every_source_says_in_a_line_what_went_wrong_and_is_back_after_it(subject: Subject, fault: str) -> None:
    wrong = await laws.tells_badly(subject, fault)
    assert not wrong, "\n".join(wrong)


@EVERY
async def test_no_source_reads_more_than_the_limits_that_it_is_given(subject: Subject) -> None:
    wrong = await laws.reads_beyond(subject)
    assert not wrong, "\n".join(wrong)


# ------------------------------------------------------------ who would notice


async def test_a_system_that_asks_more_than_it_prints_is_found(toy: Callable[[str], Subject]) -> None:
    wrong = await laws.asks_otherwise_than_printed(toy("nosy"), everything=True)
    assert wrong == ["asked and not granted: contents"]


async def test_a_system_that_prints_more_than_it_asks_is_found(toy: Callable[[str], Subject]) -> None:
    wrong = await laws.asks_otherwise_than_printed(toy("idle"), everything=True)
    assert wrong == ["granted and never asked: boxes", "granted and never asked: lids"]


async def test_a_system_that_leaves_a_task_behind_is_found(toy: Callable[[str], Subject]) -> None:
    wrong = await laws.leaves_behind(toy("leaving"))
    assert "Leaving at question 1: task Boxes.ask" in wrong


async def test_a_system_that_leaves_a_task_behind_when_it_is_followed_no_more_is_found(
    toy: Callable[[str], Subject],
) -> None:
    wrong = await laws.leaves_behind(toy("clinging"))
    assert set(wrong) == {"Clinging while followed: task Boxes.ask"}


async def test_a_system_that_leaves_a_connection_behind_is_found(toy: Callable[[str], Subject]) -> None:
    wrong = await laws.leaves_behind(toy("open"))
    assert [one for one in wrong if one.startswith("connection ")]


async def test_a_system_that_raises_what_is_no_refusal_is_found(toy: Callable[[str], Subject]) -> None:
    wrong = await laws.tells_badly(toy("raising"), "denied")
    assert wrong == ["acme/toy/red/boxes: raises KeyError: 'red'"]


async def test_a_system_that_takes_a_refusal_for_an_answer_is_found(toy: Callable[[str], Subject]) -> None:
    wrong = await laws.tells_badly(toy("silent"), "denied")
    assert wrong == ["acme/toy/red/boxes: says nothing of it"]


async def test_a_system_that_reads_the_clock_is_found(toy: Callable[[str], Subject]) -> None:
    wrong = await laws.reads_the_clock(toy("early"))
    assert [one for one in wrong if "broken:Early.poll reads the clock" in one]
    assert [one for one in wrong if one.endswith(".fields.seen")]


async def test_a_system_that_reads_without_its_limits_is_found(toy: Callable[[str], Subject]) -> None:
    assert await laws.reads_beyond(toy("boundless")) == ["acme/toy/red/boxes reads more than it may"]
