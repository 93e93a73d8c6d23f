// The convolution trio as matrix products whose left matrix is never made (implicit GEMM): a block
// computes a tile of the result, and gathers the numbers under its windows straight from the
// images. `gather` is the forward pass and the input gradient, `weight_grad` the third of the trio.
// The launcher, which turns a convolution into a `Problem`, is `cuda.py`; the definition is
// `reference.py`.
#include "../cuda_common.cuh"

// A block owns BM x BN results, a thread TM x TN of them, and the sum advances BK terms at a time.
// Per term a thread reads TM + TN numbers from shared memory for TM TN multiplications: at 8 x 8
// that is 16 for 64, few enough for the multipliers to be what limits it.
#ifndef BM
#define BM 128
#define BN 128
#define TM 8
#define TN 8
#define VEC_A 4  // 4: channels come in fours, 128 bits a load; 1: one by one
#define VEC_B 4
#define INPUT_GRAD 0
#endif
constexpr int BK = 8;
// Terms whose code is written out. More would need more registers than the 128 that let a
// multiprocessor hold two blocks; single loads need some for four addresses.
constexpr int UNROLLED = VEC_A == 4 ? 2 : 1;
static_assert(BM / TM * (BN / TN) == THREADS, "one thread for each part of the tile");
static_assert(BM * BK == 4 * THREADS, "each thread fetches four numbers of the left matrix");

// ---- one tile of a matrix product, from shared memory

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

// ---- forward and input gradient: images gathered under windows, times filters

// Both are one product. A row of its left matrix belongs to a place (p, q) of image n, and holds
// the numbers at h = p h_step + h_first + t h_tap of each tap t, the same for w, and `depth`
// channels; outside the image they are 0. Forward, the image is x and the taps are the filter's.
// Backward it is dy, and a place of dx meets only the taps that are a multiple of the stride away:
// the launcher makes one Problem for each remainder, so that no term is multiplied in vain.
struct Problem {
  int N, P, Q;                         // images and places: the rows of the result
  int H, W, channels, depth;           // the images, and the channels of one group
  int taps_h, h_step, h_first, h_tap;  // taps down, and where they lie
  int taps_w, w_step, w_first, w_tap;
  int i_first, i_step, j_first, j_step, KW;  // the filter's weight at tap (t, u)
  int columns, filters;                // of a group of the result; the last axis of w
  int out_H, out_W, out_channels;      // where the results go
  int out_h_step, out_h_first, out_w_step, out_w_first;
  int steps, kind, vector_out;
};

// A term of the sum: tap and channel.
struct Term {
  int t, u, channel;

  __device__ __forceinline__ void advance(int by, const Problem& of) {
    channel += by;
    while (channel >= of.depth) {
      channel -= of.depth;
      if (++u == of.taps_w) {
        u = 0;
        ++t;
      }
    }
  }
};

struct Gather {
  const Problem& of;
  const float* image;    // of this thread's row, at this group's channels
  const float* weights;  // at this group
  int h, w;              // of tap 0; far outside the image where there is no such row
  Term term;             // the first of the four that this thread fetches of its row
  int row_of_w, column;  // forward: the row of w that it fetches four columns of
  Pack<4> held_left, held_right;

  // Memory runs along the channels: a thread holds four terms of one row.
  static constexpr int LEFT_THREADS = BK / 4;
  // The filters run along their columns forward, along the terms backward.
  static constexpr int RIGHT_THREADS = INPUT_GRAD ? BK / 4 : BN / 4;
  static constexpr int NOWHERE = -(1 << 30);

