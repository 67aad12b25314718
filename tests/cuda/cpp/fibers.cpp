#include "fibers.h"

#include <setjmp.h>
#include <ucontext.h>

#include <map>
#include <random>

#include "fences.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#else
static void __sanitizer_start_switch_fiber(void**, const void*, size_t) {}
static void __sanitizer_finish_switch_fiber(void*, const void**, size_t*) {}
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace cuda_cpu {
namespace {
#ifdef __SANITIZE_ADDRESS__
const size_t STACK = 256 << 10;
#else
const size_t STACK = 64 << 10;
#endif
enum class State { RUNS, AT_WARP, AT_BLOCK, AT_CLUSTER, ENDED };
struct Fiber {  // it runs one thread after another, of this launch and of later ones
    std::unique_ptr<Region> stack = std::make_unique<Region>("the stack of a thread", STACK, 16, false);
    bool started = false;
    jmp_buf place;
    void* kept = nullptr;  // by the address sanitizer
};
struct Thread {
    dim3 index;
    unsigned block;  // in its cluster
    State state;
    Fiber* fiber;        // since it began, until it ends
    Site site;           // of the barrier at which it waits
    unsigned mask;       // of the lanes for which it waits
    unsigned passed[3];  // barriers of its warp, block and cluster
    unsigned exchanges;  // of its whole warp
};
struct Block {
    dim3 place;
    std::unique_ptr<Region> dynamic;
    std::map<const void*, std::unique_ptr<Region>> fixed;
    int counted = 0;
    bool begun = false;

    template <class F> void each(F f) {  // of its arrays in shared memory
        f(*dynamic);
        for (auto& [declaration, region] : fixed) f(*region);
    }
    void allow(Access access) {
        each([access](Region& r) { r.allow(access); });
    }
};
std::vector<std::unique_ptr<Fiber>> fibers;
std::vector<Fiber*> idle;  // the last one to become so is the next to be used: its stack is still in the cache
std::vector<Thread> cluster;  // all threads of the blocks that run together
std::vector<Block> blocks;
std::vector<double> shown;
Thread* running;
jmp_buf scheduler;
const void* scheduler_stack;
size_t scheduler_room, threads;
const Launch* now;
std::string failure;

size_t index_of_running() {
    return size_t(running - cluster.data());
}
size_t first_of_warp() {
    size_t t = index_of_running() % threads;
    return index_of_running() - t % 32;
}

void back_to_scheduler() {
    Fiber& fiber = *running->fiber;
    __sanitizer_start_switch_fiber(&fiber.kept, scheduler_stack, scheduler_room);
    if (!_setjmp(fiber.place)) _longjmp(scheduler, 1);
    __sanitizer_finish_switch_fiber(fiber.kept, nullptr, nullptr);
}

void wait(State what, unsigned mask, Site site) {
    running->state = what;
    running->mask = mask;
    running->site = site;
    back_to_scheduler();
}

void run_threads() {
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_room);
    for (;;) {
        now->kernel->call(now->args);
        running->state = State::ENDED;
        back_to_scheduler();
    }
}

void start(Fiber& fiber) {
    static ucontext_t context;
    fiber.started = true;
    getcontext(&context);
    context.uc_stack.ss_sp = fiber.stack->data;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, run_threads, 0);
    setcontext(&context);
}

Fiber* idle_fiber() {
    if (idle.empty()) {
        fibers.push_back(std::make_unique<Fiber>());
        return fibers.back().get();
    }
    Fiber* last = idle.back();
    idle.pop_back();
    return last;
}

void resume(Thread& thread) {
    running = &thread;
    if (!thread.fiber) thread.fiber = idle_fiber();
    Fiber& fiber = *thread.fiber;
    Block& block = blocks[thread.block];
    if (!block.begun && now->cluster > 1) block.allow(Access::WRITE);
    block.begun = true;
    threadIdx = thread.index;
    blockIdx = block.place;
    void* kept = nullptr;
    __sanitizer_start_switch_fiber(&kept, fiber.stack->data, STACK);
    if (!_setjmp(scheduler)) {
        if (fiber.started) _longjmp(fiber.place, 1);
        start(fiber);
    }
    __sanitizer_finish_switch_fiber(kept, nullptr, nullptr);
    if (thread.state == State::ENDED) idle.push_back(&fiber);
}

std::string line(Site site) { return std::string(site.file) + ", line " + std::to_string(site.line); }
bool same(Site a, Site b) { return a.line == b.line && !strcmp(a.file, b.file); }

