from pathlib import Path

import pytest
from conftest import moving_texture, write_video

from rovr.errors import UserError
from rovr.evaluate.clips import Clips
from rovr.evaluate.config import EvaluateConfig, settle
from rovr.evaluate.plan import make_methods


def config(**given):
    return EvaluateConfig(clips=Path("clips"), out=Path("x.json"), **given)


def test_custom_settings_have_defaults():
    settled = settle(config())
    assert (settled.length, settled.size, settled.corruption, settled.seeds) == (25, (256, 256), ("shift",), 1)
    settled = settle(config(size=(48, 64), length=6, seeds=3, corruption=("static", "shift+photometric")))
    assert (settled.length, settled.size, settled.seeds) == (6, (48, 64), 3)
    assert settled.corruption == ("static", "shift+photometric")
    assert not settled.caveat


def test_protocols_are_what_they_are_called_for():
    poster = settle(config(protocol="poster"))
    assert (poster.length, poster.size, poster.corruption, poster.seeds) == (25, (256, 256), ("shift",), 20)
    davis = settle(config(protocol="davis", seeds=2))
    assert (davis.length, davis.size, davis.seeds) == (0, (240, 432), 2)
    assert "freeform-moving" in davis.corruption
    assert "no rivals" in davis.caveat


def test_methods_are_named_after_what_they_are():
    found = make_methods(
        config(
            selectors=(
                "sequential,coverage:order=easiest:alpha=0.5",
                "local_stride:every=true",
                "runs/x/agent.safetensors",
                "agent:passes=2:contexts=4",
                "runs/my x/other.safetensors:passes=3",
                "agent:texture=true",
            ),
            baselines=("telea,navier-stokes",),
        )
    )
    assert [(m.name, m.selector, m.editor) for m in found] == [
        ("telea", "none", "telea"),
        ("navier-stokes", "none", "navier-stokes"),
        ("sequential", "sequential", "aligned"),
        ("coverage order=easiest alpha=0.5", "coverage", "aligned"),
        ("local_stride every=true", "local_stride", "aligned"),
        ("agent", "runs/x/agent.safetensors", "aligned"),
        ("agent passes=2 contexts=4", "agent", "aligned"),
        ("other passes=3", "runs/my x/other.safetensors", "aligned"),
        ("agent texture=true", "agent", "aligned"),
    ]
    assert [method.texture for method in found] == [False] * 8 + [True]
    # What came to be later does not make earlier runs those of another method.
    assert "texture" not in found[0].mark()
    assert found[8].mark()["texture"]
    assert [(m.passes, m.contexts, m.plain, m.options) for m in found[4:]] == [
        (1, None, "local_stride", {"every": True}),
        (1, None, "", {}),
        (2, 4, "agent", {}),
        (3, None, "other", {}),
        (1, None, "agent", {}),
    ]
    assert found[3].options == {"order": "easiest", "alpha": 0.5}
    assert found[4].options == {"every": True}
    agents = make_methods(config(selectors=("a/agent.safetensors", "b/agent.safetensors")))
    assert [method.name for method in agents] == ["a/agent", "b/agent"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"protocol": "poster", "length": 9}, "fixes --length"),
        ({"protocol": "davis", "size": (64,), "corruption": ("shift",)}, "fixes --size, --corruption"),
        ({"size": (1, 2, 3)}, "--size 1 2 3"),
        ({"size": (8,)}, "16 pixels or more"),
        ({"seeds": 0}, "--seeds 0"),
        ({"length": 2}, "--length 2: give at least 3"),
        ({"contexts": 0}, "--contexts 0"),
        ({"workers": 0}, "--workers 0"),
        ({"corruption": ("shift", "shift")}, "each kind of damage once"),
    ],
)
def test_settings_that_cannot_work(given, words):
    with pytest.raises(UserError, match=words):
        settle(config(**given))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"selectors": ("coverage", "coverage")}, "coverage: two methods of one name"),
        ({"selectors": ("coverage:alpha",)}, "'alpha' is no option"),
        ({"selectors": ()}, "no method"),
        ({"selectors": ("agent:passes=0",)}, "passes=0: give a whole number, at least 1"),
        ({"selectors": ("agent:texture=2",)}, "texture=2: give true or false"),
        ({"selectors": ("agent:contexts=many",)}, "contexts=many"),
        ({"selectors": ("coverage:alpha=nan",)}, "alpha=nan: give a finite number"),
        ({"selectors": ("coverage:alpha=-inf",)}, "alpha=-inf: give a finite number"),
    ],
)
def test_methods_that_cannot_be_told_apart(given, words):
    with pytest.raises(UserError, match=words):
        make_methods(config(**given))


def test_a_list_of_names_picks_clips(tmp_path):
    for seed, name in enumerate(("one", "two")):
        write_video(tmp_path / f"{name}.mp4", moving_texture(5, 32, 32, seed))
    (tmp_path / "mine.txt").write_text("two\n")
    assert Clips(tmp_path, 4, (32, 32), str(tmp_path / "mine.txt")).names == ("two",)
    with pytest.raises(UserError, match="no split is called 'val'; there are none here"):
        Clips(tmp_path, 4, (32, 32), "val")
