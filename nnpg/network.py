"""A network is a value: named layers in order, the interventions on their outputs, and the backend of its arrays.

    trace = net.forward(x)                       every output by name:  trace["pool1"]
    deltas = net.backward(trace, seed)           every delta by name:   deltas["pool1"]
    grads = net.gradients(trace, deltas)         every gradient:        grads["conv1"]["W"]

The naming law: `deltas[name]` is the derivative of the seeded output with respect to `trace[name]`. It has that
array's shape, with the seed's extra leading axes in front: a seed (N, K) gives (N, ...), (S, N, K) gives (S, N, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.interventions import Intervention, as_intervention
from nnpg.layers import Layer, arrays, parameters
from nnpg.layers.read_only import held_layer
from nnpg.layers.shapes import is_built_in, output_shapes
from nnpg.support.arguments import (
    as_array,
    as_dtype,
    as_generator,
    as_instance,
    as_mapping,
    as_numbers,
    as_sequence,
    as_shape,
    as_text,
    described,
)
from nnpg.support.crossings import all_to_numpy
from nnpg.support.device_memory import deltas_do_not_fit, gradients_do_not_fit, outputs_do_not_fit
from nnpg.support.network_arguments import as_backend, as_images, as_layer, as_output, as_outputs, refuse_another_device
from nnpg.support.waiting import waited_for
from nnpg.trace import Trace
from nnpg_kernels import Array, Backend, load

INPUT = "input"  # the name of x itself


@dataclass(frozen=True, eq=False)
class Network:
    """Layers by name in the order in which data flows.

    A network is a value: its mappings are read-only, and so are the arrays of nnpg's own layers. An array that can
    still be written to is copied once, into C order, when the network is made; writing to the original later changes
    nothing. On a device, arrays of the host go up when the network is made: those of nnpg's own layers, and those of
    interventions. Your own layers are not copied. A network can be deep-copied, and pickled for other processes.

    Parameters
    ----------
    layers : mapping from name to Layer
    input_shape : tuple of int
        Shape of one image, without N.
    backend : Backend
    interventions : mapping from name to a tuple of Intervention, optional
        Changes of the output of that name, before the next layer reads it.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> trace = net.forward([[1.0, -1.0]])
    >>> deltas = net.backward(trace, np.eye(3)[:, None, :])  # one seed for each class, (S, N, K)
    >>> deltas["input"].shape
    (3, 1, 2)
    """

    layers: Mapping[str, Layer]
    input_shape: tuple[int, ...]
    backend: Backend = field(default_factory=load)
    interventions: Mapping[str, tuple[Intervention, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, layer in as_mapping(self.layers, "layers", "name to layer").items():
            as_layer(layer, f"layer {as_text(name, 'the name of a layer')!r}")
        if not self.layers:
            raise ValueError(f"layers must name at least one layer, not {described(self.layers)}")
        object.__setattr__(self, "input_shape", as_shape(self.input_shape, "input_shape"))
        as_backend(self.backend)
        if INPUT in self.layers:
            raise ValueError(f"no layer may be named {INPUT!r}: that is the name of x itself")
        k = self.backend
        held = {id(layer): held_layer(layer, k) for layer in self.layers.values()}  # two names may share one layer
        layers = {name: held[id(layer)] for name, layer in self.layers.items()}
        object.__setattr__(self, "layers", MappingProxyType(layers))
        interventions = dict(as_mapping(self.interventions, "interventions", "name to interventions"))
        for name, changes in interventions.items():
            as_output(self, name, "interventions")
            changes = [as_intervention(c) for c in as_sequence(changes, f"interventions[{name!r}]", "interventions")]
            if k.xp is not np:
                interventions[name] = tuple(change.to(k.asarray) for change in changes)
        object.__setattr__(self, "interventions", MappingProxyType(interventions))

    def __reduce__(self) -> tuple[Any, ...]:
        k = self.backend.__name__ if isinstance(self.backend, ModuleType) else self.backend
        return _rebuilt, (dict(self.layers), self.input_shape, k, dict(self.interventions))

    # The three passes

    def forward(self, x: npt.ArrayLike, *, start: str | None = None, stop: str | None = None) -> Trace:
        """Compute every output, from `x` on.

        Parameters
        ----------
        x : array (N, *input_shape)
            Converted to the network's dtype. If it has that dtype, it is not copied: do not change it while the trace
            is in use.
        start : str, optional
            Take `x` as the output of this name, `trace[start]`, and run only the layers after it.
        stop : str, optional
            Stop after the output of this name.

        Returns
        -------
        Trace

        Raises
        ------
        ValueError
            If `x` has another shape than the network's input, or a layer cannot take its input.
        KeyError
            If `start` or `stop` is no output of this network.
        """
        return self.forward_unchecked(self.as_input(x, start), start, stop)

    def forward_unchecked(self, x: Array, start: str | None = None, stop: str | None = None) -> Trace:
        """The same for an array of the backend, which may be complex: gradients are checked by a complex step."""
        first = 0 if start is None else self._index(start, "start")
        last = len(self.layers) if stop is None else self._index(stop, "stop")
        if first > last:
            raise ValueError(f"forward starts at {start!r}, but stop={stop!r} comes before it")
        names = self.names[first + 1 : last + 1]
        outputs, saved, intervened = {}, {}, {}
        if start is None:
            x, intervened[INPUT] = self._intervene(INPUT, x)
        outputs[start or INPUT] = _read_only(x)
        for name in names:
            try:
                x, saved[name] = waited_for(self.layers[name].forward, self.backend, x, size=x)
            except (ValueError, IndexError) as error:
                kind = type(self.layers[name]).__name__
                raise ValueError(f"layer {name!r} ({kind}) cannot take an input of shape {x.shape}: {error}") from error
            except MemoryError as error:
                raise outputs_do_not_fit(self, len(x), outputs.values()) from error
            if name in self.interventions:
                x, intervened[name] = self._intervene(name, x)
            outputs[name] = x = _read_only(x)
        return Trace(outputs, saved, intervened)

    def backward(
        self,
        trace: Trace,
        seed: npt.ArrayLike,
        *,
        start: str | None = None,
        stop: str | None = None,
        keep: Collection[str] | None = None,
    ) -> dict[str, Array]:
        """Send a seed back: the derivative of sum(seed * trace[start]) with respect to every output before it.

        Parameters
        ----------
        trace : Trace
            Of this network.
        seed : array (..., *trace[start].shape)
            Extra leading axes are independent seeds.
        start : str, optional
            The output where the seed enters; by default, the last one of the trace.
        stop : str, optional
            The output where the pass ends; by default, the first one of the trace. Training stops at the first layer
            with parameters.
        keep : names, optional
            Return only these deltas, so that the others are not kept in memory.

        Returns
        -------
        dict
            `deltas[name]` for every output from `start` back to `stop`, both included.

        Raises
        ------
        ValueError
            If the seed does not end in the shape of `trace[start]`, or `stop` comes after `start`.
        KeyError
            If the trace does not hold `start` or `stop`.
        """
        trace = as_instance(trace, Trace, "trace")
        start = next(reversed(trace.outputs)) if start is None else start
        stop = next(iter(trace.outputs)) if stop is None else stop
        keep = None if keep is None else as_outputs(self, tuple(keep) if isinstance(keep, set) else keep, "keep")
        last, first = self._index(start, "start"), self._index(stop, "stop")
        if first > last:
            raise ValueError(f"backward runs from {start!r} back, but stop={stop!r} comes after it")
        trace[stop]  # its KeyError lists the outputs of the trace
        delta = self._numbers(seed, "seed", f"an array (..., *{trace[start].shape})")
        if delta.shape[max(0, delta.ndim - trace[start].ndim) :] != trace[start].shape:
            raise ValueError(
                f"seed: it enters at {start!r} and must end in its shape {trace[start].shape}, not {delta.shape}"
            )
        delta = delta.astype(trace[start].dtype, copy=False)
        deltas = {}
        for name in reversed(self.names[first : last + 1]):
            if keep is None or name in keep:
                deltas[name] = delta
            if name != stop:
                delta = self._before(trace, name, delta, deltas)
        return deltas

    def gradients(self, trace: Trace, deltas: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Return the gradients of the parameters of every layer whose delta is given.

        Returns
        -------
        dict
            `gradients["conv1"]["W"]` has the shape of that W, with the seed's extra leading axes in front.
        """
        trace, result = as_instance(trace, Trace, "trace"), {}
        for name, values in as_mapping(deltas, "deltas", "output to array").items():
            self._index(name, "deltas")
            delta = self._numbers(values, f"deltas[{name!r}]", "an array")
            if name in trace.outputs and delta.shape[max(0, delta.ndim - trace[name].ndim) :] != trace[name].shape:
                raise ValueError(f"deltas[{name!r}] must end in the shape {trace[name].shape}, not {described(delta)}")
            if name in trace.saved and self.layers[name].parameters:
                result[name] = self._gradients_of(trace, name, delta)
        return result

    def as_input(self, x: npt.ArrayLike, start: str | None = None) -> Array:
        """Return images as `forward` takes them, in the network's dtype, or raise an error for a wrong shape."""
        if start is not None:
            self._index(start, "start")
        if start is None and not self._on_device(x):
            x = self.backend.asarray(as_images(self, x))
        else:
            x = self._numbers(x, "x", f"the output {start!r}" if start else f"images of shape (N, *{self.input_shape})")
            if start is None and x.shape[1:] != self.input_shape:
                raise ValueError(f"x must be images of shape (N, *{self.input_shape}), not {described(x)}")
        if x.dtype.kind not in "fc":
            x = x.astype(self.dtype)
        if x.dtype.kind == "c" or not self.parameters:  # without weights, the network has no type
            return x
        return x.astype(self.dtype, copy=False)

    # Other networks from this one; each shares every layer that is not changed

    def replace(self, name: str, layer: Layer | None = None, **changes: Any) -> Network:
        """Return this network with one layer exchanged, or with some of its fields changed.

        Examples
        --------
        >>> import nnpg
        >>> net = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0)
        >>> net.replace("dense1", b=np.ones(3, "float32")).layers["dense1"].b
        array([1., 1., 1.], dtype=float32)
        """
        new = as_layer(layer) if layer is not None else self._changed(name, changes)
        return replace(self, layers={**self.layers, self._layer(name): new})

    def with_parameters(self, new: Mapping[str, Mapping[str, Array]]) -> Network:
        """Return this network with other weights: `new["conv1"]["W"]`, as `parameters` gives them."""
        layers = dict(self.layers)
        for name, changes in as_mapping(new, "new", "layer to its arrays by name").items():
            layers[name] = self._changed(name, changes)
        return replace(self, layers=layers)

    def intervene(self, name: str, *changes: Intervention) -> Network:
        """Return this network with more interventions on the output `name`, after those that it already has."""
        self._index(name, "name")
        extended = (*self.interventions.get(name, ()), *changes)
        return replace(self, interventions={**self.interventions, name: extended})

    def drawn(self, rng: np.random.Generator) -> Network:
        """Return this network with a fresh mask in every dropout layer: the network of one training step."""
        rng = as_generator(rng)
        fresh = {n: layer.drawn(rng) for n, layer in self.layers.items() if hasattr(layer, "drawn")}
        return replace(self, layers={**self.layers, **fresh}) if fresh else self

    def undrawn(self) -> Network:
        """Return this network without masks: the one that predicts.

        Examples
        --------
        >>> import nnpg
        >>> net = nnpg.build([nnpg.Dropout(0.5, key=1)], input_shape=(2,), rng=0)
        >>> net.undrawn().layers["dropout1"].key is None
        True
        """
        plain = {n: layer.undrawn() for n, layer in self.layers.items() if hasattr(layer, "undrawn")}
        return replace(self, layers={**self.layers, **plain}) if plain else self

    def to(self, backend: str | Backend) -> Network:
        """Return this network on another backend."""
        k = as_backend(backend)
        if k.xp is self.backend.xp:  # the same arrays
            return replace(self, backend=k)

        def move(a: Array) -> Array:
            return k.asarray(self.backend.to_numpy(a))

        on_host = iter(
            all_to_numpy(self.backend, [a for layer in self.layers.values() for a in arrays(layer).values()])
        )
        changes = {name: tuple(c.to(move) for c in cs) for name, cs in self.interventions.items()}
        layers = self._layers_of(lambda a: k.asarray(next(on_host)))
        return replace(self, layers=layers, backend=k, interventions=changes)

    def astype(self, dtype: npt.DTypeLike) -> Network:
        """Return this network in another floating-point type."""
        dtype = as_dtype(dtype)
        return replace(self, layers=self._layers_of(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a))

    # Properties

    @property
    def names(self) -> list[str]:
        """The outputs in order: "input", then one for each layer."""
        return [INPUT, *self.layers]

    @property
    def parameters(self) -> dict[str, dict[str, Array]]:
        """The learned arrays: `net.parameters["conv1"]["W"]`."""
        return {name: p for name, layer in self.layers.items() if (p := parameters(layer))}

    @property
    def dtype(self) -> np.dtype[Any]:
        """Floating-point type of the parameters; float32 where there are none."""
        weights = [a for p in self.parameters.values() for a in p.values()]
        return np.result_type(*weights).newbyteorder("=") if weights else np.dtype(np.float32)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every output for one image, without N.

        Examples
        --------
        >>> import nnpg
        >>> nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0).shapes
        {'input': (2,), 'dense1': (3,)}
        """
        if all(map(is_built_in, self.layers.values())):
            return output_shapes(self.layers, self.input_shape)
        net = replace(self, backend=load("numpy")) if self.backend.xp is np else self  # compile nothing
        trace = net.forward(np.zeros((1, *self.input_shape), self.dtype))
        return {name: trace[name].shape[1:] for name in trace}

    @property
    def K(self) -> int:
        """Number of classes, which is the number of outputs per image.

        Raises
        ------
        ValueError
            If the network ends in feature maps.
        """
        shape = self.shapes[self.names[-1]]
        if len(shape) != 1:
            raise ValueError(
                f"this network has no classes: its last output {self.names[-1]!r} is {shape} for one image, not (K,). "
                "Put Flatten() and a dense layer after it, or take a network that ends in one number for each class"
            )
        return int(shape[0])

    @property
    def n_parameters(self) -> int:
        """How many numbers are learned."""
        return sum(a.size for p in self.parameters.values() for a in p.values())

    def __repr__(self) -> str:
        chain = " -> ".join([f"Network {self.input_shape}", *self.layers])
        return f"{chain} ({self.n_parameters} parameters, {self.dtype}, {self.backend.name})"

    # Private

    def _layers_of(self, f: Callable[[Array], Array]) -> dict[str, Layer]:
        """Return the layers, with `f` of each of their arrays."""
        old = {name: arrays(layer) for name, layer in self.layers.items()}
        changed = {n: self._changed(n, {field: f(a) for field, a in of.items()}) for n, of in old.items() if of}
        return {**self.layers, **changed}

    def _index(self, name: str, argument: str) -> int:
        return self.names.index(as_output(self, name, argument))

    def _layer(self, name: str) -> str:
        if not isinstance(name, str) or name not in self.layers:
            raise KeyError(f"no layer named {described(name)}; this network has {', '.join(self.layers)}")
        return name

    def _changed(self, name: str, changes: Mapping[str, Any]) -> Layer:
        """Return a layer with other values in some of its fields."""
        layer = self.layers[self._layer(name)]
        changes = as_mapping(changes, f"what changes in layer {name!r}", "field to value")
        known: list[str] = [f.name for f in fields(layer)] if is_dataclass(layer) else []
        unknown = [field for field in changes if field not in known]
        if unknown:
            raise TypeError(
                f"layer {name!r} ({type(layer).__name__}) has the fields {', '.join(known) or 'of no dataclass'}, not "
                f"{described(unknown[0])}"
            )
        return replace(layer, **changes)  # type: ignore[type-var]

    def _before(self, trace: Trace, name: str, delta: Array, held: Mapping[str, Array]) -> Array:
        """Return the delta of a layer's input from that of its output."""
        images, seeds = len(trace[name]), delta.size // max(1, trace[name].size)
        try:
            for change, saved in reversed(self._changes(trace, name)):
                delta = change.backward(self.backend, delta, saved)
            return waited_for(self.layers[name].backward, self.backend, delta, trace.saved[name], size=delta)
        except MemoryError as error:
            raise deltas_do_not_fit(self, images, seeds, held.values()) from error

    def _gradients_of(self, trace: Trace, name: str, delta: Array) -> dict[str, Array]:
        """Return the gradients of one layer from the delta of its output."""
        seeds = delta.size // max(1, trace[name].size)
        try:
            for change, saved in reversed(self._changes(trace, name)):
                delta = change.backward(self.backend, delta, saved)
            return waited_for(self.layers[name].gradients, self.backend, delta, trace.saved[name], size=delta)
        except MemoryError as error:
            numbers = sum(a.size for a in self.parameters[name].values())
            raise gradients_do_not_fit(self, name, numbers, len(trace[name]), seeds) from error

    def _on_device(self, a: Any) -> bool:
        return self.backend.xp is not np and isinstance(a, self.backend.xp.ndarray)

    def _numbers(self, a: Any, name: str, expected: str) -> Array:
        """An array of the backend: real numbers, for a network of real numbers."""
        refuse_another_device(self, a, name)
        if self.dtype.kind == "c":
            return self.backend.asarray(a if self._on_device(a) else as_array(a, name, expected))
        return self.backend.asarray(as_numbers(a, name, expected, stays=self._on_device(a)))

    def _intervene(self, name: str, x: Array) -> tuple[Array, tuple[Any, ...]]:
        saved, shape = [], x.shape
        for change in self.interventions.get(name, ()):
            try:
                x, s = change.forward(self.backend, x)
            except (ValueError, IndexError) as error:
                raise ValueError(_misfit(change, name, shape, str(error))) from error
            if x.shape != shape:
                raise ValueError(_misfit(change, name, shape, f"it would become {x.shape}"))
            saved.append(s)
        return x, tuple(saved)

    def _changes(self, trace: Trace, name: str) -> list[tuple[Intervention, Any]]:
        return list(zip(self.interventions.get(name, ()), trace.intervened.get(name, ()), strict=True))


def as_network(net: Any, name: str = "net") -> Network:
    """Return a network.

    Examples
    --------
    >>> as_network("net.safetensors")
    Traceback (most recent call last):
    ...
    TypeError: net must be a Network object, not 'net.safetensors'
    """
    return as_instance(net, Network, name)


def _rebuilt(layers: dict[str, Layer], input_shape: tuple[int, ...], k: Any, interventions: Any) -> Network:
    """Return a network from its pickled parts; a backend that is a module was pickled by its name."""
    backend: Any = import_module(k) if isinstance(k, str) else k
    return Network(layers, input_shape, backend, interventions)


def _misfit(change: Intervention, name: str, shape: tuple[int, ...], why: str) -> str:
    return f"{type(change).__name__} does not fit the output {name!r} of shape {shape}: {why}"


def _read_only(a: Array) -> Array:
    """Return a view of `a`, read-only if the array type supports that."""
    view = a.view()
    if isinstance(view, np.ndarray):
        view.flags.writeable = False
    return view
