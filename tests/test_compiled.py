"""The door to Numba: what happens without it, with a broken one, and what is kept on disk.

What concerns a whole process runs in one of its own.
"""

from __future__ import annotations

import ast
import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from tinygrad_course.kernels import KernelError, KernelWarning, compiled, registry

import tinygrad_course as tg
from tinygrad_course import backend, kernels

ROOT = Path(tg.__file__).parent.parent
needs_numba = pytest.mark.skipif(not compiled.available(), reason=str(compiled.why_not()))


def run(program, *, root=ROOT, **environment):
    """Run a program with the package on its path; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done


# Without Numba ------------------------------------------------------------------------------------

TRAIN_WITHOUT = """
    import sys, warnings

    class Blocked:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "numba":
                raise {error}

    sys.meta_path.insert(0, Blocked())
    import numpy as np
    import tinygrad_course as tg
    from tinygrad_course import kernels

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        x = tg.tensor(np.ones((128, 100), np.float32))
        layer = tg.nn.Dense(100, 90)
        for _ in range(3):
            loss = (layer(x) * layer(x)).mean()
            loss.backward()
    said = [str(w.message) for w in caught if issubclass(w.category, kernels.KernelWarning)]
    assert len(said) == 1, said
    print(said[0])
    assert kernels.report().fallbacks["dense"] == 6
    assert tg.get_num_threads() == 1
    w, b = layer.weight.data, layer.bias.data
    y = np.ones((128, 100)) @ w + b
    np.testing.assert_allclose(loss.item(), (y * y).mean(), rtol=1e-5)
"""

BROKEN = {
    "missing": (
        "ModuleNotFoundError(\"No module named 'numba'\", name='numba')",
        "Numba is not installed; pip install 'numba>=0.62'",
    ),
    "refuses this NumPy": (
        "ImportError('Numba needs NumPy 2.3 or less')",
        "Numba fails to import (Numba needs NumPy 2.3 or less); pip install 'numba>=0.62'",
    ),
    "damaged": (
        "OSError('libllvmlite.so: invalid ELF header')",
        "Numba fails to import (libllvmlite.so: invalid ELF header); pip install --force-reinstall",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_without_numba_the_references_train_and_say_so_once(case):
    error, reason = BROKEN[case]
    said = run(TRAIN_WITHOUT.format(error=error)).stdout.strip()
    assert said.startswith(f"the NumPy kernels run instead of the compiled ones: {reason}")


def test_an_old_numba_is_refused_with_the_remedy():
    program = """
        import sys, types
        sys.modules["numba"] = old = types.ModuleType("numba")
        old.__version__ = "0.59.1"
        from tinygrad_course.kernels import compiled
        print(compiled.why_not())
    """
    said = run(program).stdout
    assert "Numba 0.59.1 is older than 0.62" in said
    assert "pip install --upgrade 'numba>=0.62'" in said


def test_the_import_of_the_package_leaves_numba_alone():
    program = """
        import sys
        import tinygrad_course as tg
        tg.set_num_threads(2)
        assert not {"numba", "llvmlite", "threadpoolctl"} & set(sys.modules)
    """
    run(program)


# Kernels that do not compile ----------------------------------------------------------------------


def matmul_by(function, name="broken"):
    """Register `function` as an implementation of matmul that we would ship."""
    registry.add(kernels.Implementation("matmul", name, function, family="numpy"))


@pytest.fixture
def chosen(monkeypatch):
    """Make matmul's rule name the implementation "broken"."""
    old = kernels.op("matmul")
    op = kernels.Op(
        name="matmul",
        reference=old.reference,
        cost=old.cost,
        samples=old.samples,
        benchmark_shapes=(),
        rule=lambda arrays, params: "broken",
        shape_class=lambda arrays, params: 0,
    )
    monkeypatch.setitem(registry._ops, "matmul", op)
    monkeypatch.setitem(registry.shape_classes, "matmul", op.shape_class)
    registry.remembered.clear()
    kernels.reset_report()
    yield
    kernels.remove("matmul", "broken")
    registry.remembered.clear()


@compiled.kernel if compiled.available() else lambda function: function
def _untypeable(a):
    return a.no_such_attribute


def untypeable(a, b, *, out=None):
    return _untypeable(a)


def bad_llvm(a, b, *, out=None):
    """A kernel that Numba accepts and LLVM does not."""
    import numba
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def nonsense(typingctx):
        def emit(context, builder, sig, args):
            wrong = ir.FunctionType(ir.IntType(64), [ir.IntType(64)])
            function = ir.Function(builder.module, wrong, "llvm.fma.f32")
            return builder.call(function, [ir.Constant(ir.IntType(64), 0)])

        return types.int64(), emit

    @numba.njit
    def calls_it():
        return nonsense()

    return calls_it()


ONE = np.ones((2, 2), np.float32)


