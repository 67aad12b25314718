"""Data sets: the built-in faces, readers of files, and splits into training and test images.

Where to read: `dataset` (the value), `catalogue` (every set by name or path), `readers` (files), `drawn_faces` (the
built-in set), `splits`, `limits` (how much is read), `locations` (where files lie), `download` (a command).
"""

from nnpg.data.catalogue import load
from nnpg.data.dataset import DataError, Dataset
from nnpg.data.drawn_faces.identities import faces
from nnpg.data.limits import Limits
from nnpg.data.readers.cifar10 import load_cifar10
from nnpg.data.readers.folder import load_folder
from nnpg.data.readers.mnist import load_mnist
from nnpg.data.readers.npz import load_npz, save_npz
from nnpg.data.readers.yale import load_yale
from nnpg.data.splits import Split, find_duplicates, random_split, stratified_split

__all__ = [
    "DataError",
    "Dataset",
    "Limits",
    "Split",
    "faces",
    "find_duplicates",
    "load",
    "load_cifar10",
    "load_folder",
    "load_mnist",
    "load_npz",
    "load_yale",
    "random_split",
    "save_npz",
    "stratified_split",
]
