// What a softmax divides a row by, found in one reading. Put in place of the line that includes it,
// as `cuda_common.cuh` is, after which it stands.

// The largest logit so far and the sum of exponentials against it are kept together, so that one
// reading gives both (Milakov and Gimelshein, Online normalizer calculation for softmax, 2018,
// algorithm 3).
struct Normalizer {
  float largest, sum;
};

// A part in which every logit is -inf adds nothing, and must not become inf - inf.
__device__ __forceinline__ float scaled(Normalizer part, float largest) {
  return part.largest == -infinity() ? part.sum : part.sum * expf(part.largest - largest);
}

__device__ __forceinline__ Normalizer with_pack(Normalizer mine, const Pack<VEC>& logits) {
  float largest = mine.largest;
#pragma unroll
  for (int k = 0; k < VEC; ++k) largest = larger(largest, logits.at[k]);
  mine = {largest, scaled(mine, largest)};
#pragma unroll
  for (int k = 0; k < VEC; ++k)
    if (logits.at[k] != -infinity()) mine.sum += expf(logits.at[k] - largest);
  return mine;
}
