// The emulator's machine: the threads of a block as fibers that take turns on one CPU thread.
// A thread runs until it returns or waits, at a barrier or for the lanes of its warp; when all
// wait, the scheduler decides who may go on, and names the divergence where nobody may.
// Stands above no other file; read next: `language.h`, the CUDA words made of this.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/mman.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

// The compilation is one of four: plain, for ThreadSanitizer, for AddressSanitizer, or counting
// the memory traffic (which borrows ThreadSanitizer's instrumentation, but not its library).
#if defined(EMULATOR_COUNTS)
#elif defined(__SANITIZE_THREAD__)
#define EMULATOR_FINDS_RACES
extern "C" {
void* __tsan_get_current_fiber(void);
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void __tsan_java_alloc(char* from, size_t bytes);  // forgets earlier accesses to a range
}
#elif defined(__SANITIZE_ADDRESS__)
#define EMULATOR_FINDS_OVERRUNS
extern "C" {
void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom, size_t size);
void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom, size_t* size);
}
#endif
// The machine's own reads and writes are no accesses of the kernel: no sanitizer looks at them.
#define EMULATOR_MACHINE \
  __attribute__((noinline, no_sanitize_thread, no_sanitize_address, no_sanitize_undefined))

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
constexpr int warpSize = 32;

// Every `__shared__` array of the file lies in one section, so that it can be spoiled as a whole.
extern "C" char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));

namespace emulator {

constexpr unsigned most_threads = 1024;
constexpr size_t stack_bytes = 256 << 10, page = 4096;

enum class State { ready, at_barrier, in_warp, done };

struct Thread {
  State state;
  uint3 index;
  char* stack;
  const char* file;  // where it waits
  int line;
  unsigned mask;             // the lanes it waits for
  int source;                // the lane whose value it asked for, or -1
  bool vote;                 // what it says in a ballot or at a counting barrier
  unsigned long long value;  // what it offers to other lanes, then what it got
  unsigned ballot;           // the votes of its warp, or their number in the block
#ifdef __x86_64__
  void* stack_pointer;
#else
  ucontext_t context;
#endif
#ifdef EMULATOR_FINDS_RACES
  void* watched;
#endif
#ifdef EMULATOR_FINDS_OVERRUNS
  void* fake_stack;
#endif
};

static Thread threads[most_threads];
static unsigned thread_count, running;
static void (*body)(void**);
static void** arguments;
static char message[600];
static bool failed;
static char* dynamic_shared;
static size_t dynamic_shared_bytes;

// What happens before what, told to ThreadSanitizer: a barrier orders everything before it in
// every thread of the block before everything after it. Two tokens take turns, since a thread may
// reach the next barrier before another has woken from this one. Each block has tokens of its
// own: nothing orders the blocks of one launch. A shuffle orders nothing, as in CUDA.
static char *tokens, *end_of_launch;
static size_t tokens_per_block;
static unsigned barrier_turn, warp_turn[most_threads / 32];

EMULATOR_MACHINE static char* token(int warp) {
  unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  unsigned turn = warp < 0 ? barrier_turn : warp_turn[warp];
  return tokens + block * tokens_per_block + 16 * (warp + 1) + 8 * (turn & 1);
}

#ifdef __x86_64__
extern "C" void emulator_switch(void** save, void* load) __attribute__((visibility("hidden")));
asm(R"(
.text
.hidden emulator_switch
.globl emulator_switch
.type emulator_switch, @function
emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulator_switch, .-emulator_switch
)");
static void* scheduler_stack;
#else
static ucontext_t scheduler_context;
#endif
#ifdef EMULATOR_FINDS_RACES
static void* watched_scheduler;
#endif
#ifdef EMULATOR_FINDS_OVERRUNS
static const void* scheduler_bottom;
static size_t scheduler_size;
static void* scheduler_fake_stack;
#endif

EMULATOR_MACHINE static void to_scheduler(bool forever) {
  Thread& me = threads[running];
#ifdef EMULATOR_FINDS_OVERRUNS
  __sanitizer_start_switch_fiber(forever ? nullptr : &me.fake_stack, scheduler_bottom,
                                 scheduler_size);
#else
  (void)forever;
#endif
#ifdef EMULATOR_FINDS_RACES
  __tsan_switch_to_fiber(watched_scheduler, 1);
#endif
#ifdef __x86_64__
  emulator_switch(&me.stack_pointer, scheduler_stack);
#else
  swapcontext(&me.context, &scheduler_context);
#endif
#ifdef EMULATOR_FINDS_OVERRUNS
  __sanitizer_finish_switch_fiber(me.fake_stack, &scheduler_bottom, &scheduler_size);
#endif
}

EMULATOR_MACHINE static void to_thread(unsigned number) {
  Thread& next = threads[number];
  running = number;
  threadIdx = next.index;
#ifdef EMULATOR_FINDS_OVERRUNS
  __sanitizer_start_switch_fiber(&scheduler_fake_stack, next.stack, stack_bytes);
#endif
#ifdef EMULATOR_FINDS_RACES
  __tsan_switch_to_fiber(next.watched, 1);
#endif
#ifdef __x86_64__
  emulator_switch(&scheduler_stack, next.stack_pointer);
#else
  swapcontext(&scheduler_context, &next.context);
#endif
#ifdef EMULATOR_FINDS_OVERRUNS
  __sanitizer_finish_switch_fiber(scheduler_fake_stack, nullptr, nullptr);
#endif
}

EMULATOR_MACHINE static void first_steps() {
#ifdef EMULATOR_FINDS_OVERRUNS
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_bottom, &scheduler_size);
#endif
  body(arguments);
#ifdef EMULATOR_FINDS_RACES
  __tsan_release(end_of_launch);
#endif
  threads[running].state = State::done;
  to_scheduler(true);
}

