"""Names for the types of arrays."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Images: TypeAlias = npt.NDArray[np.uint8]
"""Shape (n, 28, 28), 0 background to 255 ink."""
Labels: TypeAlias = npt.NDArray[np.uint8]
"""Shape (n,), 0 to 9."""
Floats: TypeAlias = npt.NDArray[np.float32]
"""Images in [0, 1], one-hot targets or probabilities."""
