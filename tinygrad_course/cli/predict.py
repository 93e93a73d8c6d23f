"""`tgc predict FILE`: what a trained model sees in a picture, and how sure it is.

`picture.py` makes of the file what the model was trained on; `predict_table.py` does tables.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import CheckpointError
from . import folders
from .failure import warn
from .options import common, print_json
from .outcome import is_image
from .predict_table import answer_table, is_table, takes_table

if TYPE_CHECKING:
    from rich.text import Text

    from ..checkpoint import Checkpoint

BAR = 30
"""Columns of a probability of 1."""


HELP = """Show one or more files to a trained model.

A picture may be a PNG, a JPEG or another image of any size. For a model that learned digits of
MNIST or `digits` it is made to look like these: inverted, freed from its background, scaled and
centred, be it drawn or photographed. For any other model it is resized, no more.

A model that learned from a table takes a table (.csv) with the same columns; the column to predict
may be missing.
"""


@click.command(help=HELP)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "-c", "--checkpoint", "run", metavar="RUN", type=click.Path(path_type=Path),
    help="A run's folder, or a checkpoint. [default: the newest run that takes such files]",
)  # fmt: skip
@click.option(
    "--sample", metavar="N", type=click.IntRange(min=0),
    help="Take test sample N of the run's data set instead of a file.",
)  # fmt: skip
@common
def command(files: tuple[Path, ...], run: Path | None, sample: int | None, as_json: bool) -> None:
    """Answer for each file; what kind of model is meant, the kind of file says."""
    if not files and sample is None:
        raise click.UsageError(
            "IMAGE is missing: name a picture of a digit, as in `tgc predict digit.png`; without "
            "one at hand try `tgc predict --sample 7`, a test image of the run",
            click.get_current_context(),
        )
    tables = [path for path in files if is_table(path)]
    for path in tables:
        answer_table(_newest(run, takes_table, "the columns of a table"), path, as_json)
    images = [path for path in files if path not in tables]
    if not images and sample is None:
        return
    saved = _newest(run, takes_image, "images")
    for path in images:
        pixels, more = _read(saved, path)
        _answer(saved, str(path), pixels, as_json, more)
    if sample is not None:
        pixels, label = _test_sample(saved, sample)
        _answer(saved, f"test sample {sample}", pixels, as_json, {"label": label})


def takes_image(saved: Checkpoint) -> bool:
    """Whether the model was trained on pictures, and tells classes apart."""
    return is_image(tuple(saved.facts.get("input_shape", ()))) and bool(saved.classes)


def _newest(run: Path | None, fits: Callable[[Checkpoint], bool], what: str) -> Checkpoint:
    """The checkpoint the user means; where none is named, the newest one that fits."""
    from .. import checkpoint

    places: list[Path | None] = [run]
    if run is None:
        places = [*folders.newest_first()] or [None]
    for place in places:
        saved: Checkpoint = checkpoint.load(folders.checkpoint_in(place))
        if fits(saved):
            return saved
    shape = tuple(saved.facts.get("input_shape", ()))
    raise CheckpointError(
        f"checkpoint {saved.path}: expects samples of shape {shape}, which are no {what}; "
        f"name a run that was trained on {what} with --checkpoint, or train one with `tgc train`"
    )


def _read(saved: Checkpoint, path: Path) -> tuple[Any, dict[str, Any]]:
    """The pixels (H, W, C) as the model knows them, and what there is to say about them."""
    from ..training.preparation import DIGITS
    from .picture import read_digit, read_picture

    height, width, channels = saved.facts["input_shape"]
    if saved.recipe.data not in DIGITS:
        return read_picture(path, height, width, channels), {}
    picture = read_digit(path, height, width)
    if picture.note:
        warn(f"{path}: {picture.note}")
    return picture.pixels[..., None], {"inverted": picture.inverted}


def _test_sample(saved: Checkpoint, index: int) -> tuple[Any, str]:
    """Test sample number `index` of the data the run was trained with, and what it is."""
    from .evaluate import fitting

    dataset = fitting(saved, saved.recipe.data)
    x, y = dataset.test
    if index >= len(x):
        raise click.UsageError(
            f"--sample: {dataset.name} has test samples 0 to {len(x) - 1}, but {index} is asked for"
        )
    return x[index], saved.classes[y[index]]


def _answer(saved: Checkpoint, name: str, pixels: Any, as_json: bool, more: dict[str, Any]) -> None:
    """Run the model on one image and print what it says."""
    from .. import no_grad, tensor
    from ..functional import softmax

    model = saved.model()
    batch = pixels[None].astype(saved.recipe.dtype)
    with no_grad():
        probabilities = softmax(model(tensor(batch))).numpy()[0]
    best = int(probabilities.argmax())
    if as_json:
        by_class = dict(zip(saved.classes, probabilities.tolist(), strict=True))
        print_json(
            {
                "event": "prediction",
                "image": name,
                "class": saved.classes[best],
                "confidence": float(probabilities[best]),
                "probabilities": by_class,
                **more,
            }
        )
        return
    from rich.table import Table
    from rich.text import Text

    from .terminal import console, path_markup, unicode_works

    screen = console()
    pretty = screen.is_terminal and unicode_works(screen) and not screen.is_dumb_terminal
    sure = f"{100 * probabilities[best]:.1f} %"
    sentence = Text.assemble(
        (name, "bold"), " looks like ", (f" {saved.classes[best]} ", "bold black on green"),
        f"  {sure} sure",
    )  # fmt: skip
    if "label" in more:
        right = more["label"] == saved.classes[best]
        verdict = "and it is" if right else f"but it is {more['label']}"
        sentence.append(f", {verdict}", style="green" if right else "red")
    side = Table.grid(padding=(0, 4, 0, 0))
    bars = _bars(saved.classes, probabilities, pretty)
    if pretty and screen.width >= pixels.shape[1] + 50 and screen.color_system:
        side.add_row(_half_blocks(pixels), bars)
    else:
        side.add_row(bars)
    screen.print()
    screen.print(side)
    screen.print()
    screen.print(sentence)
    screen.print(f"[dim]{saved.recipe.model} from[/] {path_markup(saved.path)}", soft_wrap=True)


def _bars(classes: tuple[str, ...], probabilities: Any, pretty: bool) -> Any:
    """A bar for each class, the longest in green."""
    from rich.table import Table
    from rich.text import Text

    eighths = " ▏▎▍▌▋▊▉█"
    made = Table.grid(padding=(0, 2, 0, 0))
    best = int(probabilities.argmax())
    for k, (name, share) in enumerate(zip(classes, probabilities, strict=True)):
        cells = round(float(share) * BAR * 8)
        blocks = "█" * (cells // 8) + eighths[cells % 8].strip()
        bar = blocks if pretty else "#" * round(cells / 8)
        style = "bold green" if k == best else "dim"
        made.add_row(
            Text(name, style=style if k == best else ""),
            Text(bar.ljust(BAR), style="green" if k == best else "cyan"),
            Text(f"{100 * float(share):5.1f} %", style=style),
        )
    return made


def _half_blocks(pixels: Any) -> Text:
    """The image as the model gets it: each character shows two pixels, one above the other."""
    from rich.text import Text

    levels = (255 * pixels.clip(0, 1)).astype(int)
    if levels.shape[2] == 1:
        levels = levels.repeat(3, axis=2)
    if len(levels) % 2:
        levels = levels[:-1]
    drawn = Text(no_wrap=True)
    for top, bottom in zip(levels[::2], levels[1::2], strict=True):
        for a, b in zip(top, bottom, strict=True):
            colours = (",".join(map(str, each)) for each in (a, b))
            drawn.append("▀", style="rgb({}) on rgb({})".format(*colours))
        drawn.append("\n")
    drawn.right_crop(1)
    return drawn
