"""The single lines around a view: header, banner, filter, footer. Each is a few parts of text that are drawn again
only when they changed.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from posture.clock import Utc, age, rfc3339
from posture.fault import state_word
from posture.source import ANSWERED, Source, State
from posture.text import clean
from providers.collector.frames import Moment
from tui.data.replica import Replica, services
from tui.terminal.paint import Paint
from tui.views import View

Part = tuple[str, str] | tuple[str, str, str]
"""Text, the name of a paint, and what a click does (an action)."""
WORST_STATES = (
    State.DENIED,
    State.EXPIRED,
    State.UNREACHABLE,
    State.ERROR,
    State.THROTTLED,
    State.PARTIAL,
    State.PENDING,
)


class Bar(Widget):
    """One line: parts from the left, parts from the right; what does not fit is cut from the left parts."""

    DEFAULT_CSS = "Bar { height: 1; background: $panel; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.left: Sequence[Part] = ()
        self.right: Sequence[Part] = ()

    def show(self, left: Iterable[Part], right: Iterable[Part] = ()) -> None:
        """Show these; draws only if they are others."""
        parts = (tuple(left), tuple(right))
        if parts != (self.left, self.right):
            self.left, self.right = parts
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        width = self.size.width
        paint: Paint = self.app.paint  # type: ignore[attr-defined]
        right = _segments(self.right, paint)
        room = width - sum(cell_len(segment.text) for segment in right)
        left = Strip(_segments(self.left, paint))
        if left.cell_length > room > 1:
            left = Strip([*left.crop(0, room - 1), Segment("…", paint.bar)])
        return Strip([*left.adjust_cell_length(max(0, room), paint.bar), *right]).adjust_cell_length(width, paint.bar)


def _segments(parts: Sequence[Part], paint: Paint) -> list[Segment]:
    made = []
    for part in parts:
        text, name = part[0], part[1]
        style = paint.bar if name == "bar" else paint[name] + Style(bgcolor=paint.bar.bgcolor)
        if name == "alarm":
            style = paint[name]
        if len(part) == 3:
            style += Style.from_meta({"@click": part[2]})
        made.append(Segment(clean(text), style))
    return made


def header(replica: Replica, width: int, paused: bool) -> tuple[list[Part], list[Part]]:
    """Who we are, for whom, how fresh, what time it is."""
    hello = replica.hello
    left: list[Part] = [(" enctop", "title")]
    if hello is None:
        return [*left, ("  starting …", "faint")], []
    if width >= 90:
        left.append((f" {hello.version}", "faint"))
    many = len(hello.tenants)
    left.append((f"  {many} tenant{'' if many == 1 else 's'}", "bar"))
    if hello.simulated:
        left.append(("  simulated", "accent"))
    if paused:
        left.append(("  PAUSED", "warn"))
    now = replica.now()
    clock = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%MZ" if hello.frozen_at is not None else "%H:%M:%SZ")
    right: list[Part] = [(f" {clock} ", "faint")]
    room = width - sum(cell_len(part[0]) for part in (*left, *right)) - 3
    left.append(("   ", "bar"))
    left += _freshness(replica, now, room)
    return left, right


def _freshness(replica: Replica, now: Utc, room: int) -> list[Part]:
    """`kms denied ×3 · ebs 3s · s3 5s`: trouble first; what does not fit is counted."""
    told = sorted(
        (_service(name, sources, now) for name, sources in services(replica.sources.values())), key=lambda told: told[0]
    )
    parts: list[Part] = []
    for index, (_, name, words, paint) in enumerate(told):
        text = f"{name} {words}"
        rest = len(told) - index
        if len(text) + 3 > room - (5 if rest > 1 else 0):
            return [*parts, (f"{' · ' if parts else ''}+{rest}", "faint")]
        if parts:
            parts.append((" · ", "faint"))
        parts += [(f"{name} ", "bar"), (words, paint)]
        room -= len(text) + 3
    return parts


def _service(name: str, sources: list[Source], now: Utc) -> tuple[int, str, str, str]:
    """(rank, service, words, paint): the worst state among its sources, else the age of its oldest answer."""
    for rank, state in enumerate(WORST_STATES):
        words = [state_word(state, source.fault) for source in sources if source.state is state]
        if many := len(words):
            paint = {State.PENDING: "faint", State.PARTIAL: "warn", State.THROTTLED: "warn"}.get(state, "fail")
            return rank, name, f"{min(words)} ×{many}" if many > 1 else words[0], paint
    answered = [source for source in sources if source.last_success is not None and source.state in ANSWERED]
    if not answered:
        return len(WORST_STATES) - 1, name, "-", "faint"
    oldest = min(answered, key=lambda source: source.last_success or 0.0)
    stale = any(source.dim(now) for source in answered)
    return 8 if stale else 9, name, age(now - (oldest.last_success or 0.0)), "unknown" if stale else "pass"


def banner(replica: Replica, width: int, *, error: str, down: str, restart_in: int, paused: bool) -> list[Part]:
    """What must not be overlooked, the most urgent only; nothing when all is well."""
    hello = replica.hello
    if error:
        return [(" ✗ ", "fail"), (error, "warn")]
    if down:
        rest = f" · restart in {restart_in}s, what is shown is from before"
        return [
            (" ✗ the collector ended", "fail"),
            (f": {cut(down, max(16, width - len(rest) - 24))}", "warn"),
            (rest, "bar"),
        ]
    if paused:
        return [(" ❚❚ PAUSED", "warn"), (" · nothing is polled and everything shown grows older · p goes on", "bar")]
    if replica.moment is not None:
        return _past(replica.moment, width)
    if hello is not None and hello.frozen_at is not None:
        at = datetime.fromtimestamp(hello.frozen_at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return [(f" SNAPSHOT of {at}", "warn"), (" · offline, ages are as of then", "bar")]
    return []


def _past(moment: Moment, width: int) -> list[Part]:
    """That this is the past, in alarm's colours: nobody must take it for now."""
    at = datetime.fromtimestamp(moment.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    ago = age(time.time() - moment.at)
    parts: list[Part] = [(f" THE PAST  {at}, {ago} ago ", "alarm")]
    if not moment.watched:
        parts.append((" enctop did not run then: as it was last seen ", "warn"))
    parts.append((" [ ] by change  { } by hour", "bar"))
    if width >= 120:
        parts.append((f"  history {rfc3339(moment.first)} to {rfc3339(moment.last)}", "faint"))
    return parts


NUMBERS = "1234567890"
"""The keys of the views, in their order; what comes after the tenth is reached by Tab."""


def footer(views: Sequence[View], current: str, width: int) -> tuple[list[Part], list[Part]]:
    """The views by number, and the keys one needs first."""
    right: list[Part] = [
        ("/", "accent", "app.filter"),
        (" filter ", "faint", "app.filter"),
        ("?", "accent", "app.help"),
        (" help ", "faint", "app.help"),
    ]
    room = width - sum(len(part[0]) for part in right) - 1
    numbered = [view for view in views[: len(NUMBERS)] if view.name != current]
    here = [view for view in views if view.name == current]
    shorts = {view.name: view.title if view.name == current else view.short or view.title[:4] for view in views}
    full = sum(len(view.title) + 4 for view in views) <= room
    all_short = sum(len(text) + 3 for text in shorts.values()) <= room
    some_short = sum(len(shorts[view.name]) + 3 for view in (*numbered, *here)) + 2 <= room
    left: list[Part] = [(" ", "bar")]
    for key, view in zip(NUMBERS.ljust(len(views), "·"), views, strict=False):
        action, is_here = f"app.view('{view.name}')", view.name == current
        if key == "·" and not (full or all_short or is_here):
            continue
        text = view.title if full or is_here else shorts[view.name] if all_short or some_short else ""
        gap = "  " if full else " " if text else ""
        left += [(key, "accent", action), (f" {text}{gap}", "title" if is_here else "faint", action)]
    if not (full or all_short):
        left.append(("…", "faint", "app.step(1)"))
    return left, right


def cut(text: str, width: int) -> str:
    """At most `width` cells."""
    return text if cell_len(text) <= width else set_cell_size(text, max(1, width - 1)) + "…"
