"""What `tgc` alone shows: what to do first, and what after that. Nothing heavy is imported."""

from __future__ import annotations

import click

from .. import __version__

FIRST = (
    ("tgc train", "a convolutional network learns handwritten digits, in about a minute"),
    ("tgc predict photo.png", "show it a digit you drew or photographed"),
    ("tgc summary lenet5", "what the network is made of"),
)
THEN = (
    ("tgc train mlp --data spirals", "another model, other data: `tgc data list` has them all"),
    ("tgc doctor", "is this machine ready, and is it as fast as it could be?"),
    ("tgc --help", "every command; `tgc train --help` every option of one"),
)


def welcome() -> None:
    """Print the first steps."""
    click.echo()
    title = click.style("tinygrad_course", bold=True) + click.style(f" {__version__}", dim=True)
    click.echo(f"  {title}")
    click.echo("  Neural networks to read: every gradient written by hand and proved.")
    for heading, lines in (("Start here", FIRST), ("Then", THEN)):
        click.echo(f"\n  {click.style(heading, bold=True)}\n")
        width = max(len(command) for command, _ in FIRST + THEN)
        for command, words in lines:
            click.echo(f"    {click.style(command.ljust(width), fg='cyan')}  {words}")
    click.echo()
    click.echo("  In Python: " + click.style("import tinygrad_course as tg", fg="cyan"))
    click.echo()
