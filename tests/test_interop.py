"""Weights from PyTorch: the same network gives the same numbers there and here. Weight files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import nn
from tinygrad_course.errors import (
    ArgumentError,
    ArgumentTypeError,
    CheckpointError,
    DtypeError,
    FileError,
    ShapeError,
)
from tinygrad_course.interop import load_torch_state_dict, load_weights, read_weights, save_weights

RNG = np.random.default_rng(0)
F8: dict[str, Any] = {"dtype": "float64"}


def to_torch(torch: Any, x: np.ndarray) -> Any:
    """Channels first."""
    return torch.from_numpy(np.moveaxis(x, -1, 1).copy() if x.ndim > 2 else x.copy())


def shaken(torch: Any, theirs: Any) -> Any:
    """In float64, every weight and statistic drawn, the statistics positive."""
    theirs = theirs.double()
    for name, tensor in theirs.state_dict().items():
        if tensor.is_floating_point():
            values = RNG.standard_normal(tuple(tensor.shape)) * 0.3
            tensor.copy_(torch.from_numpy(abs(values) + 0.5 if "var" in name else values))
    return theirs.eval()


def agree(ours: Any, theirs: Any, x: np.ndarray) -> None:
    expected = theirs(to_torch(pytest.importorskip("torch"), x)).detach().numpy()
    got = ours.eval()(tg.tensor(x)).numpy()
    if got.ndim > 2:
        got = np.moveaxis(got, -1, 1)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


def test_a_convolutional_network_with_a_dense_after_flatten() -> None:
    torch = pytest.importorskip("torch")
    theirs = shaken(
        torch,
        torch.nn.Sequential(
            torch.nn.Conv2d(3, 6, (3, 2), stride=(2, 1), padding=1),
            torch.nn.BatchNorm2d(6),
            torch.nn.ReLU(),
            torch.nn.Conv2d(6, 8, 3, groups=2, bias=False, dilation=2, padding=2),
            torch.nn.Sequential(torch.nn.MaxPool2d(2), torch.nn.Tanh()),
            torch.nn.Flatten(),
            torch.nn.BatchNorm1d(8 * 2 * 4),
            torch.nn.LayerNorm(8 * 2 * 4),
            torch.nn.Dropout(0.5),
            torch.nn.Linear(8 * 2 * 4, 5),
            torch.nn.ReLU(),
            torch.nn.Linear(5, 4, bias=False),
        ),
    )
    ours = nn.Sequential(
        nn.Conv2d(3, 6, (3, 2), stride=(2, 1), padding=1, **F8),
        nn.BatchNorm(6, **F8),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, groups=2, bias=False, dilation=2, padding=2, **F8),
        nn.Sequential(nn.MaxPool2d(2), nn.Tanh()),
        nn.Flatten(),
        nn.BatchNorm(8 * 2 * 4, **F8),
        nn.LayerNorm(8 * 2 * 4, **F8),
        nn.Dropout(0.5),
        nn.Dense(8 * 2 * 4, 5, **F8),
        nn.ReLU(),
        nn.Dense(5, 4, False, **F8),
    )
    x = RNG.standard_normal((2, 8, 7, 3))
    loaded = load_torch_state_dict(ours, theirs.state_dict(), input_shape=(8, 7, 3))
    assert loaded == nn.Unmatched((), ())
    assert ours.training
    agree(ours, theirs, x)
    arrays = {name: tensor.numpy() for name, tensor in theirs.state_dict().items()}
    ours.layers[9].weight.assign(np.zeros((64, 5)))
    shapes = {"layers.6": (2, 4, 8), "layers.7": [2, 4, 8], "layers.9": (2, 4, 8)}
    load_torch_state_dict(ours, arrays, flattened=shapes)
    agree(ours, theirs, x)
    # Without the images' shape the rows would be in the wrong order, so it is asked for.
    with pytest.raises(ArgumentError, match=r"has Conv2d\(3, 6.*input_shape=\(H, W, C\)"):
        load_torch_state_dict(ours, arrays)
    load_torch_state_dict(ours, arrays, flattened={})
    with pytest.raises(AssertionError):
        agree(ours, theirs, x)


def test_a_dense_on_flattened_pictures_and_after_a_global_pool() -> None:
    torch = pytest.importorskip("torch")
    layers = torch.nn.Flatten(), torch.nn.Linear(24, 24), torch.nn.Tanh(), torch.nn.Linear(24, 3)
    theirs = shaken(torch, torch.nn.Sequential(*layers))
    ours = nn.Sequential(nn.Flatten(), nn.Dense(24, 24, **F8), nn.Tanh(), nn.Dense(24, 3, **F8))
    load_torch_state_dict(ours, theirs.state_dict(), input_shape=(2, 4, 3))
    agree(ours, theirs, RNG.standard_normal((5, 2, 4, 3)))
    theirs = shaken(
        torch,
        torch.nn.Sequential(
            torch.nn.ConvTranspose2d(6, 4, (3, 2), stride=2, groups=2, output_padding=1),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(4, 3),
        ),
    )
    ours = nn.Sequential(
        nn.ConvTranspose2d(6, 4, (3, 2), stride=2, groups=2, output_padding=1, **F8),
        nn.GlobalAvgPool2d(),
        nn.Flatten(),
        nn.Dense(4, 3, **F8),
    )
    load_torch_state_dict(ours, theirs.state_dict(), input_shape=(3, 3, 6))
    agree(ours, theirs, RNG.standard_normal((2, 3, 3, 6)))


def test_an_order_that_is_lost_on_the_way_is_refused() -> None:
    class Wide(nn.Module):
        def __init__(self, *, scaled: bool) -> None:
            self.flatten, self.head = nn.Flatten(), nn.Dense(12 if scaled else 24, 2, **F8)
            self.scale = tg.Parameter(np.ones(12)) if scaled else None

        def forward(self, x: Any) -> Any:
            rows = self.flatten(x)
            rows = tg.concatenate([rows, rows], 1) if self.scale is None else rows * self.scale
            return self.head(rows)

    for scaled, op in ((False, "Concatenate"), (True, "Mul")):
        model = Wide(scaled=scaled)
        theirs = {
            name: array.T if name == "head.weight" else array
            for name, array in model.state_dict().items()
        }
        with pytest.raises(ArgumentError, match=rf"\(2, 2, 3\) are flattened.*{op}\(.*flattened="):
            load_torch_state_dict(model, theirs, input_shape=(2, 2, 3))
        assert model.training
        load_torch_state_dict(model, theirs, flattened={})


def test_sequences() -> None:
    torch = pytest.importorskip("torch")
    theirs = shaken(
        torch,
        torch.nn.Sequential(
            torch.nn.Conv1d(4, 6, 3, groups=2), torch.nn.Flatten(), torch.nn.Linear(30, 2)
        ),
    )
    ours = nn.Sequential(nn.Conv1d(4, 6, 3, groups=2, **F8), nn.Flatten(), nn.Dense(30, 2, **F8))
    load_torch_state_dict(ours, theirs.state_dict(), input_shape=(7, 4))
    agree(ours, theirs, RNG.standard_normal((3, 7, 4)))


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}])
def test_recurrent_layers(kind: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")

    class Ours(nn.Module):
        def __init__(self) -> None:
            self.words = nn.Embedding(9, 3, **F8)
            self.memory = getattr(nn, kind)(3, 5, **options, **F8)
            self.norm = nn.LayerNorm(5 if not options else 10, **F8)
            self.head = nn.Dense(5 if not options else 10, 2, **F8)

        def forward(self, x: Any) -> Any:
            return self.head(self.norm(self.memory(self.words(x))[0]))

    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = torch.nn.Embedding(9, 3)
            self.memory = getattr(torch.nn, kind)(3, 5, batch_first=True, **options)
            self.norm = torch.nn.LayerNorm(5 if not options else 10)
            self.head = torch.nn.Linear(5 if not options else 10, 2)

        def forward(self, x: Any) -> Any:
            return self.head(self.norm(self.memory(self.words(x))[0]))

    theirs, ours = shaken(torch, Theirs()), Ours()
    load_torch_state_dict(ours, theirs.state_dict())
    x = RNG.integers(0, 9, (4, 6))
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours(x).numpy(), expected, rtol=1e-9, atol=1e-9)


class Named(nn.Module):
    """Attributes, a list of layers, a parameter of its own."""

    def __init__(self) -> None:
        self.scale = tg.Parameter(np.ones(3), **F8)
        self.blocks = [nn.Dense(3, 3, **F8), nn.Sequential(nn.Dense(3, 3, **F8))]
        self.fc = nn.Dense(3, 2, **F8)

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x) * self.scale
        return self.fc(x)


def state() -> dict[str, np.ndarray]:
    return {
        "scale": RNG.standard_normal(3),
        "blocks.0.weight": RNG.standard_normal((3, 3)),
        "blocks.0.bias": RNG.standard_normal(3),
        "blocks.1.0.weight": RNG.standard_normal((3, 3)),
        "blocks.1.0.bias": RNG.standard_normal(3),
        "fc.weight": RNG.standard_normal((2, 3)),
        "fc.bias": RNG.standard_normal(2),
    }


def test_names_of_attributes_lists_and_sequentials() -> None:
    model, theirs = Named(), state()
    load_torch_state_dict(model, theirs)
    np.testing.assert_array_equal(model.blocks[1][0].weight.numpy(), theirs["blocks.1.0.weight"].T)
    np.testing.assert_array_equal(model.scale.numpy(), theirs["scale"])
    assert model.fc.weight.numpy().flags.c_contiguous


def test_data_parallel_and_renaming() -> None:
    theirs = state()
    for rename, prefix in ((None, "module."), ({"net.fc.bias": "fc.bias"}, "")):
        model = Named()
        named = {prefix + name: a for name, a in theirs.items()}
        if rename:
            named["net.fc.bias"] = named.pop("fc.bias")
        load_torch_state_dict(model, named, rename=rename)
        np.testing.assert_array_equal(model.fc.bias.numpy(), theirs["fc.bias"])
    model = Named()
    load_torch_state_dict(
        model, {name.upper(): a for name, a in theirs.items()}, rename=lambda name: name.lower()
    )
    np.testing.assert_array_equal(model.fc.weight.numpy(), theirs["fc.weight"].T)


def test_every_mismatch_says_what_and_changes_nothing() -> None:
    model = Named()
    before = model.state_dict()
    wrong = state()
    wrong["fc.wieght"] = wrong.pop("fc.weight")
    with pytest.raises(
        ArgumentError, match=r"lacks 'fc.weight'; .* has 'fc.wieght'.*did you mean 'fc.weight'"
    ):
        load_torch_state_dict(model, wrong)
    wrong = state() | {"fc.weight": np.ones((3, 3))}
    with pytest.raises(
        ShapeError, match=r"'fc.weight' has shape \(3, 3\) in the state.*\(3, 2\) expects \(2, 3\)"
    ):
        load_torch_state_dict(model, wrong)
    wrong = state() | {"fc.bias": np.ones(2, "float32")}
    with pytest.raises(DtypeError, match=r"'fc.bias' is float32.*'fc.bias' is float64"):
        load_torch_state_dict(model, wrong)
    with pytest.raises(ArgumentTypeError, match=r"'fc.bias' is expected to be a tensor"):
        load_torch_state_dict(model, state() | {"fc.bias": "text"})
    with pytest.raises(ArgumentTypeError, match="state_dict"):
        load_torch_state_dict(model, model)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"flattened names no layer 'fx'; did you mean 'fc'"):
        load_torch_state_dict(model, state(), flattened={"fx": (1, 1, 3)})
    with pytest.raises(ShapeError):
        load_torch_state_dict(model, state(), input_shape=(4,))
    with pytest.raises(ShapeError, match=r"Dense\(3, 2.*\) has 3 inputs, .* \(1, 2, 3\) have 6"):
        load_torch_state_dict(model, state(), flattened={"fc": (1, 2, 3)})
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    part = {"fc.bias": np.ones(2), "other": np.ones(1)}
    unmatched = load_torch_state_dict(model, part, strict=False)
    assert unmatched.unexpected == ("other",)
    assert "fc.weight" in unmatched.missing
    assert model.fc.bias.tolist() == [1.0, 1.0]


def test_a_half_precision_tensor_is_refused() -> None:
    torch = pytest.importorskip("torch")
    theirs: dict[str, Any] = state()
    theirs["fc.bias"] = torch.ones(2, dtype=torch.bfloat16)
    with pytest.raises(DtypeError, match=r"'fc.bias' cannot become an array.*\.float\(\)"):
        load_torch_state_dict(Named(), theirs)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_weight_files(ending: str, tmp_path: Path) -> None:
    one, other = Named(), Named()
    path = save_weights(tmp_path / "folder" / f"w.{ending}", one)
    assert load_weights(path, other) == nn.Unmatched((), ())
    for name, array in one.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], array)
    turned = {"weight": np.arange(6.0).reshape(2, 3).T}
    np.testing.assert_array_equal(
        read_weights(save_weights(path, turned))["weight"], turned["weight"]
    )
    with pytest.raises(ArgumentError, match="lacks"):
        load_weights(path, other)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CheckpointError, match=f"not a whole .{ending} file"):
        load_weights(path, other)
    with pytest.raises(CheckpointError, match="there is none"):
        read_weights(tmp_path / f"none.{ending}")
    with pytest.raises(ArgumentError, match=r"\.safetensors or \.npz"):
        save_weights(tmp_path / "weights.pt", one)
    taken = tmp_path / f"taken.{ending}"
    taken.mkdir()
    with pytest.raises(FileError, match="cannot be written"):
        save_weights(taken, one)


def test_objects_in_an_npz_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.array([{}], dtype=object))
    with pytest.raises(CheckpointError, match="numbers"):
        read_weights(tmp_path / "w.npz")


class Residual(nn.Module):
    """Two convolutions; the shortcut drops every second pixel and pads channels with zeros."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm(channels)
        self.stride = stride

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(tg.relu(self.bn1(self.conv1(x)))))
        if self.stride != 1:
            side = x.shape[-1] // 2
            x = tg.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (side, side)))
        return tg.relu(x + y)


