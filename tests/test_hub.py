"""Models in folders and on the Hub: what goes in comes out, and no network is needed to say what is wrong."""

import hashlib
import json
import os
import sys
import threading
from collections.abc import Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import moving_texture
from forked import Forked

from rovr import hub
from rovr.agents import Agent, AgentConfig
from rovr.cli import main
from rovr.editor.aligned import AlignedEditor
from rovr.errors import UserError
from rovr.restorer import Restorer
from rovr.select import load_selector
from rovr.select.coverage import Coverage
from rovr.select.learned import Learned


@pytest.fixture
def agent(tmp_path) -> Path:
    Agent(AgentConfig(seed=3, rule=0.0)).save(tmp_path / "trained.safetensors")
    return tmp_path / "trained.safetensors"


@pytest.fixture
def model(tmp_path, agent) -> Path:
    """A saved model whose editor is untrained and off its rule, so that no other is taken for it."""
    editor = AlignedEditor()
    with torch.no_grad():
        editor.net.rest.bias += 0.5
    Restorer(editor, Learned(agent), contexts=1).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def repaired(restorer: Restorer) -> tuple[torch.Tensor, list]:
    frames = torch.from_numpy(moving_texture(5, 32, 32)).permute(0, 3, 1, 2).contiguous()
    masks = torch.zeros(5, 32, 32, dtype=torch.bool)
    masks[1:4, 8:16, 8:16] = True
    result = restorer.restore(frames, masks)
    return result.frames, result.edits


def test_a_folder_gives_back_what_was_saved(model, agent):
    loaded = Restorer.from_pretrained(str(model), device="cpu")
    assert isinstance(loaded.repairer.selector, Learned)
    assert loaded.repairer.contexts == 1
    editor = AlignedEditor()
    editor.net.load_state_dict(loaded.repairer.editor.net.state_dict())
    assert float(editor.net.rest.bias[-1]) == 0.5
    frames, edits = repaired(loaded)
    expected, same = repaired(Restorer(editor, Learned(agent), 1))
    assert torch.equal(frames, expected)
    assert edits == same
    assert sorted(path.name for path in model.iterdir()) == ["agent.safetensors", "config.json", "editor.safetensors"]


def test_what_is_asked_for_comes_before_what_the_model_says(model):
    loaded = Restorer.from_pretrained(str(model), "nearest", "cpu", contexts=2)
    assert loaded.repairer.selector.name == "nearest"
    assert loaded.repairer.contexts == 2