// These threads go on together when all of them wait in the same place. Returns whether they do; what is wrong goes to
// `failure`.
bool released(State what, const std::string& name, const std::vector<Thread*>& group) {
    size_t waiting = 0, ended = 0;
    Thread* first = nullptr;
    for (Thread* t : group) {
        if (t->state == what && !first) first = t;
        waiting += t->state == what;
        ended += t->state == State::ENDED;
    }
    if (!waiting || waiting + ended < group.size()) return false;
    if (ended) {
        failure = line(first->site) + ": " + std::to_string(ended) + " of " + std::to_string(group.size()) +
                  " threads have returned and never reach this barrier of a " + name;
        return false;
    }
    for (Thread* t : group)
        if (!same(t->site, first->site))
            failure =
                "threads of a " + name + " wait at different barriers: " + line(first->site) + " and " + line(t->site);
    if (!failure.empty()) return false;
    for (Thread* t : group) {
        t->state = State::RUNS;
        ++t->passed[int(what) - int(State::AT_WARP)];
    }
    return true;
}

bool released_warps(size_t begin, size_t end) {  // groups of lanes that wait with the same mask
    bool any = false;
    for (size_t i = begin; i < end && failure.empty(); ++i) {
        if (cluster[i].state != State::AT_WARP) continue;
        unsigned mask = cluster[i].mask;
        std::vector<Thread*> group;
        for (size_t lane = 0; lane < 32; ++lane) {
            if (!(mask >> lane & 1)) continue;
            if (begin + lane >= end && mask != ~0u)
                failure = line(cluster[i].site) + ": the mask names lane " + std::to_string(lane) +
                          ", which this warp does not have";
            else if (begin + lane < end)
                group.push_back(&cluster[begin + lane]);
        }
        if (!(mask >> (i - begin) & 1)) failure = line(cluster[i].site) + ": a lane is not in its own mask";
        for (Thread* t : group)
            if (t->state == State::AT_WARP && t->mask != mask)
                failure = line(t->site) + ": lanes of a warp wait for each other with different masks";
        any |= failure.empty() && released(State::AT_WARP, "warp", group);
    }
    return any;
}

// The same for all threads from one to another; most often some of them still run or wait for their warp.
bool released_all(State what, const std::string& name, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i)
        if (cluster[i].state != what && cluster[i].state != State::ENDED) return false;
    std::vector<Thread*> group;
    for (size_t i = begin; i < end; ++i) group.push_back(&cluster[i]);
    return released(what, name, group);
}

void mix(std::vector<size_t>& order, std::mt19937& random) {
    if (now->order == 1) std::reverse(order.begin(), order.end());
    if (now->order > 1) std::shuffle(order.begin(), order.end(), random);
}

void prepare(const dim3* places) {  // all threads of a cluster at their start, with shared memory that is NaN
    for (unsigned b = 0; b < now->cluster; ++b) {
        Block& block = blocks[b];
        block.place = places[b];
        block.counted = 0;
        block.begun = false;
        block.allow(Access::WRITE);
        block.each([](Region& r) { r.fill(0xFF); });
        if (now->cluster > 1) block.allow(Access::NONE);  // until it begins: no other block may read or write it before
    }
    for (size_t i = 0; i < cluster.size(); ++i) {
        unsigned t = unsigned(i % threads);
        dim3 index = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
        cluster[i] = {index, unsigned(i / threads), State::RUNS, nullptr, {}, 0, {}, 0};
    }
}

void close_memory_of_ended_blocks() {  // in a cluster another block could still read or write it
    for (unsigned b = 0; b < now->cluster; ++b) {
        for (size_t i = b * threads; i < (b + 1) * threads; ++i)
            if (cluster[i].state != State::ENDED) goto next;
        blocks[b].allow(Access::NONE);
    next:;
    }
}

void run_cluster(const dim3* places, std::mt19937& random) {
    size_t count = cluster.size();
    prepare(places);
    std::vector<size_t> order;
    for (;;) {
        bool moved = false, left = false;
        order.clear();
        for (size_t i = 0; i < count; ++i)
            if (cluster[i].state == State::RUNS) order.push_back(i);
        mix(order, random);  // anew after each barrier
        for (size_t i : order) {
            resume(cluster[i]);
            moved = true;
            if (!failure.empty()) return;
        }
        for (size_t i = 0; i < count; ++i) left |= cluster[i].state != State::ENDED;
        if (!left) break;
        if (now->cluster > 1) close_memory_of_ended_blocks();
        for (size_t b = 0; b < count; b += threads) {
            moved |= released_all(State::AT_BLOCK, "block", b, b + threads);
            for (size_t w = b; w < b + threads; w += 32) moved |= released_warps(w, std::min(w + 32, b + threads));
        }
        moved |= released_all(State::AT_CLUSTER, "cluster", 0, count);
        if (!failure.empty()) return;
        if (!moved) {
            failure = "deadlock: threads wait at different barriers:";
            std::map<std::string, int> sites;
            for (size_t i = 0; i < count; ++i)
                sites[cluster[i].state == State::ENDED ? "have returned" : "wait at " + line(cluster[i].site)]++;
            for (auto& [site, many] : sites) failure += " " + std::to_string(many) + " " + site + ";";
            return;
        }
    }
    for (unsigned b = 0; b < now->cluster; ++b) {
        blocks[b].allow(Access::WRITE);
        blocks[b].each([](Region& r) {
            if (failure.empty()) failure = r.written_beside();
        });
    }
}
}  // namespace

