"""Other rankings: each against its definition, computed another way, and against its identities."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from parameters import with_biases

import nnpg
from nnpg import knock_out
from nnpg.rankings import (
    ablation_scores,
    activation_scores,
    conductance_scores,
    knock_out_area,
    layer_scores,
    overall_scores,
    random_scores,
    shapley_scores,
    shuffle_in_layers,
    taylor_scores,
    weakest_leaving,
    weight_norm_scores,
)
from nnpg.seeds import class_outputs, class_seed


def conv_net(dtype="float64"):
    """Five filters in two blocks."""
    recipe = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.conv(2, 2), nnpg.Tanh(), nnpg.Flatten()]
    net = nnpg.build([*recipe, nnpg.dense(3), nnpg.Softmax()], input_shape=(1, 8, 8), rng=3, dtype=dtype)
    return with_biases(net, np.random.default_rng(1), 0.4)


def dense_net(last=None):
    recipe = [nnpg.dense(4), nnpg.Tanh(), nnpg.dense(3), last or nnpg.Softmax()]
    return nnpg.build(recipe, input_shape=(2,), rng=0, dtype="float64")


X = np.random.default_rng(1).normal(size=(7, 1, 8, 8))
T = np.array([0, 1, 2, 0, 1, 2, 1])
FILTERS = [("pool1", 0), ("pool1", 1), ("pool1", 2), ("tanh2", 0), ("tanh2", 1)]
OF = ("prob", "logit", "logprob")


def value(net, of, x=X, t=T):
    """Mean over the images of each class of their own class's output, (K,)."""
    trace = net.forward(x)
    z = trace["dense1"] if "flatten1" in trace.outputs else trace["dense2"]
    y = {"prob": trace.y, "logit": z, "logprob": np.log(trace.y)}[of][np.arange(len(t)), t]
    return np.array([y[t == c].mean() for c in range(3)])


def exact_shapley(net, of):
    """The definition: the sum over all coalitions without f, weighted (|S|! (M - |S| - 1)! / M!)."""
    M, values = len(FILTERS), {}
    for size in range(M + 1):
        for coalition in combinations(range(M), size):
            out = [FILTERS[p] for p in range(M) if p not in coalition]
            values[frozenset(coalition)] = value(knock_out(net, out), of)
    phi = np.zeros((3, M))
    for p in range(M):
        for coalition, v in values.items():
            if p not in coalition:
                phi[:, p] += (values[coalition | {p}] - v) / (M * comb(M - 1, len(coalition)))
    return phi


@pytest.mark.parametrize("of", OF)
def test_shapley_values_are_those_of_exact_enumeration(of):
    net = conv_net()
    exact = exact_shapley(net, of)
    scores, errors = shapley_scores(net, X, T, pairs=300, rng=0, of=of, progress=False)
    assert np.ptp(exact, axis=1).min() > 20 * errors.matrix.max(), "the filters must differ, or it tests nothing"
    assert (abs(scores.matrix - exact) <= 4.5 * errors.matrix + 1e-12).all()


def test_shapley_values_add_up_in_every_sample():
    net = conv_net()
    scores, _ = shapley_scores(net, X, T, pairs=2, rng=0, progress=False)
    np.testing.assert_allclose(
        scores.matrix.sum(axis=1), value(net, "prob") - value(knock_out(net, FILTERS), "prob"), atol=1e-13
    )


def test_the_standard_error_is_the_error():
    net = conv_net()
    exact = exact_shapley(net, "prob")
    ratios = []
    for seed in range(30):
        scores, errors = shapley_scores(net, X, T, pairs=12, rng=seed, progress=False)
        ratios.append((scores.matrix - exact) / errors.matrix)
    assert 0.8 < np.sqrt(np.mean(np.square(ratios))) < 1.3


def test_a_filter_that_reaches_nothing_has_no_value():
    net = conv_net()
    W = net.layers["conv2"].W.copy()
    W[:, 1] = 0
    net = net.replace("conv2", W=W)
    shapley = shapley_scores(net, X, T, pairs=3, rng=0, progress=False)[0]
    others = [rank(net, X, T) for rank in (taylor_scores, conductance_scores, ablation_scores, nnpg.filter_scores)]
    for scores in (shapley, *others):
        assert abs(scores.scores["pool1"][:, 1]).max() < 1e-15
        assert abs(scores.scores["pool1"][:, [0, 2]]).min() > 1e-9


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("to", ["zero", "mean", "resample"])
def test_ablation_is_the_difference_between_two_whole_networks(of, to):
    net, options = conv_net(), {"to": to, "reference": X}
    scores = ablation_scores(net, X, T, of=of, rng=4, **options).matrix
    rng = np.random.default_rng(4)  # one draw per filter, as in one call of knock_out
    keys = [change.key for change in _last(knock_out(net, FILTERS, rng=4, **options))] if to == "resample" else None
    for p, unit in enumerate(FILTERS):
        out = knock_out(net, [unit], rng=rng, **options)
        if keys is not None:
            assert out.interventions[unit[0]][0].key == keys[p]
        np.testing.assert_allclose(scores[:, p], value(net, of) - value(out, of), atol=1e-13)


