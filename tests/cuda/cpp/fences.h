// Memory that lies between pages without access: what reads or writes beside it ends the process, which says where.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace cuda_cpu {
enum class Access { NONE, READ, WRITE };

class Region {  // of `bytes` bytes at `data`, which lie directly behind the first fence or directly before the last one
   public:
    Region(const std::string& name, size_t bytes, size_t alignment, bool behind_the_first);
    ~Region();
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    void allow(Access access);
    void fill(int byte);
    std::string written_beside() const;  // "" while the rest of its pages is as it was

    std::string name;
    size_t bytes;
    unsigned char* data;
    unsigned char* start;  // of the first fence
    size_t whole;          // with both fences
};
using Regions = std::vector<std::unique_ptr<Region>>;

void catch_faults(void (*report)(const char* message));  // a fault is told in words, then the process ends
}  // namespace cuda_cpu
