"""What is done with deltas: the seed of log y, class gradients, scores, interventions, steps."""

from __future__ import annotations

from exercises.answers.answer import Wrong

STEP_OF = "np.clip(x + epsilon * direction, 0, 1)"
NORM = "np.sqrt((mean ** 2).sum(axis=(1, 2)))"
COUNT = "np.where(counts > 0, counts, np.nan)"
ADDED = "sums[label] += gradient\n    counts[label] += 1"
SEED = """
seed = np.zeros_like(y)
n = np.arange(len(y))
seed[n, labels] = 1 / y[n, labels]
return seed
"""
STREAM = """
sums, counts = None, np.zeros(K)
for label, gradient in stream:
    if sums is None:
        sums = np.zeros((K, len(gradient)))
    sums[label] += gradient
    counts[label] += 1
return (sums / np.where(counts > 0, counts, np.nan)[:, None])
"""
SCORES = """
mean = gradients.mean(axis=0)
return np.sqrt((mean ** 2).sum(axis=(1, 2)))
"""
STEP = """
length = np.sqrt((gradient ** 2).sum(axis=1, keepdims=True))
direction = gradient / np.where(length > 0, length, 1)
return np.clip(x + epsilon * direction, 0, 1)
"""
FORWARD, BACKWARD = "return np.where(units, value, y)", "return np.where(units, 0, delta)"
SOLUTIONS = {
    "log_seed": (SEED,),
    "class_gradient": (STREAM,),
    "filter_score": (SCORES,),
    "knock_out": (FORWARD, BACKWARD),
    "box_step": (STEP,),
}
IN_PLACE = "writes into an array that it is given"


def changed(exercise: str, kind: str, old: str, new: str, says: str) -> Wrong:
    (right,) = SOLUTIONS[exercise]
    assert old in right
    return Wrong(exercise, kind, right.replace(old, new), says)