  __device__ __forceinline__ Gather(const Problem& problem, const float* x, const float* w_, i64 m,
                                    int first_column, int group, int first_term)
      : of(problem) {
    const bool exists = m < static_cast<i64>(of.N) * of.P * of.Q;
    const int q = static_cast<int>(m % of.Q), p = static_cast<int>(m / of.Q % of.P);
    h = exists ? p * of.h_step + of.h_first : NOWHERE;
    w = q * of.w_step + of.w_first;
    image = x + m / of.Q / of.P * of.H * of.W * of.channels + group * of.depth;
    weights = w_ + group * (INPUT_GRAD ? of.depth : of.columns);
    term = {0, 0, 0};
    term.advance(first_term + threadIdx.x % LEFT_THREADS * 4, of);
    row_of_w = first_term + threadIdx.x / RIGHT_THREADS;
    column = first_column +
             (INPUT_GRAD ? threadIdx.x / RIGHT_THREADS : threadIdx.x % RIGHT_THREADS * 4);
  }

  __device__ __forceinline__ const float* pixel(const Term& at) const {
    const int row = h + at.t * of.h_tap, place = w + at.u * of.w_tap;
    const bool inside = at.t < of.taps_h && row >= 0 && row < of.H && place >= 0 && place < of.W;
    if (!inside) return nullptr;
    return image + (static_cast<i64>(row) * of.W + place) * of.channels + at.channel;
  }

  __device__ __forceinline__ void fetch() {
    held_left = held_right = zeros();
    Term at = term;
    if (VEC_A == 4) {
      if (const float* from = pixel(at)) held_left = load<4>(from, 0);
    } else {
#pragma unroll
      for (int k = 0; k < 4; ++k, at.advance(1, of))
        if (const float* from = pixel(at)) held_left.at[k] = *from;
    }
    if (BN == BM || threadIdx.x < BN * BK / 4) {
      if (INPUT_GRAD) fetch_weights_of_terms();
      else fetch_row_of_weights();
    }
    term.advance(BK, of);
    row_of_w += BK;
  }

  // Forward: w[i, j, channel, column ...]; the terms in their order are the rows of w.
  __device__ __forceinline__ void fetch_row_of_weights() {
    if (row_of_w >= of.taps_h * of.taps_w * of.depth) return;
    const float* from = weights + static_cast<i64>(row_of_w) * of.filters + column;
    if (VEC_B == 4) {
      if (column < of.columns) held_right = load<4>(from, 0);
    } else {
#pragma unroll
      for (int k = 0; k < 4; ++k)
        if (column + k < of.columns) held_right.at[k] = from[k];
    }
  }

  // Backward: w[i, j, column, filter ...], the filters being the channels of dy.
  __device__ __forceinline__ void fetch_weights_of_terms() {
    if (column >= of.columns) return;
    Term at = term;
#pragma unroll
    for (int k = 0; k < 4; k += VEC_B, at.advance(VEC_B, of)) {
      if (at.t >= of.taps_h) return;
      const int i = of.i_first + at.t * of.i_step, j = of.j_first + at.u * of.j_step;
      const i64 row = static_cast<i64>(i * of.KW + j) * of.columns + column;
      const float* from = weights + row * of.filters + at.channel;
      if (VEC_B == 4) held_right = load<4>(from, 0);
      else held_right.at[k] = *from;
    }
  }

  __device__ __forceinline__ void keep(Tiles& tiles, int side) const {
    store_across(tiles.left[side] + threadIdx.x % LEFT_THREADS * 4, threadIdx.x / LEFT_THREADS,
                 held_left);
    if (BN < BM && threadIdx.x >= BN * BK / 4) return;
    const int mine = threadIdx.x % RIGHT_THREADS * 4, other = threadIdx.x / RIGHT_THREADS;
    if (INPUT_GRAD) store_across(tiles.right[side] + mine, other, held_right);
    else store_along(&tiles.right[side][other][mine], held_right);
  }
};

