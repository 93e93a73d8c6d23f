// The pools and their gradients on NHWC images, each result written once by one thread. The
// gradients gather: a place of dx asks which windows it lay under (average) or was the maximum of,
// instead of windows adding to places, so that no two threads meet and the bits are always the
// same. The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"

struct Pool {
  int N, H, W, C, OH, OW;
  int size_h, size_w, stride_h, stride_w, top, left;
  int count_include_pad;
};

// Blocks stand by rows of images: blockIdx.y walks over (image, row), and threads over the packs
// of one row, so that the divisions that find a place are few and of 32 bits.
struct Spot {
  int image, row, column, channel;
};

__device__ __forceinline__ Spot spot(int rows, int packs_of_channels, int line, int pack) {
  return {line / rows, line % rows, pack / packs_of_channels, pack % packs_of_channels * VEC};
}

__device__ __forceinline__ i64 offset(Spot at, int rows, int columns, int channels) {
  const i64 line = static_cast<i64>(at.image) * rows + at.row;
  return (line * columns + at.column) * channels + at.channel;
}

// y, and the place of each maximum in the flat x. The first of equals wins, a NaN wins, padding
// never does.
extern "C" __global__ void __launch_bounds__(THREADS)
    max_pool2d(const float* __restrict__ x, float* __restrict__ y, i64* __restrict__ argmax,
               const Pool of) {
  const int packs = of.C / VEC;
  for (int line = blockIdx.y; line < of.N * of.OH; line += gridDim.y) {
    const int pack = static_cast<int>(first_of_grid());
    if (pack >= of.OW * packs) return;
    const Spot at = spot(of.OH, packs, line, pack);
    const int h = at.row * of.stride_h - of.top, w = at.column * of.stride_w - of.left;
    Pack<VEC> best = {};
    i64 found[VEC] = {};
    bool first = true;
    for (int i = max(0, -h); i < min(of.size_h, of.H - h); ++i) {
      for (int j = max(0, -w); j < min(of.size_w, of.W - w); ++j) {
        const i64 from = offset({at.image, h + i, w + j, at.channel}, of.H, of.W, of.C);
        const Pack<VEC> value = load<VEC>(x + from, 0);
#pragma unroll
        for (int k = 0; k < VEC; ++k) {
          const bool nan = value.at[k] != value.at[k] && best.at[k] == best.at[k];
          if (first || value.at[k] > best.at[k] || nan) {
            best.at[k] = value.at[k];
            found[k] = from + k;
          }
        }
        first = false;
      }
    }
    const i64 to = offset(at, of.OH, of.OW, of.C);
    store<VEC>(y + to, 0, best);
#pragma unroll
    for (int k = 0; k < VEC; ++k) argmax[to + k] = found[k];
  }
}

// The gradient of the maximum, first half: every place of x gets a list of the windows that chose
// it, `newest` being its end and `older` the links. The order in a list is that of the threads...
extern "C" __global__ void __launch_bounds__(THREADS)
    link_windows(const i64* __restrict__ argmax, int* __restrict__ newest, int* __restrict__ older,
                 int windows) {
  const int step = static_cast<int>(step_of_grid());
  for (int window = static_cast<int>(first_of_grid()); window < windows; window += step)
    older[window] = atomicExch(newest + argmax[window], window);
}

// ... and so, second half, each place adds its list in the order of the windows' numbers, by
// looking for the next larger one each time: lists are short, as long as windows overlap.
extern "C" __global__ void __launch_bounds__(THREADS)
    sum_linked_windows(const float* __restrict__ dy, const int* __restrict__ newest,
                       const int* __restrict__ older, float* __restrict__ dx, i64 places) {
  const i64 step = step_of_grid();
  for (i64 place = first_of_grid(); place < places; place += step) {
    const int end = newest[place];
    float sum = 0.0f;
    for (int done = -1;;) {
      int next = -1;
      for (int window = end; window >= 0; window = older[window])
        if (window > done && (next < 0 || window < next)) next = window;
      if (next < 0) break;
      sum += dy[next];
      done = next;
    }
    dx[place] = sum;
  }
}

