"""dy/do through the public functions: against finite differences of the prediction, and the papers' identities."""

import numpy as np
import pytest
from selection import WITH_DEVICE

import nnpg
from nnpg import class_gradient, filter_layers, prediction_gradient
from nnpg.class_gradients import class_gradient_by_layers
from nnpg.losses import softmax_cross_entropy


def net(last=None, dtype="float64", seed=0):
    recipe = [
        nnpg.conv(3, 3),
        nnpg.Tanh(),
        nnpg.MaxPool(2),
        nnpg.conv(4, 2),
        nnpg.ReLU(),
        nnpg.Flatten(),
        nnpg.dense(4),
    ]
    return nnpg.build([*recipe, last or nnpg.Softmax()], input_shape=(2, 8, 8), rng=seed, dtype=dtype)


def images(n=5, seed=1):
    return np.random.default_rng(seed).normal(size=(n, 2, 8, 8))


ENDS = [
    ("prob", nnpg.Softmax(), lambda y, z: y),
    ("logit", nnpg.Softmax(), lambda y, z: z),
    ("logprob", nnpg.Softmax(), lambda y, z: np.log(y)),
    ("prob", nnpg.Sigmoid(), lambda y, z: y),
    ("logit", nnpg.Sigmoid(), lambda y, z: z),
    ("logprob", nnpg.Sigmoid(), lambda y, z: np.log(y)),
    ("logit", nnpg.Tanh(), lambda y, z: y),  # no squashing into probabilities: the output itself
]


@pytest.mark.parametrize(("of", "last", "function"), ENDS)
@pytest.mark.parametrize("layer", ["input", "conv1", "pool1", "relu1"])
def test_it_is_the_derivative_of_what_it_says(of, last, function, layer):
    n, x = net(last), images()
    trace, rng, eps = n.forward(x), np.random.default_rng(2), 1e-6
    pg = prediction_gradient(n, x, layers=layer, of=of)
    r = rng.normal(size=trace[layer].shape)

    def f(shift):
        t = n.forward(trace[layer] + shift * r, start=layer)
        return function(t.y, t["dense1"])  # (N, K)

    numeric = (f(eps) - f(-eps)) / (2 * eps)
    analytic = (pg[layer] * r).reshape(4, 5, -1).sum(axis=-1).T
    np.testing.assert_allclose(analytic, numeric, rtol=1e-6, atol=1e-8)


def test_all_classes_in_one_pass_is_the_loop_over_classes_and_true_picks_one_for_each_image():
    n, x, labels = net(), images(), np.array([0, 3, 1, 1, 2])
    whole = prediction_gradient(n, x)
    assert whole["pool1"].shape == (4, 5, 3, 3, 3)
    for c in range(4):
        one = prediction_gradient(n, x, classes=c)
        np.testing.assert_allclose(whole["pool1"][c], one["pool1"], atol=1e-15)
        np.testing.assert_array_equal(whole.for_class(c)["pool1"], whole["pool1"][c])
    true = prediction_gradient(n, x, classes="true", labels=labels)
    np.testing.assert_allclose(true["pool1"], whole["pool1"][labels, np.arange(5)], atol=1e-15)
    two = prediction_gradient(n, x, classes=[2, 0])
    np.testing.assert_allclose(two["pool1"], whole["pool1"][[2, 0]], atol=1e-15)
    assert two.classes == (2, 0)


def test_the_batch_does_not_matter():
    n, x = net(), images(7)
    a, b = (prediction_gradient(n, x, batch=batch) for batch in (3, 100))
    np.testing.assert_allclose(a["pool1"], b["pool1"], atol=1e-15)


def test_probabilities_sum_to_one_so_their_gradients_sum_to_zero():
    pg = prediction_gradient(net(), images(), layers=["input", "pool1", "relu1"])
    for delta in pg.deltas.values():
        assert abs(delta).max() > 1e-4
        np.testing.assert_allclose(delta.sum(axis=0), 0, atol=1e-15)


