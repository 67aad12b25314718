"""The demo on built-in faces: train, rank, knock out, and one page that explains it.

`learn` and then `examine` compute everything that the page says; `nnpg.report.demo.pictures` draws it, and
`nnpg.report.demo.page` writes it. Nothing is fixed beforehand: each claim is a number of the run, and the run decides
whether it holds.
"""

from nnpg.report.demo.findings import BATCH, EPOCHS, LR, SEED, Findings, Learnt, examine, learn

__all__ = ["BATCH", "EPOCHS", "LR", "SEED", "Findings", "Learnt", "examine", "learn"]