// x.flat[argmax]
extern "C" __global__ void __launch_bounds__(THREADS)
    max_pool2d_gather(const float* __restrict__ x, const i64* __restrict__ argmax,
                      float* __restrict__ y, i64 count) {
  const i64 step = step_of_grid();
  for (i64 k = first_of_grid(); k < count; k += step) y[k] = x[argmax[k]];
}

// What the sum under window (row, column) is divided by: its size, or its part inside x.
__device__ __forceinline__ float numbers_under(const Pool& of, int row, int column) {
  int height = of.size_h, width = of.size_w;
  if (!of.count_include_pad) {
    const int h = row * of.stride_h - of.top, w = column * of.stride_w - of.left;
    height = min(h + height, of.H) - max(h, 0);
    width = min(w + width, of.W) - max(w, 0);
  }
  return static_cast<float>(height * width);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    avg_pool2d(const float* __restrict__ x, float* __restrict__ y, const Pool of) {
  const int packs = of.C / VEC;
  for (int line = blockIdx.y; line < of.N * of.OH; line += gridDim.y) {
    const int pack = static_cast<int>(first_of_grid());
    if (pack >= of.OW * packs) return;
    const Spot at = spot(of.OH, packs, line, pack);
    const int h = at.row * of.stride_h - of.top, w = at.column * of.stride_w - of.left;
    Pack<VEC> sum = {};
    for (int i = max(0, -h); i < min(of.size_h, of.H - h); ++i) {
      for (int j = max(0, -w); j < min(of.size_w, of.W - w); ++j) {
        const i64 from = offset({at.image, h + i, w + j, at.channel}, of.H, of.W, of.C);
        const Pack<VEC> value = load<VEC>(x + from, 0);
#pragma unroll
        for (int k = 0; k < VEC; ++k) sum.at[k] += value.at[k];
      }
    }
    const float share = 1.0f / numbers_under(of, at.row, at.column);
#pragma unroll
    for (int k = 0; k < VEC; ++k) sum.at[k] *= share;
    store<VEC>(y + offset(at, of.OH, of.OW, of.C), 0, sum);
  }
}

// dx[h, w] = the sum of dy / numbers over the windows that h and w lie under: those whose first
// row p stride - top is at most h, and whose last is at least h.
extern "C" __global__ void __launch_bounds__(THREADS)
    avg_pool2d_grad(const float* __restrict__ dy, float* __restrict__ dx, const Pool of) {
  const int packs = of.C / VEC;
  for (int line = blockIdx.y; line < of.N * of.H; line += gridDim.y) {
    const int pack = static_cast<int>(first_of_grid());
    if (pack >= of.W * packs) return;
    const Spot at = spot(of.H, packs, line, pack);
    const int h = at.row + of.top, w = at.column + of.left;
    const int above = h - of.size_h + of.stride_h, before = w - of.size_w + of.stride_w;
    const int p_first = above > 0 ? above / of.stride_h : 0;
    const int q_first = before > 0 ? before / of.stride_w : 0;
    Pack<VEC> sum = {};
    for (int p = p_first; p <= min(h / of.stride_h, of.OH - 1); ++p) {
      for (int q = q_first; q <= min(w / of.stride_w, of.OW - 1); ++q) {
        const Pack<VEC> value =
            load<VEC>(dy + offset({at.image, p, q, at.channel}, of.OH, of.OW, of.C), 0);
        const float share = 1.0f / numbers_under(of, p, q);
#pragma unroll
        for (int k = 0; k < VEC; ++k) sum.at[k] += value.at[k] * share;
      }
    }
    store<VEC>(dx + offset(at, of.H, of.W, of.C), 0, sum);
  }
}
