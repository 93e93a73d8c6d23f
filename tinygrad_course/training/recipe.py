"""A recipe: everything that decides a training run, as plain values that fit into JSON.

`Recipe()` is LeNet-5 on mnist-12k; `assemble` turns a recipe into the objects that `fit` trains.
The same recipe gives the same weights, bit by bit, on the same machine with the same versions.
Read next: `train.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ..backend import check_device, check_device_name
from ..data import DataLoader, Dataset
from ..data.own import TASKS
from ..errors import ArgumentError, nearest
from ..functional import cross_entropy, mse
from ..models import build
from ..models import names as model_names
from ..random import Generator
from ..train import Training
from . import recipe_checks as checks
from .methods import METHODS, MOMENTUM, one_of
from .preparation import (
    Scaling,
    augmentation,
    fingerprint,
    load_data,
    prepared,
    usual_augmentation,
)
from .rules import PLATEAU, SCHEDULES, check_full_batches, rate_and_rules
from .stopping_criteria import criterion

_NAMED: dict[str, Any] = {
    "model": model_names(),
    "optimizer": METHODS,
    "schedule": SCHEDULES,
    "dtype": ("float32", "float64"),
    "task": TASKS,
    "missing": ("refuse", "drop", "mean"),
}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run.

    The defaults were chosen on seeds 10 to 14. Seeds 0 to 4 then classified 98.65, 98.95, 98.90,
    98.95 and 99.00 % of mnist-12k's test images correctly after the last epoch.

    Attributes:
        model: a name of `models.names()`.
        data: a name of `data.names()`, or the path of a folder, an .npz or a .csv file.
        epochs: how often to go through the training data.
        batch_size: samples a batch.
        optimizer: a name of `methods.NAMES`. rprop needs the whole training set in a step.
        lr: the highest learning rate; None is the optimizer's usual one.
        schedule: a name of `SCHEDULES`. "plateau" divides the rate by 10 whenever the test loss has
            not fallen for a tenth of the epochs (at least two).
        momentum: of the optimizers in `methods.MOMENTUM`.
        weight_decay: the optimizer's; None is its usual one.
        shift: move training images by up to so many pixels; None is the data set's usual amount.
        flip: mirror half of the training images; None is what is usual for the data set.
        accumulate: how many batches make one optimizer step.
        clip: the largest norm of the gradient; None does not clip.
        patience: stop after so many epochs without a better test accuracy; None never does.
        early_stopping: one of Prechelt's criteria, such as "gl5", "pq0.75" or "up3", or None.
        target_accuracy: stop once the test accuracy (R2 for regression) is reached, or None.
        seed: of weights, order, augmentation and dropout.
        dtype: float32 or float64.
        device: where to train: "cpu", "cuda" or "cuda:1".
        threads: of the compiled kernels and of NumPy's matrix products; None is all processors
            for the kernels and one for the products.
        classic: the network as it was first published (lenet5: tanh and average pooling).
        target: of a table: the column to predict.
        task: of .npz and tables: auto, classification or regression; None is auto.
        size: of a folder: resize pictures to a square, or to (height, width).
        drop: of a table: columns to leave out.
        one_hot: of a table: turn columns of text into numbers.
        missing: of a table: refuse, drop or mean; None refuses missing values.

    Raises:
        ArgumentError: an unknown name (with the nearest valid one), or a number out of its range.
        ArgumentTypeError: a value of the wrong type.

    Example:
        >>> Recipe(optimizer="adam").complete().lr
        0.006
        >>> Recipe(model="lenet")
        Traceback (most recent call last):
        tinygrad_course.errors.ArgumentError: Recipe: there is no model 'lenet'; did you mean \
'lenet5'? Valid names: alexnet, lenet5, mlp, resnet18, resnet20, vgg-small
    """

    model: str = "lenet5"
    data: str = "mnist-12k"
    epochs: int = 20
    batch_size: int = 64
    optimizer: str = "nesterov"
    lr: float | None = None
    schedule: str = "one-cycle"
    momentum: float = 0.9
    weight_decay: float | None = None
    shift: int | None = None
    flip: bool | None = None
    accumulate: int = 1
    clip: float | None = None
    patience: int | None = None
    early_stopping: str | None = None
    target_accuracy: float | None = None
    seed: int = 0
    dtype: str = "float32"
    device: str = "cpu"
    threads: int | None = None
    classic: bool = False
    target: str | None = None
    task: str | None = None
    size: int | tuple[int, ...] | None = None
    drop: tuple[str, ...] = ()
    one_hot: bool = False
    missing: str | None = None

    def __post_init__(self) -> None:
        for name in ("size", "drop"):  # JSON has lists
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        optional = {each.name for each in fields(self) if each.default is None}
        given = {n: v for n, v in vars(self).items() if not (v is None and n in optional)}
        checks.check_data(self.data)
        for name in _NAMED.keys() & given.keys():
            checks.check_name(name, given[name], _NAMED[name])
        for name in checks.WHOLE.keys() & given.keys():
            checks.check_whole(name, given[name], checks.WHOLE[name])
        for name in checks.REAL.keys() & given.keys():
            zero = name in ("momentum", "weight_decay")
            checks.check_real(name, given[name], *checks.REAL[name], zero=zero)
        for name in checks.SWITCHES:
            if name in given:
                checks.check_switch(name, given[name])
        for name in checks.TEXT:
            if name in given:
                checks.check_text(name, given[name])
        for name in self.drop:
            checks.check_text("drop", name)
        if self.size is not None:
            checks.check_size(self.size)
        if self.early_stopping is not None:
            criterion(self.early_stopping)
        check_device_name(self.device)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe with these values, the others at their defaults.

        Raises:
            ArgumentError: a key that is no attribute, with the nearest one.

        Example:
            >>> Recipe.from_dict({"epoch": 3})
            Traceback (most recent call last):
            tinygrad_course.errors.ArgumentError: Recipe: there is no setting 'epoch'; did you \
