"""The fuzzer of benchmarks/: what it damages is good before, and its damage is repeatable."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from _mutate import mutate, mutate_json  # noqa: E402


@pytest.fixture(scope="module")
def targets():
    pytest.importorskip("matplotlib")
    import _targets

    return _targets


@pytest.fixture(scope="module")
def corpus(targets, tmp_path_factory):
    """All but the many videos, which have tests of their own."""
    folder = tmp_path_factory.mktemp("corpus")
    from conftest import moving_texture, write_video

    write_video(folder / "good.mp4", moving_texture(6))
    made = targets.Corpus(folder)
    kinds = (("mask", targets._masks), ("picture", targets._pictures), ("shapes", targets._shapes))
    for kind, make in kinds:
        made.files[kind] = [(path.name, path.read_bytes()) for path in make(folder)]
    made.files["weights"], made.files["agent"] = targets._weights(folder), targets._agent(folder)
    made.files["results"], made.files["log"] = targets._results(folder)
    made.files["list"], made.files["model"] = targets._lists(), [targets._config()]
    made.files |= targets._by_products(folder)
    return made


KINDS = ["mask", "picture", "frames", "shapes", "weights", "agent", "results", "log"]
KINDS += ["list", "manifest", "provenance", "journal", "model"]


def test_every_kind_is_fuzzed_and_tried_here(targets):
    assert {"video", *KINDS} == set(targets._SHARES) == set(targets._READERS)
    assert sum(targets._SHARES.values()) == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_good_files_are_taken(targets, corpus, tmp_path, kind):
    from fuzz import judge

    from rovr.cli import answer

    for number, (name, content) in enumerate(corpus.files["picture" if kind == "frames" else kind]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_bytes(content)
        run = targets._READERS[kind](corpus, folder / name, folder, np.random.default_rng(0))
        assert judge(answer(run, debug=True), "", folder) == "done", name


def test_faults_are_found(tmp_path):
    from fuzz import judge

    refusal = "rovr: no\n"
    assert judge(0, "", tmp_path) == "done"
    assert judge(2, refusal, tmp_path) == "refused"
    assert judge(2, "", tmp_path) == judge(2, refusal * 2, tmp_path) == "misleading"
    assert judge(1, refusal, tmp_path) == judge(2, "Traceback", tmp_path) == "internal error"
    (tmp_path / "out.mp4").touch()
    assert judge(2, refusal, tmp_path) == "left behind"
    assert judge(0, "", tmp_path) == "done"
    (tmp_path / ".out.partial-1.mp4").touch()
    assert judge(0, "", tmp_path) == "left behind"


def test_damage_is_repeatable():
    data, others = bytes(range(256)) * 9, [b"other" * 99]
    many = [mutate(data, np.random.default_rng(seed), others) for seed in range(60)]
    assert many == [mutate(data, np.random.default_rng(seed), others) for seed in range(60)]
    assert sum(damaged != data for damaged in many) > 50
    text = json.dumps({"a": [1, {"b": 2}], "c": "d"}).encode()
    many = [mutate_json(text, np.random.default_rng(seed)) for seed in range(60)]
    assert many == [mutate_json(text, np.random.default_rng(seed)) for seed in range(60)]
    assert len(set(many)) > 30
