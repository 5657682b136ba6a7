"""What the keys of the dashboard ask of the collector, and what they copy."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from posture.filter import Filter
from providers.collector.frames import Export, Pause, Refresh, Travel
from tui.data.link import Feed
from tui.data.replica import Replica
from tui.terminal.terminal_app import Shell


class Asks(Shell):
    """A screen over a feed; `current` is the view in front, of the name `_shown`."""

    feed: Feed
    replica: Replica
    export_dir: Path
    filter: Filter
    _shown: str

    @property
    def current(self) -> Any:
        """The view in front."""
        raise NotImplementedError

    def _bars(self) -> None:
        raise NotImplementedError

    def action_export(self) -> None:
        """Write the snapshot of what is shown."""
        name = f"enctop-{self.current.id}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        words = [self.filter.text, self.current.own_filter]
        if self._shown == "detail":
            words = [f'id:"{self.current.id_shown}"']
        self.feed.ask(Export(str(self.export_dir / name), " ".join(filter(None, words))))

    def action_pause(self) -> None:
        """Pause, or go on."""
        if self._frozen():
            return
        self.feed.ask(Pause(not self.feed.paused))
        self._bars()

    def action_refresh(self) -> None:
        """Poll now."""
        if self._frozen():
            return
        source = self.current.source_id()
        self.feed.ask(Refresh(source))
        if self.feed.paused:
            self.say("polling is paused: it is asked when p lets polling go on", severity="warning")
        else:
            self.say(f"asking {source or 'every source'} again", timeout=2)

    def _frozen(self) -> bool:
        """Whether this is a snapshot or the past, in which there is nothing to poll; says so."""
        frozen = self.replica.hello is not None and self.replica.hello.frozen_at is not None
        if frozen:
            what = "a snapshot" if self.replica.moment is None else "the past"
            self.say(f"this is {what}: nothing is polled", severity="warning")
        return frozen

    def action_travel(self, changes: int, hours: int) -> None:
        """To another time of a history."""
        if self.replica.moment is None:
            self.say("this is not a history; enctop replay opens it", severity="warning")
        else:
            self.feed.ask(Travel(changes, hours * 3600.0))

    def action_copy_id(self) -> None:
        """Copy what the mouse selected, else the id under the cursor."""
        if selected := self.screen.get_selected_text():
            self.copy(selected, "the selection", lines=True)
        elif (target := self.current.target() or self.current.source_id()) is not None:
            self.copy(target, "the id")
        else:
            self.say("there is nothing under the cursor to copy", severity="warning")

    def on_copied(self, event: Any) -> None:
        """The detail page wants something copied."""
        self.copy(event.text, event.what, lines=event.lines)
