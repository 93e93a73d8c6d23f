// Counts what a kernel asks of memory, in the mode that does: the compiler puts a call before every
// read and write (it is the instrumentation of ThreadSanitizer, with these functions in place of
// its library), and the calls of one instruction by the lanes of one warp are taken together, as
// the hardware takes them. Stands on `scheduler.h`; the Python side is `traffic.py`.

#ifdef EMULATOR_COUNTS

#include <map>
#include <set>

namespace emulator {

// A global access costs as many sectors of 32 bytes as its lanes touch. A shared one takes as many
// rounds as the busiest of the 32 banks, each four bytes wide, has different words to give.
struct Traffic {
  unsigned long long requests, sectors, bytes;
};
static Traffic global_reads, global_writes, shared_reads, shared_writes;

struct Request {
  std::set<uintptr_t> pieces;  // sectors of global memory, words of shared memory
  size_t bytes = 0;
};

// One instruction, the how-manieth time it runs in its threads, in one warp of the block.
struct Instruction {
  const void* place;
  unsigned time, warp;
  int kind;
  bool operator<(const Instruction& other) const {
    if (place != other.place) return place < other.place;
    if (time != other.time) return time < other.time;
    return warp != other.warp ? warp < other.warp : kind < other.kind;
  }
};
static std::map<Instruction, Request>* open_requests;
static std::map<std::pair<const void*, unsigned>, unsigned>* times;
static bool counting;  // of the kernel: the maps below are compiled with the same instrumentation

// What a GPU keeps in registers: a thread's own variables and its place in the grid.
EMULATOR_MACHINE static bool in_registers(const char* at) {
  auto lies_in = [at](const void* from, size_t bytes) {
    return at >= static_cast<const char*>(from) && at < static_cast<const char*>(from) + bytes;
  };
  return lies_in(threads[running].stack, stack_bytes) || lies_in(&threadIdx, sizeof threadIdx) ||
         lies_in(&blockIdx, sizeof blockIdx) || lies_in(&blockDim, sizeof blockDim) ||
         lies_in(&gridDim, sizeof gridDim) || lies_in(&dynamic_shared, sizeof dynamic_shared);
}

EMULATOR_MACHINE static void count(const void* address, size_t bytes, bool write,
                                   const void* place) {
  const char* at = static_cast<const char*>(address);
  if (in_registers(at)) return;
  const bool shared = (at >= __start_cuda_shared && at < __stop_cuda_shared) ||
                      (at >= dynamic_shared && at < dynamic_shared + dynamic_shared_bytes);
  const unsigned time = (*times)[{place, running}]++;
  Request& request = (*open_requests)[{place, time, running / 32, 2 * shared + write}];
  const uintptr_t piece = shared ? 4 : 32, first = reinterpret_cast<uintptr_t>(at) / piece;
  const uintptr_t last = (reinterpret_cast<uintptr_t>(at) + bytes - 1) / piece;
  for (uintptr_t k = first; k <= last; ++k) request.pieces.insert(k);
  request.bytes += bytes;
}

EMULATOR_MACHINE static void note(const void* address, size_t bytes, bool write,
                                  const void* place) {
  if (!counting) return;
  counting = false;
  count(address, bytes, write, place);
  counting = true;
}

EMULATOR_MACHINE static void start_counting() {
  open_requests = new std::map<Instruction, Request>;
  times = new std::map<std::pair<const void*, unsigned>, unsigned>;
  counting = true;
}

EMULATOR_MACHINE static void stop_counting() {
  counting = false;
  Traffic* kinds[] = {&global_reads, &global_writes, &shared_reads, &shared_writes};
  for (const auto& entry : *open_requests) {
    Traffic& traffic = *kinds[entry.first.kind];
    size_t pieces = entry.second.pieces.size();
    if (entry.first.kind >= 2) {
      size_t busy[32] = {};
      pieces = 0;
      for (uintptr_t word : entry.second.pieces)
        if (++busy[word % 32] > pieces) pieces = busy[word % 32];
    }
    ++traffic.requests;
    traffic.sectors += pieces;
    traffic.bytes += entry.second.bytes;
  }
  delete open_requests;
  delete times;
}

}  // namespace emulator

extern "C" {
#define EMULATOR_COUNT(bytes)                                                                   \
  EMULATOR_MACHINE __attribute__((visibility("hidden"))) void __tsan_read##bytes(void* at) {    \
    emulator::note(at, bytes, false, __builtin_return_address(0));                              \
  }                                                                                             \
  EMULATOR_MACHINE __attribute__((visibility("hidden"))) void __tsan_write##bytes(void* at) {   \
    emulator::note(at, bytes, true, __builtin_return_address(0));                               \
  }                                                                                             \
  EMULATOR_MACHINE __attribute__((visibility("hidden"))) void __tsan_unaligned_read##bytes(     \
      void* at) {                                                                               \
    emulator::note(at, bytes, false, __builtin_return_address(0));                              \
  }                                                                                             \
  EMULATOR_MACHINE __attribute__((visibility("hidden"))) void __tsan_unaligned_write##bytes(    \
      void* at) {                                                                               \
    emulator::note(at, bytes, true, __builtin_return_address(0));                               \
  }
EMULATOR_COUNT(1)
EMULATOR_COUNT(2)
EMULATOR_COUNT(4)
EMULATOR_COUNT(8)
EMULATOR_COUNT(16)
EMULATOR_MACHINE __attribute__((visibility("hidden"))) void __tsan_read_range(void* at, size_t n) {
  emulator::note(at, n, false, __builtin_return_address(0));
}
EMULATOR_MACHINE __attribute__((visibility("hidden"))) void __tsan_write_range(void* at,
                                                                               size_t n) {
  emulator::note(at, n, true, __builtin_return_address(0));
}
EMULATOR_MACHINE __attribute__((visibility("hidden"))) void __tsan_func_entry(void*) {}
EMULATOR_MACHINE __attribute__((visibility("hidden"))) void __tsan_func_exit() {}
EMULATOR_MACHINE __attribute__((visibility("hidden"))) void __tsan_init() {}

// Twelve numbers: requests, sectors (or rounds) and bytes of global reads and writes, and of
// shared ones; and zeros from here on.
EMULATOR_MACHINE void emulator_traffic(unsigned long long* numbers) {
  using namespace emulator;
  Traffic* kinds[] = {&global_reads, &global_writes, &shared_reads, &shared_writes};
  for (Traffic* kind : kinds) {
    *numbers++ = kind->requests;
    *numbers++ = kind->sectors;
    *numbers++ = kind->bytes;
    *kind = {0, 0, 0};
  }
}
}

#endif
