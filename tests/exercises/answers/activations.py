from __future__ import annotations

from exercises.answers.answer import Wrong

SOLUTIONS = {"tanh": ("return delta * (1 - y * y)",), "sigmoid": ("return delta * y * (1 - y)",)}
WRONG = [
    Wrong("tanh", "sign", "return delta * (y ** 2 - 1)", "the sign is flipped"),
    Wrong("tanh", "sign inside", "return delta * (1 + y ** 2)", "the square is added"),
    Wrong("tanh", "lost delta", "return 1 - y ** 2", "delta is lost"),
    Wrong("tanh", "all-ones-only", "return np.ones_like(delta) * (1 - y ** 2)", "right only for a delta of ones"),
    Wrong("tanh", "no square", "return delta * (1 - y)", "y is not squared"),
    Wrong("tanh", "another square", "return delta * (1 - y) ** 2", "1 - y is squared where only y is"),
    Wrong("tanh", "matrices", "return delta @ (1 - y ** 2).T", "a product of matrices"),
    Wrong("tanh", "twice", "return delta * (1 - np.tanh(y) ** 2)", "tanh is computed twice"),
    Wrong("tanh", "another slope", "return delta * y * (1 - y)", "the slope of the sigmoid"),
    Wrong("tanh", "parentheses", "return delta * 1 - y * y", "parentheses are missing"),
    Wrong("tanh", "mean for sum", "return delta * (1 - y * y) / len(delta)", "a mean over the images"),
    Wrong("tanh", "transpose", "return delta * (1 - y.T ** 2)", "transposed against each other"),
    Wrong("tanh", "wrong axis", "return (delta.sum(axis=1) * (1 - y * y).T).T", "delta is summed over the outputs"),
    Wrong("tanh", "in place", "y *= y\nreturn delta * (1 - y)", "writes into an array that it is given"),
    Wrong("tanh", "in place by out=", "return np.multiply(delta, 1 - y * y, out=delta)", "writes into an array"),
    Wrong("tanh", "no slope", "return delta.copy()", "the slope is lost"),
    Wrong("tanh", "half", "return delta * y ** 2", "y^2 is left without the 1"),
    Wrong("sigmoid", "sign", "return delta * y * (y - 1)", "the sign is flipped"),
    Wrong("sigmoid", "lost delta", "return y * (1 - y)", "delta is lost"),
    Wrong("sigmoid", "all-ones-only", "return y * (1 - y) * np.ones(delta.shape)", "right only for a delta of ones"),
    Wrong("sigmoid", "a factor lost", "return delta * y", "the factor 1 - y is missing"),
    Wrong("sigmoid", "the other factor lost", "return delta * (1 - y)", "the factor y is missing"),
    Wrong("sigmoid", "matrices", "return delta @ (y * (1 - y)).T", "a product of matrices"),
    Wrong("sigmoid", "sign inside", "return delta * y * (1 + y)", "1 + y in place of 1 - y"),
    Wrong("sigmoid", "another slope", "return delta * (1 - y ** 2)", "the slope of tanh"),
    Wrong(
        "sigmoid",
        "twice",
        "s = 1 / (1 + np.exp(-y))\nreturn delta * s * (1 - s)",
        "the sigmoid is computed twice",
    ),
    Wrong("sigmoid", "parentheses", "return delta * y * 1 - y", "parentheses are missing"),
    Wrong("sigmoid", "mean for sum", "return delta * y * (1 - y) / len(y)", "a mean over the images"),
    Wrong("sigmoid", "transpose", "return delta * (y * (1 - y)).T", "transposed against each other"),
    Wrong("sigmoid", "in place", "delta *= y\nreturn delta * (1 - y)", "writes into an array that it is given"),
    Wrong("sigmoid", "a square", "return delta * y * (1 - y ** 2)", "y is squared"),
]
