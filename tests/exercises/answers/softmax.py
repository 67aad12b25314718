from __future__ import annotations

from exercises.answers.answer import Wrong

SOLUTIONS = {"softmax": ("return y * (delta - (y * delta).sum(axis=1, keepdims=True))",)}
WRONG = [
    Wrong("softmax", "sign", "return y * ((y * delta).sum(axis=1, keepdims=True) - delta)", "the sign is flipped"),
    Wrong("softmax", "sign inside", "return y * (delta + (y * delta).sum(1, keepdims=True))", "the sum is added"),
    Wrong("softmax", "no coupling", "return delta * y * (1 - y)", "the classes do not couple"),
    Wrong("softmax", "no sum", "return y * delta", "the sum over j is missing"),
    Wrong("softmax", "lost y", "return y * (delta - delta.sum(axis=1, keepdims=True))", "lacks its y[n,j]"),
    Wrong("softmax", "mean for sum", "return y * (delta - (y * delta).mean(axis=1, keepdims=True))", "a mean over j"),
    Wrong("softmax", "no keepdims", "return y * (delta - (y * delta).sum(axis=1))", "keepdims=True keeps it beside"),
    Wrong("softmax", "wrong axis", "return y * (delta - (y * delta).sum(axis=0))", "a sum over the wrong axis"),
    Wrong("softmax", "all images", "return y * (delta - (y * delta).sum())", "the sum runs over all images"),
    Wrong("softmax", "lost factor", "return delta - (y * delta).sum(axis=1, keepdims=True)", "before the parentheses"),
    Wrong("softmax", "lost delta", "return y * (1 - y)", "delta is lost"),
    Wrong("softmax", "the loss", "return y - delta", "for one-hot targets"),
    Wrong(
        "softmax", "all-ones-only", "return y * (1 - (y * 1).sum(axis=1, keepdims=True))", "right only for a delta of"
    ),
    Wrong(
        "softmax",
        "off by one",
        "s = sum(y[:, j] * delta[:, j] for j in range(y.shape[1] - 1))\nreturn y * (delta - s[:, None])",
        "leaves out the last class",
    ),
    Wrong(
        "softmax",
        "in place",
        "delta -= (y * delta).sum(axis=1, keepdims=True)\nreturn y * delta",
        "writes into an array that it is given",
    ),
    Wrong(
        "softmax",
        "transpose",
        "return (y * (delta - (y * delta).sum(axis=1, keepdims=True))).T",
        "transposed: axes 0 and 1 are swapped",
    ),
]
