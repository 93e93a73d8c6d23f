// A tile of a matrix product in float32 on the plain multipliers, for any kernel that can say where
// its two matrices come from: a Source with `fetch` and `keep`. After the SIMT products of CUTLASS
// and of MAGMA (Nath, Tomov and Dongarra, An improved MAGMA GEMM for Fermi GPUs, 2010).
// Included after `cuda_common.cuh`. Read next: `conv2d/cuda.cu`.

// A block owns BM x BN results, a thread TM x TN of them, and the sum advances BK terms at a time.
// Per term a thread reads TM + TN numbers from shared memory for TM TN multiplications: at 8 x 8
// that is 16 for 64, few enough for the multipliers to be what limits it.
#ifndef BM
#define BM 128
#define BN 128
#define TM 8
#define TN 8
#define VEC_A 4  // numbers of the left matrix that lie side by side and are read at once: 4 or 1
#define VEC_B 4  // the same of the right one
#endif
constexpr int BK = 8;
// Terms whose code is written out. More would need more registers than the 128 that let a
// multiprocessor hold two blocks; single loads need some for four addresses.
constexpr int UNROLLED = VEC_A == 4 ? 2 : 1;
static_assert(BM / TM * (BN / TN) == THREADS, "one thread for each part of the tile");
static_assert(BM * BK == 4 * THREADS, "each thread fetches four numbers of the left matrix");

// Columns of the two matrices, BK of each, twice: while one pair is multiplied, the next is being
// filled. The rows are longer by 4 so that the four threads that store a transposed pack do not
// meet in one bank.
struct Tiles {
  float left[2][BK][BM + 4];
  float right[2][BK][BN + 4];
};

// A thread's TM x TN results lie in groups of four, BM / (TM / 4) rows and BN / (TN / 4) columns
// apart: neighbouring threads then read neighbouring packs.
constexpr int ROW_GROUPS = TM / 4, COLUMN_GROUPS = TN / 4;

struct Sums {
  float at[TM][TN];
};

__device__ __forceinline__ int row_of(int i) {
  return i / 4 * (BM / ROW_GROUPS) + threadIdx.x / (BN / TN) * 4 + i % 4;
}
__device__ __forceinline__ int column_of(int j) {
  return j / 4 * (BN / COLUMN_GROUPS) + threadIdx.x % (BN / TN) * 4 + j % 4;
}

__device__ __forceinline__ void multiply(const Tiles& tiles, int side, Sums& sums) {
#pragma unroll UNROLLED
  for (int k = 0; k < BK; ++k) {
    float left[TM], right[TN];
#pragma unroll
    for (int i = 0; i < TM; i += 4) {
      const Pack<4> four = load<4>(&tiles.left[side][k][row_of(i)], 0);
#pragma unroll
      for (int u = 0; u < 4; ++u) left[i + u] = four.at[u];
    }
#pragma unroll
    for (int j = 0; j < TN; j += 4) {
      const Pack<4> four = load<4>(&tiles.right[side][k][column_of(j)], 0);
#pragma unroll
      for (int u = 0; u < 4; ++u) right[j + u] = four.at[u];
    }
#pragma unroll
    for (int i = 0; i < TM; ++i) {
#pragma unroll
      for (int j = 0; j < TN; ++j) sums.at[i][j] += left[i] * right[j];
    }
  }
}

// Four numbers that a thread fetches from memory while it multiplies, and stores afterwards: in a
// row of the tile where memory runs along the tile's rows, down a column where along the sum.
__device__ __forceinline__ void store_along(float* tile, const Pack<4>& four) {
  store<4>(tile, 0, four);
}
template <int LENGTH>
__device__ __forceinline__ void store_across(float (*tile)[LENGTH], int at, const Pack<4>& four) {
#pragma unroll
  for (int u = 0; u < 4; ++u) tile[u][at] = four.at[u];
}
__device__ __forceinline__ Pack<4> zeros() { return {{0.0f, 0.0f, 0.0f, 0.0f}}; }

// `fetch` reads the next BK terms into registers, `keep` stores them: the memory's latency passes
// during the multiplications in between, and one barrier a step is enough.
template <class Source>
__device__ __forceinline__ void run(Source& source, Tiles& tiles, int steps, Sums& sums) {
#pragma unroll
  for (int i = 0; i < TM; ++i) {
#pragma unroll
    for (int j = 0; j < TN; ++j) sums.at[i][j] = 0.0f;
  }
  if (steps <= 0) return;  // for the whole block
  source.fetch();
  source.keep(tiles, 0);
  __syncthreads();
  for (int step = 0; step < steps; ++step) {
    const bool more = step + 1 < steps;
    if (more) source.fetch();
    multiply(tiles, step % 2, sums);
    if (more) source.keep(tiles, (step + 1) % 2);
    __syncthreads();
  }
}
