"""LD-11: x + eta dy_t/dx: which eta makes net A classify any training image as any class (Lo & Ding 2015, Fig. 6).

python -m experiments run LD-11        (8 minutes on 2 cores; --scale paper: 30 minutes)

The paper's best eta is from 5000 to 10000, and then leaves "very little error". It does not say in which units, which
output is differentiated, or whether images have an eta each. So all three outputs are here, and three rules for eta,
on networks of the paper's error, of its iterations, and converged ones. Half of the images choose eta, the other half
judge it; the unit is chosen on other networks than those that it is judged on. At paper scale these are 5,000 images
for the networks of the paper's error, on which every claim is judged, and 1,000 for the others. Expected: every curve
turns; one step along the gradient reaches at most four targets in five, and only if each image has its own eta.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.lo_ding.masks.choice_of_eta import A_TARGET, AN_IMAGE, etas_for, judged_shares
from experiments.lo_ding.masks.equal_distortion import at_equal_distortion
from experiments.lo_ding.masks.step_size_rows import in_words, row_name, step_size_rows
from experiments.lo_ding.masks.step_size_tables import OUTPUTS, draw_curves, network_table, unit_table
from experiments.models import cifar
from experiments.models.cifar import SCALES, load_images
from experiments.models.masks import Reached, count_in_words, masked_images, reached_by
from experiments.models.stages import AT_ERROR, FULL, nets_by_stage
from nnpg import error_rate
from nnpg.analysis.verdicts import share_interval
from nnpg.plots import line_panels
from nnpg.seeds import Of


@dataclass(frozen=True)
class Config(cifar.Config):
    """Training images that are masked for the networks on which no claim is judged."""

    beside: int = 300


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    stages, data, K = nets_by_stage(config, context, images), masked_images(config, images), images.train.K
    fewer = masked_images(replace(config, images=config.beside), images)
    found: dict[str, dict[Of, list[Reached]]] = {}
    for stage, nets in stages.items():
        masked = data if stage == AT_ERROR else fewer
        found[stage] = {of: [reached_by(done.net, masked, context, of) for done in nets] for of in OUTPUTS}
    grids = {(stage, of): etas_for(reached) for stage, by in found.items() for of, reached in by.items()}
    cut = [reached_by(done.net, data, context, "prob", clip=True) for done in stages[AT_ERROR]]
    rows = [
        r for stage in found for of in OUTPUTS for r in step_size_rows(stage, of, found[stage][of], grids[stage, of], K)
    ]
    over = partial(row, n=config.nets, over="nets", interval="95% t over nets")
    clipped = [judged_shares(net, grids[AT_ERROR, "prob"], K) for net in cut]
    for rule in (A_TARGET, AN_IMAGE):
        name = f"{row_name(AT_ERROR, 'prob', rule)}, clipped to 0 .. 1"
        rows.append(over(name, None, share_interval([share[rule] for share in clipped])))
    for stage, nets in stages.items():
        errors = [error_rate(done.net, images.test.x, images.test.labels) for done in nets]
        paper = 0.3419 if stage == AT_ERROR else None
        rows.append(over(f"{stage}: test error", paper, share_interval(errors)))
    others, other_rows, panel = at_equal_distortion([n.net for n in stages[FULL]], images, config, context)
    rows += other_rows
    draw_curves(found, grids, images.train.class_names, context)
    line_panels([panel], context.folder / "attacks.png", columns=1)
    texts = (
        Text("Best eta for all images and targets, as each unit counts it", unit_table(found, grids)),
        Text("Networks", network_table(stages)),
        Text("Other attacks at equal distortion: classified as the target", others),
    )
    counts = f"{count_in_words(data, images.train, 'training')} For networks that no claim is about: {len(fewer):,}."
    verdict = f"{in_words(rows)} {counts}"
    return Result(tuple(rows), verdict, ("success.png", "stages.png", "attacks.png"), texts)


EXPERIMENT = Experiment(
    "LD-11",
    "Targeted masks: how far along the gradient",
    "Lo & Ding 2015, Fig. 6",
    {scale: Config(**asdict(c)) for scale, c in SCALES.items()}
    | {"paper": Config(**asdict(replace(SCALES["paper"], nets=3)), beside=1000)},
    run,
    version=2,
)