#ifdef EMULATOR_FINDS_RACES
// ThreadSanitizer gives a finished thread's number to a new one, and then takes the two for one.
// So the threads of a launch finish together, as far as it can tell so many apart.
constexpr unsigned most_watched = 4 * most_threads;
static void* watched[most_watched];
static unsigned watched_count;

EMULATOR_MACHINE static void forget_watched() {
  while (watched_count > 0) __tsan_destroy_fiber(watched[--watched_count]);
}
#endif

EMULATOR_MACHINE static void prepare(unsigned number) {
  Thread& thread = threads[number];
  if (thread.stack == nullptr) {
    void* memory = mmap(nullptr, page + stack_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) abort();
    mprotect(memory, page, PROT_NONE);  // a stack that overflows stops here
    thread.stack = static_cast<char*>(memory) + page;
  }
  thread.state = State::ready;
  thread.index = {number % blockDim.x, number / blockDim.x % blockDim.y,
                  number / (blockDim.x * blockDim.y)};
#ifdef __x86_64__
  // As if `first_steps` had been called and had switched away before its first instruction.
  void** top = reinterpret_cast<void**>(thread.stack + stack_bytes) - 2;
  top[0] = reinterpret_cast<void*>(&first_steps);
  for (int saved = 1; saved <= 6; ++saved) top[-saved] = nullptr;
  thread.stack_pointer = top - 6;
#else
  getcontext(&thread.context);
  thread.context.uc_stack.ss_sp = thread.stack;
  thread.context.uc_stack.ss_size = stack_bytes;
  thread.context.uc_link = nullptr;
  makecontext(&thread.context, first_steps, 0);
#endif
#ifdef EMULATOR_FINDS_RACES
  thread.watched = watched[watched_count++] = __tsan_create_fiber(0);
#endif
}

EMULATOR_MACHINE static int describe(char* text, size_t size, const Thread& thread) {
  int length = snprintf(text, size, "thread (%u, %u, %u) of block (%u, %u, %u) ", thread.index.x,
                        thread.index.y, thread.index.z, blockIdx.x, blockIdx.y, blockIdx.z);
  text += length;
  size -= length;
  if (thread.state == State::done) return length + snprintf(text, size, "has returned");
  return length + snprintf(text, size, "waits at %s:%d%s", thread.file, thread.line,
                           thread.state == State::in_warp ? " for its warp" : "");
}

