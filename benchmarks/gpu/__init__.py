"""Kernels and training steps on a GPU, beside the card's own limits.

    python -m benchmarks.gpu --out FOLDER               everything, about five minutes
    python -m benchmarks.gpu --out FOLDER --only kernels --ops conv2d adam_step
    python -m benchmarks.gpu --out FOLDER --rehearse    no GPU: tiny sizes, no times worth a look

Times are the GPU's own (events around many launches), medians over rounds in which the
implementations take turns; inputs rotate through more memory than the second-level cache holds,
or through 64 copies. The first call, which compiles, and the host's time per launch stand apart.
Limits are measured in the same run: a copy of 1 GiB, and the matrix product of the vendor's library
in float32 (TF32 off). A result that is wrong is not timed. PyTorch and its cuDNN are timed too
where installed. Run again with the same FOLDER, it goes on with the op at which it stopped; after a
fault from which a process cannot use the GPU any more it ends with status 75: run it again then.

`gpu_run.sh` runs this together with the tests. Read next: `clock.py`, `card.py`, `kernel_times.py`
(one op: right, then timed), `peers.py`, `steps.py`, `resume.py`.
"""
