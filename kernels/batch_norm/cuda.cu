// Batch normalisation and its gradient over the rows of x (M, C). Training reads x twice and
// writes y once: a first reading for mean and variance together, in parts that are merged in a
// fixed order, a second one to normalise. The gradient reads dy and x twice and writes dx.
// The launcher is `cuda.py`, the definition `reference.py`; the division of columns and rows among
// threads is that of `../sum_rows/cuda.cu`.
#include "../cuda_common.cuh"
#include "../cuda_columns.cuh"
#include "../cuda_moments.cuh"

// The moments of all of the block's threads that share a column, in the first of them.
__device__ __forceinline__ void merge_rows(Moments* mine, const Place& my, int width) {
  __shared__ Moments shared[THREADS * VEC];
#pragma unroll
  for (int k = 0; k < VEC; ++k) shared[k * THREADS + threadIdx.x] = mine[k];
  for (int rows = my.rows; rows > 1;) {  // halved until one is left
    const int half = (rows + 1) / 2;
    __syncthreads();
    if (my.row < rows - half) {
#pragma unroll
      for (int k = 0; k < VEC; ++k) {
        Moments* at = shared + k * THREADS + threadIdx.x;
        *at = merged(*at, at[half * width]);
      }
    }
    rows = half;
  }
#pragma unroll
  for (int k = 0; k < VEC; ++k) mine[k] = shared[k * THREADS + threadIdx.x];
}

// Moments of each column in this block's rows: parts (3, slices, C), counts first. Means are told
// by their distance from the column's first number, x[0, c]: small, so that little is rounded off.
extern "C" __global__ void __launch_bounds__(THREADS)
    moments(const float* __restrict__ x, float* __restrict__ parts, i64 M, int C, int width) {
  const Place my = place(M, C, width);
  Moments mine[VEC] = {};
  if (my.works && my.start + my.row < my.stop) {
    const Pack<VEC> whole_origin = load<VEC>(x, my.column);
    const Pack<VEC> origin = load<VEC>(x, (my.start + my.row) * my.packs + my.column);
    float sum[VEC] = {}, squares[VEC] = {};
#pragma unroll 4
    for (i64 m = my.start + my.row; m < my.stop; m += my.rows) {
      const Pack<VEC> value = load<VEC>(x, m * my.packs + my.column);
#pragma unroll
      for (int k = 0; k < VEC; ++k) {
        const float distance = value.at[k] - origin.at[k];
        sum[k] += distance;
        squares[k] += distance * distance;
      }
    }
    const float count =
        static_cast<float>((my.stop - my.start - my.row + my.rows - 1) / my.rows);
    const float share = 1.0f / count;
#pragma unroll
    for (int k = 0; k < VEC; ++k) {
      const float mean = sum[k] * share;
      mine[k] = {count, (origin.at[k] - whole_origin.at[k]) + mean,
                 squares_about_mean(sum[k], squares[k], mean)};
    }
  }
  merge_rows(mine, my, width);
  if (my.row == 0 && my.works) {
    const i64 all = static_cast<i64>(gridDim.y) * C;
#pragma unroll
    for (int k = 0; k < VEC; ++k) {
      const i64 at = blockIdx.y * static_cast<i64>(C) + my.column * VEC + k;
      parts[at] = mine[k].count;
      parts[all + at] = mine[k].mean;
      parts[2 * all + at] = mine[k].squares;
    }
  }
}

// Mean and variance of each channel from the parts, which are the rows of this kernel.
extern "C" __global__ void __launch_bounds__(THREADS)
    statistics(const float* __restrict__ x, const float* __restrict__ parts,
               float* __restrict__ mean, float* __restrict__ var, i64 slices, int C, int width) {
  const Place my = place(slices, C, width);
  const i64 all = slices * C;
  Moments mine[VEC] = {};
  if (my.works) {
    for (i64 slice = my.row; slice < slices; slice += my.rows) {
#pragma unroll
      for (int k = 0; k < VEC; ++k) {
        const i64 at = slice * C + my.column * VEC + k;
        mine[k] = merged(mine[k], {parts[at], parts[all + at], parts[2 * all + at]});
      }
    }
  }
  merge_rows(mine, my, width);
  if (my.row == 0 && my.works) {
#pragma unroll
    for (int k = 0; k < VEC; ++k) {
      const int c = my.column * VEC + k;
      mean[c] = mine[k].count > 0.0f ? x[c] + mine[k].mean : 0.0f;
      // A NaN must stay one, and rounding must not leave less than nothing.
      const float variance = mine[k].count > 0.0f ? mine[k].squares / mine[k].count : 0.0f;
      var[c] = variance < 0.0f ? 0.0f : variance;
    }
  }
}

