"""Bundles: written and read back, whole or refused, never executed."""

from __future__ import annotations

import errno
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from graven.errors import DataError, DiskFull, InputError, UnsafeModel, UsageError
from graven.io import seam
from graven.io.bundle import list_bundles, read_bundle, read_check, read_companion, verify_bundle, write_bundle
from graven.io.model_json import spec_from_json, spec_to_json
from graven.types import PETROGLYPH_CLASSES, ModelSpec, Normalisation, PrepareStep

PICKLE = b"\x80\x04\x95\x06\x00\x00\x00\x00\x00\x00\x00]\x94K\x01a."  # protocol 4, the list [1]
CARD = "# tiny\n\nAnswers with the red band. It knows nothing of rocks.\n"


def _spec(**changes: object) -> ModelSpec:
    spec = ModelSpec(
        name="tiny",
        version="1.0",
        method="petroglyph",
        role="segment",
        network="compact",
        network_options={"width": 16, "blocks": [1, 2]},
        classes=PETROGLYPH_CLASSES,
        bands=("red", "green", "blue"),
        pixel_size_mm=0.5,
        tile_px=64,
        overlap_px=16,
        normalisation=Normalisation((120.0, 110.5, 100.0), (50.0, 51.0, 52.25)),
        prepare=(PrepareStep("rotation"), PrepareStep("clahe", {"clip_limit": 2.0, "cell_px": 64})),
        threshold=0.5,
        min_object_mm2=4.0,
        companions={"gate": "tiny-gate"},
        sha256="",
    )
    return replace(spec, **changes)


def _onnx(
    path: Path,
    *,
    n_bands: int = 3,
    names: tuple[str, str] = ("image", "probability"),
    domain: str = "",
    scale: float = 1,
) -> Path:
    weight = np.zeros((1, n_bands, 1, 1), np.float32)
    weight[0, 0] = scale / 255
    graph = helper.make_graph(
        [helper.make_node("Conv", [names[0], "weight"], [names[1]])],
        "red",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, ["n", n_bands, "h", "w"])],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [numpy_helper.from_array(weight, "weight")],
    )
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


CHECK_INPUT = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8), dtype=np.uint8)
CHECK = (CHECK_INPUT, (CHECK_INPUT[:, :1] / 255).astype(np.float32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "tiny"
    write_bundle(target, _spec(), _onnx(tmp_path / "net.onnx"), CARD, check=CHECK)
    return target


def _edit(folder: Path, **changes: object) -> None:
    content = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(content | changes))


def test_what_is_written_is_read_back(folder: Path) -> None:
    bundle = read_bundle(folder)
    assert replace(bundle.spec, sha256="") == _spec()
    assert bundle.card == CARD
    assert bundle.companions == {"gate": "tiny-gate"}
    assert bundle.model_path.read_bytes() == (folder.parent / "net.onnx").read_bytes()
    assert onnx.load(bundle.model_path).graph.output[0].name == "probability"


def test_the_json_names_everything_with_its_unit(folder: Path) -> None:
    content = json.loads((folder / "model.json").read_text())
    assert content["schema_version"] == 1
    assert {"pixel_size_mm", "tile_px", "overlap_px", "min_object_mm2", "normalisation"} < set(content)
    assert spec_to_json(spec_from_json(json.dumps(content))) == (folder / "model.json").read_text()


def test_verify_looks_at_description_and_network(folder: Path) -> None:
    first, second = verify_bundle(read_bundle(folder))
    assert "follows the schema" in first
    assert second == "model.onnx takes 3 bands of float32 and gives 1 probabilities per pixel"


def test_the_stored_input_and_answer_are_read_back(folder: Path) -> None:
    check = read_check(read_bundle(folder))
    assert check is not None
    for found, written in zip(check, CHECK, strict=True):
        assert found.dtype == written.dtype
        np.testing.assert_array_equal(found, written)
    (folder / "check_output.npy").unlink()
    assert read_check(read_bundle(folder)) is None


def test_a_stored_answer_of_another_number_or_kind_is_refused(folder: Path) -> None:
    for wrong in (CHECK[1][:1], CHECK[1].astype(np.float64)):
        np.save(folder / "check_output.npy", wrong)
        with pytest.raises(DataError, match="must be as many of uint8 or float32 and of float32"):
            read_check(read_bundle(folder))
    np.save(folder / "check_output.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"check_output\.npy is not a plain array"):
        read_check(read_bundle(folder))


@pytest.mark.parametrize("k", range(1, 40))
def test_a_bundle_that_cannot_be_replaced_still_works(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, k: int
) -> None:
    (folder / "NOTES.txt").write_text("mine", encoding="utf-8")
    old = {path.name: path.read_bytes() for path in folder.iterdir()}

    class Failing(seam.FileOperations):
        count = 0

        def _step(self) -> None:
            Failing.count += 1
            if Failing.count == k:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def make_temporary_folder(self, parent: Path) -> Path:
            self._step()
            return super().make_temporary_folder(parent)

        def write_new(self, path: Path, data: bytes) -> None:
            self._step()
            super().write_new(path, data)

        def fsync(self, path: Path) -> None:
            self._step()
            super().fsync(path)

        def replace(self, source: Path, target: Path) -> None:
            self._step()
            super().replace(source, target)

    monkeypatch.setattr(seam, "OPERATIONS", Failing())
    try:
        write_bundle(folder, _spec(version="9.9"), tmp_path / "net.onnx", "# another card\n")
    except DiskFull:
        failed = True
    else:
        failed = False
    monkeypatch.undo()
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert failed == (Failing.count >= k)
    if failed and found == old:
        assert read_bundle(folder).spec.version != "9.9"
    else:  # complete: only the last wait for the disk may have failed
        assert read_bundle(folder).spec.version == "9.9"
        assert found["NOTES.txt"] == b"mine"
        assert not failed or k == Failing.count
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".graven")]


