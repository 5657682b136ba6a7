"""What the collector tells of the dependents of a resource."""

from providers.collector.blast import MOST_DIRECT, blast_radius, finished
from providers.collector.frames import BlastRadius, Decoder, Encoder, Frame
from tests.posture.graphs import model_of, report
from tests.world import fleet


def test_of_a_resource_that_nobody_has_seen_there_is_nothing() -> None:
    told = finished(blast_radius(model_of([]), "nobody", 100))
    assert (told.kind, told.total, told.lines) == ("", 0, ())


def test_a_radius_travels_and_lists_no_more_than_a_screen_can_bear() -> None:
    held = fleet.thing("persistent-volume", "eks:v")
    seen = [fleet.thing("claim", f"eks:c{number}", ("volume", held.id)) for number in range(MOST_DIRECT + 50)]
    told = finished(blast_radius(model_of([held, *seen]), held.id, 1 << 40))
    assert (told.direct, told.total, len(told.lines)) == (MOST_DIRECT + 50, MOST_DIRECT + 50, MOST_DIRECT)
    (frame,) = Decoder(Frame).feed(Encoder().encode(told))
    assert frame == told
    assert finished(blast_radius(model_of(seen[:1]), seen[0].id, -5)).lines == ()


def test_what_comes_and_goes_between_two_steps_does_no_harm() -> None:
    seen = [fleet.ebs(f"vol-{number}", fleet.GOOD) for number in range(5000)]
    model = model_of([fleet.kms("good"), *seen])
    steps = blast_radius(model, fleet.GOOD, 100)
    next(steps)
    report(
        model, [fleet.kms("good"), *seen[4000:], *(fleet.ebs(f"vol-new-{number}", fleet.GOOD) for number in range(9))]
    )
    told: BlastRadius = finished(steps)
    assert told.direct == told.total
    assert 2000 <= told.total <= 5000
