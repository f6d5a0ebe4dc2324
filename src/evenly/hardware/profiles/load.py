"""Tell published profiles apart and read them."""

from pathlib import Path

from evenly.hardware.device import Device
from evenly.hardware.model import Model
from evenly.hardware.profiles import llmservingsim
from evenly.hardware.profiles.measured import Measured


def load(path: str, model: Model, device: Device, tensor: int, ranks: int, attention: str, network: str) -> Measured:
    """Return the profile under `path`; raise `ValueError` that says what was found if there is none."""
    folder = Path(path)
    if not folder.exists():
        raise ValueError(f"no profile at '{path}'")
    if llmservingsim.recognises(folder):
        return llmservingsim.read(folder, model, tensor, ranks)
    found = ", ".join(sorted(item.name for item in folder.iterdir())[:8]) if folder.is_dir() else "a file"
    raise ValueError(
        f"'{path}' is no profile of LLMServingSim, Vidur or AIConfigurator; it holds: {found or 'nothing'}"
    )
