// What the CUDA kernels share: short names, packs of four floats, sums over a warp and a block.
// It is put in place of the line that includes it, since neither NVRTC nor the emulator looks for
// files. NVRTC has no headers: no INFINITY, no uint32_t. Read next: `activation/cuda.cu`.

using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;

#ifdef __cuda_emulator__
#define DYNAMIC_SHARED(type, name) type* name = reinterpret_cast<type*>(emulator::dynamic_shared)
#else
#define DYNAMIC_SHARED(type, name)                        \
  extern __shared__ __align__(16) unsigned char bytes[];  \
  type* name = reinterpret_cast<type*>(bytes)
#endif

constexpr u32 ALL_LANES = 0xffffffffu;
constexpr int THREADS = 256;  // of a block, unless a kernel says otherwise
constexpr int WARPS = THREADS / 32;

__device__ __forceinline__ float infinity() { return __uint_as_float(0x7f800000u); }

// How many floats a thread reads at once: the launcher chooses, and compiles for it.
#ifndef VEC
#define VEC 4
#endif

// V floats that are read or written at once: with V = 4 one 128-bit access, for which the address
// must be a multiple of 16. Four times fewer instructions keep four times the bytes in flight.
template <int V>
struct alignas(4 * V) Pack {
  float at[V];
};

template <int V>
__device__ __forceinline__ Pack<V> load(const float* from, i64 pack) {
  return reinterpret_cast<const Pack<V>*>(from)[pack];
}

template <int V>
__device__ __forceinline__ void store(float* to, i64 pack, const Pack<V>& value) {
  reinterpret_cast<Pack<V>*>(to)[pack] = value;
}

// The first of this thread's numbers, and how far the next is: threads of the whole grid stand
// side by side, so that a warp touches consecutive addresses at every step.
__device__ __forceinline__ i64 first_of_grid() {
  return static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ i64 step_of_grid() { return static_cast<i64>(gridDim.x) * blockDim.x; }

// Butterflies: after five exchanges every lane holds the result, and always added in one order.
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value += __shfl_xor_sync(ALL_LANES, value, distance);
  return value;
}

// The larger of two numbers, or NaN if one of them is NaN (fmaxf would drop it).
__device__ __forceinline__ float larger(float a, float b) {
  return a > b || a != a ? a : b;
}

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value = larger(value, __shfl_xor_sync(ALL_LANES, value, distance));
  return value;
}

// The sum over the block, in every thread. `shared` has one place a warp, and may be used again
// after the call.
__device__ __forceinline__ float block_sum(float value, float* shared) {
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  value = threadIdx.x % 32 < blockDim.x / 32 ? shared[threadIdx.x % 32] : 0.0f;
  value = warp_sum(value);
  __syncthreads();
  return value;
}

__device__ __forceinline__ float block_max(float value, float* shared) {
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  value = threadIdx.x % 32 < blockDim.x / 32 ? shared[threadIdx.x % 32] : -infinity();
  value = warp_max(value);
  __syncthreads();
  return value;
}

// The activations that a kernel can end with, numbered as in `cuda_launch.KINDS`.
constexpr int IDENTITY = 0, RELU = 1, TANH = 2, SIGMOID = 3;

__device__ __forceinline__ float activate(int kind, float z) {
  if (kind == RELU) return z < 0.0f ? 0.0f : z;  // a NaN stays
  if (kind == TANH) return tanhf(z);
  if (kind == SIGMOID) {
    float e = expf(-fabsf(z));  // never overflows
    return (z < 0.0f ? e : 1.0f) / (1.0f + e);
  }
  return z;
}

// dy f'(z), by y = f(z).
__device__ __forceinline__ float activate_grad(int kind, float dy, float y) {
  if (kind == RELU) return dy * (y > 0.0f ? 1.0f : y < 0.0f ? -1.0f : y);  // dy sign(y)
  if (kind == TANH) return dy * (1.0f - y * y);
  if (kind == SIGMOID) return dy * (y * (1.0f - y));
  return dy;
}
