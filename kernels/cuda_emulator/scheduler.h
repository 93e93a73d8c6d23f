// Whose turn it is. A thread runs until it returns or waits, at a barrier or for the lanes of its
// warp; when all wait, `release` lets those go on whose wait is over, and names the divergence where
// it never will be. Stands on `fibers.h`; read next: `language.h`, the CUDA words made of this.

namespace emulator {

#ifdef EMULATOR_COUNTS  // `traffic.h`
static void start_counting();
static void stop_counting();
#endif

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
  for (unsigned number = 0; number < thread_count; ++number) prepare(number);
#ifdef EMULATOR_COUNTS
  start_counting();
#endif
  do {
    for (unsigned turn = 0; turn < thread_count && !failed; ++turn) {
      unsigned number = reverse ? thread_count - 1 - turn : turn;
      if (threads[number].state == State::ready) to_thread(number);
    }
  } while (!failed && release());
#ifdef EMULATOR_COUNTS
  stop_counting();
#endif
}

// One launch, block after block. Returns null, or what went wrong.
EMULATOR_MACHINE static const char* launch(void (*kernel)(void**), const unsigned* grid,
                                           const unsigned* block, void** args, size_t shared_mem,
                                           bool reverse, void** records) {
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
#ifndef EMULATOR_FINDS_RACES
  (void)records;
#else
  tokens_per_block = 16 * (2 + thread_count / 32);
  tokens = static_cast<char*>(malloc(blocks * tokens_per_block));
  start_of_launch = static_cast<char*>(malloc(16));
  end_of_launch = start_of_launch + 8;
  watched = records;
  watched_scheduler = __tsan_get_current_fiber();
  __tsan_release(start_of_launch);
#endif
  for (unsigned turn = 0; turn < blocks && !failed; ++turn) {
    unsigned number = reverse ? blocks - 1 - turn : turn;
    blockIdx = {number % grid[0], number / grid[0] % grid[1], number / (grid[0] * grid[1])};
    run_block(reverse);
  }
#ifdef EMULATOR_FINDS_RACES
  __tsan_acquire(end_of_launch);
  free(tokens);
  free(start_of_launch);
#endif
  free(dynamic_shared);
  return failed ? message : nullptr;
}

}  // namespace emulator
