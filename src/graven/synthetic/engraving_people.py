"""People as contours: limbs, trunk, dress and cloak, drawn from the front to the back.

The unit is the height of a person; the origin is the pelvis, and the person looks to the right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.engraving_curves import offset_sides, resample, ring
from graven.synthetic.engraving_dress import draw_cloak, draw_dress, draw_mantle
from graven.synthetic.engraving_gear import draw_held, draw_wings
from graven.synthetic.engraving_heads import HEADGEAR, draw_head
from graven.synthetic.pen import smooth_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.engraving_sheet import Easel

__all__ = ["POSES", "Pose", "draw_person", "sole_of"]

Generator = np.random.Generator
Curve = tuple["NDArray[np.float64]", float]
Angles = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pose:
    """Directions of limbs in degrees from straight down, towards the front.

    Parameters
    ----------
    near_arm, far_arm : tuple of two float, degrees
        Upper arm and forearm.
    near_leg, far_leg : tuple of two float, degrees
        Thigh and shin.
    lean_deg : float, degrees
        Of the trunk, forwards.
    """

    near_arm: Angles
    far_arm: Angles
    near_leg: Angles
    far_leg: Angles
    lean_deg: float = 0.0


POSES: dict[str, Pose] = {
    "standing": Pose((-12, 30), (35, 95), (4, -3), (-5, -8), 1),
    "resting": Pose((-25, -10), (20, 110), (9, -9), (-4, -3), 3),
    "speaking": Pose((30, 95), (60, 120), (12, 2), (-9, -12), 3),
    "offering": Pose((40, 85), (55, 75), (14, 6), (-10, -14), 5),
    "striding": Pose((-40, -65), (60, 95), (27, 8), (-24, -33), 6),
    "fighting": Pose((-95, -30), (70, 80), (38, -4), (-30, -40), 14),
    "running": Pose((-45, 50), (80, 130), (78, -12), (18, -68), 4),
    "dancing": Pose((-60, -120), (70, 20), (20, -12), (-14, -44), -6),
    "seated": Pose((10, 80), (45, 100), (84, -6), (76, -14), -3),
    "leaning": Pose((-38, -5), (50, 150), (6, 4), (20, -24), -8),
}


def sole_of(pose: Pose) -> float:
    """How far the lower sole lies under the pelvis.

    Parameters
    ----------
    pose : Pose
        The pose.

    Returns
    -------
    float
        In heights of a person.
    """
    return max(_leg(leg)[2][1] for leg in (pose.near_leg, pose.far_leg)) + 0.035


def draw_person(easel: Easel, pose: Pose, *, female: bool, dress: str, winged: bool, held: tuple[str, str]) -> None:
    """Draw a person.

    Parameters
    ----------
    easel : Easel
        Set up at the pelvis.
    pose : Pose
        Directions of the limbs.
    female : bool
        Woman or man.
    dress : str
        ``nude``, ``dress``, ``mantle`` (round the hips), ``cloak`` (behind), or ``armour``.
    winged : bool
        With a pair of wings.
    held : tuple of two str
        What the near and the far hand hold, names of `graven.synthetic.engraving_gear.HELD` or ``none``.
    """
    rng = easel.rng
    upright = easel.at(0, 0, 1, math.radians(pose.lean_deg))
    near, far = _arm(pose.near_arm, -0.092), _arm(pose.far_arm, 0.085)
    draw_held(upright.at(*near[2]), held[0], near=True)
    _draw_arm(upright, near, sleeve=dress == "dress" and rng.random() < 0.5)
    gear = str(rng.choice(np.array(HEADGEAR), p=[0.3, 0.22, 0.16, 0.08, 0.12, 0.12]))
    if dress == "armour":
        gear = "helmet"
    nod = rng.normal(0.03, 0.1)
    draw_head(upright.at(0.012, -0.442, 0.135, nod, mirror=rng.random() < 0.18), female=female, headgear=gear)
    far_first = pose.far_arm[1] > 60 and rng.random() < 0.5
    if far_first:
        _draw_arm(upright, far, sleeve=False)
    legs = [_leg(pose.near_leg), _leg(pose.far_leg)]
    if dress == "dress":
        draw_dress(easel, upright, [leg[2] for leg in legs])
    elif dress == "mantle":
        draw_mantle(easel, legs)
    for number, leg in enumerate(legs):
        _draw_leg(easel, leg, greave=dress == "armour", shod=number == 0 and rng.random() < 0.2)
    if dress != "dress":
        _draw_trunk(upright, female=female, armour=dress == "armour")
    if not far_first:
        _draw_arm(upright, far, sleeve=False)
    draw_held(upright.at(*far[2]), held[1], near=False)
    if winged:
        draw_wings(upright)
    if dress == "cloak":
        draw_cloak(upright)


def _step(start: tuple[float, float], angle_deg: float, length: float) -> tuple[float, float]:
    angle = math.radians(angle_deg)
    return start[0] + length * math.sin(angle), start[1] + length * math.cos(angle)


def _arm(angles: Angles, x: float) -> list[tuple[float, float]]:
    shoulder = (x, -0.285)
    elbow = _step(shoulder, angles[0], 0.165)
    return [shoulder, elbow, _step(elbow, angles[1], 0.145)]


def _leg(angles: Angles) -> list[tuple[float, float]]:
    hip = (0.0, 0.03)
    knee = _step(hip, angles[0], 0.24)
    return [hip, knee, _step(knee, angles[1], 0.225)]


def _limb(
    points: list[tuple[float, float]], halves: list[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Middle and both sides of a limb whose width is given at even distances."""
    spine = resample(smooth_curve(np.asarray(points, np.float64)), 0.012)
    width = np.interp(np.linspace(0, 1, len(spine)), np.linspace(0, 1, len(halves)), halves)
    left, right = offset_sides(spine, np.convolve(np.pad(width, 1, mode="edge"), np.full(3, 1 / 3), "valid"))
    return spine, left, right


