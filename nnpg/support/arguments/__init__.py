"""Checks of arguments: each returns the argument in one form, or raises an error that says what was expected and given.

Every public function checks its arguments once, before any work. For arguments that belong to a network, see
`network_arguments`.

messages  descriptions of values for the end of a message
scalars   numbers, ranges, seeds, flags; and sizes of layers
words     choices, texts, names, paths
objects   functions, objects of a class, lists and dicts of them
arrays    arrays of numbers, labels, shapes and types
"""

from nnpg.support.arguments.arrays import (
    all_finite,
    as_array,
    as_class,
    as_dtype,
    as_labels,
    as_numbers,
    as_parameter,
    as_shape,
    as_units,
    as_whole,
    is_on_device,
    on_host,
)
from nnpg.support.arguments.messages import described
from nnpg.support.arguments.objects import as_function, as_instance, as_instances, as_json, as_mapping, as_sequence
from nnpg.support.arguments.scalars import (
    Padding,
    as_count,
    as_ends,
    as_flag,
    as_generator,
    as_number,
    as_pair,
    as_sides,
    pair,
    sides,
)
from nnpg.support.arguments.words import as_choice, as_class_names, as_names, as_path, as_text

__all__ = [
    "Padding",
    "all_finite",
    "as_array",
    "as_choice",
    "as_class",
    "as_class_names",
    "as_count",
    "as_dtype",
    "as_ends",
    "as_flag",
    "as_function",
    "as_generator",
    "as_instance",
    "as_instances",
    "as_json",
    "as_labels",
    "as_mapping",
    "as_names",
    "as_number",
    "as_numbers",
    "as_pair",
    "as_parameter",
    "as_path",
    "as_sequence",
    "as_shape",
    "as_sides",
    "as_text",
    "as_units",
    "as_whole",
    "is_on_device",
    "on_host",
    "described",
    "pair",
    "sides",
]
