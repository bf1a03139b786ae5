"""Nothing that a user's file can reach runs code: no pickle, no eval, no YAML with objects."""

import ast
from pathlib import Path

import pytest

import rovr

SOURCE = Path(rovr.__file__).parent
# Calls by the last part of their name, and the argument without which they may run code.
NEEDS = {"torch.load": ("weights_only", True), "load_state_dict_from_url": ("weights_only", True)}
FORBIDDEN = {
    "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads", "marshal.load", "shelve.open", "joblib.load",
    "dill.load", "eval", "exec", "yaml.load", "yaml.unsafe_load", "os.system", "torch.jit.load", "torch.package",
}  # fmt: skip
ARGUMENTS = {"allow_pickle": True, "shell": True, "trust_repo": True}


def faults(code: str) -> list[str]:
    """Calls that may run what a file holds."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
        for call, (argument, value) in NEEDS.items():
            if (name == call or name.endswith(f".{call}")) and given.get(argument) is not value:
                found.append(f"{name} without {argument}={value}")
        if name in FORBIDDEN:
            found.append(name)
        found += [f"{name}({word}=True)" for word, value in ARGUMENTS.items() if given.get(word) is value]
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_runs_what_a_file_holds(path):
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(path)", "torch.load(path, weights_only=False)", "pickle.load(f)", "eval(text)", "yaml.load(f)",
        "np.load(f, allow_pickle=True)", "subprocess.run(x, shell=True)", "torch.hub.load_state_dict_from_url(u)",
    ],
)  # fmt: skip
def test_the_search_finds_such_calls(code):
    assert faults(code)


def test_the_search_lets_others_pass():
    assert not faults("torch.load(p, weights_only=True); net.eval(); np.load(p); json.loads(t)")
