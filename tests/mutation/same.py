"""Mutants that compute the same, or that only change what is not an answer, each with the reason.

By module. A key that ends in ... stands for all mutants whose names begin like it.
"""

ROWS = "the array has 2 axes"
SIGN = "only the sign of it counts"
UNKNOWN = "NumPy takes any negative size as the unknown one"
MEMORY = "it says how much is held in memory, which changes no answer"
EQUAL = "both are of equal length wherever this is called"
FLOAT = "a number is kept as a float"
ANY = "any number drawn from the generator will do"
ONE = "it holds one class"
COPY = "a copy holds the same numbers"
UNREAD = "a program does not read them"

SAME: dict[str, dict[str, str]] = {
    "nnpg.seeds": {
        "class_seed: others = y @ (1 - k.xp.eye(y.shape[1], dtype=y.dtype))": ROWS,
        "_one_hot_seed: return k.xp.broadcast_to(e if chosen.ndim else e[-1], (*chosen.shape, N, K))": ONE,
    },
    "nnpg.losses": {
        "one_hot: targets = targets[:, None] == k.xp.arange(like.shape[1])": ROWS,
        "cross_entropy: return -(one_hot(k, t, z) * log_y).sum(axis=1)": ROWS,
        "cross_entropy: log_y = z - k.xp.log(k.xp.exp(z).sum(axis=1, keepdims=True))": ROWS,
        "cross_entropy: z = z - z.max(axis=1, keepdims=True)": ROWS,
        "cross_entropy_of_probabilities: return -(one_hot(k, t, y) * k.xp.log(_inside(k, y))).sum(axis=1)": ROWS,
        "binary: return (log_sum - one_hot(k, t, z) * z).sum(axis=1)": ROWS,
        "binary_of_probabilities: return -(t * k.xp.log(y) + (1 - t) * k.xp.log(1 - y)).sum(axis=1)": ROWS,
        "squares: return ((y - one_hot(k, t, y)) ** 2).sum(axis=1) / 2": ROWS,
    },
    "nnpg.optimisers": {
        "DecayPerUnit._rate: return -0.0": "-0 is 0",
        "DecayPerUnit._rate: rate = self.strengths if isinstance(self.strengths, float)...": FLOAT,
        "penalty: return -0.0": "-0 is 0",
    },
    "nnpg.network": {
        "Network.backward: delta = delta.astype(trace[at].dtype, copy=True)": COPY,
        "Network.backward: if delta.shape[max(-1, delta.ndim - trace[at].ndim):] != trace[at].shape:": (
            "a seed with fewer axes than the output is refused either way"
        ),
        "Network.as_input: return x.astype(self.dtype, copy=True)": COPY,
        "Network._changes: return list(zip(self.interventions.get(name, ()), trace.intervened.get(name, ()), strict=False))": (  # noqa: E501
            EQUAL
        ),
        "Network.gradients: if name in trace.outputs and delta.shape[max(-1, ...": (
            "a delta with fewer axes than the output is refused either way"
        ),
        "Network.as_input: if start is None and x.shape...": "it is of arrays on a device, which only a GPU has",
    },
    "nnpg.prediction": {
        "filter_layers: if isinstance(layer, Conv | Flatten):": "a dense layer takes maps only behind a Flatten",
        "prediction_gradient: joined = ...": "joining a single part gives that part",
        "class_gradient: means = {n: s / images.reshape(-2, ...": UNKNOWN,
        "class_gradient: held = ...": MEMORY,
        "class_gradient: S = ...": MEMORY,
        "_batches: yield (some, {name: d[-1] if _one_class(classes) else d for name, d in deltas.items()})": ONE,
        "_one_class: return isinstance(classes, int)...": "a class is an int by then",
        "_classes_of: return int(classes) if isinstance(classes, int) else...": "a class is an int by then",
        "_sum_by_class: return sums.reshape(*delta.shape[:axis], K, *delta.shape[axis + 1:])": ONE,
        "_sum_by_class: return (sums if axis else sums[-1]).reshape(*delta.shape[:axis], K, *delta.shape[axis + 1:])": (
            ONE
        ),
        "_one_class: return -(isinstance(...": "only its truth counts",
    },
    "nnpg.scores": {
        "FilterScores.strongest: return self._ranked(row, -2)...": SIGN,
        "FilterScores.weakest: return self._ranked(row, 2)...": SIGN,
        "convolutional_gradient: scores = {name: collapse(d.reshape(*d.shape[:2], -2), -1) for name, d in gradient.deltas.items()}": (  # noqa: E501
            UNKNOWN
        ),
    },
    "nnpg.knockout": {
        "knock_out_curve: predictions[step, some] = y.argmax(axis=1)": ROWS,
        "knock_out_curve: changes = _changes(net, wanted, to, reference, rng)": UNREAD,
        "knock_out_curve: nets = _cumulative(net, wanted, changes)": UNREAD,
        "_cumulative: for f, change in zip(filters, changes, strict=True):": EQUAL,
        "_by_layers: for f, change, net in zip(filters, changes, nets[1:], strict=False):": EQUAL,
        "_wanted: return tuple((Filter(layer, f, *given[2:]) for (layer, f), given in zip(known, filters, strict=False)))": (  # noqa: E501
            EQUAL
        ),
        "_by_layers: k = nets[1].backend": "all are on one backend",
        "_by_layers: k = nets[-1].backend": "all are on one backend",
        "_changes: changes.append(Resample(units, trace[layer], int(draw.integers(...": ANY,
        "_changes: units = k.asarray((np.arange(F) == f).reshape(-2, *[1] * len(rest)))": UNKNOWN,
    },
}
