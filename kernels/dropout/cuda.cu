// Dropout whose mask is never stored: Philox's bits follow from the place of a number alone, so
// that the backward pass makes the same mask again. One read and one write of each number; seven
// rounds of integer arithmetic for each four hide behind them.
// The launcher is `cuda.py`, the definition `reference.py`, the bits `philox.py`.
#include "../cuda_common.cuh"

struct Words {
  u32 at[4];
};

// Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, 2011, section 3.3.
__device__ __forceinline__ Words philox4x32_7(Words x, u32 k0, u32 k1) {
#pragma unroll
  for (int round = 0; round < 7; ++round) {
    const u32 high0 = __umulhi(0xD2511F53u, x.at[0]), low0 = 0xD2511F53u * x.at[0];
    const u32 high2 = __umulhi(0xCD9E8D57u, x.at[2]), low2 = 0xCD9E8D57u * x.at[2];
    x = {{high2 ^ x.at[1] ^ k0, low2, high0 ^ x.at[3] ^ k1, low0}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return x;
}

__device__ __forceinline__ u32 low(u64 x) { return static_cast<u32>(x); }
__device__ __forceinline__ u32 high(u64 x) { return static_cast<u32>(x >> 32); }

// A thread takes whole blocks of four numbers, as Philox makes them; `threshold` is floor(p 2^32).
extern "C" __global__ void __launch_bounds__(THREADS)
    dropout(const float* x, float* y, i64 count, float scale, u64 threshold, u64 seed,
            u64 offset) {
  const i64 blocks = (count + 3) / 4, step = step_of_grid();
  for (i64 block = first_of_grid(); block < blocks; block += step) {
    const u64 number = static_cast<u64>(block);
    const Words bits = philox4x32_7({{low(number), high(number), low(offset), high(offset)}},
                                    low(seed), high(seed));
    if (VEC == 4 && 4 * block + 4 <= count) {
      Pack<4> value = load<4>(x, block);
#pragma unroll
      for (int k = 0; k < 4; ++k)
        value.at[k] = bits.at[k] >= threshold ? value.at[k] * scale : 0.0f;
      store<4>(y, block, value);
    } else {
#pragma unroll
      for (int k = 0; k < 4; ++k)
        if (4 * block + k < count)
          y[4 * block + k] = bits.at[k] >= threshold ? x[4 * block + k] * scale : 0.0f;
    }
  }
}

// The bits themselves, for tests against known answers: counters and words are (blocks, 4).
extern "C" __global__ void __launch_bounds__(THREADS)
    philox(const u32* counters, u32* words, u32 k0, u32 k1, int blocks) {
  const int block = static_cast<int>(first_of_grid());
  if (block >= blocks) return;
  Words counter;
#pragma unroll
  for (int k = 0; k < 4; ++k) counter.at[k] = counters[4 * block + k];
  const Words bits = philox4x32_7(counter, k0, k1);
#pragma unroll
  for (int k = 0; k < 4; ++k) words[4 * block + k] = bits.at[k];
}
