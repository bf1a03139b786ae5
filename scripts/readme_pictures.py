"""Draw frames of several videos below each other: by default the README's picture, from what ``rovr demo`` wrote.

Run it after ``make demo``: ``python scripts/readme_pictures.py``. That of the guide to texture::

    for more in "" --texture; do
        rovr restore src/rovr/assets/city.mp4 --box 150,90,90,60 --box 300,20,70,40 $more -o demo-output/logo$more.mp4
    done
    rows="smooth=demo-output/logo.mp4 texture=demo-output/logo--texture.mp4 truth=src/rovr/assets/city.mp4"
    python scripts/readme_pictures.py --rows $rows --frames 0 20 45 --out docs/images/texture.jpg
"""

import argparse
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
TILE = 320
LABEL = 40
GAP = 6


def read(path: Path) -> list[Image.Image]:
    """Every frame of a video."""
    with av.open(str(path)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def sheet(rows: dict[str, list[Image.Image]], columns: list[int]) -> Image.Image:
    """Put the chosen frames of each row beside each other, under the row's label."""
    first = next(iter(rows.values()))[0]
    height = round(TILE * first.height / first.width)
    width = len(columns) * (TILE + GAP) - GAP
    image = Image.new("RGB", (width, len(rows) * (LABEL + height)), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=26)
    for k, (label, frames) in enumerate(rows.items()):
        top = k * (LABEL + height)
        draw.text((2, top + LABEL / 2), label, fill="black", font=font, anchor="lm")
        for j, index in enumerate(columns):
            tile = frames[index].resize((TILE, height), Image.Resampling.LANCZOS)
            image.paste(tile, (j * (TILE + GAP), top + LABEL))
    return image


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    demo = ROOT / "demo-output"
    truth = ROOT / "src" / "rovr" / "assets" / "city.mp4"
    usual = [f"damaged={demo / 'damaged.mp4'}", f"repaired={demo / 'repaired.mp4'}", f"truth={truth}"]
    parser.add_argument("--rows", nargs="+", default=usual, metavar="LABEL=PATH", help="videos, from top to bottom")
    parser.add_argument("--frames", type=int, nargs="+", help="which to show; by default four, evenly spaced")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "before_after.png")
    arguments = parser.parse_args()

    paths = {label: Path(path) for label, _, path in (row.partition("=") for row in arguments.rows)}
    missing = [str(path) for path in paths.values() if not path.exists()]
    if missing:
        raise SystemExit(f"{', '.join(missing)} missing; run 'make demo' first")
    rows = {label: read(path) for label, path in paths.items()}
    count = min(len(frames) for frames in rows.values())
    columns = arguments.frames or [round((k + 0.5) * count / 4) for k in range(4)]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    sheet(rows, columns).save(arguments.out, optimize=True, quality=90)
    print(arguments.out)


if __name__ == "__main__":
    main()
