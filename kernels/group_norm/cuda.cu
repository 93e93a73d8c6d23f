// Group normalisation and its gradient. A block owns one group of one sample: P runs of
// neighbouring channels, one run in layer norm. It reads them for mean and variance together, and
// again, from a cache where they fit, to normalise; the gradient does the same for its two sums.
// The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"
#include "../cuda_columns.cuh"
#include "../cuda_moments.cuh"

// The group of this block, in packs: where it begins, how long a run is, how far apart runs are.
struct Group {
  i64 first;
  int run, apart, channel;
};

__device__ __forceinline__ Group group_of_block(int P, int C, int groups) {
  Group my;
  const int group = blockIdx.x % groups;
  my.run = C / groups / VEC;
  my.apart = C / VEC;
  my.first = static_cast<i64>(blockIdx.x / groups) * P * my.apart + group * my.run;
  my.channel = group * my.run;
  return my;
}

// A thread's way over the group, a pack of every blockDim.x: counted up, never divided.
struct Walk {
  int position, pack, positions_at_once, packs_at_once;
};

__device__ __forceinline__ Walk walk(const Group& my) {
  return {static_cast<int>(threadIdx.x) / my.run, static_cast<int>(threadIdx.x) % my.run,
          static_cast<int>(blockDim.x) / my.run, static_cast<int>(blockDim.x) % my.run};
}

__device__ __forceinline__ void step(Walk& at, const Group& my) {
  at.position += at.positions_at_once;
  at.pack += at.packs_at_once;
  if (at.pack >= my.run) {
    at.pack -= my.run;
    ++at.position;
  }
}

__device__ __forceinline__ i64 place_of(const Walk& at, const Group& my) {
  return my.first + static_cast<i64>(at.position) * my.apart + at.pack;
}

// The moments of the whole block, in every thread: by lanes, then by warps, in one order.
__device__ __forceinline__ Moments block_moments(Moments mine) {
  __shared__ Moments warps[32];
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    mine = merged(mine, {__shfl_xor_sync(ALL_LANES, mine.count, distance),
                         __shfl_xor_sync(ALL_LANES, mine.mean, distance),
                         __shfl_xor_sync(ALL_LANES, mine.squares, distance)});
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = mine;
  __syncthreads();
  mine = warps[0];
  for (int warp = 1; warp < blockDim.x / 32; ++warp) mine = merged(mine, warps[warp]);
  return mine;
}

// y = gamma (x - mean) / sqrt(var + eps) + beta. Distances are taken from a thread's own first
// number, and its mean is told by the distance from the group's: nothing large cancels.
extern "C" __global__ void __launch_bounds__(THREADS)
    normalise_groups(const float* __restrict__ x, const float* __restrict__ gamma,
                     const float* __restrict__ beta, float* __restrict__ y,
                     float* __restrict__ means, float* __restrict__ vars, int P, int C, int groups,
                     float eps) {
  const Group my = group_of_block(P, C, groups);
  const float whole_origin = x[my.first * VEC];
  Moments mine = {0.0f, 0.0f, 0.0f};
  Walk at = walk(my);
  if (at.position < P) {
    const float origin = x[place_of(at, my) * VEC];
    float sum = 0.0f, squares = 0.0f;
    int packs = 0;
    for (; at.position < P; step(at, my), ++packs) {
      const Pack<VEC> value = load<VEC>(x, place_of(at, my));
#pragma unroll
      for (int k = 0; k < VEC; ++k) {
        const float distance = value.at[k] - origin;
        sum += distance;
        squares += distance * distance;
      }
    }
    const float count = static_cast<float>(packs) * VEC, mean = sum * (1.0f / count);
    mine = {count, (origin - whole_origin) + mean, squares_about_mean(sum, squares, mean)};
  }
  const Moments all = block_moments(mine);
  const float mean = whole_origin + all.mean;
  const float variance = all.squares / all.count;
  const float var = variance < 0.0f ? 0.0f : variance;  // a NaN stays one
  const float inverse = 1.0f / sqrtf(var + eps);
  if (threadIdx.x == 0) {
    means[blockIdx.x] = mean;
    vars[blockIdx.x] = var;
  }
  for (at = walk(my); at.position < P; step(at, my)) {
    Pack<VEC> value = load<VEC>(x, place_of(at, my));
    const Pack<VEC> scale = load<VEC>(gamma, my.channel + at.pack);
    const Pack<VEC> shift = load<VEC>(beta, my.channel + at.pack);
#pragma unroll
    for (int k = 0; k < VEC; ++k)
      value.at[k] = (value.at[k] - mean) * inverse * scale.at[k] + shift.at[k];
    store<VEC>(y, place_of(at, my), value);
  }
}

