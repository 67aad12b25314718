from __future__ import annotations

from exercises.answers.answer import Wrong

SOLUTIONS = {"dense": ("return delta @ W",)}
WRONG = [
    Wrong("dense", "sign", "return -delta @ W", "the sign is flipped"),
    Wrong("dense", "transpose", "return delta @ W.T", "W is transposed"),
    Wrong("dense", "lost W", "return delta.copy()", "W is lost"),
    Wrong("dense", "transpose of the result", "return (delta @ W).T", "it returns an array of shape (3, 2)"),
    Wrong("dense", "mean for sum", "return (delta[:, :, None] * W).mean(axis=1)", "a mean over the units f"),
    Wrong("dense", "lost delta", "return W.sum(axis=0)", "delta is lost"),
    Wrong("dense", "all-ones-only", "return np.ones_like(delta) @ W", "right only for a delta of ones"),
    Wrong("dense", "wrong axis", "return (delta @ W).sum(axis=0)", "the deltas of the images are added"),
    Wrong("dense", "wrong order", "return delta.sum(axis=1)[:, None] * W.sum(axis=0)", "summed over f before it meets"),
    Wrong("dense", "in place", "delta *= 2\nreturn delta @ W / 2", "writes into an array that it is given"),
    Wrong(
        "dense",
        "overwritten",
        "dx = 0\nfor f in range(len(W)):\n    dx = delta[:, f:f + 1] * W[f]\nreturn dx",
        "only the last unit f counts",
    ),
    Wrong(
        "dense",
        "return inside the loop",
        "for f in range(len(W)):\n    return delta[:, f:f + 1] * W[f]",
        "only the first unit f counts",
    ),
    Wrong(
        "dense",
        "off by one",
        "return sum(delta[:, f:f + 1] * W[f] for f in range(len(W) - 1))",
        "the last unit f is left out",
    ),
    Wrong("dense", "off by one at the start", "return delta[:, 1:] @ W[1:]", "the first unit f is left out"),
    Wrong("dense", "a factor", "return 2 * (delta @ W)", "a constant factor 2"),
]
