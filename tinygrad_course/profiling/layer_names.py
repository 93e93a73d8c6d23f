"""What a profile calls the layers: by their paths from the outermost module that was called.

Read next: `rows.py`.
"""

from __future__ import annotations

from typing import Any


class LayerNames:
    """Names layers when they are first called; a model is walked once.

    The first model's layers have the names that its `state_dict` has, those of a second one its
    class in front. The model itself goes by its class.

    Attributes:
        inside: for each name, that of the layer around it.

    Example:
        >>> import tinygrad_course as tg
        >>> one, other = (tg.nn.Sequential(tg.nn.ReLU()) for _ in range(2))
        >>> names = LayerNames()
        >>> names.of(one), names.of(one[0])
        ('Sequential', 'layers.0')
        >>> names.of(other), names.of(other[0]), names.inside["Sequential#2.layers.0"]
        ('Sequential#2', 'Sequential#2.layers.0', 'Sequential#2')
    """

    def __init__(self) -> None:
        self.inside: dict[str, str] = {}
        # The modules are held, so that no other takes over an identity.
        self._names: dict[int, tuple[Any, str]] = {}

    def of(self, module: Any, around: str = "") -> str:
        """The name of `module`, which was called by the layer named `around`, if by any."""
        known = self._names.get(id(module))
        if known is None:
            self._walk(module, around)
            known = self._names[id(module)]
        return known[1]

    def forget(self) -> None:
        """Hold no module any more; the names given stay."""
        self._names.clear()

    def _walk(self, root: Any, around: str) -> None:
        """Name `root`, which is no part of what was named before, and what is below it."""
        title = self._free(f"{around}.{type(root).__name__}" if around else type(root).__name__)
        if around:
            self.inside[title] = around
        prefix = f"{title}." if self._names else ""
        paths = {"": title}
        for path, module in root.named_modules():
            if path:
                paths[path] = prefix + path
                above = path.rpartition(".")[0]
                while above not in paths:  # a list is no layer: its owner is further up
                    above = above.rpartition(".")[0]
                self.inside.setdefault(paths[path], paths[above])
            self._names.setdefault(id(module), (module, paths[path]))

    def _free(self, title: str) -> str:
        """`title`, with a number if it is taken."""
        taken = {name for _, name in self._names.values()}
        number, free = 1, title
        while free in taken:
            number += 1
            free = f"{title}#{number}"
        return free
