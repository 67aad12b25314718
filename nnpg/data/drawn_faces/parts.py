"""How each part of a face is painted: its reflectance into the map `tone`, its height into the map `z`."""

from __future__ import annotations

import numpy as np

from nnpg.data.drawn_faces.brushes import Picture, ellipse, hill, inside, paint, stroke
from nnpg.data.drawn_faces.layout import Layout


def paint_body(p: Layout, tone: Picture, z: Picture) -> None:
    """Paint long hair behind the head, neck, shirt and ears."""
    s0 = np.abs(p.u0)
    ends = 0.10 + 0.45 * p.face.hair_length - 0.8 * np.clip(p.s - 0.45, 0, None)
    fall = inside(p.half + p.swell - 0.02 - p.s + 0.06 * p.v) * inside(ends - p.v, 0.08) * inside(p.v + 0.3)
    paint(tone, 0.8 * p.hair * _strands(p), fall)
    paint(z, -0.2, fall)
    neck = inside(0.28 + 0.02 * p.face.width - s0) * inside(p.v0 - 0.4)
    paint(tone, p.skin * (0.78 - 0.3 * inside(p.chin + 0.10 - p.v0, 0.2)), neck)
    paint(z, -0.15 + 0.3 * np.sqrt(np.clip(1 - (p.u0 / 0.32) ** 2, 0, None)), neck)
    shirt = inside(p.v0 - 0.83 - 0.1 * np.clip(s0 - 0.2, 0, None) - 0.12 * inside(0.24 - s0, 0.1))
    paint(tone, 0.32 + 0.20 * p.face.shirt, shirt)
    paint(z, 0.1 - 0.35 * p.u0**2, shirt)
    w, h, out = (0.14, 0.21, 0.05) if p.has("big ears") else (0.06, 0.13, 0.0)
    centre = (p.half + out, 0.04)
    ear = ellipse(p.s, p.v, centre, w, h)
    paint(tone, p.skin * (1.05 - 0.30 * ellipse(p.s, p.v, centre, 0.55 * w, 0.6 * h, 0.08)), ear)
    paint(z, -0.10 + 0.05 * hill(p.s, p.v, centre, w, h), ear)


def paint_head(p: Layout, tone: Picture, z: Picture) -> Picture:
    """Paint the bare head: an egg with eye hollows, brow ridges, nose, cheeks, lips and chin. Return its outline."""
    u, v, s = p.u, p.v, p.s
    top = -0.70
    mid, tall = (top + p.chin) / 2, (p.chin - top) / 2
    narrow = 1 - (0.18 + 0.07 * p.face.jaw) * np.clip((v - mid) / tall, 0, 1.2) ** 2
    egg = 1 - np.abs(u / (p.half * narrow)) ** 2.3 - np.abs((v - mid) / tall) ** 2.3
    height = 0.52 * np.sqrt(np.clip(egg, 0, None))
    down = np.clip((v + 0.12) / (p.nose + 0.12), 0, 1)  # the nose, from bridge to tip
    ridge = np.exp(-((u / (0.04 + 0.5 * p.nose_w * down)) ** 2))
    height += (0.02 + 0.15 * down**1.5) * ridge * inside(p.nose + 0.03 - v, 0.08) * inside(v + 0.15, 0.2)
    height += 0.05 * hill(s, v, (0.95 * p.nose_w, p.nose - 0.015), 0.4 * p.nose_w, 0.04)
    ball = (1.1 if p.has("big nose") else 0.5) * p.nose_w
    height += ball * hill(u, v, (0, p.nose - 0.02), 0.8 * p.nose_w, 0.6 * p.nose_w)
    height += 0.030 * hill(s, v, (p.eye[0], p.brow + 0.01), 0.14, 0.06)
    height -= 0.060 * hill(s, v, (p.eye[0] - 0.03, p.eye[1]), 0.10, 0.075)
    height += (0.03 + 0.03 * p.glad) * hill(s, v, (0.27, 0.19 - 0.03 * p.glad), 0.13, 0.12)
    height += 0.025 * hill(u, v, (0, p.mouth), 0.16, 0.08) - 0.02 * hill(u, v, (0, p.mouth + 0.115), 0.13, 0.04)
    height += 0.035 * hill(u, v, (0, p.chin - 0.11), 0.12, 0.06)
    head = inside(0.22 * egg)
    paint(tone, p.skin, head)
    paint(z, height, head)
    return head