// Ends the launch with a message about one thread, or about two that contradict each other.
EMULATOR_MACHINE static void fail(const char* what, const Thread& one, const Thread* other) {
  failed = true;
  size_t length = snprintf(message, sizeof message, "%s: ", what);
  length += describe(message + length, sizeof message - length, one);
  if (other == nullptr) return;
  length += snprintf(message + length, sizeof message - length, ", ");
  describe(message + length, sizeof message - length, *other);
}

// What `__syncthreads` and its relatives are: wait for all threads of the block.
EMULATOR_MACHINE static unsigned barrier(bool vote, const char* file, int line) {
  Thread& me = threads[running];
  me.state = State::at_barrier;
  me.vote = vote;
  me.file = file;
  me.line = line;
#ifdef EMULATOR_FINDS_RACES
  char* passed = token(-1);
  __tsan_release(passed);
#endif
  to_scheduler(false);
#ifdef EMULATOR_FINDS_RACES
  __tsan_acquire(passed);
#endif
  return me.ballot;
}

// What the shuffles, `__ballot_sync` and `__syncwarp` are: wait for the lanes of a mask.
EMULATOR_MACHINE static Thread& collective(unsigned mask, unsigned long long value, int source,
                                           bool vote, bool orders, const char* file, int line) {
  Thread& me = threads[running];
  me.state = State::in_warp;
  me.mask = mask;
  me.value = value;
  me.source = source;
  me.vote = vote;
  me.file = file;
  me.line = line;
  if (!(mask >> (running % 32) & 1)) {
    fail("a thread is not in the mask of its own warp operation", me, nullptr);
    to_scheduler(true);
  }
#ifdef EMULATOR_FINDS_RACES
  char* passed = token(running / 32);
  if (orders) __tsan_release(passed);
#else
  (void)orders;
#endif
  to_scheduler(false);
#ifdef EMULATOR_FINDS_RACES
  if (orders) __tsan_acquire(passed);
#endif
  return me;
}

EMULATOR_MACHINE static bool same_place(const Thread& one, const Thread& other) {
  return one.line == other.line && strcmp(one.file, other.file) == 0;
}

// Lets the lanes that wait for one another go on; false where some of them are elsewhere.
EMULATOR_MACHINE static bool release_lanes(unsigned first, unsigned lane) {
  Thread& asking = threads[first + lane];
  unsigned group = 0, ballot = 0;
  for (unsigned other = 0; other < 32 && first + other < thread_count; ++other) {
    const Thread& peer = threads[first + other];
    if (!(asking.mask >> other & 1) || peer.state == State::done) continue;
    if (peer.state != State::in_warp || peer.mask != asking.mask || !same_place(peer, asking))
      return false;
    group |= 1u << other;
    ballot |= static_cast<unsigned>(peer.vote) << other;
  }
  unsigned long long received[32];
  for (unsigned other = 0; other < 32; ++other) {
    if (!(group >> other & 1)) continue;
    Thread& peer = threads[first + other];
    if (peer.source >= 0 && !(group >> peer.source & 1)) {
      fail("a shuffle reads a lane that takes no part in it", peer, nullptr);
      return true;
    }
    received[other] = peer.source < 0 ? peer.value : threads[first + peer.source].value;
  }
  for (unsigned other = 0; other < 32; ++other) {
    if (!(group >> other & 1)) continue;
    Thread& peer = threads[first + other];
    peer.value = received[other];
    peer.ballot = ballot;
    peer.state = State::ready;
  }
  ++warp_turn[first / 32];
  return true;
}

