from __future__ import annotations

from exercises.answers.answer import Wrong

LOOPS = """
N, C, H, w_ = x.shape
F, C, I, J = W.shape
y = np.zeros((N, F, H - I + 1, w_ - J + 1))
for n, f, h, w in np.ndindex(y.shape):
    for c, i, j in np.ndindex(C, I, J):
        y[n, f, h, w] += W[f, c, i, j] * x[n, c, h + i, w + j]
return y
"""
LOOPS_BACK = """
N, F, H, w_ = delta.shape
F, C, I, J = W.shape
dx = np.zeros((N, C, H + I - 1, w_ + J - 1))
for n, f, h, w in np.ndindex(delta.shape):
    for c, i, j in np.ndindex(C, I, J):
        dx[n, c, h + i, w + j] += W[f, c, i, j] * delta[n, f, h, w]
return dx
"""
FAST = """
windows = np.lib.stride_tricks.sliding_window_view(x, W.shape[2:], axis=(2, 3))
return np.einsum("nchwij,fcij->nfhw", windows, W)
"""
FAST_BACK = """
I, J = W.shape[2:]
padded = np.pad(delta, ((0, 0), (0, 0), (I - 1, I - 1), (J - 1, J - 1)))
windows = np.lib.stride_tricks.sliding_window_view(padded, (I, J), axis=(2, 3))
return np.einsum("nfhwij,fcij->nchw", windows, W[:, :, ::-1, ::-1])
"""
SOLUTIONS = {"conv_loops": (LOOPS, LOOPS_BACK), "conv_fast": (FAST, FAST_BACK)}


def forward(kind: str, old: str, new: str, says: str) -> Wrong:
    assert old in LOOPS
    return Wrong("conv_loops", kind, LOOPS.replace(old, new), f"forward: {says}")


def backward(kind: str, old: str, new: str, says: str) -> Wrong:
    assert old in LOOPS_BACK
    return Wrong("conv_loops", f"{kind}, backward", LOOPS_BACK.replace(old, new), f"backward: {says}", 1)


def fast(kind: str, old: str, new: str, says: str) -> Wrong:
    assert old in FAST
    return Wrong("conv_fast", kind, FAST.replace(old, new), says)


def fast_back(kind: str, old: str, new: str, says: str) -> Wrong:
    assert old in FAST_BACK
    return Wrong("conv_fast", f"{kind}, backward", FAST_BACK.replace(old, new), says, 1)


WRONG = [
    forward("overwritten", "+=", "=", "only the last term counts"),
    forward("sign", "+=", "-=", "the sign is flipped"),
    forward("flipped", "W[f, c, i, j]", "W[f, c, I - 1 - i, J - 1 - j]", "the filter is flipped"),
    forward("transpose", "W[f, c, i, j]", "W[f, c, j, i]", "rows i and columns j of W are swapped"),
    forward("transpose of filters", "W[f, c, i, j]", "W[c, f, i, j]", "filters f and channels c of W are swapped"),
    forward("minus", "h + i, w + j", "h - i, w - j", "x is read at h-i, w-j"),
    forward("mean for sum", "return y", "return y / (C * I * J)", "a mean over c, i, j"),
    forward("mean of channels", "return y", "return y / C", "a mean over the channels c"),
    forward("one channel", "x[n, c,", "x[n, 0,", "every channel c reads channel 0"),
    forward("first channel", "ndindex(C, I, J)", "ndindex(1, I, J)", "only the first channel counts"),
    forward("off by one", "H - I + 1, w_ - J + 1", "H - I, w_ - J", "the last row and column are missing"),
    forward("off by one in the filter", "(C, I, J)", "(C, I - 1, J - 1)", "the last row and column of W are left out"),
    forward("all-ones-only", "W[f, c, i, j] *", "1 *", "W is lost"),
    forward("lost x", " * x[n, c, h + i, w + j]", "", "x is lost"),
    forward("ones", "np.zeros", "np.ones", "1 is added to every entry"),
    forward("wrong axis", "return y", "return np.repeat(y.sum(axis=0)[None], N, axis=0)", "the images are added"),
    Wrong("conv_loops", "in place", f"x -= x.mean()\n{LOOPS.strip()}", "writes into an array that it is given"),
    backward("overwritten", "+=", "=", "a pixel keeps the last product only"),
    backward("sign", "+=", "-=", "the sign is flipped"),
    backward("flipped", "W[f, c, i, j]", "W[f, c, I - 1 - i, J - 1 - j]", "the filter is the wrong way round"),
    backward("transpose", "W[f, c, i, j]", "W[f, c, j, i]", "rows i and columns j of W are swapped"),
    backward("transpose of filters", "W[f, c, i, j]", "W[c, f, i, j]", "filters f and channels c of W are swapped"),
    backward("mean for sum", "return dx", "return dx / F", "a mean over the filters f"),
    backward("lost delta", "* delta[n, f, h, w]", "", "delta is lost"),
    backward("lost W", "W[f, c, i, j] * ", "", "W is lost"),
    backward("off by one", "(C, I, J)", "(C, I - 1, J - 1)", "the last row and column of W are left out"),
    backward("a shift", "return dx", "return np.roll(dx, 1, axis=2)", "shifted by one row: off by one"),
    backward("wrong axis", "dx[n, c,", "dx[:, c,", "the images are added"),
    backward(
        "last filter",
        "delta.shape):\n",
        "delta.shape):\n    if f < F - 1:\n        continue\n",
        "only the last filter counts",
    ),
    fast("a loop", "return", "y = [w for w in windows]\nreturn", "a loop in brackets is not allowed"),
    fast("a hidden loop", "return", "for_each = np.vectorize\nreturn", "vectorize is not allowed"),
    fast("transpose", "fcij->", "fcji->", "rows i and columns j of W are swapped"),
    fast("flipped", "windows, W)", "windows, W[:, :, ::-1, ::-1])", "the filter is flipped"),
    fast("first channel", "windows, W)", "windows[:, :1], W[:, :1])", "only the first channel counts"),
    fast("sign", "return ", "return -", "the sign is flipped"),
    fast("mean for sum", "return ", "return 1 / W[0].size * ", "a mean over c, i, j"),
    fast("wrong axis", "nchwij,fcij->nfhw", "nchwij,fcij->fhw", "the images are added"),
    fast_back("a while loop", "return", "while False:\n    pass\nreturn", "a while loop is not allowed"),
    fast_back("not flipped", "W[:, :, ::-1, ::-1]", "W", "the filter is the wrong way round"),
    fast_back("half flipped", "W[:, :, ::-1, ::-1]", "W[:, :, ::-1]", "only the rows of the filter are turned"),
    fast_back(
        "not padded",
        "view(padded",
        "view(delta",
        "delta is not padded",
    ),
    fast_back(
        "padded by I", "(I - 1, I - 1), (J - 1, J - 1)", "(I, I), (J, J)", "padded by one row and column too much"
    ),
    fast_back("transpose of filters", "fcij->nchw", "cfij->nchw", "filters f and channels c of W are swapped"),
    fast_back("mean for sum", "return ", "return 1 / len(W) * ", "a mean over the filters f"),
    fast_back("lost delta", "np.pad(delta", "np.pad(np.ones_like(delta)", "delta is lost"),
    fast_back("in place", "I, J =", "delta += 0\nI, J =", "writes into an array that it is given"),
]
