"""Who is drawn, under which condition, and what differs from one photograph to the next: numbers and names."""

from __future__ import annotations

from dataclasses import dataclass

FEATURES = (
    "widow's peak",
    "mole on the left cheek",
    "thick brows",
    "scar on the right cheek",
    "big nose",
    "beard",
    "smile lines",
    "white lock of hair",
    "goatee",
    "dark rings under the eyes",
    "birthmark on the forehead",
    "moustache",
    "big ears",
    "forehead lines",
    "joined brows",
)


@dataclass(frozen=True)
class Face:
    """A person: the numbers that make the base face, about -1 .. 1 around the mean, and the planted feature.

    Raises
    ------
    ValueError
        If the feature is not one that can be drawn.
    """

    width: float = 0.0
    chin: float = 0.0
    jaw: float = 0.0
    hairline: float = 0.0
    hair_length: float = 0.0
    hair_volume: float = 0.0
    parting: float = 0.0
    curl: float = 0.0
    hair_tone: float = 0.0
    skin_tone: float = 0.0
    brow_height: float = 0.0
    brow_slant: float = 0.0
    eye_distance: float = 0.0
    eye_size: float = 0.0
    nose_length: float = 0.0
    nose_width: float = 0.0
    mouth_height: float = 0.0
    mouth_width: float = 0.0
    lips: float = 0.0
    shirt: float = 0.0
    feature: str | None = None

    def __post_init__(self) -> None:
        if self.feature is not None and self.feature not in FEATURES:
            raise ValueError(f"no feature {self.feature!r} can be drawn; there are: {', '.join(FEATURES)}")


@dataclass(frozen=True)
class Condition:
    """Light, expression and glasses. The default is a neutral face in soft light."""

    name: str = "normal"
    lamp: tuple[float, float, float] = (0.2, -0.55, 0.8)  # towards the lamp: right, down, out of the picture
    ambient: float = 0.36
    diffuse: float = 0.76
    cast: bool = False  # a hard lamp that casts shadows, instead of a soft one
    glasses: bool = False
    smile: float = 0.0  # -1 sad .. 1 happy
    gape: float = 0.0  # mouth: 0 shut, 1 wide open
    left_eye: float = 1.0  # 0 shut, 1 neutral
    right_eye: float = 1.0
    brows: float = 0.0  # -1 knit .. 1 raised


@dataclass(frozen=True)
class Shot:
    """What differs from one photograph to the next, whoever is on it."""

    right: float = 0.0  # pose shift, in pixels of a 60-pixel picture
    down: float = 0.0
    tilt: float = 0.0  # of the head about its centre, radians
    lamp: float = 0.0  # the lamp's displacement to the right
    expression: float = 1.0  # strength of the expression
    exposure: float = 1.0


NEUTRAL, STILL = Condition(), Shot()
