"""What the lecture is about: the papers' network on the built-in faces, one image, and the numbers that it follows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nnpg.data import Dataset, faces, stratified_split
from nnpg.explanation import Explanation, explain
from nnpg.explorer import images_of_page
from nnpg.network import Network
from nnpg.optimisers import SGD
from nnpg.prediction import prediction_gradient
from nnpg.recipes.models import face_net
from nnpg.report.demo import BATCH, EPOCHS, LR, SEED
from nnpg.scores import FilterScores, filter_scores
from nnpg.support.arguments import as_count
from nnpg.trace import Trace
from nnpg.training import train
from nnpg_kernels import Array

SURE = 0.8  # the image is answered rightly and about as surely: at 1.0 nothing changes the answer much


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained network, its images, and the image on which the lecture follows each number.

    Parameters
    ----------
    net : Network
    data : Dataset
    page : array (n,), int
        Numbers of the images on the explorer's page.
    image : int
        Number of the image, counted in `data`.
    epochs : int
    """

    net: Network
    data: Dataset
    page: Array
    image: int
    epochs: int

    @property
    def x(self) -> Array:
        """The image, (1, C, H, W)."""
        return self.data.x[self.image : self.image + 1]

    @property
    def label(self) -> int:
        """The class of the image, which the network predicts."""
        return int(self.data.labels[self.image])

    @property
    def name(self) -> str:
        """Name of that class."""
        return self.data.class_names[self.label]

    @cached_property
    def trace(self) -> Trace:
        """The forward pass of the image, in float64."""
        return self._exact.forward(self.x.astype(np.float64))

    @cached_property
    def deltas(self) -> dict[str, Array]:
        """dy/do of the class of the image, for every output."""
        return self._exact.backward(self.trace, np.eye(self.net.K)[[self.label]])

    @cached_property
    def scores(self) -> FilterScores:
        """The score of each filter for each class."""
        data = self.data
        return filter_scores(self.net, data.x, data.labels, class_names=data.class_names, progress=False)

    @property
    def runner_up(self) -> int:
        """The class with the second largest output."""
        return int(self.trace.y[0].argsort()[-2])

    def strongest(self, output: str) -> str:
        """Return the address of the unit of an output that has the largest |dy/do|."""
        return self._address(output, int(abs(self.deltas[output][0]).argmax()))

    def loser(self) -> str:
        """Return a unit in the window of the last pool's strongest unit that is not the largest there."""
        pool = self.strongest("pool3")
        window = explain(self.net, self.x, unit=pool, classes=self.label, progress=False).inputs
        assert window is not None
        lost = int(np.flatnonzero(window.slopes == 0)[0])
        return window.names[lost]

    def weight(self) -> str:
        """Return the weight of the strongest unit's filter with the largest gradient, as the explorer's tour does."""
        f = int(self.strongest("conv3").partition(":")[2].split(",")[0])
        dW = self._exact.gradients(self.trace, {"conv3": self.deltas["conv3"]})["conv3"]["W"][f]
        c, i, j = np.unravel_index(int(abs(dW).argmax()), dW.shape)
        return f"conv3.W:{f},{c},{i},{j}"

    def explain(self, unit: str | None = None, weight: str | None = None) -> Explanation:
        """Explain a unit or a weight for the image and its class."""
        return explain(self.net, self.x, unit=unit, weight=weight, classes=self.label, progress=False)

    def gradient(self, layer: str, c: int) -> Array:
        """Return dy_c/do of the image for one output."""
        return prediction_gradient(self.net, self.x, layers=layer, classes=c)[layer][0]

    @cached_property
    def _exact(self) -> Network:
        return self.net.astype(np.float64).to("numpy")

    def _address(self, output: str, place: int) -> str:
        index = np.unravel_index(place, self.net.shapes[output])
        return f"{output}:{','.join(map(str, index))}"


def lecture_subject(epochs: int = EPOCHS, *, progress: bool | None = None) -> Subject:
    """Train the network of `nnpg demo` on the built-in faces, and choose the image of the lecture.

    Parameters
    ----------
    epochs : int
    progress : bool, optional
        Draw a progress bar; by default, only on a terminal.

    Returns
    -------
    Subject

    Examples
    --------
    >>> subject = lecture_subject(epochs=2, progress=False)
    >>> subject.net.names[-1], len(subject.page), subject.x.shape
    ('softmax1', 30, (1, 1, 60, 60))
    """
    epochs, data = as_count(epochs, "epochs"), faces()
    train_set, _ = stratified_split(data, rng=SEED).apply(data)
    first = face_net(train_set.x, data.K, rng=SEED)
    options = {"epochs": epochs, "batch": BATCH, "rng": SEED, "optimiser": SGD(LR), "progress": progress}
    net = train(first, train_set.x, train_set.labels, **options).net  # type: ignore[arg-type]
    page = images_of_page(net, data.x, data.labels)
    y = net.forward(data.x[page]).y
    right = y.argmax(axis=1) == data.labels[page]
    apart = np.where(right, abs(y[np.arange(len(page)), data.labels[page]] - SURE), np.inf)
    return Subject(net, data, page, int(page[apart.argmin()]), epochs)
