#include "fences.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

extern "C" __attribute__((weak)) void __tsan_init();  // in races.cpp

namespace cuda_cpu {
namespace {
const size_t FENCE = size_t(64) << 20;  // address space only: wide enough for an index that is wrong by millions
std::vector<Region*> living;
void (*tell)(const char*);

void handler(int signal, siginfo_t* info, void* context) {
    static char message[512];
    auto at = static_cast<unsigned char*>(info->si_addr);
    const char* verb = "access";
#ifdef __x86_64__
    verb = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & 2 ? "write" : "read";
#else
    (void)context;
#endif
    snprintf(message, sizeof message, "a %s of memory that belongs to nothing (signal %d)", verb, signal);
    for (Region* r : living) {
        if (at < r->start || at >= r->start + r->whole) continue;
        if (at < r->data)
            snprintf(message, sizeof message, "a %s %zu bytes before the start of %s", verb, size_t(r->data - at),
                     r->name.c_str());
        else if (at >= r->data + r->bytes)
            snprintf(message, sizeof message, "a %s %zu bytes after the end of %s", verb,
                     size_t(at - r->data - r->bytes) + 1, r->name.c_str());
        else
            snprintf(message, sizeof message, "a %s of %s where it may not be", verb, r->name.c_str());
    }
    tell(message);
    _exit(3);
}
}  // namespace

std::vector<Region*> watched;

Region::Region(const std::string& name, size_t bytes, size_t alignment, bool behind_the_first)
    : name(name), bytes(bytes) {
#ifdef __SANITIZE_ADDRESS__  // which has fences of its own, at the very byte
    (void)behind_the_first;
    whole = bytes;
    void* place = nullptr;
    if (posix_memalign(&place, std::max(alignment, sizeof(void*)), std::max<size_t>(bytes, 1))) throw std::bad_alloc();
    start = data = static_cast<unsigned char*>(place);
#else
    size_t page = size_t(sysconf(_SC_PAGESIZE)), room = (bytes + page - 1) / page * page;
    whole = room + 2 * FENCE;
    void* place = mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) throw std::bad_alloc();
    start = static_cast<unsigned char*>(place);
    if (room && mprotect(start + FENCE, room, PROT_READ | PROT_WRITE)) throw std::bad_alloc();
    size_t gap = behind_the_first ? 0 : (room - bytes) / alignment * alignment;
    data = start + FENCE + gap;
    if (room) memset(start + FENCE, 0xFF, room);  // what lies between the array and the page's other end is NaN
#endif
    living.push_back(this);
}

Region::~Region() {
    living.erase(std::find(living.begin(), living.end(), this));
    watched.erase(std::remove(watched.begin(), watched.end(), this), watched.end());
#ifdef __SANITIZE_ADDRESS__
    allow(Access::WRITE);
    free(data);
#else
    munmap(start, whole);
#endif
}

void Region::allow(Access access) {
#ifdef __SANITIZE_ADDRESS__
    if (access == Access::NONE)
        __asan_poison_memory_region(data, bytes);
    else
        __asan_unpoison_memory_region(data, bytes);
#else
    if (whole > 2 * FENCE)
        mprotect(start + FENCE, whole - 2 * FENCE,
                 access == Access::NONE   ? PROT_NONE
                 : access == Access::READ ? PROT_READ
                                          : PROT_READ | PROT_WRITE);
#endif
}

void Region::fill(int byte) {
    if (bytes) memset(data, byte, bytes);
    cells.assign(cells.size(), Cell());
}

void Region::watch() {
    if (!__tsan_init) return;
    cells.assign(bytes, Cell());
    watched.push_back(this);
}

std::string Region::written_beside() const {
#ifndef __SANITIZE_ADDRESS__
    const unsigned char *room = start + FENCE, *from = data, *to = data + bytes, *end = start + whole - FENCE;
    auto untouched = [](unsigned char byte) { return byte == 0xFF; };
    if (!std::all_of(room, from, untouched)) return "a write before the start of " + name;
    if (!std::all_of(to, end, untouched)) return "a write after the end of " + name;
#endif
    return "";
}

void catch_faults(void (*report)(const char* message)) {
    tell = report;
#ifndef __SANITIZE_ADDRESS__
    static char place[1 << 16];  // fibers have their own stacks, and one of them may be full
    stack_t stack = {};
    stack.ss_sp = place;
    stack.ss_size = sizeof place;
    sigaltstack(&stack, nullptr);
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    sigaction(SIGFPE, &action, nullptr);
#endif
}
}  // namespace cuda_cpu
