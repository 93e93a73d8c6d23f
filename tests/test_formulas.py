"""The rules of a formula, read off the syntax trees of `ops/`; and no op without a record.

A formula is handed arrays in a plain pass and tensors under `create_graph=True`. `np.*` or `.data`
in it would leave the graph silently; a write into `grad` would change what another node is owed.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cases import CASES
from cases.record import is_float

import tinygrad_course as tg
from tinygrad_course import ops
from tinygrad_course.node import Leaf
from tinygrad_course.pointwise import Binary, Unary
from tinygrad_course.tensor import wrap

FILES = sorted(Path(ops.__file__).parent.glob("*.py"))
OPS = [
    value
    for path in FILES
    if path.stem != "__init__"
    for value in vars(importlib.import_module(f"{ops.__name__}.{path.stem}")).values()
    if inspect.isclass(value)
    and issubclass(value, tg.Function)
    and hasattr(value, "forward")
    and value.__module__ == f"{ops.__name__}.{path.stem}"
]


def is_formula(name: str) -> bool:
    """Whether a method runs in backward; `composed` is what `pullback_of` differentiates."""
    return name.startswith("grad_") or name in ("backward", "composed")


def breaches(source: str) -> Iterator[str]:
    """Every breach of the rules in a module's source, as 'line: what'."""
    tree = ast.parse(source)
    forwards = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "forward"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "data" and id(node) not in forwards:
            yield f"{node.lineno}: .data"
    for cls in ast.walk(tree):
        if not isinstance(cls, ast.ClassDef):
            continue
        for method in cls.body:
            if isinstance(method, ast.FunctionDef) and is_formula(method.name):
                yield from formula_breaches(method)


def formula_breaches(method: ast.FunctionDef) -> Iterator[str]:
    given = {argument.arg for argument in method.args.args[1:]}
    for node in ast.walk(method):
        if isinstance(node, ast.Name) and node.id in ("np", "numpy", "launch"):
            yield f"{node.lineno}: {node.id} in {method.name}"
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AugAssign | ast.AnnAssign)
            else []
        )
        for target in targets:
            while isinstance(target, ast.Subscript | ast.Attribute):
                target = target.value  # noqa: PLW2901
            written = isinstance(target, ast.Name) and target.id in given
            in_place = isinstance(node, ast.AugAssign) or not isinstance(node.targets[0], ast.Name)
            if written and in_place:
                yield f"{node.lineno}: a write into {target.id} in {method.name}"
        if isinstance(node, ast.keyword) and node.arg == "out":
            yield f"{node.value.lineno}: out= in {method.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_formulas_work_on_arrays_and_on_tensors(path: Path) -> None:
    assert list(breaches(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("return np.exp(grad)", "np in grad_x"),
        ("return grad * x.data", ".data"),
        ("grad *= 2.0", "a write into grad"),
        ("grad[0] = 2.0", "a write into grad"),
        ("x[...] += 2.0", "a write into x"),
        ("return launch('matmul', grad, x)", "launch in grad_x"),
        ("return exp(grad, out=grad)", "out= in grad_x"),
    ],
)
def test_the_walk_finds_each_breach(line: str, found: str) -> None:
    source = f"class Op(Function):\n    def grad_x(self, grad, x):\n        {line}\n"
    assert any(found in b for b in breaches(source))
    assert not list(
        breaches("class Op:\n    def forward(self, x):\n        return np.exp(x.data)\n")
    )


def test_every_op_stands_in_its_own_file_with_its_formula_in_the_docstring() -> None:
    assert len(OPS) > 30
    for op in OPS:
        assert op.__doc__, op
        assert "=" in op.__doc__ or not op.differentiable, op


def test_every_op_is_exercised_by_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, first and second gradients of all samples, with every class's forward watched."""
    seen: set[type] = set()

    def watched(cls: type, forward):
        def run(self, *arrays):
            seen.add(cls)
            return forward(self, *arrays)

        return run

    for op in OPS:
        monkeypatch.setattr(op, "forward", watched(op, op.forward))
    for case in CASES:
        for s in case.samples(np.random.default_rng(0)):
            inputs = [wrap(a, Leaf()) if is_float(a) else a for a in s.arrays]
            leaves = [t for t in inputs if isinstance(t, tg.Tensor)]
            y = case.function(*inputs, **s.options)
            if not y.requires_grad:
                continue
            weights = wrap(np.ones(y.shape, y.dtype), Leaf())
            slopes = tg.grad(y, leaves, weights, create_graph=True)
            useful = [g for g in slopes if g.requires_grad]
            if useful:
                tg.grad(useful, [*leaves, weights], [np.ones(g.shape) for g in useful])
    moving = {op.__name__ for op in OPS if getattr(op, "moves", False)}  # `tests/gpu` has those
    assert {op.__name__ for op in OPS} - {op.__name__ for op in seen} == moving


def test_the_flat_list_of_functions_has_a_record_each() -> None:
    named = {case.name.split(" (")[0] for case in CASES} | {
        case.twin.__name__ for case in CASES if case.twin
    }
    assert set(tg.functional.__all__) - named == {"one_hot"}


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.__name__)
def test_small_ops_keep_the_fast_apply_where_they_can(op: type) -> None:
    """A Unary or Binary whose formulas name one value each is never sent to the general apply."""
    if not issubclass(op, Unary | Binary):
        return
    needs = [f.needs for f in op._formulas.by_input.values()]
    simple = all(len(n) <= 1 for n in needs) and (
        issubclass(op, Unary) or all("y" not in n for n in needs)
    )
    own = Unary.apply if issubclass(op, Unary) else Binary.apply
    assert (op.apply is own) == (simple and op._formulas.joint is None)
