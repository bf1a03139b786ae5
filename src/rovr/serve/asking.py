"""What a browser may ask for, checked before anything is done with it."""

from typing import Annotated, Any, Literal, Never

import msgspec
from starlette.requests import Request

from rovr.serve.limits import Refused
from rovr.serve.marks import Found, Marks
from rovr.serve.store import Clip

FOUND = {
    "scratches": "Scratches and specks",
    "blocks": "Lost blocks",
    "logo": "A logo",
    "subtitles": "Subtitles",
    "follow": "A followed object",
}
Count = Annotated[int, msgspec.Meta(ge=0, le=10**7)]
Side = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class _Job(msgspec.Struct):
    def task(self) -> dict[str, Any]:
        """For the worker."""
        made: dict[str, Any] = msgspec.to_builtins(self)
        return made | {"task": made["kind"]}

    def shown(self) -> dict[str, Any]:
        """What the page is told of it."""
        return {}


class Find(_Job, tag="find", tag_field="kind", forbid_unknown_fields=True):
    """Find a mask; ``box`` (x, y, width, height) and ``start`` are for following an object."""

    how: Literal["scratches", "blocks", "logo", "subtitles", "follow"]
    box: tuple[Side, Side, Side, Side] | None = None
    start: Count = 0
    sensitivity: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.0


class Keep(_Job, tag="mask", tag_field="kind", forbid_unknown_fields=True):
    """Write what is marked as a mask, to be kept."""

    marks: Marks


class _Repair(_Job, forbid_unknown_fields=True, kw_only=True):
    marks: Marks
    # A file's name would be a selector too, but none that a page may name.
    selector: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,40}$")] = "agent"
    contexts: Annotated[int, msgspec.Meta(ge=1, le=8)] = 2
    widen: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    texture: bool = False

    def shown(self) -> dict[str, Any]:
        """What the page is told of it."""
        return {"selector": self.selector, "contexts": self.contexts, "widen": self.widen, "texture": self.texture}


class Preview(_Repair, tag="preview", tag_field="kind", kw_only=True, forbid_unknown_fields=True):
    """Repair one frame."""

    frame: Count

    def shown(self) -> dict[str, Any]:
        """What the page is told of it."""
        return {**super().shown(), "frame": self.frame}


class Restore(_Repair, tag="restore", tag_field="kind", kw_only=True, forbid_unknown_fields=True):
    """Repair all frames, each ``passes`` times; ``crf`` is H.264's quality, lower is better.

    ``translucent`` says that what is marked is a logo that can be seen through.
    """

    translucent: bool = False
    passes: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1
    crf: Annotated[int, msgspec.Meta(ge=0, le=51)] = 18


Asked = Find | Keep | Preview | Restore


def read(data: bytes, clip: Clip) -> Asked:
    """Understand a request for a job.

    Raises:
        Refused: it makes no sense.
    """
    try:
        asked = msgspec.json.decode(data, type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"The page asked for something that cannot be done ({error}); reload it.") from error
    if isinstance(asked, Find):
        if asked.how == "follow" and asked.box is None:
            raise Refused("Draw a box around the object first.")
        return asked
    if isinstance(asked, Preview) and asked.frame >= clip.index.frames:
        raise Refused(f"There is no frame {asked.frame}; the video has {clip.index.frames}, counted from 0.")
    if any(isinstance(mark, Found) and mark.layer not in clip.layers for mark in asked.marks):
        raise Refused("A mask that was marked is gone; remove it from the list and mark again.")
    return asked


def length(request: Request) -> int | None:
    """The length of the body that a request announces."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def width(request: Request) -> int:
    """The width of the picture that is asked for."""
    text = request.query_params.get("width", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 960


async def body(request: Request, most: int) -> bytes:
    """The body of a request.

    Raises:
        Refused: it is too large.
    """
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > most:
            raise Refused(
                "There are more marks than one repair takes; repair with some of them, and the result with the others.",
                413,
            )
    return bytes(data)


def missing() -> Never:
    """Say that there is no such thing.

    Raises:
        Refused: always.
    """
    raise Refused("There is nothing of this name.", 404)
