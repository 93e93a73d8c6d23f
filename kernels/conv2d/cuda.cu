// The convolution and its input gradient as matrix products whose left matrix is never made
// (implicit GEMM): a block computes a tile of the result, and gathers the numbers under its windows
// straight from the images. The launcher, which turns a convolution into a `Problem`, is `cuda.py`;
// the definition is `reference.py`. Read next: `cuda_weight_grad.cu`, the third of the trio.
#include "../cuda_common.cuh"
#include "../cuda_tile.cuh"

#ifndef INPUT_GRAD
#define INPUT_GRAD 0
#endif

// Both are one product. A row of its left matrix belongs to a place (p, q) of image n, and holds
// the numbers of `depth` channels at each tap around it; outside the image they are 0. Forward, the
// image is x and the taps are the filter's. Backward it is dy, and a place of dx meets only the
// taps that are a multiple of the stride away: the launcher makes one Problem for each remainder,
// so that no term is multiplied in vain.
struct Axis {
  int places, length;             // of the result, and of the image
  int taps, step, first, tap;     // tap t of place p lies at p step + first + t tap,
  int weight_first, weight_step;  // and has the weight weight_first + t weight_step
  int out_length, out_step, out_first;  // place p of the result goes to p out_step + out_first
};

struct Problem {
  Axis h, w;
  int N, channels, depth;      // the images: how many, channels of all groups and of one
  int KW, filters;             // of the weights: columns, and the length of the last axis
  int columns, out_channels;   // of the result, in one group and in all
  int steps, kind, vector_out;
};

// A term of the sum: tap and channel.
struct Term {
  int t, u, channel;

  __device__ __forceinline__ void advance(int by, const Problem& of) {
    channel += by;
    while (channel >= of.depth) {
      channel -= of.depth;
      if (++u == of.w.taps) {
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
    const bool exists = m < static_cast<i64>(of.N) * of.h.places * of.w.places;
    const int q = static_cast<int>(m % of.w.places), p = static_cast<int>(m / of.w.places % of.h.places);
    h = exists ? p * of.h.step + of.h.first : NOWHERE;
    w = q * of.w.step + of.w.first;
    image = x + m / of.w.places / of.h.places * of.h.length * of.w.length * of.channels + group * of.depth;
    weights = w_ + group * (INPUT_GRAD ? of.depth : of.columns);
    term = {0, 0, 0};
    term.advance(first_term + threadIdx.x % LEFT_THREADS * 4, of);
    row_of_w = first_term + threadIdx.x / RIGHT_THREADS;
    column = first_column +
             (INPUT_GRAD ? threadIdx.x / RIGHT_THREADS : threadIdx.x % RIGHT_THREADS * 4);
  }

  __device__ __forceinline__ const float* pixel(const Term& at) const {
    const int row = h + at.t * of.h.tap, place = w + at.u * of.w.tap;
    const bool inside = at.t < of.h.taps && row >= 0 && row < of.h.length && place >= 0 &&
                        place < of.w.length;
    if (!inside) return nullptr;
    return image + (static_cast<i64>(row) * of.w.length + place) * of.channels + at.channel;
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
    if (row_of_w >= of.h.taps * of.w.taps * of.depth) return;
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
      if (at.t >= of.h.taps) return;
      const int i = of.h.weight_first + at.t * of.h.weight_step;
      const int j = of.w.weight_first + at.u * of.w.weight_step;
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
    if (m >= static_cast<i64>(of.N) * of.h.places * of.w.places) continue;
    const i64 image_number = m / of.w.places / of.h.places;
    const i64 p = m / of.w.places % of.h.places * of.h.out_step + of.h.out_first;
    const i64 q = m % of.w.places * of.w.out_step + of.w.out_first;
    const i64 pixel = (image_number * of.h.out_length + p) * of.w.out_length + q;
    float* row = result + pixel * of.out_channels + group * of.columns;
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
