from pathlib import Path

import pytest
import torch

from rovr.editor import load_editor
from rovr.editor.loading import build_editor, read_card, read_checkpoint, shipped, write_weights
from rovr.errors import UserError


def test_written_weights_come_back_with_their_card(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    editor = build_editor("aligned")
    write_weights(path, editor.net.state_dict(), {"steps": 3}, half=True)
    loaded = load_editor("aligned", weights=path)
    for name, tensor in loaded.net.state_dict().items():  # type: ignore[attr-defined]
        assert torch.allclose(tensor, editor.net.state_dict()[name], atol=1e-3)
    assert read_card(path) == {"steps": 3}
    assert not list(tmp_path.glob("*.partial"))


def test_shipped_weights_load_and_say_how_they_came_to_be() -> None:
    load_editor("aligned")
    card = read_card(shipped("aligned"))
    assert card["steps"] > 0
    assert shipped("aligned").stat().st_size < 16 * 2**20


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no editor is called 'gamma'; choose from aligned"):
        load_editor("gamma")
    with pytest.raises(UserError, match="does not exist"):
        load_editor("aligned", weights=tmp_path / "no.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"\x00" * 100)
    with pytest.raises(UserError, match="damaged"):
        load_editor("aligned", weights=damaged)
    other = tmp_path / "other.safetensors"
    write_weights(other, build_editor("concat").net.state_dict(), {})
    with pytest.raises(UserError, match="do not fit"):
        load_editor("aligned", weights=other)
    with pytest.raises(UserError, match="no weights to load"):
        load_editor("telea", weights=other)


@pytest.mark.parametrize("content", [b"", b"garbage", b"hello world\n" * 9, b"\x80\x02.", b"0" * 999, b"PK\x03\x04"])
def test_a_checkpoint_that_is_none_is_told_in_one_line(tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(UserError, match=r"checkpoint\.pt is damaged or no checkpoint") as told:
        read_checkpoint(tmp_path / "checkpoint.pt", "cpu")
    assert "\n" not in str(told.value)


def test_a_checkpoint_without_names_is_none(tmp_path):
    torch.save([1, 2], tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match="no checkpoint"):
        read_checkpoint(tmp_path / "checkpoint.pt", "cpu")
