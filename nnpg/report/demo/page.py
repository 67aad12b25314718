"""The demo's page: what `nnpg.report.demo.measure` found, drawn, and explained step by step to a newcomer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnpg.plots import image_grid, training_history
from nnpg.report.demo.evidence import block_shapes, damage, knockout, name, people, places, portraits, ranking
from nnpg.report.demo.findings import BATCH, LR, SHOWN, Findings
from nnpg.report.page import Image, Section, Table, write_page

GOAL = 0.05  # test error


def write(found: Findings, out: Path, command: str) -> Path:
    """Draw everything into the folder `out` and write `index.html` there; `command` is what made it."""
    return write_page(
        out / "index.html",
        "Which parts of a network does its answer hang on?",
        [
            _faces(found, out),
            _training(found, out),
            _filters(found, out),
            _gradient(),
            _nudge(found),
            ranking(found, out),
            knockout(found, out),
            damage(found, out),
            places(found, out),
            _claims(found),
            _next(out),
        ],
        lead=f"A small network learns to tell {found.data.K} faces apart. Then it is asked, filter by filter, what its "
        "answers hang on; and the reply is put to the test by switching filters off.\n\n"
        f"{verdict(found)} {held(found)}\n\n"
        f"The method is Lo and Ding's, Understanding Deep Networks with Gradients (2015); roman numerals below are "
        f"sections of that paper. Everything on this page was computed by one command: {command}",
    )


def verdict(found: Findings) -> str:
    """Say how well the network does on faces that it was not trained on."""
    n = len(found.split.test_indices)
    wrong = round(found.test_error * n)
    mistakes = f"{wrong} mistake{'s' * (wrong != 1)}"
    side = "under" if found.test_error < GOAL else "NOT under"
    return f"On the {n} test images the network makes {mistakes}: {found.test_error:.1%}, {side} {GOAL:.0%}."


def held(found: Findings) -> str:
    """Say how many claims hold."""
    return f"Of {len(found.claims)} claims put to the test, {sum(c.holds for c in found.claims)} hold in this run."


def _faces(found: Findings, out: Path) -> Section:
    data = found.data
    image_grid(portraits(data), out / "faces.png", titles=people(data), columns=5, overlay=data.masks)
    return Section(
        "1. The faces",
        f"{data.K} made-up people, each photographed {len(data) // data.K} times: lit from the left and from the "
        "right, with glasses, happy, sad, sleepy, surprised, winking and so on. Nobody real is among them; a "
        "program draws them, and so it knows what nobody can know about photographs: what tells one person from "
        "another.\n\n"
        "Three people at a time share one head, down to the hair. Only one planted feature sets each apart, "
        "outlined here. To tell the 15 apart, a network must find these features. Nobody tells it where they are.",
        [
            Image(
                out / "faces.png",
                "Fifteen drawn faces in three rows, each with an outline around one feature.",
                "Each person in the normal condition; outlined is the planted feature. The network never sees "
                "outlines.",
            )
        ],
    )


def _training(found: Findings, out: Path) -> Section:
    training_history(found.training.history, out / "training.png")
    net, train, test = found.training.net, len(found.split.train_indices), len(found.split.test_indices)
    rows = [
        (f"block {n}: conv{n}, tanh{n}, pool{n}", f"{F} filters", "x".join(map(str, (H, W))))
        for n, (F, H, W) in enumerate(block_shapes(net), start=1)
    ]
    return Section(
        "2. The network learns",
        "The network is the one of the paper's section IV: three blocks of filters, 20 units, and one output for "
        f"each person, {net.n_parameters:,} adjustable numbers in all. An output is a probability; together they "
        f"add up to 1. It sees {train} of the {len(found.data)} images, {BATCH} at a time, "
        f"{len(found.training.history)} times over. After each step every number is moved a little (by {LR:g} times "
        "the slope) towards fewer mistakes.\n\n"
        f"The other {test} images are held out: it never learns from them, so they show whether it has understood "
        f"the people or only memorised pictures. On the training images {found.train_error:.1%} are wrong at the "
        f"end. {verdict(found)} Another --seed holds out other images, and the result may move by an image or two.",
        [
            Image(
                out / "training.png",
                "Loss and errors falling over the epochs.",
                "Loss (how surprised the network is by the right answer) and the share of wrong images, as "
                "training goes on.",
            )
        ],
        [Table(("part", "size", "output, pixels"), rows)],
    )


def _filters(found: Findings, out: Path) -> Section:
    data, net = found.data, found.training.net
    c = SHOWN[0]
    face = portraits(data)[c]
    maps = net.backend.to_numpy(net.forward(face[None])["tanh1"])[0]  # (F, H, W)
    F, H, W = maps.shape
    top, left = (face.shape[1] - H) // 2, (face.shape[2] - W) // 2
    cut = face[:, top : top + H, left : left + W]
    titles = [data.class_names[c], *(f"tanh1 no. {f + 1}" for f in range(F))]
    image_grid(np.concatenate([cut[None], (maps[:, None] + 1) / 2]), out / "maps.png", titles=titles, columns=F + 1)
    return Section(
        "3. What a filter is",
        "A filter is a small pattern of weights, 5 by 5 pixels, that slides over the picture. Its output is a new "
        "picture, a feature map: bright where the pattern fits, dark where its opposite does. The next block "
        "slides its own filters over those maps, and so on. There are "
        f"{sum(s.shape[1] for s in found.scores.scores.values())} filters in the three blocks. Nobody chose the "
        "patterns: training did. So which of them matter, and to whom?",
        [
            Image(
                out / "maps.png",
                "A face and the five feature maps that the first block makes of it.",
                f"{data.class_names[c]}, and what the {F} filters of the first block make of it.",
            )
        ],
    )


def _gradient() -> Section:
    return Section(
        "4. The prediction gradient",
        "Take the output o of any part of the network, and the answer y: the probability of a person. If o were a "
        "little larger, how much would y change? That rate is the derivative dy/do, the prediction gradient. Zero "
        "means that the answer does not hang on this part; large, plus or minus, means that it does.\n\n"
        "Training meets it on its way. To learn, a network needs the slope of its loss L for each weight w, and the "
        "chain rule passes through dy/do (Eq. 2). nnpg keeps the factors apart and names them: the seed, the delta, "
        "and the gradient. A prediction gradient is the same backward pass with another seed, stopped one factor "
        "earlier. For the right answer training has even computed it, times a known number; for any other answer it "
        "takes one more pass.\n\n"
        "One photograph says little, so it is averaged over all photographs of a person, X_t (Eq. 3). And a filter "
        "has a whole map of outputs, so the map's slopes are made one number by their Frobenius norm, the root of "
        "the sum of squares: the filter's score for that person.",
        code="Eq. 1   prediction gradient    dy/do = (dy_1/do, ..., dy_15/do)        one slope for each person\n"
        "Eq. 2   how training meets it  dL/dw = dL/dy · dy/do · do/dw           seed · delta · gradient\n"
        "Eq. 3   class gradient         1/|X_t| Σ dy/do = 1/|X_t| d/do Σ y      over the images in X_t\n\n"
        "trace  = net.forward(x)                      # every output by name\n"
        "deltas = net.backward(trace, seed)           # deltas['pool1'] is dy/do for the outputs of block 1\n"
        "scores = nnpg.filter_scores(net, x, labels)  # one number a filter and person",
    )


def _nudge(found: Findings) -> Section:
    data, nudge = found.data, found.nudge
    person = data.class_names[data.labels[nudge.image]]
    condition = (data.conditions or ("",) * len(data))[nudge.image]
    return Section(
        "5. Does it tell the truth?",
        f"Try it. Of all test images the network is least sure of {person}, {condition}: it gives the right answer "
        f"a probability of {nudge.y:.4f}. The strongest filter for this person is {name(nudge.filter)}. Make its "
        "whole output 1% larger, leave everything else as it is, and let the network answer again.",
        tables=[
            Table(
                ("", f"change of the probability of {person}"),
                [
                    ("foretold by the gradient", f"{nudge.foretold:+.6f}"),
                    ("what the network then says", f"{nudge.happened:+.6f}"),
                ],
                "The two differ a little because a slope is exact only for the smallest of changes.",
            )
        ],
    )


def _claims(found: Findings) -> Section:
    rows = [(claim.claim, claim.found, "yes" if claim.holds else "no") for claim in found.claims]
    return Section(
        "10. What held",
        f"{held(found)} One network on one split of drawn faces proves nothing about networks at large; it shows "
        "how such a claim is put to the test. The experiments that repeat the paper's tables over many seeds do "
        "that on real faces.",
        tables=[Table(("claim", "this run", "holds"), rows)],
    )


def _next(out: Path) -> Section:
    model = (out / "faces.safetensors").as_posix()
    return Section(
        "11. Go on from here",
        "The trained network is saved beside this page. Ask it something else, or train one on images of your own: "
        "a folder with one folder of images per class will do.",
        code=f"nnpg rank {model} --class face07 --of logit\n"
        f"nnpg knockout {model} --class face07 --to mean\n"
        f"nnpg info {model}\n"
        "nnpg train --data MY_FOLDER --save mine.safetensors\n"
        "nnpg gradcheck face_net",
    )
