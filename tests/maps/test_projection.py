"""Projections: against hand-worked networks, and against the plain gradient where no rectifier makes a difference."""

import numpy as np
import pytest
from parameters import changed

import nnpg
from nnpg.maps.projection import RULES, RuledReLU, mean_projection, project, unit_weights, with_rule


def positive(rng: np.random.Generator, backend="numpy") -> nnpg.Network:
    """Two convolutions and a dense layer whose weights are all positive: no rectifier is ever off, either way."""
    recipe = [
        nnpg.conv(3, 3), nnpg.ReLU(), nnpg.conv(4, 3, padding=1), nnpg.ReLU(),
        nnpg.Flatten(), nnpg.dense(5), nnpg.ReLU(),
    ]  # fmt: skip
    net = nnpg.build(recipe, input_shape=(2, 7, 6), rng=0, dtype="float64").to(backend)
    return net.with_parameters(changed(net.parameters, abs))


def mixed(backend="numpy") -> nnpg.Network:
    recipe = [
        nnpg.conv(3, 3), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.conv(4, 2), nnpg.ReLU(),
        nnpg.Flatten(), nnpg.dense(6), nnpg.ReLU(), nnpg.dense(3), nnpg.Softmax(),
    ]  # fmt: skip
    return nnpg.build(recipe, input_shape=(1, 8, 8), rng=1, dtype="float64").to(backend)


def test_a_dense_chain_by_hand():
    """h = relu(A x), y = relu(B h): every number below is worked out by hand."""
    net = nnpg.build([nnpg.dense(3), nnpg.ReLU(), nnpg.dense(1), nnpg.ReLU()], input_shape=(2,), rng=0, dtype="float64")
    net = net.replace("dense1", W=np.array([[1.0, 0], [0, 1], [1, 1]])).replace("dense2", W=np.array([[2.0, -1, 3]]))
    trace = net.forward([[4.0, -3.0]])  # h = 4, 0 (was -3), 1; y = 8 + 3 = 11
    assert trace["relu2"].tolist() == [[11]]
    back = {rule: project(net, trace, layer="relu2", rule=rule, signal="one")[0].tolist() for rule in RULES}
    # delta at h is 2, -1, 3; at A x: gradient 2, 0, 3; deconvnet 2, 0, 3; guided 2, 0, 3
    assert back == {"gradient": [5, 3], "deconvnet": [5, 3], "guided": [5, 3]}
    turned = net.replace("dense2", W=np.array([[2.0, 5, -3]]))
    trace = turned.forward([[4.0, -3.0]])  # y = 8 - 3 = 5; delta at h is 2, 5, -3
    back = {rule: project(turned, trace, layer="relu2", rule=rule, signal="one")[0].tolist() for rule in RULES}
    assert back["gradient"] == [2 - 3, -3]  # what was on: 2, -3
    assert back["deconvnet"] == [2, 5]  # what is positive: 2, 5
    assert back["guided"] == [2, 0]  # both: 2
    assert project(turned, trace, layer="relu2")[0].tolist() == [10, 25]  # the activation 5 enters, not 1


def test_a_projection_goes_back_to_the_pixels_of_the_maxima():
    """A unit of a pooled map goes back to the pixel that won, by the flipped filter."""
    net = nnpg.build([nnpg.conv(1, (1, 2)), nnpg.ReLU(), nnpg.MaxPool((1, 2))], input_shape=(1, 1, 5), rng=0)
    net = net.replace("conv1", W=np.array([[[[1.0, 2.0]]]], "f"))
    trace = net.forward([[[[1.0, 0, 0, 3, 0]]]])  # conv: 1 0 6 3 -> pooled 1, 6
    assert trace["pool1"].ravel().tolist() == [1, 6]
    assert project(net, trace, layer="pool1").ravel().tolist() == [1, 2, 6, 12, 0]
    left = np.array([1.0, 0.0]).reshape(1, 1, 1, 2)
    assert project(net, trace, layer="pool1", units=left).ravel().tolist() == [1, 2, 0, 0, 0]


@pytest.mark.parametrize("rule", RULES)
def test_all_rules_are_the_gradient_where_no_rectifier_is_off(rule, backend):
    rng = np.random.default_rng(0)
    net = positive(rng, backend)
    trace = net.forward(rng.random((3, 2, 7, 6)))
    for layer in ("relu1", "relu2", "relu3", "dense1"):
        seed = np.ones_like(backend.to_numpy(trace[layer]))
        plain = backend.to_numpy(net.backward(trace, seed, start=layer)["input"])
        np.testing.assert_allclose(project(net, trace, layer=layer, rule=rule, signal="one"), plain, rtol=1e-12)


