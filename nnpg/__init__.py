"""nnpg: neural networks with backpropagation by hand and the prediction gradient dy/do first class."""

import nnpg_command.early  # noqa: F401 (before all others: Ctrl-C is answered while they are imported)
from nnpg.class_gradients import class_gradient
from nnpg.files import ModelFileError, load_network, save
from nnpg.gradient_check import GradientCheckError, GradientReport, gradcheck
from nnpg.interventions import Clamp, Intervention, Override, Perturb, Resample
from nnpg.knockout import Knockout, knock_out, knock_out_curve
from nnpg.layers import (
    AvgPool,
    Center,
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
from nnpg.maps.localisation import benchmark_localisation
from nnpg.network import Network
from nnpg.optimisers import SGD, DecayPerUnit, PlainDecay
from nnpg.prediction import PredictionGradient, filter_layers, predict, prediction_gradient
from nnpg.programs import NotCompiled, require_compiled
from nnpg.programs.reports import CompilationReport, compilation_report
from nnpg.rankings.pruning import prune
from nnpg.recipes.networks import build, conv, dense
from nnpg.scores import Filter, FilterScores, convolutional_gradient, filter_scores, saliency
from nnpg.trace import Trace
from nnpg.training import Epoch, Training, TrainingDiverged, error_rate, train
from nnpg.training_methods.lbfgs import LBFGSTraining, train_lbfgs
from nnpg_kernels import load as load_backend
from nnpg_kernels import use_threads

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "AvgPool",
    "Center",
    "Clamp",
    "CompilationReport",
    "Conv",
    "DecayPerUnit",
    "Dense",
    "Dropout",
    "Epoch",
    "Filter",
    "FilterScores",
    "Flatten",
    "GradientCheckError",
    "GradientReport",
    "Intervention",
    "Knockout",
    "LBFGSTraining",
    "Layer",
    "LocalResponseNorm",
    "MaxPool",
    "ModelFileError",
    "Network",
    "NotCompiled",
    "Override",
    "Perturb",
    "PlainDecay",
    "PredictionGradient",
    "ReLU",
    "Resample",
    "Sigmoid",
    "Softmax",
    "Step",
    "Tanh",
    "Trace",
    "Training",
    "TrainingDiverged",
    "benchmark_localisation",
    "build",
    "class_gradient",
    "compilation_report",
    "conv",
    "convolutional_gradient",
    "dense",
    "error_rate",
    "filter_layers",
    "filter_scores",
    "gradcheck",
    "knock_out",
    "knock_out_curve",
    "load_backend",
    "load_network",
    "predict",
    "prediction_gradient",
    "prune",
    "require_compiled",
    "saliency",
    "save",
    "train",
    "train_lbfgs",
    "use_threads",
]
