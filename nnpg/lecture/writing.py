"""The folder of the lecture: notes, handout, drawings, the explorer's page and the model."""

from __future__ import annotations

from pathlib import Path

from nnpg.explanation.explaining import formula_of
from nnpg.explorer import explore
from nnpg.files import results_folder, save
from nnpg.lecture.drawings import draw_lecture
from nnpg.lecture.steps import MODEL, lecture_steps
from nnpg.lecture.subject import Subject
from nnpg.network import Network
from nnpg.report.page import write_template
from nnpg.report.pictures import Image
from nnpg.support.arguments import as_flag, as_instance, as_path

EXPLORER, NOTES, HANDOUT, DRAWN = "explorer.html", "lecture.html", "handout.html", "drawings"
COMMANDS = (  # on the handout
    ("nnpg demo", "trains this network, ranks its filters, knocks them out, and explains it on one page"),
    ("nnpg tutorials --to DIR", "the same by hand, line by line, in notebooks"),
    ("nnpg exercise list", "write the backward passes yourself; each mistake is named"),
    ("nnpg explain MODEL --unit pool1:2,9,9", "the arithmetic of any number"),
)


def write_lecture(subject: Subject, folder: str | Path, *, attack: bool = True, progress: bool | None = None) -> Path:
    """Write everything that the lecture needs into a folder; no page of it needs the network.

    Parameters
    ----------
    subject : Subject
    folder : path
        Made if need be. It gets lecture.html (the notes), handout.html (two pages to print), explorer.html,
        faces.safetensors, and drawings/, each as .svg and .pdf.
    attack : bool
        Also search for the least distortion of each image on the explorer's page, which takes most of the time.
    progress : bool, optional
        Draw a progress bar; by default, only on a terminal.

    Returns
    -------
    Path
        The notes.

    Raises
    ------
    OSError
        If the folder cannot be written to.

    Examples
    --------
    >>> write_lecture(None, "lecture")
    Traceback (most recent call last):
    ...
    TypeError: subject must be a Subject object, not None
    """
    subject, folder, attack = (
        as_instance(subject, Subject, "subject"),
        as_path(folder, "folder"),
        as_flag(attack, "attack"),
    )
    results_folder(folder)
    (folder / DRAWN).mkdir(exist_ok=True)
    draw_lecture(subject, folder / DRAWN, progress=progress)
    save(subject.net, folder / MODEL)
    write_handout(subject, folder)
    data, page = subject.data, subject.page
    options = {"class_names": data.class_names, "title": "faces", "attack": attack, "progress": progress}
    explore(subject.net, data.x[page], data.labels[page], folder / EXPLORER, **options)  # type: ignore[arg-type]
    values = {
        "title": "One lecture",
        "steps": lecture_steps(subject),
        "subject": subject,
        "explorer": EXPLORER,
        "drawn": DRAWN,
        "handout": HANDOUT,
    }
    return write_template(folder / NOTES, "lecture.html.j2", **values)


def write_handout(subject: Subject, folder: Path) -> Path:
    """Write the two pages to print into a folder that has the drawings, and return the file."""
    drawn = folder / DRAWN
    number = Image(drawn / "07-convolution.svg", "Deltas times weights, one number's delta as their sum")
    ranking = Image(drawn / "10-ranking.svg", "Four faces, each with the filters of the network")
    names = ("conv1", "tanh1", "pool1", "dense1", "softmax1")
    values = {
        "title": "Backpropagation and the prediction gradient",
        "steps": lecture_steps(subject),
        "number": [number],
        "ranking": [ranking],
        "formulas": [(type(subject.net.layers[n]).__name__, *formulas_of(subject.net, n)) for n in names],
        "commands": COMMANDS,
    }
    return write_template(folder / HANDOUT, "handout.html.j2", **values)


def formulas_of(net: Network, name: str) -> tuple[str, str]:
    """Return how a layer computes its output and its delta, each the first line of the method's docstring."""
    return formula_of(net, name, "forward"), formula_of(net, name, "backward")
