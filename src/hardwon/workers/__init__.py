"""Child processes that answer requests: JSON lines over pipes, limits, and a kill that reaches all.

Unlike multiprocessing this neither imports the caller's main module again nor unpickles what a
child sends.
"""

from hardwon.workers.child import Child, ChildEndedError
from hardwon.workers.serve import serve

__all__ = ["Child", "ChildEndedError", "serve"]
