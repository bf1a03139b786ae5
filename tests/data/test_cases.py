import numpy as np
import pytest
import torch

from rovr.data import corrupt
from rovr.data.cases import CaseDraw, ClipDraw, check_kinds, make_case
from rovr.errors import UserError


def clip(length: int = 8) -> torch.Tensor:
    return torch.full((length, 3, 32, 32), 120, dtype=torch.uint8)


def test_a_case_is_damaged_inside_its_holes_only_and_by_its_seed() -> None:
    case, again = (make_case(clip(), "shift", 3) for _ in range(2))
    assert case.masks.any()
    assert torch.equal(case.frames, again.frames)
    assert torch.equal(case.truth, clip())
    assert torch.equal(torch.where(case.masks, 0, case.frames), torch.where(case.masks, 0, case.truth))


def test_photometric_cases_flicker_and_are_noisy_and_their_truth_flickers_alike() -> None:
    case = make_case(clip(), "shift+photometric", 3)
    outside = ~case.masks.expand(-1, 3, -1, -1)
    assert torch.equal(case.masks, make_case(clip(), "shift", 3).masks)
    for shown, true, where in zip(case.frames.float(), case.truth.float(), outside, strict=True):
        assert true.std() == 0
        grain = (shown - true)[where]
        assert 1 < grain.std() < 11
        assert abs(float(grain.mean())) < 1
    assert case.truth.float().mean((1, 2, 3)).std() > 3


def test_drawn_cases_have_holes_and_every_kind() -> None:
    draw = CaseDraw(lambda chance: clip(), ("shift", "scratch+photometric"))
    cases = [draw(np.random.default_rng(seed)) for seed in range(12)]
    assert all(case.masks.any() for case in cases)
    steady = [bool((case.truth == 120).all()) for case in cases]
    assert 0 < sum(steady) < 12


def test_unknown_kinds_are_refused() -> None:
    check_kinds(["shift", "blocks+photometric"])
    with pytest.raises(UserError, match="rain"):
        check_kinds(["rain"])


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(UserError, match="no kind of damage"):
        check_kinds([])
    with pytest.raises(UserError, match="no folder of clips"):
        ClipDraw.open([], length=4, size=32)


def test_damage_that_never_makes_a_hole_is_no_endless_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    harmless = corrupt.Kind(corrupt.ShiftSpec, lambda n, h, w, chance, spec: iter(np.zeros((n, h, w), bool)), "none")
    monkeypatch.setitem(corrupt.KINDS, "harmless", harmless)
    with pytest.raises(UserError, match="'harmless' has left 1000 clips whole"):
        CaseDraw(lambda chance: clip(2), ("harmless",))(np.random.default_rng(0))
