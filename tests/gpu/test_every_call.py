"""Every public function computes on the device what it computes on the CPU, of arrays of either side."""

from __future__ import annotations

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


# Results that are arrays of the device; layers and interventions hold what they are given
STAY = ("Network.", "class_seed", "SGD.", "Dense", "Conv", "Center", "Override", "Resample", "Perturb")


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_a_function_of_arrays(name: str) -> None:
    call = OF_ARRAYS[name]
    result = on_device(call, data=True)()
    assert differences(result, call.function(**call.plain)) == []
    assert of_device(result) == [] or name.startswith(STAY), "this result stays on the device"
