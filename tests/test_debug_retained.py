"""`retained`: every way of holding a graph by accident, and the variable and line it names."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.debug import Retained, retained

LAST: dict[str, tg.Tensor] = {}
BEFORE: set[str] = set()


@pytest.fixture(autouse=True)
def nothing_of_others():
    """What other tests left behind is not this test's."""
    gc.collect()
    BEFORE.update(holder.name for holder in retained())
    yield
    LAST.clear()
    BEFORE.clear()


def weight():
    return tg.tensor(np.ones((10, 10)), dtype="float32", requires_grad=True)


def by_name():
    return {holder.name: holder for holder in retained() if holder.name not in BEFORE}


def test_a_training_loop_that_is_right_holds_nothing():
    w = weight()
    total, losses = 0.0, []
    for _ in range(3):
        loss = tg.exp(w).sum()
        loss.backward()
        total += loss.item()
        losses.append(loss.detach())
    assert total
    assert by_name() == {}
    assert "no graph is held" in str(Retained())


def test_total_plus_equals_loss():
    w = weight()
    total = 0.0
    for _ in range(3):
        loss = tg.exp(w).sum()
        total += loss
    found = by_name()
    assert set(found) == {"total", "loss"}
    assert found["total"].bytes == 3 * 400  # exp keeps its output
    assert found["loss"].bytes == 400
    assert found["total"].nodes == 9
    assert found["total"].line.startswith("test_debug_retained.py:")
    assert found["total"].line.endswith(": total += loss")
    assert "total += loss.item()" in found["total"].advice
    assert found["loss"].line.endswith(": loss = tg.exp(w).sum()")


def test_a_sum_of_released_losses_keeps_its_own_nodes_only():
    w = weight()
    total = 0.0
    for _ in range(3):
        loss = tg.exp(w).sum()
        total = total + loss
        loss.backward()
    found = by_name()
    assert set(found) == {"total"}
    assert found["total"].bytes == 0
    assert "add numbers" in found["total"].advice


def test_a_list_of_losses():
    w = weight()
    losses = []
    for _ in range(4):
        losses.append(tg.exp(w).sum())  # noqa: PERF401
    found = by_name()
    assert found["losses"].tensors == 4
    assert found["losses"].bytes == 1600
    assert "losses.append(" in found["losses"].line
    assert "losses.append(loss.item())" in found["losses"].advice


class Memory:
    pass


def test_an_object_that_remembers_and_a_global():
    w = weight()
    memory = Memory()
    memory.hidden = tg.exp(w)
    LAST["loss"] = tg.tanh(w)
    found = by_name()
    assert "memory.hidden = value.detach()" in found["memory.hidden"].advice
    assert found["LAST['loss']"].bytes == 400
    assert "LAST['loss']" in found["LAST['loss']"].name


def test_views_and_shared_graphs_count_once():
    w = weight()
    h = tg.exp(w)
    pair = [tg.reshape(h, (100,)) * 2.0, tg.square(h)]
    found = by_name()
    assert found["pair"].bytes == 400 + 4  # exp's output, once, and the factor
    assert found["pair"].tensors == 2
    assert found["h"].bytes == 400
    assert len(pair) == 2


def test_what_no_variable_leads_to_is_found():
    def remember():
        hidden = tg.exp(weight())
        return lambda: hidden

    recall = remember()
    found = by_name()
    assert set(found) == {"a cell"}
    assert "closure" in found["a cell"].advice
    del recall
    gc.collect()
    assert by_name() == {}


def test_the_text():
    w = weight()
    with tg.debug.recording():
        kept = {"a": tg.exp(w)}
    text = str(Retained(by_name().values()))
    assert text.startswith("these hold a graph:\n  kept['a']")
    assert "400 B in 1 node\n" in text
    assert retained()._repr_html_().startswith("<pre>these hold")
    assert kept