@needs_numba
@pytest.mark.parametrize("function", [untypeable, bad_llvm])
def test_a_kernel_that_does_not_compile_is_replaced_by_the_reference(chosen, function):
    def matmul(a, b, *, out=None):
        return function(a, b, out=out)

    matmul_by(matmul)
    with pytest.warns(KernelWarning, match=r"matmul: the reference runs from now on.*tgc doctor"):
        np.testing.assert_array_equal(backend.launch("matmul", ONE, ONE), ONE @ ONE)
    backend.launch("matmul", ONE, ONE)  # a second warning would be an error here
    assert kernels.report().fallbacks == {"matmul": 2}
    with pytest.raises(KernelError, match="cannot run: it cannot be compiled here"):
        backend.launch("matmul", ONE, ONE, impl="broken")


@needs_numba
def test_a_kernel_asked_for_by_name_is_not_replaced(chosen):
    def matmul(a, b, *, out=None):
        return untypeable(a, b)

    matmul_by(matmul)
    with (
        kernels.using("matmul", "broken"),
        pytest.raises(KernelError, match="'broken' cannot be compiled here") as caught,
    ):
        backend.launch("matmul", ONE, ONE)
    assert "no_such_attribute" in str(caught.value.__cause__)


@needs_numba
def test_an_error_of_a_running_kernel_is_nobody_elses(chosen):
    import numba

    @numba.njit
    def fails(a):
        if a[0, 0] > 0:
            raise IndexError("from inside")
        return a

    def matmul(a, b, *, out=None):
        return fails(a)

    matmul_by(matmul)
    with pytest.raises(IndexError, match="from inside"):
        backend.launch("matmul", ONE, ONE)
    assert kernels.implementations("matmul")["broken"].failure is None


# The cache on disk --------------------------------------------------------------------------------

PRODUCT = """
    import warnings, sys
    import numpy as np
    from numba.core import event
    compiles = []
    from tinygrad_course import backend, kernels
    from tinygrad_course.kernels import compiled

    class Listener(event.Listener):
        def on_start(self, event):
            compiles.append(event.data["dispatcher"].py_func.__name__)
        def on_end(self, event):
            pass

    event.register("numba:compile", Listener())
    a = np.ones((128, 100), np.float32)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        y = backend.launch("matmul", a, a.T)
    print(y[3, 3], len(compiles), compiled.cache_folder(), sep="|")
    print(*[str(w.message) for w in caught if w.category is kernels.KernelWarning], sep="|")
"""


def product(**environment):
    first, warned, *_ = (run(PRODUCT, **environment).stdout + "\n").splitlines()
    value, compiles, folder = first.split("|")
    return float(value), int(compiles), folder, warned


@needs_numba
def test_a_second_process_compiles_nothing(tmp_path):
    value, compiles, folder, warned = product(NUMBA_CACHE_DIR=str(tmp_path))
    assert (value, warned) == (100.0, "")
    assert compiles > 0
    assert Path(folder).is_relative_to(tmp_path)
    assert product(NUMBA_CACHE_DIR=str(tmp_path)) == (100.0, 0, folder, "")


