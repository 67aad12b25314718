"""Readers of data files: MNIST, CIFAR-10, the Yale faces, `.npz` archives, folders of images, and single images."""
