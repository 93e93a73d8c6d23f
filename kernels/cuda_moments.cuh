// Mean and variance of many numbers, from those of their parts: for batch norm and group norm.
// Put in place of the line that includes it, as `cuda_common.cuh` is, after which it stands.

// How many numbers, their mean, and the sum of their squared distances from it.
struct Moments {
  float count, mean, squares;
};

// The sum of squared distances from the mean, of numbers whose distances from one of them have this
// sum, these squares' sum and this mean. Where the squares overflow and the sum does not, it is
// infinity: the product may overflow too, and inf - inf would be a NaN where none went in.
__device__ __forceinline__ float squares_about_mean(float sum, float squares, float mean) {
  return isinf(squares) && !isinf(sum) ? squares : squares - sum * mean;
}

// Two disjoint parts as one (Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm
// for computing sample variances, 1979, equation 1.5). Nothing large cancels.
__device__ __forceinline__ Moments merged(Moments a, Moments b) {
  if (a.count == 0.0f) return b;
  if (b.count == 0.0f) return a;
  const float count = a.count + b.count, distance = b.mean - a.mean;
  const float share = __fdividef(b.count, count);  // to 2 eps, and no branch for tiny numbers
  return {count, a.mean + distance * share,
          a.squares + b.squares + distance * distance * (a.count * share)};
}