// Grid: tiles of rows, tiles of columns in each group, slices of the sum. With one slice the
// result gets its bias and activation here; several leave parts (slices, result) to be added.
extern "C" __global__ void __launch_bounds__(THREADS, 2)
    gather(const float* __restrict__ image, const float* __restrict__ w,
           const float* __restrict__ bias, float* __restrict__ result, i64 result_size,
           const Problem of) {
  __shared__ Tiles tiles;
  const int column_tiles = (of.columns + BN - 1) / BN, group = blockIdx.y / column_tiles;
  const int first_column = blockIdx.y % column_tiles * BN;
  const i64 first_row = static_cast<i64>(blockIdx.x) * BM;
  const int slices = static_cast<int>(gridDim.z), share = (of.steps + slices - 1) / slices;
  const int first_step = static_cast<int>(blockIdx.z) * share;
  Gather source(of, image, w, first_row + threadIdx.x / Gather::LEFT_THREADS, first_column, group,
                first_step * BK);
  Sums sums;
  run(source, tiles, min(share, of.steps - first_step), sums);

  result += blockIdx.z * result_size;
#pragma unroll
  for (int i = 0; i < TM; ++i) {
    const i64 m = first_row + row_of(i);
    if (m >= static_cast<i64>(of.N) * of.P * of.Q) continue;
    const i64 q = m % of.Q * of.out_w_step + of.out_w_first;
    const i64 p = m / of.Q % of.P * of.out_h_step + of.out_h_first;
    float* row = result + ((m / of.Q / of.P * of.out_H + p) * of.out_W + q) * of.out_channels +
                 group * of.columns;
#pragma unroll
    for (int j = 0; j < TN; j += 4) {
      const int column = first_column + column_of(j);
      Pack<4> four;
#pragma unroll
      for (int u = 0; u < 4; ++u) {
        const bool here = bias != nullptr && column + u < of.columns;
        const float sum = sums.at[i][j + u];
        four.at[u] =
            activate(of.kind, here ? sum + bias[group * of.columns + column + u] : sum);
      }
      if (of.vector_out && column < of.columns) {
        store<4>(row + column, 0, four);
      } else {
#pragma unroll
        for (int u = 0; u < 4; ++u)
          if (column + u < of.columns) row[column + u] = four.at[u];
      }
    }
  }
}

// ---- weight gradient: windows, transposed, times dy

// The result has a row for each weight (i, j, channel) of a group and a column for each filter;
// the sum runs over all places of all images. That is long, and the result small: slices of the
// places go to different blocks, and leave parts (slices, dw) that are added in a fixed order.
struct Weights {
  int N, H, W, C, OH, OW, O, KH, KW;
  int stride_h, stride_w, top, left, dilation_h, dilation_w;
  int group_channels, columns, vector_out;
};

struct Windows {
  const Weights& of;
  const float* x;
  const float* dy;
  int m, stop;         // the place this thread fetches next, and where to stop
  int n, p, q;         // the same, as image, row and column of y
  int i[4], j[4], channel[4];  // of the four weights whose row it fetches
  bool row_exists[4];
  int column;
  Pack<4> held_left, held_right;

  static constexpr int LEFT_THREADS = BM / 4, RIGHT_THREADS = BN / 4;

