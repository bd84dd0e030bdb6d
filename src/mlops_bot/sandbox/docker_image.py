"""What a sandbox image is made of, and its name: pure, so that the name can be computed before anything is built."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_bot.sandbox.pip_options import PipOptions
from mlops_bot.sandbox.requirements import digest, normalised

DOCKERFILE = Path(__file__).parent / "image" / "Dockerfile"
REPOSITORY = "mlops-bot-sandbox"
# What decides on which packages are installed.
SOURCES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_PRE", "PIP_NO_INDEX")
PYTHON = "/opt/runtime/bin/python"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image: `base_id` is the base image's own id, which changes with its content."""

    requirements: tuple[str, ...]
    base_image: str
    base_id: str
    pip: PipOptions

    @classmethod
    def of(cls, requirements: Sequence[str], base_image: str, base_id: str, pip: PipOptions) -> Recipe:
        return cls(normalised(requirements), base_image, base_id, pip)

    @property
    def tag(self) -> str:
        arguments = self.arguments
        sources = [f"{name}={arguments[name]}" for name in SOURCES if name in arguments]
        return f"{REPOSITORY}:{digest(DOCKERFILE.read_text('utf-8'), self.base_id, *sources, *self.requirements)[:16]}"

    @property
    def arguments(self) -> dict[str, str]:
        return {"BASE_IMAGE": self.base_image, **self.pip.for_build()}

    def context(self) -> bytes:
        """The build context as a tar."""
        files = {
            "Dockerfile": DOCKERFILE.read_bytes(),
            "requirements.txt": "".join(f"{line}\n" for line in self.requirements).encode(),
            "certificates.pem": self.pip.certificates() or b"",
        }
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o644
                archive.addfile(info, io.BytesIO(content))
        return buffer.getvalue()
