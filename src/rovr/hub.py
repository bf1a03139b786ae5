"""Models on the Hugging Face Hub (extra ``rovr[hub]``), and how their names are told from others.

- A word without a slash is the name of an editor: ``aligned``.
- With a slash it is a folder where there is one: ``./mine``, ``runs/mine``, ``/data/mine``.
- Where there is none, and it is of the form ``owner/name``, it is a repository on the Hub.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rovr._version import __version__
from rovr.editor.base import Editor
from rovr.errors import UserError
from rovr.files import at_home
from rovr.model_folder import FILES, write_model
from rovr.select.base import Selector

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

CARD = """\
---
library_name: rovr
license: {license}
pipeline_tag: video-to-video
tags:
- video-inpainting
- video-restoration
---

# {name}

A model for ROVR, which repairs the holes in a video frame by frame: a selector chooses which frame to repair next and
which {contexts} frames to look at meanwhile, and an editor repairs.

- editor: `{editor}`
- selector: `{selector}`
- saved by ROVR {version}

```python
import rovr

restorer = rovr.Restorer.from_pretrained("{repository}")
result = restorer.restore(frames, masks)
```

```sh
rovr restore INPUT --mask MASK -o OUTPUT --editor {repository}
```

A repair can only show what some frame saw; elsewhere it is made up. `result.doubt` says where.
"""


def is_path(name: str) -> bool:
    """Whether a name means a folder or a repository, and not an editor."""
    return "/" in name or "\\" in name or name in (".", "..") or name.startswith("~")


def locate(name: str, revision: str | None = None, token: str | None = None, files: Sequence[str] = FILES) -> Path:
    """The folder of a model, fetched from the Hub where the name is that of a repository.

    Args:
        name: a folder, or ``owner/name``.
        revision: branch, tag or commit of a repository.
        token: for a private repository, in place of the one that was logged in with.
        files: names or patterns of what is fetched; by default the files of a model of ROVR's.

    Raises:
        UserError: neither a folder nor a repository, or one that cannot be fetched.
    """
    folder = at_home(name)
    if folder.is_dir():
        if revision is not None:
            raise UserError(f"{name} is a folder here, which has no revision {revision}; leave the revision out")
        return folder
    if not REPOSITORY.fullmatch(name):
        raise UserError(f"there is no folder {name}; give one that exists, or owner/name of a repository on the Hub")
    hub = _hub()
    try:
        return Path(hub.snapshot_download(name, revision=revision, token=token, allow_patterns=list(files)))
    except Exception as error:  # the library's errors and those of the HTTP library below have no common base
        raise _failed(f"cannot fetch {name}, which is no folder here, from the Hugging Face Hub", error) from error


def push(
    repository: str, editor: Editor, selector: Selector, contexts: int, options: Mapping[str, Any], license: str
) -> str:
    """Upload a model, with a model card where the repository has none; returns the address of what was written.

    Args:
        repository: owner/name; made where there is none.
        editor: Γ.
        selector: the policies.
        contexts: K.
        options: ``private``, ``token``, ``revision`` and ``message``.
        license: of the model, for the card.

    Raises:
        UserError: what cannot be saved or uploaded.
    """
    if not REPOSITORY.fullmatch(repository):
        raise UserError(f"'{repository}' is no name of a repository on the Hub; give owner/name")
    hub = _hub()
    with TemporaryDirectory() as folder:
        config = write_model(Path(folder), editor, selector, contexts)
        try:
            api = hub.HfApi(library_name="rovr", library_version=__version__, token=options.get("token"))
            api.create_repo(repository, private=options.get("private"), exist_ok=True)
            revision = options.get("revision")
            if not api.file_exists(repository, "README.md", revision=revision):
                (Path(folder) / "README.md").write_text(card(repository, config, license), encoding="utf-8")
            message = options.get("message") or f"Model saved by ROVR {__version__}"
            done = api.upload_folder(repo_id=repository, folder_path=folder, revision=revision, commit_message=message)
        except Exception as error:  # see locate
            raise _failed(f"cannot upload to {repository} on the Hugging Face Hub", error) from error
    return str(getattr(done, "commit_url", done))


def card(repository: str, config: Mapping[str, Any], license: str) -> str:
    """The model card, Markdown with the header that the Hub reads."""
    return CARD.format(
        name=repository.split("/")[-1],
        repository=repository,
        license=license,
        version=config["rovr"],
        editor=config["editor"]["name"],
        selector=config["selector"]["name"],
        contexts=config["contexts"],
    )


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise UserError("models on the Hugging Face Hub need: pip install 'rovr[hub]'") from None
    return huggingface_hub


MEND = {
    "RepositoryNotFoundError": "is the name right? A private one needs a token: hf auth login",
    "GatedRepoError": "ask for access on its page, then log in: hf auth login",
    "RevisionNotFoundError": "there is no such revision",
    "LocalEntryNotFoundError": "the Hub cannot be reached and nothing is kept here; is there a network?",
    "ConnectError": "the Hub cannot be reached; is there a network?",
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set, and nothing is kept here",
}

ANSWERS = {
    401: "it wants a login: hf auth login, or a token that is valid",
    403: "this login may not do that; is the owner right, and may the token write?",
}


def _failed(what: str, error: Exception) -> UserError:
    lines = str(error).strip().splitlines()
    # Whatever went wrong, the library says that nothing is kept here; why it had to look is in the cause.
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if "LocalEntryNotFoundError" in kinds and (answer := _answer(error.__cause__)):
        return UserError(f"{what}: {answer}")
    said = ANSWERS.get(getattr(getattr(error, "response", None), "status_code", 0), lines[0] if lines else kinds[0])
    why = next((MEND[kind] for kind in kinds if kind in MEND), said)
    return error if isinstance(error, UserError) else UserError(f"{what}: {why}")


def _answer(error: BaseException | None) -> str:
    """What the Hub answered in place of what was asked for; empty where it did not answer."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is None:
        return ""
    known = status in list(HTTPStatus)
    phrase = f" ({HTTPStatus(status).phrase})" if known else ""
    return f"the Hub answered {status}{phrase}" + ("; try again later" if status == 429 or status >= 500 else "")