def _last(net):
    return [change for changes in net.interventions.values() for change in changes]


def test_removal_ranks_the_same_before_and_after_the_pool():
    """A map of zeros pools to zeros, and tanh(0) = 0."""
    net = conv_net()
    for rank in (
        lambda layer: ablation_scores(net, X, T, layers=[layer]),
        lambda layer: shapley_scores(net, X, T, layers=[layer], pairs=2, rng=0, progress=False)[0],
    ):
        pool = rank("pool1").matrix
        assert np.ptp(pool) > 1e-3
        np.testing.assert_allclose(rank("tanh1").matrix, pool, atol=1e-13)
        np.testing.assert_allclose(rank("conv1").matrix, pool, atol=1e-13)


def test_removal_keeps_what_was_done_to_the_network_before():
    net = knock_out(conv_net(), [("pool1", 0)])
    scores = ablation_scores(net, X, T)
    np.testing.assert_allclose(scores.scores["pool1"][:, 0], 0, atol=1e-15)
    both = knock_out(net, [("pool1", 2)])
    np.testing.assert_allclose(scores.scores["pool1"][:, 2], value(net, "prob") - value(both, "prob"), atol=1e-13)


@pytest.mark.parametrize("of", OF)
def test_taylor_is_the_slope_of_turning_a_filter_down(of):
    net, e = conv_net(), 1e-5
    trace = net.forward(X)
    for layer, f in FILTERS:
        slope = []
        for turned in (1 - e, 1 + e):
            o = trace[layer].copy()
            o[:, f] *= turned
            changed = trace.before(layer) | net.forward(o, start=layer)
            y = class_outputs(net, changed, of)[np.arange(len(T)), T]
            slope.append(np.array([y[c == T].mean() for c in range(3)]))
        np.testing.assert_allclose(
            taylor_scores(net, X, T, of=of).scores[layer][:, f], (slope[1] - slope[0]) / (2 * e), atol=1e-8
        )


def test_taylor_is_exact_ablation_where_the_rest_is_linear():
    net = dense_net()
    x, t = np.random.default_rng(0).normal(size=(5, 2)), np.array([0, 1, 2, 0, 1])
    options = {"layers": "tanh1", "of": "logit"}
    exact = ablation_scores(net, x, t, **options).matrix
    np.testing.assert_allclose(taylor_scores(net, x, t, **options).matrix, exact, atol=1e-14)
    np.testing.assert_allclose(
        shapley_scores(net, x, t, pairs=2, rng=0, progress=False, **options)[0].matrix, exact, atol=1e-14
    )
    one_each = ablation_scores(net, x[:3], t[:3], **options).matrix  # one image per class: both means are the same
    np.testing.assert_allclose(
        taylor_scores(net, x[:3], t[:3], magnitude=True, **options).matrix, abs(one_each), atol=1e-14
    )


def test_magnitudes_do_not_cancel():
    net, t = conv_net(), np.zeros(7, int)
    signed, size = taylor_scores(net, X, t).matrix[0], taylor_scores(net, X, t, magnitude=True).matrix[0]
    assert (size >= abs(signed) - 1e-15).all()
    assert (size > abs(signed) + 1e-6).any()


@pytest.mark.parametrize("of", OF)
def test_conductances_of_every_layer_add_up_to_the_change_of_the_output(of):
    net, start = conv_net(), 0.1 * np.ones((1, 8, 8))
    change = value(net, of) - value(net, of, np.broadcast_to(start, X.shape))
    scores = conductance_scores(net, X, T, baseline=start, steps=400, of=of).scores
    for layer in ("pool1", "tanh2"):
        np.testing.assert_allclose(scores[layer].sum(axis=1), change, atol=2e-5)


