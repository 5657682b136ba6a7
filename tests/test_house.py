"""The code keeps the size and the order in which it can be read; which part may know which stands in pyproject.toml."""

import ast
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES, MOST_BODY = 450, 40
FILES = sorted(
    path for folder in ("posture", "providers", "tui", "tests", "screenshots") for path in (ROOT / folder).rglob("*.py")
)
LONG_FILES: frozenset[str] = frozenset()
LONG_FUNCTIONS = {
    *(
        f"tests/world/tlscrafted.py {name}" for name in ("_names", "_uses", "_paths", "_encodings", "_policies")
    ),  # lists
}
"""What is still to be parted (those of tlscrafted are lists of chains); nothing is added here."""
NETWORK = {"urllib.request", "urllib.error", "http.client"}


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    whole = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        whole -= (first.end_lineno or 0) - first.lineno + 1
    return whole


def test_no_file_is_longer_than_one_reads_at_once() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES and name not in LONG_FILES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        name: (function.lineno, lines)
        for path in FILES
        for function in _functions(path)
        if (lines := _length(function)) > MOST_BODY
        and (name := f"{path.relative_to(ROOT)} {function.name}") not in LONG_FUNCTIONS
    }
    assert long == {}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom, also for types only and inside functions."""
    return grimp.build_graph("posture", "providers", "tui", exclude_type_checking_imports=False)


def test_no_import_runs_in_a_circle(graph: grimp.ImportGraph) -> None:
    left = {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    while free := {module for module, imports in left.items() if not imports}:
        left = {module: imports - free for module, imports in left.items() if module not in free}
    assert left == {}, "these are in a circle, or import one that is"


def test_what_is_judged_opens_no_file_but_its_own_tables_and_no_connection() -> None:
    opened: dict[str, list[str]] = {}
    for path in FILES:
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if name.startswith("posture/") else ():
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if found := [module for module in modules if module in NETWORK or module == "pathlib"]:
                opened.setdefault(name, []).extend(found)
    tables = ("kubernetes/provisioners.py", "registry.py", "tls/reading.py")
    assert opened == {f"posture/controls/{file}": ["pathlib"] for file in tables}
