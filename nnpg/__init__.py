"""nnpg: neural networks with backpropagation by hand and the prediction gradient dy/do first class."""

from nnpg_kernels import load as load_backend

from nnpg.build import build, conv, dense
from nnpg.interventions import Clamp, Intervention, Override, Perturb
from nnpg.layers import (
    AvgPool,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LocalResponseNorm,
    MaxPool,
    ReLU,
    Sigmoid,
    Softmax,
    Step,
    Tanh,
)
from nnpg.network import Network, Trace

__version__ = "0.1.0"

__all__ = [
    "AvgPool",
    "Clamp",
    "Conv",
    "Dense",
    "Dropout",
    "Flatten",
    "Intervention",
    "Layer",
    "LocalResponseNorm",
    "MaxPool",
    "Network",
    "Override",
    "Perturb",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Step",
    "Tanh",
    "Trace",
    "build",
    "conv",
    "dense",
    "load_backend",
]
