// Local response normalisation and its gradient. A block owns blockDim.x neighbouring channels of a
// row, and brings what their windows hold into shared memory: each number is squared, and each
// power taken, once for all the windows it lies in.
// The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"

// The row of this block, the first of its channels, and the numbers of the specification.
struct Window {
  int C, tiles, before, after;
  float alpha, beta, k;
};

// The squares of `count` channels from `first` on; beyond the ends there is nothing to add.
__device__ __forceinline__ void square(const float* row, int C, int first, int count,
                                       float* squares) {
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    const int c = first + i;
    const float value = c >= 0 && c < C ? row[c] : 0.0f;
    squares[i] = value * value;
  }
}

__device__ __forceinline__ float sum_of(const float* terms, int count) {
  float sum = 0.0f;
  for (int i = 0; i < count; ++i) sum += terms[i];
  return sum;
}

// y = x d^-beta, d = k + alpha (sum of x^2 over the window)
extern "C" __global__ void __launch_bounds__(THREADS)
    normalise(const float* __restrict__ x, float* __restrict__ y, Window of) {
  DYNAMIC_SHARED(float, squares);
  const int first = blockIdx.x % of.tiles * blockDim.x, width = of.before + of.after + 1;
  const i64 row = static_cast<i64>(blockIdx.x / of.tiles) * of.C;
  square(x + row, of.C, first - of.before, blockDim.x + width - 1, squares);
  __syncthreads();
  const int c = first + threadIdx.x;
  if (c >= of.C) return;
  const float d = of.k + of.alpha * sum_of(squares + threadIdx.x, width);
  y[row + c] = x[row + c] * powf(d, -of.beta);
}

// dx = dy d^-beta - 2 alpha beta x (sum of dy x d^(-beta - 1) over the channels whose window has it)
extern "C" __global__ void __launch_bounds__(THREADS)
    input_gradient(const float* __restrict__ dy, const float* __restrict__ x,
                   float* __restrict__ dx, Window of) {
  DYNAMIC_SHARED(float, squares);
  const int first = blockIdx.x % of.tiles * blockDim.x, width = of.before + of.after + 1;
  const int count = blockDim.x + width - 1;  // channels that feel one of ours
  float* felt = squares + count + width - 1;
  float* scales = felt + count;
  const i64 row = static_cast<i64>(blockIdx.x / of.tiles) * of.C;
  square(x + row, of.C, first - of.after - of.before, count + width - 1, squares);
  __syncthreads();
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    const int c = first - of.after + i;
    felt[i] = 0.0f;
    if (c >= 0 && c < of.C) {
      const float d = of.k + of.alpha * sum_of(squares + i, width);
      scales[i] = powf(d, -of.beta);
      felt[i] = dy[row + c] * x[row + c] * scales[i] / d;
    }
  }
  __syncthreads();
  const int c = first + threadIdx.x;
  if (c >= of.C) return;
  const float response = sum_of(felt + threadIdx.x, width);
  dx[row + c] = dy[row + c] * scales[threadIdx.x + of.after] -
                2.0f * of.alpha * of.beta * x[row + c] * response;
}
