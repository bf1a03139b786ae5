"""The exported policies say what the originals say, for numbers of clips and of past repairs that it never saw."""

from unittest.mock import Mock

import numpy as np
import pytest
import torch

from rovr.agents import Agent
from rovr.cli import main
from rovr.editor.loading import shipped
from rovr.export import CONTEXT_POLICY, FRAME_POLICY, agent_networks


# PyTorch's exporter takes its time, and much more of it on a busy machine.
@pytest.mark.timeout(900)
def test_the_policies_that_ship_for_any_number_of_clips_and_repairs(tmp_path, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    traced = Mock(wraps=torch.export.export)
    monkeypatch.setattr(torch.export, "export", traced)
    assert main(["export", "-o", str(tmp_path), "--part", "agent", "--frames", "6", "--quiet"]) == 0
    # Once each: a number of clips that is taken for a constant has PyTorch try again by slower means.
    assert traced.call_count == 2
    agent, chance = Agent.load(shipped("agent")).eval(), torch.Generator().manual_seed(1)
    networks = agent_networks(agent, 6)
    for file, policy in ((FRAME_POLICY, agent.frame_policy), (CONTEXT_POLICY, agent.context_policy)):
        session = onnxruntime.InferenceSession(str(tmp_path / file))
        # A clip has as many repairs behind it as frames, towards its end.
        for batch, past in ((1, 1), (3, 4), (5, 6)):
            rows = torch.randint(3, (batch,), generator=chance)
            inputs = {name: tensor[rows] for name, tensor in networks[file].inputs.items()}
            for name in ("cells", "sight", "cover", "frame"):
                if name in inputs:
                    inputs[name] = torch.rand(inputs[name].shape, generator=chance)
            if "history" in inputs:
                inputs["history"] = torch.randint(6, (batch, past, 3), generator=chance)
                inputs["length"] = torch.randint(past + 1, (batch,), generator=chance)
            if "target" in inputs:
                inputs["target"] = torch.randint(6, (batch,), generator=chance)
            with torch.inference_mode():
                expected = policy.logits(inputs).numpy()
            (found,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
            assert np.abs(found - expected).max() < 1e-3 * max(1.0, np.abs(expected).max())