@pytest.mark.parametrize("layer", ["relu1", "pool1", "relu2", "relu3", "dense2"])
def test_the_gradient_rule_is_backward_through_pooling_too(layer, backend):
    net = mixed(backend)
    trace = net.forward(np.random.default_rng(3).standard_normal((4, 1, 8, 8)))
    out = backend.to_numpy(trace[layer])
    unit = int(abs(out).reshape(*out.shape[:2], -1).sum(axis=(0, 2)).argmax())
    seed = np.zeros_like(out)
    seed[:, unit] = out[:, unit]
    plain = backend.to_numpy(net.backward(trace, seed, start=layer)["input"])
    np.testing.assert_allclose(project(net, trace, layer=layer, units=unit, rule="gradient"), plain, rtol=1e-12)
    same = np.allclose(project(net, trace, layer=layer, units=unit), plain)
    assert same == (layer in ("relu1", "pool1"))  # with one rectifier below, the unit's own, which is on


def test_without_rectifiers_the_rules_are_one():
    net = nnpg.build([nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2)], input_shape=(1, 6, 6), rng=0, dtype="float64")
    trace = net.forward(np.random.default_rng(0).standard_normal((2, 1, 6, 6)))
    a, b, c = (project(net, trace, layer="pool1", rule=rule) for rule in RULES)
    assert (a == b).all()
    assert (b == c).all()


def test_sets_masks_and_each_agree():
    net = mixed()
    trace = net.forward(np.random.default_rng(0).standard_normal((3, 1, 8, 8)))
    each = project(net, trace, layer="relu2", units="each", rule="gradient")
    assert each.shape == (4, 3, 1, 8, 8)
    np.testing.assert_array_equal(each[2], project(net, trace, layer="relu2", units=2, rule="gradient"))
    both = project(net, trace, layer="relu2", units=[0, 2], rule="gradient")
    np.testing.assert_allclose(both, each[0] + each[2], atol=1e-14)  # the gradient alone is linear
    assert not np.allclose(project(net, trace, layer="relu2", units=[0, 2]), each[0] + each[2])
    np.testing.assert_array_equal(
        both, project(net, trace, layer="relu2", units=np.array([1.0, 0, 1, 0]), rule="gradient")
    )
    stacked = unit_weights("each", trace["relu2"].shape)[[0, 3]]
    np.testing.assert_array_equal(project(net, trace, layer="relu2", units=stacked, rule="gradient"), each[[0, 3]])
    np.testing.assert_allclose(project(net, trace, layer="relu2", rule="gradient"), each.sum(axis=0), atol=1e-14)


def test_the_mean_over_a_group_is_the_mean_of_its_images():
    net, x = mixed(), np.random.default_rng(0).standard_normal((5, 1, 8, 8))
    alone = [project(net, net.forward(one[None]), layer="relu2", units="each")[:, 0] for one in x]
    np.testing.assert_allclose(mean_projection(net, x, layer="relu2", units="each", batch=2), np.mean(alone, axis=0))
    with pytest.raises(ValueError, match="at least one image"):
        mean_projection(net, x[:0], layer="relu2")


def test_nothing_is_copied_or_changed():
    net = mixed()
    ruled = with_rule(net, rule="guided")
    assert all(ruled.layers[n] is net.layers[n] for n in ("conv1", "conv2", "dense1", "dense2", "pool1"))
    x = np.random.default_rng(0).standard_normal((2, 1, 8, 8))
    trace = net.forward(x)
    before = net.backward(trace, np.ones((2, 3)))["input"]
    first = project(net, trace, layer="relu3")
    assert (project(net, trace, layer="relu3") == first).all()
    assert (net.backward(trace, np.ones((2, 3)))["input"] == before).all()
    assert (nnpg.predict(ruled, x) == nnpg.predict(net, x)).all()


def test_wrong_arguments_are_refused():
    net = mixed()
    trace = net.forward(np.zeros((2, 1, 8, 8)), stop="relu2")
    for arguments, words in (
        ({"rule": "backwards"}, "rule must be 'deconvnet', 'gradient' or 'guided', not 'backwards'"),
        ({"signal": "two"}, "signal must be"),
        ({"units": 4}, "0 .. 3"),
        ({"units": "all"}, "'each'"),
        ({"units": np.ones((2, 5, 1, 1))}, "do not fit"),
    ):
        with pytest.raises(ValueError, match=words):
            project(net, trace, layer="relu2", **arguments)
    with pytest.raises(KeyError, match="dense1"):
        project(net, trace, layer="dense1")
    with pytest.raises(ValueError, match="rule must be"):
        RuledReLU("sideways")  # type: ignore[arg-type]
