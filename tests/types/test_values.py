"""Class tables, traces and provenance: small values whose promises other parts rely on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graven.errors import InputError
from graven.types import NODATA, PETROGLYPH_CLASSES, ClassDefinition, ClassTable, Provenance, Step, Trace, trace_uid

PECKED = PETROGLYPH_CLASSES[1]
SQUARE = np.array([[1, 1], [1, 4], [5, 4], [5, 1], [1, 1]], float)


def trace(**changes: object) -> Trace:
    fields = {"uid": "u", "number": 1, "class_id": 1, "polygons": ((SQUARE,),), "lines": (), "confidence": 0.9}
    return Trace(**{**fields, **changes})  # type: ignore[arg-type]  # fields of one known value


class TestClassTable:
    def test_a_class_is_found_by_its_id_not_its_place(self) -> None:
        table = ClassTable((PECKED, replace(PECKED, id=7, name="scratched", color="#0072B2")))
        assert table[7].name == "scratched"
        assert table[7].rgb == (0x00, 0x72, 0xB2)
        assert len(table) == 2

    def test_unknown_id_is_refused_and_the_known_are_named(self) -> None:
        with pytest.raises(InputError, match=r"class id 2 is not in the table; known ids: \[1\]"):
            PETROGLYPH_CLASSES[2]

    @pytest.mark.parametrize("class_id", [0, NODATA, -1, 300])
    def test_background_and_nodata_are_no_classes(self, class_id: int) -> None:
        with pytest.raises(InputError, match="between 1 and 254"):
            ClassDefinition(class_id, "rock", "#000000", "solid", "area", "R")

    @pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "123456", "#GGGGGG"])
    def test_colour_is_six_hex_digits(self, color: str) -> None:
        with pytest.raises(InputError, match="#D55E00"):
            ClassDefinition(1, "rock", color, "solid", "area", "R")

    def test_an_unknown_hatch_is_refused_before_anything_is_drawn(self) -> None:
        with pytest.raises(InputError, match=r"must be one of solid, diagonal.*got 'zigzag' for 'rock'"):
            ClassDefinition(1, "rock", "#000000", "zigzag", "area", "R")

    @pytest.mark.parametrize("second", [{"id": 1, "name": "other"}, {"id": 2, "name": "pecked"}])
    def test_ids_and_names_are_unique(self, second: dict[str, object]) -> None:
        with pytest.raises(InputError, match="ids must rise and names must differ"):
            ClassTable((PECKED, replace(PECKED, **second)))  # type: ignore[arg-type]  # two known fields

    def test_ids_rise(self) -> None:
        with pytest.raises(InputError, match="ids must rise"):
            ClassTable((replace(PECKED, id=2), replace(PECKED, id=1, name="other")))


class TestTrace:
    def test_bounds_are_those_of_the_exterior_and_the_lines(self) -> None:
        assert trace().bounds_px == (1, 1, 5, 4)
        assert trace(lines=(np.array([[0.5, 2], [9, 2.5]]),)).bounds_px == (0.5, 1, 9, 4)

    def test_uid_is_stable(self) -> None:
        # Pinned: ids stand in published records, so the recipe must never change in silence.
        assert trace_uid("source", 1, [SQUARE]) == trace_uid("source", 1, [SQUARE.copy()])
        assert len(trace_uid("source", 1, [SQUARE])) == 32

    @pytest.mark.parametrize(
        ("source", "class_id", "rings"),
        [
            ("other", 1, [SQUARE]),
            ("source", 2, [SQUARE]),
            ("source", 1, [SQUARE + np.array([0.001, 0])]),
            ("source", 1, [SQUARE, SQUARE]),
            ("source", 1, [SQUARE[::-1]]),
            ("source", 1, [SQUARE[:2], SQUARE[2:]]),
        ],
    )
    def test_uid_tells_input_class_and_geometry_apart(
        self, source: str, class_id: int, rings: list[np.ndarray[tuple[int, int], np.dtype[np.float64]]]
    ) -> None:
        assert trace_uid(source, class_id, rings) != trace_uid("source", 1, [SQUARE])

    def test_uid_ignores_noise_far_below_a_pixel(self) -> None:
        assert trace_uid("source", 1, [SQUARE + 1e-7]) == trace_uid("source", 1, [SQUARE])


class TestProvenance:
    def test_steps_are_appended_and_the_older_chain_is_untouched(self) -> None:
        read = Step("read", "Opened panel.tif.", {"bands": 3}, sha256="ab")
        predict = Step("predict", "Traced.", {"tile": 512})
        start = Provenance()
        chain = start.then(read).then(predict)
        assert start.steps == ()
        assert chain.steps == (read, predict)

    def test_as_dictionaries(self) -> None:
        chain = Provenance().then(Step("read", "Opened panel.tif.", {"bands": 3}, sha256="ab"))
        assert chain.to_dicts() == [
            {"category": "read", "description": "Opened panel.tif.", "settings": {"bands": 3}, "sha256": "ab"}
        ]
