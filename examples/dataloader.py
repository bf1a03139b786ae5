"""Repair clips inside a PyTorch data loader: python examples/dataloader.py FOLDER --workers 2.

FOLDER holds clips as folders of frames. A sample's holes are made up here; a set of one's own brings its masks.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import rovr


class Clips(Dataset):
    """One sample a subfolder: its first frames, with a hole in the middle."""

    def __init__(self, root: Path, length: int, transform: rovr.RestoreTransform) -> None:
        self.folders = sorted(path for path in root.iterdir() if path.is_dir())
        self.length, self.transform = length, transform

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.folders)

    def __getitem__(self, index: int) -> dict:
        """Frames (T, 3, H, W) uint8, masks (T, H, W) bool, and how much of them was made up."""
        paths = sorted(self.folders[index].iterdir())[: self.length]
        pictures = np.stack([cv2.imread(str(path))[..., ::-1] for path in paths])
        frames = torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2).contiguous()
        masks = torch.zeros(len(frames), *frames.shape[-2:], dtype=torch.bool)
        for k, mask in enumerate(masks):  # a hole that moves, or nobody could see behind it
            mask[mask.shape[0] // 3 : mask.shape[0] // 2, 4 * k : 4 * k + mask.shape[1] // 4] = True
        return self.transform({"frames": frames, "masks": masks, "name": self.folders[index].name})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    clips = Clips(args.folder, 9, rovr.RestoreTransform(doubt="doubt"))
    for batch in DataLoader(clips, batch_size=None, num_workers=args.workers, multiprocessing_context="spawn"):
        print(batch["name"], tuple(batch["frames"].shape), f"made up: {batch['doubt'].mean():.4f}")
