"""``graven models verify`` on the command line: figures for machines, sentences for people, exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def test_verify_gives_figures_to_machines_and_sentences_to_people(graven: Callable) -> None:
    result = graven("models", "verify", "petroglyph", "--engine", "auto", "--json")
    assert result.code == 0, result.err
    (row,) = [row for row in result.lines() if "engine" in row]
    assert {"model", "check", "engine", "precision", "device", "flipped_share"} < set(row)
    text = graven("models", "verify", "petroglyph", "--engine", "auto").out.splitlines()
    assert text[0].split() == ["model", "check"]
    assert text[-1].split(maxsplit=1) == ["petroglyph", row["check"]]


def test_verify_refuses_what_it_cannot_do(graven: Callable, model: Path) -> None:
    for options, words in (
        (["--engine", "abacus"], "there is no engine 'abacus'"),
        (["--panels", "99"], "--panels takes 0 to that, got 99"),
    ):
        result = graven("models", "verify", model, *options)
        assert (result.code, result.err.count("\n")) == (1, 1), result.err
        assert words in result.err
