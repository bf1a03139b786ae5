"""Imports that need help on some machines."""

import importlib
import re
import sys
from types import ModuleType

import torch
from torch import library as operators

from rovr.errors import UserError

# torchvision attaches Python code to its compiled operators on import. Where these do not load – its CUDA wheel
# beside a CPU build of PyTorch – the import fails although its models need none of them. Declaring the
# operators, without a body, is enough.
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")
# Declarations last as long as the library object they were made through.
_declared: list[operators.Library] = []


def import_torchvision() -> ModuleType:
    """Import torchvision, with or without its compiled operators.

    Where the operators load, this is a plain import.

    Raises:
        UserError: where torchvision is not installed or does not fit the installed PyTorch.
    """
    for _ in range(8):
        try:
            return importlib.import_module("torchvision")
        except ModuleNotFoundError as error:
            if error.name != "torchvision":
                raise
            raise UserError("this needs torchvision; install it with: pip install 'rovr[vision]'") from None
        except RuntimeError as error:
            missing = _MISSING.search(str(error))
            if missing is None:
                break
            # A failed import leaves submodules behind that would not be executed again.
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
            library = operators.Library("torchvision", "FRAGMENT")
            library.define(missing.group(1) + _SCHEMA)
            _declared.append(library)
    raise UserError(
        f"torchvision does not fit PyTorch {torch.__version__}; "
        "reinstall both together with: pip install --upgrade torch torchvision"
    )
