"""The layout of the screen, as Textual's CSS."""

APP_CSS = """
Screen { background: $background; color: $foreground; layers: base above; }
#stage { height: 1fr; background: $background; }
#stage > * { height: 1fr; }
#banner { display: none; }
#filter { display: none; height: 1; layout: horizontal; background: $panel; }
#filter #sign { width: 3; }
#filter #text { width: 1fr; }
#filter Prompt { width: 2fr; }
#too-small { display: none; height: 1fr; }
Screen.-small #stage, Screen.-small #header, Screen.-small #footer { display: none; }
Screen.-small #filter, Screen.-small #banner { display: none; }
Screen.-small #too-small { display: block; }
.pane, RowsView, DetailView {
    border: round $frame; border-title-color: $name; border-title-style: bold; border-subtitle-color: $faint;
    border-title-background: $background; border-subtitle-background: $background; }
.pane:focus, RowsView:focus, DetailView:focus { border: round $frame-focus; }
"""
"""Of the dashboard: one view between two lines, and what is shown where there is no room."""
