"""Training on the device: the same numbers as on the CPU, and memory that does not grow."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import checkpoint, models, nn, optim
from tinygrad_course.train import fit, measure
from tinygrad_course.training.recipe import Recipe, assemble

OPTIMIZERS = sorted(
    name
    for name, kind in vars(optim).items()
    if inspect.isclass(kind) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
)


def batch(n: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 28, 28, 1)).astype("float32"), rng.integers(0, 10, n)


def steps(model: Any, optimizer: Any, where: str, count: int) -> list[float]:
    """The losses of `count` steps on one batch."""
    x, y = batch()
    samples, labels = tg.tensor(x, device=where), tg.tensor(y, device=where)
    losses = []
    for _ in range(count):
        loss = tg.cross_entropy(model(samples), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def test_lenet_is_the_cpu_s(device: Any) -> None:
    """20 steps of LeNet-5 with Nesterov's momentum: the losses agree to float32's rounding."""
    found = []
    for where in ("cpu", "cuda"):
        model = models.build(
            "lenet5", input_shape=(28, 28, 1), classes=10, generator=tg.Generator(0)
        ).to(where)
        optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)
        found.append((steps(model, optimizer, where, 20), model.cpu().state_dict()))
    (losses, weights), (there, moved) = found
    assert losses[-1] < 0.5 * losses[0]
    np.testing.assert_allclose(there, losses, rtol=2e-3, atol=2e-4)
    for name, array in weights.items():
        np.testing.assert_allclose(moved[name], array, rtol=0, atol=2e-3 * np.abs(array).max())


def small() -> nn.Module:
    """The same weights in every call."""
    tg.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),  # in front of batch norm its gradient is rounding alone
        nn.BatchNorm(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Dense(13 * 13 * 4, 10),
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_are_the_cpu_s(device: Any, name: str) -> None:
    """Batch norm, pooling and dropout in front, so that the masks have to agree too."""
    found = []
    for where in ("cpu", "cuda"):
        model = small().to(where)
        optimizer = getattr(optim, name)(model.parameters(), lr=0.01)
        losses = steps(model, optimizer, where, 4)
        assert all(t.device.startswith(where) for _, t in model.named_tensors())
        state = optimizer.state_dict()
        assert all(isinstance(a, np.ndarray) for a in state.values())
        found.append((losses, model.state_dict()))
    (losses, weights), (there, moved) = found
    np.testing.assert_allclose(there, losses, rtol=1e-4, atol=1e-5)
    for key, array in weights.items():
        scale = max(1e-3, np.abs(array).max())
        if name == "Rprop":  # signs of gradients near 0 may turn
            assert np.mean(np.abs(moved[key] - array) > 1e-3 * scale) < 0.05
        else:
            np.testing.assert_allclose(moved[key], array, rtol=0, atol=0.03 * scale)


def test_a_step_moves_single_numbers_only(device: Any) -> None:
    """Forward, loss, backward and Adam's step send no array over, nor fetch one."""
    if device.is_gpu:
        return
    model = small().to("cuda")
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    x, y = batch()
    samples, labels = tg.tensor(x, device="cuda"), tg.tensor(y, device="cuda")
    for _ in range(2):
        device.transfers.clear()
        loss = tg.cross_entropy(model(samples), labels)
        assert [t for t in device.transfers if t[1] > 1] == []  # the labels were checked
        device.transfers.clear()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        assert device.transfers == []


def test_memory_is_flat(device: Any) -> None:
    model = small().to("cuda")
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    steps(model, optimizer, "cuda", 3)
    before = tg.cuda.memory_allocated()
    assert before > 0
    steps(model, optimizer, "cuda", 1000 if device.is_gpu else 20)
    assert tg.cuda.memory_allocated() == before


def test_the_optimizer_s_state_follows_the_model(device: Any) -> None:
    model = small()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    x, y = batch()
    tg.cross_entropy(model(tg.tensor(x)), y).backward()
    optimizer.step()
    optimizer.zero_grad()
    model.to("cuda")
    steps(model, optimizer, "cuda", 1)
    model.cpu()
    steps(model, optimizer, "cpu", 1)
    assert optimizer.steps == 3


def test_a_run_trains_there_and_its_checkpoint_goes_on_here(device: Any, tmp_path: Any) -> None:
    recipe = Recipe(model="mlp", data="digits", epochs=2, device="cuda", optimizer="adam")
    run = assemble(recipe)
    history = fit(run)
    assert all(t.device == "cuda:0" for _, t in run.model.named_tensors())
    assert history[-1]["test_accuracy"] > 0.8
    path = checkpoint.save(tmp_path / "last.safetensors", run)
    saved = checkpoint.load(path)
    on_cpu = saved.model()
    assert all(t.device == "cpu" for _, t in on_cpu.named_tensors())
    x = run.dataset.test.x[:50]
    there = run.model.eval()(tg.tensor(x, device="cuda")).cpu().numpy()
    np.testing.assert_allclose(on_cpu(tg.tensor(x)).numpy(), there, rtol=1e-4, atol=1e-4)
    again, differences = checkpoint.resume(path, device="cpu")
    assert any("device was" in d for d in differences)
    assert all(t.device == "cpu" for _, t in again.model.named_tensors())
    assert measure(again, again.dataset.test).accuracy == pytest.approx(
        history[-1]["test_accuracy"], abs=0.01
    )
    back, differences = checkpoint.resume(path)
    assert not any("device was" in d for d in differences)
    assert all(t.device == "cuda:0" for _, t in back.model.named_tensors())


def test_recompute_and_accumulation(device: Any) -> None:
    weight = tg.Parameter(np.eye(3, dtype="float32"), device="cuda")
    x = tg.tensor(np.arange(6.0).reshape(2, 3), dtype="float32", device="cuda", requires_grad=True)
    plain = tg.grad(tg.dropout(tg.tanh(x @ weight), 0.5, generator=tg.Generator(3)).sum(), x)
    generator = tg.Generator(3)
    y = tg.recompute(lambda v: tg.dropout(tg.tanh(v @ weight), 0.5, generator=generator), x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.cpu().numpy(), plain.cpu().numpy())
    y = (x @ weight).sum()
    y.backward()
    assert weight.grad.device == "cuda:0"


def test_gradients_are_checked_on_the_device(device: Any) -> None:
    """Central differences of a small network, computed there in float64."""
    rng = np.random.default_rng(2)
    arrays = [rng.standard_normal(s) for s in ((2, 6, 6, 1), (3, 3, 1, 2), (32, 3))]
    x, w, v = (tg.tensor(a, device="cuda", requires_grad=True) for a in arrays)

    def loss(x: Any, w: Any, v: Any) -> Any:
        return tg.softplus(tg.tanh(tg.conv2d(x, w)).reshape(2, -1) @ v).sum()

    loss(x, w, v).backward()
    h = 1e-5
    for k, t in enumerate((x, w, v)):
        direction = rng.standard_normal(t.shape)
        moved = [
            loss(*[tg.tensor(a + (s * h * direction if i == k else 0), device="cuda")
                   for i, a in enumerate(arrays)]).item()
            for s in (1, -1)
        ]  # fmt: skip
        slope = float((t.grad.cpu().numpy() * direction).sum())
        assert (moved[0] - moved[1]) / (2 * h) == pytest.approx(slope, rel=1e-7)
