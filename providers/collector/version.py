"""The version, from the installed package."""

from importlib.metadata import PackageNotFoundError, version


def enctop_version() -> str:
    """`0.1.0`; `0+unknown` where enctop runs without being installed."""
    try:
        return version("enctop")
    except PackageNotFoundError:
        return "0+unknown"
