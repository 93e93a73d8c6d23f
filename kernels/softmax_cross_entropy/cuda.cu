// Softmax with cross-entropy, and its gradient: the logits come from memory once and stay on the
// chip, in registers (short rows) or in shared memory (long ones), until they have been used
// twice, for the sum of exponentials and for the result.
// The launcher is `cuda.py`, the definition `reference.py`.
#include "../cuda_common.cuh"
#include "../cuda_normalizer.cuh"

// A short row belongs to LANES neighbouring lanes of a warp, ITEMS logits to each: ten classes
// take 16 lanes, so that a warp reads two rows side by side; a thousand take a warp, 32 each.
#ifndef LANES
#define LANES 32
#define ITEMS 4
#endif

// Every lane of the group gets the same result, the additions being in one order for all.
__device__ __forceinline__ float group_sum(float value) {
#pragma unroll
  for (int distance = LANES / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(ALL_LANES, value, distance);
  return value;
}

__device__ __forceinline__ float group_max(float value) {
#pragma unroll
  for (int distance = LANES / 2; distance > 0; distance /= 2)
    value = larger(value, __shfl_xor_sync(ALL_LANES, value, distance));
  return value;
}

// The row, in registers: first its logits, then their exponentials.
struct Row {
  float at[ITEMS];
  float largest, sum;
};

// ITEMS loads that do not wait for one another, each of consecutive addresses in the lanes.
__device__ __forceinline__ Row read_row(const float* logits, int K, int lane, bool exists) {
  Row row;
  row.largest = -infinity();
#pragma unroll
  for (int item = 0; item < ITEMS; ++item) {
    const int k = lane + LANES * item;
    row.at[item] = exists && k < K ? logits[k] : -infinity();
  }
#pragma unroll
  for (int item = 0; item < ITEMS; ++item) row.largest = larger(row.largest, row.at[item]);
  row.largest = group_max(row.largest);
  row.sum = 0.0f;
#pragma unroll
  for (int item = 0; item < ITEMS; ++item) {
    const int k = lane + LANES * item;
    row.at[item] = k < K ? expf(row.at[item] - row.largest) : 0.0f;
    row.sum += row.at[item];
  }
  row.sum = group_sum(row.sum);
  return row;
}

constexpr int ROWS = THREADS / LANES;  // of a block

extern "C" __global__ void __launch_bounds__(THREADS)
    losses_of_short_rows(const float* __restrict__ logits, const i64* __restrict__ targets,
                         float* __restrict__ losses, i64 rows, int K) {
  const int lane = threadIdx.x % LANES;
  const i64 number = static_cast<i64>(blockIdx.x) * ROWS + threadIdx.x / LANES;
  const bool exists = number < rows;  // the lanes of a missing row go along: shuffles need them
  const float* z = logits + number * K;
  const Row row = read_row(z, K, lane, exists);
  if (exists && lane == 0) losses[number] = logf(row.sum) - (z[targets[number]] - row.largest);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gradients_of_short_rows(const float* __restrict__ dy, const float* __restrict__ logits,
                            const i64* __restrict__ targets, float* __restrict__ dz, i64 rows,
                            int K) {
  const int lane = threadIdx.x % LANES;
  const i64 number = static_cast<i64>(blockIdx.x) * ROWS + threadIdx.x / LANES;
  const bool exists = number < rows;
  const Row row = read_row(logits + number * K, K, lane, exists);
  if (!exists) return;
  const float upstream = dy[number];
  const i64 target = targets[number];
#pragma unroll
  for (int item = 0; item < ITEMS; ++item) {
    const int k = lane + LANES * item;
    if (k < K) {
      const float p = row.at[item] / row.sum;
      dz[number * K + k] = (k == target ? p - 1.0f : p) * upstream;
    }
  }
}

// A long row belongs to a block. Reads it once, keeps it in `kept` where there is room, and returns its normalizer.
__device__ __forceinline__ Normalizer read_long_row(const float* z, int K, float* kept) {
  __shared__ float warps[32];
  Normalizer mine = {-infinity(), 0.0f};
#pragma unroll 4  // four loads on their way
  for (int pack = threadIdx.x; pack < K / VEC; pack += blockDim.x) {
    const Pack<VEC> logits = load<VEC>(z, pack);
    if (kept) store<VEC>(kept, pack, logits);
    mine = with_pack(mine, logits);
  }
  const float largest = block_max(mine.largest, warps);
  return {largest, block_sum(scaled(mine, largest), warps)};
}

extern "C" __global__ void __launch_bounds__(1024)
    losses_of_long_rows(const float* __restrict__ logits, const i64* __restrict__ targets,
                        float* __restrict__ losses, int K) {
  const float* z = logits + static_cast<i64>(blockIdx.x) * K;
  const Normalizer row = read_long_row(z, K, nullptr);
  if (threadIdx.x == 0)
    losses[blockIdx.x] = logf(row.sum) - (z[targets[blockIdx.x]] - row.largest);
}

// `keep` says whether the launch has given the block shared memory for its row; without, the row
// is read again, as a rule from the L2 cache.
extern "C" __global__ void __launch_bounds__(1024)
    gradients_of_long_rows(const float* __restrict__ dy, const float* __restrict__ logits,
                           const i64* __restrict__ targets, float* __restrict__ dz, int K,
                           int keep) {
  DYNAMIC_SHARED(float, shared);
  const i64 first = static_cast<i64>(blockIdx.x) * K;
  const Normalizer row = read_long_row(logits + first, K, keep ? shared : nullptr);
  const float upstream = dy[blockIdx.x];
  const int target = static_cast<int>(targets[blockIdx.x]);
  // Each thread reads what it wrote itself: no barrier is needed.
  for (int pack = threadIdx.x; pack < K / VEC; pack += blockDim.x) {
    Pack<VEC> value = keep ? load<VEC>(shared, pack) : load<VEC>(logits + first, pack);
#pragma unroll
    for (int k = 0; k < VEC; ++k) {
      const float p = expf(value.at[k] - row.largest) / row.sum;
      value.at[k] = (pack * VEC + k == target ? p - 1.0f : p) * upstream;
    }
    store<VEC>(dz + first, pack, value);
  }
}