mean 'epochs'? Valid names: accumulate, batch_size, classic, clip, data, device, drop, dtype, \
early_stopping, epochs, flip, lr, missing, model, momentum, one_hot, optimizer, patience, \
schedule, seed, shift, size, target, target_accuracy, task, threads, weight_decay
        """
        known = {each.name for each in fields(cls)}
        for key in values:
            if key not in known:
                raise ArgumentError(f"Recipe: there is no setting {key!r}; {nearest(key, known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """The values by name, fit for JSON."""
        listed = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in listed.items()}

    def complete(self, task: str = "classification") -> Recipe:
        """The same recipe, with the usual values written out where it left them open.

        Args:
            task: "classification" or "regression". Squared errors are steep where a prediction is
                far off: there the usual rate of an optimizer that follows the slope is a fifth.
        """
        method, images = METHODS[self.optimizer], usual_augmentation(self.data)
        if self.optimizer == "rprop":  # signs of gradients must turn for a reason
            images = usual_augmentation("")
        steep = task == "regression" and method.follows_slope
        usual_lr = method.lr / 5 if steep else method.lr
        return replace(
            self,
            lr=usual_lr if self.lr is None else self.lr,
            weight_decay=method.weight_decay if self.weight_decay is None else self.weight_decay,
            shift=images.shift if self.shift is None else self.shift,
            flip=images.flip if self.flip is None else self.flip,
        )


@dataclass(kw_only=True)
class Run(Training):
    """A `Training` made from a recipe; `dataset` has the names of the classes.

    Attributes:
        recipe: the complete recipe.
        dataset: what it is trained and tested on, scaled.
        scaling: how it was scaled.
        data_checksum: of the user's own training data.
        rules: the callbacks that belong to the recipe: what lowers the rate, what stops.
    """

    recipe: Recipe
    dataset: Dataset
    scaling: Scaling = field(default_factory=Scaling)
    data_checksum: int | None = None
    rules: list[Any] = field(default_factory=list)


def assemble(recipe: Recipe, dataset: Dataset | None = None) -> Run:
    """Load the data, build the model, the optimizer and the loader: all that `fit` needs.

    Args:
        recipe: what to do.
        dataset: used instead of loading `recipe.data`; not scaled.

    Returns:
        A run at its beginning. Give `fit` its `rules` among the callbacks.

    Raises:
        DataError: the data set is not on this machine, or damaged.
        ShapeError: the model cannot take the data's samples.
        ArgumentError: rprop with less than the whole training set in a step.
        DeviceError: the recipe's device is not on this machine.

    Example:
        >>> run = assemble(Recipe(model="mlp", data="digits", epochs=2))
        >>> run.total_steps  # 2 epochs of 23 batches
        46
    """
    device = check_device(recipe.device)
    dataset = load_data(recipe) if dataset is None else dataset
    recipe = recipe.complete(dataset.task)
    checksum = fingerprint(recipe, dataset)
    dataset, scaling = prepared(dataset, recipe.dtype)
    regression = dataset.task == "regression"
    generator = Generator(recipe.seed)
    model = build(
        recipe.model,
        input_shape=dataset.input_shape,
        classes=1 if regression else len(dataset.classes),
        generator=generator,
        dtype=recipe.dtype,
        classic=recipe.classic,
    ).to(device)
    loader = DataLoader(
        *dataset.train,
        recipe.batch_size,
        shuffle=True,
        seed=recipe.seed,
        transforms=augmentation(recipe, dataset),
    )
    check_full_batches(recipe, len(dataset.train.x))
    steps = recipe.epochs * -(-len(loader) // recipe.accumulate)
    rate, rules = rate_and_rules(recipe, steps)
    return Run(
        model=model,
        optimizer=METHODS[recipe.optimizer].make(model.named_parameters(), rate, recipe),
        loader=loader,
        epochs=recipe.epochs,
        test=dataset.test,
        loss=mse if regression else cross_entropy,
        accumulate=recipe.accumulate,
        clip=recipe.clip,
        generator=generator,
        threads=recipe.threads,
        regression=regression,
        recipe=recipe,
        dataset=dataset,
        scaling=scaling,
        data_checksum=checksum,
        rules=rules,
    )


__all__ = [
    "METHODS",
    "MOMENTUM",
    "PLATEAU",
    "SCHEDULES",
    "Recipe",
    "Run",
    "assemble",
    "one_of",
]