def test_weights_travel_with_the_bundle(tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    write_bundle(tmp_path / "tiny", _spec(), _onnx(tmp_path / "net.onnx"), CARD, weights_path=weights)
    assert (tmp_path / "tiny" / "weights.safetensors").read_bytes() == weights.read_bytes()


def test_a_changed_network_is_noticed(folder: Path) -> None:
    _onnx(folder / "model.onnx", scale=2)
    with pytest.raises(DataError, match=r"not the file that model\.json describes"):
        read_bundle(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 1}, "colour: Extra inputs are not permitted"),
        ({"tile_px": "512"}, "tile_px: .*valid integer, got '512'"),
        ({"tile_px": True}, "tile_px: .*valid integer"),
        ({"overlap_px": 64}, "overlap_px must be below tile_px"),
        ({"schema_version": 2}, "schema_version 2, this graven reads 1"),
        ({"threshold": 1.5}, "threshold: .*less than or equal to 1"),
        ({"bands": ["red"]}, "must be equally long, got 1, 3 and 3"),
        ({"normalisation": {"mean": [0.0] * 3, "std": [1.0, 0.0, 1.0]}}, "std must be above 0"),
        ({"name": "../evil"}, "name: "),
        ({"classes": []}, "classes: "),
        ({"sha256": "0" * 63}, "sha256: "),
    ],
)
def test_a_description_that_is_not_exact_is_refused(folder: Path, changes: dict[str, object], message: str) -> None:
    _edit(folder, **changes)
    with pytest.raises(DataError, match=message) as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not sound JSON"),
        ('{"schema_version": 1, "schema_version": 1}', "stands twice"),
        ('{"schema_version": 1, "threshold": NaN}', "NaN"),
        ("[]", "not a graven model"),
        ("[" * 5000, "nested deeper"),
    ],
)
def test_json_with_liberties_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_bundle(folder)


def test_a_number_beyond_float_is_refused() -> None:
    text = spec_to_json(_spec(sha256="0" * 64)).replace('"width": 16', '"width": 1e999')
    with pytest.raises(DataError, match="beyond the range of a float"):
        spec_from_json(text)


def test_options_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(InputError, match="JSON cannot"):
        spec_to_json(_spec(sha256="0" * 64, network_options={"width": float("nan")}))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".pkl", ".pt2", ".npz", ".joblib", ".onnx"])
def test_a_pickle_is_refused_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(PICKLE)
    with pytest.raises(UnsafeModel, match="export it to ONNX and safetensors first, see docs/how-to/models"):
        read_bundle(path)


def test_a_torch_archive_with_another_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", PICKLE)
    with pytest.raises(UnsafeModel):
        read_bundle(path)


def test_a_folder_with_only_a_checkpoint_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "best.ckpt").write_bytes(b"PK")
    with pytest.raises(UnsafeModel, match=r"best\.ckpt"):
        read_bundle(tmp_path)


