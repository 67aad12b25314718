"""The built-in data set: synthetic faces, of which the distinguishing feature and its pixels are known.

Three identities share each base face, so that within such a triple only the planted feature distinguishes them.
Left and right are the viewer's.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nnpg.data.dataset import Dataset
from nnpg.data.drawn_faces.brushes import Picture
from nnpg.data.drawn_faces.people import FEATURES, NEUTRAL, Condition, Face, Shot
from nnpg.data.drawn_faces.portrait import draw
from nnpg.support.arguments import as_count

PER_BASE = 3  # identities that share a base face
SMALLEST = 24  # pixels; in a smaller picture a mole is smaller than a pixel
NOISE = 0.012  # standard deviation of the sensor noise
SHIFT = 0.5  # largest pose shift, in pixels of 60
TILT = 0.015  # largest tilt in radians; shift and tilt together move no part of the head by over 1 pixel of 60
MASK_THRESHOLD = 0.03  # a grey difference up to this does not count as part of a planted feature

# The conditions of the Yale faces. Their side light is softened here, so that features in the shade remain visible.
CONDITIONS = (
    Condition("centerlight", lamp=(-0.1, 0.0, 0.99), ambient=0.22, diffuse=0.70, cast=True),
    Condition("glasses", glasses=True),
    Condition("happy", smile=1.0, gape=0.3, left_eye=0.7, right_eye=0.7, brows=0.2),
    Condition("leftlight", lamp=(-0.70, -0.15, 0.70), ambient=0.46, diffuse=0.68, cast=True),
    Condition("noglasses"),
    NEUTRAL,
    Condition("rightlight", lamp=(0.70, -0.15, 0.70), ambient=0.46, diffuse=0.68, cast=True),
    Condition("sad", smile=-1.0, left_eye=0.8, right_eye=0.8, brows=-0.4),
    Condition("sleepy", left_eye=0.0, right_eye=0.0),
    Condition("surprised", gape=1.0, left_eye=1.5, right_eye=1.5, brows=1.0),
    Condition("wink", smile=0.4, left_eye=0.0, brows=-0.1),
)


def faces(seed: int = 0, *, identities: int = 15, size: int = 60) -> Dataset:
    """Draw the built-in faces: Yale's eleven conditions of each identity.

    Identities 1-3 share a base face, and so do 4-6, and so on. Within such a triple only the planted feature
    distinguishes them: `features` has its name, `masks` its pixels. From shot to shot pose, lamp, strength of the
    expression, exposure and sensor noise vary a little, for all identities alike. The first identities do not depend
    on how many there are.

    Parameters
    ----------
    seed : int
        Not negative. Determines the base faces and the shots, but not the features.
    identities : int
        2 to 15.
    size : int
        Height and width in pixels, 24 or more.

    Returns
    -------
    Dataset
        `x` (11 * identities, 1, size, size), ordered by identity, then condition. `masks[k]` holds the pixels that
        the feature changes by more than 0.03 in an unmoved face that is normal, happy, sad or surprised, and the
        pixels around them, since the pose may move them by 1 pixel (of 60).

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> d = faces(identities=3)
    >>> d
    Dataset 'faces': 33 images of 1 x 60 x 60, 3 classes
    >>> d.features
    ("widow's peak", 'mole on the left cheek', 'thick brows')
    """
    seed = as_count(seed, "faces: seed", least=0)
    identities = as_count(identities, "faces: identities", least=2, most=len(FEATURES))
    size = as_count(size, "faces: size", least=SMALLEST)
    rng = np.random.default_rng([1, seed])
    people = cast_identities(seed, identities)
    x = np.empty((identities, len(CONDITIONS), size, size), np.float32)
    for k, face in enumerate(people):
        for c, condition in enumerate(CONDITIONS):
            clean = draw(face, condition, random_shot(rng), size)
            x[k, c] = np.clip(clean + rng.normal(0, NOISE, clean.shape), 0, 1)
    return Dataset(
        x=x.reshape(-1, 1, size, size),
        labels=np.repeat(np.arange(identities), len(CONDITIONS)),
        class_names=tuple(f"face{k + 1:02d}" for k in range(identities)),
        name="faces",
        conditions=tuple(condition.name for condition in CONDITIONS) * identities,
        masks=np.stack([feature_mask(face, size) for face in people]),
        features=FEATURES[:identities],
    )


def cast_identities(seed: int, identities: int) -> tuple[Face, ...]:
    """Draw the base faces by seed and plant one feature on each identity.

    Examples
    --------
    >>> a, b, c, d = cast_identities(0, 4)
    >>> replace(a, feature=None) == replace(c, feature=None), replace(a, feature=None) == replace(d, feature=None)
    (True, False)
    """
    rng = np.random.default_rng([0, seed])
    names = [field.name for field in fields(Face) if field.name != "feature"]
    bases = len(FEATURES) // PER_BASE
    levels = np.linspace(-1, 1, bases)  # shuffled for each parameter, so that base faces differ in all of them
    values = {name: rng.permutation(levels) + rng.uniform(-0.2, 0.2, bases) for name in names}
    return tuple(
        Face(**{name: float(values[name][k // PER_BASE]) for name in names}, feature=FEATURES[k])
        for k in range(identities)
    )


def random_shot(rng: np.random.Generator) -> Shot:
    """Draw what differs from one photograph to the next, except the sensor noise."""
    return Shot(
        right=rng.uniform(-SHIFT, SHIFT),
        down=rng.uniform(-SHIFT, SHIFT),
        tilt=rng.uniform(-TILT, TILT),
        lamp=rng.uniform(-0.08, 0.08),
        expression=rng.uniform(0.8, 1.2),
        exposure=rng.uniform(0.95, 1.05),
    )


def feature_mask(face: Face, size: int = 60) -> NDArray[np.bool_]:
    """Return the pixels of the planted feature, (size, size) bool, as `faces` defines them."""
    bare = replace(face, feature=None)
    shows = np.zeros((size, size), bool)
    for condition in CONDITIONS:
        if condition.name in ("normal", "happy", "sad", "surprised"):
            shows |= np.abs(draw(face, condition, size=size) - _without_feature(bare, condition, size)) > MASK_THRESHOLD
    reach = -(-size // 60)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(shows, reach), (2 * reach + 1, 2 * reach + 1))
    return np.asarray(around.any((2, 3)))


@lru_cache(maxsize=4)  # one for each condition of a mask: identities that share a base face follow one another
def _without_feature(face: Face, condition: Condition, size: int) -> Picture:
    return draw(face, condition, size=size)