// Called when no thread can run by itself. Returns whether any may go on.
EMULATOR_MACHINE static bool release() {
  bool released = false;
  for (unsigned number = 0; number < thread_count; ++number)
    if (threads[number].state == State::in_warp)
      released |= release_lanes(number / 32 * 32, number % 32);
  if (released || failed) return released;

  Thread* waiting = nullptr;
  for (unsigned number = 0; number < thread_count; ++number)
    if (threads[number].state == State::in_warp)
      waiting = &threads[number];
  if (waiting != nullptr) {
    unsigned first = (waiting - threads) / 32 * 32;
    for (unsigned lane = 0; lane < 32 && first + lane < thread_count; ++lane) {
      Thread& peer = threads[first + lane];
      if ((waiting->mask >> lane & 1) && peer.state != State::done &&
          (peer.state != State::in_warp || peer.mask != waiting->mask ||
           !same_place(peer, *waiting)))
        return fail("the lanes of a warp have diverged", *waiting, &peer), false;
    }
  }
  unsigned votes = 0;
  for (unsigned number = 0; number < thread_count; ++number)
    if (threads[number].state == State::at_barrier) waiting = &threads[number];
  if (waiting == nullptr) return false;  // all have returned
  for (unsigned number = 0; number < thread_count; ++number) {
    const Thread& other = threads[number];
    if (other.state != State::at_barrier || !same_place(other, *waiting))
      return fail("the threads of a block have diverged at a barrier", *waiting, &other), false;
    votes += other.vote;
  }
  for (unsigned number = 0; number < thread_count; ++number) {
    threads[number].ballot = votes;
    threads[number].state = State::ready;
  }
  ++barrier_turn;
  return true;
}

// Shared memory holds whatever the last block left there: NaN in every float, -1 in every int.
EMULATOR_MACHINE static void spoil(char* start, char* to) {
  volatile char* from = start;
#ifndef EMULATOR_FINDS_OVERRUNS  // its red zones lie between the arrays
  while (from < to) *from++ = static_cast<char>(0xff);
#else
  (void)from, (void)to;
#endif
#ifdef EMULATOR_FINDS_RACES  // what earlier blocks did here is forgotten
  auto first = reinterpret_cast<uintptr_t>(start) & ~uintptr_t{7};
  __tsan_java_alloc(reinterpret_cast<char*>(first), (size_t)(to - start + 15) & ~size_t{7});
#endif
}

EMULATOR_MACHINE static void run_block(bool reverse) {
  if (__start_cuda_shared != nullptr) spoil(__start_cuda_shared, __stop_cuda_shared);
  spoil(dynamic_shared, dynamic_shared + dynamic_shared_bytes);
  barrier_turn = 0;
#ifdef EMULATOR_FINDS_RACES
  if (watched_count + thread_count > most_watched) forget_watched();
#endif
  for (unsigned number = 0; number < thread_count; ++number) prepare(number);
  do {
    for (unsigned turn = 0; turn < thread_count && !failed; ++turn) {
      unsigned number = reverse ? thread_count - 1 - turn : turn;
      if (threads[number].state == State::ready) to_thread(number);
    }
  } while (!failed && release());
}

// One launch, block after block. Returns null, or what went wrong.
EMULATOR_MACHINE static const char* launch(void (*kernel)(void**), const unsigned* grid,
                                           const unsigned* block, void** args, size_t shared_mem,
                                           bool reverse) {
  gridDim = {grid[0], grid[1], grid[2]};
  blockDim = {block[0], block[1], block[2]};
  thread_count = block[0] * block[1] * block[2];
  body = kernel;
  arguments = args;
  failed = false;
  dynamic_shared_bytes = shared_mem;
  dynamic_shared = static_cast<char*>(aligned_alloc(128, (shared_mem + 127) / 128 * 128 + 128));
#ifdef EMULATOR_FINDS_OVERRUNS  // exactly as long as was asked for: the red zone follows at once
  free(dynamic_shared);
  dynamic_shared = static_cast<char*>(malloc(shared_mem));
#endif
  unsigned blocks = grid[0] * grid[1] * grid[2];
#ifdef EMULATOR_FINDS_RACES
  tokens_per_block = 16 * (2 + thread_count / 32);
  tokens = static_cast<char*>(malloc(blocks * tokens_per_block));
  end_of_launch = static_cast<char*>(malloc(8));
  watched_scheduler = __tsan_get_current_fiber();
#endif
  for (unsigned turn = 0; turn < blocks && !failed; ++turn) {
    unsigned number = reverse ? blocks - 1 - turn : turn;
    blockIdx = {number % grid[0], number / grid[0] % grid[1], number / (grid[0] * grid[1])};
    run_block(reverse);
  }
#ifdef EMULATOR_FINDS_RACES
  __tsan_acquire(end_of_launch);
  forget_watched();
  free(tokens);
  free(end_of_launch);
#endif
  free(dynamic_shared);
  return failed ? message : nullptr;
}

}  // namespace emulator
