"""What a result's diagnostics say of how it was computed, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taylorattr.html.cautions.caution import Caution


def of_diagnostics(about: str, diagnostics: Mapping[str, Any]) -> list[Caution]:
    """Return what readers of the numbers must know of the computation."""
    found = []
    if diagnostics.get("was_training"):
        found.append("The model was in training mode; a copy was analysed in eval mode.")
    if diagnostics.get("promoted") is False:
        found.append("The model could not be run in the precision that was asked for.")
    if "lowest_dtype" in diagnostics:
        found.append(
            f"A part of the model computes in {diagnostics['lowest_dtype']} "
            f"({diagnostics.get('lowered_by', '')}): the numbers carry less precision than their type."
        )
    if "moved" in diagnostics:
        found.append(f"The analysis ran on {diagnostics['moved']}, since the device has no float64.")
    if diagnostics.get("of_truncated"):
        found.append("The index was taken of a table that lacks effects; what it lacks counts as zero.")
    if diagnostics.get("no_dependence"):
        found.append(f"Inputs that the output does not depend on: {diagnostics['no_dependence']}.")
    notes = diagnostics.get("notes", [])
    found += [_sentence(note) for note in (notes if isinstance(notes, (list, tuple)) else [notes])]
    if "note" in diagnostics:
        found.append(_sentence(diagnostics["note"]))
    cautions = [Caution(about, sentence) for sentence in found]
    equal = diagnostics.get("zero_difference")
    if equal:
        examples = tuple(equal) if isinstance(equal, (list, tuple)) else ()
        words = "Input and baseline coincide, so every effect is 0."
        cautions.append(Caution(about, words, "Choose another baseline.", True, examples))
    return cautions


def _sentence(note: Any) -> str:
    text = str(note).strip()
    return text if text.endswith(".") else f"{text}."
