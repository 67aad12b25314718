"""Training of a network in shared memory: what each image leaves, and the step."""