  __device__ __forceinline__ Windows(const Weights& weights, const float* x_, const float* dy_,
                                     int first_row, int first_column, int group, int first_place,
                                     int last_place)
      : of(weights) {
    x = x_ + group * of.group_channels;
    dy = dy_ + group * of.columns;
    const int rows = of.KH * of.KW * of.group_channels;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const int row = first_row + threadIdx.x % LEFT_THREADS * 4 + k;
      row_exists[k] = row < rows;
      channel[k] = row % of.group_channels;
      i[k] = row / of.group_channels / of.KW * of.dilation_h - of.top;
      j[k] = row / of.group_channels % of.KW * of.dilation_w - of.left;
    }
    column = first_column + threadIdx.x % RIGHT_THREADS * 4;
    m = first_place + threadIdx.x / LEFT_THREADS;
    stop = last_place;
    q = m % of.OW;
    p = m / of.OW % of.OH;
    n = m / of.OW / of.OH;
  }

  __device__ __forceinline__ const float* pixel(int k) const {
    const int h = p * of.stride_h + i[k], w = q * of.stride_w + j[k];
    if (!row_exists[k] || h < 0 || h >= of.H || w < 0 || w >= of.W) return nullptr;
    return x + ((static_cast<i64>(n) * of.H + h) * of.W + w) * of.C + channel[k];
  }

  __device__ __forceinline__ void fetch() {
    held_left = held_right = zeros();
    if (m < stop) {
      if (VEC_A == 4) {
        if (const float* at = pixel(0)) held_left = load<4>(at, 0);
      } else {
#pragma unroll
        for (int k = 0; k < 4; ++k)
          if (const float* at = pixel(k)) held_left.at[k] = *at;
      }
    }
    // The right tile is as deep as the left one, and may be narrower: then fewer threads fetch it.
    const int depth = threadIdx.x / RIGHT_THREADS;
    const int place = m - static_cast<int>(threadIdx.x) / LEFT_THREADS + depth;
    if (depth < BK && place < stop) {
      const float* at = dy + static_cast<i64>(place) * of.O + column;
      if (VEC_B == 4) {
        if (column < of.columns) held_right = load<4>(at, 0);
      } else {
#pragma unroll
        for (int k = 0; k < 4; ++k)
          if (column + k < of.columns) held_right.at[k] = at[k];
      }
    }
    m += BK;
    q += BK;
    while (q >= of.OW) {
      q -= of.OW;
      if (++p == of.OH) {
        p = 0;
        ++n;
      }
    }
  }

  __device__ __forceinline__ void keep(Tiles& tiles, int side) const {
    store_along(&tiles.left[side][threadIdx.x / LEFT_THREADS][threadIdx.x % LEFT_THREADS * 4],
                held_left);
    const int depth = threadIdx.x / RIGHT_THREADS;
    if (depth < BK)
      store_along(&tiles.right[side][depth][threadIdx.x % RIGHT_THREADS * 4], held_right);
  }
};

// Grid: tiles of weights, tiles of filters in each group, slices of the places.
extern "C" __global__ void __launch_bounds__(THREADS, 2)
    weight_grad(const float* __restrict__ x, const float* __restrict__ dy,
                float* __restrict__ parts, const Weights of) {
  __shared__ Tiles tiles;
  const int column_tiles = (of.columns + BN - 1) / BN, group = blockIdx.y / column_tiles;
  const int first_column = blockIdx.y % column_tiles * BN, first_row = blockIdx.x * BM;
  const int rows = of.KH * of.KW * of.group_channels;
  const int places = of.N * of.OH * of.OW, slices = static_cast<int>(gridDim.z);
  const int share = ((places + slices - 1) / slices + BK - 1) / BK * BK;
  const int first = min(static_cast<int>(blockIdx.z) * share, places);
  const int last = min(places - first, share) + first;
  Windows source(of, x, dy, first_row, first_column, group, first, last);
  Sums sums;
  run(source, tiles, (last - first + BK - 1) / BK, sums);

  parts += blockIdx.z * static_cast<i64>(rows) * of.O + group * of.columns;
#pragma unroll
  for (int i = 0; i < TM; ++i) {
    const int row = first_row + row_of(i);
    if (row >= rows) continue;
#pragma unroll
    for (int j = 0; j < TN; j += 4) {
      const int column = first_column + column_of(j);
      float* at = parts + static_cast<i64>(row) * of.O + column;
      if (of.vector_out && column < of.columns) {
        store<4>(at, 0, {{sums.at[i][j], sums.at[i][j + 1], sums.at[i][j + 2], sums.at[i][j + 3]}});
      } else {
#pragma unroll
        for (int u = 0; u < 4; ++u)
          if (column + u < of.columns) at[u] = sums.at[i][j + u];
      }
    }
  }
}
