"""One thread pool: on both layers, from several Python threads, after a fork, and without one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tinygrad_course.kernels import KernelError, compiled, threads

import tinygrad_course as tg

ROOT = Path(tg.__file__).parent.parent
pytestmark = pytest.mark.skipif(not compiled.available(), reason=str(compiled.why_not()))

PREPARE = """
import os, sys, threading, warnings
import numpy as np
import tinygrad_course as tg
from tinygrad_course import backend
from tinygrad_course.kernels import threads
a = np.random.default_rng(0).standard_normal((200, 150)).astype(np.float32)
def product():
    return backend.launch("matmul", a, a.T, impl="numba").tobytes()
"""


def run(program, layer="default", **environment):
    done = subprocess.run(
        [sys.executable, "-c", PREPARE + textwrap.dedent(program)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NUMBA_THREADING_LAYER": layer,
            "NUMBA_NUM_THREADS": "2",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout.strip()


def has(layer):
    """Whether this machine has the layer: asked in a process of its own."""
    return run("print(threads.layer())", layer) == layer


@pytest.fixture(scope="module", params=["tbb", "omp"])
def layer(request):
    if not has(request.param):
        pytest.skip(f"no {request.param} here")
    return request.param


FORK = """
    expected = product()
    assert threads.get_num_threads() == 2
    child = os.fork()
    if not child:
        same = product() == expected
        print(tg.get_num_threads(), threads.why_serial(), flush=True)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert product() == expected and tg.get_num_threads() == 2
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_computes_the_same(layer):
    said = run(FORK, layer)
    if layer == "tbb":
        assert said == "2 None"
    else:
        assert said.startswith("1 this process was forked from one whose OpenMP pool had started")
        assert "spawn" in said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_before_the_pool_starts_has_a_pool(layer):
    program = """
        child = os.fork()
        if not child:
            product()
            os._exit(tg.get_num_threads())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    """
    run(program, layer)


def test_several_python_threads_compute_at_once(layer):
    program = """
        expected = product()
        wrong = []
        def work():
            for _ in range(200):
                if product() != expected:
                    wrong.append(1)
        workers = [threading.Thread(target=work) for _ in range(5)]
        for worker in workers: worker.start()
        for worker in workers: worker.join()
        assert not wrong
    """
    run(program, layer)


def test_the_first_kernels_of_a_process_may_run_in_several_threads(layer):
    program = """
        results = []
        barrier = threading.Barrier(4)
        def work():
            barrier.wait()
            results.append(product())
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers: worker.start()
        for worker in workers: worker.join()
        assert len(results) == 4 and len(set(results)) == 1
    """
    run(program, layer)


def test_the_number_of_threads_holds_in_every_python_thread(layer):
    program = """
        seen = []
        def look():
            seen.append(tg.get_num_threads())
        product()
        for count in (1, 2, 99):
            tg.set_num_threads(count)
            worker = threading.Thread(target=look)
            worker.start()
            worker.join()
            look()
        assert seen == [1, 1, 2, 2, 2, 2], seen
    """
    run(program, layer)


def test_workqueue_is_never_used_with_threads():
    program = """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            product()
            product()
        assert tg.get_num_threads() == 1 and threads.layer() is None
        print(*[w.message for w in caught if w.category is tg.kernels.KernelWarning], sep="|")
    """
    said = run(program, "workqueue")
    assert said.startswith("kernels run on one thread: Numba's own pool, 'workqueue', fails")
    assert "NUMBA_THREADING_LAYER asks for it; unset it" in said
    assert said.count("kernels run on one thread") == 1 or os.cpu_count() == 1


def test_a_layer_that_does_not_exist_leaves_one_thread():
    program = """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            product()
        print(threads.why_serial())
    """
    said = run(program, "nonsense")
    assert "Numba starts no threads" in said
    assert "nonsense" in said


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", None, True])
def test_a_wrong_number_of_threads_is_refused(wrong):
    with pytest.raises(KernelError, match="set_num_threads expects a whole number from 1, got"):
        tg.set_num_threads(wrong)
    assert threads._wanted is None or threads._wanted >= 1