def test_rules_are_kept_with_their_options(tmp_path):
    Restorer.from_pretrained("telea", Coverage(order="easiest"), "cpu").save_pretrained(tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert config["editor"] == {"name": "telea"}
    assert config["selector"] == {"name": "coverage", "options": {"order": "easiest"}}
    assert Restorer.from_pretrained(str(tmp_path / "m"), device="cpu").repairer.selector.order == "easiest"


def test_an_agent_or_an_editor_alone_will_do(model):
    config = json.loads((model / "config.json").read_text())
    for part, other in (("editor", "selector"), ("selector", "editor")):
        (model / "config.json").write_text(json.dumps({part: config[part]}))
        loaded = Restorer.from_pretrained(f"{model}/", device="cpu")
        # Another agent comes with the package.
        assert (loaded.repairer.selector.agent.config.seed == 3) == (part == "selector"), other
        assert loaded.repairer.contexts == 2


@pytest.mark.parametrize("name", ["aligned", "telea", "mymodel", "my-model.v2"])
def test_words_without_a_slash_are_editors(name):
    assert not hub.is_path(name)


@pytest.mark.parametrize("name", ["./mine", "../mine", "/a/b", "owner/name", "~/mine", ".", "runs/a/b"])
def test_words_with_a_slash_are_places(name):
    assert hub.is_path(name)


def test_a_folder_that_exists_comes_before_a_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "_hub", lambda: SimpleNamespace(snapshot_download=lambda name, **_: f"/fetched/{name}"))
    assert hub.locate("owner/name") == Path("/fetched/owner/name")
    Path("owner/name").mkdir(parents=True)
    assert hub.locate("owner/name") == Path("owner/name")
    for name in ("./owner/none", "a/b/c", "/owner/none", "~/no such", "other/"):
        with pytest.raises(UserError, match="there is no folder"):
            hub.locate(name)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (None, r"there is no config\.json"),
        ("{", "is damaged"),
        ("[]", "names neither"),
        ('{"editor": null}', "names neither"),
        ('{"editor": "aligned"}', "names neither"),
        ('{"editor": {"name": "aligned", "weights": "../../else.safetensors"}}', r"have to be in editor\.safetensors"),
        ("[" * 100_000, "is damaged"),
        ('{"selector": {"name": "coverage", "options": 3}}', "names neither"),
        ('{"selector": {"name": "local_stride", "options": {"stride": []}}}', "option 'stride' is not of the kind"),
        ('{"selector": {"name": "local_stride", "options": {"stride": 0.5}}}', "option 'stride' is not of the kind"),
        ('{"selector": {"name": "../else.safetensors"}}', r"have to be in agent\.safetensors"),
        ('{"selector": {"name": "agent", "options": {"weights": "../x"}}}', r"have to be in agent\.safetensors"),
        ('{"selector": {"name": "agent", "options": {"device": "bogus"}}}', "not its choice"),
        ('{"editor": {"name": "telea"}, "contexts": true}', "contexts are true; they have to be a whole number"),
        ('{"editor": {"name": "telea"}, "contexts": 2.5}', r"contexts are 2\.5; they have to be"),
        (f'{{"editor": {{"name": "telea"}}, "contexts": {10**40}}}', "contexts are 1000"),
        ('{"editor": {"name": "nonsense"}}', "no editor is called 'nonsense'"),
        ('{"selector": {"name": "nonsense"}}', "no selector is called 'nonsense'"),
        ('{"editor": {"name": "aligned", "weights": "editor.safetensors"}}', "does not exist"),
    ],
)
def test_folders_that_are_no_models(tmp_path, config, says):
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(UserError, match=says):
        Restorer.from_pretrained(str(tmp_path), device="cpu")


def test_paths_and_devices_are_taken_as_such(model, agent, monkeypatch):
    monkeypatch.chdir(model.parent)
    found = Restorer.from_pretrained(Path(model.name), device=torch.device("cpu"))
    assert repaired(found)[1] == repaired(Restorer.from_pretrained(str(model), device="cpu"))[1]
    assert Restorer.from_pretrained("telea", agent, device="cpu").repairer.selector.name == "agent"
    with pytest.raises(UserError, match="there is no folder"):
        Restorer.from_pretrained(Path("aligned"), device="cpu")


