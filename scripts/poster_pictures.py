"""Put figures of ``make reproduce`` into the documents.

    python scripts/poster_pictures.py reproduce/tiny/report [OTHER]

OTHER is a report of fewer methods (``rovr report --methods``), from which Figure 2 is taken.
"""

import sys
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTH, COLOURS = 1000, 128
FIGURES = {
    "figure_1": "figure-1-training-loss.png",
    "figure_2": "figure-2-*[0-9].png",
    "contexts": "contexts.png",
    "cost": "cost.png",
}
"""Name in the documents → name in the report; of several the first."""


def main() -> None:
    """Shrink and write."""
    if not 2 <= len(sys.argv) <= 3:
        raise SystemExit(__doc__)
    for name, pattern in FIGURES.items():
        folder = Path(sys.argv[-1] if name == "figure_2" else sys.argv[1])
        found = sorted(folder.glob(pattern))
        if not found:
            raise SystemExit(f"{folder} has no {pattern}")
        picture = Image.open(found[0]).convert("RGB")
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
        picture.quantize(COLOURS).save(IMAGES / f"{name}.png", optimize=True)
        print(f"{found[0].name} → docs/images/{name}.png")


if __name__ == "__main__":
    main()
