"""The roofline and the table of a run of `gpu.py`, as one HTML page.

python benchmarks/gpu_page.py RESULTS.json PAGE.html
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tinygrad_course.bench.page import write_page

if __name__ == "__main__":
    source, page = map(Path, sys.argv[1:])
    print(write_page(page, json.loads(source.read_text())))
