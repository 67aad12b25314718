// The program that runs the kernels of one source: it answers requests from standard input on standard output.
//
// First it prints a line for each kernel: its name and the types of its parameters. A request is whole numbers of 64
// bits, then bytes:
//   kernel, grid x y z, block x y z, bytes of shared memory, cluster, seconds;
//   the number of orders, and each of them; the number of pieces of memory, and of each its bytes, alignment, and 1 if
//   it is written to; the number of arguments, and of each (piece, offset), or (-1, bytes); the bytes of those; the
//   bytes of all pieces.
// An answer is a number of bytes with an error in words, or 0 and the bytes of the pieces that are written to.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "fences.h"
#include "fibers.h"

using namespace cuda_cpu;

static bool read_all(void* to, size_t bytes) {
    static char ahead[1 << 16];  // read but not yet asked for
    static size_t begin = 0, end = 0;
    auto at = static_cast<char*>(to);
    while (bytes) {
        if (begin == end) {
            ssize_t n = read(0, ahead, sizeof ahead);
            if (n <= 0) return false;
            begin = 0, end = size_t(n);
        }
        size_t n = std::min(bytes, end - begin);
        memcpy(at, ahead + begin, n);
        at += n, begin += n, bytes -= n;
    }
    return true;
}
static void write_all(const void* from, size_t bytes) {
    auto at = static_cast<const char*>(from);
    while (bytes) {
        ssize_t n = write(1, at, std::min(bytes, size_t(1) << 30));
        if (n <= 0) _exit(4);
        at += n, bytes -= size_t(n);
    }
}
static void answer_error(const char* message) {
    long long bytes = (long long)strlen(message);
    write_all(&bytes, sizeof bytes);
    write_all(message, size_t(bytes));
}
static long long number() {
    long long value;
    if (!read_all(&value, sizeof value)) _exit(0);
    return value;
}
static size_t count() { return size_t(number()); }
static dim3 three() {
    unsigned x = unsigned(number()), y = unsigned(number()), z = unsigned(number());
    return {x, y, z};
}

struct Piece {
    size_t bytes, alignment;
    bool written;
    std::vector<unsigned char> before, after;
};

static void serve() {
    Launch launch;
    launch.kernel = &kernels[number()];
    launch.grid = three();
    launch.block = three();
    launch.shared = count();
    launch.cluster = unsigned(number());
    unsigned seconds = unsigned(number());
    std::vector<unsigned> orders(count());
    for (unsigned& order : orders) order = unsigned(number());
    std::vector<Piece> pieces(count());
    for (Piece& piece : pieces) {
        piece.bytes = count();
        piece.alignment = count();
        piece.written = number() != 0;
    }
    std::vector<std::pair<long long, size_t>> args(count());
    for (auto& arg : args) arg.first = number(), arg.second = count();
    std::vector<std::vector<double>> values(args.size());  // of double, for its alignment
    for (size_t i = 0; i < args.size(); ++i) {
        if (args[i].first >= 0) continue;
        values[i].resize((args[i].second + 7) / 8);
        read_all(values[i].data(), args[i].second);
    }
    for (Piece& piece : pieces) {
        piece.before.resize(piece.bytes);
        read_all(piece.before.data(), piece.bytes);
    }
    alarm(seconds);  // a kernel that does not end ends the process
    for (unsigned order : orders) {
        Regions regions;
        for (size_t i = 0; i < pieces.size(); ++i) {
            std::string name = "the array of argument";
            for (size_t a = 0; a < args.size(); ++a)
                if (args[a].first == (long long)i) name += " " + std::to_string(a);
            regions.push_back(std::make_unique<Region>(name, pieces[i].bytes, pieces[i].alignment, order % 2));
            if (pieces[i].bytes) memcpy(regions[i]->data, pieces[i].before.data(), pieces[i].bytes);
            if (pieces[i].written) regions[i]->watch();
            if (!pieces[i].written) regions[i]->allow(Access::READ);
        }
        std::vector<void*> pointers(args.size()), given(args.size());
        for (size_t a = 0; a < args.size(); ++a) {
            bool array = args[a].first >= 0;
            if (array) pointers[a] = regions[size_t(args[a].first)]->data + args[a].second;
            given[a] = array ? static_cast<void*>(&pointers[a]) : values[a].data();
        }
        launch.args = given.data();
        launch.order = order;
        std::string error = run(launch);
        if (!error.empty()) return answer_error(error.c_str());
        for (size_t i = 0; i < pieces.size(); ++i) {
            error = regions[i]->written_beside();
            if (!error.empty()) return answer_error(error.c_str());
            unsigned char* data = regions[i]->data;
            std::vector<unsigned char> result(data, data + pieces[i].bytes);
            if (order == orders[0])
                pieces[i].after = result;
            else if (pieces[i].after != result)
                return answer_error((regions[i]->name + ": another order of threads and blocks gives other bits: a "
                                                        "barrier is missing, or a number has two writers")
                                        .c_str());
        }
    }
    alarm(0);
    std::vector<unsigned char> answer(sizeof(long long));  // no error
    for (Piece& piece : pieces)
        if (piece.written) answer.insert(answer.end(), piece.after.begin(), piece.after.end());
    write_all(answer.data(), answer.size());
}

int main() {
    catch_faults(answer_error);
    std::string listed;
    for (size_t i = 0; i < kernel_count; ++i) listed += kernels[i].name + "\t" + kernels[i].types + "\n";
    listed += "\n";
    write_all(listed.data(), listed.size());
    for (;;) serve();
}
