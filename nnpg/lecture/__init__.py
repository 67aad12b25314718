"""One lecture of 45 minutes on backpropagation and the prediction gradient, with numbers of one trained network.

Where to read: `subject.py` (the network, the image and the units that the lecture is about), `steps.py` (the twelve
steps, in words), `pointing.py` (what to point at in each), `states.py` (links to states of the explorer),
`drawings.py` (the pictures), `writing.py` (what `nnpg lecture` writes).
"""

from nnpg.lecture.steps import Link, Step, lecture_steps
from nnpg.lecture.subject import Subject, lecture_subject

__all__ = ["Link", "Step", "Subject", "lecture_steps", "lecture_subject"]
