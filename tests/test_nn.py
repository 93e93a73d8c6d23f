"""Modules: what is found in them, how they are saved, frozen, moved and printed."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import nn
from tinygrad_course.errors import (
    ArgumentError,
    ArgumentTypeError,
    DeviceError,
    DtypeError,
    Error,
    GraphError,
    ShapeError,
)


class Branches(nn.Module):
    """Tensors and layers in every kind of container, one of each tied, and things that are none."""

    def __init__(self) -> None:
        self.scale = tg.Parameter([2.0])
        self.blocks = [nn.Dense(2, 2), (nn.Dense(2, 3, bias=False), nn.ReLU())]
        self.heads = {"a": nn.Dense(3, 1), "b": [tg.Parameter([1.0])]}
        self.counter = tg.tensor([0.0])
        self.tied = self.blocks[0]
        self.again = self.scale
        self.note = "no tensor"
        self.empty = None

    def forward(self, x: Any) -> Any:
        self.seen = x * self.scale
        return self.blocks[1][1](self.blocks[1][0](self.blocks[0](self.seen)))


PARAMETERS = [
    "scale",
    "blocks.0.weight",
    "blocks.0.bias",
    "blocks.1.0.weight",
    "heads.a.weight",
    "heads.a.bias",
    "heads.b.0",
]


def lenet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dense(400, 120),
        nn.ReLU(),
        nn.Dense(120, 84),
        nn.ReLU(),
        nn.Dense(84, 10),
    )


def test_what_is_found_and_in_which_order() -> None:
    model = Branches()
    assert [name for name, _ in model.named_parameters()] == PARAMETERS
    assert [name for name, _ in model.named_buffers()] == ["counter"]
    assert [name for name, _ in model.named_modules()] == [
        "", "blocks.0", "blocks.1.0", "blocks.1.1", "heads.a",
    ]  # fmt: skip
    assert list(model.state_dict()) == [*PARAMETERS, "counter"]
    assert model.num_parameters() == 1 + 1 + 6 + 6 + 4
    assert len(model.parameters()) == len(PARAMETERS)
    assert model.modules()[0] is model
    assert model.buffers()[0] is model.counter


def test_what_a_forward_pass_remembers_is_no_state() -> None:
    model = Branches()
    before = list(model.state_dict())
    model(tg.tensor([[1.0, 2.0]]))
    assert list(model.state_dict()) == before


def test_unknown_attributes_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="wieght"):
        nn.Dense(2, 2).wieght  # noqa: B018


def test_two_tensors_of_one_name() -> None:
    class Clash(nn.Module):
        def __init__(self) -> None:
            self.a = {"b.c": tg.Parameter([1.0]), "b": {"c": tg.Parameter([2.0])}}

    with pytest.raises(ArgumentError, match=r"two tensors are named 'a\.b\.c'"):
        Clash().parameters()


def test_train_and_eval_reach_every_layer() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.BatchNorm(2)))
    assert model.training
    assert model.eval() is model
    assert [m.training for m in model.modules()] == [False] * 4
    model.train()
    assert [m.training for m in model.modules()] == [True] * 4
    assert nn.Dropout().training


def test_freezing() -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.Dense(3, 1))
    assert model[0].freeze() is model[0]
    model(tg.tensor([[1.0, 2.0]])).sum().backward()
    assert [p.grad is None for p in model.parameters()] == [True, True, False, False]
    assert len(model.parameters()) == 4
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    model.unfreeze()
    assert all(p.requires_grad for p in model.parameters())
    model.requires_grad_(False)
    assert not model(tg.tensor([[1.0, 2.0]])).requires_grad


def test_state_dict_copies_both_ways() -> None:
    model, twin = lenet(), lenet()
    state = model.state_dict()
    assert all(isinstance(a, np.ndarray) and a.flags.c_contiguous for a in state.values())
    assert twin.load_state_dict(state) == ((), ())
    x = tg.tensor(np.random.default_rng(0).standard_normal((2, 28, 28, 1)), dtype="float32")
    assert np.array_equal(model(x).data, twin(x).data)
    state["layers.0.weight"][...] = 0
    assert np.any(model[0].weight.data)
    assert np.any(twin[0].weight.data)
    twin[0].weight.assign(np.zeros((5, 5, 1, 6)))
    assert np.any(model[0].weight.data)


def test_buffers_are_saved() -> None:
    model, twin = nn.BatchNorm(3), nn.BatchNorm(3)
    model(tg.tensor(np.random.default_rng(0).standard_normal((8, 3)), dtype="float32"))
    assert np.any(model.running_mean.data)
    twin.load_state_dict(model.state_dict())
    assert np.array_equal(twin.running_var.data, model.running_var.data)


def test_loading_writes_all_or_nothing() -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.Dense(3, 1))
    good = {name: array + 1 for name, array in model.state_dict().items()}
    without = {name: array for name, array in good.items() if name != "layers.1.bias"}
    cases: list[tuple[Any, type[Error], str]] = [
        (without, ArgumentError, r"Sequential.load_state_dict: the state lacks 'layers\.1\.bias'"),
        (good | {"x": good["layers.0.bias"]}, ArgumentError, "has 'x', which the model lacks"),
        (
            without | {"layers.1.bais": good["layers.1.bias"]},
            ArgumentError,
            r"lacks 'layers.1.bias'; the state has 'layers.1.bais', .* 'layers.1.bias'\?; pass",
        ),
        ({}, ArgumentError, r"'layers.0.weight', .*; pass strict=False"),
        (
            good | {"layers.1.weight": np.zeros((1, 3), "f4"), "layers.1.bias": np.zeros(2, "f4")},
            ShapeError,
            r"weight' has shape \(3, 1\) in the model, but \(1, 3\) .* has shape \(1,\) .* \(2,\)",
        ),
        (
            good | {"layers.1.weight": np.zeros((3, 1))},
            DtypeError,
            r"is float32 in the model, but float64 in the state; .*model\.astype\('float64'\)",
        ),
        ([1, 2], ArgumentTypeError, "expected a dict of arrays by name"),
    ]
    before = {name: array.tobytes() for name, array in model.state_dict().items()}
    for state, error, message in cases:
        with pytest.raises(error, match=message):
            model.load_state_dict(state)
    assert {name: array.tobytes() for name, array in model.state_dict().items()} == before
    many = nn.Sequential(*[nn.Dense(1, 1) for _ in range(9)])
    with pytest.raises(ArgumentError, match="and 13 more"):
        many.load_state_dict({})


def test_loading_what_both_sides_have() -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.Dense(3, 1))
    state = {"layers.0.bias": tg.tensor([1.0, 2.0, 3.0]), "other": np.zeros(1)}
    unmatched = model.load_state_dict(state, strict=False)
    assert model[0].bias.tolist() == [1.0, 2.0, 3.0]
    assert unmatched.unexpected == ("other",)
    assert unmatched.missing == ("layers.0.weight", "layers.1.weight", "layers.1.bias")
    with pytest.raises(ShapeError):
        model.load_state_dict({"layers.0.bias": np.zeros(2, "f4")}, strict=False)


def test_loading_refuses_a_backward_through_old_weights() -> None:
    model = nn.Dense(2, 1)
    x = tg.tensor([[1.0, 2.0]], requires_grad=True)
    loss = model(x).sum()
    model.load_state_dict(model.state_dict())
    with pytest.raises(GraphError):
        loss.backward()


def test_astype_converts_in_place() -> None:
    model = nn.Sequential(nn.Dense(2, 3), nn.BatchNorm(3))
    model.steps = tg.tensor(np.array([3]))
    parameters = model.parameters()
    model(tg.tensor([[1.0, 2.0], [3.0, 5.0]])).sum().backward()
    model.astype("float64")
    assert all(p is q for p, q in zip(parameters, model.parameters(), strict=True))
    assert {a.dtype.name for n, a in model.state_dict().items() if n != "steps"} == {"float64"}
    assert model.steps.dtype == np.int64
    assert parameters[0].grad is None
    assert model[0].dtype == np.float64
    y = model(tg.tensor([[1.0, 2.0], [3.0, 5.0]], dtype="float64"))
    y.sum().backward()
    assert parameters[0].grad.dtype == np.float64
    assert repr(model[0]) == "Dense(2, 3, dtype='float64')"
    for wrong in ("int32", "flaot32", None):
        with pytest.raises(ArgumentTypeError, match=r"Sequential\.astype: dtype must be a float"):
            model.astype(wrong)


def test_to_a_device() -> None:
    model = nn.Dense(2, 3)
    assert model.to("cpu") is model
    with pytest.raises(DeviceError):
        model.to("gpu")


def test_copies_and_pickles_keep_ties() -> None:
    model = Branches()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.tied is twin.blocks[0]
        assert twin.again is twin.scale
        assert [n for n, _ in twin.named_parameters()] == PARAMETERS
        twin.scale.assign([7.0])
        assert model.scale.item() == 2.0


def test_a_model_is_freed_without_the_garbage_collector() -> None:
    def use_a_model() -> None:
        lenet()(tg.tensor(np.zeros((1, 28, 28, 1), "float32"))).sum().backward()

    use_a_model()  # kernels compiled or loaded here leave cycles of their own
    gc.collect()
    gc.disable()
    try:
        use_a_model()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_an_error_names_the_layer() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.body = nn.Sequential(nn.Dense(2, 3), nn.ReLU(), nn.Dense(4, 1))

        def forward(self, x: Any) -> Any:
            return self.body(x)

    with pytest.raises(ShapeError, match=r"^in body\.layers\.2 \(Dense\): dense: "):
        Net()(tg.tensor([[1.0, 2.0]]))
    with pytest.raises(ShapeError, match=r"^dense: "):
        nn.Dense(4, 1)(tg.tensor([[1.0, 2.0]]))


def test_a_layer_without_forward_says_so() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(ArgumentTypeError, match="Empty: forward is not written"):
        Empty()(1)
    assert repr(Empty()) == "Empty()"


def test_repr_is_a_tree() -> None:
    class Net(nn.Module):
        def __init__(self, width: int, depth: int = 1, *, name: str = "net") -> None:
            self.width = width
            self.depth = depth
            self.name = name
            self.body = nn.Sequential(nn.Dense(2, width, bias=False), nn.ReLU())
            self.pools = [nn.MaxPool2d((2, 3), stride=1), nn.AvgPool2d(2, count_include_pad=False)]

    assert repr(Net(4, depth=2)) == (
        "Net(4, depth=2)\n"
        "  body: Sequential()\n"
        "    layers.0: Dense(2, 4, bias=False)\n"
        "    layers.1: ReLU()\n"
        "  pools.0: MaxPool2d((2, 3), stride=1)\n"
        "  pools.1: AvgPool2d(2, count_include_pad=False)"
    )
    assert repr(nn.Dense(2, 3, init=nn.init.xavier_normal)) == "Dense(2, 3, init=xavier_normal)"
    assert repr(nn.Conv2d(2, 4, (3, 5), 2, "same", groups=2)) == (
        "Conv2d(2, 4, (3, 5), stride=2, padding='same', groups=2)"
    )
    assert repr(nn.Dropout(0.3)) == "Dropout(p=0.3)"


def test_a_state_made_of_the_models_own_arrays_is_loaded_whole() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            self.a, self.b = tg.Parameter([1.0, 2.0]), tg.Parameter([3.0, 4.0])

    two = Two()
    two.load_state_dict({"a": two.b, "b": two.a})
    assert (two.a.tolist(), two.b.tolist()) == ([3.0, 4.0], [1.0, 2.0])
