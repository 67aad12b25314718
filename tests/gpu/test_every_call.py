"""Every public function computes on the device what it computes on the CPU, of arrays of either side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fuzz.calls import calls
from moved import differences, has, of_device, of_network, on_device, on_numpy

import nnpg

pytestmark = pytest.mark.gpu

ON_NETWORKS = {one.name: one for one in calls() if of_network(one)}
OF_ARRAYS = {one.name: one for one in calls() if one.name not in ON_NETWORKS and has(np.ndarray, dict(one.plain))}
# The network of this call is inside the function, and on the CPU.
del OF_ARRAYS["Override in a network"]


COMPILED = {"predict", "prediction_gradient", "class_gradient", "knock_out_curve", "train", "minimal_distortion"}


@pytest.mark.parametrize("data", [False, True], ids=["host", "device"])
@pytest.mark.parametrize("name", ON_NETWORKS)
def test_a_function_of_a_network(name: str, data: bool) -> None:
    call = ON_NETWORKS[name]
    result, expected = on_device(call, data=data)(), on_numpy(call)()
    if isinstance(result, nnpg.GradientReport):  # the complex step is not tried on a device: its rows are fewer
        assert result.ok == expected.ok
    elif isinstance(result, nnpg.CompilationReport):
        assert {name for name, ways in result.to_dict().items() if ways == "compiled"} == COMPILED
    else:
        assert differences(result, expected) == []
        assert of_device(result) == [] or name.startswith(STAY), "this result stays on the device"


class Tensor:
    """An array of another library in the memory of a GPU."""

    __module__ = "torch"
    __cuda_array_interface__ = None

    def __init__(self, a: np.ndarray) -> None:
        self.shape, self.dtype, self.ndim, self.size, self.nbytes = a.shape, a.dtype, a.ndim, a.size, a.nbytes

    def __len__(self) -> int:
        return self.shape[0]


def of_another_library(value: Any) -> Any:
    """Return an argument with such arrays in the place of those of NumPy."""
    if type(value) is np.ndarray and value.dtype.kind in "biuf":
        return Tensor(value)
    if type(value) in (tuple, list):
        return type(value)(map(of_another_library, value))
    return {n: of_another_library(part) for n, part in value.items()} if type(value) is dict else value


WITH_DATA = [name for name in ON_NETWORKS if has(np.ndarray, dict(ON_NETWORKS[name].plain))]


@pytest.mark.parametrize("name", WITH_DATA)
def test_an_array_of_another_library_is_refused_in_words(name: str) -> None:
    call = replace(ON_NETWORKS[name], plain=of_another_library(dict(ON_NETWORKS[name].plain)))
    with pytest.raises(TypeError, match="torch on a device"):
        on_device(call, data=False)()


# Results that are arrays of the device; layers, interventions and steps of a training hold what they are given

STAY = (
    *("Network.", "class_seed", "SGD.", "Dense", "Conv", "Center", "Override", "Resample", "Perturb"),
    *("SelectiveDropout", "AdversarialPool"),
)


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_a_function_of_arrays(name: str) -> None:
    call = OF_ARRAYS[name]
    result = on_device(call, data=True)()
    assert differences(result, call.function(**call.plain)) == []
    assert of_device(result) == [] or name.startswith(STAY), "this result stays on the device"
