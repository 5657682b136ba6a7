"""The dashboard: which view is in front, what is typed, what is asked of the collector. It holds no data of its own."""

from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen

from posture import memory
from posture.clock import Seconds
from posture.fault import EnctopError, FilterError
from posture.filter import longest_filter, parse
from providers.collector.frames import Notice
from tui.asks import Asks
from tui.data.link import Feed
from tui.terminal.style import APP_CSS
from tui.views import View, views
from tui.views.classes import KIND, view_class
from tui.views.overview import Narrowed, OverviewView
from tui.views.pane import Wanted
from tui.views.rows_view import Opened
from tui.widgets import bars, commands
from tui.widgets.bars import Bar
from tui.widgets.keys import KEYS
from tui.widgets.lines import forget_places

PAGES = ("detail", "source")
"""What lies over a view until Esc."""


class Dashboard(Asks):
    """The screen over a feed. `view` and `query` are what it opens with; exports go to `export_dir`."""

    TITLE = "enctop"
    ENABLE_COMMAND_PALETTE = True
    ESCAPE_TO_MINIMIZE = False
    CSS = APP_CSS
    VIEWS: ClassVar[tuple[View, ...]] = views()
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"view('{view.name}')", view.title) for key, view in zip(bars.NUMBERS, VIEWS, strict=False)),
        *KEYS,
    ]

    def __init__(
        self, feed: Feed, *, view: str, query: str, export_dir: Path, origin: str = "", on_terminal: bool = True
    ) -> None:
        super().__init__(on_terminal=on_terminal)
        self.feed, self.replica = feed, feed.replica
        self.export_dir = export_dir
        self.origin = origin
        """What the configuration is called: a path, or words."""
        self.filter = parse(query)
        self.refused = ""
        """Why the collector would not start at all."""
        self._titles = {view.name: view.title for view in self.VIEWS}
        self._views: dict[str, Any] = {}
        self._shown = self._under = self._known(view)
        self._banner = ""
        self._restart_at = 0.0
        self._line: Any = None

    # ---------------------------------------------------------------- beginning and end

    def compose(self) -> ComposeResult:
        """Header, banner, filter, the view, footer."""
        yield Bar(id="header")
        yield Bar(id="banner")
        with Container(id="filter"):
            yield Bar(id="sign")
            yield Bar(id="text")
        yield Container(id="stage")
        yield Bar(id="too-small")
        yield Bar(id="footer")

    async def on_mount(self) -> None:
        """Open the first view, begin to read, and mind the signals."""
        self.feed.on_moved, self.feed.on_notice = self._unless_gone(self._moved), self._unless_gone(self._notice)
        self.feed.on_down, self.feed.on_refused = self._unless_gone(self._down), self._unless_gone(self._refused)
        self.theme_changed_signal.subscribe(self, lambda theme: self._repaint())
        await self._front(self._shown)
        self._show_filter()
        self.feed.start()
        self.set_interval(1.0, self._unless_gone(self._tick))
        self.set_interval(memory.EVERY, memory.give_back)
        self.mind_signals()

    def on_unmount(self) -> None:
        """The collector ends with its viewer."""
        self.feed.stop()

    def _unless_gone(self, act: Callable[..., None]) -> Callable[..., None]:
        """The same while there is a screen: what the collector sends and the clock come also while that is being
        taken down.
        """

        def guarded(*values: object) -> None:
            if not self.gone() and self.query("#header"):
                act(*values)

        return guarded

    def _repaint(self) -> None:
        if self._shown in self._views:
            self.current.forget()
        for bar in self.query(Bar):
            bar.refresh()

    # ---------------------------------------------------------------- views

    @property
    def current(self) -> Any:
        """The view in front."""
        return self._views[self._shown]

    async def _front(self, name: str) -> None:
        """Bring a view to the front, making it when it is wanted for the first time."""
        stage = self.query_one("#stage")
        if self._shown in self._views:
            self.current.display = False
        forget_places()
        self._shown = name
        if (view := self._views.get(name)) is None:
            view = self._views[name] = self._make(name)
            view.narrow(self.filter)
            await stage.mount(view)
        view.display = True
        if name not in PAGES:
            self._under = name
            view.narrow(self.filter)
        view.look()
        self._focus_view()
        self._bars()
        self._show_filter()

    def _make(self, name: str) -> Any:
        if name == "detail":
            from tui.pages.detail import DetailView

            return DetailView(self.replica, self.feed.ask)
        if name == "source":
            from tui.pages.source import SourceView

            return SourceView(self.replica)
        return view_class(name)(self.replica)

    def _known(self, name: str) -> str:
        return name if name in self._titles or name.startswith(KIND) else "overview"

    async def action_view(self, name: str) -> None:
        """To another view."""
        self._close_detail()
        await self._front(self._known(name))

    def go(self, name: str) -> None:
        """To another view, soon."""
        self.call_later(self.action_view, name)

    async def action_step(self, step: int) -> None:
        """To the next view, round in a circle."""
        names = list(self._titles)
        at = names.index(self._under) if self._under in names else 0
        await self.action_view(names[(at + step) % len(names)])

    async def on_wanted(self, event: Wanted) -> None:
        """A pane leads to its view."""
        await self.action_view(event.view)

    async def on_opened(self, event: Opened) -> None:
        """A resource is opened."""
        await self.open(event.id, control=event.verdict)

    async def on_source_opened(self, event: Any) -> None:
        """A source is opened."""
        await self.open(event.id, "source")

    async def open(self, resource: str, page: str = "detail", control: str = "", *, blast: bool = False) -> None:
        """Show the detail of a resource, at one control's verdict, or what depends on it; or the detail of a source."""
        title = self._titles.get(self._under, self._under.removeprefix(KIND))
        await self._front(page)
        self.current.origin = title
        self.current.open(resource, control, blast=blast)

    def _close_detail(self) -> None:
        for page in PAGES:
            if page in self._views:
                self._views[page].trail.clear()
        self.feed.forget_open()

    async def action_back(self) -> None:
        """Esc: close what was opened last, then clear the filter."""
        if (typing := self._prompt) is not None:
            typing.action_leave(False)
        elif self._shown in PAGES:
            if not self.current.back():
                self._close_detail()
                await self._front(self._under)
        elif self.filter.terms:
            self.set_filter("")

    async def on_narrowed(self, event: Narrowed) -> None:
        """A tenant was chosen on the overview, or a cell of the promises."""
        words = [word for word in self.filter.text.split() if f"{word.partition(':')[0]}:" not in event.query]
        self.set_filter(" ".join([*words, event.query]))

    # ---------------------------------------------------------------- the filter and commands

    def set_filter(self, text: str) -> None:
        """Show only what passes this. Raises `FilterError`."""
        self.filter = parse(text)
        self.current.narrow(self.filter)
        self.current.rebuild()
        self._show_filter()

    def _show_filter(self) -> None:
        line, sign, told = self.query_one("#filter"), self.query_one("#sign", Bar), self.query_one("#text", Bar)
        typing = self._prompt
        line.display = bool(typing or self.filter.terms)
        if not line.display:
            return
        sign.show([(f" {typing.sign if typing else '/'} ", "accent")])
        right: list[bars.Part] = []
        if self._shown not in PAGES and (typing is None or typing.sign == "/"):
            matched, total = self.current.matched
            right = [(f" {matched:,}/{total:,} ", "title" if matched else "warn")]
        told.show([] if typing else [(self.filter.text, "name"), ("   Esc clears", "faint")], right)

    @property
    def _prompt(self) -> Any:
        """The line one types at, while one does."""
        return self._line if self._line is not None and self._line.sign else None

    def _type(self, sign: str) -> None:
        """Open the line one types at, so that it has the very next key."""
        if self.has_class("-small") or self.screen.has_class("-small") or len(self.screen_stack) > 1:
            return
        if (typing := self._prompt) is not None:
            self.screen.set_focus(typing)
            return
        if self._line is None:
            from tui.widgets.prompt import Prompt

            self._line = Prompt(self._left)
            self.query_one("#filter").mount(self._line, after="#sign")
        words = commands.names(self) if sign == ":" else commands.FILTER_WORDS
        self._line.begin(sign, self.filter.text if sign == "/" else "", words)
        self._show_filter()

    def action_filter(self) -> None:
        """Type a filter; it works while it is typed."""
        self._type("/")

    def action_command(self) -> None:
        """Type a command."""
        self._type(":")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Tab belongs to the line one types at."""
        return not (action == "step" and self._prompt is not None and self._prompt.has_focus)

    async def on_event(self, event: events.Event) -> None:
        """A key acts before the next one is looked at, so that those typed behind `/` are text, however fast they
        come. At the end none does.
        """
        if self._exit and isinstance(event, events.InputEvent):
            return
        if (
            isinstance(event, events.Key)
            and not event.is_forwarded
            and len(self.screen_stack) == 1
            and (self._line is None or self.focused is not self._line)
        ):
            self.app_focus = True
            if await self._check_bindings(event.key, priority=True) or await self._check_bindings(event.key):
                return
        await super().on_event(event)

    def on_prompt_typed(self, event: Any) -> None:
        """While the last word is half-written the words before it hold."""
        if self._prompt is None or event.sign != "/" or event.text != self._prompt.value:
            return
        try:
            self.set_filter(event.text)
            self._say("")
        except FilterError as error:
            self.set_filter(longest_filter(event.text))
            self._say(str(error))

    def _left(self, sign: str, text: str, accepted: bool) -> None:
        """Enter keeps the filter or runs the command; Esc clears the filter or forgets the command. A filter that
        cannot be read stays to be mended.
        """
        if sign == "/" and accepted:
            try:
                parse(text)
            except FilterError as error:
                self._say(str(error))
                return
        self._line.end()
        self._say("")
        self._focus_view()
        try:
            if sign == "/":
                self.set_filter(text if accepted else "")
            elif accepted:
                commands.run(self, text)
        except EnctopError as error:
            self.say(str(error), severity="error")
        self._show_filter()

    def _focus_view(self) -> None:
        """The keys are the view's at once; unless one types."""
        if self._prompt is None:
            self.screen_stack[0].set_focus(
                self.current.inside if isinstance(self.current, OverviewView) else self.current
            )

    def action_command_palette(self) -> None:
        """Views, commands and themes by name."""
        from tui.widgets.palette import Palette

        if len(self.screen_stack) == 1:
            self.push_screen(Palette())  # with no id: the one before may just be going

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What ctrl+p offers."""
        for title, about, act in commands.palette(self):
            yield SystemCommand(title, about, act)

    # ---------------------------------------------------------------- what the collector sends

    def _moved(self, touched: set[str]) -> None:
        if touched & {"hello", "sources", "settled"}:
            self._bars()
        self.current.moved(touched)

    def on_counted(self) -> None:
        """The filter line tells how many match."""
        if self.filter.terms:
            self._show_filter()

    def _notice(self, notice: Notice) -> None:
        severities: dict[str, Any] = {"warning": "warning", "error": "error"}
        self.say(notice.text, severity=severities.get(notice.level, "information"))

    def _down(self, reason: str, wait: Seconds) -> None:
        self._restart_at = monotonic() + wait if reason else 0.0
        self._bars()

    def _refused(self, reason: str) -> None:
        self.refused = reason
        self.leave(2)

    def _tick(self) -> None:
        self.mind_terminal()
        self._bars()
        self.current.tick(self.replica.now())

    # ---------------------------------------------------------------- the lines around the view

    def _bars(self) -> None:
        width = self.size.width
        self.query_one("#header", Bar).show(*bars.header(self.replica, width, self.feed.paused))
        self.query_one("#footer", Bar).show(*bars.footer(self.VIEWS, self._under, width))
        banner = self.query_one("#banner", Bar)
        left = max(0, round(self._restart_at - monotonic()))
        parts = bars.banner(
            self.replica, width, error=self._banner, down=self.feed.down, restart_in=left, paused=self.feed.paused
        )
        banner.display = bool(parts)
        if parts:
            banner.show(parts)

    def _say(self, text: str) -> None:
        self._banner = text
        self._bars()

    # ---------------------------------------------------------------- what is asked

    async def action_blast(self) -> None:
        """What depends on the resource under the cursor."""
        current = self.current
        if (target := current.blast_target() if self._shown == "detail" else current.target()) is None:
            self.say("there is no resource under the cursor", severity="warning")
        elif self._shown == "detail":
            current.open(target, blast=True)
        else:
            await self.open(target, blast=True)

    def action_help(self) -> None:
        """Keys and words."""
        from tui.widgets.help import Help

        if not isinstance(self.screen, Help):
            self.push_screen(Help(self.BINDINGS, self.origin))
