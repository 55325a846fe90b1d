"""The reference programs of the task sets.

They exist to check the checker. Nothing that proposes programs may import this module (asserted by
a test), or every score on the benchmark would be worthless.
"""

from hardwon.bench.catalog import folder, set_of


def reference(name: str) -> str:
    """Return the reference program of a task. It lacks the Copies that the affine law asks for.

    Raises:
        KeyError: if there is no task of that name.
    """
    task_set = set_of(name)
    if task_set is None:
        raise KeyError(name)
    return (folder(task_set) / "references" / f"{name}.step").read_text(encoding="utf-8")
