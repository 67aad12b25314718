"""Built-in faces: the same bits for the same seed, which only the planted feature distinguishes within a triple."""

from dataclasses import replace

import numpy as np
import pytest

from nnpg.data import faces, stratified_split
from nnpg.data.drawn_faces.identities import CONDITIONS, MASK_THRESHOLD, cast_identities, random_shot
from nnpg.data.drawn_faces.people import FEATURES, NEUTRAL, Condition, Face
from nnpg.data.drawn_faces.portrait import draw

BY_NAME = {condition.name: condition for condition in CONDITIONS}
YALE = ["centerlight", "glasses", "happy", "leftlight", "noglasses", "normal"]
YALE += ["rightlight", "sad", "sleepy", "surprised", "wink"]


@pytest.fixture(scope="module")
def people():
    return cast_identities(0, 15)


@pytest.fixture(scope="module")
def data():
    return faces()


def bare(face):
    return replace(face, feature=None)


def difference(face, condition=NEUTRAL, **options):
    """Return how much the planted feature changes each pixel."""
    return np.abs(draw(face, condition, **options) - draw(bare(face), condition, **options))


def test_same_seed_same_bits(data):
    again = faces()
    assert again.x.tobytes() == data.x.tobytes()
    assert np.array_equal(again.masks, data.masks)


def test_another_seed_gives_other_people_in_other_shots(data):
    other = faces(1)
    assert not {bare(a) for a in cast_identities(0, 15)} & {bare(b) for b in cast_identities(1, 15)}
    assert (np.abs(other.x - data.x).mean((1, 2, 3)) > 0.01).all()
    assert other.features == data.features


def test_the_set_is_laid_out_like_yale(data):
    assert data.x.shape == (165, 1, 60, 60)
    assert data.x.dtype == np.float32
    assert data.x.min() >= 0
    assert data.x.max() <= 1
    assert data.labels.tolist() == [k for k in range(15) for _ in range(11)]
    assert data.class_names[0] == "face01"
    assert data.class_names[-1] == "face15"
    assert list(data.conditions) == YALE * 15
    assert data.masks.shape == (15, 60, 60)
    assert data.masks.dtype == bool
    assert data.features == FEATURES
    assert len(set(data.features)) == 15


def test_no_image_is_blank_and_no_two_are_equal(data):
    flat = data.x.reshape(165, -1)
    assert (flat.std(1) > 0.15).all()
    distances = np.abs(flat[:, None, ::7] - flat[None, :, ::7]).mean(2)
    assert (distances + np.eye(165) > 0.01).all()


@pytest.mark.parametrize("identities", [2, 7])
def test_fewer_identities_are_the_first_ones(data, identities):
    few = faces(identities=identities)
    assert np.array_equal(few.x, data.x[: 11 * identities])
    assert np.array_equal(few.masks, data.masks[:identities])
    assert few.features == data.features[:identities]


@pytest.mark.parametrize("size", [24, 61, 96])
def test_other_sizes_show_the_same_picture(size):
    d = faces(identities=2, size=size)
    assert d.x.shape == (22, 1, size, size)
    assert d.masks.any((1, 2)).all()
    large, small = draw(Face(), size=2 * size), draw(Face(), size=size)
    halved = large.reshape(size, 2, size, 2).mean((1, 3))
    assert np.abs(halved - small).mean() < 0.02


def test_only_the_planted_feature_differs_within_a_triple(people):
    """Without it, the three pictures are equal to the last bit, in every condition and shot."""
    rng = np.random.default_rng(0)
    for first in range(0, 15, 3):
        triple = people[first : first + 3]
        assert len({bare(face) for face in triple}) == 1
        for condition in CONDITIONS:
            shot = random_shot(rng)
            pictures = [draw(bare(face), condition, shot) for face in triple]
            assert np.array_equal(pictures[0], pictures[1])
            assert np.array_equal(pictures[0], pictures[2])
            planted = [draw(face, condition, shot) for face in triple]
            for a, b in ((0, 1), (0, 2), (1, 2)):
                assert np.abs(planted[a] - planted[b]).max() > 0.1
    assert len({bare(face) for face in people}) == 5