void fail(const std::string& why) {
    failure = why;
    for (;;) back_to_scheduler();
}
void block_barrier(Site site) { wait(State::AT_BLOCK, 0, site); }
void warp_barrier(unsigned mask, Site site) { wait(State::AT_WARP, mask, site); }
void cluster_barrier(Site site) { wait(State::AT_CLUSTER, 0, site); }
unsigned lane() { return unsigned(index_of_running() % threads % 32); }
unsigned rank() { return running->block; }

Moment moment() {
    const dim3& b = blockIdx;
    unsigned block = (b.z * gridDim.y + b.y) * gridDim.x + b.x, t = unsigned(index_of_running() % threads),
             warps = unsigned(threads + 31) / 32;
    return {block * unsigned(threads) + t,
            block * warps + t / 32,
            block,
            block / now->cluster,
            running->passed[0],
            running->passed[1],
            running->passed[2]};
}
void* exchanged(unsigned lane, unsigned place) { return &shown[place * (cluster.size() + 32) + first_of_warp() + lane]; }
unsigned place_of_exchange(unsigned mask) { return mask == ~0u ? running->exchanges++ % 2 : 2; }
int& counted() { return blocks[running->block].counted; }
void* dynamic_shared() { return blocks[running->block].dynamic->data; }

void* static_shared(const void* declaration, size_t bytes) {
    auto& region = blocks[running->block].fixed[declaration];
    if (!region) {
        region = std::make_unique<Region>("an array in shared memory (" + std::to_string(bytes) + " bytes)", bytes, 16,
                                          now->order % 2);
        region->fill(0xFF);
        region->watch();
    }
    return region->data;
}

void* shared_of(void* place, unsigned rank) {
    if (rank >= now->cluster)
        fail("there is no block " + std::to_string(rank) + " in a cluster of " + std::to_string(now->cluster));
    auto at = static_cast<unsigned char*>(place);
    Block &mine = blocks[running->block], &other = blocks[rank];
    size_t offset = size_t(at - mine.dynamic->data);
    if (at >= mine.dynamic->data && offset <= mine.dynamic->bytes) return other.dynamic->data + offset;
    for (auto& [declaration, region] : mine.fixed)
        if (at >= region->data && at <= region->data + region->bytes) {
            auto& there = other.fixed[declaration];
            if (!there) fail("a block reads or writes an array of a block that has not yet begun");
            return there->data + (at - region->data);
        }
    fail("shared_of(place, rank) of a place that is not in shared memory");
}

std::string run(const Launch& launch) {
    now = &launch;
    failure.clear();
    gridDim = launch.grid;
    blockDim = launch.block;
    threads = size_t(blockDim.x) * blockDim.y * blockDim.z;
    size_t all = size_t(gridDim.x) * gridDim.y * gridDim.z;
    if (gridDim.x % launch.cluster) return "the grid's x is no multiple of the cluster";
    cluster.resize(threads * launch.cluster);
    shown.resize(3 * (threads * launch.cluster + 32));
    blocks.clear();
    blocks.resize(launch.cluster);
    for (Block& b : blocks)
        b.dynamic = std::make_unique<Region>("dynamic shared memory (" + std::to_string(launch.shared) + " bytes)",
                                             launch.shared, 16, launch.order % 2),
        b.dynamic->watch();
    std::vector<size_t> order(all / launch.cluster);
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::mt19937 random(launch.order);
    mix(order, random);
    std::vector<dim3> places(launch.cluster);
    for (size_t i : order) {
        for (unsigned b = 0; b < launch.cluster; ++b) {
            size_t p = i * launch.cluster + b;
            places[b] = {unsigned(p % gridDim.x), unsigned(p / gridDim.x % gridDim.y),
                         unsigned(p / gridDim.x / gridDim.y)};
        }
        run_cluster(places.data(), random);
        if (!failure.empty())
            return "block (" + std::to_string(places[0].x) + ", " + std::to_string(places[0].y) + ", " +
                   std::to_string(places[0].z) + "): " + failure;
    }
    blocks.clear();
    return "";
}
}  // namespace cuda_cpu
