"""One source: how it stands, when it was asked, and all that was said when it was refused. Esc goes back."""

from posture.clock import Utc
from posture.source import Source
from tui.data.replica import Replica
from tui.pages.detail import Copied, DetailView
from tui.pages.lines import Line, raw_source, source_page
from tui.terminal.text import plain


class SourceView(DetailView):
    """A page about one source; `r` asks it again."""

    name_of = "source"
    title = "Source"

    def __init__(self, replica: Replica) -> None:
        super().__init__(replica, lambda ask: None)

    @property
    def source(self) -> Source | None:
        """What is shown, while there is such a source."""
        return self.replica.sources.get(self.id_shown)

    def moved(self, touched: set[str]) -> None:
        """It was asked, or it answered."""
        if "sources" in touched:
            self.build()

    def tick(self, now: Utc) -> None:
        """Ages grow."""
        self.build()

    def target(self) -> str | None:
        """A source is no resource."""
        return None

    def source_id(self) -> str | None:
        """The source shown."""
        return self.id_shown or None

    def build(self) -> None:
        """Write the lines anew and draw those that are different."""
        if (source := self.source) is None:
            self._lines = [Line((("this source is gone", "unknown"),))]
        else:
            self._lines = (
                raw_source(source) if self.raw else source_page(source, max(20, self.wide - 3), self.replica.now())
            )
        self.border_title = plain(f"{self.origin} › {self.id_shown}" + (" · JSON" if self.raw else ""))
        self.border_subtitle = "r asks again · c copies the line · J JSON · Esc back"
        self.resized()
        self.repaint()

    def action_copy_remedy(self) -> None:
        """What the line says."""
        if self.line.copies:
            self.post_message(Copied(self.line.copies, "the line"))
        else:
            self.notify("there is nothing to copy on this line", severity="warning", markup=False)
