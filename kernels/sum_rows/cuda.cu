// The sum over rows, y[c] = sum over m of x[m, c], in two stages without atomics: every slice of
// rows leaves one row of partial sums, and the same kernel then adds those. The order of all
// additions follows from the shape alone, so that the bits do too.
// The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"

// A block owns `width` packs of columns (blockIdx.x says which) and a slice of the rows
// (blockIdx.y). Its threads stand in THREADS / width rows of `width`, so that even six columns
// fill the block, and neighbours read neighbouring addresses.
extern "C" __global__ void __launch_bounds__(THREADS)
    sum_rows(const float* __restrict__ x, float* __restrict__ y, i64 M, int C, int width) {
  __shared__ Pack<VEC> sums[THREADS];
  const int packs = C / VEC, side_by_side = THREADS / width;
  const int row = threadIdx.x / width, column = blockIdx.x * width + threadIdx.x % width;
  const i64 slice = (M + gridDim.y - 1) / gridDim.y;
  const i64 start = blockIdx.y * slice, stop = min(start + slice, M);
  Pack<VEC> sum;
#pragma unroll
  for (int k = 0; k < VEC; ++k) sum.at[k] = 0.0f;
  if (row < side_by_side && column < packs) {
#pragma unroll 4  // four loads on their way, added in their order
    for (i64 m = start + row; m < stop; m += side_by_side) {
      const Pack<VEC> value = load<VEC>(x, m * packs + column);
#pragma unroll
      for (int k = 0; k < VEC; ++k) sum.at[k] += value.at[k];
    }
  }
  sums[threadIdx.x] = sum;
  // Halve the rows until one is left. Threads beyond the last whole row hold zeros.
  for (int rows = side_by_side; rows > 1;) {
    const int half = (rows + 1) / 2;
    __syncthreads();
    if (row < rows - half) {
#pragma unroll
      for (int k = 0; k < VEC; ++k)
        sums[threadIdx.x].at[k] += sums[threadIdx.x + half * width].at[k];
    }
    rows = half;
  }
  if (row == 0 && column < packs)
    store<VEC>(y, static_cast<i64>(blockIdx.y) * packs + column, sums[threadIdx.x]);
}
