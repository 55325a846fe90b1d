"""What the primitives mean, on whole tensors; the twin files of `primitives`.

`definition` states the same meanings token by token: the yardstick for these, never used to judge.
"""

from hardwon.languages.step.semantics.arithmetic import run_accum, run_map, run_scan, run_zip
from hardwon.languages.step.semantics.base import Data, Machine, RunError, Semantics
from hardwon.languages.step.semantics.routing import (
    run_copy,
    run_identity,
    run_merge,
    run_partition,
)
from hardwon.languages.step.semantics.shape import (
    run_flatten,
    run_promote,
    run_relabel,
    run_repeat,
    run_repeat_ref,
    run_reshape,
)

SEMANTICS: dict[str, Semantics] = {
    "Map": run_map,
    "Accum": run_accum,
    "Scan": run_scan,
    "Zip": run_zip,
    "Copy": run_copy,
    "Identity": run_identity,
    "Promote": run_promote,
    "Flatten": run_flatten,
    "Reshape": run_reshape,
    "Bufferize": run_relabel,
    "Streamify": run_relabel,
    "Repeat": run_repeat,
    "RepeatRef": run_repeat_ref,
    "Partition": run_partition,
    "Merge": run_merge,
}

__all__ = ["SEMANTICS", "Data", "Machine", "RunError", "Semantics"]
