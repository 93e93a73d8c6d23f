// y = f(a + b): each number read once, the sum written once.
// The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"

// Without `__restrict__`: y may be one of the terms.
extern "C" __global__ void __launch_bounds__(THREADS)
    add(const float* a, const float* b, float* y, i64 count, int kind) {
  const i64 packs = count / VEC, step = step_of_grid();
  for (i64 pack = first_of_grid(); pack < packs; pack += step) {
    Pack<VEC> sum = load<VEC>(a, pack);
    const Pack<VEC> other = load<VEC>(b, pack);
#pragma unroll
    for (int k = 0; k < VEC; ++k) sum.at[k] = activate(kind, sum.at[k] + other.at[k]);
    store<VEC>(y, pack, sum);
  }
  const i64 rest = packs * VEC + first_of_grid();
  if (rest < count) y[rest] = activate(kind, a[rest] + b[rest]);
}
