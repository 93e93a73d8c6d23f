// y = f(x + b) and its gradient: one read of each input and one write, the least there can be.
// The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"

// Each thread has this many packs on their way before it uses the first. A multiprocessor of an
// H100 or H200 needs about 30 KiB in flight to fill its share of the memory's bandwidth (bandwidth
// x latency / processors); 2,048 threads with two packs of 16 bytes have 64 KiB.
constexpr int AT_ONCE = 2;

// Without `__restrict__`: y may be x itself, and dx may be dy.
extern "C" __global__ void __launch_bounds__(THREADS)
    activation(const float* x, const float* b, float* y, i64 count, int C, int kind) {
  const i64 packs = count / VEC, step = step_of_grid();
  i64 pack = first_of_grid();
  // The bias repeats every C numbers. Its place for the next pack follows from the last by an
  // addition: a division for each number would cost more than the number.
  int column = static_cast<int>(pack * VEC % C);
  const int column_step = static_cast<int>(step * VEC % C);
  for (; pack < packs; pack += AT_ONCE * step) {
    Pack<VEC> value[AT_ONCE];
#pragma unroll
    for (int u = 0; u < AT_ONCE; ++u)
      if (pack + u * step < packs) value[u] = load<VEC>(x, pack + u * step);
#pragma unroll
    for (int u = 0; u < AT_ONCE; ++u) {
      if (pack + u * step < packs) {
#pragma unroll
        for (int k = 0; k < VEC; ++k)
          value[u].at[k] = activate(kind, b ? value[u].at[k] + b[column + k] : value[u].at[k]);
        store<VEC>(y, pack + u * step, value[u]);
      }
      column += column_step;
      if (column >= C) column -= C;
    }
  }
  // What is left of a pack: with a bias there is nothing, since then VEC divides C.
  const i64 rest = packs * VEC + first_of_grid();
  if (rest < count) y[rest] = activate(kind, b ? x[rest] + b[rest % C] : x[rest]);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    activation_grad(const float* dy, const float* y, float* dx, i64 count, int kind) {
  const i64 packs = count / VEC, step = step_of_grid();
  for (i64 pack = first_of_grid(); pack < packs; pack += step) {
    Pack<VEC> upstream = load<VEC>(dy, pack), result = load<VEC>(y, pack);
#pragma unroll
    for (int k = 0; k < VEC; ++k)
      upstream.at[k] = activate_grad(kind, upstream.at[k], result.at[k]);
    store<VEC>(dx, pack, upstream);
  }
  const i64 rest = packs * VEC + first_of_grid();
  if (rest < count) dx[rest] = activate_grad(kind, dy[rest], y[rest]);
}
