"""What `tgc` alone shows: what to do first, and what after that. Nothing heavy is imported."""

from __future__ import annotations

import click

from .. import __version__

FIRST = (
    ("tgc train", "a network learns handwritten digits: half a minute"),
    ("tgc predict --sample 7", "show it a digit that it has never seen"),
    ("tgc predict digit.png", "show it one that you drew or photographed"),
)
THEN = (
    ("tgc advise", "is the run good enough, and what to try next?"),
    ("tgc summary lenet5", "what the network is made of"),
    ("tgc data list", "other data; and `tgc train mlp --data spirals`"),
    ("tgc train --data FOLDER", "your own pictures, a folder for each class"),
    ("tgc doctor", "is this machine ready, is it as fast as it can be?"),
    ("tgc --help", "all commands; `tgc train --help` one of them"),
)


def welcome() -> None:
    """Print the first steps."""
    click.echo()
    title = click.style("tinygrad_course", bold=True) + click.style(f" {__version__}", dim=True)
    click.echo(f"  {title}")
    click.echo("  Neural networks to read: every gradient written by hand and proved.")
    for heading, lines in (("Start here", FIRST), ("Then", THEN)):
        click.echo(f"\n  {click.style(heading, bold=True)}")
        width = max(len(command) for command, _ in FIRST + THEN)
        for command, words in lines:
            click.echo(f"    {click.style(command.ljust(width), fg='cyan')}  {words}")
    click.echo(f"\n  {click.style('In Python', bold=True)}")
    click.echo(f"    {click.style('import tinygrad_course as tg', fg='cyan')}\n")
