"""The option that has work done elsewhere, and the cluster behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

if TYPE_CHECKING:
    from ..cluster.cluster import Cluster

__all__ = ["ClusterForPictures", "ClusterForTiles", "cluster_at"]


def _cluster_option(what: str) -> Any:
    return typer.Option(
        "--cluster",
        metavar="ADDRESS|local:N",
        help=f"Have {what} by the workers of a Dask cluster, such as tcp://10.0.0.5:8786, or by N "
        "processes here; --memory and --threads hold for each.",
        show_default="this process alone",
        rich_help_panel="Machine",
    )


ClusterForTiles: TypeAlias = Annotated[
    str | None, _cluster_option("the tiles of a large picture computed")
]
ClusterForPictures: TypeAlias = Annotated[str | None, _cluster_option("the pictures painted")]


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
