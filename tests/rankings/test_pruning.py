"""Pruning: the smaller network is the knocked-out one, whatever lies between its layers; the rest is refused."""

import numpy as np
import pytest
from parameters import changed, flat, with_biases

import nnpg
from nnpg import knock_out, prune
from nnpg.rankings.pruning import multiplications, redraw

CHAINS = {
    "the papers' chain": [
        nnpg.conv(5, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.conv(4, 2), nnpg.Tanh(), nnpg.Flatten(),
        nnpg.dense(6), nnpg.Tanh(), nnpg.dense(3), nnpg.Softmax(),
    ],
    "strides, padding, overlapping pools, rectifiers": [
        nnpg.conv(5, 3, padding=1), nnpg.ReLU(), nnpg.MaxPool(3, stride=2, padding=1),
        nnpg.conv(4, 2, stride=2, padding=1), nnpg.ReLU(), nnpg.AvgPool(2, stride=1), nnpg.Flatten(),
        nnpg.dense(6), nnpg.ReLU(), nnpg.dense(3), nnpg.Softmax(),
    ],
    "no biases, and a mean a channel, a pixel and a unit in between": [
        nnpg.conv(5, 3, bias=False), nnpg.Center(np.arange(5.0).reshape(5, 1, 1)), nnpg.MaxPool(2),
        nnpg.conv(4, 2, bias=False), nnpg.Center(np.random.default_rng(2).random((4, 2, 2))), nnpg.Flatten(),
        nnpg.Center(np.arange(16.0)), nnpg.dense(6, bias=False), nnpg.Dropout(0.5), nnpg.dense(3), nnpg.Softmax(),
    ],
    "sigmoids, whose 0 is a half": [
        nnpg.conv(5, 3), nnpg.Sigmoid(), nnpg.AvgPool(2), nnpg.conv(4, 2), nnpg.Sigmoid(), nnpg.Flatten(),
        nnpg.dense(6), nnpg.Sigmoid(), nnpg.dense(3), nnpg.Sigmoid(),
    ],
}  # fmt: skip
X = np.random.default_rng(1).normal(size=(5, 1, 8, 8))


def built(chain):
    net = nnpg.build(chain, input_shape=(1, 8, 8), rng=0, dtype="float64")
    return with_biases(net) if all("b" in arrays for arrays in net.parameters.values()) else net


def outputs_of(net):
    """Outputs at which whole filters can be named: from each Conv or Dense layer to the next, the last one left out."""
    made = [n for n in net.names[1:] if isinstance(net.layers[n], nnpg.Conv | nnpg.Dense)]
    names = net.names[net.names.index(made[0]) : net.names.index(made[-1])]
    after_flatten = net.names.index("flatten1")
    return [n for n in names if net.names.index(n) < after_flatten or net.names.index(n) >= net.names.index("dense1")]


@pytest.mark.parametrize("chain", CHAINS)
def test_at_every_output_the_small_network_is_the_knocked_out_one(chain):
    net = built(CHAINS[chain])
    for name in outputs_of(net):
        filters = [(name, 2), (name, 0)]
        small, dead = prune(net, filters), knock_out(net, filters)
        assert small.n_parameters < net.n_parameters
        assert abs(nnpg.predict(dead, X) - nnpg.predict(net, X)).max() > 1e-4, (
            "the filters must matter, or this tests nothing"
        )
        np.testing.assert_allclose(nnpg.predict(small, X), nnpg.predict(dead, X), atol=1e-13)
        assert not small.interventions


@pytest.mark.parametrize("chain", CHAINS)
def test_several_layers_at_once_in_any_order_and_twice(chain):
    net = built(CHAINS[chain])
    first, second, third = (n for n in net.layers if n in ("conv1", "conv2", "dense1"))
    filters = [(third, 1), (first, 4), (second, 0), (second, 3), (first, 0), (first, 4)]
    whole = prune(net, filters)
    assert [len(whole.layers[n].W) for n in (first, second, third)] == [3, 2, 5]
    np.testing.assert_allclose(nnpg.predict(whole, X), nnpg.predict(knock_out(net, filters), X), atol=1e-13)
    one_by_one = prune(prune(prune(net, filters[:1]), [(second, 3), (second, 0)]), [(first, 0), (first, 4)])
    np.testing.assert_allclose(nnpg.predict(one_by_one, X), nnpg.predict(whole, X), atol=1e-13)


def test_one_layer_named_at_two_outputs():
    net = built(CHAINS["sigmoids, whose 0 is a half"])
    filters = [("conv1", 1), ("sigmoid1", 3), ("avgpool1", 3)]
    small = prune(net, filters)
    assert len(small.layers["conv1"].W) == 3
    np.testing.assert_allclose(nnpg.predict(small, X), nnpg.predict(knock_out(net, filters[:2]), X), atol=1e-13)


def test_the_filters_that_stay_keep_their_order_and_their_weights():
    net = built(CHAINS["the papers' chain"])
    small = prune(net, [("pool1", 1), ("tanh2", 2)])
    np.testing.assert_array_equal(small.layers["conv1"].W, net.layers["conv1"].W[[0, 2, 3, 4]])
    np.testing.assert_array_equal(small.layers["conv2"].W, net.layers["conv2"].W[[0, 1, 3]][:, [0, 2, 3, 4]])
    columns = np.r_[0:4, 4:8, 12:16]  # maps of 2 x 2 pixels, row-major
    np.testing.assert_array_equal(small.layers["dense1"].W, net.layers["dense1"].W[:, columns])
    assert small.layers["dense2"] is net.layers["dense2"]


def test_nothing_is_changed_in_place_and_no_filters_is_no_change():
    net = built(CHAINS["the papers' chain"])
    before = flat(changed(net.parameters, np.copy))
    prune(net, [("pool1", 1)])
    assert all((flat(net.parameters)[name] == array).all() for name, array in before.items())
    assert prune(net, []) is net


def test_the_small_network_can_be_trained_saved_and_ranked(tmp_path, backend):
    net = built(CHAINS["the papers' chain"]).astype("float32").to(backend)
    small = prune(net, [("pool1", 1), ("tanh3", 5)])
    assert small.dtype == np.float32
    np.testing.assert_allclose(
        nnpg.predict(small, X), nnpg.predict(knock_out(net, [("pool1", 1), ("tanh3", 5)]), X), atol=2e-6
    )
    t = np.array([0, 1, 2, 0, 1])
    mended = nnpg.train(small, X, t, epochs=60, batch=5, rng=0, progress=False)
    assert mended.history[-1].loss < 0.5 * mended.history[0].loss
    nnpg.save(mended.net, tmp_path / "small.safetensors")
    again = nnpg.load_network(tmp_path / "small.safetensors")
    np.testing.assert_allclose(nnpg.predict(again, X), nnpg.predict(mended.net, X), atol=1e-6)
    assert nnpg.filter_scores(again, X, t).scores["pool1"].shape == (3, 4)


def test_multiplications_are_counted_by_hand():
    net = nnpg.build(
        [nnpg.conv(4, (2, 3), stride=2, groups=2), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3)],
        input_shape=(2, 8, 9), rng=0,
    )  # fmt: skip
    assert multiplications(net) == 4 * (1 * 2 * 3) * (4 * 4) + 3 * (4 * 2 * 2)