def paint_skin(p: Layout, tone: Picture, head: Picture) -> None:
    """Paint hollows, folds, marks and beard on the skin."""
    u, v, s, skin = p.u, p.v, p.s, p.skin
    paint(tone, 0.6 * skin, 0.5 * hill(s, v, (p.eye[0] - 0.07, p.eye[1] - 0.05), 0.07, 0.07))
    paint(tone, 0.7 * skin, 0.5 * hill(s, v, (p.eye[0], p.eye[1] + 0.06), 0.09, 0.03))
    wing = p.nose_w + 0.005
    nostril = stroke(s, v, (wing, p.nose - 0.08), (wing, p.nose + 0.03), 0.016, -0.03)
    paint(tone, 0.5 * skin, (0.9 if p.has("big nose") else 0.5) * nostril)
    start, end = (0.13 + 0.012 * p.face.nose_width, p.nose - 0.05), (0.28 + 0.03 * p.glad, p.mouth + 0.09)
    depth = 0.8 if p.has("smile lines") else 0.06 + 0.2 * p.glad
    paint(tone, 0.3 * skin, depth * stroke(s, v, start, end, 0.034, -0.02))
    if p.has("birthmark on the forehead"):
        paint(tone, 0.5 * skin, ellipse(u + 0.3 * (v + 0.35), v, (0.12, -0.34), 0.12, 0.08, 0.05))
    elif p.has("forehead lines"):
        for k in range(3):
            height = -0.28 - 0.08 * k - 0.04 * p.brows
            paint(tone, 0.55 * skin, stroke(u, v, (-0.26, height), (0.26, height), 0.02, -0.02))
    elif p.has("dark rings under the eyes"):
        paint(tone, 0.35 * skin, 0.9 * hill(s, v, (p.eye[0], p.eye[1] + 0.10), 0.11, 0.055))
    elif p.has("mole on the left cheek"):
        paint(tone, 0.12, ellipse(u, v, (-0.27, 0.25), 0.065, 0.065))
    elif p.has("scar on the right cheek"):
        paint(tone, 0.3 * skin, stroke(u, v, (0.17, 0.10), (0.37, 0.42), 0.04))
    elif p.has("goatee"):
        paint(tone, 0.8 * p.dark, head * ellipse(u, v, (0, p.chin - 0.09), 0.11, 0.11, 0.05))
    elif p.has("beard"):
        edge = p.mouth + 0.07 - 0.8 * np.clip(s - 0.15, 0, 0.35)
        paint(tone, p.dark * _strands(p), 0.85 * head * inside(v - edge, 0.14))
    elif p.has("moustache"):
        wide = np.sqrt(np.clip(1 - (s / (p.mouth_w + 0.05)) ** 2, 0, None))
        paint(tone, p.dark, 0.9 * inside(0.055 * wide - np.abs(v - p.nose - 0.11 - 0.6 * s**2)) * (wide > 0))


def paint_mouth(p: Layout, tone: Picture) -> None:
    """Paint lips, teeth and nostrils."""
    across = (p.u / p.mouth_w) ** 2
    wide = np.sqrt(np.clip(1 - across, 0, None))
    bow, gap = (0.09, 0.16 * p.gape) if p.smile > 0 else (0.05, 0.10 * p.gape)
    below = np.where(across < 1, p.v - p.mouth + bow * p.smile * (across - 0.5), 1)  # the line between the lips
    lip = 0.034 + 0.007 * p.face.lips
    paint(tone, 0.62 * p.skin, 0.85 * inside((lip + gap) * wide - np.abs(below), 0.03))
    paint(tone, 0.22 * p.skin, inside((0.010 + gap) * wide - np.abs(below), 0.03))
    if p.smile > 0 and p.gape > 0:
        paint(tone, 0.92, inside(0.75 * gap * wide - np.abs(below + 0.01), 0.03))  # teeth
    paint(tone, 0.25 * p.skin, 0.8 * ellipse(p.s, p.v, (0.42 * p.nose_w, p.nose + 0.025), 0.3 * p.nose_w, 0.02))