def _draw_limb(
    easel: Easel, points: list[tuple[float, float]], halves: list[float], details: list[Curve] | None = None
) -> None:
    _, left, right = _limb(points, halves)
    easel.part(np.concatenate([left, right[::-1]]), edges=[left, right], details=details or [])


def _bracelet(points: list[tuple[float, float]], at: float, half: float) -> list[Curve]:
    (x0, y0), (x1, y1) = points
    length = math.hypot(x1 - x0, y1 - y0)
    across = np.array([-(y1 - y0), x1 - x0]) / length * half * 1.3
    curves: list[Curve] = []
    for share in (at, at + 0.012 / length * 1.6):
        middle = np.array([x0 + share * (x1 - x0), y0 + share * (y1 - y0)])
        curves.append((np.stack([middle - across, middle + across]), 0.65))
    return curves


def _draw_arm(easel: Easel, arm: list[tuple[float, float]], *, sleeve: bool) -> None:
    """Hand, forearm, upper arm; the hand lies in front."""
    rng = easel.rng
    shoulder, elbow, wrist = arm
    _draw_hand(easel, elbow, wrist)
    rings = _bracelet([elbow, wrist], 0.84, 0.017) if rng.random() < 0.35 else []
    _draw_limb(easel, [elbow, wrist], [0.022, 0.029, 0.027, 0.021, 0.016], rings)
    muscle: list[Curve] = []
    if rng.random() < 0.6:
        along = np.array([[elbow[0] - shoulder[0], elbow[1] - shoulder[1]]])
        t = np.linspace(0.3, 0.85, 8)[:, None]
        side = 0.007 * np.array([[-along[0, 1], along[0, 0]]]) / 0.16
        muscle.append((np.array([shoulder]) + along * t + side * np.sin(t * 6), 0.65))
    if sleeve:
        tip = (shoulder[0] * 0.4 + elbow[0] * 0.6, shoulder[1] * 0.4 + elbow[1] * 0.6)
        _draw_limb(easel, [shoulder, tip], [0.036, 0.043, 0.05])
    _draw_limb(easel, [shoulder, elbow], [0.036, 0.036, 0.033, 0.028, 0.025], muscle)


