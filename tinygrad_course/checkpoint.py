"""Checkpoints: one safetensors file that holds everything a run needs to go on, bit by bit.

Weights, buffers and the optimizer's moments are its arrays; the recipe, the position, the random
generator and the versions stand as JSON in its metadata. A file is replaced whole or not at all.
Read next: `training/callbacks.py`, which decides when to save.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from .data import Dataset
from .errors import AnomalyError, CheckpointError, Error
from .evaluation import model_device
from .files import replace_file
from .models import build
from .nn import Module
from .tensor import Parameter
from .train import Progress, Training
from .training.environment import describe, device_described, using_threads
from .training.preparation import Scaling
from .training.recipe import Recipe, Run, assemble

FORMAT = 1
KEY = "tinygrad_course"
"""Where our JSON stands in the file's metadata; another program's file does not have it."""

MODEL, OPTIMIZER = "model.", "optimizer."

RUN_AGAIN = "start the run again, or choose another checkpoint"


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        path: the file.
        arrays: weights and buffers as `model.NAME`, the optimizer's state as `optimizer.NAME`.
        facts: the rest: `recipe`, `progress`, `generator`, `environment`; and of the data
            `input_shape`, `classes` (none for regression), `features`, `scaling`, `data_checksum`.
    """

    path: Path
    arrays: dict[str, np.ndarray[Any, Any]]
    facts: dict[str, Any]

    @property
    def recipe(self) -> Recipe:
        """The recipe of the run.

        Raises:
            CheckpointError: it was saved by a training without one, or is damaged.
        """
        if not isinstance(self.facts.get("recipe"), dict):
            self.refuse(
                "expected the recipe of a run, but it was saved by a Training without one; build "
                "the same Training again and use restore(checkpoint, training)"
            )
        try:
            return Recipe.from_dict(self.facts["recipe"])
        except Error as error:
            self.refuse(f"its recipe is not understood ({error}); {RUN_AGAIN}", error)

    @property
    def progress(self) -> Progress:
        """How far the run had come."""
        try:
            return Progress(**self.facts["progress"])
        except (KeyError, TypeError) as error:
            self.refuse(f"its position is missing or damaged; {RUN_AGAIN}", error)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, as the data set had them; none for regression."""
        return tuple(self.facts.get("classes") or ())

    @property
    def scaling(self) -> Scaling:
        """What samples go through before the model sees them."""
        try:
            return Scaling.from_state(self.facts.get("scaling"))
        except (Error, AttributeError, TypeError) as error:
            self.refuse(f"how its samples were scaled is damaged; {RUN_AGAIN}", error)

    def part(self, prefix: str) -> dict[str, np.ndarray[Any, Any]]:
        """The arrays whose names begin with `prefix`, without it."""
        return {n.removeprefix(prefix): a for n, a in self.arrays.items() if n.startswith(prefix)}

    def model(self) -> Module:
        """The trained network, in inference mode; it needs no data.

        Raises:
            CheckpointError: the arrays are not those of the recipe's model.
        """
        recipe, shape = self.recipe, self.facts.get("input_shape")
        if not isinstance(shape, list) or not isinstance(self.facts.get("classes"), list):
            self.refuse(f"the shape of its samples or its classes are missing; {RUN_AGAIN}")
        model = build(
            recipe.model,
            input_shape=shape,
            classes=len(self.classes) or 1,
            dtype=recipe.dtype,
            classic=recipe.classic,
        )
        self.load_weights(model)
        model.eval()
        return model

    def load_weights(self, model: Module) -> None:
        """Overwrite the weights and buffers of `model`, all of them or none.

        Raises:
            CheckpointError: they are those of another model.
        """
        try:
            model.load_state_dict(self.part(MODEL))
        except Error as error:
            of = (self.facts.get("recipe") or {}).get("model", "another model")
            self.refuse(
                f"it holds the weights of {of}, and this model is not built like that: {error}; "
                "build the model that the checkpoint was saved from",
                error,
            )

    def refuse(self, reason: str, cause: Exception | None = None) -> NoReturn:
        """Raise the error that names the file."""
        raise CheckpointError(f"checkpoint {self.path}: {reason}") from cause


def save(path: str | Path, run: Training) -> Path:
    """Write everything that `run` needs to go on, between two optimizer steps.

    The bytes go into a temporary file and onto the disk; then it takes the name. Whatever happens,
    `path` is the old checkpoint or the new one.

    Args:
        path: the file, by custom with the ending .safetensors.
        run: a training, between steps.

    Returns:
        The path.

    Raises:
        CheckpointError: it cannot be written; an older file is unchanged.
        AnomalyError: a weight is NaN or infinite; an older file is unchanged.

    Example:
        >>> from tinygrad_course.train import fit
        >>> run = assemble(Recipe(model="mlp", data="digits", epochs=2))
        >>> path = save("run/last.safetensors", run)
        >>> load(path).progress.step
        0
    """
    from safetensors.numpy import save as serialize

    for name, tensor in run.model.named_tensors():
        if isinstance(tensor, Parameter) and not np.isfinite(tensor.data).all():
            raise AnomalyError(
                f"checkpoint {path}: expected finite weights, but {name} holds a NaN or an "
                "infinity; it was not saved. Lower lr, or clip the gradient"
            )
    states = {MODEL: run.model.state_dict(), OPTIMIZER: run.optimizer.state_dict()}
    # The library writes the memory of a transposed array as it lies, without its strides.
    arrays = {
        prefix + name: np.asarray(array, order="C")
        for prefix, state in states.items()
        for name, array in state.items()
    }
    facts: dict[str, Any] = {
        "format": FORMAT,
        "progress": asdict(run.progress),
        "generator": None if run.generator is None else list(run.generator.state()),
        "environment": environment_of(run),
        "checksum": _checksum(arrays),
    }
    if isinstance(run, Run):
        facts["recipe"] = run.recipe.to_dict()
        facts["input_shape"] = list(run.dataset.input_shape)
        facts["classes"] = list(run.dataset.classes)
        facts["features"] = list(run.dataset.features)
        facts["scaling"] = run.scaling.state()
        facts["data_checksum"] = run.data_checksum
    return replace_file(path, serialize(arrays, {KEY: json.dumps(facts)}))


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint and make sure that it is whole.

    Args:
        path: the file, or the folder of a run, whose last checkpoint is read.

    Raises:
        CheckpointError: no such file, no safetensors file, truncated, damaged, written by another
            program or by a later version; the message names the file and the remedy.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.is_dir():
        path = path / "last.safetensors"
    empty = Checkpoint(path, {}, {})
    if not path.is_file():
        empty.refuse("expected a checkpoint, but there is no such file; look at the path")
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            if KEY not in metadata:
                empty.refuse(
                    "expected a checkpoint of tinygrad_course, but it is a safetensors file of "
                    f"another program (metadata: {', '.join(sorted(metadata)) or 'none'}); "
                    "only `tgc train` writes checkpoints"
                )
            facts = json.loads(metadata[KEY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        empty.refuse(
            f"expected a safetensors file, but it is none, or truncated ({error}); {RUN_AGAIN}",
            error,
        )
    except (OSError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        empty.refuse(f"it cannot be read ({error}); {RUN_AGAIN}", error)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        version = facts.get("format") if isinstance(facts, dict) else facts
        empty.refuse(
            f"expected format {FORMAT}, but it has {version!r}; read it with the version of "
            "tinygrad_course that wrote it"
        )
    if facts.get("checksum") != _checksum(arrays):
        empty.refuse(f"its checksum is wrong: the file was damaged; {RUN_AGAIN}")
    return Checkpoint(path, arrays, facts)


def restore(checkpoint: Checkpoint, run: Training) -> list[str]:
    """Put `run` where the checkpoint was saved: weights, optimizer, generator and position.

    All of it, or (on an error) nothing. From there on the run is the uninterrupted one, bit by bit.

    Args:
        checkpoint: what `load` returned.
        run: built like the run that was saved.

    Returns:
        What differs from where it was saved (versions, threads, machine), one sentence each; empty
        where the rest of the run will be bit-identical.

    Raises:
        CheckpointError: of another model, recipe or optimizer.
    """
    progress = checkpoint.progress
    if isinstance(run, Run):
        _same_recipe(checkpoint, run.recipe)
    if progress.batch > len(run.loader) or progress.epoch > run.epochs:
        checkpoint.refuse(
            f"it stands at batch {progress.batch} of epoch {progress.epoch + 1}, but this run has "
            f"{run.epochs} epochs of {len(run.loader)} batches; use the data and batch size it "
            "was saved with"
        )
    before = run.model.state_dict()
    checkpoint.load_weights(run.model)
    try:
        run.optimizer.load_state_dict(checkpoint.part(OPTIMIZER))
        if run.generator is not None and checkpoint.facts.get("generator") is not None:
            run.generator.set_state(tuple(checkpoint.facts["generator"]))
    except Error as error:
        run.model.load_state_dict(before)
        checkpoint.refuse(
            f"its optimizer state does not fit: {error}; use the optimizer it was saved with", error
        )
    run.progress = progress
    changed = []
    if isinstance(run, Run) and checkpoint.facts.get("data_checksum") != run.data_checksum:
        changed.append(
            f"the training data of {run.recipe.data} are not those that the run began with: it "
            "goes on with the data as they are now"
        )
    return changed + _differences(checkpoint.facts.get("environment") or {}, environment_of(run))


def resume(
    path: str | Path,
    *,
    threads: int | None = None,
    device: str | None = None,
    dataset: Dataset | None = None,
) -> tuple[Run, list[str]]:
    """The run that goes on where its checkpoint was saved.

    Args:
        path: the file, or the folder of a run.
        threads: for the matrix products; None takes as many as before.
        device: where to go on; None goes on where it was.
        dataset: used instead of loading the recipe's.

    Returns:
        The run, ready for `fit`, and what differs from where it was saved; see `restore`.

    Raises:
        CheckpointError: see `load` and `restore`.
        DeviceError: the device is not on this machine.
    """
    checkpoint = load(path)
    recipe = checkpoint.recipe
    if threads is not None:
        recipe = replace(recipe, threads=threads)
    if device is not None:
        recipe = replace(recipe, device=device)
    run = assemble(recipe, dataset)
    return run, restore(checkpoint, run)


def environment_of(run: Training) -> dict[str, str]:
    """`environment.describe()` with the threads and the device that this run uses."""
    with using_threads(run.threads):
        return {**describe(), "device": device_described(model_device(run.model))}


def _same_recipe(checkpoint: Checkpoint, recipe: Recipe) -> None:
    saved, wanted = checkpoint.recipe.complete().to_dict(), recipe.to_dict()
    for name, value in saved.items():
        if value != wanted[name] and name not in ("threads", "device"):
            checkpoint.refuse(
                f"it was saved by a run with {name} {value!r}, but this one has {wanted[name]!r}; "
                f"resume it with {name} {value!r}, or start a new run"
            )


def _differences(saved: dict[str, str], now: dict[str, str]) -> list[str]:
    """One sentence for each thing that is not as it was."""
    saved = {"device": "cpu", **saved}
    return [
        f"{name} was {saved.get(name, 'not noted')} when the checkpoint was saved, and is {value} "
        "now: the last bits of the run may differ"
        for name, value in now.items()
        if saved.get(name) != value
    ]


def _checksum(arrays: dict[str, np.ndarray[Any, Any]]) -> int:
    total = 0
    for name in sorted(arrays):
        total = zlib.crc32(arrays[name].tobytes(), zlib.crc32(name.encode(), total))
    return total
