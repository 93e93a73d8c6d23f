// The threads of a block as fibers: each has a stack of its own, and all take turns on one thread
// of the CPU. How to switch from one to another, and what the sanitizers have to be told then.
// The first of the emulator's headers; read next: `scheduler.h`, which decides whose turn it is.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/mman.h>
// A switch of our own takes fifteen instructions; the C library's, elsewhere, two system calls.
#if defined(__x86_64__) && !defined(EMULATOR_PORTABLE)
#define EMULATOR_OWN_SWITCH
#else
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
#ifdef EMULATOR_OWN_SWITCH
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
static char *tokens, *start_of_launch, *end_of_launch;
static size_t tokens_per_block;
static unsigned barrier_turn, warp_turn[most_threads / 32];

EMULATOR_MACHINE static char* token(int warp) {
  unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  unsigned turn = warp < 0 ? barrier_turn : warp_turn[warp];
  return tokens + block * tokens_per_block + 16 * (warp + 1) + 8 * (turn & 1);
}

#ifdef EMULATOR_OWN_SWITCH
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
#ifdef EMULATOR_OWN_SWITCH
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
#ifdef EMULATOR_OWN_SWITCH
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
#ifdef EMULATOR_FINDS_RACES
  __tsan_acquire(start_of_launch);
#endif
  body(arguments);
#ifdef EMULATOR_FINDS_RACES
  __tsan_release(end_of_launch);
#endif
  threads[running].state = State::done;
  to_scheduler(true);
}

// ThreadSanitizer's own record of a thread is large, so the records are kept for all launches of
// all libraries, and so are the stacks. Neighbouring blocks take different ones: were they the
// same, nothing that two blocks do could be a race.
static void** watched;
static char* stacks[2 * most_threads];

EMULATOR_MACHINE static unsigned slot(unsigned number) {
#ifdef EMULATOR_FINDS_RACES
  unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  return block % 2 * most_threads + number;
#else
  return number;
#endif
}

EMULATOR_MACHINE static char* stack_of(unsigned slot) {
  if (stacks[slot] == nullptr) {
    void* memory = mmap(nullptr, page + stack_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) abort();
    mprotect(memory, page, PROT_NONE);  // a stack that overflows stops here
    stacks[slot] = static_cast<char*>(memory) + page;
  }
  return stacks[slot];
}

EMULATOR_MACHINE static void prepare(unsigned number) {
  Thread& thread = threads[number];
  thread.stack = stack_of(slot(number));
  thread.state = State::ready;
  thread.index = {number % blockDim.x, number / blockDim.x % blockDim.y,
                  number / (blockDim.x * blockDim.y)};
#ifdef EMULATOR_OWN_SWITCH
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
  void*& record = watched[slot(number)];
  if (record == nullptr) record = __tsan_create_fiber(0);
  thread.watched = record;
#endif
}

}  // namespace emulator
