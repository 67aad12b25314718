"""LD-7 to LD-14: adversarial masks on CIFAR-10."""
