import json

import pytest

from rovr.errors import UserError
from rovr.files import Lock, lay_out
from rovr.video.outfile import PendingOutput


def test_every_entry_of_a_part_has_a_line_of_its_own() -> None:
    report = {"kind": "a\nb", "runs": [{"clip": "x", "psnr": [1.5, 2]}, {"clip": "y", "psnr": []}], "marks": {}}
    text = lay_out(report)
    assert json.loads(text) == report
    assert ' {"clip": "y", "psnr": []}' in text.splitlines()[4]
    assert len(text.splitlines()) == 8


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        lay_out({"runs": [float("nan")]})


def test_a_lock_that_was_removed_is_no_lock(tmp_path) -> None:
    path = tmp_path / "lock"
    first = Lock(path)
    assert first.held
    assert not Lock(path).held
    waiting = Lock(path)
    path.unlink()
    second = Lock(path)
    assert second.held
    first.release()
    # Who opened it before has the file that is gone; it must not take that for the one that counts.
    assert not waiting._get()
    second.release()
    assert waiting._get()


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_has_come_to_be_meanwhile_is_replaced_only_if_told(tmp_path, overwrite) -> None:
    pending = PendingOutput(tmp_path / "out.mp4", False, overwrite)
    pending.partial.write_text("ours")
    (tmp_path / "out.mp4").write_text("theirs")
    if overwrite:
        pending.commit()
    else:
        with pytest.raises(UserError, match="exists already"):
            pending.commit()
        pending.discard()
    assert (tmp_path / "out.mp4").read_text() == ("ours" if overwrite else "theirs")
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]
