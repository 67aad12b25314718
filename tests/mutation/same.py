"""Mutants that compute the same, or that only change what is not an answer, each with the reason.

By module. A key that ends in ... stands for all mutants whose names begin like it.
"""

ROWS = "the array has 2 axes"
SIGN = "only the sign of it counts"
UNKNOWN = "NumPy takes any negative size as the unknown one"
MEMORY = "it says how much is held in memory, which changes no answer"
EQUAL = "both are of equal length wherever this is called"
FLOAT = "a number is kept as a float"
ANY = "any number drawn from the generator will do"
ONE = "it holds one class"
JOINED = "joining a single part gives that part"
COPY = "a copy holds the same numbers"
UNREAD = "a program does not read them"
OPS = "all threads have equally many ops"
WRITTEN = "what it begins with is written over"
SINGLE = "there is a single one"
LAST = "op -1 is the last one, whose results are then written again"
MORE = "more is computed than has to be, with the same results"
UNREAD_BY_OPS = "the ops of this task do not read it"
UNUSED = "the additional numbers are not read"
LANES = "what the lanes without images hold is not read"
GUARD = "it refuses planes that nobody has"
FLAT = "the address is the same"
TIME = "how many steps are taken between two looks at the clock changes no answer"
THREADS = "how units are divided among threads changes no answer"
CLOSE = "any margin does that is wide enough"
ZEROS = "to add to zeros is to write"
AXIS = "the axis has length 1"
TILE = "tiles of another size give the same"
ROOM = "it is room: too little breaks a fence only in geometries that need it, which fuzz.geometries draws"
SLOTS = "all slots are equally large"
TRUTH = "only its truth counts"
COLUMNS = "images side by side are more than 2, and a single one has no steps over columns"

IN_ORDER = "on one thread, all tasks are done in this order; tests of threads compare bits"

CHANGED = "only which outputs change is read"
WEIGHTS = "the two ways differ by rounding alone"
DEVICE = "it is of arrays on a device; the tests marked gpu hold it"
ANY_DISTANCE = "any distance does that is far, and another for each input"
CLAIM = "the search for a kink does not read what is claimed"