def test_the_gradient_of_a_probability_is_y_times_that_of_its_logarithm():
    """So its size follows y: for a sure image, y (1 - y) is small, whatever the filters do."""
    n, x, labels = net(), images(), np.array([0, 3, 1, 1, 2])
    of_prob, of_log = (
        prediction_gradient(n, x, classes="true", labels=labels, of=of, layers="pool1")["pool1"]
        for of in ("prob", "logprob")
    )
    y = nnpg.predict(n, x)[np.arange(len(x)), labels]
    np.testing.assert_allclose(of_prob, y[:, None, None, None] * of_log, rtol=1e-9, atol=1e-14)


def test_the_true_class_gradient_is_trainings_own_delta_rescaled():
    """PG_t(o) = -y_t dL/do for softmax with cross-entropy; the other classes need a seed each."""
    n, x, labels = net(), images(), np.array([0, 3, 1, 1, 2])
    trace, loss = n.forward(x), softmax_cross_entropy(n)
    deltas = n.backward(trace, loss.seed(n.backend, trace[loss.layer], labels), start=loss.layer)
    y_t = trace.y[np.arange(5), labels][:, None, None, None]
    pg = prediction_gradient(n, x, layers=["pool1", "input"], classes="true", labels=labels)
    for name in ("pool1", "input"):
        np.testing.assert_allclose(pg[name], -y_t * deltas[name], rtol=1e-9, atol=1e-15)


def test_a_sure_float32_network_still_has_a_gradient():
    """y_t rounds to 1 in float32; 1 - y_t is formed from the other y and does not round to 0."""
    sure = net(dtype="float32")
    sure = sure.replace("dense1", b=np.array([30, 0, 0, 0], np.float32))
    x = images().astype(np.float32)
    assert (nnpg.predict(sure, x)[:, 0] == 1).all()
    for of in ("prob", "logprob"):
        single = prediction_gradient(sure, x, classes=0, of=of)["pool1"]
        double = prediction_gradient(sure.astype("float64"), x, classes=0, of=of)["pool1"]
        assert abs(double).max() > 0
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5 * abs(double).max())


@pytest.mark.parametrize("classes", ["true", "all", 2, [3, 1]])
def test_both_sides_of_equation_3_agree_and_are_the_mean_over_each_class(classes):
    n, x, labels = net(), images(9), np.array([0, 1, 2, 2, 2, 0, 1, 1, 2])  # class 3 has no image
    pg = prediction_gradient(n, x, classes=classes, labels=labels)
    left = class_gradient(n, x, labels, classes=classes, batch=4)
    right = class_gradient(n, x, labels, classes=classes, batch=4, method="gradient_of_average")
    axis = 0 if classes in ("true", 2) else 1
    for t in range(3):
        rows = np.flatnonzero(labels == t)
        mean = pg["pool1"].take(rows, axis=axis).mean(axis=axis)
        for side in (left, right):
            np.testing.assert_allclose(side["pool1"].take(t, axis=axis), mean, atol=1e-15)
    assert np.isnan(left["pool1"].take(3, axis=axis)).all()


@pytest.mark.parametrize("of", ["prob", "logit", "logprob"])
@pytest.mark.parametrize("backend", WITH_DEVICE)
def test_the_class_gradient_is_equation_3_by_layers(backend, of):
    labels = np.array([0, 1, 2, 2, 2, 0, 1, 1, 2])  # class 3 has no image
    n, layers = net().to(backend), ["input", "pool1", "relu1"]
    expected = class_gradient_by_layers(n, images(9), labels, layers, of)
    gradients = class_gradient(n, images(9), labels, layers=layers, of=of, batch=4)
    for layer in layers:
        np.testing.assert_allclose(gradients[layer], expected[layer], rtol=1e-9, atol=1e-14, equal_nan=True)