def test_the_steps_of_conductance_converge_with_their_square():
    net, x, t = dense_net(), np.array([[1.5, -2.0]]), np.array([1])
    change = nnpg.predict(net, x)[0, 1] - nnpg.predict(net, np.zeros((1, 2)))[0, 1]
    miss = [
        abs(conductance_scores(net, x, t, baseline=0.0, steps=m, layers="tanh1").matrix[1].sum() - change)
        for m in (8, 16)
    ]
    assert 3.5 < miss[0] / miss[1] < 4.5


def test_conductance_of_a_linear_chain_by_hand():
    """y = V (W x): unit u conducts V_tu W_u (x - x')."""
    net = nnpg.build([nnpg.dense(4), nnpg.dense(3)], input_shape=(2,), rng=0, dtype="float64")
    x, start = np.array([[1.0, 2.0]]), np.array([0.5, -1.0])
    W, V = net.layers["dense1"].W, net.layers["dense2"].W
    matrix = conductance_scores(net, x, [2], baseline=start, steps=1, layers="dense1", of="logit").matrix[2]
    np.testing.assert_allclose(matrix, V[2] * (W @ (x[0] - start)), atol=1e-14)


def test_the_baseline_is_the_mean_image_unless_given():
    net = conv_net()
    np.testing.assert_array_equal(
        conductance_scores(net, X, T).matrix, conductance_scores(net, X, T, baseline=X.mean(axis=0)).matrix
    )
    assert abs(conductance_scores(net, X, T).matrix - conductance_scores(net, X, T, baseline=0.0).matrix).max() > 1e-3


def test_activations_and_weights_by_hand():
    net, trace = conv_net(), conv_net().forward(X)
    each = np.linalg.norm(trace["pool1"].reshape(7, 3, -1), axis=-1)
    np.testing.assert_allclose(activation_scores(net, X, T).scores["pool1"][1], each[T == 1].mean(axis=0))
    scores = weight_norm_scores(net, layers=["pool1", "dense1"], norm="l1").scores
    np.testing.assert_allclose(scores["pool1"], [abs(net.layers["conv1"].W).sum(axis=(1, 2, 3))] * 3)
    np.testing.assert_allclose(scores["dense1"], [abs(net.layers["dense1"].W).sum(axis=1)] * 3)


def test_chance_is_seeded_and_each_class_has_its_own():
    net = conv_net()
    a = random_scores(net, rng=0)
    assert (a.matrix == random_scores(net, rng=0).matrix).all()
    assert len({tuple(np.argsort(row)) for seed in range(20) for row in random_scores(net, rng=seed).matrix}) > 30


def test_the_first_layer_is_highest_in_any_order_of_the_names():
    for layers in (("pool1", "tanh2"), ("tanh2", "pool1")):
        scores = layer_scores(conv_net(), rng=0, layers=layers)
        for row in range(3):
            assert [unit.layer for unit in scores.strongest(row)] == ["pool1"] * 3 + ["tanh2"] * 2
    orders = {tuple(u.f for u in layer_scores(conv_net(), rng=seed).strongest(0)) for seed in range(60)}
    assert len(orders) == 12  # 3! 2!


def test_shuffling_in_layers_keeps_the_layers_and_forgets_the_filters():
    scores = nnpg.filter_scores(conv_net(), X, T)
    shuffled = [shuffle_in_layers(scores, rng=seed) for seed in range(60)]
    for layer in ("pool1", "tanh2"):
        for one in shuffled:
            np.testing.assert_array_equal(np.sort(one.scores[layer]), np.sort(scores.scores[layer]))
    assert len({tuple(u.f for u in one.strongest(0)) for one in shuffled}) == 12
    assert any((np.argsort(one.scores["pool1"][0]) != np.argsort(one.scores["pool1"][1])).any() for one in shuffled)
    assert "shuffled in each layer" in shuffled[0].table(1)


RANKINGS = {
    "activation": activation_scores,
    "taylor": taylor_scores,
    "conductance": lambda net, x, t, **options: conductance_scores(net, x, t, baseline=0.0, **options),
    "ablation": ablation_scores,
    "shapley": lambda net, x, t, **options: shapley_scores(net, x, t, pairs=2, rng=0, progress=False, **options)[0],
}