def _draw_hand(easel: Easel, elbow: tuple[float, float], wrist: tuple[float, float]) -> None:
    """Draw a closed hand, or an open one with fingers; its unit is its own length."""
    rng = easel.rng
    turn = math.atan2(wrist[1] - elbow[1], wrist[0] - elbow[0]) + rng.normal(0, 0.2)
    hand = easel.at(wrist[0], wrist[1], 0.08, turn, mirror=False)
    if rng.random() < 0.45:
        fist = smooth_curve(
            np.array([[-0.1, -0.2], [0.2, -0.32], [0.6, -0.3], [0.72, 0.0], [0.6, 0.3], [0.2, 0.32], [-0.1, 0.2]])
        )
        knuckles: list[Curve] = [
            (smooth_curve(np.array([[0.3, y], [0.5, y + 0.04], [0.68, y]])), 0.6) for y in (-0.14, 0.0, 0.14)
        ]
        hand.part(fist, edges=[fist], details=knuckles, weight=0.8)
        return
    spread = rng.uniform(0.04, 0.14)
    thumb = smooth_curve(np.array([[0.05, -0.22], [0.3, -0.42], [0.55, -0.5], [0.5, -0.36], [0.3, -0.2]]))
    hand.part(thumb, edges=[thumb], weight=0.75)
    for number, y in enumerate((-0.16, -0.05, 0.06, 0.16)):
        length = (0.95, 1.05, 1.0, 0.85)[number]
        tip = y + (number - 1.5) * spread
        finger = smooth_curve(
            np.array(
                [
                    [0.35, y - 0.055],
                    [length - 0.05, tip - 0.05],
                    [length, tip],
                    [length - 0.05, tip + 0.05],
                    [0.35, y + 0.055],
                ]
            )
        )
        hand.part(finger, edges=[finger], weight=0.7)
    palm = np.array([[-0.1, -0.2], [0.2, -0.26], [0.42, -0.22], [0.42, 0.22], [0.2, 0.24], [-0.1, 0.2]])
    hand.part(palm, edges=[palm[:3], palm[3:]], weight=0.8)


def _draw_leg(easel: Easel, leg: list[tuple[float, float]], *, greave: bool, shod: bool) -> None:
    """Foot, shin with calf and knee, thigh."""
    rng = easel.rng
    hip, knee, ankle = leg
    foot = easel.at(ankle[0], ankle[1], 0.13, 0.0 if rng.random() < 0.8 else rng.normal(0.2, 0.15))
    sole = np.array([
        [-0.14, -0.1], [-0.24, 0.12], [-0.2, 0.25], [0.2, 0.25], [0.75, 0.26], [0.86, 0.19], [0.72, 0.1], [0.4, 0.02],
        [0.16, -0.12],
    ])  # fmt: skip
    toes: list[Curve] = [
        (smooth_curve(np.array([[x, 0.13], [x + 0.06, 0.17], [x + 0.04, 0.24]])), 0.6) for x in (0.62, 0.7, 0.78)
    ]
    straps: list[Curve] = [(np.array([[x, -0.1], [x + 0.2, 0.3]]), 0.6) for x in (-0.05, 0.12, 0.3, 0.45)]
    outline = smooth_curve(sole)
    foot.part(outline, edges=[outline], details=straps if shod else toes, weight=0.9)
    below = _step(knee, math.degrees(math.atan2(ankle[0] - knee[0], ankle[1] - knee[1])), 0.02)
    calf: list[Curve] = []
    if rng.random() < 0.75:
        t = np.linspace(0.12, 0.75, 9)[:, None]
        shift = np.array([[0.009, 0.0]]) * np.cos(t * 4)
        calf.append((np.array([knee]) * (1 - t) + np.array([ankle]) * t + shift, 0.62))
    if greave:
        calf += [(ring(knee[0], knee[1] + 0.01, 0.022, 0.03), 0.8)]
        calf += _bracelet([knee, ankle], 0.86, 0.022)
    calf.append(
        (
            smooth_curve(
                np.array(
                    [
                        [knee[0] - 0.01, knee[1] + 0.022],
                        [knee[0] + 0.016, knee[1] + 0.026],
                        [knee[0] + 0.026, knee[1] + 0.004],
                    ]
                )
            ),
            0.6,
        )
    )
    _draw_limb(easel, [knee, below, ankle], [0.034, 0.035, 0.041, 0.037, 0.026, 0.02, 0.021], calf)
    muscle: list[Curve] = []
    if rng.random() < 0.6:
        t = np.linspace(0.25, 0.85, 9)[:, None]
        muscle.append(
            (np.array([hip]) * (1 - t) + np.array([knee]) * t + np.array([[0.012, 0.0]]) * np.sin(t * 5), 0.62)
        )
    _draw_limb(easel, [hip, knee], [0.06, 0.06, 0.056, 0.047, 0.037], muscle)


