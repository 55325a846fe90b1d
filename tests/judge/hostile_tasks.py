"""Tasks whose own code is broken or means harm.

A place is `global`, `body` (of the function that right answers use) or `reference`. The code runs
once whenever that place does.
"""

BROKEN: dict[str, tuple[str, str]] = {
    # These can only end in a TaskError.
    "global exits": ("global", "raise SystemExit(0)"),
    "global ends the process": ("global", "import os; os._exit(0)"),
    "global aborts": ("global", "import os; os.abort()"),
    "global crashes": ("global", "import ctypes; ctypes.string_at(0)"),
    "global loops": ("global", "while True: pass"),
    "global sleeps": ("global", "import time; time.sleep(1000)"),
    "global swallows everything": (
        "global",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    ),
    "global recurses": ("global", "f = lambda: f()\nf()"),
    "global eats memory": ("global", "x = bytearray(1 << 40)"),
    "global eats memory bit by bit": ("global", "x = [0]\nwhile True: x += x"),
    "global makes a huge tensor": ("global", "x = torch.ones(1 << 36)"),
    "global binds nonsense": ("global", "ctx[N] = float('nan')"),
    "global binds something huge": ("global", "ctx[N] = 10 ** 12"),
    "global binds something that lies": (
        "global",
        "class Odd(int):\n    __lt__ = lambda *_: False\nctx[N] = Odd(-3)",
    ),
    "global takes away ctx": ("global", "ctx = None"),
    "global is no Python": ("global", "this is no code"),
    "global raises in odd ways": (
        "global",
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
    ),
    "global raises a base exception": ("global", "raise BaseException('x')"),
    "global interrupts": ("global", "raise KeyboardInterrupt"),
    "global closes all files": ("global", "import os; os.closerange(0, 200)"),
    "global writes into all files": (
        "global",
        "import os\nfor at in range(64):\n    try: os.write(at, b'x' * 100)\n"
        "    except OSError: pass",
    ),
    "global opens a socket": ("global", "import socket; socket.socket()"),
    "global runs a program": ("global", "import subprocess; subprocess.run(['true'])"),
    "global forks": ("global", "import os; os.fork()"),
    "global is a fork bomb": ("global", "import os\nwhile True: os.fork()"),
    "global writes a file": ("global", "open('x', 'w').write('x')"),
    "global reads what is not its own": ("global", "open('/etc/hostname').read()"),
    "global kills its parent": ("global", "import os; os.kill(os.getppid() or 1, 9)"),
    "global kills everybody": ("global", "import os; os.kill(-1, 9)"),
    "reference exits": ("reference", "raise SystemExit"),
    "reference ends the process": ("reference", "import os; os._exit(0)"),
    "reference loops": ("reference", "while True: pass"),
    "reference has another shape": ("reference", "input_data['E0'] = input_data['E0'][:1]"),
    "body ends the process": ("body", "import os; os._exit(0)"),
    "body loops": ("body", "while True: pass"),
    "body crashes": ("body", "import ctypes; ctypes.string_at(0)"),
    "body counts its calls": (
        "body",
        "ctx['calls'] = ctx.get('calls', 0) + 1\nreturn [input[0] * ctx['calls']]",
    ),
    "body draws random numbers": ("body", "return [input[0] + torch.randn(())]"),
}

HARMLESS: dict[str, tuple[str, str]] = {
    # These do something odd that must have no effect on any verdict.
    "body changes its input": ("body", "twice = input[0].mul_(2)\nreturn [twice]"),
    "body changes its input only at times": (
        "body",
        "if float(input[0].reshape(-1)[0]) > 0: input[0].add_(1).sub_(1)",
    ),
    "body patches json": ("body", "import json; json.dumps = lambda *_, **__: '{}'"),
    "body patches the comparison": (
        "body",
        "torch.allclose = lambda *_, **__: True; torch.equal = torch.allclose",
    ),
    "body patches builtins": ("body", "import builtins; builtins.all = lambda _: True"),
    "body patches time": ("body", "import time; time.monotonic = lambda: 0.0"),
    "body changes the default dtype": ("body", "torch.set_grad_enabled(True)"),
    "body prints": ("body", "print('{\"correct\": true}')"),
    "body writes to standard output": ("body", "import os; os.write(1, b'{}')"),
    "body starts a thread": (
        "body",
        "import threading; threading.Thread(target=lambda: None, daemon=True).start()",
    ),
    "body turns the collector off": ("body", "import gc; gc.disable()"),
    "body empties sys.modules": ("body", "import sys; sys.modules.pop('json', None)"),
    "reference prints": ("reference", "print('x' * 10000)"),
    "reference patches torch": ("reference", "torch.Tensor.__ne__ = lambda *_: False"),
    "global registers an exit handler": ("global", "import atexit; atexit.register(print)"),
    "global sets a signal handler": (
        "global",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    ),
    "global changes the recursion limit": ("global", "import sys; sys.setrecursionlimit(10**6)"),
}
