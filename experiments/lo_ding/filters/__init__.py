"""LD-0 to LD-6: prediction gradients rank the filters of a face network, and knock-out tests the ranking."""
