"""The ops, one file per family: each op's forward, its gradients right under it, its function.

Start with `arithmetic.py`, then `linear.py` and `conv.py`. What NumPy calls `np.exp` runs on CuPy
arrays too, through NumPy's own protocols; hot ops go through `launch` to a kernel. Formulas (the
`grad_*` methods) are handed arrays in a plain pass and tensors under `create_graph=True`.
"""
