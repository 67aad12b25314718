"""nnpg: neural networks with backpropagation by hand, and the prediction gradient dy/do."""

import nnpg_command.early  # noqa: F401 (before all others, so that Ctrl-C is handled while they are imported)
from nnpg.analysis.loss_gradients import loss_gradient
from nnpg.attacks import fast_gradient_sign, mask_sweep, minimal_distortion, projected_gradient
from nnpg.class_gradients import class_gradient
from nnpg.divergence import TrainingDiverged
from nnpg.explanation import Explanation, explain
from nnpg.explorer import explore
from nnpg.files import ModelFileError, load_network, save
from nnpg.gradient_check import GradientCheckError, GradientReport, gradcheck
from nnpg.interventions import Clamp, Intervention, Override, Perturb, Resample
from nnpg.knockout import Knockout, knock_out, knock_out_curve, knock_out_curves
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
from nnpg.recipes.models import cifar_net, digit_net, face_net
from nnpg.recipes.networks import build, conv, dense
from nnpg.scores import Filter, FilterScores, convolutional_gradient, filter_scores, saliency
from nnpg.support.version import VERSION
from nnpg.trace import Trace
from nnpg.training import Epoch, Training, error_rate, train
from nnpg.training_methods.lbfgs import LBFGSTraining, train_lbfgs
from nnpg_kernels import load as load_backend
from nnpg_kernels import use_threads

__version__ = VERSION

__all__ = [  # in the order of the path
    # networks: layers, recipes, models
    "Network",
    "Trace",
    "build",
    "conv",
    "dense",
    "Conv",
    "Dense",
    "Flatten",
    "Center",
    "Tanh",
    "ReLU",
    "Sigmoid",
    "Step",
    "Softmax",
    "MaxPool",
    "AvgPool",
    "Dropout",
    "LocalResponseNorm",
    "Layer",
    "face_net",
    "digit_net",
    "cifar_net",
    "gradcheck",
    "GradientReport",
    "GradientCheckError",
    "load_backend",
    "use_threads",
    # training
    "train",
    "Training",
    "Epoch",
    "TrainingDiverged",
    "SGD",
    "PlainDecay",
    "DecayPerUnit",
    "train_lbfgs",
    "LBFGSTraining",
    "predict",
    "error_rate",
    "save",
    "load_network",
    "ModelFileError",
    # the prediction gradient, and what follows from it
    "prediction_gradient",
    "class_gradient",
    "PredictionGradient",
    "explain",
    "Explanation",
    "explore",
    "loss_gradient",
    "saliency",
    "convolutional_gradient",
    "filter_scores",
    "filter_layers",
    "FilterScores",
    "Filter",
    "knock_out",
    "knock_out_curve",
    "knock_out_curves",
    "Knockout",
    "prune",
    "benchmark_localisation",
    # changed outputs
    "Intervention",
    "Override",
    "Resample",
    "Clamp",
    "Perturb",
    # attacks
    "mask_sweep",
    "fast_gradient_sign",
    "projected_gradient",
    "minimal_distortion",
    # what is compiled
    "compilation_report",
    "CompilationReport",
    "require_compiled",
    "NotCompiled",
]
