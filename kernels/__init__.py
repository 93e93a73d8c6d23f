"""The kernels: arrays in, arrays out. They know no Tensor and no graph.

One folder per family of ops; its `__init__.py` is the specification, its `reference.py` the
definition. Read next: `README.md`, then `matmul/reference.py`, then `conv2d/reference.py`.
"""

if __name__ == "kernels":
    raise ImportError(
        "this folder is the package tinygrad_course.kernels, and the name `kernels` belongs to "
        "another project: write `from tinygrad_course import kernels`, with the checkout's root "
        "(not the root's `kernels` folder) or the installed package on the path"
    )

from . import (  # each of these registers its ops
    activation,
    add,
    batch_norm,
    conv2d,
    dense,
    dropout,
    embedding,
    group_norm,
    local_response_norm,
    lstm,
    matmul,
    optimizer_step,
    pool2d,
    softmax,
    softmax_cross_entropy,
    sum_rows,
    unfold,
)
from .arrays import array_module
from .compiled import failed_to_compile
from .dispatch import Report, choice, find, recover, report, reset_report, using
from .numerics import numerics
from .registry import (
    Benchmark,
    Cost,
    Implementation,
    KernelError,
    KernelWarning,
    Op,
    implementation,
    implementations,
    names,
    op,
    remove,
    signature,
)
from .threads import get_num_threads, set_num_threads

__all__ = [
    "Benchmark",
    "Cost",
    "Implementation",
    "KernelError",
    "KernelWarning",
    "Op",
    "Report",
    "activation",
    "add",
    "array_module",
    "batch_norm",
    "choice",
    "conv2d",
    "dense",
    "dropout",
    "embedding",
    "failed_to_compile",
    "find",
    "get_num_threads",
    "group_norm",
    "implementation",
    "implementations",
    "local_response_norm",
    "lstm",
    "matmul",
    "names",
    "numerics",
    "op",
    "optimizer_step",
    "pool2d",
    "recover",
    "remove",
    "report",
    "reset_report",
    "set_num_threads",
    "signature",
    "softmax",
    "softmax_cross_entropy",
    "sum_rows",
    "unfold",
    "using",
]
