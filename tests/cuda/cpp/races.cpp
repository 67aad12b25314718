// Races: two accesses to a byte, one of them a write, by threads that no barrier orders. They are errors even where
// every order of the emulator gives the same bits. g++ -fsanitize=thread puts a call in front of each load and store;
// these are the calls, without its runtime.
#include "fibers.h"

using namespace cuda_cpu;

static bool ordered(const Moment& before, const Moment& now) {
    if (before.thread == now.thread) return true;
    if (before.cluster != now.cluster) return false;
    if (before.of_cluster < now.of_cluster) return true;
    if (before.block != now.block) return false;
    return before.of_block < now.of_block || (before.warp == now.warp && before.of_warp < now.of_warp);
}

static void check(const Touch& earlier, const Touch& now, const Region& region, size_t at, const char* first,
                  const char* second) {
    if (!earlier.from || ordered(earlier.at, now.at)) return;
    char places[128];
    snprintf(places, sizeof places, "%p %s and %p %s", earlier.from, first, now.from, second);
    fail("a race: in different threads, with no barrier between, " + std::string(places) + " byte " +
         std::to_string(at) + " of " + region.name);
}

static void touch(const void* place, size_t size, bool writes, const void* from) {
    auto at = static_cast<const unsigned char*>(place);
    for (Region* region : watched) {
        if (at < region->data || at >= region->data + region->bytes) continue;
        Touch now = {moment(), from};
        for (size_t i = size_t(at - region->data); i < std::min(region->bytes, size_t(at - region->data) + size); ++i) {
            Cell& cell = region->cells[i];
            check(cell.write, now, *region, i, "writes", writes ? "writes" : "reads");
            if (writes) {
                check(cell.read, now, *region, i, "reads", "writes");
                check(cell.other_read, now, *region, i, "reads", "writes");
                cell.write = now;
            } else if (!cell.read.from || cell.read.at.thread == now.at.thread) {
                cell.read = now;
            } else {
                cell.other_read = cell.read;
                cell.read = now;
            }
        }
        return;
    }
}

#define CALLS(size)                                                                                   \
    void __tsan_read##size(void* p) { touch(p, size, false, __builtin_return_address(0)); }           \
    void __tsan_write##size(void* p) { touch(p, size, true, __builtin_return_address(0)); }           \
    void __tsan_unaligned_read##size(void* p) { touch(p, size, false, __builtin_return_address(0)); } \
    void __tsan_unaligned_write##size(void* p) { touch(p, size, true, __builtin_return_address(0)); }
extern "C" {
CALLS(1) CALLS(2) CALLS(4) CALLS(8) CALLS(16) void __tsan_read_range(void* p, size_t size) {
    touch(p, size, false, __builtin_return_address(0));
}
void __tsan_write_range(void* p, size_t size) { touch(p, size, true, __builtin_return_address(0)); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
}
