"""The benchmark's reference programs.

They exist to check the checker. Nothing that proposes programs may import this module (asserted by
a test), or every score on the benchmark would be worthless.
"""

from hardwon.bench.catalog import catalog, folder


def reference(name: str) -> str:
    """Return the reference program of a task. It lacks the Copies that the affine law asks for.

    Raises:
        KeyError: if there is no task of that name.
    """
    if name not in {entry.name for entry in catalog()}:
        raise KeyError(name)
    return (folder() / "references" / f"{name}.step").read_text(encoding="utf-8")