class ResNet20(nn.Module):
    """He, Zhang, Ren and Sun 2016, section 4.2, with n = 3 and shortcuts of kind A."""

    def __init__(self) -> None:
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm(16)
        self.layer1 = [Residual(16, 16, 1) for _ in range(3)]
        self.layer2 = [Residual(16, 32, 2), *(Residual(32, 32, 1) for _ in range(2))]
        self.layer3 = [Residual(32, 64, 2), *(Residual(64, 64, 1) for _ in range(2))]
        self.linear = nn.Dense(64, 10)

    def forward(self, x: Any) -> Any:
        x = tg.relu(self.bn1(self.conv1(x)))
        for block in (*self.layer1, *self.layer2, *self.layer3):
            x = block(x)
        return self.linear(tg.global_avg_pool2d(x))


@pytest.mark.skipif("TGC_DATA" not in os.environ, reason="TGC_DATA is not set")
def test_a_published_resnet_gives_its_published_logits() -> None:
    folder = Path(os.environ["TGC_DATA"], "models")
    weights, reference = (
        folder / f"resnet20-cifar10.{end}" for end in ("safetensors", "reference.npz")
    )
    if not weights.exists():
        pytest.skip(f"{weights} is not there")
    model = ResNet20()
    load_torch_state_dict(model, read_weights(weights), input_shape=(32, 32, 3))
    with np.load(reference) as known:
        images = known["images_u8_nchw"].transpose(0, 2, 3, 1).astype("float32") / np.float32(255)
        x = (images - known["mean"]) / known["std"]
        logits, labels = known["logits"], known["labels"]
    with tg.no_grad():
        got = model.eval()(tg.tensor(x.astype("float32"))).numpy()
    assert abs(got - logits).max() <= 1e-4 * abs(logits).max()
    assert (got.argmax(1) == labels).mean() > 0.9
