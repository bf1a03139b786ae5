"""``python -m rovr``."""

import sys

from rovr.cli import main

sys.exit(main())
