"""Moving, sharing, refusing to mix, memory, streams: what a user of a GPU touches."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from cli_runner import tgc

import tinygrad_course as tg
from tinygrad_course import nn
from tinygrad_course.cli import checks
from tinygrad_course.errors import DeviceError, GraphError, ShapeError


def there(*values: float, grad: bool = False) -> tg.Tensor:
    return tg.tensor(list(values), device="cuda", requires_grad=grad)


def test_tensors_are_made_moved_and_shown(device: Any) -> None:
    assert tg.cuda.is_available()
    x = tg.tensor([1.0, 2.0], device="cuda")
    assert x.device == "cuda:0"
    assert "device=cuda:0" in repr(x)
    assert "[1., 2.]" in repr(x)
    assert x.tolist() == [1.0, 2.0]
    assert x.to("cuda") is x
    assert x.cuda() is x
    assert x.cpu().device == "cpu"
    assert x.cpu().cuda().tolist() == [1.0, 2.0]
    assert tg.tensor(x).device == "cuda:0"
    assert tg.tensor(x, device="cpu").device == "cpu"
    assert tg.Parameter([1.0], device="cuda").requires_grad
    assert tg.tensor(device.put(np.ones(2))).device == "cuda:0"
    assert tg.tensor([True, False]).cuda().dtype == bool
    assert float(x[0]) == 1.0
    assert int(there(3.0)) == 3
    assert bool((x > 0.5).sum() == 2)
    assert [v.item() for v in x] == [1.0, 2.0]


def test_a_move_is_differentiable(device: Any) -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = (x.cuda() * there(3.0, 4.0)).cpu() * 2.0
    y.sum().backward()
    assert x.grad.device == "cpu"
    assert x.grad.tolist() == [6.0, 8.0]
    slope = tg.grad((x.cuda() ** 3).sum(), x, create_graph=True)
    assert tg.grad(slope.sum(), x).tolist() == [6.0, 12.0]


def test_numbers_and_lists_go_along(device: Any) -> None:
    x = there(1.0, -2.0, 3.0)
    for y in (x + 1, 2.0 - x, x / np.float32(2), [1.0, 2.0, 3.0] * x, x * [1, 2, 3], x**2,
              tg.maximum(x, 0.0), tg.where(x > 0, x, 0.0), tg.where([True, False, True], x, 1.0),
              tg.clip(x, -1.0, 1.0), x[[0, 2]], tg.take(x, [1, 1]), x @ [1.0, 1.0, 1.0],
              tg.concatenate([x, [4.0]]), x == [1.0, 0.0, 3.0], x < 2, -0.0 * x):  # fmt: skip
        assert y.device == "cuda:0"
    assert np.signbit((0.0 * x).cpu().numpy()).tolist() == [False, True, False]
    assert np.signbit((-0.0 * x).cpu().numpy()).tolist() == [True, False, True]
    x = there(1.0, 2.0, grad=True)
    (x * x).backward([1.0, 10.0])
    assert x.grad.tolist() == [2.0, 40.0]
    x.grad = [1.0, 1.0]
    assert x.grad.device == "cuda:0"
    x.assign([5.0, 6.0])
    assert x.tolist() == [5.0, 6.0]
    loss = tg.cross_entropy(tg.tensor([[2.0, 1.0], [0.0, 3.0]], device="cuda"), [0, 1])
    assert loss.device == "cuda:0"


def test_nothing_comes_back_unasked(device: Any) -> None:
    x = there(1.0, 2.0)
    for use in (x.numpy, lambda: np.asarray(x)):
        with pytest.raises(DeviceError, match=r"on cuda:0.*t\.cpu\(\)"):
            use()
    with pytest.raises(TypeError, match="leave the graph"):
        np.exp(x)


MIXED = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "pow": lambda a, b: a**b,
    "compare": lambda a, b: a == b,
    "matmul": lambda a, b: a @ b,
    "maximum": tg.maximum,
    "where": lambda a, b: tg.where(a > 0, a, b),
    "concatenate": lambda a, b: tg.concatenate([a, b]),
    "mse": tg.mse,
    "dense": lambda a, b: tg.functional.dense(a, b.reshape(3, 1)),
    "assign": lambda a, b: a.assign(b),
    "backward": lambda a, b: (a.detach().astype("float32") * there_grad(a)).backward(b),
}


def there_grad(like: Any) -> tg.Tensor:
    return tg.tensor([1.0] * 3, device=like.device, requires_grad=True)


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("raw", [False, True])
def test_two_devices_are_one_error(device: Any, name: str, raw: bool) -> None:
    """Whichever side is where, and whether the other is a tensor or an array."""
    values = np.array([1.0, 2.0, 3.0], "float32")
    here = values if raw and name != "dense" else tg.tensor(values)
    with pytest.raises(DeviceError, match=r"on cuda:0, but .* on cpu.*\.to\('cuda:0'\)"):
        MIXED[name](there(1.0, 2.0, 3.0), here)
    if raw or name in ("assign", "backward"):
        return
    with pytest.raises(DeviceError, match=r"on cpu, but .* on cuda:0.*\.to\('cpu'\)"):
        MIXED[name](tg.tensor(values), there(1.0, 2.0, 3.0))


def test_labels_and_indices_have_to_be_there_too(device: Any) -> None:
    logits = tg.tensor([[2.0, 1.0]], device="cuda")
    with pytest.raises(DeviceError, match="the logits is on cuda:0, but the targets on cpu"):
        tg.cross_entropy(logits, np.array([0]))
    with pytest.raises(DeviceError, match="x is on cuda:0, but the index on cpu"):
        logits[np.array([0])]
    with pytest.raises(DeviceError, match=r"x is on cuda:0, but .* on cpu"):
        tg.take(logits, np.array([0]), axis=0)
    with pytest.raises(DeviceError, match="on cpu"):
        nn.Dense(2, 2)(logits)


def test_wrong_shapes_are_told_as_on_the_cpu(device: Any) -> None:
    with pytest.raises(ShapeError, match="do not broadcast"):
        there(1.0, 2.0) + there(1.0, 2.0, 3.0)
    with pytest.raises(IndexError, match="label 5"):
        tg.cross_entropy(tg.tensor([[2.0, 1.0]], device="cuda"), [5])
    with pytest.raises(IndexError):
        there(1.0, 2.0)[tg.tensor([7], device="cuda")]


def test_models_move_in_place(device: Any) -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.BatchNorm(3))
    weight, before = model.parameters()[0], model.state_dict()
    assert model.cuda() is model
    assert model.parameters()[0] is weight
    assert {t.device for _, t in model.named_tensors()} == {"cuda:0"}
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], device="cuda")
    model(x).sum().backward()
    assert weight.grad.device == "cuda:0"
    state = model.state_dict()
    assert all(isinstance(a, np.ndarray) for a in state.values())
    twin = copy.deepcopy(model)
    assert {t.device for _, t in twin.named_tensors()} == {"cuda:0"}
    model.cpu()
    assert {t.device for _, t in model.named_tensors()} == {"cpu"}
    np.testing.assert_array_equal(model.state_dict()["layers.0.weight"], before["layers.0.weight"])
    model.load_state_dict(twin.state_dict())
    twin.load_state_dict(dict(model.named_tensors()))
    assert {t.device for _, t in twin.named_tensors()} == {"cuda:0"}


def test_tensors_are_pickled_with_their_device(device: Any) -> None:
    x = pickle.loads(pickle.dumps(there(1.0, 2.0)))
    assert (x.device, x.tolist()) == ("cuda:0", [1.0, 2.0])
    assert copy.deepcopy(there(1.0, grad=True)).device == "cuda:0"


def test_memory_is_shared_with_other_libraries(device: Any) -> None:
    array = device.put(np.arange(3.0))
    x = tg.from_dlpack(array)
    array += 1
    assert x.device == "cuda:0"
    assert x.tolist() == [1.0, 2.0, 3.0]
    y = device.cupy.from_dlpack(x)
    y *= 2
    assert x.tolist() == [2.0, 4.0, 6.0]
    assert x.__dlpack_device__() == (2, 0)
    interface = x.__cuda_array_interface__
    assert interface["data"][0] == array.__cuda_array_interface__["data"][0]
    assert interface["shape"] == (3,)
    assert not hasattr(tg.tensor([1.0]), "__cuda_array_interface__")
    leaf = there(1.0, grad=True)
    for use in (lambda: leaf.__cuda_array_interface__, leaf.__dlpack__):
        with pytest.raises(GraphError, match="detach"):
            use()


def test_memory_figures(device: Any) -> None:
    there(1.0) + 1.0  # the number 1 is sent once, and stays
    tg.cuda.empty_cache()
    before = tg.cuda.memory_allocated()
    with tg.cuda.peak_memory() as peak:
        x = tg.tensor(np.zeros(1 << 18, "float32"), device="cuda")
        assert tg.cuda.memory_allocated() - before >= 1 << 20
        y = x + 1.0
        del y
    assert peak.bytes - before >= 2 << 20
    assert tg.cuda.memory_reserved() >= tg.cuda.memory_allocated()
    assert tg.cuda.memory_total() > 0
    del x
    tg.cuda.empty_cache()
    assert tg.cuda.memory_allocated() == before
    tg.cuda.synchronize()


def test_what_the_gpu_is_called(device: Any) -> None:
    assert tg.cuda.why_not() is None
    assert tg.cuda.device_count() >= 1
    assert tg.cuda.current_device() == 0
    assert tg.cuda.device_name()
    assert tg.cuda.device_name("cuda:0") == tg.cuda.device_name()
    assert tg.cuda.compute_capability() >= (7, 0)


def test_devices_that_are_not_there(device: Any) -> None:
    count = tg.cuda.device_count()
    with pytest.raises(DeviceError, match=f"has {count} GPU"):
        there(1.0).to(f"cuda:{count}")
    for name in ("cuda:x", "gpu", "cuda:-1", "cpu:0", ""):
        with pytest.raises(DeviceError, match=r"does not exist; use 'cpu', 'cuda' or 'cuda:0'"):
            tg.tensor([1.0]).to(name)
    with pytest.raises(TypeError, match="device: expected 'cpu'"):
        tg.tensor([1.0], device=0)
    with pytest.raises(DeviceError, match="is no GPU"):
        tg.cuda.synchronize("cpu")


def test_a_second_gpu(device: Any) -> None:
    """Its arrays are worked on inside `tg.cuda.device`; elsewhere an error says so."""
    if tg.cuda.device_count() < 2:
        pytest.skip("there is one GPU")
    x = there(1.0, 2.0).to("cuda:1")
    assert x.device == "cuda:1"
    before = [tg.cuda.memory_allocated(f"cuda:{k}") for k in range(2)]
    kept = tg.tensor(np.zeros(1024, "float32"), device="cuda:1")
    assert tg.cuda.memory_allocated("cuda:0") == before[0]
    assert tg.cuda.memory_allocated("cuda:1") - before[1] == 4 * kept.size
    assert tg.cuda.memory_reserved("cuda:1") >= 4 * kept.size
    for use in (lambda: x + 1.0, lambda: tg.exp(x), x.sum, lambda: x @ x):
        with pytest.raises(DeviceError, match=r"on cuda:1, but this thread works on cuda:0.*with"):
            use()
    with pytest.raises(DeviceError, match=r"the first is on cuda:1, but the second on cuda:0"):
        x + there(1.0, 2.0)
    with tg.cuda.device("cuda:1"):
        y = tg.exp(x).sum()
        assert y.device == "cuda:1"
        assert there(1.0).device == "cuda:1"
        leaf = x.detach()
        leaf.requires_grad = True
        (leaf * 2.0).sum().backward()
        assert leaf.grad.device == "cuda:1"
    assert y.cpu().item() == pytest.approx(np.exp([1.0, 2.0]).sum())


def test_work_goes_to_the_current_stream(device: Any) -> None:
    x = tg.tensor(np.arange(1000.0), device="cuda")
    with device.cupy.cuda.Stream(non_blocking=True) as stream:
        stream.wait_event(device.cupy.cuda.Stream.null.record())
        y = (x * 2.0).sum()
        stream.synchronize()
    assert y.item() == 999000.0


def test_the_same_weights_and_masks_on_every_device(device: Any) -> None:
    x = np.random.default_rng(0).standard_normal((33, 77)).astype("float32")
    here = tg.dropout(tg.tensor(x), 0.4, generator=tg.Generator(5, 9))
    moved = tg.dropout(tg.tensor(x, device="cuda"), 0.4, generator=tg.Generator(5, 9))
    np.testing.assert_array_equal(moved.cpu().numpy(), here.numpy())
    images = tg.tensor(np.ones((2, 3, 3, 5), "float32"))
    one = tg.spatial_dropout(images, 0.4, generator=tg.Generator(5))
    other = tg.spatial_dropout(images.cuda(), 0.4, generator=tg.Generator(5))
    np.testing.assert_array_equal(other.cpu().numpy(), one.numpy())


def test_doctor_tells_what_is_there(device: Any) -> None:
    found = {each.name: each for each in checks.gpu()}
    assert tg.cuda.device_name() in found["cuda:0"].value
    assert found["training"].value == "--device cuda is possible"


def test_the_command_line_trains_there(device: Any, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    result = tgc("train", "mlp", "--data", "digits", "--epochs", "1", "--device", "cuda",
                 "--no-report", "--out", "run")  # fmt: skip
    assert result.exit_code == 0, result.output
    again = tgc("train", "--resume", "run", "--device", "cpu", "--no-report")
    assert again.exit_code == 0, again.output
