"""What one op costs, beside PyTorch: the same as `tgc bench overhead`, whose options it takes."""

from tinygrad_course.cli.app import tgc

if __name__ == "__main__":
    import sys

    tgc.main(["bench", "overhead", *sys.argv[1:]], prog_name="tgc")
