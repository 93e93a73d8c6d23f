"""The loop: what one step does, what is recorded, who is told, and where NaN stops it."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import data, models, nn, optim
from tinygrad_course.data import DataLoader
from tinygrad_course.errors import (
    AnomalyError,
    ArgumentError,
    ArgumentTypeError,
    DataError,
    DeviceError,
    Error,
)
from tinygrad_course.train import Training, evaluate, evaluate_regression, fit
from tinygrad_course.training.callbacks import NonFinite, Patience, best_epoch
from tinygrad_course.training.methods import METHODS
from tinygrad_course.training.recipe import Recipe, assemble

DIGITS = data.load("digits")
SMALL = replace(
    DIGITS,
    train=data.Split(DIGITS.train.x[:100], DIGITS.train.y[:100]),
    test=data.Split(DIGITS.test.x[:50], DIGITS.test.y[:50]),
)
QUICK = Recipe(model="mlp", data="digits", epochs=2, batch_size=16, optimizer="adam")


def quick(**changes):
    return assemble(replace(QUICK, **changes), SMALL)


def line(seed=0, dtype="float64"):
    """A linear classifier without anything random after its first weights."""
    generator = tg.Generator(seed)
    return nn.Sequential(nn.Flatten(), nn.Dense(64, 10, generator=generator, dtype=dtype))


def training(model, batch_size=10, lr=0.1, epochs=1, **options):
    x, y = SMALL.train
    loader = DataLoader(x.astype(np.float64), y, batch_size)
    return Training(model, optim.SGD(model.parameters(), lr), loader, epochs, **options)


def values(model):
    return [p.numpy().copy() for p in model.parameters()]


def same(a, b):
    return all(np.array_equal(left, right) for left, right in zip(a, b, strict=True))


# What is trained.


def test_one_step_is_forward_loss_backward_step():
    model, twin = line(), line()
    run = training(model, batch_size=100)
    fit(run)
    x, y = SMALL.train
    weight, bias = twin.parameters()
    loss = tg.cross_entropy(twin(tg.tensor(x.astype(np.float64))), y)
    loss.backward()
    for before, after in zip((weight, bias), model.parameters(), strict=True):
        stepped = before.numpy() - 0.1 * before.grad.numpy()  # compiled, rounded once less
        np.testing.assert_allclose(after.numpy(), stepped, rtol=1e-12)
    assert run.progress.history[0]["train_loss"] == loss.item()
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(("batch_size", "accumulate"), [(10, 4), (30, 2), (7, 100)])
def test_accumulation_equals_the_large_batch_to_the_last_partial_window(batch_size, accumulate):
    split, whole = line(), line()
    small = training(split, batch_size, accumulate=accumulate)
    large = training(whole, batch_size * accumulate)
    fit(small)
    fit(large)
    assert small.progress.step == large.progress.step == small.total_steps
    for a, b in zip(values(split), values(whole), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_clipping_limits_what_a_step_moves():
    model = line()
    before = values(model)
    fit(training(model, batch_size=100, lr=1.0, clip=0.01))
    moved = math.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(values(model), before, strict=True)))
    assert moved == pytest.approx(0.01, rel=1e-9)


def test_the_schedule_runs_over_the_whole_run():
    run = quick(schedule="cosine", lr=0.01, epochs=3)
    rates = []
    fit(run, [type("Rates", (), {"on_batch": lambda self, run: rates.append(run.optimizer.lr)})()])
    expected = optim.cosine(0.01, run.total_steps)
    assert rates == [expected(step) for step in range(21)]


def test_the_same_recipe_gives_the_same_bits_and_another_seed_others():
    runs = [quick(), quick(), quick(seed=1)]
    for run in runs:
        fit(run)
    first, again, other = [values(run.model) for run in runs]
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("optimizer", METHODS)
def test_every_optimizer_learns_digits(optimizer):
    how = {"batch_size": 2000, "epochs": 60} if optimizer == "rprop" else {"epochs": 6}
    run = assemble(Recipe(model="mlp", data="digits", optimizer=optimizer, **how), DIGITS)
    assert fit(run)[-1]["test_accuracy"] >= 0.93


def test_lenet5_learns():
    x, y = data.load("mnist-12k").train
    few = replace(
        data.load("mnist-12k"),
        train=data.Split(x[:1500], y[:1500]),
        test=data.Split(x[-300:], y[-300:]),
    )
    history = fit(assemble(Recipe(epochs=2, batch_size=32, optimizer="adam"), few))
    assert history[-1]["test_accuracy"] >= 0.85


def test_points_in_the_plane():
    run = assemble(Recipe(model="mlp", data="xor", epochs=10))
    assert fit(run)[-1]["test_accuracy"] >= 0.95


# What is recorded.


def test_the_record_of_an_epoch():
    run = quick()
    history = fit(run)
    assert [r["epoch"] for r in history] == [1, 2]
    assert [r["step"] for r in history] == [7, 14]
    record = history[-1]
    assert list(record) == [
        "event", "epoch", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy",
        "lr", "seconds", "samples_per_second",
    ]  # fmt: skip
    assert record["event"] == "epoch"
    assert record["samples_per_second"] == 100 / record["seconds"]
    measured = evaluate(run.model, *SMALL.test)
    assert (record["test_loss"], record["test_accuracy"]) == (measured.loss, measured.accuracy)
    assert json.loads(json.dumps(history)) == history
    assert 0 < sum(r["seconds"] for r in history) < run.progress.seconds


def test_without_a_test_part():
    record = fit(training(line()))[0]
    assert record["test_loss"] is None
    assert record["test_accuracy"] is None


def test_evaluate_leaves_the_model_as_it_was_and_does_not_depend_on_the_batches():
    model = models.build("mlp", input_shape=(8, 8, 1), classes=10)
    frozen = model.layers[1].eval()
    whole = evaluate(model, *SMALL.test, batch_size=50)
    parts = evaluate(model, *SMALL.test, batch_size=7)
    assert model.training
    assert not frozen.training
    assert np.array_equal(whole.predictions, parts.predictions)
    assert whole.loss == pytest.approx(parts.loss, rel=1e-6)
    assert whole.accuracy == np.mean(whole.predictions == SMALL.test.y)
    assert whole.confidences.shape == (50,)
    assert ((whole.confidences > 0.1) & (whole.confidences <= 1)).all()
    assert all(p.grad is None for p in model.parameters())


def test_evaluate_refuses():
    model, (x, y) = line(), SMALL.test
    with pytest.raises(DataError, match=r"x has the shape \(50, 8, 8, 1\) and y \(49,\)"):
        evaluate(model, x, y[:49])
    with pytest.raises(DataError, match="as many labels"):
        evaluate(model, x[:0], y[:0])
    with pytest.raises(ArgumentError, match="batch_size must be at least 1, but it is 0"):
        evaluate(model, x, y, 0)


# Who is told.


class Witness:
    def __init__(self, stop_at=None):
        self.events = []
        self.stop_at = stop_at

    def on_start(self, run):
        self.events.append("start")

    def on_gradients(self, run):
        assert all(p.grad is not None for p in run.model.parameters())
        self.events.append("gradients")

    def on_batch(self, run):
        assert math.isfinite(run.batch.loss)
        assert run.train_loss > 0
        assert 0 <= run.train_accuracy <= 1
        self.events.append("batch")
        if run.progress.step == self.stop_at:
            run.stop("enough")

    def on_epoch(self, run, record):
        assert run.progress.history[-1] is record
        self.events.append("epoch")

    def on_end(self, run):
        self.events.append("end")


def test_callbacks_are_told_in_order():
    witness = Witness()
    fit(training(line(), 40, accumulate=2, epochs=2), [witness, object()])
    epoch = ["gradients", "gradients", "batch", "gradients", "batch", "epoch"]
    assert witness.events == ["start", *epoch, *epoch, "end"]


def test_a_callback_may_stop_in_the_middle_of_an_epoch():
    witness, run = Witness(stop_at=3), training(line(), 20, epochs=4)
    assert fit(run, [witness]) == []
    assert (run.stopped, run.progress.step, run.progress.batch) == ("enough", 3, 3)
    assert witness.events[-1] == "end"


def test_the_end_is_told_after_an_error_too():
    def broken(logits, y):
        raise DataError("no")

    witness = Witness()
    with pytest.raises(DataError):
        fit(training(line(), loss=broken), [witness])
    assert witness.events == ["start", "end"]


def test_threads_are_as_before_afterwards():
    from tinygrad_course.training import environment

    before, run = environment.threads(), training(line(), threads=1)
    inside = []
    fit(run, [type("C", (), {"on_start": lambda *_: inside.append(environment.threads())})()])
    assert inside == [1]
    assert environment.threads() == before


def test_patience_counts_from_the_best_epoch():
    run = quick(epochs=50, lr=1e-12, schedule="constant")
    fit(run, [Patience(3)])
    assert run.progress.epoch == 4
    assert "no better test accuracy for 3 epochs (the best was epoch 1)" in run.stopped
    with pytest.raises(ArgumentError, match="at least 1"):
        Patience(0)


def test_best_epoch():
    assert best_epoch([]) is None
    first, second = {"test_accuracy": 0.9, "epoch": 1}, {"test_accuracy": 0.9, "epoch": 2}
    assert best_epoch([first, second]) is first
    untested = [{"test_accuracy": None, "train_loss": loss} for loss in (2.0, 1.0, 3.0)]
    assert best_epoch(untested) is untested[1]


# NaN and infinity.


class Poison(tg.Function):
    """Passes x on; from its `at`th call on, forward or backward makes an infinity."""

    def __init__(self, forward, backward):
        self.y_factor, self.g_factor = forward, backward

    def forward(self, x):
        return x * self.y_factor

    def grad_x(self, grad):
        return grad * self.g_factor


class Poisoned(nn.Module):
    def __init__(self, calls, *, forward=1.0, backward=1.0):
        self.calls, self.poison = calls, (forward, backward)

    def forward(self, x):
        self.calls -= 1
        return Poison(*(self.poison if self.calls < 0 else (1.0, 1.0))).apply(x)


def poisoned(calls, **poison):
    model = nn.Sequential(
        nn.Flatten(), nn.Dense(64, 8, dtype="float64"), Poisoned(calls, **poison), nn.ReLU(),
        nn.Dense(8, 10, dtype="float64"),
    )  # fmt: skip
    return training(model, 20)


@pytest.mark.parametrize(
    ("poison", "place"),
    [
        ({"forward": math.inf}, r"the output of layers\.2 \(Poisoned\)"),
        ({"forward": math.nan}, r"the output of layers\.2 \(Poisoned\)"),
        ({"backward": math.inf}, r"the gradient that layers\.2 \(Poisoned\) passes back"),
        ({"backward": math.nan}, r"the gradient that layers\.2 \(Poisoned\) passes back"),
    ],
)
def test_non_finite_names_the_first_layer(poison, place):
    run = poisoned(3, **poison)
    seen = []
    watch = type("W", (), {"on_batch": lambda self, run: seen.append(values(run.model))})()
    with pytest.raises(AnomalyError, match=place + r" is not finite after step 3 \(epoch 1, batch"):
        fit(run, [NonFinite(), watch])
    assert same(values(run.model), seen[-1])
    assert len(seen) == 3
    assert all("forward" not in vars(module) for module in run.model.modules())


def test_non_finite_says_what_to_do_about_a_rate_that_is_too_high():
    run = quick(optimizer="sgd", lr=1e30, schedule="constant")
    with pytest.raises(AnomalyError, match=r"lower lr \(it is 1e\+30\), or limit .* clip"):
        fit(run, [NonFinite()])


def test_non_finite_sees_the_same_dropout_masks_again():
    run = quick()
    drawn = []

    class Explode:
        def on_gradients(self, run):
            drawn.append(run.generator.state())
            if run.progress.batch == 2:
                run.batch = run.batch._replace(loss=math.nan)

    with pytest.raises(AnomalyError, match="the sum of the gradients is not finite"):
        fit(run, [Explode(), NonFinite()])
    assert run.generator.state() == drawn[-1]


def test_non_finite_names_a_parameter_and_a_sample():
    run = training(line(), 20)
    run.model.layers[1].weight.assign(np.full((64, 10), np.nan))
    with pytest.raises(AnomalyError, match=r"the parameter layers\.1\.weight is not finite"):
        fit(run, [NonFinite()])

    def spoil(x, rng):
        return x * np.inf

    x, y = SMALL.train
    run = training(line())
    run.loader = DataLoader(x.astype(np.float64) + 1.0, y, 10, transforms=[spoil])
    with pytest.raises(AnomalyError, match="a sample of the batch is not finite"):
        fit(run, [NonFinite()])


def test_non_finite_in_the_loss_alone_and_in_the_test():
    def loss(logits, y):
        return tg.cross_entropy(logits, y) * math.inf

    with pytest.raises(AnomalyError, match="the loss of finite logits is not finite"):
        fit(training(line(), loss=loss), [NonFinite()])
    run = poisoned(5, forward=math.inf)  # five batches are sound; the test is the sixth
    run.test = data.Split(SMALL.test.x.astype(np.float64), SMALL.test.y)
    with pytest.raises(AnomalyError, match=r"layers\.2 \(Poisoned\) .* the test loss is nan"):
        fit(run, [NonFinite()])


def test_numpy_warns_again_afterwards():
    with pytest.raises(AnomalyError):
        fit(quick(optimizer="sgd", lr=1e30, schedule="constant"), [NonFinite()])
    with pytest.raises(RuntimeWarning):
        np.float32(1e30) * np.float32(1e30)


# Recipes.


def test_a_recipe_survives_json():
    recipe = Recipe(model="mlp", data="digits", lr=0.1, clip=1.0, patience=3)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert Recipe().complete().complete() == Recipe().complete()
    assert Recipe().complete().shift == 2
    assert Recipe(data="digits").complete().shift == 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("model", "lenet", r"no model 'lenet'; did you mean 'lenet5'\?"),
        ("data", "mist", r"no data 'mist'; did you mean 'mnist'\?"),
        ("optimizer", "Adam", r"no optimizer 'Adam'; did you mean 'adam'\?"),
        ("schedule", "cosin", r"no schedule 'cosin'; did you mean 'cosine'\?"),
        ("dtype", "float16", r"no dtype 'float16'"),
        ("model", 3, "model must be a name, but it is 3"),
        ("epochs", 0, "epochs must be at least 1, but it is 0"),
        ("epochs", 2.5, "epochs must be a whole number, but it is 2.5"),
        ("epochs", True, "epochs must be a whole number, but it is True"),
        ("batch_size", -1, "batch_size must be at least 1"),
        ("seed", -1, "seed must be at least 0"),
        ("seed", 2**70, "seed must be at least 0 and below"),
        ("threads", 0, "threads must be at least 1"),
        ("shift", -2, "shift must be at least 0"),
        ("accumulate", 0, "accumulate must be at least 1"),
        ("patience", 0, "patience must be at least 1"),
        ("lr", 0.0, "lr must be above 0 and finite, but it is 0.0"),
        ("lr", math.inf, "lr must be above 0 and finite"),
        ("lr", math.nan, "lr must be above 0 and finite"),
        ("lr", "fast", "lr must be a number, but it is 'fast'"),
        ("momentum", 1.0, "momentum must be at least 0 and below 1, but it is 1.0"),
        ("weight_decay", -0.1, "weight_decay must be at least 0 and finite"),
        ("clip", 0, "clip must be above 0"),
        ("classic", 1, "classic must be True or False"),
        ("device", 0, "device must be a name"),
        ("device", "cuda:first", "device 'cuda:first' does not exist"),
    ],
)
def test_a_recipe_refuses(field, value, message):
    with pytest.raises(Error, match=message) as caught:
        Recipe(**{field: value})
    assert isinstance(caught.value, (ArgumentError, ArgumentTypeError, DeviceError))


def test_a_shift_needs_images():
    with pytest.raises(Error, match=r"shift expects images .* xor has the shape"):
        fit(assemble(Recipe(model="mlp", data="xor", shift=1, epochs=1)))


# Regression.


def test_a_regression_records_r2_and_evaluates_as_metrics_do():
    run = assemble(Recipe(model="mlp", data="linear", epochs=3))
    record = fit(run)[-1]
    tested = evaluate_regression(run.model, *run.dataset.test)
    assert record["test_r2"] == tested.r2
    assert record["test_loss"] == tested.loss
    y = run.dataset.test.y
    assert tested.loss == pytest.approx(float(((tested.predictions - y) ** 2).mean()), rel=1e-5)
    variance = float(run.dataset.train.y.astype(np.float64).var())
    assert record["train_r2"] == pytest.approx(1 - record["train_loss"] / variance)
    assert best_epoch(run.progress.history)["test_r2"] == max(
        r["test_r2"] for r in run.progress.history
    )


def test_squared_errors_have_a_lower_usual_rate():
    assert Recipe().complete("regression").lr == Recipe().complete().lr / 5
    assert Recipe(optimizer="adam").complete("regression").lr == 0.006
    assert Recipe(lr=0.3).complete("regression").lr == 0.3
