"""Studies in benchmarks/: what their tables say of seeds and clips."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import agents  # noqa: E402
import side_by_side  # noqa: E402


def test_a_gain_has_an_error_where_chance_can_be_told():
    def runs(name, *returns):
        return [{"name": name, "damage": "shift", "return": r, "psnr": 20.0} for r in returns]

    rules = {"sequential": {"return": 1.0, "psnr": 10.0}, "one-step oracle": {"return": 20.0, "psnr": 30.0}}
    every = [*runs("ppg", 9, 10, 11), *runs("default", 12, 16), *runs("ppo", 13)]
    rows = {row["name"]: row for row in agents.summary(every, {"shift": rules})}
    assert {name: row["gain_over_ppg"] for name, row in rows.items()} == {
        "sequential": -9,
        "one-step oracle": 10,
        "ppg": None,
        "default": 4,
        "ppo": 3,
    }
    own, other = (1 / 3) ** 0.5, 2.0  # deviations 1 and √8 over the roots of 3 and 2 seeds
    assert rows["sequential"]["standard_error"] == pytest.approx(own)  # a rule knows no chance
    assert rows["default"]["standard_error"] == pytest.approx((own**2 + other**2) ** 0.5)
    assert rows["ppo"]["standard_error"] is rows["ppo"]["spread_percent"] is None
    assert rows["ppg"]["standard_error"] is None
    alone = agents.summary([*runs("ppg", 9), *runs("default", 12, 16)], {"shift": rules})
    assert all(row["standard_error"] is None for row in alone)
    none = agents.summary(runs("default", 12, 16), {"shift": rules})
    assert all(row["gain_over_ppg"] is None for row in none)


def test_every_run_costs_as_many_repairs():
    for variant in {**agents.LEARNERS, **agents.VARIANTS, **agents.DEFAULT}.values():
        run = agents.Run("some", variant, "shift", 0, Path("runs"))
        settled = agents.settle(agents.config(run, (), Path("val")))
        batches = settled.iterations + settled.imitate + settled.drill + 2 * settled.partners
        assert batches + settled.options.get("demo_batches", 0) == agents.ITERATIONS


def test_methods_side_by_side_are_paired_by_clip_and_seed():
    details = [
        {
            "clip": clip,
            "seed": seed,
            "method": method,
            "hole_psnr": 20.0 + number + (0.5 if method.startswith("agent") else 0),
            "repairs": 10,
            "looks": 20 if method.startswith("agent") else 80,
            "multiply_adds": 3 if method.startswith("agent") else 9,
        }
        for number, clip in enumerate("abc")
        for seed in range(2)
        for method in side_by_side.methods()
    ]
    chosen = side_by_side.summary(details)["chosen"]
    assert chosen["above_rule"] == chosen["low"] == chosen["high"] == pytest.approx(0.5)
    assert (chosen["contexts"], chosen["share_of_looks"]) == (2, 0.25)
    assert chosen["share_of_work"] == pytest.approx(1 / 3)
