// Memory that lies between pages without access: what reads or writes beside it ends the process, which says where.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace cuda_cpu {
enum class Access { NONE, READ, WRITE };

struct Moment {                             // in the life of a thread: who it is, and how many barriers it has passed
    unsigned thread, warp, block, cluster;  // numbered over the whole grid
    unsigned of_warp, of_block, of_cluster;
};
struct Touch {  // of a thread to a byte, and from where in the program
    Moment at;
    const void* from = nullptr;
};
struct Cell {  // the last accesses to a byte: enough to see that two of them have no order
    Touch write, read, other_read;
};

class Region {  // of `bytes` bytes at `data`, which lie directly behind the first fence or directly before the last one
 public:
    Region(const std::string& name, size_t bytes, size_t alignment, bool behind_the_first);
    ~Region();
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    void allow(Access access);
    void fill(int byte);
    void watch();                        // by races.cpp, where it is linked
    std::string written_beside() const;  // "" while the rest of its pages is as it was

    std::string name;
    size_t bytes;
    unsigned char* data;
    unsigned char* start;     // of the first fence
    size_t whole;             // with both fences
    std::vector<Cell> cells;  // while it is watched
};
extern std::vector<Region*> watched;
using Regions = std::vector<std::unique_ptr<Region>>;

void catch_faults(void (*report)(const char* message));  // a fault is told in words, then the process ends
}  // namespace cuda_cpu
