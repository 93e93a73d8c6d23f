// The weight gradient of the convolution: windows, transposed, times dy, the windows being gathered
// as in `cuda.cu`. The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"
#include "../cuda_tile.cuh"

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
