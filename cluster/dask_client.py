"""The border to Dask: the only importer of distributed, and its errors as ours."""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from ..engine.errors import ClusterError, OptionsError, RuntimeMissing, WorkerKilled
from ..engine.stop import Stop

__all__ = ["DaskClient", "is_called_off", "local_workers"]

# What Dask encrypts, for which it needs to be told of certificates.
_ENCRYPTED = ("tls://", "wss://")
_LOCAL = re.compile(r"local:([1-9][0-9]{0,2})")
_REMOTE = re.compile(r"(tcp|tls|ws|wss)://(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(?P<port>[0-9]{1,5})")
_LAST_PORT = 65535
# To reach a scheduler: it is there before its clients are.
_CONNECT = 10.0
# Between two looks whether anybody is still there.
_LOOK = 1.0
_NEVER = "1 PiB"
# Of loggers that would write on standard error what the errors tell.
_LOUD = ("distributed", "distributed.client", "distributed.nanny", "distributed.worker")


def local_workers(address: str) -> int | None:
    """How many worker processes an address like "local:4" asks for; None where it is another."""
    found = _LOCAL.fullmatch(address)
    return None if found is None else int(found[1])


def _is_remote(address: str) -> bool:
    found = _REMOTE.fullmatch(address)
    return found is not None and int(found["port"]) <= _LAST_PORT


class DaskClient:
    """A connection to a Dask scheduler, or to worker processes of its own.

    Args:
        address: of a scheduler, such as "tcp://10.0.0.5:8786"; or "local:N", which starts N worker
            processes on this machine, that end with this.
        patience: seconds to wait for a worker where there is none.

    Raises:
        RuntimeMissing: distributed is not installed.
        OptionsError: this is no address.
        ClusterError: nobody answers there, or no worker comes.
    """

    def __init__(self, address: str, patience: float = 60.0) -> None:
        if local_workers(address) is None and not _is_remote(address):
            raise OptionsError(
                "the address of a cluster is local:N, or that of a Dask scheduler, such as "
                f"tcp://10.0.0.5:8786, not {address!r}"
            )
        self.address = address
        self._patience = patience
        self._closing = ExitStack()
        try:
            self._client = self._connected(_dask())
            self._client.wait_for_workers(1, timeout=patience)
        except (OSError, TimeoutError) as error:
            self.close()
            raise ClusterError(
                f"there is no Dask scheduler with a worker at {address!r}: {error}"
            ) from error
        except BaseException:
            self.close()
            raise
        self._seen = time.monotonic()

    def _connected(self, dask: Any) -> Any:
        enter, count = self._closing.enter_context, local_workers(self.address)
        if count is None:
            known = dask.Security().get_connection_args("client")
            if self.address.startswith(_ENCRYPTED) and known["ssl_context"] is None:
                raise ClusterError(
                    f"{self.address} is encrypted, and Dask's configuration names no certificates "
                    "(distributed.comm.tls)"
                )
            return enter(dask.Client(self.address, timeout=_CONNECT, set_as_default=False))
        # The certificate of this cluster alone: others on this machine could else send it work,
        # which is as good as being its user.
        cluster = dask.LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            security=dask.Security.temporary(),
            # Its page of figures cannot be had away: at any port, and without the dashboard.
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,
            preload="impasto.cluster.own_worker",
            silence_logs=logging.CRITICAL,
        )
        enter(cluster)
        return enter(dask.Client(cluster, timeout=_CONNECT, set_as_default=False))

    def close(self) -> None:
        """Leave the scheduler, and end the workers that were started here."""
        with contextlib.suppress(OSError, TimeoutError):
            self._closing.close()

    @property
    def threads(self) -> int:
        """Tasks that all workers do at once, at this moment."""
        with self._told():
            return sum(self._client.nthreads().values())

    def submit(self, function: Callable[..., Any], *given: Any) -> Any:
        """A future of what the function gives on some worker; futures that it is given are what
        they are of. A worker that is lost does not matter: the same is then done elsewhere.

        Raises:
            ClusterError: the scheduler is lost.
        """
        with self._told():
            return self._client.submit(function, *given, pure=False)

    def results(self, futures: Sequence[Any], stop: Stop) -> Iterator[Any]:
        """What these futures are of, one after the other; those that nobody waits for any more are
        called off.

        Raises:
            Stopped: `stop` was requested.
            ClusterError: the scheduler is lost, or all workers are, or one task has ended several.
            Exception: what a task has raised.
        """
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        waiting = list(reversed(futures))
        try:
            with stop.calling(lambda: done.put(None)):
                for future in futures:
                    future.add_done_callback(done.put)
                while waiting:
                    while not waiting[-1].done():
                        stop.check()
                        with contextlib.suppress(queue.Empty):
                            done.get(timeout=_LOOK)
                            continue
                        self._require_workers()
                    stop.check()
                    result = self._result(waiting[-1])
                    waiting.pop().release()
                    yield result
                    del result
        finally:
            if waiting:
                with contextlib.suppress(OSError, TimeoutError):
                    self._client.cancel(waiting)

    def _result(self, future: Any) -> Any:
        """What a future that is done is of; what its task has raised is raised as it was."""
        with self._told():
            if future.status != "error":
                return future.result()
            error = future.exception()
        if isinstance(error, _dask().scheduler.KilledWorker):
            raise WorkerKilled(
                f"one worker after the other at {self.address!r} was killed by this piece of work, "
                "as it is where memory is short"
            ) from error
        raise error

    def call_off(self, name: str) -> None:
        """Make `is_called_off` true for a name."""
        with contextlib.suppress(OSError, TimeoutError):
            _dask().Event(name, client=self._client).set()

    def _require_workers(self) -> None:
        with self._told():
            there = bool(self._client.nthreads())
        if there:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > self._patience:
            raise ClusterError(
                f"no worker is left at {self.address!r}, and none has come in "
                f"{self._patience:g} seconds"
            )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        dask = _dask()
        try:
            yield
        except (dask.CancelledError, OSError, TimeoutError) as error:
            raise ClusterError(f"the scheduler at {self.address!r} is lost") from error


def is_called_off(name: str) -> bool:
    """On a worker: whether the client has called this off."""
    dask = _dask()
    return bool(dask.Event(name, client=dask.get_client()).is_set())


def _dask() -> Any:
    """The module distributed; it logs nothing on its own, unless the host has loaded it before.

    Raises:
        RuntimeMissing: it is not installed.
    """
    is_ours = "distributed" not in sys.modules
    try:
        import dask

        if is_ours:
            quiet = dict.fromkeys(_LOUD, "critical")
            # Pictures are large pieces of work, and known to be: Dask would warn of each.
            threshold = {"distributed.admin.large-graph-warning-threshold": _NEVER}
            dask.config.set({"logging": quiet, **threshold})
        import distributed
    except ImportError as error:
        raise RuntimeMissing(
            "work on a cluster needs Dask: pip install 'impasto[cluster]'"
        ) from error
    return distributed
