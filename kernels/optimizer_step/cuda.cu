// The steps of SGD and Adam over many tensors in one launch: a network of fifty small tensors
// would otherwise cost fifty launches of a few microseconds for a microsecond of work.
// The launcher is `cuda.py`, the definitions `reference.py`.
#include "../cuda_common.cuh"

constexpr int MOST = 80;     // tensors of one launch: CUDA takes 4 KiB of arguments
constexpr int CHUNK = 4096;  // numbers that one block updates

// The list travels with the launch, by value: no memory to fill, no copy to wait for. Chunks are
// numbered through all tensors, and `first_chunk[t]` is the first of tensor t.
struct Tensors {
  float* at[4][MOST];
  i64 size[MOST];
  int first_chunk[MOST + 1];
};

// The part of one tensor that a block updates: at most CHUNK numbers of each of four arrays.
struct Part {
  float* at[4];
  int size;
  bool aligned;
};

__device__ __forceinline__ Part part_of(const Tensors& tensors, int count) {
  const int chunk = blockIdx.x;
  int tensor = 0, beyond = count;  // bisection: first_chunk[tensor] <= chunk < first_chunk[beyond]
  while (beyond - tensor > 1) {
    const int middle = (tensor + beyond) / 2;
    if (tensors.first_chunk[middle] <= chunk) tensor = middle;
    else beyond = middle;
  }
  const i64 from = static_cast<i64>(chunk - tensors.first_chunk[tensor]) * CHUNK;
  Part part;
  u64 addresses = 0;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    float* whole = tensors.at[k][tensor];
    part.at[k] = whole ? whole + from : nullptr;
    addresses |= reinterpret_cast<u64>(whole);
  }
  part.size = static_cast<int>(min(tensors.size[tensor] - from, static_cast<i64>(CHUNK)));
  part.aligned = addresses % 16 == 0;
  return part;
}

// Calls `update(part, V, pack)` for every pack: packs of four where the memory allows, and single
// numbers for what is left. A thread's packs lie THREADS apart, so that a warp's are neighbours.
template <class Rule>
__device__ __forceinline__ void for_each_pack(const Part& part, const Rule& rule) {
  const int packs = part.aligned ? part.size / 4 : 0;
#pragma unroll 2
  for (int pack = threadIdx.x; pack < packs; pack += THREADS) rule.template update<4>(part, pack);
  for (int rest = 4 * packs + threadIdx.x; rest < part.size; rest += THREADS)
    rule.template update<1>(part, rest);
}

struct Sgd {
  float lr, momentum, dampening, weight_decay;
  int nesterov, first;

  template <int V>
  __device__ __forceinline__ void update(const Part& part, int pack) const {
    Pack<V> p = load<V>(part.at[0], pack), g = load<V>(part.at[1], pack), v;
    if (part.at[2]) v = load<V>(part.at[2], pack);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      float gradient = g.at[k], direction;
      if (weight_decay != 0.0f) gradient += weight_decay * p.at[k];
      direction = gradient;
      if (part.at[2]) {
        v.at[k] = first ? gradient : momentum * v.at[k] + (1.0f - dampening) * gradient;
        direction = nesterov ? gradient + momentum * v.at[k] : v.at[k];
      }
      p.at[k] -= lr * direction;
    }
    store<V>(part.at[0], pack, p);
    if (part.at[2]) store<V>(part.at[2], pack, v);
  }
};

struct Adam {
  float step_size, beta1, rest1, beta2, rest2, eps, root_of_correction, weight_decay, shrink;

  template <int V>
  __device__ __forceinline__ void update(const Part& part, int pack) const {
    Pack<V> p = load<V>(part.at[0], pack), m = load<V>(part.at[2], pack);
    Pack<V> v = load<V>(part.at[3], pack);
    const Pack<V> g = load<V>(part.at[1], pack);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const float decayed = shrink != 1.0f ? p.at[k] * shrink : p.at[k];
      const float gradient =
          weight_decay != 0.0f ? g.at[k] + weight_decay * decayed : g.at[k];
      m.at[k] = beta1 * m.at[k] + rest1 * gradient;
      v.at[k] = beta2 * v.at[k] + rest2 * (gradient * gradient);
      const float deviation = sqrtf(v.at[k]) / root_of_correction + eps;
      p.at[k] = decayed - step_size * (m.at[k] / deviation);
    }
    store<V>(part.at[0], pack, p);
    store<V>(part.at[2], pack, m);
    store<V>(part.at[3], pack, v);
  }
};

extern "C" __global__ void __launch_bounds__(THREADS)
    sgd_step(const Tensors tensors, int count, const Sgd rule) {
  for_each_pack(part_of(tensors, count), rule);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    adam_step(const Tensors tensors, int count, const Adam rule) {
  for_each_pack(part_of(tensors, count), rule);
}