def test_a_tilde_is_ones_home_for_saving_as_for_loading(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Restorer.from_pretrained("telea", "nearest", "cpu").save_pretrained("~/mine")
    assert (tmp_path / "mine" / "config.json").is_file()
    assert Restorer.from_pretrained("~/mine", device="cpu").repairer.editor.name == "telea"
    for name in ("~nobody/mine", Path("~nobody/mine")):
        with pytest.raises(UserError, match="there is no folder"):
            Restorer.from_pretrained(name, device="cpu")


def test_what_would_have_no_effect_is_refused(agent):
    with pytest.raises(UserError, match="leave weights out"):
        Restorer.from_pretrained(AlignedEditor(), "nearest", "cpu", weights="mine.safetensors")
    for editor in ("telea", AlignedEditor()):
        with pytest.raises(UserError, match="revision v2: only a repository"):
            Restorer.from_pretrained(editor, "nearest", "cpu", revision="v2")


def test_a_file_is_not_replaced_by_a_folder(model, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UserError, match="taken cannot be made into a folder"):
        Restorer.from_pretrained(model).save_pretrained(tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_strangers_are_not_saved(tmp_path):
    class Own(Coverage):
        name = "own"

    with pytest.raises(UserError, match="selector 'own' cannot be saved"):
        Restorer.from_pretrained("telea", Own(), "cpu").save_pretrained(tmp_path / "m")
    assert not (tmp_path / "m").exists()


class FakeApi:
    """Keeps what is uploaded."""

    card = False

    def __init__(self, **options) -> None:
        self.calls: list[tuple] = []
        FakeApi.last = self

    def create_repo(self, name, private, exist_ok) -> None:
        self.calls.append((name, private, exist_ok))

    def file_exists(self, name, file, revision) -> bool:
        return self.card

    def upload_folder(self, repo_id, folder_path, revision, commit_message):
        self.files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
        return SimpleNamespace(commit_url=f"address/{repo_id}")


def test_pushing_writes_weights_configuration_and_card(model, monkeypatch):
    monkeypatch.setattr(hub, "_hub", lambda: SimpleNamespace(HfApi=FakeApi))
    restorer = Restorer.from_pretrained(str(model), device="cpu")
    assert restorer.push_to_hub("owner/films", private=True, license="mit") == "address/owner/films"
    assert FakeApi.last.calls == [("owner/films", True, True)]
    files = FakeApi.last.files
    assert sorted(files) == ["README.md", "agent.safetensors", "config.json", "editor.safetensors"]
    assert files["config.json"] == (model / "config.json").read_bytes()
    head = files["README.md"].decode().split("---")[1]
    assert "library_name: rovr\nlicense: mit\n" in head
    assert 'from_pretrained("owner/films")' in files["README.md"].decode()
    monkeypatch.setattr(FakeApi, "card", True)
    restorer.push_to_hub("owner/films")
    assert "README.md" not in FakeApi.last.files
    for call, says in [(("films",), "no name of a repository"), (("a/b", "mit", 1), "positional")]:
        with pytest.raises((UserError, TypeError), match=says):
            restorer.push_to_hub(*call)
    with pytest.raises(UserError, match="no option colour"):
        restorer.push_to_hub("owner/films", colour="red")


def test_without_the_library_its_name_is_said(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"pip install 'rovr\[hub\]'"):
        Restorer.from_pretrained("owner/name", device="cpu")


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub's interface as a download asks for."""

    folder: Path
    refuse = 401

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.refuse)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, body: bool) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        names = sorted(path.name for path in self.folder.iterdir())
        if parts[:4] == ["api", "models", "owner", "films"]:
            if "tree" in parts:
                tree = [
                    {"type": "file", "path": n, "size": (self.folder / n).stat().st_size, "oid": "0"} for n in names
                ]
                return self._send(json.dumps(tree).encode(), body, "application/json")
            about = {"id": "owner/films", "sha": "c" * 40, "siblings": [{"rfilename": name} for name in names]}
            return self._send(json.dumps(about).encode(), body, "application/json")
        if parts[:3] == ["owner", "films", "resolve"] and parts[-1] in names:
            return self._send((self.folder / parts[-1]).read_bytes(), body, "application/octet-stream")
        if status := next((int(part) for part in parts if part.isdecimal()), None):
            self.send_response(status)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content: bytes, body: bool, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"')
        self.send_header("X-Repo-Commit", "c" * 40)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def endpoint(model):
    """The address of a Hub that has the model as owner/films, and nothing else."""
    (model / "surplus.safetensors").write_bytes(b"never asked for")
    Hub.folder = model
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def locate(name: str, files: Sequence[str]) -> int:
    """Say where it is, or why it cannot be had."""
    try:
        print(hub.locate(name, files=files))
    except UserError as error:
        print(f"rovr: {error}", file=sys.stderr)
        return 2
    return 0


