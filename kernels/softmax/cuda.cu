// Softmax, log-softmax and their gradients. A row belongs to a team of threads, blockDim.x of them:
// part of a warp for short rows, so that a block has several, and the block for long ones. A team
// reads its row twice, the second time from a cache.
// The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"
#include "../cuda_normalizer.cuh"

struct Team {
  i64 first;  // where its row begins
  int packs;  // of the row; none for a team without a row, which goes along to the barriers
};

__device__ __forceinline__ Team my_team(i64 rows, int K) {
  const i64 row = static_cast<i64>(blockIdx.x) * blockDim.y + threadIdx.y;
  return {row * K, row < rows ? K / VEC : 0};
}

// The sum over the team, in every thread, and always added in one order.
__device__ __forceinline__ float team_sum(float value, float* warps) {
  if (blockDim.x > 32) return block_sum(value, warps);
  for (int distance = blockDim.x / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(ALL_LANES, value, distance);
  return value;
}

__device__ __forceinline__ float team_max(float value, float* warps) {
  if (blockDim.x > 32) return block_max(value, warps);
  for (int distance = blockDim.x / 2; distance > 0; distance /= 2)
    value = larger(value, __shfl_xor_sync(ALL_LANES, value, distance));
  return value;
}

// y = exp(x - m) / (sum of exp(x - m)), m the largest of the row, or its logarithm.
extern "C" __global__ void __launch_bounds__(1024)
    softmax(const float* __restrict__ x, float* __restrict__ y, i64 rows, int K, int logarithm) {
  __shared__ float warps[32];
  const Team my = my_team(rows, K);
  Normalizer mine = {-infinity(), 0.0f};
#pragma unroll 2
  for (int pack = threadIdx.x; pack < my.packs; pack += blockDim.x)
    mine = with_pack(mine, load<VEC>(x + my.first, pack));
  const float largest = team_max(mine.largest, warps);
  const float sum = team_sum(scaled(mine, largest), warps), log_of_sum = logf(sum);
  for (int pack = threadIdx.x; pack < my.packs; pack += blockDim.x) {
    Pack<VEC> value = load<VEC>(x + my.first, pack);
#pragma unroll
    for (int k = 0; k < VEC; ++k) {
      const float below = value.at[k] - largest;
      value.at[k] = logarithm ? below - log_of_sum : expf(below) / sum;
    }
    store<VEC>(y + my.first, pack, value);
  }
}

// dx = y (dy - sum of dy y), and for the logarithm dx = dy - exp(y) (sum of dy).
extern "C" __global__ void __launch_bounds__(1024)
    softmax_grad(const float* __restrict__ dy, const float* __restrict__ y,
                 float* __restrict__ dx, i64 rows, int K, int logarithm) {
  __shared__ float warps[32];
  const Team my = my_team(rows, K);
  float sum = 0.0f;
#pragma unroll 2
  for (int pack = threadIdx.x; pack < my.packs; pack += blockDim.x) {
    const Pack<VEC> upstream = load<VEC>(dy + my.first, pack);
    const Pack<VEC> value = load<VEC>(y + my.first, pack);
#pragma unroll
    for (int k = 0; k < VEC; ++k)
      sum += logarithm ? upstream.at[k] : upstream.at[k] * value.at[k];
  }
  sum = team_sum(sum, warps);
  for (int pack = threadIdx.x; pack < my.packs; pack += blockDim.x) {
    Pack<VEC> upstream = load<VEC>(dy + my.first, pack);
    const Pack<VEC> value = load<VEC>(y + my.first, pack);
#pragma unroll
    for (int k = 0; k < VEC; ++k)
      upstream.at[k] = logarithm ? upstream.at[k] - expf(value.at[k]) * sum
                                 : value.at[k] * (upstream.at[k] - sum);
    store<VEC>(dx + my.first, pack, upstream);
  }
}
