"""One program in ONNX Runtime: opened with bounded threads and memory, run with mapped errors."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from .devices import Precision
from .errors import CorruptModel, ModelError
from .programs import Program
from .runtime import open_session, runtime, translated
from .stop import Stop, Stopped

__all__ = ["Session", "Weights"]


class Weights:
    """A network's weights, and arrangements of them, for any number of sessions.

    They belong to the process that made them: the runtime's threads do not survive a fork.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        runtime()
        self._network = arrays
        self._arranged: dict[str, np.ndarray] = {}
        # Sessions hold theirs, and share them whether they are kept here or not.
        self._used: WeakValueDictionary[str, np.ndarray] = WeakValueDictionary()
        self._lock = threading.Lock()
        self._process = os.getpid()

    def arrays(self, names: Iterable[str], stop: Stop | None = None) -> dict[str, np.ndarray]:
        """Those of these names, float32; what is made of the network's (see
        `lowering.arrangement`) is kept.

        Raises:
            Stopped: `stop` was requested.
        """
        stop = stop or Stop()
        found = {}
        with self._lock:
            for name in names:
                stop.check()
                found[name] = self._array(name)
        return found

    def _array(self, name: str) -> np.ndarray:
        own = self._network.get(name)
        if own is not None and own.dtype == np.float32:
            return np.ascontiguousarray(own)
        array = self._used.get(name)
        if array is None:
            from ..export.lowering.arrangement import arrange

            array = self._used[name] = arrange(name, self._network)
        self._arranged[name] = array
        return array

    def let_go(self, needed: Collection[str] = ()) -> None:
        """Keep no arrangement that no session uses, but those that are needed next."""
        with self._lock:
            self._arranged = {n: a for n, a in self._arranged.items() if n in needed}

    def check_process(self) -> None:
        """Refuse a forked child, where a lock may be held, or a thread awaited, for ever.

        Raises:
            ModelError: this is another process than the one that made the weights.
        """
        if os.getpid() != self._process:
            raise ModelError("the engine was made before a fork: make one in the child process")


