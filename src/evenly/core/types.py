"""Names for the numpy arrays that pass between the parts."""

from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Array: TypeAlias = NDArray[Any]
FilePath: TypeAlias = Annotated[str, "file"]
"""Path of a file or folder; in a scenario it is looked up beside the scenario first, then in the current folder."""