@needs_numba
def test_an_edit_of_a_helper_in_another_file_changes_the_answer(tmp_path):
    root = tmp_path / "checkout"
    for name in ("kernels", "tinygrad_course"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, root / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", root)
    settings = {"root": root, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    before = product(**settings)
    helper = root / "kernels" / "simd" / "tile.py"
    text = helper.read_text()
    assert text.count("builder.store(ir.floats(0), sum_of[place])") == 1
    helper.write_text(text.replace("ir.floats(0), sum_of", "ir.floats(1), sum_of"))
    after = product(**settings)
    assert (before[0], after[0]) == (100.0, 101.0)
    assert before[2] != after[2]
    helper.write_text(text)
    assert product(**settings)[:3] == (100.0, 0, before[2])


@needs_numba
def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path):
    (tmp_path / "file").write_text("in the way")
    value, compiles, folder, warned = product(NUMBA_CACHE_DIR=str(tmp_path / "file"))
    assert value == 100.0
    assert compiles > 0
    assert folder == "None"
    assert "compiled kernels cannot be kept in" in warned
    assert "set NUMBA_CACHE_DIR to a folder that can be written" in warned
    assert "|" not in warned  # said once


@needs_numba
def test_old_kernels_are_deleted_and_recent_ones_kept(tmp_path):
    home = tmp_path / "tinygrad_course"
    for name, age in (("old", 40), ("recent", 5)):
        (home / name).mkdir(parents=True)
        (home / name / "kernel.nbi").write_text("")
        when = (home / name).stat().st_mtime - age * 86400
        os.utime(home / name, (when, when))
    product(NUMBA_CACHE_DIR=str(tmp_path))
    assert not (home / "old").exists()
    assert (home / "recent").exists()


# What is said meanwhile ---------------------------------------------------------------------------


@needs_numba
def test_one_line_while_the_first_kernels_compile(tmp_path):
    program = """
        import numpy as np
        from tinygrad_course import backend
        from tinygrad_course.kernels import compiled
        compiled.PATIENCE = 0.001
        if {ask}:
            compiled.announce = print
        a = np.ones((128, 100), np.float32)
        backend.launch("matmul", a, a.T)
        backend.launch("dense", a, a.T.copy(), None)
        backend.launch("matmul", a, a.T)
    """
    silent = run(program.format(ask=False), NUMBA_CACHE_DIR=str(tmp_path / "1"))
    assert silent.stdout == silent.stderr == ""  # no terminal, nobody asked
    lines = run(program.format(ask=True), NUMBA_CACHE_DIR=str(tmp_path / "2")).stdout.splitlines()
    assert len(lines) == 1
    assert "compiling kernels for this processor" in lines[0]
    assert str(tmp_path / "2") in lines[0]
    again = run(program.format(ask=True), NUMBA_CACHE_DIR=str(tmp_path / "2"))
    assert again.stdout == ""


@needs_numba
def test_numbas_own_settings_are_as_the_user_left_them():
    program = """
        import numba
        before = dict(vars(numba.config))
        import numpy as np
        from tinygrad_course import backend
        a = np.ones((128, 100), np.float32)
        backend.launch("matmul", a, a.T)
        after = dict(vars(numba.config))
        assert before.keys() == after.keys()
        assert [name for name in before if before[name] is not after[name]] == []
        assert numba.get_num_threads() == numba.config.NUMBA_NUM_THREADS
    """
    run(program)


BITS = """
import hashlib
import numpy as np
from tinygrad_course import kernels

digest = hashlib.md5()
rng = np.random.default_rng(0)

def run(op, name, arrays, params):
    result = kernels.find(op, arrays, params, name)(*arrays, **params)
    for array in result if isinstance(result, tuple) else (result,):
        digest.update(array.tobytes())

for op in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad", "sum_rows", "group_norm_grad"):
    spec = kernels.op(op)
    name = "numba_winograd" if op.startswith("conv2d") else "numba"
    for size in spec.benchmark_shapes:
        if sum(int(np.prod(shape)) for shape in size.shapes) < 1.2e6:
            run(op, name, spec.make(rng, np.float32, size.shapes, size.params), size.params)

sizes = 3, 200_003
lists = [[rng.standard_normal(size, np.float32) for size in sizes] for _ in range(3)]
params = dict(lr=0.026, momentum=0.9, dampening=0.0, nesterov=True, weight_decay=1e-3, first=False)
kernels.find("sgd_step", lists, params, "numba")(*lists, **params)
for array in lists[0] + lists[2]:
    digest.update(array.tobytes())
print(digest.hexdigest())
"""


@pytest.mark.skipif(not compiled.available(), reason=str(compiled.why_not()))
def test_code_from_the_disk_gives_the_bits_of_code_just_compiled(tmp_path):
    """A run that is resumed loads what the first one compiled."""
    root = str(Path(tg.__file__).parent.parent)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": root}
    command = [sys.executable, "-c", BITS]
    first, second = (
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second


COMPILERS = {"njit", "jit", "vectorize", "guvectorize", "stencil", "cfunc", "compile_isolated"}
LOOSE = {"fastmath", "fast", "afn", "arcp", "contract", "ninf", "nnan", "nsz", "reassoc"}
"""Numba's option and LLVM's flags by which an operation may round otherwise than it is written."""
ALLOWED = {
    "compiled.py": {"njit"},
    "numba_language.py": {"jit"},  # of numba.cuda
    "numerics.py": {"fast"},  # the name of a mode
}


def words_of(source):
    """The names, options and strings of a program; not what its comments and docstrings say."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.alias(name=word):
                yield word
            case ast.keyword(arg=str(word)) | ast.Constant(value=str(word)):
                yield word


def test_kernels_are_compiled_through_one_door_and_as_they_are_written():
    home = ROOT / "kernels"
    for path in home.rglob("*.py"):
        found = (COMPILERS | LOOSE) & set(words_of(path.read_text(encoding="utf-8")))
        assert found <= ALLOWED.get(str(path.relative_to(home)), set()), path


@pytest.mark.parametrize(
    "program",
    [
        "import numba\n@numba.njit\ndef f(): pass",
        "from numba import njit as quick",
        "kernel(f, fastmath=True)",
        "options['fastmath'] = {'nsz'}",
        "builder.fadd(a, b, flags=('contract',))",
    ],
)
def test_words_that_would_be_found(program):
    assert set(words_of(program)) & (COMPILERS | LOOSE)


@needs_numba
def test_no_kernel_may_round_otherwise_than_it_is_written():
    """With fast-math, code from the disk would have the same bits or not, as the optimiser pleases.

    All kernels and what they call are looked at, whoever launches them.
    """
    from numba.core.dispatcher import Dispatcher

    found = []
    for module in pkgutil.walk_packages(kernels.__path__, kernels.__name__ + "."):
        if not module.name.endswith("__main__"):
            for value in vars(importlib.import_module(module.name)).values():
                found += [getattr(value, "threaded", value), getattr(value, "serial", value)]
    dispatchers = {id(one): one for one in found if isinstance(one, Dispatcher)}.values()
    assert len(dispatchers) > 150
    for one in dispatchers:
        assert not one.targetoptions.get("fastmath"), one
        assert one.targetoptions["error_model"] == "numpy", one
