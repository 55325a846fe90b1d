"""Child processes that answer requests, with limits, and a kill that reaches all of them.

`Child` runs trusted code and answers JSON lines. `Nursery` forks confined processes for code that
nobody vouches for. Unlike multiprocessing, neither imports the caller's main module again nor
unpickles what a child sends.
"""

from hardwon.workers.child import Child, ChildEndedError
from hardwon.workers.confined import Confined, ConfinedEndedError, Nursery
from hardwon.workers.serve import serve

__all__ = [
    "Child",
    "ChildEndedError",
    "Confined",
    "ConfinedEndedError",
    "Nursery",
    "serve",
]
