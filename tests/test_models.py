"""The networks by name: their shapes, sizes and first weights."""

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import models, nn
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, ShapeError
from tinygrad_course.models.resnet import ResidualBlock

SMALLEST = {"alexnet": (63, 63, 1)}
"""Samples for the models that the 28 x 28 images of the others are too small for."""


def build(name="lenet5", shape=None, classes=10, **options):
    shape = shape or SMALLEST.get(name, (28, 28, 1))
    return models.build(name, input_shape=shape, classes=classes, **options)


def test_lenet5_has_the_published_size():
    model = build()
    assert model.num_parameters() == 61_706
    sizes = [sum(p.size for p in layer.parameters()) for layer in model.layers]
    assert [size for size in sizes if size] == [156, 2_416, 48_120, 10_164, 850]
    assert model(tg.tensor(np.zeros((3, 28, 28, 1), np.float32))).shape == (3, 10)


def test_lenet5_in_its_two_forms():
    def kinds(model):
        return {type(layer) for layer in model.layers}

    assert {nn.ReLU, nn.MaxPool2d} <= kinds(build())
    assert {nn.Tanh, nn.AvgPool2d} <= kinds(build(classic=True))
    assert build(classic=True).num_parameters() == 61_706


@pytest.mark.parametrize("shape", [(12, 12, 1), (13, 15, 2), (32, 32, 3)])
def test_lenet5_takes_other_images(shape):
    x = tg.tensor(np.zeros((2, *shape), np.float32))
    assert build(shape=shape, classes=7)(x).shape == (2, 7)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 11, 1), (784,), (2,)])
def test_lenet5_refuses_what_it_cannot_see(shape):
    with pytest.raises(ShapeError, match=r"lenet5: expects images .* use mlp"):
        build(shape=shape)


@pytest.mark.parametrize("shape", [(2,), (8, 8, 1), (3, 4, 5, 6)])
def test_mlp_takes_any_shape(shape):
    model = build("mlp", shape, 4)
    inputs = int(np.prod(shape))
    assert model.num_parameters() == inputs * 128 + 128 + 128 * 4 + 4
    assert model(tg.tensor(np.zeros((2, *shape), np.float32))).shape == (2, 4)


@pytest.mark.parametrize("name", models.names())
def test_weights_depend_on_the_seed_alone(name):
    def weights(seed):
        return build(name, generator=tg.Generator(seed)).state_dict()

    first, again, other = weights(3), weights(3), weights(4)
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert any(not np.array_equal(first[key], other[key]) for key in first)


def test_dropout_draws_from_the_generator_it_was_built_with():
    generator = tg.Generator(5)
    model = build("mlp", (4,), 2, generator=generator)
    drawn = generator.offset
    model(tg.tensor(np.ones((3, 4), np.float32)))
    assert generator.offset == drawn + 1


@pytest.mark.parametrize("name", models.names())
def test_dtype(name):
    assert {p.dtype for p in build(name, dtype="float64").parameters()} == {np.dtype("float64")}


def test_wrong_names():
    with pytest.raises(ArgumentError, match=r"no model 'lenet'; did you mean 'lenet5'\?"):
        build("lenet")
    with pytest.raises(ArgumentError, match="mlp has no classic form"):
        build("mlp", classic=True)
    with pytest.raises(ArgumentTypeError, match="name must be a string"):
        build(5)
    with pytest.raises(ArgumentError, match="out_features must be at least 1"):
        build(classes=0)


def test_vgg_small_has_the_size_its_docstring_says():
    model = build("vgg-small", (32, 32, 3))
    assert model.num_parameters() == 10_208 + 55_552 + 221_696 + 1_290 == 288_746
    assert build("vgg-small").num_parameters() == 288_746 - 2 * 9 * 32
    norms = [layer for layer in model.layers if isinstance(layer, nn.BatchNorm)]
    assert len(norms) == 6
    assert all(layer.bias is None for layer in model.layers if isinstance(layer, nn.Conv2d))


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 13, 3), (32, 32, 3), (64, 40, 3)])
def test_vgg_small_takes_images_of_any_size(shape):
    x = tg.tensor(np.random.default_rng(0).random((2, *shape), np.float32))
    model = build("vgg-small", shape, 5)
    assert model(x).shape == (2, 5)
    assert np.isfinite(model.eval()(x).numpy()).all()


@pytest.mark.parametrize("shape", [(7, 8, 3), (784,)])
def test_vgg_small_refuses_what_cannot_be_halved_twice(shape):
    with pytest.raises(ShapeError, match=r"vgg-small: expects images .* use mlp"):
        build("vgg-small", shape)


def test_the_baseline_follows_the_samples():
    shapes = {(28, 28, 1): "lenet5", (32, 32, 3): "vgg-small", (8, 8, 1): "mlp", (30,): "mlp"}
    assert {shape: models.usual(shape) for shape in shapes} == shapes
    for shape, name in shapes.items():
        assert build(name, shape)(tg.tensor(np.zeros((1, *shape), np.float32))).shape == (1, 10)


def test_the_residual_networks_have_the_size_of_the_paper():
    twenty, eighteen = build("resnet20", (32, 32, 3)), build("resnet18", (224, 224, 3), 1000)
    assert twenty.num_parameters() == 272_474  # 0.27 million, table 6
    assert eighteen.num_parameters() == 11_689_512
    convolutions = [m for m in twenty.modules() if isinstance(m, nn.Conv2d)]
    assert len([c for c in convolutions if c.weight.shape[:2] == (3, 3)]) == 19
    assert len(convolutions) == 19 + 2  # and the two shortcuts that change the shape


@pytest.mark.parametrize(("name", "shape"), [("resnet20", (8, 12, 1)), ("resnet18", (17, 16, 3))])
def test_the_residual_networks_take_images_of_any_size(name, shape):
    x = tg.tensor(np.random.default_rng(0).random((2, *shape), np.float32))
    model = build(name, shape, 5)
    assert model(x).shape == (2, 5)
    assert np.isfinite(model.eval()(x).numpy()).all()


def test_a_block_whose_convolutions_are_zero_hands_its_input_on():
    block = ResidualBlock(4, 4)
    block.norm2.weight.data[:] = 0
    x = np.random.default_rng(0).standard_normal((2, 5, 5, 4)).astype(np.float32)
    np.testing.assert_array_equal(block(tg.tensor(x)).numpy(), np.maximum(x, 0))


@pytest.mark.parametrize("shape", [(63, 63, 3), (64, 80, 1)])
def test_alexnet(shape):
    model = build("alexnet", shape, 7).eval()
    x = tg.tensor(np.zeros((1, *shape), np.float32))
    assert model(x).shape == (1, 7)


@pytest.mark.parametrize("name", ["resnet20", "resnet18", "alexnet"])
@pytest.mark.parametrize("shape", [(7, 8, 3), (784,)])
def test_what_the_large_networks_cannot_take(name, shape):
    with pytest.raises(ShapeError, match=rf"{name}: expects images .* use (mlp|lenet5)"):
        build(name, shape)
