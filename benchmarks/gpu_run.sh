#!/usr/bin/env bash
# All that an hour on a GPU is for: what is installed, the tests, the kernels' speeds, the steps'.
#
#     benchmarks/gpu_run.sh --prepare [PYTHON]   on a machine with a network: packages into .gpu/
#     benchmarks/gpu_run.sh [OUT]                on the GPU machine; OUT is benchmarks/results/gpu
#     benchmarks/gpu_run.sh --rehearse [OUT]     without a GPU: the same parts, as far as they go
#
# The GPU machine needs Python, NumPy and CuPy; what else the parts want comes along in .gpu/.
# Parts that are done leave a mark in OUT and are not run again: after a break, run it once more.
# PARTS="tests kernels" runs some of them; LIMIT=540 ends a part after so many seconds.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
packages=(pytest hypothesis pluggy iniconfig packaging sortedcontainers pygments)

if [ "${1:-}" = --prepare ]; then
  version=${2:-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')}
  rm -rf .gpu && mkdir -p .gpu/packages
  "$python" -m pip install --quiet --no-compile --no-deps --only-binary=:all: \
    --python-version "$version" --target .gpu/packages "${packages[@]}" || exit 1
  if "$python" -c 'import numba_cuda' 2>/dev/null; then
    "$python" -m tinygrad_course.kernels.numba_ptx .gpu/ptx || exit 1
  else
    echo "numba-cuda is not installed here: Numba's kernels are left out (pip install tinygrad-course[numba-cuda13])"
  fi
  du -sh .gpu
  exit 0
fi

rehearse=()
if [ "${1:-}" = --rehearse ]; then rehearse=(--rehearse); shift; fi
out=$(mkdir -p "${1:-benchmarks/results/gpu}" && cd "${1:-benchmarks/results/gpu}" && pwd)
export PYTHONPATH="$PWD:$PWD/.gpu/packages${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
if [ -d .gpu/ptx ]; then export TGC_NUMBA_PTX="$PWD/.gpu/ptx"; fi
failed=0

part() { # part NAME COMMAND...: run it once, log it, mark it when it has succeeded
  local name=$1 started=$SECONDS
  shift
  case " ${PARTS:-about tests kernels training} " in *" $name "*) ;; *) return ;; esac
  if [ -e "$out/$name.done" ]; then echo "== $name: done before"; return; fi
  echo "== $name"
  timeout "${LIMIT:-3600}" "$@" 2>&1 | tee "$out/$name.log"
  local status=${PIPESTATUS[0]}
  if [ "$status" = 0 ]; then touch "$out/$name.done"; else failed=1; fi
  echo "== $name: exit $status after $((SECONDS - started)) s"
}

marker=gpu
if [ ${#rehearse[@]} -gt 0 ]; then marker="not gpu"; fi
part about "$python" -c '
import sys, numpy, tinygrad_course as tg
print("Python", sys.version.split()[0], "NumPy", numpy.__version__)
reason = tg.cuda.why_not()
print(reason or tg.cuda.device_name())
sys.exit(1 if reason and len(sys.argv) == 1 else 0)' "${rehearse[@]}"
part tests "$python" -m pytest -q -p no:cacheprovider tests/gpu -m "$marker" --maxfail=40
part kernels "$python" benchmarks/gpu.py --out "$out" --only kernels "${rehearse[@]}"
part training "$python" benchmarks/gpu.py --out "$out" --only training "${rehearse[@]}"
if "$python" -c 'import jinja2' 2>/dev/null && [ -e "$out/gpu-kernels.json" ]; then
  "$python" benchmarks/gpu_page.py "$out/gpu-kernels.json" "$out/gpu-kernels.html"
fi
exit $failed
