"""Nine published attacks of least L2 distortion, from Foolbox and adv-lib, on a PyTorch copy of one of our networks.

All run at full strength: 1,000 steps where they count steps (C&W as often for each of its 9 constants), otherwise as
published. Pixels are not rounded to 256 levels. An attack that is not installed, or that breaks down, says so in its
row, and is not compared.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

import nnpg
from benchmarks.measuring.agreement import Disagreement
from nnpg_kernels import Array

STEPS = 1000
TOLERANCE = 1e-5

Attack = Callable[[Any, Any], Any]  # tensors of images and labels -> tensor of images

FOOLBOX = tuple(f"{name}, Foolbox" for name in ("DeepFool", "DDN", "FMN", "C&W", "Brendel-Bethge"))
ADV_LIB = tuple(f"{name}, adv-lib" for name in ("ALMA", "FAB", "DDN", "PDGD"))
PACE = FOOLBOX[1]  # the attack that ours is timed against


@dataclass(frozen=True, eq=False)
class Rivals:
    """What is installed.

    Parameters
    ----------
    attacks, missing : dict
        The attacks by name, and why others are not run.
    predict : function of images
        The classes that the PyTorch copy takes them for.
    threads : function of a number
        A context in which PyTorch has that number of threads.
    """

    attacks: dict[str, Callable[[Array, Array], Array]]
    missing: dict[str, str]
    predict: Callable[[Array], Array]
    threads: Callable[[int], AbstractContextManager[Any]]


def torch_copy(net: nnpg.Network, x: Array) -> Any:
    """Return the network's logits as a PyTorch module, once it agrees on the images.

    Raises
    ------
    ValueError
        If the network has a layer that is not translated.
    Disagreement
        If a logit differs by more than 1e-5 of the largest.
    """
    torch = import_module("torch")
    layers = [_translated(torch.nn, name, layer) for name, layer in net.layers.items() if name != _softmax(net)]
    model = torch.nn.Sequential(*layers).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    ours = net.backend.to_numpy(net.forward(x, stop=net.names[-2]).y if _softmax(net) else net.forward(x).y)
    theirs = model(torch.tensor(x)).numpy()
    off = float(np.abs(ours - theirs).max() / np.abs(ours).max())
    if not off <= TOLERANCE:
        raise Disagreement(f"the logits of the PyTorch copy are off by {off:.1e} of the largest")
    return model


def _softmax(net: nnpg.Network) -> str:
    last = net.names[-1]
    return last if isinstance(net.layers[last], nnpg.Softmax) else ""


def _translated(nn: Any, name: str, layer: Any) -> Any:
    torch = import_module("torch")
    plain = {nnpg.ReLU: nn.ReLU, nnpg.Tanh: nn.Tanh, nnpg.Sigmoid: nn.Sigmoid, nnpg.Flatten: nn.Flatten}
    if type(layer) in plain:
        return plain[type(layer)]()
    if type(layer) is nnpg.MaxPool:
        return nn.MaxPool2d(layer.size, layer.stride)
    if type(layer) is nnpg.Dense:
        copy = nn.Linear(layer.W.shape[1], layer.W.shape[0])
    elif type(layer) is nnpg.Conv and layer.groups == 1:
        copy = nn.Conv2d(layer.W.shape[1], layer.W.shape[0], layer.W.shape[2:], layer.stride)
    else:
        raise ValueError(f"{name} is a {type(layer).__name__}: only networks of conv, pool, dense and squashing layers")
    copy.weight.data, copy.bias.data = (torch.tensor(np.asarray(a)) for a in (layer.W, layer.b))
    return copy


def rivals(net: nnpg.Network, x: Array, starts: Array) -> Rivals:
    """Return the attacks on a network, as functions of images (N, ...) and labels (N,) that return images.

    Parameters
    ----------
    net : Network
    x : array (N, ...)
        Images on which the PyTorch copy must agree.
    starts : array (N, ...)
        Images of other classes, from which Brendel and Bethge's attack starts.
    """
    try:
        torch = import_module("torch")
    except ImportError as error:
        return Rivals({}, dict.fromkeys((*FOOLBOX, *ADV_LIB), _missing(error)), lambda x: x, nullcontext)
    model, torch_attacks, missing = torch_copy(net, x), dict[str, Attack](), dict[str, str]()
    for make, names in ((_foolbox, FOOLBOX), (_adv_lib, ADV_LIB)):
        try:
            with warnings.catch_warnings():  # of old syntax, and of slow compilation
                warnings.simplefilter("ignore")
                torch_attacks |= dict(zip(names, make(model, torch.tensor(starts)), strict=True))
        except ImportError as error:
            missing |= dict.fromkeys(names, _missing(error))

    def arrays(attack: Attack) -> Callable[[Array, Array], Array]:
        def run(x: Array, labels: Array) -> Array:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return np.asarray(attack(torch.tensor(x), torch.tensor(labels)).detach())

        return run

    attacks = {name: arrays(attack) for name, attack in torch_attacks.items()}
    threads = import_module("benchmarks.torch_cpu").torch_threads
    return Rivals(attacks, missing, lambda x: np.asarray(model(torch.tensor(x)).argmax(dim=1)), threads)


def _missing(error: ImportError) -> str:
    return f"not run: {error}; pip install 'nnpg[rivals]', and for adv-lib pip install --no-deps adv-lib"


def _foolbox(model: Any, starts: Any) -> list[Attack]:
    fb: Any = import_module("foolbox")
    attacked, kinds = fb.PyTorchModel(model, bounds=(0, 1), device="cpu"), fb.attacks

    def runs(attack: Any, **more: Any) -> Attack:
        return lambda x, labels: attack.run(attacked, x, fb.criteria.Misclassification(labels), **more)

    return [
        runs(kinds.L2DeepFoolAttack(steps=STEPS)),
        runs(kinds.DDNAttack(steps=STEPS)),
        runs(kinds.L2FMNAttack(steps=STEPS)),
        runs(kinds.L2CarliniWagnerAttack(steps=STEPS)),
        runs(kinds.L2BrendelBethgeAttack(steps=STEPS), starting_points=starts),
    ]


def _adv_lib(model: Any, starts: Any) -> list[Attack]:
    for name, used in (("torchvision", "models"), ("visdom", "Visdom")):
        _stand_in(name, used)
    attacks: Any = import_module("adv_lib.attacks")
    return [
        lambda x, labels: attacks.alma(model, x, labels, num_steps=STEPS),
        lambda x, labels: attacks.fab(model, x, labels, norm=2, n_iter=STEPS),
        lambda x, labels: attacks.ddn(model, x, labels, steps=STEPS, levels=None),
        lambda x, labels: attacks.pdgd(model, x, labels, num_steps=STEPS),
    ]


def _stand_in(name: str, used: str) -> None:
    """adv-lib imports these for distances and plots that no attack here uses; it must run without them."""
    try:
        import_module(name)
    except (ImportError, RuntimeError):  # the second: torchvision is of another PyTorch
        for half in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
            del sys.modules[half]
        module = ModuleType(name)
        setattr(module, used, None)
        sys.modules[name] = module
