// The embedding, rows of a table by their numbers, and its gradient, a sum into rows: no atomics,
// so that the bits do not depend on which thread comes first.
// The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"

// A row belongs to `lanes` neighbouring threads, a power of two: neighbours read neighbouring packs.
struct Lanes {
  i64 row;
  int lane, count;
};

__device__ __forceinline__ Lanes my_lanes(int lanes) {
  const int rows_of_block = THREADS / lanes;
  return {static_cast<i64>(blockIdx.x) * rows_of_block + threadIdx.x / lanes,
          static_cast<int>(threadIdx.x) % lanes, lanes};
}

// y[j] = weight[index[j]], or zeros where that is the padding's number.
extern "C" __global__ void __launch_bounds__(THREADS)
    read_rows(const float* __restrict__ weight, const i64* __restrict__ index,
              float* __restrict__ y, i64 count, int packs, i64 padding, int lanes) {
  const Lanes my = my_lanes(lanes);
  if (my.row >= count) return;
  const i64 from = index[my.row];
  for (int pack = my.lane; pack < packs; pack += my.count) {
    Pack<VEC> value = {};
    if (from != padding) value = load<VEC>(weight, from * packs + pack);
    store<VEC>(y, my.row * packs + pack, value);
  }
}

// dw[v] = sum of dy[j] over the j with index[j] = v. `sorted` holds index[j] count + j in order:
// equal numbers lie side by side, their places ascending. Whoever stands at the first of them adds
// all of them up; rows that nothing reads, and the padding's, hold zeros before.
extern "C" __global__ void __launch_bounds__(THREADS)
    add_rows(const float* __restrict__ dy, const i64* __restrict__ sorted, float* __restrict__ dw,
             i64 count, int packs, i64 padding, int lanes) {
  const Lanes my = my_lanes(lanes);
  if (my.row >= count) return;
  const i64 row = sorted[my.row] / count, end = (row + 1) * count;
  if (row == padding || (my.row > 0 && sorted[my.row - 1] >= row * count)) return;
  for (int pack = my.lane; pack < packs; pack += my.count) {
    Pack<VEC> sum = {};
    for (i64 at = my.row; at < count && sorted[at] < end; ++at) {
      const Pack<VEC> value = load<VEC>(dy, (sorted[at] - row * count) * packs + pack);
#pragma unroll
      for (int k = 0; k < VEC; ++k) sum.at[k] += value.at[k];
    }
    store<VEC>(dw, row * packs + pack, sum);
  }
}
