"""One CUDA kernel in four steps: the transpose, each time asking less of memory.

y[c, r] = x[r, c]: every number is read once and written once, whatever the kernel. What differs is
what a *warp*, 32 threads that execute one instruction together, touches at once. Memory comes in
sectors of 32 bytes: a sector of which one float is used is seven floats moved in vain.

It runs on this CPU, in the project's emulator, which counts the sectors; it says nothing of time.
"""

import numpy as np
from tinygrad_course.kernels import cuda_emulator

SOURCE = """
extern "C" __global__ void naive(const float* x, float* y, int n) {
  int r = threadIdx.x, c = blockIdx.x;  // 32 lanes read 32 rows: 32 sectors for 32 floats
  for (; r < n; r += 32) y[c * n + r] = x[r * n + c];
}
extern "C" __global__ void coalesced(const float* x, float* y, int n) {
  int c = threadIdx.x, r = blockIdx.x;  // 32 lanes read one row: 4 sectors; the writes scatter now
  for (; c < n; c += 32) y[c * n + r] = x[r * n + c];
}
extern "C" __global__ void shared(const float* x, float* y, int n) {
  __shared__ float tile[32][32 + PAD];  // read along rows, turn inside the chip, write along rows
  int left = blockIdx.x * 32, top = blockIdx.y * 32, lane = threadIdx.x;
  for (int r = threadIdx.y; r < 32; r += 8) tile[r][lane] = x[(top + r) * n + left + lane];
  __syncthreads();  // without it a thread reads what its neighbour has not written yet
  for (int c = threadIdx.y; c < 32; c += 8) y[(left + c) * n + top + lane] = tile[lane][c];
}
extern "C" __global__ void vectors(const float* x, float* y, int n) {
  __shared__ float tile[32][33];  // as before, four floats an instruction
  int left = blockIdx.x * 32, top = blockIdx.y * 32, k = threadIdx.x * 4, row = threadIdx.y;
  float4 v = *reinterpret_cast<const float4*>(x + (top + row) * n + left + k);
  tile[row][k] = v.x, tile[row][k + 1] = v.y, tile[row][k + 2] = v.z, tile[row][k + 3] = v.w;
  __syncthreads();
  v = {tile[k][row], tile[k + 1][row], tile[k + 2][row], tile[k + 3][row]};
  *reinterpret_cast<float4*>(y + (left + row) * n + top + k) = v;
}
"""


def aligned(n):
    """An (n, n) array that begins where a sector begins."""
    memory = np.zeros(n * n + 8, np.float32)
    start = -memory.ctypes.data // 4 % 8
    return memory[start : start + n * n].reshape(n, n)


def run(name, pad, n, grid, block):
    x, y = aligned(n), aligned(n)
    x[...] = np.arange(n * n, dtype=np.float32).reshape(n, n)
    kernel = cuda_emulator.Module(SOURCE, (f"-DPAD={pad}",), "transpose.cu").get_function(name)
    with cuda_emulator.count_traffic() as traffic:
        kernel(grid, block, (x, y, np.int32(n)))
    assert np.array_equal(y, x.T)
    return traffic


def main(n=64):
    if not cuda_emulator.available():
        print("the CUDA emulator needs g++ on Linux;\nthe kernels are there to be read")
        return
    tiles, line = (n // 32, n // 32), (n,)
    steps = [("naive", 0, line, (32,)), ("coalesced", 0, line, (32,)),
             ("shared", 0, tiles, (32, 8)), ("shared", 1, tiles, (32, 8)),
             ("vectors", 1, tiles, (8, 32))]  # fmt: skip
    print("kernel     pad  requests  sectors  useful  rounds in shared memory, a request")
    for name, pad, grid, block in steps:
        t = run(name, pad, n, grid, block)
        requests = t.global_reads.requests + t.global_writes.requests
        rounds = (t.shared_reads.parts + t.shared_writes.parts) / max(
            1, t.shared_reads.requests + t.shared_writes.requests
        )
        assert (t.efficiency == 1) == (name in ("shared", "vectors"))
        print(f"{name:9}  {pad:3}  {requests:8}  {t.sectors:7}  {t.efficiency:5.0%}  {rounds:6.1f}")


if __name__ == "__main__":
    main()
