"""`tgc overfit`: can the model learn 32 samples by heart? The first test of what does not learn."""

from __future__ import annotations

import math
from typing import Any

import click

from ..errors import ArgumentError
from .options import common, print_json
from .settings import (
    DATA_OPTIONS,
    MACHINE_OPTIONS,
    METHOD_OPTIONS,
    given_of,
    recipe_and_data,
    recipe_options,
)

LEFT_OUT = ("schedule", "weight_decay", "shift", "flip", "accumulate")


@click.command()
@recipe_options(DATA_OPTIONS, METHOD_OPTIONS, MACHINE_OPTIONS, without=LEFT_OUT)
@click.option(
    "--samples",
    default=32,
    show_default=True,
    type=click.IntRange(min=2),
    metavar="N",
    help="How many to learn by heart.",
)
@click.option(
    "--steps",
    default=1000,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Give up after so many steps.",
)
@common
def command(samples: int, steps: int, as_json: bool, **settings: Any) -> None:
    """Let MODEL learn a few samples by heart: the exit code is 1 if it cannot.

    Every network with more weights than samples can; one that cannot has a fault, and more data or
    more epochs will not mend it. Dropout, augmentation and decay are left out.
    """
    from ..training.overfitting import overfit

    given = {"optimizer": "adam", **given_of(settings)}
    recipe, dataset = recipe_and_data(given)
    result = overfit(
        recipe,
        dataset,
        samples=samples,
        steps=steps,
        tell=print_step(dataset.task) if not as_json else lambda record: None,
    )
    remedies = remedies_of(result.loss, result.score)
    if as_json:
        print_json(
            {
                "event": "overfit",
                "model": recipe.model,
                "data": dataset.name,
                "samples": result.samples,
                "steps": result.steps,
                "loss": result.loss,
                "r2" if dataset.task == "regression" else "accuracy": result.score,
                "learned": result.learned,
                "remedies": [] if result.learned else remedies,
            }
        )
    elif result.learned:
        click.echo(
            f"\n{click.style('Yes', fg='green', bold=True)}: {recipe.model} knows all "
            f"{result.samples} samples of {dataset.name} by heart after {result.steps} steps. "
            "Layers, gradients,\nloss and labels work together; what is left to find is how to "
            f"learn what others show too:\n  tgc train {recipe.model} --data {recipe.data}"
        )
    if not result.learned:
        listed = "".join(f"\n  {number}. {text}" for number, text in enumerate(remedies, 1))
        raise ArgumentError(
            f"overfit: {recipe.model} does not know {result.samples} samples of {dataset.name} by "
            f"heart after {result.steps} steps (loss {result.loss:.4g}). Try in this order:"
            f"{listed}"
        )


def print_step(task: str) -> Any:
    """A function that prints the 1st, 2nd, 5th, 10th, 20th, ... step."""
    name = "R2" if task == "regression" else "accuracy"

    def tell(record: dict[str, Any]) -> None:
        step = record["step"]
        if step == 1:
            click.echo(f"  step        loss  {name:>8}")
        if step / 10 ** int(math.log10(step)) in (1, 2, 5):
            score = record["score"]
            shown = f"{score:.4f}" if task == "regression" else f"{100 * score:.1f} %"
            click.echo(f"{step:>6}{record['loss']:>12.4g}  {shown:>8}")

    return tell


def remedies_of(loss: float, score: float) -> list[str]:
    """What to look at where a model cannot learn by heart, the likeliest first.

    Example:
        >>> remedies_of(math.inf, 0.1)[0]
        'the loss is no number: lower --lr tenfold'
    """
    first = (
        "the loss is no number: lower --lr tenfold"
        if not math.isfinite(loss)
        else "it is nearly there: give it more --steps"
        if score > 0.9
        else "the rate: `tgc lr-range` finds one; try --lr ten times lower and higher"
    )
    return [
        first,
        "the labels: look at some samples and what they are called",
        "the samples: are they scaled, are they all alike?",
        "a gradient of your own: tg.gradcheck(f, inputs) compares it with finite differences",
        "the size: a model with fewer weights than samples cannot; take a larger one",
    ]