@pytest.mark.parametrize("init", ["glorot", "he"])
def test_redraw_draws_as_build_does_and_keeps_the_shape(init):
    recipe = [nnpg.conv(4, 3, groups=2, init=init), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3, bias=False, init=init)]
    net = nnpg.build(recipe, input_shape=(2, 8, 8), rng=5)
    used = net.with_parameters(changed(net.parameters, lambda array: array + 1))
    again = redraw(used, rng=5, init=init)
    for name, arrays in net.parameters.items():
        for parameter, a in arrays.items():
            np.testing.assert_array_equal(again.parameters[name][parameter], a)
    assert again.layers["dense1"].b is None
    assert (redraw(used, rng=6, init=init).layers["conv1"].W != net.layers["conv1"].W).all()
    with pytest.raises(ValueError, match="init must be 'glorot', 'lecun' or 'he', not 'zero'"):
        redraw(net, rng=0, init="zero")


def refused(chain, filters, error, words, interventions=()):
    net = nnpg.build(chain, input_shape=(2, 8, 8), rng=0)
    if interventions:
        net = knock_out(net, interventions)
    with pytest.raises(error, match=words):
        prune(net, filters)


END = [nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()]


@pytest.mark.parametrize(
    ("chain", "filters", "error", "words"),
    [
        ([nnpg.conv(4, 3), *END], [("pool7", 0)], KeyError, "no output named 'pool7'; this network has input, conv1"),
        ([nnpg.conv(4, 3), *END], [("conv1", 4)], IndexError, "has filters 0 .. 3, not 4"),
        ([nnpg.conv(4, 3), *END], [("conv1", -1)], IndexError, "not -1"),
        ([nnpg.conv(4, 3), *END], [("conv1", f) for f in range(4)], ValueError, "all 4 filters of 'conv1' would go"),
        ([nnpg.conv(4, 3), *END], [("dense1", 0)], ValueError, "are the network's output"),
        ([nnpg.conv(4, 3), *END], [("softmax1", 0)], ValueError, "are the network's output"),
        ([nnpg.conv(4, 3), *END], [("flatten1", 0)], ValueError, "name an output before 'flatten1'"),
        ([nnpg.conv(4, 3), *END], [("input", 0)], ValueError, "no Conv or Dense layer before it"),
        (
            [nnpg.conv(4, 3), nnpg.LocalResponseNorm(), *END],
            [("conv1", 0)],
            ValueError,
            r"\(LocalResponseNorm\) may mix",
        ),
        ([nnpg.conv(4, 3, groups=2), *END], [("conv1", 0)], ValueError, "works in 2 groups"),
        ([nnpg.conv(4, 3), nnpg.conv(4, 3, groups=2), *END], [("conv1", 0)], ValueError, "'conv2' works in 2 groups"),
        ([nnpg.conv(4, 3), nnpg.Dropout(0.5, key=1), *END], [("conv1", 0)], ValueError, "set its key to None"),
        (
            [nnpg.conv(4, 3), nnpg.Sigmoid(), nnpg.conv(4, 3, padding=1), *END],
            [("conv1", 0)],
            ValueError,
            "padding makes it differ from pixel to pixel",
        ),
    ],
)
def test_filters_that_cannot_be_cut_out_are_refused(chain, filters, error, words):
    refused(chain, filters, error, words)


def test_padding_is_no_obstacle_where_the_dead_filter_adds_nothing():
    chain = [nnpg.conv(4, 3), nnpg.Sigmoid(), nnpg.conv(4, 3, padding=1), *END]
    net = nnpg.build(chain, input_shape=(1, 8, 8), rng=0, dtype="float64")
    filters = [("sigmoid1", 0)]
    np.testing.assert_allclose(
        nnpg.predict(prune(net, filters), X), nnpg.predict(knock_out(net, filters), X), atol=1e-14
    )


def test_interventions_on_these_filters_are_refused_and_others_kept():
    chain = [nnpg.conv(4, 3), nnpg.Tanh(), nnpg.conv(4, 3), nnpg.Tanh(), *END]
    refused(chain, [("conv1", 1)], ValueError, "an intervention acts on 'tanh1'", [("tanh1", 0)])
    net = knock_out(nnpg.build(chain, input_shape=(1, 8, 8), rng=0, dtype="float64"), [("tanh2", 0)])
    both = knock_out(net, [("tanh1", 1)])
    np.testing.assert_allclose(nnpg.predict(prune(net, [("tanh1", 1)]), X), nnpg.predict(both, X), atol=1e-14)
