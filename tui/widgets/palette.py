"""Textual's command palette, for people who type faster than it opens and closes."""

from textual.command import CommandList, CommandPalette


class Palette(CommandPalette):
    """Keys that move in its list wait for no list: before it is made and after it was taken down they do nothing."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether this can be done now."""
        return action == "escape" or bool(self.query(CommandList))
