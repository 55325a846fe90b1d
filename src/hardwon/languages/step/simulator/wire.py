"""Tensors as bytes, for the way between processes. Neither end evaluates anything."""

import ctypes
from collections.abc import Iterable, Sequence
from math import prod

import torch

Shape = tuple[int, ...]

WIDTHS = {torch.float32: 4, torch.float64: 8}


class WireError(ValueError):
    """Bytes are not the tensors that were asked for."""


def to_bytes(tensor: torch.Tensor) -> bytes:
    """Return the contents of a tensor."""
    dense = tensor.detach().contiguous()
    size = dense.numel() * dense.element_size()
    return ctypes.string_at(dense.data_ptr(), size) if size else b""


def from_bytes(data: bytes | bytearray, shape: Shape, dtype: torch.dtype) -> torch.Tensor:
    """Return the tensor of this shape and dtype.

    Raises:
        WireError: if there are more or fewer bytes than it has.
    """
    if len(data) != prod(shape) * WIDTHS[dtype]:
        raise WireError(f"expected {prod(shape)} values, got {len(data)} bytes")
    if not data:
        return torch.zeros(shape, dtype=dtype)
    buffer = data if isinstance(data, bytearray) else bytearray(data)
    return torch.frombuffer(buffer, dtype=dtype).reshape(shape)


def all_to_bytes(tensors: Iterable[torch.Tensor]) -> list[bytes]:
    """Return the contents of several tensors."""
    return [to_bytes(tensor) for tensor in tensors]


def all_from_bytes(
    data: Sequence[bytes | bytearray], shapes: Sequence[Shape], dtype: torch.dtype
) -> list[torch.Tensor]:
    """Return tensors of these shapes.

    Raises:
        WireError: if the bytes do not fit.
    """
    if len(data) != len(shapes):
        raise WireError(f"expected {len(shapes)} tensors, got {len(data)}")
    return [from_bytes(part, shape, dtype) for part, shape in zip(data, shapes, strict=True)]
