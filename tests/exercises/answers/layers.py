"""Layers that the papers lack: LeakyReLU, the mean of the batch subtracted, a block that reads x twice."""

from __future__ import annotations

from exercises.answers.answer import Wrong

FORWARD = "return np.where(x > 0, x, self.slope * x), x > 0"
BACKWARD = "return np.where(saved, delta, self.slope * delta)"
TWICE = """
t = np.tanh(x @ W.T)
return delta + (delta * (1 - t * t)) @ W
"""
SOLUTIONS = {
    "leaky_relu": (FORWARD, BACKWARD),
    "batch_mean": ("return delta - delta.mean(axis=0)",),
    "read_twice": (TWICE,),
}
IN_PLACE = "writes into an array that it is given"


def leaky(kind: str, y: str, says: str) -> Wrong:
    return Wrong("leaky_relu", kind, f"return {y}, x > 0", f"LeakyReLU.forward: {says}")


def leaky_back(kind: str, dx: str, says: str) -> Wrong:
    return Wrong("leaky_relu", f"{kind}, backward", f"return {dx}", f"LeakyReLU.backward: {says}", 1)


def mean(kind: str, dx: str, says: str) -> Wrong:
    return Wrong("batch_mean", kind, f"return {dx}", says)


def twice(kind: str, dx: str, says: str) -> Wrong:
    return Wrong("read_twice", kind, f"t = np.tanh(x @ W.T)\nbranch = (delta * (1 - t * t)) @ W\nreturn {dx}", says)


WRONG = [
    leaky("ReLU", "np.maximum(x, 0)", "the slope is lost"),
    leaky("sign", "np.where(x > 0, x, -self.slope * x)", "the sign below 0 is flipped"),
    leaky("sides", "np.where(x < 0, x, self.slope * x)", "the sides are swapped"),
    leaky("a constant", "np.where(x > 0, x, self.slope)", "below 0 it is constant"),
    leaky("max", "np.maximum(x, self.slope)", "max(x, slope)"),
    leaky("inverse", "np.where(x > 0, x, x / self.slope)", "divided by the slope"),
    leaky("both sides", "self.slope * x", "the slope is on both sides"),
    leaky("added", "np.maximum(x, 0) + self.slope * x", "the sides add"),
    leaky("off by one", "np.where(x > 1, x, self.slope * x)", "the kink is at 1"),
    Wrong("leaky_relu", "no pair", "return np.where(x > 0, x, self.slope * x)", "must return the pair (y, saved)"),
    Wrong("leaky_relu", "in place", "x[x < 0] *= self.slope\nreturn x, x > 0", f"LeakyReLU.forward {IN_PLACE}"),
    leaky_back("ReLU", "np.where(saved, delta, 0)", "the slope is lost"),
    leaky_back("lost delta", "np.where(saved, 1, self.slope)", "delta is lost"),
    leaky_back(
        "all-ones-only", "np.where(saved, np.ones_like(delta), self.slope)", "delta is lost: this is right only"
    ),
    leaky_back("delta's sign", "np.where(delta > 0, delta, self.slope * delta)", "delta's own sign decides"),
    leaky_back("sides", "np.where(saved, self.slope * delta, delta)", "the sides are swapped"),
    leaky_back("sign", "np.where(saved, delta, -self.slope * delta)", "the sign below 0 is flipped"),
    leaky_back("all signs", "-np.where(saved, delta, self.slope * delta)", "the sign is flipped"),
    leaky_back("both sides", "self.slope * delta", "the slope is on both sides"),
    leaky_back("no slope", "1 * delta", "delta comes back as it came"),
    leaky_back("mean for sum", "np.where(saved, delta, self.slope * delta) / len(delta)", "a mean over the images"),
    Wrong(
        "leaky_relu",
        "in place, backward",
        "delta[~saved] *= self.slope\nreturn delta",
        f"LeakyReLU.backward {IN_PLACE}",
        1,
    ),
    Wrong(
        "leaky_relu",
        "wrong axis",
        "return np.stack([np.where(m, d, self.slope * d) for m, d in zip(saved, delta)])",
        "in a layer of nnpg, gradcheck fails: LeakyReLU, -, contract: ",
        1,
    ),
    mean("no coupling", "1 * delta", "the images do not couple"),
    mean("sign", "delta + delta.mean(axis=0)", "the mean is added where it is subtracted"),
    mean("all signs", "delta.mean(axis=0) - delta", "the sign is flipped"),
    mean("sum for mean", "delta - delta.sum(axis=0)", "a sum over the images where a mean belongs"),
    mean("wrong axis", "delta - delta.mean(axis=1, keepdims=True)", "a mean over the wrong axis"),
    mean("both axes", "delta - delta.mean()", "one mean over images and units"),
    mean("own share", "delta * (1 - 1 / len(delta))", "only the image's own share"),
    mean("lost delta", "np.tile(-delta.mean(axis=0), (len(delta), 1))", "the image's own delta is lost"),
    mean("all-ones-only", "np.zeros(delta.shape)", "right only for a delta of ones"),
    mean("off by one", "delta - delta.sum(axis=0) / max(len(delta) - 1, 1)", "divided by N - 1"),
    mean("without itself", "delta - (delta.sum(0) - delta) / max(len(delta) - 1, 1)", "the mean leaves out the image"),
    Wrong("batch_mean", "in place", "delta -= delta.mean(axis=0)\nreturn delta", IN_PLACE),
    Wrong(
        "batch_mean",
        "in place, row by row",
        "dx = delta.copy()\nfor n in range(len(dx)):\n    dx[n] -= dx.mean(axis=0)\nreturn dx",
        "the mean is taken again after rows were changed",
    ),
    twice("lost path", "branch", "the path by x itself is lost"),
    twice("another lost path", "1 * delta", "the path through tanh is lost"),
    twice("mean for sum", "(delta + branch) / 2", "a mean of the two deltas"),
    twice("product", "delta * branch", "the two deltas are multiplied"),
    twice("sign", "delta - branch", "the two deltas are subtracted"),
    twice("all signs", "-(delta + branch)", "the sign is flipped"),
    twice("transpose", "delta + (delta * (1 - t * t)) @ W.T", "W is transposed"),
    twice("no slope", "delta + delta @ W", "the slope of tanh is lost"),
    twice("lost delta", "1 + branch", "delta is lost on the path by x"),
    twice("another lost delta", "delta + (1 - t * t) @ W", "delta is lost on the path through tanh"),
    twice("all-ones-only", "1 + (1 - t * t) @ W", "delta is lost: this is right only"),
    twice("lost W", "delta + delta * (1 - t * t)", "W is lost on the path"),
    twice("sign of the square", "delta + (delta * (1 + t * t)) @ W", "the square is added"),
    twice("order", "delta + (delta @ W) * (1 - t * t)", "the order is wrong"),
    twice("no square", "delta + (delta * (1 - t)) @ W", "t is not squared"),
    twice("wrong axis", "delta + (delta * (1 - np.tanh(x @ W) ** 2)) @ W", "with W transposed"),
    Wrong(
        "read_twice",
        "delta after the sum",
        "return delta * (1 + (1 - np.tanh(x @ W.T) ** 2) @ W)",
        "delta is multiplied after the sum",
    ),
    Wrong("read_twice", "in place", "delta += (delta * (1 - np.tanh(x @ W.T) ** 2)) @ W\nreturn delta", IN_PLACE),
]