def _draw_trunk(easel: Easel, *, female: bool, armour: bool) -> None:
    """Chest, belly and hips seen from the front or in three quarters."""
    rng = easel.rng
    waist = rng.uniform(0.06, 0.068) * (0.92 if female else 1.0)
    hip = 0.085 if female else 0.074
    half = smooth_curve(
        np.array(
            [
                [0.03, -0.35],
                [0.075, -0.325],
                [0.118, -0.3],
                [0.112, -0.25],
                [0.092, -0.2],
                [waist, -0.1],
                [hip, -0.01],
                [hip - 0.012, 0.055],
            ]
        )
    )
    left = half * np.array([-1.0, 1.0])
    turn = rng.normal(0.0, 0.012)
    details: list[Curve] = [(smooth_curve(np.array([[turn, -0.2], [turn * 0.6, -0.13], [turn * 0.3, -0.055]])), 0.7)]
    for side in (-1.0, 1.0):

        def arc(*knots: tuple[float, float], side: float = side) -> NDArray[np.float64]:
            return smooth_curve(np.array([[turn + side * x, y] for x, y in knots]))

        if female:
            details.append((arc((0.078, -0.235), (0.07, -0.195), (0.04, -0.183), (0.012, -0.2)), 0.8))
        else:
            details.append((arc((0.09, -0.235), (0.075, -0.2), (0.04, -0.19), (0.006, -0.205)), 0.8))
        details.append((ring(turn + side * 0.048, -0.215, 0.0065), 0.55))
        details.append((arc((0.012, -0.315), (0.05, -0.312), (0.085, -0.297)), 0.65))
        details.append((arc((0.07, -0.045), (0.05, -0.01), (0.02, 0.03), (0.006, 0.055)), 0.75))
        if not female and rng.random() < 0.8:
            details += [(arc((0.006, y), (0.03, y + 0.008), (0.048, y - 0.006)), 0.6) for y in (-0.15, -0.115, -0.08)]
            details += [(arc((0.088, y), (0.07, y + 0.02), (0.06, y + 0.03)), 0.55) for y in (-0.17, -0.145)]
    details.append((smooth_curve(np.array([[turn - 0.006, -0.045], [turn, -0.038], [turn + 0.006, -0.045]])), 0.7))
    if armour:
        details = _cuirass(rng)
    easel.part(np.concatenate([half, left[::-1]]), edges=[half[6:], left[6:]], details=details)


def _cuirass(rng: Generator) -> list[Curve]:
    """Scales or bands, shoulder pieces and the flaps below the belt."""
    details: list[Curve] = [(np.array([[-0.1, y], [0.1, y]]), 0.8) for y in (-0.09, -0.075, -0.03)]
    details += [(np.array([[x, -0.03], [x * 1.1, 0.06]]), 0.7) for x in np.linspace(-0.08, 0.08, 9)]
    details += [
        (np.array([[side * 0.03, -0.32], [side * 0.035, -0.19], [side * 0.07, -0.19], [side * 0.08, -0.3]]), 0.75)
        for side in (-1, 1)
    ]
    if rng.random() < 0.6:
        for row in range(5):
            for column in range(-4, 5):
                x, y = 0.022 * (column + 0.5 * (row % 2)), -0.185 + 0.02 * row
                details.append((smooth_curve(np.array([[x - 0.011, y], [x, y + 0.016], [x + 0.011, y]])), 0.55))
    return details
