"""Tasks whose own code is broken or means harm.

A place is `global`, `body` (of the function that right answers use) or `reference`. The code runs
once whenever that place does.
"""

_FORGED = """\
import json, os, struct
text = json.dumps({{"settings": [{{"sizes": {{}}}}] * 5, "reports": [{{}}]}}).encode()
for at in range(3, 64):
    try: os.write(at, struct.pack("<QI", {}) + struct.pack("<Q", len(text)) + text)
    except OSError: pass
"""
"""Sends something that looks like a reply, with some numbers of bytes and of parts."""

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
    "global binds sizes at random": ("global", "import random; ctx[M] = random.randint(1, 10**6)"),
    "global binds too large a size": ("global", "ctx[M] = 3_000_000"),
    "global replaces ctx by one that exits": (
        "global",
        "class Odd(dict):\n    def get(self, *_): raise SystemExit\nctx = Odd()",
    ),
    "global patches what reads requests": ("global", "import pickle; pickle.loads = None"),
    "global patches what writes replies": (
        "global",
        "import json.encoder; json.encoder.JSONEncoder.encode = lambda *_: '{}'",
    ),
    "global patches what reads numbers": (
        "global",
        "torch.frombuffer = lambda *_, **__: torch.zeros(35)",
    ),
    "global patches conversion": ("global", "torch.Tensor.to = lambda self, *_, **__: self"),
    "global takes seeds away": ("global", "torch.manual_seed = None"),
    "global keeps replies back": (
        "global",
        "from hardwon.workers import frames; frames.send = lambda *_: None",
    ),
    "global forges a reply": ("global", _FORGED.format("8 + len(text), 1")),
    "global announces a huge reply": ("global", _FORGED.format("1 << 62, 1")),
    "global announces many parts": ("global", _FORGED.format("1 << 20, (1 << 32) - 1")),
    "reference raises a base exception": ("reference", "raise BaseException('x')"),
    "reference closes all files": ("reference", "import os; os.closerange(0, 200)"),
    "reference loses its data": ("reference", "input_data = {'E0': None}"),
    "reference is one number": ("reference", "input_data = {'E0': torch.zeros(())}"),
    "reference is sparse": ("reference", "input_data = {'E0': input_data['E0'].to_sparse()}"),
    "reference is huge": ("reference", "input_data = {'E0': torch.zeros(1 << 40)}"),
    "reference draws random numbers": (
        "reference",
        "input_data['E0'] = input_data['E0'] + torch.rand(())",
    ),
    "reference counts its runs": (
        "reference",
        "ctx['runs'] = ctx.get('runs', 0) + 1; input_data['E0'] = input_data['E0'] * ctx['runs']",
    ),
    "reference is complex": ("reference", "input_data['E0'] = input_data['E0'] * (1 + 1j)"),
    "global changes the default dtype": ("global", "torch.set_default_dtype(torch.float64)"),
    "body raises a base exception": ("body", "raise BaseException('x')"),
    "body interrupts": ("body", "raise KeyboardInterrupt"),
    "body closes all files": ("body", "import os; os.closerange(0, 200)"),
    "body writes into all files": ("body", _FORGED.format("8 + len(text), 1")),
    "body clears sys.modules": ("body", "import sys; sys.modules.clear()"),
    "body clears the requests in sight": (
        "body",
        "import sys\nframe = sys._getframe()\nwhile frame:\n"
        "    for value in list(frame.f_locals.values()):\n"
        "        if isinstance(value, dict) and 'ticket' in value: value.clear()\n"
        "    frame = frame.f_back",
    ),
    "body depends on the clock": (
        "body",
        "import time; input = [input[0] + time.perf_counter_ns() % 1000]",
    ),
}

