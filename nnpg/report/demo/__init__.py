"""The demo on built-in faces: train, rank, knock out, and one page that explains it.

`learn`, `examine` and `claims.claims_about_gradients` compute everything that the page says; `pictures` draws it, each
picture as soon as it is known, and `page` writes it. Nothing is fixed beforehand: each claim is a number of the run,
and the run decides whether it holds.
"""

from nnpg.report.demo.findings import BATCH, EPOCHS, LR, SEED, Findings, Learnt, examine, learn

__all__ = ["BATCH", "EPOCHS", "LR", "SEED", "Findings", "Learnt", "examine", "learn"]
