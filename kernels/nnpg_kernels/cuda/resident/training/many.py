"""`struct Many`: a training of small batches as the numbers for which `many_steps` is compiled; see many.cu."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from nnpg_kernels.cuda.resident.numbers import numbers_of_team
from nnpg_kernels.cuda.resident.structs import struct_of
from nnpg_kernels.cuda.resident.training.numbers import Step, text_of_step
from nnpg_kernels.cuda.resident.ways import BlockOfLayers, up

IMAGES_AT_MOST = 4  # of a batch: with more, one block for each image has more multiprocessors
CLUSTER = 8  # blocks, at most
WORTH = 1 << 18  # multiply-adds of an image, of which a team of blocks shares those of convolutions, worth its barriers


@dataclass(frozen=True, eq=False)
class ManySteps:
    """A training whose steps one cluster takes.

    Parameters
    ----------
    text : str
        `struct Net`, `struct Step` and `struct Many`.
    blocks : int
        Of the cluster.
    threads, shared_bytes : int
        Of a block.
    """

    text: str
    blocks: int
    threads: int
    shared_bytes: int

    def why_not(self, bytes_at_most: int) -> str:
        """Return why the blocks of a device cannot have it, or ""."""
        if self.shared_bytes <= bytes_at_most:
            return ""
        needed = f"weights, velocity and an image need {self.shared_bytes} bytes of shared memory"
        return f"{needed}, and a block of this device has {bytes_at_most}"


def many_steps_of(
    step: Step,
    blocks: Sequence[BlockOfLayers],
    biases: Sequence[bool],
    images: int,
    *,
    centred: bool,
    head: str,
    clusters: bool,
) -> ManySteps:
    """Return the numbers with which a cluster takes the same steps: every sum is added in the same order.

    Parameters
    ----------
    step : Step
        Of the two launches.
    blocks, biases, centred, head
        As in `step_of`.
    images : int
        Of a batch, IMAGES_AT_MOST or fewer. Each has a team of blocks.
    clusters : bool
        Whether the device has any; without, one block computes one image after the other.
    """
    teams = 1 << (images - 1).bit_length() if clusters else 1
    shares = clusters and step.work >= WORTH and any(block.kind == "conv" for block in blocks)
    team = CLUSTER // teams if shares else 1
    net = numbers_of_team(blocks, step.dtype, centred=centred, head=head, like=step.net, team=team)
    text, end = text_of_step(blocks, net, step.dtype, step.lanes, step.parts, team)
    sizes = net.velocities, up(step.slot_size) * -(-images // teams), step.row_size * -(-images // teams)
    *places, size = itertools.accumulate(sizes, initial=end)
    single = dict(zip(("VELOCITY", "SLOTS", "ROWS"), places, strict=True))
    single |= {"CLUSTER": teams * team, "TEAMS": teams, "SLOT": up(step.slot_size)}
    many = struct_of("Many", single, {"BIASES": [int(bias) for bias in biases]})
    return ManySteps(net.text + text + many, teams * team, net.threads, size * step.dtype.itemsize)
