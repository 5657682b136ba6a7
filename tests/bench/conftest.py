"""Benches run when they are asked for (`-m bench`); what holds on any machine, because it compares, runs always."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the measured ones out of an ordinary run."""
    if "bench" in (config.option.markexpr or ""):
        return
    measured = [item for item in items if item.get_closest_marker("bench")]
    if measured:
        config.hook.pytest_deselected(items=measured)
        items[:] = [item for item in items if item not in measured]
