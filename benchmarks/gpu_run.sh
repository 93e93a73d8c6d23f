#!/usr/bin/env bash
# All that an hour on a GPU is for: what is installed, the tests, the kernels' speeds, the steps'.
#
#     benchmarks/gpu_run.sh --prepare [PYTHON]   on a machine with a network: fills .gpu/
#     benchmarks/gpu_run.sh [OUT]                on the GPU machine; OUT is benchmarks/results/gpu
#     benchmarks/gpu_run.sh --rehearse [OUT]     without a GPU: the same parts, as far as they go
#
# The GPU machine needs Python, NumPy and CuPy. What else the parts want comes along in .gpu/:
# packages, for the version of Python named (3.12, say), and the Numba kernels as PTX, for a driver
# of CUDA 13. After a break, run it once more with the same OUT, or with a copy of it: parts that
# done.txt names are not run again, and the kernels go on with the op at which they stopped.
# PARTS="tests-test_gpu_ops kernels" runs some of the parts; SECONDS_LEFT=540 ends the whole run in time.
# OUT holds five files: log.txt, done.txt, gpu-kernels.json, gpu-training.json, gpu-kernels.html.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
python=${PYTHON:-python3}
packages=(
  pytest hypothesis pluggy iniconfig packaging sortedcontainers pygments
  click rich markdown-it-py mdurl jinja2 markupsafe safetensors threadpoolctl
)

version_of_python() { "$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

prepare() { # prepare [VERSION OF PYTHON]: packages and PTX into .gpu/
  local version=${1:-} compiler=$python
  if [ -z "$version" ]; then version=$(version_of_python) || return 1; fi
  rm -rf .gpu && mkdir -p .gpu/packages && echo "$version" >.gpu/python || return 1
  "$python" -m pip install --quiet --no-compile --no-deps --only-binary=:all: \
    --python-version "$version" --target .gpu/packages "${packages[@]}" || return 1
  if ! "$python" -c 'import numba_cuda' 2>/dev/null; then
    "$python" -m venv .gpu/compiler || return 1
    compiler=.gpu/compiler/bin/python
    "$compiler" -m pip install --quiet numba --requirement tests/cuda_requirements.txt || return 1
  fi
  PYTHONPATH=$PWD "$compiler" -m tinygrad_course.kernels.numba_ptx .gpu/ptx || return 1
  rm -rf .gpu/compiler
  du -sh .gpu
}

part() { # part NAME SHARE COMMAND...: run it once, in a share of the time left; note its success
  local name=$1 share=$2 started=$SECONDS status=75
  shift 2
  case " ${PARTS:-about tests kernels training} " in
    *" $name "* | *" ${name%%-*} "*) ;;
    *) return 0 ;;
  esac
  if grep -qsx "$name" "$out/done.txt"; then
    echo "== $name: done before"
    return 0
  fi
  while [ "$status" = 75 ]; do # a fault on the GPU ends a process for good: the next one goes on
    if [ $((left - SECONDS)) -lt 20 ]; then
      echo "== $name: no time is left"
      return 1
    fi
    echo "== $name"
    timeout -k 5 $(((left - SECONDS - 10) / share)) "$@"
    status=$?
  done
  if [ "$status" = 0 ]; then echo "$name" >>"$out/done.txt"; fi
  echo "== $name: exit $status after $((SECONDS - started)) s"
  return "$status"
}

tests() { # a file of tests to a process, side by side: they wait for compilers more than for the GPU
  local logs pid file name status=0 pids=() names=()
  if [ "$prepared" != "$(version_of_python)" ]; then
    echo "== tests: .gpu/ holds packages for Python $prepared, and this is $(version_of_python)." \
      "Prepare it again: benchmarks/gpu_run.sh --prepare $(version_of_python)"
    return 1
  fi
  logs=$(mktemp -d)
  for file in tests/gpu/test_*.py; do # what one breaks on the GPU, the others do not meet
    name=tests-$(basename "$file" .py)
    # Warnings are told and do not fail: which of them CuPy or a missing Numba gives differs.
    part "$name" 2 "$python" -m pytest -q -W default -p no:cacheprovider --maxfail=40 \
      -m "$marker" "$file" >"$logs/$name" 2>&1 &
    pids+=($!) names+=("$name")
  done
  for pid in "${!pids[@]}"; do
    wait "${pids[$pid]}" || status=1
    cat "$logs/${names[$pid]}"
  done
  rm -rf "$logs"
  return $status
}

run() { # all parts; fails where one of them has
  local status=0
  part about 1 "$python" -c '
import sys, numpy, tinygrad_course as tg
print("Python", sys.version.split()[0], "NumPy", numpy.__version__)
reason = tg.cuda.why_not()
print(reason or tg.cuda.device_name())
sys.exit(1 if reason and len(sys.argv) == 1 else 0)' "${rehearse[@]}" || return 1
  tests || status=1
  part kernels 1 "$python" -m benchmarks.gpu --out "$out" --only kernels "${rehearse[@]}" || status=1
  part training 1 "$python" -m benchmarks.gpu --out "$out" --only training "${rehearse[@]}" ||
    status=1
  "$python" -m benchmarks.gpu --out "$out" --only page
  return $status
}

if [ "${1:-}" = --prepare ]; then
  prepare "${2:-}"
  exit
fi
rehearse=() marker=gpu
if [ "${1:-}" = --rehearse ]; then
  rehearse=(--rehearse) marker="not gpu"
  shift
fi
out=${1:-benchmarks/results/gpu}
mkdir -p "$out" || exit 1
out=$(cd "$out" && pwd)
prepared=$(cat .gpu/python 2>/dev/null || version_of_python)
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
if [ "$prepared" = "$(version_of_python)" ]; then PYTHONPATH+=":$PWD/.gpu/packages"; fi
export PYTHONUNBUFFERED=1 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
if [ -d .gpu/ptx ]; then export TGC_NUMBA_PTX=$PWD/.gpu/ptx; fi
left=${SECONDS_LEFT:-36000}
run 2>&1 | tee -a "$out/log.txt"
exit "${PIPESTATUS[0]}"