SAME: dict[str, dict[str, str]] = {
    "nnpg.seeds": {
        "class_seed: others = y @ (1 - k.xp.eye(y.shape[1], dtype=y.dtype))": ROWS,
        "_one_hot_seed: return k.xp.broadcast_to(e if chosen.ndim else e[-1], (*chosen.shape, N, K))": ONE,
        "image_axis: return 0 if isinstance(classes, int) or ...": "a class is an int by then",
        "differentiated: return int(classes) if isinstance(classes, int) else...": "a class is an int by then",
    },
    "nnpg.losses": {
        "one_hot: targets = targets[:, None] == k.xp.arange(like.shape[1])": ROWS,
        "cross_entropy: return -(one_hot(k, t, z) * log_y).sum(axis=1)": ROWS,
        "cross_entropy: log_y = z - k.xp.log(k.xp.exp(z).sum(axis=1, keepdims=True))": ROWS,
        "cross_entropy: z = z - z.max(axis=1, keepdims=True)": ROWS,
        "cross_entropy_of_probabilities: return -(one_hot(k, t, y) * k.xp.log(_inside(k, y))).sum(axis=1)": ROWS,
        "binary: return (log_sum - one_hot(k, t, z) * z).sum(axis=1)": ROWS,
        "binary_of_probabilities: return -(t * k.xp.log(y) + (1 - t) * k.xp.log(1 - y)).sum(axis=1)": ROWS,
        "squares: return ((y - one_hot(k, t, y)) ** 2).sum(axis=1) / 2": ROWS,
    },
    "nnpg.optimisers": {
        "penalty: return penalty_of(parameters_on_host(net), decay)": "without a decay it is 0 there too",
        "penalty_of: return -0.0": "-0 is 0",
        "DecayPerUnit._rate: return -0.0": "-0 is 0",
        "DecayPerUnit._rate: rate = self.strengths if isinstance(self.strengths, float)...": FLOAT,
    },
    "nnpg.network": {
        "Network.backward: delta = delta.astype(trace[start].dtype, copy=True)": COPY,
        "Network.backward: if delta.shape[max(-1, delta.ndim - trace[start].ndim):] != trace[start].shape:": (
            "a seed with fewer axes than the output is refused either way"
        ),
        "Network.as_input: return x.astype(self.dtype, copy=True)": COPY,
        "Network._changes: return list(zip(self.interventions.get(name, ()), trace.intervened.get(name, ()), strict=False))": (  # noqa: E501
            EQUAL
        ),
        "Network.gradients: if name in trace.outputs and delta.shape[max(-1, ...": (
            "a delta with fewer axes than the output is refused either way"
        ),
        "Network.as_input: if start is None and x.shape...": DEVICE,
    },
    "nnpg.prediction": {
        "placed_predictions: return net.backend.xp.concatenate(parts)": JOINED,
        "placed_predictions: return parts[-1] if len(parts) == 1 else net.backend.xp.concatenate(parts)": SINGLE,
        "placed_predictions: return parts[0] if len(parts) == 2 else net.backend.xp.concatenate(parts)": JOINED,
        "placed_predictions: return parts[0] if len(parts) == 0 else net.backend.xp.concatenate(parts)": JOINED,
        "placed_predictions: parts = [net.forward(x[part]).y for part in rows]": "the layers compute the same",
        "placed_predictions: with instead(partial(outputs_do_not_fit, net, len(x[rows[-1]]))):": DEVICE,
        "by_layers: return chosen": DEVICE,
        "by_layers: return values_to_numpy(net.backend, chosen)": DEVICE,
        "all_gradients: xp = ...": DEVICE,
        "all_gradients: return deltas[-1]": SINGLE,
        "all_gradients: if len(deltas) == 2:": JOINED,
        "all_gradients: if len(deltas) == 0:": JOINED,
        "gradients_in_batches: arrays = [placed(net, a) for a in (labels, weights)]": DEVICE,
        "gradients_in_batches: yield (part, {layer: delta if image_axis(classes) else delta[-1] for layer, delta in deltas.items()})": (  # noqa: E501
            ONE
        ),
    },
    "nnpg.class_gradients": {
        "class_gradient: sums_of_layer = np.concatenate([part[layer] for part in chunked])": JOINED,
        "class_gradient: sums_of_layer = chunked[-1][layer] if len(chunked) == 1 else np.concatenate([part[layer] for part in chunked])": (  # noqa: E501
            SINGLE
        ),
        "class_gradient: sums_of_layer = chunked[0][layer] if len(chunked) == 0 else np.concatenate([part[layer] for part in chunked])": (  # noqa: E501
            JOINED
        ),
        "class_gradient: for part, deltas in gradients_in_batches(net, program, x, *settings, stays=True, finite=False):": (  # noqa: E501
            "it is only looked once more whether all images are finite"
        ),
        "class_gradient: for part, deltas in gradients_in_batches(net, program, x, *settings, stays=False, finite=True):": (  # noqa: E501
            DEVICE
        ),
        "class_gradient: weights = None": WEIGHTS,
        "class_gradient: weights = 1 / count[t]": WEIGHTS,
        "class_gradient: weights = None if method != 'average_of_gradients' else 1 / count[t]": WEIGHTS,
        "class_gradient: x, t = (x[placed(net, kept)], t[kept])": DEVICE,
        "class_gradient: x, t = (x[kept], t[kept])": DEVICE,
        "class_gradient: memory_mb = MEMORY_MB": "chunks of other sizes give the same",
        "_rows_of: sums /= divisor.reshape(-2, *[1] * (sums.ndim - axis - 1))": UNKNOWN,
        "_sum_by_class: return -_sum_on_device(net, labels, there, K, delta, axis)": DEVICE,
        "_sum_by_class: if program.run is not None and is_on_device(delta):": DEVICE,
        "class_means: counts = np.bincount(labels, minlength=K).reshape(-2, ...": UNKNOWN,
        "_sum_by_class: return sums.reshape(*delta.shape[:axis], K, *delta.shape[axis + 1:])": ONE,
        "_sum_by_class: return (sums if axis else sums[-1]).reshape(*delta.shape[:axis], K, *delta.shape[axis + 1:])": (
            ONE
        ),
    },
    "nnpg.scores": {
        "FilterScores.strongest: return self._ranked(row, -2)...": SIGN,
        "FilterScores.weakest: return self._ranked(row, 2)...": SIGN,
        "convolutional_gradient: scores = {name: collapse(d.reshape(*d.shape[:2], -2), -1) for name, d in gradient.deltas.items()}": (  # noqa: E501
            UNKNOWN
        ),
    },
    "nnpg.knockout.curves": {
        "knock_out_curves: together = programs.look(net, KnockOuts(tuple(tasks))) if len(tasks) > 0 and all(found) else programs.Found(None)": (  # noqa: E501
            "both ways give the same"
        ),
        "_interventions: units = (k.xp.arange(F) == f).reshape(-2, *[1] * len(size))": UNKNOWN,
        "_sweep: largest.append(y.argmax(axis=1))": ROWS,
        "outputs_by_layers: for unit, change, net in zip(filters, changes, nets[1:], strict=False):": EQUAL,
        "outputs_by_layers: k = nets[1].backend": "all are on one backend",
        "outputs_by_layers: k = nets[-1].backend": "all are on one backend",
        "_cumulative: for unit, change in zip(filters, changes, strict=False):": EQUAL,
        "_known_filters: return tuple((Filter(layer, f, *unit[2:]) for (layer, f), unit in zip(pairs, filters, strict=False)))": (  # noqa: E501
            EQUAL
        ),
        "_interventions: changes.append(Resample(units, trace[layer], int(draw.integers(...": ANY,
    },
    "nnpg.programs.numba.predict": {
        "run: Program(each, [[[Task(-1, len(each[0]), ...": LAST,
        "run: Program(each, [[[Task(0, len(each[-1]), ...": OPS,
        "behind_blocks: return net.layers[plan.rest[0]].forward(net.backend, y)[1]...": "softmax keeps its own output",
        "behind_blocks: return net.layers[plan.rest[0]].forward(net.backend, y)[-1]...": "softmax keeps its own output",
        "behind_blocks: return net.layers[plan.rest[-1]]...": SINGLE,
    },
    "nnpg.programs.numba.outputs": {
        "run: Program(each, [[[Task(-1, len(each[0]), ...": LAST,
        "run: Program(each, [[[Task(0, len(each[-1]), ...": OPS,
        "run: for i, block in enumerate(forward_ops(plan, space, plan.weights)[:max(layers) + 1 + 1]):": MORE,
        "run: for i, block in enumerate(forward_ops(plan, space, plan.weights)[:max(layers) + 2]):": MORE,
    },
    "nnpg.programs.numba.reading": {
        "Session.__call__: return (scores, np.concatenate(parts, axis=axis))": JOINED,
        "Session.__call__: return (scores, parts[0] if len(parts) == 0 else ...": (JOINED),
        "Session.__call__: return (scores, parts[-1] if len(parts) == 1 else ...": SINGLE,
        "Session.__call__: axis = parts[-1].ndim - x.ndim": "all parts have equally many axes",
        "Session.__call__: for first in range(0, max(2, len(x)), len(self.x)):": (
            "it counts only where there is no image"
        ),
        "Session._part: self.seeds[:N], self.seeds[N:vectors * self.vector] = (one_seed, ...": LANES,
        "Session._part: self.seeds[:N], self.seeds[N + 1:...": LANES,
        "Session._part: self.seeds[:N], self.seeds[N:vectors * self.vector + 1] = (one_seed, 0)": LANES,
        "Session._part: self.seeds[:N], self.seeds[N:vectors] = (one_seed, 0)": LANES,
        "Session._part: self.seeds[:N], self.seeds[N:self.vector] = (one_seed, 0)": LANES,
        "Session._part: for one_seed, delta in zip(seeds.reshape(count, N, K), deltas.reshape(count, *x.shape), strict=False):": (  # noqa: E501
            EQUAL
        ),
        "Session._part: self.x[:N], self.x[N:vectors * self.vector] = (x, ...": LANES,
        "Session._part: self.x[:N], self.x[N + 1:...": LANES,
        "Session._part: self.x[:N], self.x[N:vectors * self.vector + 1] = (x, 0)": LANES,
        "Session._part: self.x[:N], self.x[N:vectors] = (x, 0)": LANES,
        "Session._part: self.x[:N], self.x[N:self.vector] = (x, 0)": LANES,
        "Session._run: self.programs[forward, vectors] = Program([self.ops], [chains])": "it is run on one thread here",
        "Session._run: chains = [[Task(v * total - first, ...": MORE,
        "Session._run: chains = [[Task(v * total, ...": MORE,
        "Session._run: first, last = (-1, turn) if forward else (turn, total)": LAST,
        "run: back = backward_ops(plan, space, deltas, plan.weights, last, -2)": (
            "ops that belong to no block are not taken"
        ),
        "run: counts = (...": WRITTEN,
        "run: (K,), M = (plan.blocks[-1].y_shape, vector)": MEMORY,
    },
    "nnpg.programs.numba.gradients": {
        "_of_wide: return [ops.channels_to_rows(delta, out, len(out[0, -1])) for _, out in by_block.get(i, [])]": (
            "all images have equally many maps"
        ),
        "run: chain += [Task(first, last, m, 1, s) for m in range(n, n + count) for s in range(-(-S * vector))]": (
            "tasks of no class do nothing"
        ),
        "run: chain += [Task(first, last, m, 1, s) for m in range(n, n + count) for s in range(--S)]": (
            "tasks of no class do nothing"
        ),
        "run: chain += [Task(first, last, m, 2, s)...": UNREAD_BY_OPS,
        "run: chain += [Task(first, last, m, 0, s)...": UNREAD_BY_OPS,
        "run: chain = [Task(-1, first, n, count)]": LAST,
        "run: first, last = (len(each[0][0]), len(each[0][0]) + len(each[-1][1]))": OPS,
        "run: first, last = (len(each[0][0]), len(each[-1][0]) + len(each[0][1]))": OPS,
        "run: first, last = (len(each[-1][0]), len(each[0][0]) + len(each[0][1]))": OPS,
        "run: across = S > FEW and ...": "both ways give the same",
        "run: S, vector = (2 if labels is not None else len(classes), lanes(dtype))": MORE,
        "_step_by_step: return -(...": "only its truth counts",
        "_step_by_step: return block.window.stride == (1, 1) and block.window.dilation == (0, 1)": (
            "both ways give the same"
        ),
        "_step_by_step: return block.window.stride == (1, 1) and block.window.dilation == (1, 0)": (
            "both ways give the same"
        ),
        "_step_by_step: return block.window.stride == (0, 1) and ...": "both ways give the same",
        "_step_by_step: return block.window.stride == (1, 0) and ...": "both ways give the same",
        "_one_class_at_a_time: steps += [*stopped(delta, fixed.get(i)), *inner]": "what is set to 0 is set to 0 again",
        "_one_class_at_a_time: for i in range(last, min(by_block) - 2, -1):": MORE,
        "_across_classes: if i >= min(by_block):": MORE,
        "_across_classes: for i in range(last, min(by_block) - 2, -1):": MORE,
        "_block_delta: return [*steps, ops.dense_delta(delta, W, before...": FLAT,
    },
    "nnpg.programs.numba.knockouts.one": {
        "outputs_without: return outputs_of_sweeps(plan, [task.filters], x)[-1]": SINGLE,
        "surest: largest[close] = behind_blocks(net, plan, rows[close]).argmax(axis=1)": ROWS,
        "surest: largest, close = largest_of(rows, ...": CLOSE,
        "surest: rows = y.reshape(-2, y.shape[-1])": UNKNOWN,
        "_outputs_with_maps_set: chain.append(Task(1, end, 0, 0, s))": MORE,
        "_outputs_with_maps_set: chain.append(Task(first[i] - 1, end, 0, 0, s))": MORE,
        "_outputs_with_maps_set: chain.append(Task(first[1] - 1, end, 0, 0, s))": MORE,
        "_outputs_with_maps_set: chain.append(Task(first[i + 0] - 1, end, 0, 0, s))": MORE,
        "_outputs_with_maps_set: chain = [Task(-1, end, 0, 0, 0)]": LAST,
        "_outputs_with_maps_set: end = len(each[-1])": OPS,
        "_outputs_with_maps_set: return -result": "one of the two is of no image",
        "_maps_set: return (np.array([f for _, f in here] or [...": UNUSED,
        "_maps_set: values = aligned((max(2, len(here)), *block.y_shape[1:]), plan.dtype)": UNUSED,
        "_maps_set: here = [(layer, f) for at, (layer, f) in zip(where, filters, strict=False) if at == i]": EQUAL,
    },
    "nnpg.programs.numba.knockouts.steps": {
        "outputs_of_sweeps: once = np.array(threads[-1].tasks(where, starts), np.int64)": OPS,
        "_keeps_parts: return block.kind == 'conv' and math.prod(block.window.size) > 4 and (numbers * plan.dtype.itemsize < PARTS_BYTES)": (  # noqa: E501
            WEIGHTS
        ),
    },
    "nnpg.programs.sweeps": {
        "first_out_last: out = list(dict.fromkeys((f for at, (_, f) in zip(where, filters, strict=False) if at == i)))": (  # noqa: E501
            EQUAL
        ),
        "left_after: return [block.y_shape[0] - out for block, out in zip(plan.blocks, gone.cumsum(axis=1), strict=False)]": (  # noqa: E501
            EQUAL
        ),
        "left_after: for step, (i, (_, f)) in enumerate(zip(where, filters, strict=False), start=1):": EQUAL,
        "left_after: gone, removed = (np.zeros((len(plan.blocks), len(filters) + 2), np.int64), set())": UNUSED,
    },
    "nnpg_kernels.numba.planes": {
        "Planes.make: empty = Planes(np.empty(1, dtype), C, H, W, per_pixel, margin)": "only its type counts",
        "Planes.flat: if any(self.margin) or (...": GUARD,
    },
    "nnpg.programs.numba.training": {
        "Session.epoch: self.images[-1] = N % self.batch": SINGLE,
        "run: rates, images = (...": WRITTEN,
        "run: order, losses, wrong = (...": WRITTEN,
        "run: optimiser, dtype, N, K = (task.optimiser, plan.dtype, len(x), plan.blocks[-1].y_shape[-1])": SINGLE,
    },
    "nnpg.programs.numba.steps": {
        "Pace.took: self.steps = max(2, int(min(8 * self.steps, steps * A_WHILE / max(1e-09, seconds))))": TIME,
        "velocity_of: return -aligned(w.shape, w.dtype)": "-0 is 0",
        "layer_ops: yield [ops.bias_gradient(slots.delta[name], rows_of[name], g_b[-1]), ...": SINGLE,
        "layer_ops: g_b = aligned((2, len(parameters['b'])), parameters['b'].dtype)": UNUSED,
        "layer_ops: gradient = ops.dense_gradient(slots.x[name], slots.delta[name], rows_of[name], rows, g[-1])": SINGLE,  # noqa: E501
        "layer_ops: g = aligned((2, *parameters['W'].shape), parameters['W'].dtype)": UNUSED,
        "_pieces: each = ...": THREADS,
    },
    "nnpg.programs.numba.pooled_training": {
        "Session.epoch: self.pace.took(...": TIME,
        "Session.epoch: while until == done or (until < min(done - self.pace.steps, ...": TIME,
        "Session.epoch: while until == done or (until < min(self.pace.steps, ...": TIME,
        "Session.epoch: while until == done or (until < min(done, whole) and (t + until) % self.task.every):": TIME,
        "Session.epoch: a.total[-1] = count + self.task.batch * len(filled)": SINGLE,
        "Session._renew: labels[:P] = guards.indices('labels', pool.labels, P, self.plan.blocks[-1].y_shape[-1])": SINGLE,  # noqa: E501
        "Session._make: second.append([Task(at, at + len(of_layer), 1, count)])": UNREAD_BY_OPS,
        "Session._make: second.append([Task(at, at + len(of_layer), -1, count)])": UNREAD_BY_OPS,
        "Session._make: rows_of = {block.weights: row for block, row in zip(plan.blocks, passing, strict=False)}": EQUAL,  # noqa: E501
        "Session._make: passing = [count + n * sum((entry <= i ...": "rows of examples that enter behind a layer are 0 there",  # noqa: E501
        "Session._make: bounds = np.cumsum([0, *(len(part) for part in each[-1])]).tolist()": OPS,
        "Session._examples: return Examples(images, labels, np.ones(places, np.int64), found)": WRITTEN,
        "Session._examples: found = (...": UNREAD,
        "run: return Session(weights, velocity, np.ones(N), np.zeros(N, np.int64), net, plan, task, arrays, batch, memory)": (  # noqa: E501
            WRITTEN
        ),
        "run: return Session(weights, velocity, np.zeros(N), np.ones(N, np.int64), net, plan, task, arrays, batch, memory)": (  # noqa: E501
            WRITTEN
        ),
        "run: arrays = Images(x=guards.images(net.as_i... np.ones(...": WRITTEN,
        "run: arrays = Images(x=guards.images(net.as_i... 2 for 1": UNUSED,
        "run: dtype, N, K = (plan.dtype, len(x), plan.blocks[-1].y_shape[-1])": SINGLE,
    },
    "nnpg.programs.numba.selected_training": {
        "Session.epoch: self.pace.took(...": TIME,
        "Session.epoch: most = min(...": TIME,
        "Session._choices: choices.append(SELECT)": "to choose all units is to let all learn",
        "Session._take: if choices[-1] == SELECT:": "units are chosen in all pairs of a call or in none",
        "Session._take: a.images[-1] = count": SINGLE,
        "Session._in_one_block: return -(...": TRUTH,
        "Session._in_one_block: return self.task.members is None and count < ...": "both ways give the same",
        "Session._steps: phases[...": IN_ORDER,
        "Session._steps: chains = [[] for _ in range(min(SLOTS, -...": "tasks of no image do nothing",
        "Session._steps: slots = slots_of(plan, self.weights, min(SLOTS, -...": MEMORY,
        "Session._steps: last = first + len(each[-1][number])": OPS,
        "Session._steps: selection = [ops.pack(before.enter, a.or... :i + 1 + 1 for :i + 1": MORE,
        "Session._steps: selection = [ops.pack(before.enter, a.or... 2 for 1": MORE,
        "Session._steps: to_units = [o for block in forward[:i + 1 + 1] for o in block.all]": MORE,
        "Session._steps: to_units = [o for block in forward[:i + 2] for o in block.all]": MORE,
        "Session._steps: back = backward_ops(plan, space, derivatives, self.weights, len(plan.blocks) - 1, -2, slots, fixed)": (  # noqa: E501
            MORE
        ),
        "Session._choose: return Program([[*of_thread, choose] for of_thread in each], [chains, [[Task(last, last + 1, 1, ...": (  # noqa: E501
            UNREAD_BY_OPS
        ),
        "Session._choose: return Program([[*of_thread, choose] for of_thread in each], [chains, [[Task(last, last + 1, -1, ...": (  # noqa: E501
            UNREAD_BY_OPS
        ),
        "Session._choose: last = len(each[-1])": OPS,
        "Session._choose: made += [o for block in forward_ops(plan, space, self.weights, fixed)[:i + 1 + 1] for o in block.all]": (  # noqa: E501
            MORE
        ),
        "Session._choose: made += [o for block in forward_ops(plan, space, self.weights, fixed)[:i + 2] for o in block.all]": (  # noqa: E501
            MORE
        ),
        "run: return Session(weights, velocity, np.ones(N), np.zeros(N, np.int64), net, plan, task, arrays, batch)": WRITTEN,  # noqa: E501
        "run: return Session(weights, velocity, np.zeros(N), np.ones(N, np.int64), net, plan, task, arrays, batch)": WRITTEN,  # noqa: E501
        "run: arrays = Pairs(x=x, originals=originals,... np.ones(...": WRITTEN,
        "run: arrays = Pairs(x=x, originals=originals,... len(originals) for batch if task.members is None else len(originals)": (  # noqa: E501
            UNUSED
        ),
        "run: arrays = Pairs(x=x, originals=originals,... 2 for 1": UNUSED,
        "run: dtype, N, K = (plan.dtype, len(x), plan.blocks[-1].y_shape[-1])": SINGLE,
    },
    "nnpg_kernels.numba.boundary_steps": {
        "boundary_steps: sums = np.ones(4 * M, x.dtype)": WRITTEN,
        "boundary_steps: sums = np.zeros(5 * M, x.dtype)": MEMORY,
        "boundary_steps: flat = [a.reshape(-2) for a in (x0, x, mean, gradient, best)]": UNKNOWN,
    },
    "nnpg.programs.planned_steps": {
        "loss_of: return f'{kind} of a {plan.head}' if plan.rest and loss.layer == plan.rest[-1] else ''": SINGLE,
        "decay_of: return float(decay.gradient(name, parameter, np.ones((len(w), 1))).flat[-1])": "all are equal",
        "decay_of: return float(decay.gradient(name, parameter, np.ones((len(w), 2))).flat[0])": "all are equal",
        "decay_of: return -0.0": "-0 is 0",
    },
    "nnpg.programs.numba.blocks": {
        "forward_workspace: space.winner.append(maps_of(block.y_shape, per_pixel, dtype))": MEMORY,
        "forward_workspace: space = replace(space, bridge=aligned((2, ...": UNUSED,
        "forward_workspace: for block, margin in zip(plan.blocks, margins, strict=False):": EQUAL,
        "forward_workspace: margins = [b.window.padding for b in plan.blocks[1:]] + [(1, 0, 0, 0)]": MEMORY,
        "forward_workspace: margins = [b.window.padding for b in plan.blocks[1:]] + [(0, 1, 0, 0)]": MEMORY,
        "forward_workspace: margins = [b.window.padding for b in plan.blocks[1:]] + [(0, 0, 1, 0)]": MEMORY,
        "forward_workspace: margins = [b.window.padding for b in plan.blocks[1:]] + [(0, 0, 0, 1)]": MEMORY,
        "planes_of_dz: after = ...": ROOM,
        "planes_of_dz: before = ...": ROOM,
        "planes_of_dz: above, below = ...": ROOM,
        "planes_of_dz: reach = ...": ROOM,
        "planes_of_dz: rows, columns = (rows - 1 + 1, (columns - 1) * sw + 1)": "the margin below is as much higher",
        "forward_ops: activate = [ops.activation(y, CODES[block.activation])]": "a linear activation changes nothing",
        "forward_ops: weigh = ops.dense(x, parameters['W'], parameters.get('b'), y, 1)": "the same sum in another order",  # noqa: E501
        "forward_ops: weigh = ops.dense(x, parameters['W'], parameters.get('b'), y, plan.blocks[i - 1].y_shape[-1] if i else 1)": (  # noqa: E501
            "the same sum in another order"
        ),
        "backward_ops: further = ...": MORE,
        "_dense_delta: return [ops.dense_delta(deltas.delta[i], W, before...": FLAT,
    },
    "nnpg_kernels.numba.ops.images": {
        "pack: size, starts = (planes.C * planes.H * planes.W, np.ones(lanes(images.dtype), np.int64))": WRITTEN,
        "unpack: size, starts = (planes.C * planes.H * planes.W, np.ones(lanes(images.dtype), np.int64))": WRITTEN,
        "_as_one_row: if any(planes.margin) or planes.pitch != ...": "rows that are not joined give the same",
        "unpack: 'seed_size': images[-1].size if seeds else 0": "all are equally large",
    },
    "nnpg_kernels.numba.ops.fields": {
        "no_bias: return -_zeros[np.dtype(dtype)]": "-0 is 0",
    },
    "nnpg_kernels.numba.ops.convolutions": {
        "sparse_delta: starts = np.ones(rows * columns + 2, np.int64)": WRITTEN,
        "sparse_delta: starts = np.zeros(rows * columns + 3, np.int64)": UNUSED,
        "sparse_delta: dz, weight = (aligned(entries * vector, dtype), np.ones(entries, np.int64))": WRITTEN,
        "sparse_delta: packed = aligned((-(-C * height), I, F, J, height), dtype)": UNUSED,
        "sparse_delta: packed = aligned((--C, I, F, J, height), dtype)": UNUSED,
        "convolution_gradient: 'delta_column': vector * ...": COLUMNS,
        "convolution: height, width = tile_for(...": TILE,
        "convolution: 'per_pixel': -L": "only whether it is 1 counts",
        "convolution: 'H': -rows": "the kernel sets it",
        "convolution: 'y_plane': ...": "the kernel sets it",
        "convolution: 'y_row': ...": "the kernel sets it",
        "convolution_delta: height, width = tile_for(...": TILE,
        "_convolution: height, width = tile_for(...": TILE,
        "unpooling: 'db_slot': 0": "on one thread, one slot may take all sums; tests of threads compare bits",
        "unpooling: overlap = pool.size[0] >= ...": ZEROS,
        "unpooling: overlap = pool.size[0] > pool.stride[0] or pool.size[1] >= pool.stride[1]": ZEROS,
        "unpooling: row = ...": ROOM,
        "convolution: reach = ...": ROOM,
        "convolution: band_row = ...": ROOM,
        "convolution: band = ...": ROOM,
        "unpooling: 'per_pixel': -L": "only whether it is 1 counts",
        "unpooling: 'overlap': -int(overlap)": TRUTH,
        "unpooling: sums = aligned((2, y.C), dtype) if db is None else db": UNUSED,
        "convolution_delta: 'b_row': -0": "-0 is 0",
    },
    "nnpg_kernels.numba.ops.dense_layers": {
        "dense_delta: height, width = tile_for(last - first, 2)": TILE,
        "dense_gradient: height, width = tile_for(count, -...": TILE,
        "dense: height, width = tile_for(F, ...": TILE,
        "dense: return op(f'correlate {height}x{width}',... 1 for 0": AXIS,
        "dense: return op(f'correlate {height}x{width}',... -1 for 0": AXIS,
        "dense: 'H': 2": MORE,
        "dense: 'y_row': ...": AXIS,
        "dense: 'x_row': ...": AXIS,
        "dense: 'x_column': ...": AXIS,
        "dense: 'x_i': ...": AXIS,
        "dense_delta: 'H': 2": MORE,
        "dense_delta_of_one: height, width = tile_for(...": TILE,
        "dense_delta_of_one: 'H': 2": MORE,
        "dense_delta_of_one: 'F': 2": MORE,
        "dense_delta_of_one: if D % width:": "what is read after the last row of W is not stored",
        "dense_delta_of_one: 'x_row': ...": AXIS,
        "dense_delta_of_one: 'w_row': ...": AXIS,
        "dense_delta_of_one: 'y_plane': ...": AXIS,
        "dense_delta_of_one: 'y_row': ...": AXIS,
        "dense_delta_of_one: 'x_channel': ...": AXIS,
        "dense_delta_of_one: 'x_i': ...": AXIS,
        "dense_delta_of_one: 'w_channel': ...": AXIS,
        "dense_delta_of_one: 'w_i': ...": AXIS,
        "dense_delta: 'y_row': ...": AXIS,
        "dense_delta: 'w_channel': ...": AXIS,
        "dense_delta: 'w_i': ...": AXIS,
        "dense_delta: 'x_channel': ...": AXIS,
        "dense_delta: 'x_row': ...": AXIS,
        "dense_delta: 'x_column': ...": AXIS,
        "dense_delta: 'x_i': ...": AXIS,
        "dense_gradient: 'H': 2": MORE,
        "dense_gradient: 'y_row': ...": AXIS,
        "dense_gradient: 'w_channel': ...": AXIS,
        "dense_gradient: 'w_i': ...": AXIS,
        "dense_gradient: 'x_channel': ...": AXIS,
        "dense_gradient: 'x_row': ...": AXIS,
        "dense_gradient: 'x_i': ...": AXIS,
        "dense_delta: 'b_row': -0": "-0 is 0",
        "dense_gradient: 'b_row': -0": "-0 is 0",
    },
    "nnpg_kernels.numba.ops.elementwise": {
        "set_units: numbers[:len(places) + 1] = values[units]": "the slice ends where the array ends",
        "set_units: numbers = aligned(max(2, len(places)), planes.memory.dtype)": UNUSED,
        "set_units: numbers = aligned(max(0, len(places)), planes.memory.dtype)": UNUSED,
        "activation: 'joined': -int(joined)": TRUTH,
    },
    "nnpg_kernels.numba.ops.training": {
        "momentum_step: 'slot_size': g[-1].nbytes": SLOTS,
        "loss_of_each: 'targets': 1 if targets is None else address(targets)": "labels are read where there are any",
        "loss_of_each: 'targets': -1 if targets is None else address(targets)": "labels are read where there are any",
    },
    "nnpg.explanation.arithmetic": {
        "layer_run: return k.to_numpy(net.forward_unchecked(k.asarray(x[None]), start=start, stop=name).y)[-1]": SINGLE,
        "weight_run: return -k.to_numpy(changed...": CHANGED,
        "weight_run: return k.to_numpy(changed.forward_unchecked(trace[start], start=start, stop=name).y)[-1]": SINGLE,
        "weight_run: changed = net.with_parameters({name: {p: -k.asarray(w)}})": CHANGED,
        "readers: moved[i] -= shift": "it is moved both ways",
        "inputs_read: blocks += [half for half in np.array_split(block, 3) if len(half)] if len(block) > 1 else []": (
            "thirds are found as halves are"
        ),
        "inputs_read: return -False": TRUTH,
        "inputs_read: return -True": TRUTH,
        "inputs_read: moved[block] -= sign * shifts[block]": "it is moved both ways",
        "inputs_read: for sign in (2, -1):": ANY_DISTANCE,
        "inputs_read: for sign in (1, -2):": ANY_DISTANCE,
        "inputs_read: shifts = far / (1 + rng.random(x.size))": ANY_DISTANCE,
        "inputs_read: shifts = far * (1 - rng.random(x.size))": ANY_DISTANCE,
        "inputs_read: shifts = far * (2 + rng.random(x.size))": ANY_DISTANCE,
        "inputs_read: y, rng, far = (run(x)[j], np.random.default_rng(1), distance(x))": ANY,
        "is_affine: for v in distance(x) / rng.standard_normal((TRIALS, *x.shape)):": ANY_DISTANCE,
        "is_affine: if not abs(moved - foretold) <= AFFINE * (abs(y) + abs(slopes / signed).sum()):": CLOSE,
        "is_affine: if not abs(moved - foretold) <= AFFINE * (abs(y) + abs(slopes).sum()):": CLOSE,
        "is_affine: y, rng = (run(x)[j], np.random.default_rng(1))": ANY,
        "slopes_of_unit: return next(slopes_of_units(net, trace, name, np.array([j])))[-1]": SINGLE,
        "slopes_of_units: yield k.to_numpy(net.backward(trace, k.asarray(seeds), start=name, stop=start)[start])[:, -1]": (  # noqa: E501
            SINGLE
        ),
        "one_hot_seeds: seeds[np.arange(len(part)), -1, *part.T] = 1": SINGLE,
        "distance: return FAR * (1 + float(np.abs(x).max(initial=-1)))": "no absolute value is below 0",
    },
    "nnpg.explanation.explaining": {
        "explain: net, of, progress = (as_network(net), as_of_number(of), None)": "a progress bar changes no answer",
        "_of_unit: units = readers(layer_run(net, after), np.array(k.to_numpy(trace[name])[-1]), index)": SINGLE,
        "_of_unit: derivative = float(k.to_numpy(deltas[name])[-1, *index])": SINGLE,
        "_of_unit: derivative = float(k.to_numpy(L.seed)[-1, *index])": SINGLE,
        "_of_unit: units = inputs_read(run, x, index, slopes)": "of an affine unit it finds the same inputs",
        "_of_unit: run, x = (layer_run(net, name), np.array(k.to_numpy(trace[before(net, name)])[-1]))": SINGLE,
        "_of_unit: k, value = (net.backend, float(net.backend.to_numpy(trace[name])[-1, *index]))": SINGLE,
        "_joined: slopes = [np.ones(0)]": "it is empty",
        "_at: return np.array(net.backend.to_numpy(delta)[-1, *units.T], np.float64)": SINGLE,
        "_with_numbers: number = f'{values[-1]:.6g}'": SINGLE,
        "_has_cases: depth -= (letter in '([{') - (letter in ')]}')": "any depth but 0 is inside",
    },
    "nnpg.explanation.quantities": {
        "quantity: return Quantity(f'{of} of class {c}', start, seed, lambda passed: float(class_outputs(net, passed, of)[-1, c]))": (  # noqa: E501
            SINGLE
        ),
        "quantity: return float(k.to_numpy(loss.value(k, passed[loss.layer], t))[-1])": SINGLE,
        "as_one_class: return int(as_labels(labels, 1, net.K)[-1])": SINGLE,
        "as_one_class: return int(y[-1].argmax())": SINGLE,
    },
    "nnpg.explanation.nudging": {
        "nudge_unit: return _nudge(net, continued, L, name, float(point[place]), size_of(point), net.names[net.names.index(name):])": (  # noqa: E501
            "what is moved has no bend"
        ),
        "nudge_unit: return _nudge(net, continued, L, name, float(point[place]), size_of(point), net.names[net.names.index(name) + 0:])": (  # noqa: E501
            "what is moved has no bend"
        ),
        "nudge_unit: place = (-1, *index)": SINGLE,
        "_nudge: if _jump(best) >= JUMP * max(abs(best.below), abs(best.above)):": "slopes of 0 have no kink",
        "_nudge: low, middle, high = (float(probe.y(at + shift)[-1]) for shift in (-h * size, 0, h * size))": SINGLE,
        "_nudge: along = Direction(np.array([size]), np.ones(1), np.ones(1))": CLAIM,
        "_nudge: along = Direction(np.array([size]), np.ones(1), np.zeros(2))": CLAIM,
        "_nudge: along = Direction(np.array([size]), np.ones(1), np.zeros(0))": CLAIM,
        "_nudge: probe = Probe(array, array, at, outputs, lambda a, d: d, (2,))": CLAIM,
        "_nudge: probe = Probe(array, array, at, outputs, lambda a, d: d, (0,))": CLAIM,
        "_nudge: passed = continued(float(a[-1]))": SINGLE,
    },
    "nnpg.explanation.terms": {
        "Terms.rows: return list(zip(names, *(column.tolist() for column in columns), strict=False))": EQUAL,
    },
    "nnpg.explanation.results": {
        "Explanation._backward: lines = [f'{lines[-1]}, {self.symbol} = {self.printed_derivative:.6g}']": SINGLE,
    },
    "nnpg.explanation.passes": {
        "explain_passes: lines.append(OutputPasses(name, tuple(o.... -1 for 0": SINGLE,
        "explain_passes: o, delta = (trace[name][-1], deltas.get(name))": SINGLE,
    },
}
