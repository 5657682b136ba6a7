"""The code keeps the size and the order in which it can be read; which part may know which stands in pyproject.toml."""

import ast
import re
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


PATCHING = {"setattr", "delattr", "setitem", "delitem"}
CONSTANT = re.compile(r"providers\..*\b_?[A-Z][A-Z0-9_]+")
PATCHED = {
    "providers.SYSTEMS": "which rooms there are: a toy stands beside them",
    "providers.demo.aws.faults.MESSAGES": "the words of a stand-in",
}
"""What tests may put in the place of a constant, and why; a limit is passed as a `Limits`."""


def _patched(source: str) -> Iterator[str]:
    """The constants of `providers` that this code sets or changes, by their whole name; `*` for a name it computes."""
    tree = ast.parse(source)
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}

    def whole(node: ast.expr) -> str:
        name = str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)
        first, _, rest = name.partition(".")
        return f"{known.get(first, first)}.{rest}".rstrip(".")

    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Call) and (verb := ast.unparse(node.func).rpartition(".")[2]) in PATCHING:
            of, *named = node.args[:-1] if verb.startswith("set") else node.args
            parts = [each.value if isinstance(each, ast.Constant) else "*" for each in named if verb.endswith("attr")]
            names = [".".join(map(str, (whole(of), *parts)))]
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
            targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
            names = [
                whole(each.value if isinstance(each, ast.Subscript) else each)
                for each in targets
                if isinstance(each, ast.Attribute | ast.Subscript)
            ]
        yield from (name for name in names if CONSTANT.fullmatch(name) or name.endswith(".*"))


def test_no_test_patches_a_constant_of_a_room() -> None:
    found = {
        name: str(path.relative_to(ROOT))
        for path in FILES
        if path.is_relative_to(ROOT / "tests")
        for name in _patched(path.read_text(encoding="utf-8"))
    }
    assert {name: file for name, file in found.items() if name not in PATCHED} == {}
    assert PATCHED.keys() <= found.keys(), "no test patches these any more"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ('monkeypatch.setattr("providers.lane.ATTEMPTS", 2)', "providers.lane.ATTEMPTS"),
        ('from providers import lane as lanes\npatch.setattr(lanes, "ATTEMPTS", 2)', "providers.lane.ATTEMPTS"),
        ('import providers.lane\nsetattr(providers.lane, "ATTEMPTS", 2)', "providers.lane.ATTEMPTS"),
        ("import providers.lane as lanes\nlanes.ATTEMPTS = 2", "providers.lane.ATTEMPTS"),
        ('from providers.x.calls import BUDGETS\npatch.setitem(BUDGETS, "a", 1)', "providers.x.calls.BUDGETS"),
        ('from providers.x import calls\ncalls.BUDGETS["a"] = 1', "providers.x.calls.BUDGETS"),
        ("for name in names:\n    patch.setattr(module, name, 1)", "module.*"),
        ('from tui.data import link\npatch.setattr(link, "BACK_OFF", 1)', None),
        ("from providers import system\npatch.setattr(system.Client, 'ask', 1)", None),
    ],
)
def test_a_constant_that_is_patched_is_found_however_it_is_written(code: str, name: str | None) -> None:
    assert list(_patched(code)) == ([] if name is None else [name])