def test_masks_hold_the_whole_difference(data, people):
    for face, mask in zip(people, data.masks, strict=True):
        still = difference(face)
        assert still[~mask].max() <= MASK_THRESHOLD
        assert still[mask].max() > 0.1


def test_masks_hold_in_every_condition_and_shot(data, people):
    rng = np.random.default_rng(1)
    for face, mask in zip(people, data.masks, strict=True):
        for condition in CONDITIONS:
            change = difference(face, condition, shot=random_shot(rng))
            share = change[mask].sum() / change.sum()
            assert share > 0.95, (face.feature, condition.name, share)


def test_masks_are_small_and_lie_on_the_head(data, people):
    for face, mask in zip(people, data.masks, strict=True):
        assert 30 < mask.sum() < 0.15 * 3600, face.feature
        pictures = np.stack([draw(face), draw(face, BY_NAME["surprised"])])  # the jaw drops
        person = (np.abs(pictures - pictures[:, :1, :1]) > 0.01).any(0)  # the wall has one grey level
        near = np.zeros_like(mask)  # a pixel more on each side, for the pose
        for row, column in np.argwhere(person):
            near[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = True
        assert near.mean() < 0.75
        assert near[mask].all(), face.feature


@pytest.mark.parametrize(
    ("feature", "rows", "columns"),
    [
        ("widow's peak", (10, 24), (20, 40)),
        ("mole on the left cheek", (32, 42), (15, 27)),
        ("thick brows", (12, 30), (15, 45)),
        ("scar on the right cheek", (30, 46), (32, 46)),
        ("big nose", (24, 46), (18, 42)),
        ("smile lines", (30, 48), (16, 44)),
        ("white lock of hair", (0, 18), (30, 42)),
        ("dark rings under the eyes", (26, 36), (15, 45)),
        ("birthmark on the forehead", (12, 24), (26, 44)),
        ("goatee", (42, 56), (22, 38)),
        ("moustache", (34, 46), (18, 42)),
        ("forehead lines", (10, 26), (18, 42)),
        ("joined brows", (14, 28), (20, 40)),
    ],
)
def test_features_lie_where_their_names_say(data, feature, rows, columns):
    r, c = np.nonzero(data.masks[data.features.index(feature)])
    assert rows[0] <= r.min() <= r.max() <= rows[1]
    assert columns[0] <= c.min() <= c.max() <= columns[1]


def test_ears_and_beard_lie_on_both_sides(data):
    for feature in ("big ears", "beard"):
        mask = data.masks[data.features.index(feature)]
        assert mask[:, :18].sum() > 20
        assert mask[:, 42:].sum() > 20


def within_triple_accuracy(data, keep):
    """Nearest mean of the other conditions, minus the mean of the triple per condition, on the pixels of `keep`."""
    x = data.x.reshape(5, 3, 11, 60, 60)
    hits = 0
    for t in range(5):
        pixels = keep(data.masks[3 * t : 3 * t + 3].any(0))
        r = x[t][:, :, pixels]  # (3, 11, pixels)
        r = r / r.mean(2, keepdims=True)  # exposure
        r = r - r.mean(0)
        means = (r.sum(1, keepdims=True) - r) / 10  # (3, 11, pixels): without the condition itself
        distances = ((r[:, None] - means[None]) ** 2).sum(3)  # (identity, candidate, condition)
        hits += (distances.argmin(1) == np.arange(3)[:, None]).sum()
    return hits / 165


def test_only_the_masks_distinguish_a_triple(data):
    assert within_triple_accuracy(data, lambda mask: mask) > 0.9
    assert within_triple_accuracy(data, lambda mask: ~mask) < 0.45  # chance is 1/3 +- 0.04


def test_nearest_neighbour_on_pixels_does_not_solve_it(data):
    flat = data.x.reshape(165, -1)
    right = []
    for seed in range(8):
        split = stratified_split(data, rng=seed)
        train, test = split.train_indices, split.test_indices
        nearest = train[((flat[test][:, None] - flat[train][None]) ** 2).sum(2).argmin(1)]
        right.append((data.labels[nearest] == data.labels[test]).mean())
    assert 0.3 < np.mean(right) < 0.75  # chance is 0.07


@pytest.mark.parametrize(("name", "bright", "shade"), [("leftlight", 0, 1), ("rightlight", 1, 0)])
def test_side_light_brightens_the_side_it_names(data, name, bright, shade):
    lit = data.x[np.array(data.conditions) == name, 0]
    cheeks = [lit[:, 30:40, 15:22].mean((1, 2)), lit[:, 30:40, 38:45].mean((1, 2))]
    assert (cheeks[bright] > 1.25 * cheeks[shade]).all()
    wall = [lit[:, 15:35, 1:6].mean((1, 2)), lit[:, 15:35, 54:59].mean((1, 2))]
    assert (wall[bright] > 1.5 * wall[shade]).all()  # the head's shadow falls on the wall behind


def test_the_two_side_lights_are_mirror_images_on_the_skin():
    left, right = (draw(Face(), BY_NAME[name]) for name in ("leftlight", "rightlight"))
    skin = (slice(26, 44), slice(18, 42))
    assert np.abs(left[skin] - right[:, ::-1][skin]).max() < 0.02
    assert np.abs(left[skin] - right[skin]).max() > 0.2


def test_centerlight_lights_from_the_front():
    """A lamp at the viewer lights the middle of the face more than its sides, and less than the soft light."""
    lit, soft = draw(Face(), BY_NAME["centerlight"]), draw(Face(), NEUTRAL)
    left, middle, right = (lit[34:42, c : c + 4].mean() for c in (13, 24, 43))
    assert middle > 1.15 * max(left, right)
    assert lit[30:42].mean() < soft[30:42].mean()


@pytest.mark.parametrize(
    ("changes", "rows", "columns"),
    [
        ({"glasses": True}, (20, 36), (12, 48)),
        ({"left_eye": 0.0}, (24, 34), (16, 30)),
        ({"right_eye": 0.0}, (24, 34), (30, 44)),
        ({"brows": 1.0}, (16, 30), (14, 46)),
        ({"smile": -1.0}, (36, 50), (20, 40)),
    ],
)
def test_a_condition_changes_the_part_it_names(changes, rows, columns):
    changed = np.abs(draw(Face(), Condition(**changes)) - draw(Face())) > 0.06
    r, c = np.nonzero(changed)
    assert len(r) > 8
    assert rows[0] <= r.min() <= r.max() <= rows[1]
    assert columns[0] <= c.min() <= c.max() <= columns[1]


def test_each_condition_does_what_its_name_says():
    assert BY_NAME["glasses"].glasses
    assert sum(condition.glasses for condition in CONDITIONS) == 1
    assert BY_NAME["sleepy"].left_eye == BY_NAME["sleepy"].right_eye == 0
    assert BY_NAME["wink"].left_eye == 0 < BY_NAME["wink"].right_eye
    assert BY_NAME["happy"].smile > 0 > BY_NAME["sad"].smile
    mouth = (slice(43, 48), slice(28, 32))
    assert draw(Face(), BY_NAME["surprised"])[mouth].mean() < 0.5 * draw(Face())[mouth].mean()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 23}, "size must be a whole number of at least 24, not 23"),
        ({"size": 60.0}, "size must be a whole number"),
        ({"identities": 1}, "identities must be a whole number from 2 to 15, not 1"),
        ({"identities": 16}, "identities must be a whole number from 2 to 15, not 16"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
    ],
)
def test_bad_arguments_are_refused_with_a_message(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        faces(**arguments)


def test_an_unknown_feature_is_refused():
    with pytest.raises(ValueError, match="no feature 'tail' can be drawn; there are: widow's peak"):
        Face(feature="tail")
