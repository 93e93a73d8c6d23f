// How blocks share the rows and columns of x (M, C), and two sums over the rows, without atomics:
// what kernels do that reduce all axes but the last. The launcher's side is `cuda_geometry.Columns`.
// Put in place of the line that includes it, as `cuda_common.cuh` is, after which it stands.

// Where a thread stands in the division of M rows and C columns; see `../sum_rows/cuda.cu`.
struct Place {
  int packs, rows, row, column;
  i64 start, stop;
  bool works;
};

__device__ __forceinline__ Place place(i64 M, int C, int width) {
  Place my;
  my.packs = C / VEC;
  my.rows = THREADS / width;
  my.row = threadIdx.x / width;
  my.column = blockIdx.x * width + threadIdx.x % width;
  my.works = my.row < my.rows && my.column < my.packs;
  const i64 slice = (M + gridDim.y - 1) / gridDim.y;
  my.start = blockIdx.y * slice;
  my.stop = min(my.start + slice, M);
  return my;
}

// Two sums over this block's rows, from those of its threads: parts (slices, 2 C), the plain ones
// first. `sum_rows` adds up the slices.
__device__ __forceinline__ void store_sums(const float* plain, const float* weighted, float* parts,
                                           const Place& my, int C, int width) {
  __shared__ Pack<2> shared[THREADS * VEC];
#pragma unroll
  for (int k = 0; k < VEC; ++k) shared[k * THREADS + threadIdx.x] = {{plain[k], weighted[k]}};
  for (int rows = my.rows; rows > 1;) {
    const int half = (rows + 1) / 2;
    __syncthreads();
    if (my.row < rows - half) {
#pragma unroll
      for (int k = 0; k < VEC; ++k) {
        Pack<2>* at = shared + k * THREADS + threadIdx.x;
        at->at[0] += at[half * width].at[0];
        at->at[1] += at[half * width].at[1];
      }
    }
    rows = half;
  }
  if (my.row == 0 && my.column < my.packs) {
#pragma unroll
    for (int k = 0; k < VEC; ++k) {
      const i64 at = blockIdx.y * 2ll * C + my.column * VEC + k;
      parts[at] = shared[k * THREADS + threadIdx.x].at[0];
      parts[at + C] = shared[k * THREADS + threadIdx.x].at[1];
    }
  }
}

