"""The networks that Impasto knows by name: which file, whose work, and how it is recognised."""

from __future__ import annotations

from dataclasses import dataclass

from ..export.choices import Preprocessing
from ..export.importing import TORCHVISION_LICENCE
from ..export.networks import FAMILIES, Architecture

__all__ = ["DEFAULT", "DOWNLOADABLE", "EMBEDDED", "Downloadable", "Embedded", "Entry"]

DEFAULT = "vgg16"

_OXFORD = (
    "VGG16 for ImageNet, K. Simonyan and A. Zisserman, University of Oxford, "
    "http://www.robots.ox.ac.uk/~vgg/research/very_deep/"
)
_PYTORCH = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class Entry:
    """One network: a name for commands, and origin and licence for people."""

    name: str
    architecture: Architecture
    origin: str
    licence: str


@dataclass(frozen=True)
class Embedded(Entry):
    """A network file that is installed with Impasto; content of another hash is refused."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Downloadable(Entry):
    """A published checkpoint that `pull` turns into a network file.

    `sha256` is as much of the checkpoint's hash as its publisher tells: torchvision puts the first
    eight digits into the file's name. All of it is recorded when it is pulled.
    """

    file: str
    bytes: int
    sha256: str
    folder: str = _PYTORCH
    preprocessing: Preprocessing = "torch"


EMBEDDED: tuple[Embedded, ...] = (
    Embedded(
        name="vgg16",
        architecture=FAMILIES["vgg16"].up_to("relu5_1"),
        origin=_OXFORD,
        licence="CC BY 4.0",
        file="vgg16.onnx",
        bytes=19_994_803,
        sha256="9a6f2d35d0d1bee154925c987166c3e36985e84f65259c45ea3f674453e77d56",
    ),
)
DOWNLOADABLE: tuple[Downloadable, ...] = (
    Downloadable(
        name="vgg19",
        architecture=FAMILIES["vgg19"],
        origin="torchvision VGG19_Weights.IMAGENET1K_V1",
        licence=TORCHVISION_LICENCE,
        file="vgg19-dcbb9e9d.pth",
        bytes=574_673_361,
        sha256="dcbb9e9d",
    ),
    Downloadable(
        name="vgg16-torchvision",
        architecture=FAMILIES["vgg16"],
        origin="torchvision VGG16_Weights.IMAGENET1K_V1",
        licence=TORCHVISION_LICENCE,
        file="vgg16-397923af.pth",
        bytes=553_433_881,
        sha256="397923af",
    ),
)