FAILING: dict[str, tuple[str, str]] = {
    # With these no program is right, since the function that right ones use does not work.
    "body forks": ("body", "import os; os.fork()"),
    "body kills its parent": ("body", "import os; os.kill(os.getppid() or 1, 9)"),
    "body kills itself": ("body", "import signal; signal.raise_signal(signal.SIGKILL)"),
    "body needs much memory": ("body", "torch.ones(10 << 30, dtype=torch.uint8)"),
    "body recurses": ("body", "f = lambda: f()\nf()"),
    "body looks at its memory": ("body", "open('/proc/self/maps').read()"),
    "body looks at another's keys": ("body", "open('/proc/1/environ').read()"),
    "body patches multiplication": ("body", "torch.Tensor.__mul__ = torch.Tensor.__add__"),
    "body patches what puts elements together": (
        "body",
        "torch.stack = lambda *_, **__: torch.zeros(35)",
    ),
    "body works on whole numbers": ("body", "input = [input[0].long()]"),
    "body makes no numbers": ("body", "input = [input[0] * float('nan')]"),
    "body works on complex numbers": ("body", "input = [input[0] * (1 + 1j)]"),
    "body adds an axis": ("body", "input = [input[0].reshape(1)]"),
    "body claims a huge shape": ("body", "input = [input[0].expand(1 << 40)]"),
    "body works on what is sparse": ("body", "input = [input[0].to_sparse()]"),
    "body works on a tensor that lies": (
        "body",
        "class Odd(torch.Tensor):\n    @classmethod\n"
        "    def __torch_function__(cls, *_, **__): return torch.zeros(())\n"
        "input = [input[0].as_subclass(Odd)]",
    ),
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
    "body patches addition": ("body", "torch.add = torch.mul"),
    "body patches equality": ("body", "torch.Tensor.__eq__ = lambda *_: True"),
    "body works in another precision": ("body", "input = [input[0].double()]"),
    "body keeps track of gradients": (
        "body",
        "torch.set_grad_enabled(True); input = [input[0].clone().requires_grad_(True)]",
    ),
    "body enters inference mode": ("body", "torch.inference_mode().__enter__()"),
    "body draws the same numbers each time": (
        "body",
        "torch.manual_seed(0); input = [input[0] + 0 * torch.rand(())]",
    ),
    "body remembers in a default argument": (
        "body",
        "def f(x, seen=[]):\n    seen.append(x)\n    return x\ninput = [f(input[0])]",
    ),
    "body changes the environment": ("body", "import os; os.environ['LANG'] = 'x'"),
    "body looks at all objects": ("body", "import gc; gc.get_objects()[:5]"),
    "body sets a trace function": ("body", "import sys; sys.settrace(lambda *_: None)"),
    "body sets an alarm": ("body", "import signal; signal.setitimer(signal.ITIMER_REAL, 100)"),
    "body waits when it ends": ("body", "import atexit, time; atexit.register(time.sleep, 1000)"),
    "body leaves a thread asleep": (
        "body",
        "import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()",
    ),
    "body wants more threads": ("body", "torch.set_num_threads(4)"),
    "reference changes the default dtype": ("reference", "torch.set_default_dtype(torch.float16)"),
    "reference enters inference mode": ("reference", "torch.inference_mode().__enter__()"),
    "reference changes its data": (
        "reference",
        "own = input_data['E0'].clone(); input_data['E0'].mul_(3); input_data = {'E0': own}",
    ),
    "reference keeps track of gradients": ("reference", "input_data['E0'].requires_grad_(True)"),
    "reference draws the same numbers each time": (
        "reference",
        "torch.manual_seed(1); input_data['E0'] = input_data['E0'] + 0 * torch.rand(())",
    ),
    "reference leaves a thread asleep": (
        "reference",
        "import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()",
    ),
    "global patches drawing": ("global", "torch.randn = lambda *size, **_: torch.zeros(size)"),
    "global binds names that bodies have": ("global", "body = input = state = _select = 3"),
    "global takes torch away": ("global", "torch = None"),
    "global makes up data": ("global", "input_data = {'E0': torch.zeros(5, 7)}"),
    "global reads standard input": ("global", "import sys; sys.stdin.read()"),
    "global patches json": ("global", "import json; json.dumps = lambda *_, **__: '{}'"),
    "global binds another size": ("global", "ctx[M] = 3"),
}
