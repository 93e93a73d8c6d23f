"""`tgc`, which is also `python -m tinygrad_course`. Read next: `cli/app.py`."""

from __future__ import annotations


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    from .cli.app import tgc

    tgc.main(prog_name="tgc")


if __name__ == "__main__":
    main()
