#!/usr/bin/env bash
# All that an hour on a GPU is for: what is installed, the tests, the kernels' speeds, the steps'.
#
#     benchmarks/gpu_run.sh --prepare [PYTHON]   on a machine with a network: packages into .gpu/
#     benchmarks/gpu_run.sh [OUT]                on the GPU machine; OUT is benchmarks/results/gpu
#     benchmarks/gpu_run.sh --rehearse [OUT]     without a GPU: the same parts, as far as they go
#
# The GPU machine needs Python, NumPy and CuPy; what else the parts want comes along in .gpu/, for
# the version of Python named (3.12, say). After a break, run it once more: parts that OUT/done.txt
# names are not run again, and the kernels go on with the op at which they stopped.
# PARTS="tests kernels" runs some of the parts; SECONDS_LEFT=540 ends the whole run in time.
# OUT holds five files: log.txt, done.txt, gpu-kernels.json, gpu-training.json, gpu-kernels.html.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
packages=(
  pytest hypothesis pluggy iniconfig packaging sortedcontainers pygments
  click rich markdown-it-py mdurl jinja2 markupsafe safetensors threadpoolctl
)

if [ "${1:-}" = --prepare ]; then
  version=${2:-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')}
  rm -rf .gpu && mkdir -p .gpu/packages
  "$python" -m pip install --quiet --no-compile --no-deps --only-binary=:all: \
    --python-version "$version" --target .gpu/packages "${packages[@]}" || exit 1
  du -sh .gpu
  exit 0
fi

rehearse=()
if [ "${1:-}" = --rehearse ]; then rehearse=(--rehearse); shift; fi
out=$(mkdir -p "${1:-benchmarks/results/gpu}" && cd "${1:-benchmarks/results/gpu}" && pwd)
export PYTHONPATH="$PWD:$PWD/.gpu/packages${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
left=${SECONDS_LEFT:-36000}
failed=0

part() { # part NAME COMMAND...: run it once, log it, note it when it has succeeded
  local name=$1 started=$SECONDS status=75
  shift
  case " ${PARTS:-about tests kernels training} " in *" ${name%%-*} "*) ;; *) return 0 ;; esac
  if grep -qsx "$name" "$out/done.txt"; then echo "== $name: done before"; return 0; fi
  while [ "$status" = 75 ]; do # a fault on the GPU ends a process for good: the next one goes on
    if [ $((left - SECONDS)) -lt 20 ]; then
      echo "== $name: no time is left"
      failed=1
      return 1
    fi
    echo "== $name" | tee -a "$out/log.txt"
    timeout -k 5 $((left - SECONDS - 10)) "$@" 2>&1 | tee -a "$out/log.txt"
    status=${PIPESTATUS[0]}
  done
  if [ "$status" = 0 ]; then echo "$name" >>"$out/done.txt"; else failed=1; fi
  echo "== $name: exit $status after $((SECONDS - started)) s" | tee -a "$out/log.txt"
  return "$status"
}

marker=gpu
if [ ${#rehearse[@]} -gt 0 ]; then marker="not gpu"; fi
part about "$python" -c '
import sys, numpy, tinygrad_course as tg
print("Python", sys.version.split()[0], "NumPy", numpy.__version__)
reason = tg.cuda.why_not()
print(reason or tg.cuda.device_name())
sys.exit(1 if reason and len(sys.argv) == 1 else 0)' "${rehearse[@]}" || exit 1
# A file of tests to a process: what one breaks on the GPU, the others do not meet. Warnings are
# told and do not fail: which of them CuPy or a missing Numba gives differs between machines.
for file in tests/gpu/test_*.py; do
  part "tests-$(basename "$file" .py)" "$python" -m pytest -q -W default -p no:cacheprovider \
    --maxfail=40 -m "$marker" "$file"
done
part kernels "$python" benchmarks/gpu.py --out "$out" --only kernels "${rehearse[@]}"
part training "$python" benchmarks/gpu.py --out "$out" --only training "${rehearse[@]}"
if [ -e "$out/gpu-kernels.json" ] && "$python" -c 'import jinja2' 2>/dev/null; then
  "$python" benchmarks/gpu_page.py "$out/gpu-kernels.json" "$out/gpu-kernels.html"
fi
exit $failed
