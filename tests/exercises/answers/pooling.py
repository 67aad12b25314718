from __future__ import annotations

from exercises.answers.answer import Wrong

RIGHT = """
dx = np.zeros(x.shape)
for n, f, h, w in np.ndindex(delta.shape):
    window = x[n, f, 2 * h:2 * h + 2, 2 * w:2 * w + 2]
    i, j = divmod(window.argmax(), 2)
    dx[n, f, 2 * h + i, 2 * w + j] += delta[n, f, h, w]
return dx
"""
SOLUTIONS = {"pool": (RIGHT,)}
SPREAD = "delta.repeat(2, axis=2).repeat(2, axis=3)"
MAXIMA = "peak = x.reshape(*delta.shape[:3], 2, -1, 2).max(axis=(3, 5)).repeat(2, axis=2).repeat(2, axis=3)\n"
# x is (N, F, H, W): its windows are the axes 3 and 5 of (N, F, H/2, 2, W/2, 2)


def wrong(kind: str, old: str, new: str, says: str) -> Wrong:
    assert old in RIGHT
    return Wrong("pool", kind, RIGHT.replace(old, new), says)


WRONG = [
    wrong("sign", "+=", "-=", "the sign is flipped"),
    Wrong("pool", "spread", f"return {SPREAD}", "every pixel of a window gets its delta"),
    Wrong("pool", "mean for maximum", f"return {SPREAD} / 4", "delta is shared by the four pixels"),
    wrong("lost delta", "+= delta[n, f, h, w]", "= 1", "delta is lost"),
    wrong("minimum", "argmax", "argmin", "delta goes to the smallest pixel"),
    wrong("no argmax", "window.argmax()", "0", "delta goes to the upper left pixel"),
    wrong("transpose in the window", "i, j =", "j, i =", "rows i and columns j inside the window are swapped"),
    wrong("transpose", "window.argmax()", "window.T.argmax()", "rows i and columns j inside the window are swapped"),
    wrong("off by one", "return dx", "return np.roll(dx, 1, axis=3)", "shifted by one column: off by one"),
    wrong("times the maximum", "+= delta", "+= window.max() * delta", "delta is multiplied by the maximum"),
    wrong("wrong axis", "delta[n, f, h, w]", "delta[n, f, w, h]", "rows and columns of delta are swapped"),
    Wrong("pool", "all maxima", MAXIMA + f"return {SPREAD} * (x == peak)", "in a tie every maximum gets delta"),
    wrong("last maximum", "window.argmax()", "3 - window.ravel()[::-1].argmax()", "a tie goes to the last maximum"),
    wrong(
        "columns first", "i, j = divmod(window.argmax(), 2)", "j, i = divmod(window.T.argmax(), 2)", "left column first"
    ),
    wrong("in place", "return dx", "x[:] = dx\nreturn x", "writes into an array that it is given"),
]
