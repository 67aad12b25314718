"""What compiled kernels need: compilation, the disk cache, memory, atomic counters, threads, and fences."""
