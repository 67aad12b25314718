// CUDA C++ on one CPU core: the words that a .cu source uses, as plain C++. Included before the source, which is not
// changed. A thread of a block is a fiber: it runs until a barrier, and another one goes on. `fibers.cpp` chooses
// which.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __constant__ static const
#define __ldg(p) (*(p))
// Shared memory of a fixed size has no poison and no fence in C++: SHARED and DYNAMIC_SHARED below have both.
#define __shared__ static_assert(false, "use SHARED or DYNAMIC_SHARED instead of __shared__");

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) double2 {
    double x, y;
};
extern dim3 threadIdx, blockIdx, blockDim, gridDim;
const int warpSize = 32;
using std::max;
using std::min;

namespace cuda_cpu {
struct Site {  // where in the source a barrier stands: all that wait for each other must wait there
    const char* file;
    int line;
};
[[noreturn]] void fail(const std::string& why);
void block_barrier(Site site);
void warp_barrier(unsigned mask, Site site);
void cluster_barrier(Site site);
unsigned lane();                 // of the running thread in its warp
unsigned rank();                 // of its block in its cluster
// 8 bytes in which a lane of this warp shows its value. There are three places of each lane: exchanges of whole warps
// have the first two in turn, and so need one barrier, because nobody writes to a place again that somebody still reads.
void* exchanged(unsigned lane, unsigned place);
unsigned place_of_exchange(unsigned mask);
int& counted();                  // what the threads of this block count together
void* dynamic_shared();
void* static_shared(const void* declaration, size_t bytes);
void* shared_of(void* place, unsigned rank);

template <class T> T shown_by(unsigned mask, T value, unsigned from, Site site) {
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    unsigned place = place_of_exchange(mask);
    std::memcpy(exchanged(lane(), place), &value, sizeof value);
    warp_barrier(mask, site);
    if (!(mask >> from & 1))
        fail("line " + std::to_string(site.line) + ": a shuffle reads lane " + std::to_string(from) +
             ", which is not in its mask");
    std::memcpy(&value, exchanged(from, place), sizeof value);
    if (mask != ~0u) warp_barrier(mask, site);
    return value;
}
template <class T, class F> T reduced(unsigned mask, T value, F combine, Site site) {
    unsigned place = place_of_exchange(mask);
    std::memcpy(exchanged(lane(), place), &value, sizeof value);
    warp_barrier(mask, site);
    bool first = true;
    for (unsigned other = 0; other < 32; ++other) {
        if (!(mask >> other & 1)) continue;
        T shown;
        std::memcpy(&shown, exchanged(other, place), sizeof shown);
        value = first ? shown : combine(value, shown);
        first = false;
    }
    if (mask != ~0u) warp_barrier(mask, site);
    return value;
}
template <class F> int block_count(int yes, F answer, Site site) {
    block_barrier(site);
    counted() = 0;
    block_barrier(site);
    counted() += yes != 0;
    block_barrier(site);
    return answer(counted());
}

// What Python is told of a kernel: the name and the type of each parameter, in the words of C++.
template <class T> std::string type_name() {
    using U = std::remove_cv_t<T>;
    if constexpr (std::is_pointer_v<U>) {
        using V = std::remove_pointer_t<U>;
        return (std::is_const_v<V> ? "const " : "") + type_name<std::remove_cv_t<V>>() + "*";
    } else if constexpr (std::is_same_v<U, bool>)
        return "bool";
    else if constexpr (std::is_same_v<U, float>)
        return "float32";
    else if constexpr (std::is_same_v<U, double>)
        return "float64";
    else if constexpr (std::is_integral_v<U>)
        return (std::is_signed_v<U> ? "int" : "uint") + std::to_string(8 * sizeof(U));
    else
        return "struct" + std::to_string(sizeof(U));
}
template <class T> size_t alignment() {
    if constexpr (std::is_pointer_v<T>)
        return alignof(std::remove_pointer_t<T>);
    else
        return 0;
}
struct Kernel {
    std::string name, types;
    void (*call)(void**);
};
template <auto K, class... A, size_t... I> void unpacked(void** args, void (*)(A...), std::index_sequence<I...>) {
    K(*static_cast<std::remove_reference_t<A>*>(args[I])...);
}
template <auto K, class... A> Kernel listed(const char* name, void (*)(A...)) {
    std::string types = ((type_name<A>() + ":" + std::to_string(alignment<A>()) + " ") + ... + "");
    return {name, types,
            [](void** args) { unpacked<K>(args, static_cast<void (*)(A...)>(K), std::index_sequence_for<A...>()); }};
}
extern const Kernel kernels[];
extern const size_t kernel_count;
}  // namespace cuda_cpu

#define CUDA_CPU_SITE cuda_cpu::Site site = {__builtin_FILE(), __builtin_LINE()}
inline void __syncthreads(CUDA_CPU_SITE) { cuda_cpu::block_barrier(site); }
inline int __syncthreads_count(int yes, CUDA_CPU_SITE) {
    return cuda_cpu::block_count(yes, [](int n) { return n; }, site);
}
inline int __syncthreads_or(int yes, CUDA_CPU_SITE) {
    return cuda_cpu::block_count(yes, [](int n) { return int(n > 0); }, site);
}
inline int __syncthreads_and(int yes, CUDA_CPU_SITE) {
    return cuda_cpu::block_count(!yes, [](int n) { return int(n == 0); }, site);
}
inline void __syncwarp(unsigned mask = ~0u, CUDA_CPU_SITE) { cuda_cpu::warp_barrier(mask, site); }
inline void __threadfence() {}
inline void __threadfence_block() {}

