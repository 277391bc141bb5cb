"""Two worker processes on this machine, and the toy network."""

import logging

import numpy as np
import pytest

from impasto.cluster.cluster import Cluster
from impasto.engine.engine import Engine
from impasto.engine.options import Options
from impasto.export.network_file import encode_network


@pytest.fixture(scope="session")
def network(toy):
    """The toy network as the bytes of its file."""
    return encode_network(toy)


@pytest.fixture(scope="session")
def alone(network):
    """An engine of this process, with one thread."""
    return Engine(network, threads=1, device="cpu")


@pytest.fixture(scope="session")
def started():
    """`started(workers)`: a scheduler with worker processes that are started again when they die,
    for clients by address."""

    def started(workers):
        from distributed import LocalCluster

        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        )

    return started


@pytest.fixture(scope="module")
def dask_cluster(started):
    """Two workers."""
    with started(2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster(dask_cluster):
    """The workers as a client sees them."""
    with Cluster(dask_cluster.scheduler_address) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def spread(network, cluster):
    """The engine with these workers."""
    return Engine(network, threads=1, device="cpu", workers=cluster)


@pytest.fixture
def pids(dask_cluster):
    """`pids()`: of the worker processes that are there now."""

    def pids():
        return [nanny.pid for nanny in dask_cluster.workers.values() if nanny.pid is not None]

    return pids


@pytest.fixture(scope="session")
def asked():
    """`asked(...)`: options on the toy network's layers, quick where not said."""

    def make(**given):
        layers = {"content_layers": {"relu1_2": 1.0, "relu3_1": 1.0}}
        layers["style_layers"] = {"relu1_1": 1.0, "relu2_1": 1.0, "relu3_1": 2.0}
        return Options(**{"tv_weight": 0.5, "levels": 1, "iterations": 4, **layers, **given})

    return make


@pytest.fixture(scope="session")
def waves():
    """`waves(height, width, seed)`: smooth colours, (H, W, 3) float32 in 0..1."""

    def make(height, width, seed=0):
        random = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width] / max(height, width)
        colours = [np.sin(random.uniform(3, 15) * x + random.uniform(3, 15) * y) for _ in range(3)]
        return (0.5 + 0.4 * np.stack(colours, axis=-1)).astype(np.float32)

    return make
