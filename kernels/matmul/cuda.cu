// The matrix product in float32, y = a b, one for each index of the batch: the simplest Source that
// `../cuda_tile.cuh` can have. cuBLAS remains what runs by itself; this is to be read and compared.
// The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"
#include "../cuda_tile.cuh"

struct Matrices {
  const float* a;  // this thread's row
  const float* b;  // this thread's columns
  int K, N, row_of_b, column, term;
  bool row_exists;
  Pack<4> held_left, held_right;

  // Memory runs along the sum in a, and along the columns in b.
  static constexpr int LEFT_THREADS = BK / 4, RIGHT_THREADS = BN / 4;

  __device__ __forceinline__ Matrices(const float* a_, const float* b_, int M, int N_, int K_)
      : K(K_), N(N_) {
    const int row = blockIdx.x * BM + threadIdx.x / LEFT_THREADS;
    row_exists = row < M;
    term = threadIdx.x % LEFT_THREADS * 4;
    row_of_b = threadIdx.x / RIGHT_THREADS;
    column = blockIdx.y * BN + threadIdx.x % RIGHT_THREADS * 4;
    a = a_ + static_cast<i64>(row) * K;
    b = b_ + column;
  }

  __device__ __forceinline__ void fetch() {
    held_left = held_right = zeros();
    if (row_exists) {
      if (VEC_A == 4) {
        if (term < K) held_left = load<4>(a + term, 0);
      } else {
#pragma unroll
        for (int k = 0; k < 4; ++k)
          if (term + k < K) held_left.at[k] = a[term + k];
      }
    }
    if ((BN == BM || threadIdx.x < BN * BK / 4) && row_of_b < K) {
      const float* from = b + static_cast<i64>(row_of_b) * N;
      if (VEC_B == 4) {
        if (column < N) held_right = load<4>(from, 0);
      } else {
#pragma unroll
        for (int k = 0; k < 4; ++k)
          if (column + k < N) held_right.at[k] = from[k];
      }
    }
    term += BK;
    row_of_b += BK;
  }

  __device__ __forceinline__ void keep(Tiles& tiles, int side) const {
    store_across(tiles.left[side] + threadIdx.x % LEFT_THREADS * 4, threadIdx.x / LEFT_THREADS,
                 held_left);
    if (BN == BM || threadIdx.x < BN * BK / 4)
      store_along(&tiles.right[side][threadIdx.x / RIGHT_THREADS]
                              [threadIdx.x % RIGHT_THREADS * 4], held_right);
  }
};

// Grid: tiles of rows, tiles of columns, products. `a_step` and `b_step` lead from one product's
// matrix to the next one's, and are 0 where all share it.
extern "C" __global__ void __launch_bounds__(THREADS, 2)
    matmul(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ y, int M,
           int N, int K, i64 a_step, i64 b_step) {
  __shared__ Tiles tiles;
  Matrices source(a + blockIdx.z * a_step, b + blockIdx.z * b_step, M, N, K);
  Sums sums;
  run(source, tiles, (K + BK - 1) / BK, sums);

  y += blockIdx.z * static_cast<i64>(M) * N;
#pragma unroll
  for (int i = 0; i < TM; ++i) {
    const int row = blockIdx.x * BM + row_of(i);
    if (row >= M) continue;
#pragma unroll
    for (int j = 0; j < TN; ++j) {
      const int column = blockIdx.y * BN + column_of(j);
      if (column < N) y[static_cast<i64>(row) * N + column] = sums.at[i][j];
    }
  }
}
