from __future__ import annotations

from exercises.answers.answer import Wrong

RIGHT = """
H, w_ = delta.shape[2:]
I, J = x.shape[2] - H + 1, x.shape[3] - w_ + 1
dW = np.zeros((delta.shape[1], x.shape[1], I, J))
for n in range(len(x)):
    for i, j in np.ndindex(I, J):
        dW[:, :, i, j] += np.einsum("fhw,chw->fc", delta[n], x[n, :, i:i + H, j:j + w_])
return dW
"""
SOLUTIONS = {"conv_weights": (RIGHT,)}


def wrong(kind: str, old: str, new: str, says: str) -> Wrong:
    assert old in RIGHT
    return Wrong("conv_weights", kind, RIGHT.replace(old, new), says)


WRONG = [
    wrong("sign", "+=", "-=", "the sign is flipped"),
    wrong("mean for sum", "return dW", "return dW / len(x)", "a mean over the images"),
    wrong("mean of positions", "return dW", "return dW / (H * w_)", "a mean over the positions h, w"),
    wrong("overwritten", "+=", "=", "only the last image counts"),
    wrong("first image", "range(len(x))", "range(1)", "only the first image counts"),
    wrong(
        "overwritten in loops",
        'np.einsum("fhw,chw->fc", delta[n], x[n, :, i:i + H, j:j + w_])',
        "0\n        for h, w in np.ndindex(H, w_):\n"
        "            dW[:, :, i, j] = np.outer(delta[n, :, h, w], x[n, :, h + i, w + j])",
        "only the last position counts",
    ),
    wrong("flipped", "return dW", "return dW[:, :, ::-1, ::-1]", "dW is flipped"),
    wrong("transpose", "return dW", "return dW.swapaxes(2, 3)", "rows i and columns j of dW are swapped"),
    wrong(
        "transpose of filters", "return dW", "return dW.swapaxes(0, 1)", "filters f and channels c of dW are swapped"
    ),
    wrong("lost delta", "delta[n], x", "np.ones_like(delta[n]), x", "delta is lost"),
    Wrong(
        "conv_weights",
        "all-ones-only",
        "delta = np.ones(delta.shape)\n" + RIGHT.strip(),
        "right only for a delta of ones",
    ),
    wrong("lost x", "x[n, :, i:i + H, j:j + w_])", "np.ones((x.shape[1], H, w_)))", "x is lost"),
    wrong(
        "wrong axis",
        "return dW",
        "return dW.sum(axis=1, keepdims=True).repeat(x.shape[1], 1)",
        "the channels are added",
    ),
    wrong("off by one", "- H + 1, x.shape[3] - w_ + 1", "- H, x.shape[3] - w_", "one row and one column more"),
    wrong(
        "off by one in delta",
        "delta[n], x[n, :, i:i + H, j:j + w_]",
        "delta[n, :, :-1, :-1], x[n, :, i:i + H - 1, j:j + w_ - 1]",
        "the last row and column of delta are left out",
    ),
    wrong("in place", "dW = np", "x -= 0\ndW = np", "writes into an array that it is given"),
]
