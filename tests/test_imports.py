"""The direction of imports in docs/architecture.md: data flows one way, and repairing never loads training code."""

import ast
from pathlib import Path

import pytest

import rovr

SOURCE = Path(rovr.__file__).parent

# A part (a module or folder of src/rovr, or a folder within one) may import itself and what stands on a line above.
LAYERS = (
    {"_version", "errors"},
    {"types"},
    {"_compat", "device", "files", "grain", "memory", "plugs", "pretrained", "threads"},
    {"unet", "vgg", "flow", "video"},
    {"outputs", "tables"},
    {"data", "metrics", "perceptual"},
    {"editor"},
    {"mdp", "masking", "provenance"},
    {"texture"},
    {"agents"},
    {"select"},
    {"repair", "rl", "model_folder", "anchors"},
    {"blocks", "hub"},
    {"restorer", "summary"},
    {"resume", "items", "listening"},
    {"restore", "transform", "translucent"},
    {"batch"},
    {"editor.training", "export"},
    {"train", "evaluate", "demo"},
    {"report"},
    {"serve"},
    {"__init__"},
    {"cli"},
    {"__main__"},
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}

# What repairs videos, and what it must never load.
REPAIRING = ("rovr", "rovr.restore", "rovr.restorer", "rovr.cli.restore")
TRAINING = {"rl", "data", "editor.training", "train", "evaluate"}


def name_of(path: Path) -> str:
    """rovr.a.b for src/rovr/a/b.py, rovr.a for src/rovr/a/__init__.py."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(("rovr", *(parts[:-1] if parts[-1] == "__init__" else parts)))


MODULES = {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def part_of(module: str) -> str:
    names = module.split(".")[1:]
    inner = ".".join(names[:2])
    return inner if inner in LEVEL else names[0] if names else "__init__"


def imports(module: str, at_load: bool = False) -> set[str]:
    """The project's modules that a module imports, anywhere in it or only while it is loaded."""
    found: set[str] = set()
    nodes: list[ast.AST] = [ast.parse(MODULES[module].read_text())]
    while nodes:
        node = nodes.pop()
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if at_load and (lazy or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))):
            continue
        nodes.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: write imports in full, from rovr.…"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in inner}
    return {name for name in found if name.split(".")[0] == "rovr"}


def loaded_by(module: str) -> set[str]:
    """Every module that is loaded with one, packages on the way included."""
    loaded: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        if name in loaded or name not in MODULES:
            continue
        loaded.add(name)
        todo += [name.rsplit(".", 1)[0], *imports(name, at_load=True)]
    return loaded


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_the_layers_above(module):
    part = part_of(module)
    assert part in LEVEL, f"give '{part}' a place in LAYERS and in docs/architecture.md"
    for other in imports(module) - {"rovr._version"}:
        if part_of(other) != part:
            assert LEVEL[part_of(other)] < LEVEL[part], f"{module} must not import {other}"


@pytest.mark.parametrize("module", [name for name in REPAIRING if name in MODULES])
def test_repairing_never_loads_training_code(module):
    assert not {part_of(name) for name in loaded_by(module)} & TRAINING


def test_the_parser_of_imports_sees_them():
    assert "rovr.types" in imports("rovr.mdp.state")
    assert "rovr.mdp.state" in loaded_by("rovr.repair")
