"""`tgc bench`: what is fast here, beside what, and how far from what the machine can do.

Nothing is timed in the process that asks: each engine, each kernel under test lives in a process
of its own (`worker.py`), and they take turns, so that no thread pool spins beside another and a
drift of the machine meets all alike. Read next: `timing.py`, `worker.py`, then `steps.py` (whole
training steps beside other libraries) or `kernels.py` (every implementation of an op).
"""
