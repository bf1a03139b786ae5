from importlib import resources
from pathlib import Path

import av
import pytest
from conftest import rgb_frames, write_video

from rovr.demo import CLIP, run_demo
from rovr.errors import UserError


@pytest.mark.timeout(400)
def test_the_demo_repairs_better_than_one_frame_alone_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rgb_frames(Path(str(resources.files("rovr"))) / "assets" / CLIP)
    assert len(whole) == 50
    monkeypatch.setattr("rovr.demo.CLIP", str(write_video(tmp_path / "begin.mp4", whole[:16], options={"crf": "12"})))
    lines: list[str] = []
    scores = run_demo(tmp_path / "demo", device="cpu", say=lines.append)
    assert scores["ROVR"] > scores["OpenCV Telea"] + 2
    assert scores["ROVR"] > scores["OpenCV Navier-Stokes"] + 2
    said = "\n".join(lines)
    assert "cpu" in said
    assert "s each" in said
    for name in ("damaged.mp4", "mask.mp4", "repaired.mp4", "side-by-side.mp4"):
        with av.open(str(tmp_path / "demo" / name)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 16
    for name in ("repaired.mp4", "side-by-side.mp4", "contact-sheet.png"):
        assert str(tmp_path / "demo" / name) in said
        assert (tmp_path / "demo" / name).stat().st_size > 1000


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(UserError, match="is a file"):
        run_demo(tmp_path / "demo")
