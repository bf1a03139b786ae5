"""A model in a folder: an editor, a selector, or both, as weights with a configuration beside them.

``config.json`` says what there is; weights are safetensors files, so that reading a folder runs no code from it::

    {
      "rovr": "0.1.0",
      "editor": {"name": "aligned", "weights": "editor.safetensors"},
      "selector": {"name": "agent", "weights": "agent.safetensors"},
      "contexts": 2
    }

A selector without weights has its name and its options; an editor without weights its name alone.
"""

import json
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import torch

from rovr._version import __version__
from rovr.editor.base import Editor
from rovr.editor.learned import LearnedEditor
from rovr.editor.loading import EDITORS, LEARNED, load_editor, write_weights
from rovr.errors import UserError
from rovr.select import SELECTORS, load_selector
from rovr.select.base import Selector
from rovr.select.learned import Learned
from rovr.types import is_count

CONFIG, EDITOR, AGENT = FILES = ("config.json", "editor.safetensors", "agent.safetensors")
"""All that is ever read."""


def write_model(folder: Path, editor: Editor, selector: Selector, contexts: int) -> dict[str, Any]:
    """Write a model and return its configuration, which is written last.

    Raises:
        UserError: no folder can be made there, or nobody knows how to store an editor or a selector of one's own.
    """
    config = {
        "rovr": __version__,
        "editor": _editor_entry(editor),
        "selector": _selector_entry(selector),
        "contexts": contexts,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made into a folder ({error.strerror}); choose another.") from None
    if isinstance(editor, LearnedEditor):
        write_weights(folder / EDITOR, editor.net.state_dict(), {"editor": editor.name})
    if isinstance(selector, Learned):
        selector.agent.save(folder / AGENT, encoder=selector.encoder)
    partial = folder / (CONFIG + ".partial")
    partial.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / CONFIG)
    return config


def _editor_entry(editor: Editor) -> dict[str, Any]:
    if editor.name in LEARNED and type(editor) is LEARNED[editor.name]:
        return {"name": editor.name, "weights": EDITOR}
    if editor.name in EDITORS and not isinstance(editor, LearnedEditor):
        return {"name": editor.name}
    raise UserError(
        f"the editor '{editor.name}' cannot be saved; only ROVR's own can, {', '.join(LEARNED)} with weights"
    )


def _selector_entry(selector: Selector) -> dict[str, Any]:
    if isinstance(selector, Learned):
        return {"name": selector.name, "weights": AGENT}
    make = SELECTORS.get(selector.name)
    if make is None or type(selector) is not make:
        raise UserError(f"the selector '{selector.name}' cannot be saved; ROVR's own rules and agents can")
    options = {}
    for name, parameter in signature(make).parameters.items():
        if getattr(selector, name, parameter.default) != parameter.default:
            options[name] = getattr(selector, name)
    return {"name": selector.name, **({"options": options} if options else {})}


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a folder, checked.

    Raises:
        UserError: none there, or one that says nothing sensible.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise UserError(f"{folder} holds no model: there is no {CONFIG}; Restorer.save_pretrained writes one")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}); fetch or save the model again") from error
    parts = [config.get(name) for name in ("editor", "selector")] if isinstance(config, dict) else []
    good = parts and all(
        part is None
        or (isinstance(part, dict) and isinstance(part.get("name"), str) and isinstance(part.get("options", {}), dict))
        for part in parts
    )
    if not good or not any(parts):
        raise UserError(f"{path} is no configuration of a ROVR model: it names neither an editor nor a selector")
    if not is_count(contexts := config.get("contexts", 2)):
        raise UserError(f"{path}: contexts are {json.dumps(contexts)[:40]}; they have to be a whole number from 1 on")
    for part, file in zip(parts, (EDITOR, AGENT), strict=True):
        # A name of one's choosing could lead out of the folder.
        if part and part.get("weights", file) != file:
            raise UserError(f"{path} keeps weights in '{part['weights']}'; they have to be in {file}")
    return config


def read_editor(folder: Path, config: Mapping[str, Any], device: torch.device) -> Editor | None:
    """The editor of a folder, None where it has none."""
    part = config.get("editor")
    return part and load_editor(part["name"], device, folder / EDITOR if "weights" in part else None)


def read_selector(folder: Path, config: Mapping[str, Any], device: torch.device) -> Selector | None:
    """The selector of a folder, None where it has none."""
    part = config.get("selector")
    if part and "weights" in part:
        return Learned(folder / AGENT, device)
    if not part:
        return None
    options = part.get("options", {})
    if part["name"].endswith(".safetensors") or options.keys() & {"weights", "device"}:
        # Files of one's choosing could lie outside of the folder.
        raise UserError(
            f"{folder / CONFIG}: an agent's weights have to be in {AGENT}, and the device is not its choice"
        )
    for name, parameter in signature(SELECTORS.get(part["name"], Selector)).parameters.items():
        # Constructors check values and take kinds for granted, which a file can get wrong.
        if name in options and parameter.default is not None and type(options[name]) is not type(parameter.default):
            raise UserError(f"{folder / CONFIG}: the selector's option '{name}' is not of the kind that it takes")
    return load_selector(part["name"], **options)
