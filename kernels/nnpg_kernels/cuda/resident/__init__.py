"""Programs for which a whole network lies in the shared memory of a block: sources, and the numbers of a network."""