// dx = (d - mean of d - z (mean of d z)) / sqrt(var + eps), with d = dy gamma.
extern "C" __global__ void __launch_bounds__(THREADS)
    input_gradient(const float* __restrict__ dy, const float* __restrict__ x,
                   const float* __restrict__ gamma, const float* __restrict__ means,
                   const float* __restrict__ vars, float* __restrict__ dx, int P, int C, int groups,
                   float eps) {
  __shared__ float warps[32];
  const Group my = group_of_block(P, C, groups);
  const float mean = means[blockIdx.x], inverse = 1.0f / sqrtf(vars[blockIdx.x] + eps);
  float sum = 0.0f, weighted = 0.0f;
  for (Walk at = walk(my); at.position < P; step(at, my)) {
    const Pack<VEC> value = load<VEC>(x, place_of(at, my));
    const Pack<VEC> upstream = load<VEC>(dy, place_of(at, my));
    const Pack<VEC> scale = load<VEC>(gamma, my.channel + at.pack);
#pragma unroll
    for (int k = 0; k < VEC; ++k) {
      const float d = upstream.at[k] * scale.at[k];
      sum += d;
      weighted += d * ((value.at[k] - mean) * inverse);
    }
  }
  const float count = static_cast<float>(P) * (my.run * VEC);
  const float of_d = block_sum(sum, warps) / count, of_dz = block_sum(weighted, warps) / count;
  for (Walk at = walk(my); at.position < P; step(at, my)) {
    const Pack<VEC> value = load<VEC>(x, place_of(at, my));
    Pack<VEC> upstream = load<VEC>(dy, place_of(at, my));
    const Pack<VEC> scale = load<VEC>(gamma, my.channel + at.pack);
#pragma unroll
    for (int k = 0; k < VEC; ++k) {
      const float z = (value.at[k] - mean) * inverse;
      upstream.at[k] = (upstream.at[k] * scale.at[k] - of_d - z * of_dz) * inverse;
    }
    store<VEC>(dx, place_of(at, my), upstream);
  }
}

// The sums of dy and of dy z in this block's rows of x (N P, C): parts (slices, 2 C), dbeta's first.
extern "C" __global__ void __launch_bounds__(THREADS)
    gradient_sums(const float* __restrict__ dy, const float* __restrict__ x,
                  const float* __restrict__ means, const float* __restrict__ vars,
                  float* __restrict__ parts, i64 rows, int P, int C, int groups, int width,
                  float eps) {
  const Place my = place(rows, C, width);
  float plain[VEC] = {}, weighted[VEC] = {};
  if (my.works) {
    const int group = my.column * VEC / (C / groups);  // a pack lies in one group
    i64 sample = (my.start + my.row) / P;
    int position = static_cast<int>((my.start + my.row) % P);
    for (i64 m = my.start + my.row; m < my.stop; m += my.rows) {
      const float mean = means[sample * groups + group];
      const float inverse = 1.0f / sqrtf(vars[sample * groups + group] + eps);
      const Pack<VEC> value = load<VEC>(x, m * my.packs + my.column);
      const Pack<VEC> upstream = load<VEC>(dy, m * my.packs + my.column);
#pragma unroll
      for (int k = 0; k < VEC; ++k) {
        plain[k] += upstream.at[k];
        weighted[k] += upstream.at[k] * ((value.at[k] - mean) * inverse);
      }
      for (position += my.rows; position >= P; position -= P) ++sample;
    }
  }
  store_sums(plain, weighted, parts, my, C, width);
}
