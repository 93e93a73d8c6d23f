"""The levels of the house: a lower one never imports a higher one. Walks the syntax trees."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tinygrad_course as tg

PACKAGE = Path(tg.__file__).parent
KERNELS = Path(tg.kernels.__file__).parent

LEVELS = {
    0: {"errors", "random", "files", "kernels", "_checkout"},
    1: {"backend", "cuda"},
    2: {
        "dtypes", "formulas", "node", "interchange", "tensor", "inputs", "recorded", "function",
        "pointwise", "engine", "leaf_gradients", "gradients", "operators", "composition",
        "grad_mode", "observer", "anomaly", "ops",
    },
    3: {"functional", "derivatives", "recompute", "profiling"},
    4: {"nn", "optim", "data", "metrics"},
    5: {
        "models", "evaluation", "train", "training", "checkpoint", "checking", "interop",
    },
    6: {"bench", "debug", "viz", "estimators"},
    7: {"cli", "__main__"},
}  # fmt: skip
LEVEL = {name: level for level, names in LEVELS.items() for name in names}
HEAVY = {"cupy", "numba", "matplotlib", "rich", "jinja2", "PIL", "safetensors", "click", "torch"}


def modules():
    return [p for p in sorted(PACKAGE.rglob("*.py")) if "__pycache__" not in p.parts]


def part_of(path: Path) -> str:
    """The first-level part a file belongs to: ops/conv.py -> ops, tensor.py -> tensor."""
    relative = path.relative_to(PACKAGE).parts
    return relative[0].removesuffix(".py")


def for_types(tree: ast.Module) -> set[int]:
    """The ids of the nodes that only a checker of types looks at."""
    return {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }


def imports(path: Path):
    """(part, line) of every import of the package, as relative imports say it."""
    depth = len(path.relative_to(PACKAGE).parts) - 1
    tree = ast.parse(path.read_text())
    guarded = for_types(tree)
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.ImportFrom) and node.level == depth + 1:
            names = [node.module.split(".")[0]] if node.module else [a.name for a in node.names]
            for name in names:
                yield name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            assert not node.module.startswith("tinygrad_course"), f"{path}: absolute import"


def test_every_part_has_a_level():
    parts = {part_of(p) for p in modules()} - {"__init__"}
    assert parts <= set(LEVEL), f"give these a level: {sorted(parts - set(LEVEL))}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_levels(path):
    me = part_of(path)
    if me == "__init__":
        return
    for name, line in imports(path):
        if name not in LEVEL:
            continue
        assert LEVEL[name] <= LEVEL[me], f"{path}:{line}: level {LEVEL[me]} imports {name}"
        if LEVEL[me] == 4 and LEVEL[name] == 4:
            assert name == me, f"{path}:{line}: {me} and {name} may not know one another"


def loads(path: Path) -> set[str]:
    """The files (as `ops/axes.py`) that are loaded when this one is, those it names itself."""
    statements = []
    for node in ast.parse(path.read_text()).body:
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        statements += node.orelse if guarded else [node]
    found = set()
    for node in statements:
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1]
            base = folder.joinpath(*node.module.split(".")) if node.module else folder
            found |= {base.with_suffix(".py"), *(base / f"{a.name}.py" for a in node.names)}
    return {str(f.relative_to(PACKAGE)) for f in found if f.is_file() and f != path}


def test_the_core_is_loaded_without_a_circle():
    """Whichever of its files comes first finds what it imports complete."""
    core = [p for p in modules() if LEVEL.get(part_of(p), 9) <= 3]
    graph = {str(p.relative_to(PACKAGE)): loads(p) for p in core}
    assert graph["tensor.py"] >= {"node.py", "interchange.py"}
    assert "ops/arithmetic.py" in graph["operators.py"]
    list(TopologicalSorter(graph).static_order())


def test_kernels_know_nothing_of_the_package():
    for path in KERNELS.rglob("*.py"):
        depth = len(path.relative_to(KERNELS).parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level <= depth, f"{path}:{node.lineno}"
                assert not (node.module or "").startswith("tinygrad_course"), path
            elif isinstance(node, ast.Import):
                assert not any(a.name.startswith("tinygrad_course") for a in node.names), path


def kernel_files(path: Path) -> set[Path]:
    """The files of the kernels that this one imports, at its top or in a function."""
    tree = ast.parse(path.read_text())
    guarded = for_types(tree)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level and id(node) not in guarded:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for name in node.names:
                places = (base / name.name, base)
                files = [f for p in places for f in (p.with_suffix(".py"), p / "__init__.py")]
                found |= set([f for f in files if f.is_file()][:1])
    return found - {path}


def test_kernels_import_one_another_without_a_circle():
    """Inside a function too: what a file needs can be read before it."""
    graph = {path: kernel_files(path) for path in KERNELS.rglob("*.py")}
    assert KERNELS / "threads.py" in graph[KERNELS / "compiled.py"]
    assert KERNELS / "registry.py" in graph[KERNELS / "activation" / "__init__.py"]
    list(TopologicalSorter(graph).static_order())


def test_only_the_backend_imports_kernels():
    for path in modules():
        if any(name == "kernels" for name, _ in imports(path)):
            assert part_of(path) in {"backend", "__init__", "bench", "cli"}, path


SCHEDULES = {"formula", "decays", "cyclical", "schedules", "batch_growth", "range_test"}


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_schedules_import_math_alone(name):
    tree = ast.parse((PACKAGE / "optim" / f"{name}.py").read_text())
    allowed = {
        "__future__",
        "math",
        "errors",
        "dataclasses",
        "collections.abc",
        "typing",
        "itertools",
    }
    allowed |= SCHEDULES
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module in allowed, node.module
        elif isinstance(node, ast.Import):
            assert {a.name for a in node.names} <= allowed


def test_heavy_libraries_are_imported_where_they_are_used():
    code = "import sys, tinygrad_course; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(out.stdout.split())


def test_the_bare_name_kernels_is_refused():
    code = f"import sys; sys.path.insert(0, {str(KERNELS.parent)!r}); import kernels"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert out.returncode != 0
    assert "tinygrad_course.kernels" in out.stderr or "tinygrad_course import kernels" in out.stderr
