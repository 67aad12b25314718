"""Files: networks, checkpoints, and results that are written whole or not at all.

Where to read: `networks` (save, load_network), `tensors` (arrays and JSON in one file), `header`, `architecture`,
`user_layers` and `output_limits` (what is checked), `text` (JSON with limits), `checkpoints` (go on with interrupted
work), `identities` (what identifies a run), `training_state` (the state of a training), `atomic` (writing).
"""

from nnpg.files.atomic import (
    NotWrittenError,
    atomic_write,
    results_folder,
    temporary_folder,
    writable,
    write_file,
    write_files,
)
from nnpg.files.errors import ModelFileError
from nnpg.files.networks import describe, header_of, load_network, network_from, save, tensors_of
from nnpg.files.tensors import read_tensors, write_tensors

__all__ = [
    "ModelFileError",
    "NotWrittenError",
    "atomic_write",
    "describe",
    "header_of",
    "load_network",
    "network_from",
    "read_tensors",
    "results_folder",
    "save",
    "temporary_folder",
    "tensors_of",
    "writable",
    "write_file",
    "write_files",
    "write_tensors",
]
