"""The page's server: a few routes over videos, their pictures, and jobs. No path of it comes from a client."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from rovr._version import __version__
from rovr.errors import UserError
from rovr.serve import asking
from rovr.serve.index import KINDS, Index, examine
from rovr.serve.jobs import LONG, Job, Jobs
from rovr.serve.limits import Limits, Refused
from rovr.serve.pictures import Pictures
from rovr.serve.store import Clip, Layer, Store, clean_title, new_id

T = TypeVar("T")
STATIC = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass
class Page:
    """Everything that one server holds; ``ready`` is whether it prepares the sample and what repairs from the start."""

    limits: Limits
    device: str
    ready: bool = True
    store: Store = field(init=False)
    pictures: Pictures = field(default_factory=Pictures)
    static: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = Store(self.limits)
        for file in resources.files("rovr.serve").joinpath("static").iterdir():
            kind = STATIC.get(file.name.rpartition(".")[2])
            if kind:
                self.static[file.name] = (file.read_bytes(), kind)

    @asynccontextmanager
    async def life(self, app: Starlette) -> AsyncIterator[None]:
        """From the start of the server to its end, after which nothing is left on disk."""
        self.jobs = Jobs(self.device, self.limits.jobs)
        # Decoding is work: a hundred requests at once shall not mean a hundred decoders.
        self.threads = anyio.CapacityLimiter(4)
        self.sample = Job("sample", "sample", None, self.store.root / "sample", {"task": "sample"})
        self.warm = Job("warm", "warm", None, self.store.root / "warm", {"task": "warm"})
        for job in (self.sample, self.warm) if self.ready else ():
            self.jobs.background(job)
        sweeper = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeper.cancel()
            await self.jobs.close()
            self.pictures.close()
            self.store.close()

    async def _sweep(self) -> None:
        """Delete, now and then, what nobody has looked at for long."""
        while True:
            await asyncio.sleep(min(30.0, self.limits.keep / 2))
            for clip in self.store.stale():
                if all(job.over for job in self.jobs.of(clip)):
                    await self.drop(clip)

    async def drop(self, clip: Clip) -> None:
        """Delete a clip, its jobs, and all that was made of it."""
        for job in self.jobs.of(clip):
            await self.jobs.remove(job)
        self.pictures.forget(clip.folder)
        self.store.remove(clip)

    async def aside(self, work: Callable[[], T]) -> T:
        """Do something that takes a while without holding up the server."""
        return await anyio.to_thread.run_sync(work, limiter=self.threads)

    # What the routes do.

    async def home(self, request: Request) -> Response:
        """The page itself, or a part of it."""
        name = request.path_params.get("name", "index.html")
        if name not in self.static:
            raise Refused("There is nothing of this name.", 404)
        data, kind = self.static[name]
        return Response(data, media_type=kind)

    async def state(self, request: Request) -> Response:
        """All that the page needs to show itself, again and again while jobs run."""
        # A repair of the night is still there in the morning, in a tab that was left open.
        seen = set(request.query_params.get("seen", "").split(","))
        for clip in self.store.clips.values():
            if clip.id in seen or not all(job.over for job in self.jobs.of(clip)):
                clip.touched = time.monotonic()
        return JSONResponse(
            {
                "version": __version__,
                "kinds": KINDS,
                "limits": {"upload": self.limits.upload, "keep": self.limits.keep},
                "selectors": self.warm.result.get("selectors", []),
                "device": self.warm.result.get("device", ""),
                "clips": [clip.to_json() for clip in self.store.clips.values()],
                "jobs": [job.to_json() for job in self.jobs.all.values()],
            }
        )

    async def open(self, request: Request) -> Response:
        """Take a video, as it comes, into a folder of the server's own."""
        self.store.make_room()
        title = clean_title(request.query_params.get("name", ""))
        folder = self.store.new_folder()
        try:
            await self.store.save(request.stream(), asking.length(request), folder / "source")
            clip = await self.aside(lambda: self.store.add(folder, title))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return JSONResponse(clip.to_json(), 201)

    async def open_sample(self, request: Request) -> Response:
        """The bundled clip, damaged, its mask marked already; 202 while it is being made."""
        if self.sample.state == "failed":
            raise Refused(f"The sample could not be made: {self.sample.error}", 500)
        if self.sample.state != "done":
            return JSONResponse({"ready": False}, 202)
        self.store.make_room()
        folder = self.store.new_folder()

        def copy() -> Clip:
            shutil.copytree(self.sample.folder, folder, dirs_exist_ok=True)
            clip = self.store.add(folder, "Sample: city")
            clip.truth = examine(folder / "truth", self.limits)
            mask = examine(folder / "mask.mkv", self.limits)
            clip.layers["sample"] = Layer("sample", "sample", "The sample's damage", mask, mask.frames)
            return clip

        return JSONResponse((await self.aside(copy)).to_json(), 201)

    async def close(self, request: Request) -> Response:
        """Close a video."""
        await self.drop(self._clip(request))
        return Response(status_code=204)

    async def times(self, request: Request) -> Response:
        """When each frame of a video is shown; see :class:`rovr.serve.index.Index`."""
        return JSONResponse(self._clip(request).index.times)

    async def picture(self, request: Request) -> Response:
        """A frame: of the video, of its truth, or of a mask."""
        clip, name = self._clip(request), request.path_params["of"]
        number, width = request.path_params["number"], asking.width(request)
        if name in clip.layers:
            index = clip.layers[name].index
            return Response(await self.aside(lambda: self.pictures.mask(index, number, width)), media_type="image/png")
        index = {"source": clip.index, "truth": clip.truth}.get(name) or asking.missing()
        return Response(await self.aside(lambda: self.pictures.frame(index, number, width)), media_type="image/jpeg")

    async def add_mask(self, request: Request) -> Response:
        """Take a mask, a picture or a video, and have it read."""
        clip = self._clip(request)
        layer = new_id()
        # Goes with the job, however that ends.
        folder = clip.folder / f"job-{layer}"
        folder.mkdir(mode=0o700)
        try:
            await self.store.save(request.stream(), asking.length(request), folder / "upload")
            title = clean_title(request.query_params.get("name", ""))
            return self._find(clip, layer, title, {"how": "file", "mask": str(folder / "upload")})
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _find(self, clip: Clip, layer: str, title: str, task: dict[str, Any]) -> Response:
        folder = clip.folder / f"job-{layer}"
        task = {"task": "find", "source": str(clip.index.path), "out": str(folder / "mask.mkv"), **task}
        job = Job(new_id(), "find", clip, folder, task, {"how": task["how"], "name": title})
        job.result["layer"] = layer
        self.jobs.add(job)
        return JSONResponse(job.to_json(), 201)

    async def add_job(self, request: Request) -> Response:
        """Queue a job."""
        clip = self._clip(request)
        asked = asking.read(await asking.body(request, self.limits.body), clip)
        if isinstance(asked, asking.Find):
            return self._find(clip, new_id(), asking.FOUND[asked.how], asked.task())
        name = new_id()
        task = {
            **asked.task(),
            "source": str(clip.index.path),
            "title": clip.title,
            "layers": {layer.id: str(layer.index.path) for layer in clip.layers.values()},
        }
        if isinstance(asked, asking.Restore):
            task["out"] = "repaired.mkv" if clip.index.matroska else "repaired.mp4"
            task["truth"] = str(clip.truth.path) if clip.truth else None
        job = Job(name, task["task"], clip, clip.folder / f"job-{name}", task, asked.shown())
        self.jobs.add(job)
        for old in [one for one in self.jobs.of(clip) if one.kind in ("mask", "preview") and one.over][:-3]:
            await self.jobs.remove(old)
        if isinstance(asked, asking.Preview) and self.jobs.lanes[LONG].process is None:
            # Whoever looks at one frame will soon want them all.
            self.jobs.background(Job("warm", "warm", None, self.store.root / "warm-long", {"task": "warm"}), LONG)
        return JSONResponse(job.to_json(), 201)

    async def end_job(self, request: Request) -> Response:
        """End a job and forget it, with all that it made."""
        job = self.jobs.get(request.path_params["job"])
        self.pictures.forget(job.folder)
        await self.jobs.remove(job)
        return Response(status_code=204)

    async def settle(self, request: Request) -> Response:
        """Take the mask of a job that is over among those of its video."""
        job = self.jobs.get(request.path_params["job"])
        clip = job.clip
        if clip is None or job.kind != "find" or job.state != "done":
            raise Refused("This job has no mask to take.", 409)
        name = request.path_params["layer"]
        if name != job.result["layer"]:
            raise Refused("This job has no mask to take.", 409)
        if name not in clip.layers:
            made, path = Path(job.task["out"]), clip.folder / "layers" / f"{name}.mkv"
            if made.exists():
                # Another tab may have asked for it at the same time.
                made.replace(path)
            index = await self.aside(lambda: examine(path, self.limits))
            clip.layers[name] = Layer(name, job.shown["how"], job.shown["name"], index, job.result["masked"])
        await self.jobs.remove(job)
        return JSONResponse(clip.to_json(), 201)

    async def edits(self, request: Request) -> Response:
        """What a repair did so far, from the edit of a number on."""
        job, first = self.jobs.get(request.path_params["job"]), request.path_params["first"]
        return JSONResponse({"first": first, "edits": job.edits[first:]})

    async def made(self, request: Request) -> Response:
        """A picture that a job made: ``live``, ``picture`` or ``doubt``."""
        job, name = self.jobs.get(request.path_params["job"]), request.path_params["name"]
        files = {"live": "live.jpg", "picture": "picture.jpg", "doubt": "doubt.png"}
        return self._file(job, files.get(name) or asking.missing())

    async def repaired(self, request: Request) -> Response:
        """A frame of a repaired video."""
        job, number, width = self._done(request), request.path_params["number"], asking.width(request)
        index = await self._index(job)
        return Response(await self.aside(lambda: self.pictures.frame(index, number, width)), media_type="image/jpeg")

    async def origin(self, request: Request) -> Response:
        """A frame of a repaired video, tinted by where its pixels come from."""
        job, number, width = self._done(request), request.path_params["number"], asking.width(request)
        index = await self._index(job, job.folder / "origin.provenance.mp4")
        return Response(await self.aside(lambda: self.pictures.frame(index, number, width)), media_type="image/jpeg")

    async def doubt(self, request: Request) -> Response:
        """How sure a repair is of a frame, as a clear picture."""
        job = self.jobs.get(request.path_params["job"])
        return self._file(job, f"doubt/{int(request.path_params['number'])}.png")

    async def hole(self, request: Request) -> Response:
        """The mask of a frame of a repair."""
        job, number, width = self._done(request), request.path_params["number"], asking.width(request)
        path = job.folder / "mask.mkv"
        index = await self._index(job, path)
        return Response(await self.aside(lambda: self.pictures.mask(index, number, width)), media_type="image/png")

    async def download(self, request: Request) -> Response:
        """What a repair made: ``video``, ``mask``, ``record``, ``provenance``; or ``play``, for browsers to play."""
        job, name = self._done(request, "restore", "mask"), request.path_params["name"]
        stem = Path(job.clip.title).stem if job.clip else "video"
        files = {"mask": ("mask.mkv", f"{stem}-mask.mkv")}
        if job.kind == "restore":
            out = str(job.task["out"])
            files |= {
                "video": (out, f"{stem}-repaired{Path(out).suffix}"),
                "record": ("record.json", f"{stem}-record.json"),
                "provenance": ("origin.npz", f"{stem}-provenance.npz"),
            }
        if name == "play" and job.kind == "restore":
            played = "play.mp4" if (job.folder / "play.mp4").exists() else out
            return FileResponse(job.folder / played, media_type="video/mp4")
        file, title = files.get(name) or asking.missing()
        return FileResponse(job.folder / file, filename=title)

    # Helpers of these.

    def _clip(self, request: Request) -> Clip:
        return self.store.get(request.path_params["clip"])

    def _done(self, request: Request, *kinds: str) -> Job:
        job = self.jobs.get(request.path_params["job"])
        if job.kind not in (kinds or ("restore",)) or job.state != "done":
            raise Refused("This job has not made a video.", 409)
        return job

    def _file(self, job: Job, name: str) -> Response:
        """A small file of a job; names are the server's own."""
        try:
            # Read at once: the worker puts a newer picture in its place at any time.
            data = (job.folder / name).read_bytes()
        except OSError:
            raise Refused("There is no such picture yet.", 404) from None
        return Response(data, media_type="image/png" if name.endswith(".png") else "image/jpeg")

    async def _index(self, job: Job, path: Path | None = None) -> Index:
        """Where the frames of a job's video are, found out once."""
        path = path or job.folder / str(job.task["out"])
        if path not in job.indices:
            job.indices[path] = await self.aside(lambda: examine(path, self.limits))
        return job.indices[path]


