"""`tgc summary MODEL`: the layers of a model, what each makes of an image, and what it costs."""

from __future__ import annotations

from dataclasses import asdict

import click

from .options import DATA, MODEL, common, print_json


@click.command()
@click.argument("model", default="lenet5", type=MODEL)
@click.option(
    "--data",
    default=None,
    type=DATA,
    metavar="NAME",
    help="The data set whose samples it is to take. [default: mnist-12k]",
)
@click.option("--classic", is_flag=True, help="The model as published: tanh, average pooling.")
@click.option(
    "--batch-size",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Samples at a time: activation bytes grow with it.",
)
@common
def command(model: str, data: str | None, classic: bool, batch_size: int, as_json: bool) -> None:
    """List the layers of MODEL (default: lenet5), as they come by in a forward pass.

    Multiply-adds count each use of a weight; bytes are those of the layer's output, which
    training keeps until the backward pass.
    """
    from .. import data as data_sets
    from .. import models, nn

    info = data_sets.info(data or "mnist-12k")
    outputs = len(info.classes) or 1
    built = models.build(model, input_shape=info.input_shape, classes=outputs, classic=classic)
    summary = nn.summary(built, info.input_shape, batch_size=batch_size)
    if as_json:
        for row in summary.rows:
            print_json({"event": "layer", **asdict(row)})
        totals = {
            "parameters": summary.parameters,
            "trainable_parameters": summary.trainable_parameters,
            "multiply_adds": summary.multiply_adds,
            "activation_bytes": summary.activation_bytes,
        }
        print_json({"event": "total", "model": model, "input_shape": info.input_shape, **totals})
        return
    from rich.text import Text

    from .terminal import console, table

    def shape(sizes: tuple[int, ...] | None) -> str:
        return " x ".join(map(str, sizes)) if sizes else "not called"

    def count(number: int) -> str:
        return f"{number:,}" if number else ""

    rows: list[tuple[object, ...]] = [
        (row.name, row.layer, shape(row.output_shape), count(row.parameters),
         count(row.multiply_adds), f"{row.activation_bytes:,}")
        for row in summary.rows
    ]  # fmt: skip
    totals_row = ("", "total", "", f"{summary.parameters:,}", f"{summary.multiply_adds:,}",
                  f"{summary.activation_bytes:,}")  # fmt: skip
    rows.append(tuple(Text(cell, style="bold") for cell in totals_row))
    screen = console()
    screen.print(
        f"[bold]{model}[/] on samples of {' x '.join(map(str, info.input_shape))} "
        f"[dim]({info.name}, {f'{outputs} classes' if info.classes else 'one number'})[/]\n"
    )
    columns = ("name", "layer", "output", "parameters", "multiply-adds", "bytes")
    screen.print(table(columns, rows, right=(2, 3, 4, 5)))
