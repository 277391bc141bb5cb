"""Gram matrices of style pictures that were looked at before: the next picture needs them again."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from .pixels import Picture

__all__ = ["KEPT_BYTES", "Grams", "KeptGrams", "hashed"]

# Statistics by name, float32: (C, C), and (C,) where a mean is asked for.
Grams: TypeAlias = dict[str, np.ndarray]

# Five layers of VGG19 take 2.4 MB for one style picture at one size: three pictures at three sizes.
KEPT_BYTES = 24 << 20


class KeptGrams:
    """Those used last, up to so many bytes. Safe to use from several threads at once.

    They belong to one network on one device; whoever asks names all else that they depend on.
    Nothing is computed under the lock, so two threads may make the same ones at the same time.

    Args:
        most: bytes of all matrices together.
    """

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._grams: OrderedDict[Hashable, Grams] = OrderedDict()
        self._identities: WeakKeyDictionary[Picture, Hashable] = WeakKeyDictionary()

    def keep(self, most: int) -> None:
        """From now on at most so many bytes."""
        with self._lock:
            self._most = most
            self._let_go()

    @property
    def nbytes(self) -> int:
        """Of what is kept at this moment."""
        with self._lock:
            return self._taken()

    def of(self, style: Picture | np.ndarray, seen: Hashable, look: Callable[[], Grams]) -> Grams:
        """The matrices of a style picture, not to be changed.

        Args:
            style: known again by its pixels, wherever they came from.
            seen: how it is looked at: its size, the layers, and how they are computed.
            look: computes them, where they are not there.
        """
        key = (self._identity(style), seen)
        with self._lock:
            found = self._grams.get(key)
            if found is not None:
                self._grams.move_to_end(key)
                return found
        # Copies: a result of the runtime holds the memory of its whole run.
        made = {layer: np.array(gram) for layer, gram in look().items()}
        for gram in made.values():
            gram.flags.writeable = False
        with self._lock:
            self._grams[key] = made
            self._grams.move_to_end(key)
            self._let_go()
        return made

    def _let_go(self) -> None:
        while self._taken() > self._most:
            self._grams.popitem(last=False)

    def _taken(self) -> int:
        return sum(gram.nbytes for grams in self._grams.values() for gram in grams.values())

    def _identity(self, style: Picture | np.ndarray) -> Hashable:
        """By a picture's samples, which nobody changes: hashed once for all levels of a work."""
        if isinstance(style, np.ndarray):
            return hashed(style)
        with self._lock:
            known = self._identities.get(style)
        if known is None:
            known = hashed(style.samples)
            with self._lock:
                self._identities[style] = known
        return known


def hashed(samples: np.ndarray) -> Hashable:
    """What tells samples from others: their type, shape and hash."""
    digest = hashlib.sha256(np.ascontiguousarray(samples).data).digest()
    return samples.dtype.str, samples.shape, digest