def test_a_pickle_as_model_onnx_is_refused(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(PICKLE)
    with pytest.raises(UnsafeModel, match=r"model\.onnx"):
        read_bundle(folder)


def _zip(path: Path, folder: Path, *, prefix: str = "tiny/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in sorted(folder.iterdir()):
            archive.write(entry, prefix + entry.name)
    return path


@pytest.mark.parametrize("prefix", ["", "tiny/"])
def test_a_zip_is_the_same_bundle(folder: Path, tmp_path: Path, prefix: str) -> None:
    bundle = read_bundle(_zip(tmp_path / "tiny.zip", folder, prefix=prefix))
    assert bundle.spec == read_bundle(folder).spec
    assert bundle.path == tmp_path / "tiny.zip"
    assert read_check(bundle) is not None


@pytest.mark.parametrize(
    "member", ["../evil.txt", "/etc/passwd", "tiny/../../model.onnx", "tiny\\evil", "other/model.onnx"]
)
def test_a_zip_cannot_write_elsewhere(folder: Path, tmp_path: Path, member: str) -> None:
    path = _zip(tmp_path / "tiny.zip", folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(member), b"x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match="a bundle has only"):
        read_bundle(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_zip_in_the_parent_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a bundle has only"):
        read_bundle(_zip(tmp_path / "tiny.zip", folder, prefix="../"))


def test_a_zip_bomb_a_link_and_a_twin_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "weights.safetensors").write_bytes(bytes(20_000_000))
    with pytest.raises(DataError, match="far beyond its own size"):
        read_bundle(_zip(tmp_path / "bomb.zip", folder))
    (folder / "weights.safetensors").unlink()
    link = zipfile.ZipInfo("tiny/weights.safetensors")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(_zip(tmp_path / "link.zip", folder), "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="holds the link"):
        read_bundle(tmp_path / "link.zip")
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(_zip(tmp_path / "twin.zip", folder), "a") as archive,
    ):
        archive.writestr("tiny/model.json", "{}")
    with pytest.raises(DataError, match="twice"):
        read_bundle(tmp_path / "twin.zip")


def test_a_truncated_zip_member_is_refused(folder: Path, tmp_path: Path) -> None:
    path = _zip(tmp_path / "tiny.zip", folder)
    content = bytearray(path.read_bytes())
    at = content.index(b"MODEL_CARD.md") + 13 + 20
    content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged at 'tiny/MODEL_CARD\.md'"):
        read_bundle(path)


@pytest.mark.parametrize(
    ("network", "spec", "message"),
    [
        ({"names": ("x", "probability")}, {}, "must have one 'image', got x"),
        ({"names": ("image", "logits")}, {}, "must have one 'probability', got logits"),
        ({"n_bands": 4}, {}, "must have 3 bands as in model.json, got 4"),
        ({"domain": "com.example"}, {}, "uses operators of com.example"),
        ({}, {"sha256": "0" * 64}, "names another model.onnx"),
    ],
)
def test_a_network_that_does_not_fit_is_not_written(
    tmp_path: Path, network: dict[str, object], spec: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        write_bundle(tmp_path / "out", _spec(**spec), _onnx(tmp_path / "net.onnx", **network), CARD)
    assert not (tmp_path / "out").exists()


def test_a_damaged_network_and_outside_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not a protobuf at all")
    with pytest.raises(DataError, match="not a valid ONNX model"):
        write_bundle(tmp_path / "out", _spec(), path, CARD)
    model = onnx.load(_onnx(path))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="keeps its weights in another file"):
        write_bundle(tmp_path / "out", _spec(), path, CARD)


def test_a_zip_without_a_directory_is_refused(folder: Path, tmp_path: Path) -> None:
    content = _zip(tmp_path / "tiny.zip", folder).read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[len(content) // 2 :])
    with pytest.raises(DataError, match=r"cut\.zip"):
        read_bundle(tmp_path / "cut.zip")


def test_missing_parts_and_names_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no model 'nowhere'"):
        read_bundle("nowhere")
    with pytest.raises(DataError, match="is not a model bundle; expected a folder or zip"):
        read_bundle(folder / "model.json")
    (folder / "MODEL_CARD.md").unlink()
    with pytest.raises(DataError, match=r"MODEL_CARD\.md is missing"):
        read_bundle(folder)
    with pytest.raises(InputError, match="needs a model card"):
        write_bundle(folder, _spec(), tmp_path / "net.onnx", "  ")


def test_companions_are_found_beside_the_bundle(folder: Path, tmp_path: Path) -> None:
    gate = write_bundle(tmp_path / "tiny-gate", _spec(name="tiny-gate", companions={}), tmp_path / "net.onnx", CARD)
    assert read_companion(read_bundle(folder), "gate").spec == gate.spec
    with pytest.raises(UsageError, match="has no companion 'refine'; it has: gate"):
        read_companion(read_bundle(folder), "refine")


def test_every_bundled_model_is_whole_and_within_its_size() -> None:
    for name in list_bundles():
        bundle = read_bundle(name)
        assert bundle.spec.name == name
        verify_bundle(bundle)
        assert sum(entry.stat().st_size for entry in bundle.path.iterdir()) <= 8 << 20
