// The words of CUDA C++ that the kernels use, in terms of `scheduler.h`: qualifiers, vectors,
// barriers, warp operations, atomics, mathematics. What is missing here does not compile, and is
// added here. Read next: `entry.h`.

#include <cmath>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __constant__ static const
#define __shared__ static __attribute__((section("cuda_shared")))
#define __launch_bounds__(...)
#define __align__(bytes) alignas(bytes)
#define __cuda_emulator__ 1

#define EMULATOR_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

// ---- vectors

#define EMULATOR_VECTOR(type, name)                                             \
  struct alignas(2 * sizeof(type)) name##2 {                                    \
    type x, y;                                                                  \
  };                                                                            \
  struct alignas(4 * sizeof(type)) name##4 {                                    \
    type x, y, z, w;                                                            \
  };                                                                            \
  static inline name##2 make_##name##2(type x, type y) { return {x, y}; }       \
  static inline name##4 make_##name##4(type x, type y, type z, type w) {        \
    return {x, y, z, w};                                                        \
  }
EMULATOR_VECTOR(float, float)
EMULATOR_VECTOR(int, int)
EMULATOR_VECTOR(unsigned, uint)

// ---- barriers and warps

static inline void __syncthreads(EMULATOR_HERE) { emulator::barrier(false, file, line); }
static inline int __syncthreads_count(int vote, EMULATOR_HERE) {
  return emulator::barrier(vote != 0, file, line);
}
static inline int __syncthreads_or(int vote, EMULATOR_HERE) {
  return emulator::barrier(vote != 0, file, line) != 0;
}
static inline void __syncwarp(unsigned mask = 0xffffffffu, EMULATOR_HERE) {
  emulator::collective(mask, 0, -1, false, true, file, line);
}
static inline unsigned __ballot_sync(unsigned mask, int vote, EMULATOR_HERE) {
  return emulator::collective(mask, 0, -1, vote != 0, false, file, line).ballot;
}
static inline int __any_sync(unsigned mask, int vote, EMULATOR_HERE) {
  return emulator::collective(mask, 0, -1, vote != 0, false, file, line).ballot != 0;
}
static inline int __all_sync(unsigned mask, int vote, EMULATOR_HERE) {
  return emulator::collective(mask, 0, -1, vote == 0, false, file, line).ballot == 0;
}

namespace emulator {
template <class T>
EMULATOR_MACHINE static T shuffle(unsigned mask, T value, int source, const char* file, int line) {
  static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
  unsigned long long bits = 0;
  memcpy(&bits, &value, sizeof(T));
  bits = collective(mask, bits, source, false, false, file, line).value;
  memcpy(&value, &bits, sizeof(T));
  return value;
}
EMULATOR_MACHINE static int lane() { return running % 32; }
}  // namespace emulator

// Each lane names the lane it reads; out of its part of `width` lanes it reads itself.
template <class T>
static inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMULATOR_HERE) {
  int part = emulator::lane() / width * width;
  return emulator::shuffle(mask, value, part + (source & (width - 1)), file, line);
}
template <class T>
static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, EMULATOR_HERE) {
  int lane = emulator::lane(), source = lane ^ bits;
  if (source >= (lane / width + 1) * width) source = lane;
  return emulator::shuffle(mask, value, source, file, line);
}
template <class T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32,
                                 EMULATOR_HERE) {
  int lane = emulator::lane(), source = lane + static_cast<int>(by);
  if (source >= (lane / width + 1) * width) source = lane;
  return emulator::shuffle(mask, value, source, file, line);
}
template <class T>
static inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32,
                               EMULATOR_HERE) {
  int lane = emulator::lane(), source = lane - static_cast<int>(by);
  if (source < lane / width * width) source = lane;
  return emulator::shuffle(mask, value, source, file, line);
}

static inline void __threadfence() {}
static inline void __threadfence_block() {}

// ---- atomics: threads take turns, so a plain exchange is one; the builtins tell the sanitizer

template <class T, class F>
static inline T emulator_update(T* address, F update) {
#ifdef EMULATOR_COUNTS
  T old = *address;
  *address = update(old);
#else
  T old, fresh;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  do {
    fresh = update(old);
  } while (!__atomic_compare_exchange(address, &old, &fresh, false, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED));
#endif
  return old;
}
template <class T>
static inline T atomicAdd(T* address, T value) {
  return emulator_update(address, [=](T old) { return old + value; });
}
template <class T>
static inline T atomicExch(T* address, T value) {
  return emulator_update(address, [=](T) { return value; });
}
template <class T>
static inline T atomicMax(T* address, T value) {
  return emulator_update(address, [=](T old) { return old > value ? old : value; });
}
template <class T>
static inline T atomicMin(T* address, T value) {
  return emulator_update(address, [=](T old) { return old < value ? old : value; });
}
template <class T>
static inline T atomicCAS(T* address, T expected, T value) {
  return emulator_update(address, [=](T old) { return old == expected ? value : old; });
}

// ---- mathematics and bits

using std::isfinite;
using std::isinf;
using std::isnan;

#define EMULATOR_MIN_MAX(type)                                            \
  static inline type min(type a, type b) { return b < a ? b : a; }       \
  static inline type max(type a, type b) { return a < b ? b : a; }
EMULATOR_MIN_MAX(int)
EMULATOR_MIN_MAX(unsigned)
EMULATOR_MIN_MAX(long long)
EMULATOR_MIN_MAX(unsigned long long)
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }

static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
#define __expf(x) expf(x)  // macros: the C library has functions of these names
#define __logf(x) logf(x)
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fadd_rn(float a, float b) { return a + b; }
template <class T>
static inline T __ldg(const T* address) {
  return *address;
}
template <class T>
static inline T __ldcs(const T* address) {
  return *address;
}
template <class T>
static inline void __stcs(T* address, T value) {
  *address = value;
}
static inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline unsigned __float_as_uint(float x) {
  unsigned bits;
  memcpy(&bits, &x, 4);
  return bits;
}
static inline float __uint_as_float(unsigned bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}
static inline int __float_as_int(float x) { return static_cast<int>(__float_as_uint(x)); }
static inline float __int_as_float(int bits) {
  return __uint_as_float(static_cast<unsigned>(bits));
}