class Session:
    """A program, ready to run. Safe to use from several threads at once; not after a fork.

    Args:
        program: what is run.
        weights: of the network; other sessions may have the same ones.
        threads: processors to use at most.
        device: as `choose_device` returns it.
        precision: one that the device has.
        stop: ends the opening, which may take a second, when it is requested.

    Raises:
        Stopped: `stop` was requested before it was open.
        RuntimeMissing: the device cannot be used any more.
        CorruptModel: ONNX Runtime cannot load the program.
    """

    def __init__(
        self,
        program: Program,
        weights: Weights,
        threads: int,
        device: str,
        precision: Precision = "float32",
        stop: Stop | None = None,
    ) -> None:
        stop = stop or Stop()
        found = runtime()
        options = found.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A level's buffers have one size, but every level another: a memory plan per size is held
        # for ever, and measured 5.2 GB where the plain arena took 3.1 GB.
        options.enable_mem_pattern = False
        # A buffer that waits for its next user is not free: an evaluation at 512 x 512 took 663 MB
        # with such reuse, 436 MB without.
        options.enable_mem_reuse = False
        # Which node runs first decides how long results are held. Measured at 1024 x 768 on VGG16:
        # one evaluation peaks at 2.3 GB in this order and at 3.7 GB in the default one, no slower.
        options.execution_order = found.ExecutionOrder.PRIORITY_BASED
        # Pre-packed copies of the weights bring no speed in 3x3 convolutions.
        options.add_session_config_entry("session.disable_prepacking", "1")
        # Threads wait for each other awake, which is 3 to 8 % faster, but only in a run: a server's
        # other work needs the processors.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 4
        if program.finished:
            # Any fusion would move a node to the end of the order.
            options.graph_optimization_level = found.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._device = device
        self._weights = weights
        arrays = weights.arrays(program.weights, stop)
        self._given = self.place(program.tables)
        if program.weights_are_inputs:
            self._given |= self.place(arrays)
        else:  # they must outlive the session
            self._initializers = [found.OrtValue.ortvalue_from_numpy(a) for a in arrays.values()]
            options.add_external_initializers(list(arrays), self._initializers)
        with stop.calling(partial(options.set_load_cancellation_flag, True)):
            try:
                self._session = open_session(program.model, options, device, precision)
            except Exception as error:
                if stop.reason is not None:
                    raise Stopped(stop.reason) from error
                what = "ONNX Runtime cannot load the program"
                raise translated(error, CorruptModel, what) from error
        if program.weights_are_inputs:
            self._require_fit(arrays)
        self._shapes = self._known_shapes()

    def _require_fit(self, weights: Mapping[str, np.ndarray]) -> None:
        """What ONNX Runtime checks of initialisers when it loads them, of inputs in each run only.

        Raises:
            CorruptModel: the program has no such weight, or of another shape.
        """
        shapes = {one.name: tuple(one.shape) for one in self._session.get_inputs()}
        for name, array in weights.items():
            if shapes.get(name) != array.shape:
                raise CorruptModel(
                    f"ONNX Runtime cannot load the program: the weight {name!r} of the shape "
                    f"{array.shape} is not one that it declares"
                )

    def _known_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of every result, where the program is for one size, on the processor."""
        shapes = {one.name: tuple(one.shape) for one in self._session.get_outputs()}
        known = all(isinstance(size, int) for shape in shapes.values() for size in shape)
        return shapes if known and self._device == "cpu" else {}

    def place(self, feeds: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """The same, as feeds of this session that are on its device already.

        On the processor they are the arrays themselves, which must not be modified any more.

        Raises:
            MemoryLimit: the device has no memory for them.
            ModelError: anything else that ONNX Runtime reports.
        """
        kind, _, number = self._device.partition(":")
        value = runtime().OrtValue.ortvalue_from_numpy
        try:
            return {
                name: value(np.ascontiguousarray(array), kind, int(number or 0))
                for name, array in feeds.items()
            }
        except Exception as error:
            raise translated(error, ModelError, "ONNX Runtime failed") from error

    def run(
        self,
        feeds: Mapping[str, Any],
        outputs: Sequence[str],
        stop: Stop | None = None,
        gives_back: bool = False,
    ) -> dict[str, np.ndarray]:
        """Run the program and return the named outputs; all are computed, named or not.

        Args:
            feeds: arrays, which go to the device for this run alone, or what `place` has put there.
            outputs: names of those to return; they come from the device.
            stop: ends the run when it is requested.
            gives_back: whether the memory of the run is given back after it, and not kept for the
                next one; of the processor only.

        Raises:
            Stopped: `stop` was requested before or during the run.
            MemoryLimit: memory could not be had; the session can still be used.
            ModelError: anything else that ONNX Runtime reports.
        """
        self._weights.check_process()
        run_options = runtime().RunOptions()
        run_options.log_severity_level = 4
        if gives_back and self._device == "cpu":
            run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

        def terminate() -> None:
            run_options.terminate = True

        stop = stop or Stop()
        everything = {**self._given, **feeds}
        with stop.calling(terminate):
            try:
                if self._shapes:
                    return self._run_into(everything, outputs, run_options)
                results = self._session.run(list(outputs), everything, run_options)
            except Exception as error:
                if stop.reason is not None:
                    raise Stopped(stop.reason) from error
                raise translated(error, ModelError, "ONNX Runtime failed") from error
        return dict(zip(outputs, results, strict=True))

    def _run_into(
        self, feeds: Mapping[str, Any], outputs: Sequence[str], run_options: Any
    ) -> dict[str, np.ndarray]:
        """With arrays of ours for the results, into which the last nodes write. One of the
        runtime's own would be copied, and keeps the block that it lies in, which was measured to be
        130 MB, from being given back."""
        binding = self._session.io_binding()
        for name, value in feeds.items():
            if isinstance(value, np.ndarray):
                binding.bind_cpu_input(name, value)
            else:
                binding.bind_ortvalue_input(name, value)
        results = {name: np.empty(self._shapes[name], np.float32) for name in outputs}
        for name, array in results.items():
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        self._session.run_with_iobinding(binding, run_options)
        return results