WRONG = [
    changed("log_seed", "sign", "= 1 / y", "= -1 / y", "the sign is flipped: -log y is the loss"),
    changed("log_seed", "labels of all", "[n, labels]", "[:, labels]", "every image has the seeds of all labels"),
    changed("log_seed", "of y", "1 / y[n, labels]", "1", "the seed of y, not of log y"),
    Wrong("log_seed", "all-ones-only", "return 1 / y", "every class has a seed"),
    changed("log_seed", "not differentiated", "1 / y[n, labels]", "np.log(y[n, labels])", "this is log y itself"),
    changed("log_seed", "lost power", "1 / y[n, labels]", "y[n, labels]", "multiplied by y where it is divided"),
    Wrong("log_seed", "too far back", "return np.eye(y.shape[1])[labels] - y", "the delta after softmax already"),
    Wrong("log_seed", "the loss", "return y - np.eye(y.shape[1])[labels]", "the delta of the loss, y minus one-hot"),
    changed("log_seed", "mean for sum", "return seed", "return seed / len(y)", "a mean over the images"),
    Wrong(
        "log_seed",
        "off by one",
        "return np.eye(y.shape[1])[(labels + 1) % y.shape[1]] / y",
        "the next class has the seed",
    ),
    Wrong("log_seed", "classes from 1", "return np.eye(y.shape[1])[labels - 1] / y", "the class before has the seed"),
    changed(
        "log_seed",
        "transpose",
        "seed[n, labels] = 1 / y[n, labels]",
        "seed[labels, n] = 1 / y[labels, n]",
        "transposed",
    ),
    changed("log_seed", "1 - y", "1 / y[n", "1 / (1 - y)[n", "1 - y in place of y"),
    changed(
        "log_seed", "wrong axis", "1 / y[n, labels]", "1 / y.sum(axis=0)[labels]", "divided by the y of all images"
    ),
    changed("log_seed", "in place", "np.zeros_like(y)", "y", IN_PLACE),
    changed("class_gradient", "sum for mean", f" / {COUNT}[:, None]", "", "are not divided"),
    changed("class_gradient", "all images", f"{COUNT}[:, None]", "counts.sum()", "of all images"),
    changed("class_gradient", "classes", f"{COUNT}[:, None]", "K", "the number of classes"),
    changed(
        "class_gradient",
        "overwritten",
        ADDED,
        "sums[label] = gradient\n    counts[label] = 1",
        "only the last image of each",
    ),
    changed(
        "class_gradient",
        "first image",
        ADDED,
        "if not counts[label]:\n        sums[label] = gradient\n        counts[label] = 1",
        "only the first image of each",
    ),
    changed(
        "class_gradient",
        "a running mean",
        ADDED,
        "sums[label] = (sums[label] + gradient) / 2\n    counts[label] = 1",
        "gives the last image half of all weight",
    ),
    changed("class_gradient", "off by one", COUNT, "np.where(counts > 0, counts + 1, np.nan)", "the counts begin at 1"),
    changed(
        "class_gradient",
        "classes from 1",
        "for label, gradient in stream:\n",
        "for label, gradient in stream:\n    label = (label + 1) % K\n",
        "shifted by one class",
    ),
    changed("class_gradient", "sign", "+= gradient", "-= gradient", "the sign is flipped"),
    changed("class_gradient", "magnitudes", "+= gradient", "+= abs(gradient)", "a mean of absolute values"),
    changed("class_gradient", "0 for none", "counts, np.nan)", "counts, 1)", "a class without images has the mean 0"),
    changed("class_gradient", "transpose", "[:, None])", "[:, None]).T", "is transposed"),
    changed(
        "class_gradient",
        "wrong axis",
        "[:, None])",
        "[:, None]).mean(1)",
        "a mean over the units",
    ),
    Wrong(
        "class_gradient",
        "a list of one array",
        "kept = list(stream)\nreturn np.stack([np.mean([g for t, g in kept if t == c] or [kept[0][1] * np.nan], axis=0)"
        " for c in range(K)])",
        "a list keeps one array many times",
    ),
    Wrong(
        "class_gradient",
        "a list of copies",
        "kept = [(t, g.copy()) for t, g in stream]\n"
        "return np.stack([np.mean([g for t, g in kept if t == c] or [kept[0][1] * np.nan], axis=0) for c in range(K)])",
        "a law does not hold: memory does not grow with the number of images; 300 images took ",
    ),
    changed(
        "class_gradient",
        "in place",
        "    sums[label] += gradient\n",
        "    gradient *= 1\n    sums[label] += gradient\n",
        IN_PLACE,
    ),
    changed(
        "filter_score",
        "wrong order",
        "return",
        "return np.sqrt((gradients ** 2).sum(axis=(2, 3))).mean(axis=0)\nreturn",
        "the norms of the images are averaged",
    ),
    changed("filter_score", "no root", "np.sqrt", "", "the root is missing"),
    changed("filter_score", "sum for mean", ".mean(", ".sum(", "a sum over the images where a mean belongs"),
    changed("filter_score", "l1", NORM, "abs(mean).sum(axis=(1, 2))", "(l1)"),
    changed("filter_score", "signs", NORM, "mean.sum(axis=(1, 2))", "a sum with signs"),
    changed("filter_score", "mean", NORM, "mean.mean(axis=(1, 2))", "a mean with signs"),
    changed("filter_score", "max", NORM, "abs(mean).max(axis=(1, 2))", "(max)"),
    changed("filter_score", "mean for sum", ".sum(axis=(1, 2))", ".mean(axis=(1, 2))", "(rms)"),
    changed("filter_score", "wrong axis", "(1, 2)", "(0, 1)", "over filters f, not over the map"),
    changed("filter_score", "wrong first axis", "mean(axis=0)", "mean(axis=1)", "the mean runs over the filters"),
    Wrong(
        "filter_score",
        "all at once",
        "return np.sqrt((gradients ** 2).sum(axis=(0, 2, 3)))",
        "squared and added together",
    ),
    Wrong(
        "filter_score",
        "squares first",
        "return np.sqrt((gradients ** 2).mean(0).sum(axis=(1, 2)))",
        "the squares are averaged",
    ),
    changed("filter_score", "rows", NORM, "np.linalg.norm(mean, axis=2).sum(axis=1)", "a norm for each row"),
    changed("filter_score", "one number", NORM, "np.linalg.norm(mean)", "one number for the whole layer"),
    changed("filter_score", "last image", "gradients.mean(axis=0)", "gradients[-1]", "only the last image counts"),
    changed(
        "filter_score", "off by one", "gradients.mean(axis=0)", "gradients[..., :-1, :-1].mean(axis=0)", "off by one"
    ),
    changed("filter_score", "in place", "mean =", "gradients **= 1\nmean =", IN_PLACE),
    Wrong("knock_out", "to 0", "return np.where(units, 0, y)", "forward: units are set to 0"),
    Wrong("knock_out", "inverted", "return np.where(units, y, value)", "forward: the units are inverted"),
    Wrong("knock_out", "added", "return y + units * value", "forward: value is added"),
    Wrong("knock_out", "multiplied", "return np.where(units, y * value, y)", "forward: y is multiplied by value"),
    Wrong("knock_out", "everywhere", "return 0 * y + value", "forward: all units are set"),
    Wrong("knock_out", "the others lost", "return units * value + 0 * y", "forward: all units but those in units"),
    Wrong(
        "knock_out",
        "wrong axis",
        "y = y.copy()\ny[0] = np.where(units, value, y[0])\nreturn y",
        "only the first image is changed",
    ),
    Wrong(
        "knock_out", "off by one", "return np.where(np.roll(units, 1), np.roll(value, 1), y)", "the next filter is set"
    ),
    Wrong("knock_out", "one mean", "return np.where(units, value[units].mean(), y)", "forward: one mean value"),
    Wrong("knock_out", "sign", "return np.where(units, -value, y)", "forward: the sign of value is flipped"),
    Wrong("knock_out", "in place", "y[:, units[:, 0, 0]] = value[units[:, 0, 0]]\nreturn y", f"forward {IN_PLACE}"),
    Wrong("knock_out", "nothing", "return y", "forward: nothing is changed"),
    Wrong("knock_out", "delta goes through", "return delta", "backward: delta goes through", 1),
    Wrong("knock_out", "inverted, backward", "return units * delta", "backward: the units are inverted", 1),
    Wrong("knock_out", "lost delta", "return 0 * delta", "backward: delta is lost everywhere", 1),
    Wrong(
        "knock_out",
        "all-ones-only",
        "return np.where(units, 0.0, np.ones(delta.shape))",
        "right only for a delta of",
        1,
    ),
    Wrong("knock_out", "sign, backward", "return np.where(units, 0, -delta)", "backward: the sign is flipped", 1),
    Wrong(
        "knock_out", "off by one, backward", "return np.where(np.roll(units, 1), 0, delta)", "the next filter is 0", 1
    ),
    Wrong("knock_out", "in place, backward", "delta *= ~units\nreturn delta", f"backward {IN_PLACE}", 1),
    Wrong(
        "knock_out",
        "mean for sum",
        "return np.where(units, 0, delta) / len(delta)",
        "backward: a mean over the images",
        1,
    ),
    Wrong(
        "knock_out",
        "wrong axis, backward",
        "d = delta * ~units\nreturn d.sum((2, 3), keepdims=True) + 0 * d",
        "added over h, w",
        1,
    ),
    changed("box_step", "sign", "x + epsilon", "x - epsilon", "the sign is flipped: minus goes downhill"),
    changed("box_step", "no box", STEP_OF, "x + epsilon * direction", "the box is missing"),
    changed("box_step", "box of the step", STEP_OF, "x + np.clip(epsilon * direction, 0, 1)", "laid around the step"),
    changed("box_step", "another box", "direction, 0, 1)", "direction, -1, 1)", "the box is open below 0"),
    changed("box_step", "half a box", STEP_OF, "np.minimum(x + epsilon * direction, 1)", "the box is open below 0"),
    changed("box_step", "not divided", "epsilon * direction", "epsilon * gradient", "not divided by its norm"),
    changed("box_step", "all images", ".sum(axis=1, keepdims=True)", ".sum()", "the norm is that of the whole batch"),
    changed("box_step", "wrong axis", "axis=1", "axis=0", "the norm runs over the wrong axis"),
    changed(
        "box_step",
        "sign of the gradient",
        "epsilon * direction",
        "epsilon * np.sign(gradient)",
        "every pixel moves by epsilon",
    ),
    changed("box_step", "l1", "np.sqrt((gradient ** 2)", "(abs(gradient)", "the sum of absolute values"),
    changed("box_step", "no root", "np.sqrt", "", "the root is missing"),
    changed("box_step", "mean for sum", ".sum(", ".mean(", "the norm has the sum"),
    changed("box_step", "lost epsilon", "epsilon * direction", "direction", "epsilon is lost"),
    changed("box_step", "at least 1", "np.where(length > 0, length, 1)", "np.maximum(length, 1)", "shorter than 1"),
    Wrong("box_step", "no step", "return np.clip(x, 0, 1)", "no image moves"),
    changed("box_step", "lost x", STEP_OF, "epsilon * direction", "x is lost"),
    changed("box_step", "division by 0", "np.where(length > 0, length, 1)", "length", "a gradient of 0 is divided"),
    changed(
        "box_step",
        "in place",
        "return np.clip(x + epsilon * direction, 0, 1)",
        "x += epsilon * direction\nreturn np.clip(x, 0, 1)",
        IN_PLACE,
    ),
]