def paint_eyes(p: Layout, tone: Picture) -> None:
    """Paint eyes, brows and glasses."""
    v, s = p.v, p.s
    for side, opening in zip((-1, 1), p.eyes, strict=True):
        w = side * p.u  # mirrored: the right eye's coordinate
        lens = np.clip(1 - ((w - p.eye[0]) / p.eye_w) ** 2, 0, None)
        lid = p.eye_h * max(opening, 0) * lens
        shut = opening < 0.3
        if not shut:
            gap = inside(lid - np.abs(v - p.eye[1]), 0.03) * (lens > 0)
            paint(tone, 0.45 + 0.55 * p.skin, gap)
            paint(tone, 0.12, gap * ellipse(w, v, p.eye, 0.042, 0.045))
        rim = np.abs(v - p.eye[1] + lid - 0.02 * shut)
        paint(tone, 0.3 * p.skin, 0.85 * inside(0.015 - rim, 0.025) * inside(p.eye_w - np.abs(w - p.eye[0])))
    slant = 0.02 * p.face.brow_slant + 0.05 * max(-p.brows, 0)
    inner, outer = (p.eye[0] - 0.11, p.brow + 0.02 - slant), (p.eye[0] + 0.12, p.brow + 0.02 + slant)
    paint(tone, p.dark, 0.9 * stroke(s, v, inner, outer, 0.06 if p.has("thick brows") else 0.024, -0.03))
    if p.has("joined brows"):
        joint = inside(0.032 - np.abs(v - inner[1] + 0.015)) * inside(inner[0] + 0.05 - s, 0.08)
        paint(tone, p.dark, 0.9 * joint)
    if p.condition.glasses:
        oval = (np.abs((s - p.eye[0]) / 0.15) ** 3 + np.abs((v - p.eye[1] - 0.02) / 0.115) ** 3) ** (1 / 3)
        bridge = inside(0.014 - np.abs(v - p.eye[1] + 0.02), 0.03) * (s < p.eye[0] - 0.14)
        arms = inside(0.014 - np.abs(v - p.eye[1]), 0.03) * (s > p.eye[0] + 0.14) * (s < p.half)
        for part in (inside(0.018 - 0.12 * np.abs(oval - 1), 0.03), bridge, arms):
            paint(tone, 0.08, part)
        paint(tone, 1.0, 0.10 * inside(1 - oval, 0.1))  # the lenses' glare


def paint_hair(p: Layout, tone: Picture, z: Picture) -> None:
    """Paint the hair on the head, and the features that lie in it."""
    u, v, s = p.u, p.v, p.s
    rough = 0.012 * (1 + p.face.curl) * np.sin(9 * np.arctan2(u, 0.2 - v) + 4 * p.face.parting)
    radius = (np.abs(u / (p.half + p.swell)) ** 2.3 + np.abs((v + 0.02) / (0.72 + p.swell)) ** 2.3) ** (1 / 2.3)
    temples = 0.40 * np.clip((s - 0.24) / (p.half - 0.24), 0, None) ** 2.5
    line = -0.46 - 0.05 * p.face.hairline + 0.10 * p.face.parting * u + temples + 0.5 * rough
    if p.has("widow's peak"):
        line = line + 0.20 * np.clip(1 - s / 0.17, 0, None)
    hair = inside(0.6 * (1 - radius) + rough, 0.05) * inside(np.minimum(line, 0.02) - v, 0.05)
    strands = _strands(p)
    paint(tone, p.hair * strands, hair)
    if p.has("white lock of hair"):
        paint(tone, 0.95 * strands, hair * inside(0.075 - np.abs(u - 0.16 - 0.12 * (v + 0.6)), 0.05))
    paint(z, z + 0.04 + 0.012 * strands, hair)


def _strands(p: Layout) -> Picture:
    """Return the texture of hair, about 1 on average."""
    across, wave = p.u - 0.25 * p.face.parting, 6 + 2 * p.face.curl
    comb = np.sin(34 * across * (1 + 0.3 * p.v) + 2 * np.sin(wave * p.v + 3 * across))
    return 1 + 0.20 * comb + 0.14 * np.sin(19 * p.v - 13 * p.s + wave)