template <class T> T __shfl_sync(unsigned mask, T v, int from, int width = 32, CUDA_CPU_SITE) {
    unsigned l = cuda_cpu::lane();
    return cuda_cpu::shown_by(mask, v, l / width * width + unsigned(from) % width, site);
}
template <class T> T __shfl_xor_sync(unsigned mask, T v, int bits, int width = 32, CUDA_CPU_SITE) {
    unsigned l = cuda_cpu::lane(), from = l ^ unsigned(bits);
    return cuda_cpu::shown_by(mask, v, from / width <= l / width ? from : l, site);
}
template <class T> T __shfl_down_sync(unsigned mask, T v, unsigned by, int width = 32, CUDA_CPU_SITE) {
    unsigned l = cuda_cpu::lane();
    return cuda_cpu::shown_by(mask, v, l % width + by < unsigned(width) ? l + by : l, site);
}
template <class T> T __shfl_up_sync(unsigned mask, T v, unsigned by, int width = 32, CUDA_CPU_SITE) {
    unsigned l = cuda_cpu::lane();
    return cuda_cpu::shown_by(mask, v, l % width >= by ? l - by : l, site);
}
inline unsigned __ballot_sync(unsigned mask, int yes, CUDA_CPU_SITE) {
    return cuda_cpu::reduced(
        mask, (yes ? 1u : 0u) << cuda_cpu::lane(), [](unsigned a, unsigned b) { return a | b; }, site);
}
inline int __any_sync(unsigned mask, int yes, CUDA_CPU_SITE) { return __ballot_sync(mask, yes, site) != 0; }
inline int __all_sync(unsigned mask, int yes, CUDA_CPU_SITE) { return __ballot_sync(mask, !yes, site) == 0; }
template <class T> T __reduce_add_sync(unsigned mask, T v, CUDA_CPU_SITE) {
    return cuda_cpu::reduced(mask, v, [](T a, T b) { return T(a + b); }, site);
}
template <class T> T __reduce_min_sync(unsigned mask, T v, CUDA_CPU_SITE) {
    return cuda_cpu::reduced(mask, v, [](T a, T b) { return min(a, b); }, site);
}
template <class T> T __reduce_max_sync(unsigned mask, T v, CUDA_CPU_SITE) {
    return cuda_cpu::reduced(mask, v, [](T a, T b) { return max(a, b); }, site);
}
template <class T> T __reduce_or_sync(unsigned mask, T v, CUDA_CPU_SITE) {
    return cuda_cpu::reduced(mask, v, [](T a, T b) { return T(a | b); }, site);
}
template <class T> T __reduce_and_sync(unsigned mask, T v, CUDA_CPU_SITE) {
    return cuda_cpu::reduced(mask, v, [](T a, T b) { return T(a & b); }, site);
}

template <class T, class F> __attribute__((noinline, no_sanitize("thread"))) T cuda_cpu_atomic(T* place, F change) {
    T before = *place;
    *place = change(before);
    return before;
}
template <class T> T atomicAdd(T* p, T v) {
    return cuda_cpu_atomic(p, [v](T old) { return T(old + v); });
}
template <class T> T atomicMax(T* p, T v) {
    return cuda_cpu_atomic(p, [v](T old) { return max(old, v); });
}
template <class T> T atomicMin(T* p, T v) {
    return cuda_cpu_atomic(p, [v](T old) { return min(old, v); });
}
template <class T> T atomicExch(T* p, T v) {
    return cuda_cpu_atomic(p, [v](T) { return v; });
}
template <class T> T atomicCAS(T* p, T is, T v) {
    return cuda_cpu_atomic(p, [is, v](T old) { return old == is ? v : old; });
}

template <class To, class From> To cuda_cpu_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "as many bits");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}
inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline float __int_as_float(int bits) { return cuda_cpu_bits<float>(bits); }
inline int __float_as_int(float number) { return cuda_cpu_bits<int>(number); }
inline double __longlong_as_double(long long bits) { return cuda_cpu_bits<double>(bits); }
inline long long __double_as_longlong(double number) { return cuda_cpu_bits<long long>(number); }

// What device.cuh makes of PTX on a device. `name` of SHARED is a reference to an array, so that a sanitizer knows its
// bounds.
#define SHARED(T, name, extents)           \
    static const char name##_declared = 0; \
    auto& name = *static_cast<T(*) extents>(cuda_cpu::static_shared(&name##_declared, sizeof(T extents)))
#define DYNAMIC_SHARED(T, name) T* name = static_cast<T*>(cuda_cpu::dynamic_shared())
#define CLUSTER(n)
inline void cluster_sync(CUDA_CPU_SITE) { cuda_cpu::cluster_barrier(site); }
inline unsigned cluster_rank() { return cuda_cpu::rank(); }
template <class T> T* shared_of(T* mine, unsigned rank) { return static_cast<T*>(cuda_cpu::shared_of(mine, rank)); }