def make_app(limits: Limits | None = None, device: str = "auto", ready: bool = True) -> Starlette:
    """The application, unguarded.

    Args:
        limits: what it takes.
        device: where workers compute.
        ready: whether to prepare the sample and what repairs from the start.
    """
    page = Page(limits or Limits(), device, ready)
    job, clip = "/api/jobs/{job:str}", "/api/clips/{clip:str}"
    routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/", page.home),
        ("GET", "/static/{name:str}", page.home),
        ("GET", "/api/state", page.state),
        ("POST", "/api/clips", page.open),
        ("POST", "/api/sample", page.open_sample),
        ("DELETE", clip, page.close),
        ("GET", clip + "/times", page.times),
        ("GET", clip + "/picture/{of:str}/{number:int}", page.picture),
        ("POST", clip + "/mask", page.add_mask),
        ("POST", clip + "/jobs", page.add_job),
        ("DELETE", job, page.end_job),
        ("POST", job + "/layer/{layer:str}", page.settle),
        ("GET", job + "/edits/{first:int}", page.edits),
        ("GET", job + "/made/{name:str}", page.made),
        ("GET", job + "/repaired/{number:int}", page.repaired),
        ("GET", job + "/origin/{number:int}", page.origin),
        ("GET", job + "/doubt/{number:int}", page.doubt),
        ("GET", job + "/hole/{number:int}", page.hole),
        ("GET", job + "/download/{name:str}", page.download),
    ]
    app = Starlette(
        routes=[Route(path, call, methods=[method]) for method, path, call in routes],
        lifespan=page.life,
        exception_handlers={UserError: _refused, ClientDisconnect: _gone},
    )
    app.state.page = page
    return app


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Refused) else 422
    text = str(error)
    page: Page = request.app.state.page
    clip = page.store.clips.get(str(request.path_params.get("clip", "")))
    if clip is not None:
        text = text.replace(str(clip.index.path), clip.title)
    return JSONResponse({"error": text.replace(str(page.store.root), "")}, status)


async def _gone(request: Request, error: Exception) -> Response:
    """Nobody is left to be told."""
    return Response(status_code=400)
