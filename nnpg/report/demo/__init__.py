"""The demo on built-in faces: train, rank, knock out, and one page that explains it.

`measure` computes everything that the page says; `nnpg.report.demo.page` draws and writes it. Nothing is fixed
beforehand: each claim is a number of the run, and the run decides whether it holds.
"""

from nnpg.report.demo.findings import BATCH, EPOCHS, LR, SEED, Findings, measure

__all__ = ["BATCH", "EPOCHS", "LR", "SEED", "Findings", "measure"]