@pytest.mark.parametrize("name", RANKINGS)
def test_batches_change_nothing_and_a_class_without_images_has_no_scores(name):
    net, rank = conv_net(), RANKINGS[name]
    whole = rank(net, X[T < 2], T[T < 2])
    np.testing.assert_allclose(rank(net, X[T < 2], T[T < 2], batch=2).matrix, whole.matrix, atol=1e-13)
    assert np.isnan(whole.matrix[2]).all()
    assert np.isfinite(whole.matrix[:2]).all()
    assert whole.rows == ("class 0", "class 1", "class 2")
    with pytest.raises(ValueError, match="no scores"):
        whole.strongest(2)


@pytest.mark.parametrize("name", RANKINGS)
def test_every_backend_ranks_alike(name, backend):
    net = conv_net()
    matrix = RANKINGS[name](net.to(backend), X, T, layers=("pool1", "tanh2")).matrix
    np.testing.assert_allclose(matrix, RANKINGS[name](net.to("numpy"), X, T).matrix, atol=1e-12)


@pytest.mark.parametrize("name", RANKINGS)
def test_wrong_images_labels_and_layers_are_refused(name):
    net, rank = conv_net(), RANKINGS[name]
    with pytest.raises(
        ValueError, match=r"at least one image of shape \(N, 1, 8, 8\), not an array float64 \(0, 1, 8, 8\)"
    ):
        rank(net, X[:0], T[:0])
    with pytest.raises(ValueError, match="labels must be 7 whole numbers"):
        rank(net, X, T[:3])
    with pytest.raises(KeyError, match="no output named 'pool9'"):
        rank(net, X, T, layers="pool9")


def test_other_wrong_arguments_are_refused():
    net = conv_net()
    with pytest.raises(ValueError, match="pairs must be a whole number of at least 2"):
        shapley_scores(net, X, T, pairs=1, rng=0)
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1"):
        conductance_scores(net, X, T, steps=0)
    with pytest.raises(ValueError, match=r"baseline must be an array that broadcasts against images.*not an array"):
        conductance_scores(net, X, T, baseline=np.zeros(3))
    with pytest.raises(ValueError, match="needs reference images"):
        ablation_scores(net, X, T, to="mean")
    with pytest.raises(ValueError, match="no weights of their own"):
        weight_norm_scores(net, layers="input")


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("last", [nnpg.Softmax(), nnpg.Sigmoid()])
def test_class_outputs_are_what_the_seed_differentiates(of, last):
    net, x, e = dense_net(last), np.array([[0.3, -0.7]]), 1e-6
    trace = net.forward(x)
    at, seed = class_seed(net, trace, of=of)
    gradient = net.backward(trace, seed, start=at)["input"][:, 0]  # (S, D)
    for d in range(2):
        step = e * np.eye(2)[d]
        up, down = (class_outputs(net, net.forward(x + s), of)[0] for s in (step, -step))
        np.testing.assert_allclose(gradient[:, d], (up - down) / (2 * e), atol=1e-8)


def test_areas_and_overall_ranks_by_hand():
    np.testing.assert_allclose(knock_out_area([[0, 0, 0], [1, 1, 1], [0, 0, 1]]), [0, 1, 0.25])
    with pytest.raises(ValueError, match="at least 2 errors"):
        knock_out_area([0.5])
    scores = nnpg.FilterScores(
        {"a": np.array([[1.0, -4.0], [np.nan] * 2, [0.0, 0.0]]), "b": np.array([[2.0], [np.nan], [0.0]])},
        ("x", "y", "z"), "frobenius", "prob",
    )  # fmt: skip
    overall = overall_scores(scores)
    assert overall.rows == ("all classes",)
    np.testing.assert_allclose(overall.matrix, [[1 / 8, -1 / 2, 1 / 4]])
    with pytest.raises(ValueError, match="no row holds a score"):
        overall_scores(nnpg.FilterScores({"a": np.full((1, 2), np.nan)}, ("x",), "", ""))


def test_every_layer_keeps_what_it_must():
    scores = nnpg.FilterScores({"a": np.array([[1.0, 2.0, 3.0]]), "b": np.array([[4.0, 5.0, 6.0]])}, ("x",), "", "")
    assert [u[:2] for u in weakest_leaving(scores, row="x", n=3)] == [("a", 0), ("a", 1), ("b", 0)]
    assert [u[:2] for u in weakest_leaving(scores, row="x", n=3, leave=0)] == [("a", 0), ("a", 1), ("a", 2)]
    assert [u[:2] for u in weakest_leaving(scores, row="x", n=2, leave=2)] == [("a", 0), ("b", 0)]
    with pytest.raises(ValueError, match="5 filters cannot go: every layer must keep 1, so that 4 can be spared"):
        weakest_leaving(scores, row="x", n=5)
