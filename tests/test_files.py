import json

import pytest

from rovr.files import lay_out


def test_every_entry_of_a_part_has_a_line_of_its_own() -> None:
    report = {"kind": "a\nb", "runs": [{"clip": "x", "psnr": [1.5, 2]}, {"clip": "y", "psnr": []}], "marks": {}}
    text = lay_out(report)
    assert json.loads(text) == report
    assert ' {"clip": "y", "psnr": []}' in text.splitlines()[4]
    assert len(text.splitlines()) == 8


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        lay_out({"runs": [float("nan")]})