// y = f(gamma (x - mean) / sqrt(var + eps) + beta), in training and in inference.
extern "C" __global__ void __launch_bounds__(THREADS)
    normalise(const float* __restrict__ x, const float* __restrict__ gamma,
              const float* __restrict__ beta, const float* __restrict__ mean,
              const float* __restrict__ var, float* __restrict__ y, i64 M, int C, int width,
              float eps, int kind) {
  const Place my = place(M, C, width);
  if (!my.works) return;
  float centre[VEC], scale[VEC], shift[VEC];
#pragma unroll
  for (int k = 0; k < VEC; ++k) {
    const int c = my.column * VEC + k;
    centre[k] = mean[c];
    scale[k] = gamma[c] / sqrtf(var[c] + eps);
    shift[k] = beta[c];
  }
#pragma unroll 4
  for (i64 m = my.start + my.row; m < my.stop; m += my.rows) {
    Pack<VEC> value = load<VEC>(x, m * my.packs + my.column);
#pragma unroll
    for (int k = 0; k < VEC; ++k)
      value.at[k] = activate(kind, (value.at[k] - centre[k]) * scale[k] + shift[k]);
    store<VEC>(y, m * my.packs + my.column, value);
  }
}

// What one channel's gradient needs of the forward pass.
struct Channel {
  float mean, inverse, gamma, beta;
};

__device__ __forceinline__ Channel channel(const float* gamma, const float* beta,
                                           const float* mean, const float* var, float eps, int c) {
  return {mean[c], 1.0f / sqrtf(var[c] + eps), gamma[c], beta[c]};
}

// dz, the gradient before the activation: y is made again from xhat.
__device__ __forceinline__ float before(Channel of, int kind, float dy, float xhat) {
  if (kind == IDENTITY) return dy;
  return activate_grad(kind, dy, activate(kind, of.gamma * xhat + of.beta));
}

// The sums of dz and of dz xhat in this block's rows: parts (slices, 2 C), dbeta's first, which
// `sum_rows` adds up.
extern "C" __global__ void __launch_bounds__(THREADS)
    gradient_sums(const float* __restrict__ dy, const float* __restrict__ x,
                  const float* __restrict__ gamma, const float* __restrict__ beta,
                  const float* __restrict__ mean, const float* __restrict__ var,
                  float* __restrict__ parts, i64 M, int C, int width, float eps, int kind) {
  const Place my = place(M, C, width);
  float plain[VEC] = {}, weighted[VEC] = {};
  if (my.works) {
    Channel of[VEC];
#pragma unroll
    for (int k = 0; k < VEC; ++k)
      of[k] = channel(gamma, beta, mean, var, eps, my.column * VEC + k);
#pragma unroll 2
    for (i64 m = my.start + my.row; m < my.stop; m += my.rows) {
      const Pack<VEC> value = load<VEC>(x, m * my.packs + my.column);
      const Pack<VEC> upstream = load<VEC>(dy, m * my.packs + my.column);
#pragma unroll
      for (int k = 0; k < VEC; ++k) {
        const float xhat = (value.at[k] - of[k].mean) * of[k].inverse;
        const float dz = before(of[k], kind, upstream.at[k], xhat);
        plain[k] += dz;
        weighted[k] += dz * xhat;
      }
    }
  }
  store_sums(plain, weighted, parts, my, C, width);
}

// dx = gamma / sqrt(var + eps) (dz - dbeta / M - xhat dgamma / M)
extern "C" __global__ void __launch_bounds__(THREADS)
    input_gradient(const float* __restrict__ dy, const float* __restrict__ x,
                   const float* __restrict__ gamma, const float* __restrict__ beta,
                   const float* __restrict__ mean, const float* __restrict__ var,
                   const float* __restrict__ sums, float* __restrict__ dx, i64 M, int C, int width,
                   float eps, int kind) {
  const Place my = place(M, C, width);
  if (!my.works) return;
  const float rows = static_cast<float>(M);
  Channel of[VEC];
  float dbeta[VEC], dgamma[VEC];
#pragma unroll
  for (int k = 0; k < VEC; ++k) {
    const int c = my.column * VEC + k;
    of[k] = channel(gamma, beta, mean, var, eps, c);
    dbeta[k] = sums[c] / rows;
    dgamma[k] = sums[C + c] / rows;
  }
  for (i64 m = my.start + my.row; m < my.stop; m += my.rows) {
    const Pack<VEC> value = load<VEC>(x, m * my.packs + my.column);
    Pack<VEC> upstream = load<VEC>(dy, m * my.packs + my.column);
#pragma unroll
    for (int k = 0; k < VEC; ++k) {
      const float xhat = (value.at[k] - of[k].mean) * of[k].inverse;
      const float dz = before(of[k], kind, upstream.at[k], xhat);
      upstream.at[k] = of[k].gamma * of[k].inverse * (dz - xhat * dgamma[k] - dbeta[k]);
    }
    store<VEC>(dx, m * my.packs + my.column, upstream);
  }
}
