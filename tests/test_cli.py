import json
import os
import resource
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import torch
from conftest import moving_texture, rgb_frames, write_video
from forked import Forked

import rovr
from rovr.cli import main
from rovr.device import describe_device
from rovr.video.masks import length_error
from rovr.video.source import count_decoded

FAST = ["--editor", "telea", "--selector", "nearest", "--device", "cpu"]


def left_behind(folder):
    return [p.name for p in folder.iterdir() if "partial" in p.name or p.name.startswith("out")]


def refuse(capsys, folder, *args, says):
    """Exit 2, one line, nothing written."""
    assert main([*map(str, args)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = [line for line in told.err.splitlines() if line.startswith("rovr: ")]
    assert len(lines) == 1
    assert told.err.splitlines()[-1] == lines[0]
    assert "Traceback" not in told.err
    assert says in lines[0]
    assert not left_behind(folder)


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert rovr.__version__ in capsys.readouterr().out
    with pytest.raises(SystemExit) as leaving:
        main(["restore", "--help"])
    assert leaving.value.code == 0
    told = capsys.readouterr().out
    for option in ("--mask", "--box", "-o", "--dilate", "--lossless", "--selector", "--json"):
        assert option in told


def test_help_is_fast_and_light():
    code = "import sys; from rovr.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'torch', 'av', 'cv2', 'numpy'} & set(sys.modules)))"
    began = time.perf_counter()
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "[]"
    assert time.perf_counter() - began < 5


def told_by(folder, *args, out=subprocess.PIPE, **environment):
    """Exit code, stdout and stderr of a process whose current folder holds a module that must not be loaded."""
    (folder / "pickle.py").write_text("raise SystemExit(9)\n")
    begin = f"import sys; sys.path = [path for path in {sys.path!r} if path]; from rovr.cli import main; "
    code = f"{begin}sys.exit(main({[*map(str, args)]!r}))"
    command = [sys.executable, "-c", code]
    environment = os.environ | environment
    done = subprocess.run(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout, done.stderr


def test_terminals_without_our_letters(video, tmp_path):
    code, out, err = told_by(tmp_path, "info", video(), PYTHONIOENCODING="ascii")
    assert (code, err) == (0, b"")
    assert b"64\\xd748" in out


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="looks at what is open")
def test_nothing_is_opened_in_place_of_a_closed_stream():
    code = f"import os, sys; sys.path = {sys.path!r}; sys.stdin = sys.stdout = sys.stderr = None; os.closerange(0, 3)\n"
    code += "from rovr.cli import main; code = main(['--version']); sys.stderr.isatty()\n"
    code += "os._exit(code or 3 * any(os.readlink(f'/proc/self/fd/{n}') != os.devnull for n in range(3)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_stdout_on_a_full_disk(tmp_path):
    with open("/dev/full", "w") as full:
        code, _, err = told_by(tmp_path, "--version", out=full, PYTHONUNBUFFERED="1")
    assert (code, err) == (2, b"rovr: The disk ran full; free some space and run again.\n")


def test_workers_load_nothing_from_the_current_folder(video, tmp_path):
    (tmp_path / "in").mkdir()
    os.link(video(), tmp_path / "in" / "a.mp4")
    code, _, err = told_by(tmp_path, "restore-many", "in", "-o", "done", "--box", "8,8,20,20", *FAST)
    assert code == 0, err


def test_main_job(video, hole, tmp_path, capsys):
    path, out = video(audio=0.4), tmp_path / "out.mp4"
    assert main(["restore", str(path), "--mask", str(hole), "-o", str(out), *FAST]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "cpu" in told.err.splitlines()[0]
    assert "12 of 12 frames repaired" in told.err.splitlines()[-1]
    assert str(out) in told.err.splitlines()[-1]
    # Which looks at no other frame.
    assert "100% of what was missing had to be made up" in told.err
    assert len(rgb_frames(out)) == 12


def test_texture_is_advised_where_much_is_made_up_and_not_once_it_is_given(video, hole, tmp_path, capsys):
    command = ["restore", str(video()), "--mask", str(hole), "--json", *FAST, "-o"]
    assert main([*command, str(tmp_path / "plain.mp4")]) == 0
    plain = capsys.readouterr()
    assert main([*command, str(tmp_path / "textured.mp4"), "--texture"]) == 0
    textured = capsys.readouterr()
    assert ["--texture gives" in told.err for told in (plain, textured)] == [True, False]
    assert [json.loads(told.out)["texture"] for told in (plain, textured)] == [False, True]
    frames = [rgb_frames(tmp_path / name) for name in ("plain.mp4", "textured.mp4")]
    assert not np.array_equal(*frames)


def test_one_of_something_is_said_as_one(video, tmp_path, capsys):
    path, mask, out = video(count=1), tmp_path / "mask.mkv", tmp_path / "out.mp4"
    (tmp_path / "s.json").write_text('[{"box": [9, 9, 9, 9]}]')
    assert main(["mask", "draw", str(path), "--shapes", str(tmp_path / "s.json"), "-o", str(mask)]) == 0
    assert "masks of 1 frame, 1 with a hole" in capsys.readouterr().err
    assert main(["restore", str(path), "--mask", str(mask), "-o", str(out), *FAST]) == 0
    told = capsys.readouterr().err
    assert ": 1 frame of 64×48, repairing on " in told
    assert "1 of 1 frame repaired" in told
    assert main(["info", str(path)]) == 0
    assert "\n1 frame at 25.000 a second\n" in capsys.readouterr().out
    assert main(["corrupt", str(path), "-o", str(tmp_path / "d.mp4"), "--mask-out", str(tmp_path / "m.mkv")]) == 0
    assert ": 1 frame damaged" in capsys.readouterr().err
    (tmp_path / "videos").mkdir()
    many = ["restore-many", str(tmp_path / "videos"), "-o", str(tmp_path / "many"), "--box", "9,9,9,9", *FAST]
    path.rename(tmp_path / "videos" / "in.mp4")
    assert main(many) == 0
    assert "1 of 1 frame repaired" in capsys.readouterr().err
    assert main(many) == 0
    assert "1 of 1 video is done already." in capsys.readouterr().err
    assert "12 frames, but there is 1 mask;" in str(length_error(12, 1))
    assert "1 frame, but there are 2 masks;" in str(length_error(1, 2))


def test_one_thread_is_one(monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    assert describe_device(torch.device("cpu")) == "cpu (1 thread)"


def test_json_is_alone_on_stdout(video, tmp_path, capsys):
    args = ["restore", str(video()), "--box", "1,1,8,8", "--box", "30,30,8,40", "-o", str(tmp_path / "out"), *FAST]
    assert main([*args, "--json"]) == 0
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert summary["repaired"] == 12
    assert any("clipped" in note for note in summary["notes"])
    assert "clipped" in told.err
    assert len(list((tmp_path / "out").iterdir())) == 12


def test_quiet(video, hole, tmp_path, capsys):
    assert main(["restore", str(video()), "--mask", str(hole), "-o", str(tmp_path / "out.mp4"), "--quiet", *FAST]) == 0
    told = capsys.readouterr()
    assert told.out == told.err == ""
    assert main(["restore", "missing.mp4", "-o", "x.mp4", "--quiet"]) == 2
    assert "missing.mp4" in capsys.readouterr().err


def test_options_reach_the_job(video, hole, tmp_path, capsys):
    path = video("in.mkv", codec="ffv1", pix_fmt="yuv444p10le")
    out = tmp_path / "out.mkv"
    args = ["restore", str(path), "--mask", str(hole), "-o", str(out), "--lossless", "--dilate", "3", "--contexts", "1"]
    assert main([*args, "--seed", "5", "--json", *FAST]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["contexts"], summary["seed"]) == (1, 5)
    assert summary["hole_share"] > 600 / (48 * 64)
    assert main([*args, *FAST]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*args, "--overwrite", *FAST]) == 0


def test_info(video, capsys):
    path = video(rotation=270, audio=0.3)
    assert main(["info", str(path)]) == 0
    assert "90°" in capsys.readouterr().out
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 12


@pytest.mark.parametrize(("name", "codec"), [("in.mkv", "ffv1"), ("in.webm", "libvpx"), ("in.ts", "libx264")])
def test_info_counts_frames_where_the_header_does_not(video, capsys, name, codec):
    assert main(["info", str(video(name, codec=codec)), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 12


@pytest.mark.parametrize(
    "args",
    ["", "unheard-of", "restore", "restore a.mp4", "restore a.mp4 -o b.mp4 --nonsense", "restore a -o b --crf x"],
)
def test_wrong_arguments_exit_with_2(args, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(args.split())
    assert leaving.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_inputs_that_are_refused(video, hole, tmp_path, capsys):
    good, out = video(), tmp_path / "out.mp4"
    (tmp_path / "text.mp4").write_text("no video " * 99)
    (tmp_path / "cut.mp4").write_bytes(good.read_bytes()[:900])
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder").mkdir()
    for name in ["missing.mp4", "text.mp4", "cut.mp4", "empty.mp4", "folder"]:
        refuse(capsys, tmp_path, "restore", tmp_path / name, "--mask", hole, "-o", out, *FAST, says=name)


def test_zero_frames(tmp_path, hole, capsys):
    import av

    with av.open(str(tmp_path / "none.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()
    refuse(
        capsys, tmp_path, "restore", tmp_path / "none.mkv", "--mask", hole, "-o", tmp_path / "out.mp4", says="none.mkv"
    )


def test_jobs_that_are_refused(video, hole, tmp_path, capsys):
    good, out = video(), tmp_path / "out.mp4"
    short = write_video(tmp_path / "short.mp4", np.zeros((7, 48, 64, 3), np.uint8))
    full = tmp_path / "full.png"
    cv2.imwrite(str(full), np.full((48, 64), 255, np.uint8))
    start = ["restore", good, "-o", out, *FAST]
    for args, says in [
        ([], "--mask, which rovr mask finds or draws, or --box"),
        (["--mask", short], "12 frames, but there are 7 masks"),
        (["--mask", full], "covers every pixel"),
        (["--mask", tmp_path / "no.png"], "no.png"),
        (["--box", "1,2"], "--box"),
        (["--box", "100,0,5,5"], "outside"),
        (["--mask", hole, "--dilate", "-1"], "--dilate"),
        (["--mask", hole, "--crf", "99"], "--crf"),
        (["--mask", hole, "--contexts", "0"], "contexts"),
        (["--mask", hole, "--device", "tpu"], "tpu"),
        (["--mask", hole, "--lossless"], ".mkv"),
        (["--mask", hole, "--rate", "0"], "--rate"),
        (["--mask", hole, "--seed", "-1"], "--seed"),
        (["--mask", hole, "--seed", str(10**23)], "--seed"),
        (["--mask", hole, "--selector", "nonsense"], "nonsense"),
        (["--mask", hole, "--editor", "nonsense"], "nonsense"),
    ]:
        refuse(capsys, tmp_path, *start, *args, says=says)


@pytest.mark.parametrize("seed", ["-1", str(1 << 63)])
@pytest.mark.parametrize("verb", [["demo"], ["train", "editor", "--data", "no"], ["train", "agents", "--data", "no"]])
def test_seeds_that_no_source_of_chance_takes(verb, seed, capsys, tmp_path):
    out = "-o" if verb == ["demo"] else "--out"
    refuse(capsys, tmp_path, *verb, out, tmp_path / "out", "--seed", seed, says=f"--seed {seed}: give 0 or more")


def test_unwritable_output(video, hole, capsys, tmp_path):
    refuse(capsys, tmp_path, "restore", video(), "--mask", hole, "-o", tmp_path / "no" / "x.mp4", says="does not exist")
    if os.path.isdir("/proc/self"):
        refuse(capsys, tmp_path, "restore", video(), "--mask", hole, "-o", "/proc/self/x.mp4", says="written")


def test_damaged_weights(video, hole, tmp_path, capsys):
    (tmp_path / "w.safetensors").write_bytes(b"\0" * 100)
    args = ["restore", video(), "--mask", hole, "-o", tmp_path / "out.mp4", "--weights", tmp_path / "w.safetensors"]
    refuse(capsys, tmp_path, *args, "--device", "cpu", says="w.safetensors")


def test_our_own_faults_are_told_apart(video, hole, tmp_path, capsys, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("something broke\nbadly")

    monkeypatch.setattr("rovr.restore.restore_video", fail)
    monkeypatch.delenv("ROVR_DEBUG", raising=False)
    args = ["restore", str(video()), "--mask", str(hole), "-o", str(tmp_path / "out.mp4")]
    assert main(args) == 1
    told = capsys.readouterr().err
    assert "report" in told
    assert len(told.splitlines()) == 1
    with pytest.raises(RuntimeError):
        main([*args, "--debug"])


def start(folder, *args, count=240, file_size=None):
    """The command in a process of its own, on a job that takes a while."""
    noise = np.random.default_rng(0).integers(0, 256, (count, 96, 128, 3), dtype=np.uint8)
    path = write_video(folder / "long.mp4", noise, options={"preset": "ultrafast"})
    return Forked("restore", str(path), "--box", "10,10,100,70", *FAST, *args, file_size=file_size)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("out", ["out.mp4", "out"])
def test_interrupted(tmp_path, number, code, out):
    process = start(tmp_path, "-o", str(tmp_path / out))
    deadline = time.monotonic() + 30
    while not any("partial" in p.name for p in tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(number)
    told = process.communicate(timeout=30)[1]
    assert process.returncode == code, told
    assert "Traceback" not in told
    assert not left_behind(tmp_path)


def test_full_disk(tmp_path):
    # A limit on the size of files stands in for a disk that fills up.
    process = start(tmp_path, "-o", str(tmp_path / "out.mp4"), count=20, file_size=60_000)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 2, told
    assert "disk takes no larger file" in told.splitlines()[-1]
    assert not left_behind(tmp_path)


def test_frames_as_folder(tmp_path, hole):
    (tmp_path / "in").mkdir()
    for index, frame in enumerate(moving_texture(6)):
        cv2.imwrite(str(tmp_path / "in" / f"{index}.png"), frame[..., ::-1])
    args = [
        "restore",
        str(tmp_path / "in"),
        "--mask",
        str(hole),
        "-o",
        str(tmp_path / "out.mp4"),
        "--rate",
        "29.97",
        *FAST,
    ]
    assert main(args) == 0
    from rovr.video import open_source

    with open_source(tmp_path / "out.mp4") as source:
        assert float(source.info.rate) == pytest.approx(30000 / 1001, abs=0.01)


def test_a_rate_for_a_video_is_said_to_be_left_out(video, hole, tmp_path, capsys):
    path = video()
    shapes = tmp_path / "s.json"
    shapes.write_text('[{"box": [1, 1, 9, 9]}]')
    given = ["--rate", "30", "-o", str(tmp_path / "out.mp4"), "--overwrite"]
    restore = ["restore", str(path), "--mask", str(hole), *FAST]
    for verb in (restore, ["mask", "draw", str(path), "--shapes", str(shapes)]):
        assert main([*verb, *given]) == 0
        assert "the video keeps its own" in capsys.readouterr().err
        assert main([*verb, *given[2:]]) == 0
        assert "keeps its own" not in capsys.readouterr().err
    damage = ["corrupt", str(path), *given, "--mask-out", str(tmp_path / "m.mkv"), "--seed"]
    assert main([*damage, "1"]) == 0
    assert "the video keeps its own" in capsys.readouterr().err
    assert main([*damage, "-1"]) == 2


@pytest.mark.parametrize("seed", range(3))
def test_interrupted_at_a_random_moment(tmp_path, seed):
    process = start(tmp_path, "-o", str(tmp_path / "out.mkv"), "--lossless", count=60)
    deadline = time.monotonic() + 60
    while not any("partial" in p.name for p in tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    chance = np.random.default_rng(seed)
    time.sleep(chance.uniform(0, 1.5))
    process.send_signal(chance.choice([signal.SIGINT, signal.SIGTERM]))
    told = process.communicate(timeout=60)[1]
    assert "Traceback" not in told
    # It may have been done already, and on its way out; else nothing is there.
    done = "frames repaired" in told
    assert done or process.returncode in (130, 143), told
    # The output may have appeared just before the signal came; then it is whole.
    left = left_behind(tmp_path)
    assert left == ["out.mkv"] or (left == [] and not done)
    assert not left or count_decoded(tmp_path / "out.mkv") == 60


@pytest.mark.parametrize("out", ["out.mp4", "out.mkv", "out.mov", "out"])
@pytest.mark.parametrize("room", [0, 700, 5_000, 30_000])
def test_disk_that_fills_up_at_any_moment(tmp_path, capsys, video, out, room):
    path = video("in.mkv", count=12, codec="ffv1", audio=0.5)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        lossless = ["--lossless"] if out.endswith("mkv") else []
        code = main(["restore", str(path), "--box", "10,10,30,20", "-o", str(tmp_path / out), *FAST, *lossless])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    told = capsys.readouterr().err
    if code == 0:
        assert room == 30_000
        return
    assert code == 2, told
    assert "disk takes no larger file" in told.splitlines()[-1]
    assert not left_behind(tmp_path)


def test_large_frames_are_refused_unless_asked_for(video, tmp_path, capsys):
    path, out = video(), tmp_path / "out.mp4"
    args = ["restore", path, "--box", "1,1,9,9", "-o", out, *FAST]
    refuse(capsys, tmp_path, *args, "--max-pixels", "3071", says="--max-pixels 3072")
    assert main([*map(str, args), "--max-pixels", "3072"]) == 0


@pytest.mark.parametrize(
    "line",
    [
        ["restore", "a.mp4", "--box", "1,1,9,9", "--workers", "2", "--worker-cores", "2"],
        ["restore-many", ".", "--worker-cores", "2"],
    ],
)
def test_cores_of_a_cluster_are_refused_without_one(line, tmp_path, capsys):
    assert main([*line, "-o", str(tmp_path / "out.mp4")]) == 2
    assert "--worker-cores: that is for workers on a cluster; give --ray" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