@pytest.mark.parametrize("classes", ["true", "all", 2])
@pytest.mark.parametrize("method", ["average_of_gradients", "gradient_of_average"])
@pytest.mark.parametrize("backend", WITH_DEVICE)
def test_rows_for_some_classes_are_those_rows_of_all(backend, classes, method):
    network, x, labels = net(dtype="float64").to(backend), images(7), [3, 0, 3, 0, 0, 1, 3]
    settings = {"classes": classes, "method": method, "class_names": list("abcd"), "batch": 2}
    of_all = class_gradient(network, x, labels, **settings)
    assert of_all.rows == tuple("abcd")
    for for_classes, rows in (("present", [0, 1, 3]), ([3, 2, 0], [3, 2, 0]), ([2], [2])):
        some = class_gradient(network, x, labels, for_classes=for_classes, **settings)
        assert some.rows == tuple("abcd"[t] for t in rows)
        for layer, delta in some.deltas.items():
            right = of_all[layer].take(rows, axis=1 if classes == "all" else 0)
            np.testing.assert_allclose(delta, right, rtol=1e-12, atol=1e-14)
            assert np.isnan(right).any() == (2 in rows)


@pytest.mark.parametrize("backend", WITH_DEVICE)
def test_classes_in_chunks_of_little_memory_give_the_same(backend, monkeypatch):
    network, x, labels = net(dtype="float64").to(backend), images(40), np.arange(40) % 4
    at_once = []
    original = nnpg.class_gradients.gradients_in_batches

    def counted(net, program, x, layers, classes, *settings, **keywords):
        at_once.append(len(classes))
        return original(net, program, x, layers, classes, *settings, **keywords)

    whole = class_gradient(network, x, labels, classes="all")
    monkeypatch.setattr(nnpg.class_gradients, "gradients_in_batches", counted)
    chunked = class_gradient(network, x, labels, classes="all", memory_mb=0.001)
    assert at_once == [1, 1, 1, 1]
    assert chunked.classes == whole.classes == (0, 1, 2, 3)
    for layer, delta in chunked.deltas.items():
        np.testing.assert_allclose(delta, whole[layer], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("for_classes", ["all", [], [4], [-1], [1, 1], [[0]], [0.5], 2, "1"])
def test_wrong_rows_are_answered_in_words(for_classes):
    with pytest.raises(ValueError, match=r"^for_classes must be .*present"):
        class_gradient(net(), images(), [0, 1, 2, 3, 0], for_classes=for_classes)


def test_pooling_loses_no_gradient_norm_for_one_image_without_ties():
    """The delta of a pooled unit goes to its winner, so the Frobenius norm of a map is the same before and after."""
    pg = prediction_gradient(net(), images(), layers=["tanh1", "pool1"], classes=1)
    scores = nnpg.convolutional_gradient(pg).scores
    np.testing.assert_allclose(scores["tanh1"], scores["pool1"], rtol=1e-12)


def test_blocks_end_before_the_next_weights():
    assert filter_layers(net()) == ("pool1", "relu1")
    only_dense = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    assert filter_layers(only_dense) == ()
    with pytest.raises(ValueError, match="no convolutional block: say which layers, of input, dense1, softmax1"):
        prediction_gradient(only_dense, np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"of": "odds"}, ValueError, "'prob', 'logit' or 'logprob', not 'odds'"),
        ({"classes": "true"}, ValueError, "classes='true' needs labels"),
        ({"classes": "true", "labels": [0, 1]}, ValueError, "labels must be 5 whole numbers 0 .. 3"),
        ({"classes": "true", "labels": [0, 1, 2, 3, 4]}, ValueError, "from 0 to 4"),
        ({"classes": 4}, ValueError, "classes must be 'true', 'all', a class 0 .. 3 or several, not 4"),
        ({"classes": [0, -1]}, ValueError, "a class 0 .. 3 or several, not"),
        ({"classes": "each"}, ValueError, "not 'each'"),
        ({"layers": "pool7"}, KeyError, "no output named 'pool7'"),
    ],
)
def test_bad_arguments_are_answered_in_words(arguments, error, words):
    with pytest.raises(error, match=words):
        prediction_gradient(net(), images(), **arguments)


def test_a_network_without_probabilities_says_so():
    with pytest.raises(ValueError, match=r"ends in Tanh .*use of='logit'"):
        prediction_gradient(net(nnpg.Tanh()), images())
    with pytest.raises(ValueError, match="there is none to choose"):
        prediction_gradient(net(), images(), classes=1).for_class(1)
    with pytest.raises(ValueError, match="method must be"):
        class_gradient(net(), images(), [0, 1, 2, 3, 0], method="median")
