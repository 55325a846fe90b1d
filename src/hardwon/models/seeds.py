"""Seeds of single samples."""

import hashlib

_BITS = 31  # what every server takes


def sample_seed(seed: int | None, index: int) -> int | None:
    """Return the seed of one sample, a number below 2 ** 31; None where none is wanted.

    Samples of one prompt get different seeds, or they would all be the same.
    """
    if seed is None:
        return None
    digest = hashlib.sha256(f"{seed}:{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (1 << _BITS)
