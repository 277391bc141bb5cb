"""The option that has work done elsewhere, and the cluster behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from ..cluster.cluster import Cluster

__all__ = ["ClusterForPictures", "ClusterForTiles", "cluster_at"]

_MACHINE, _METAVAR = "Machine", "ADDRESS|local:N"

ClusterForTiles: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar=_METAVAR,
        help="Have the tiles of a large picture computed by the workers of a Dask cluster, such as "
        "tcp://10.0.0.5:8786, or by N processes here; --memory and --threads hold for each.",
        show_default="this process alone",
        rich_help_panel=_MACHINE,
    ),
]
ClusterForPictures: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar=_METAVAR,
        help="Have the pictures painted by the workers of a Dask cluster, such as "
        "tcp://10.0.0.5:8786, or by N processes here; --memory and --threads hold for each.",
        show_default="this process alone",
        rich_help_panel=_MACHINE,
    ),
]


@contextlib.contextmanager
def cluster_at(address: str | None) -> Iterator[Cluster | None]:
    """The workers there, as long as they are needed; None where no address is given.

    Raises:
        StyleError: they cannot be had.
    """
    if address is None:
        yield None
        return
    from ..cluster.cluster import Cluster

    with Cluster(address) as cluster:
        yield cluster