def locate_in_a_process(
    name: str, home: Path, endpoint: str, files: Sequence[str] = hub.FILES, **more: str
) -> SimpleNamespace:
    """The Hub's address is read when the library is loaded."""
    none = {key: "" for key in os.environ if "proxy" in key.lower()}
    env = {**none, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    process = Forked(name, files, call=locate, env={**env, "HF_HUB_DISABLE_PROGRESS_BARS": "1", **more})
    out, err = process.communicate()
    return SimpleNamespace(returncode=process.returncode, stdout=out, stderr=err)


def test_a_repository_is_fetched_and_kept(endpoint, model, tmp_path):
    pytest.importorskip("huggingface_hub")
    done = locate_in_a_process("owner/films", tmp_path / "home", endpoint)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert {path.name for path in folder.iterdir()} == {"agent.safetensors", "config.json", "editor.safetensors"}
    assert (folder / "editor.safetensors").read_bytes() == (model / "editor.safetensors").read_bytes()
    offline = locate_in_a_process("owner/films", tmp_path / "home", endpoint, HF_HUB_OFFLINE="1")
    assert offline.stdout == done.stdout


def test_other_files_are_fetched_where_they_are_named(endpoint, model, tmp_path):
    pytest.importorskip("huggingface_hub")
    (model / "model.bin").write_bytes(b"a pickle")
    files = ("*config.json", "s*.safetensors")
    done = locate_in_a_process("owner/films", tmp_path / "home", endpoint, files=files)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in Path(done.stdout.strip()).iterdir()} == {"config.json", "surplus.safetensors"}


@pytest.mark.parametrize(
    ("name", "offline", "says"),
    [
        ("owner/none", "0", "is the name right?"),
        ("owner/films", "1", "is there a network|HF_HUB_OFFLINE"),
        ("owner/500", "0", "the Hub answered 500 (Internal Server Error); try again later"),
        ("owner/429", "0", "the Hub answered 429 (Too Many Requests); try again later"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(endpoint, tmp_path, name, offline, says):
    pytest.importorskip("huggingface_hub")
    done = locate_in_a_process(name, tmp_path / "home", endpoint, HF_HUB_OFFLINE=offline)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("rovr: ")]
    assert f"cannot fetch {name}, which is no folder here, from the Hugging Face Hub" in line
    assert any(part in line for part in says.split("|"))


@pytest.mark.parametrize(("status", "says"), [(401, "it wants a login: hf auth login"), (403, "may the token write")])
def test_pushing_without_the_right_to_is_told_how_to_get_it(endpoint, monkeypatch, status, says):
    library = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(Hub, "refuse", status)
    api = partial(library.HfApi, endpoint=endpoint)
    monkeypatch.setattr(hub, "_hub", lambda: SimpleNamespace(HfApi=api))
    with pytest.raises(UserError, match=f"cannot upload to owner/new on the Hugging Face Hub: .*{says}"):
        Restorer.from_pretrained("telea", "nearest", "cpu").push_to_hub("owner/new")


def test_a_hub_out_of_reach_is_one_line(tmp_path):
    pytest.importorskip("huggingface_hub")
    done = locate_in_a_process("owner/films", tmp_path / "home", "http://127.0.0.1:9")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("rovr: ")]
    assert "cannot be reached" in line


def test_the_command_line_takes_a_model(model, video, hole, tmp_path, capsys):
    args = ["restore", str(video(count=4)), "--mask", str(hole), "-o", str(tmp_path / "out.mp4"), "--device", "cpu"]
    assert main([*args, "--editor", str(model), "--json", "--quiet"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["editor"], summary["selector"], summary["contexts"]) == ("aligned", "agent", 1)
    assert main([*args, "--overwrite", "--editor", str(model), "--weights", "x.safetensors"]) == 2
    assert "leave --weights out" in capsys.readouterr().err


def test_the_agent_by_default():
    chosen = Restorer.from_pretrained(device="cpu").repairer.selector.agent.state_dict()
    assert all(torch.equal(tensor, chosen[name]) for name, tensor in load_selector("agent").agent.state_dict().items())
