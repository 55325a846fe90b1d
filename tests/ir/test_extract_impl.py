"""A corpus of answers as models write them, each with the program that is to be read out of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardwon.ir import extract_impl

PROGRAM = """\
E1, E2 = step.Copy().apply(E0)
# One branch is scaled, the other one waits.
E3 = step.Map(fn=fn_scale).apply(E1)
return E3, E2"""
SHORT = "return E0"
LOOP = """\
outs = []
for f, s in zip([fn_a, fn_b], E2):
    outs = outs + [step.Map(fn=f).apply(s)]
return outs[0]"""
CALL_OVER_LINES = """\
E4 = step.Merge(
    fn=fn_sum,
).apply((
    [E1, E2],
    E3,
))
return (
    E4
)"""


def indented(text: str, by: int = 2) -> str:
    return "\n".join(" " * by + line if line else "" for line in text.split("\n"))


BLOCK = f"impl: |-\n{indented(PROGRAM)}"

REASONED = f"""\
Let me work through the shapes first.

1. `E0` is a stream of `fp32` with shape `[N, M]`; two primitives need it, so it must be copied:

   ```python
   E1, E2 = step.Copy().apply(E0)
   ```

2. **Scaling** keeps the shape. My first idea was

   ```yaml
   impl: |-
     E3 = step.Map(fn=fn_scale).apply(E0)
     return E3, E0
   ```

   but it consumes `E0` twice (once by `Map`, once by whoever takes the result).

### Final program

```yaml
{BLOCK}
```

**Why it works:** every stream is consumed once. For instance, `E2` is only returned, and
return is not a consumption. The types are:

```
E1: Stream(fp32, [N, M])
E3: Stream(fp32, [N, M])
```

Run it with

```bash
pytest -q
```
"""
UNFENCED = f"""\
Looking at the task, the input's used twice: once scaled, and once as it is.
So: copy, then map.

test_name: demo
{BLOCK}

Explanation:
- E1 = a copy of E0 (the affine rule)
- return E3, E2 hands both back

Let me know if you'd like another version!
"""
CORPUS = {
    # As chatty models write.
    "reasoning around several blocks": (REASONED, PROGRAM),
    "explanation without fences": (UNFENCED, PROGRAM),
    "explanation without fences and key": (UNFENCED.replace("impl: |-", "Program:"), PROGRAM),
    # The asked form, and its small variations.
    "fence and key": (f"```yaml\n{BLOCK}\n```", PROGRAM),
    "fence without a tag": (f"```\n{BLOCK}\n```\n", PROGRAM),
    "tildes": (f"~~~yaml\n{BLOCK}\n~~~", PROGRAM),
    "four backticks": (f"````yaml\n{BLOCK}\n````", PROGRAM),
    "upper-case tag": (f"```YAML\n{BLOCK}\n```", PROGRAM),
    "key without chomping": (f"```yaml\nimpl: |\n{indented(PROGRAM)}\n```", PROGRAM),
    "key with an indentation number": (f"```yaml\nimpl: |2-\n{indented(PROGRAM)}\n```", PROGRAM),
    "folded block": (f"```yaml\nimpl: >-\n{indented(PROGRAM)}\n```", PROGRAM),
    "bare key": (f"```yaml\nimpl:\n{indented(PROGRAM)}\n```", PROGRAM),
    "quoted key": (f'```yaml\n"impl": |-\n{indented(PROGRAM)}\n```', PROGRAM),
    "comment after the key": (
        f"```yaml\nimpl: |-  # the answer\n{indented(PROGRAM)}\n```",
        PROGRAM,
    ),
    "code next to the key": (f"```yaml\nimpl: {PROGRAM}\n```", PROGRAM),
    "code next to the indicator": (f"```yaml\nimpl: |- {PROGRAM}\n```", PROGRAM),
    "one statement next to the key": ("impl: return E0", SHORT),
    "quoted text next to the key": (
        r'{"impl": "E1 = step.Identity().apply(E0)\nreturn E1"}',
        "E1 = step.Identity().apply(E0)\nreturn E1",
    ),
    "key on the line of the fence": (f"```yaml impl: |-\n{indented(PROGRAM)}\n```", PROGRAM),
    "key as a list item": (f"- impl: |-\n{indented(PROGRAM, 4)}", PROGRAM),
    "bold key": (f"**impl:** |-\n{indented(PROGRAM)}", PROGRAM),
    # Fences.
    "python fence without a key": (f"```python\n{PROGRAM}\n```", PROGRAM),
    "key before the fence": (f"impl: |-\n```python\n{PROGRAM}\n```", PROGRAM),
    "last fence left open": (f"Here:\n```yaml\n{BLOCK}", PROGRAM),
    "fence left open before prose": (f"```yaml\n{BLOCK}\n\nIt copies E0 first.", PROGRAM),
    "fence never opened": (f"{BLOCK}\n```\nIt copies E0 first.", PROGRAM),
    "plain code, fence never opened": (f"{PROGRAM}\n```\nIt copies E0 first.", PROGRAM),
    "fence closed on the last line": (f"```yaml\n{BLOCK}```", PROGRAM),
    "fence inside a list": (
        f"1. The program:\n\n   ```yaml\n{indented(BLOCK, 3)}\n   ```",
        PROGRAM,
    ),
    "fence opened twice": (f"```\n```yaml\n{BLOCK}\n```", PROGRAM),
    # No fence.
    "key without a fence": (BLOCK, PROGRAM),
    "key and prose around it": (f"Sure!\n\n{BLOCK}\n\nThis copies E0.", PROGRAM),
    "unindented block and prose": (f"impl: |-\n{PROGRAM}\n\nThis copies E0, (and more.", PROGRAM),
    "plain program": (PROGRAM, PROGRAM),
    "plain program with blank lines": (f"\n\n{PROGRAM}\n\n", PROGRAM),
    "plain indented program": (indented(PROGRAM, 4), PROGRAM),
    "plain program in prose": (
        f"I'll copy the stream (once).\n\n{PROGRAM}\n\nDone\nHope it's right!",
        PROGRAM,
    ),
    "plain program in tags": (f"<answer>\n{PROGRAM}\n</answer>", PROGRAM),
    "plain program over several lines": (
        f"The answer is:\n{CALL_OVER_LINES}\nThat's it.",
        CALL_OVER_LINES,
    ),
    "plain program, then a sentence with return": (
        f"Answer below.\n{PROGRAM}\n\nreturn values are E3 and E2.",
        PROGRAM,
    ),
    "comment before a plain program": (
        f"So:\n# Copy first.\n{SHORT}\nOK.",
        f"# Copy first.\n{SHORT}",
    ),
    "plain program before a word that parses": (f"{PROGRAM}\n\nOK", PROGRAM),
    "comment after a plain program": (f"{SHORT}\n# Done.", f"{SHORT}\n# Done."),
    "quoted mail": ("\n".join(f"> {line}" for line in BLOCK.split("\n")), PROGRAM),
    "session of Python's shell": (
        f">>> E1 = step.Identity().apply(E0)\n>>> {SHORT}",
        f"E1 = step.Identity().apply(E0)\n{SHORT}",
    ),
    "code after the return": (f"```\n{SHORT}\nE2 = E1\n```", SHORT),
    # Several blocks.
    "last of two blocks": (
        f"```yaml\nimpl: |-\n  {SHORT}\n```\nBetter:\n```yaml\n{BLOCK}\n```",
        PROGRAM,
    ),
    "last block is cut off": (
        f"```yaml\n{BLOCK}\n```\nBetter:\n```yaml\nimpl: |-\n  E1 = (",
        PROGRAM,
    ),
    "shell command after the program": (f"```yaml\n{BLOCK}\n```\n```sh\npytest -q\n```", PROGRAM),
    "two keys in one fence": (f"```yaml\nimpl: |-\n  {SHORT}\n\n{BLOCK}\n```", PROGRAM),
    "last of two without fences": (f"impl: |-\n  {SHORT}\n\nNo, rather:\n\n{BLOCK}", PROGRAM),
    "question repeated, then the program": (
        "```yaml\nfns:\n  - name: A\n    apply: |\n      return [input[0]]\n```\n"
        f"```\n{PROGRAM}\n```",
        PROGRAM,
    ),
    "example in PyTorch after the program": (
        f"```yaml\n{BLOCK}\n```\nFor comparison:\n```python\ndef ref(x):\n    return x * 2\n```",
        PROGRAM,
    ),
    "nothing but a function of another name": (
        f"```python\ndef scale_one(E0):\n{indented(PROGRAM, 4)}\n```",
        PROGRAM,
    ),
    # Thoughts.
    "thoughts before": (
        f"<think>\n```yaml\nimpl: |-\n  return E9\n```\n</think>\n{BLOCK}",
        PROGRAM,
    ),
    "thoughts without a start": (f"maybe\nreturn E9\n</think>\n\n{BLOCK}", PROGRAM),
    "thoughts after": (f"{BLOCK}\n<think>\nimpl: |-\n  return E9\n</think>", PROGRAM),
    "thoughts without an end": (f"{BLOCK}\n<thinking>\nreturn E9", PROGRAM),
    "nothing but thoughts": (f"<think>\n{BLOCK}", None),
    # The whole task.
    "whole file": (
        "```yaml\ntest_name: demo\nfns:\n  - name: A\n    apply: |\n      return [input[0]]\n"
        f"{BLOCK}\n```",
        PROGRAM,
    ),
    "keys after impl": (f"test_name: demo\n{BLOCK}\noutputs:\n  - name: S0\n", PROGRAM),
    "keys after an unindented impl": (f"impl: |-\n{PROGRAM}\noutputs:\n  - name: S0\n", PROGRAM),
    "impl below another key": (
        f"answer:\n  impl: |-\n{indented(PROGRAM, 4)}\n  note: fine",
        PROGRAM,
    ),
    # Functions around the program.
    "function named program": (
        f"```python\ndef program(E0):\n{indented(PROGRAM, 4)}\n```",
        PROGRAM,
    ),
    "function below the key": (f"impl: |-\n  def impl(E0, E1):\n{indented(PROGRAM, 6)}", PROGRAM),
    "function with a docstring and an import": (
        '```python\nimport step\n\ndef program(E0):\n    """Scale one copy."""\n'
        f"{indented(PROGRAM, 4)}\n\nprogram(E0)\n```",
        PROGRAM,
    ),
    "function with a long head": (
        f"def program(\n    E0: Stream,\n) -> Stream:\n\n    # Copy.\n{indented(PROGRAM, 4)}",
        f"# Copy.\n{PROGRAM}",
    ),
    "comment above a function": (
        f"# Copy.\ndef program(E0):\n{indented(PROGRAM, 4)}",
        f"# Copy.\n{PROGRAM}",
    ),
    "function on one line": ("```python\ndef program(E0): return E0\n```", SHORT),
    "function among prose": (
        f"It's:\ndef program(E0):\n{indented(PROGRAM, 4)}\nIt's done.",
        PROGRAM,
    ),
    # White space.
    "Windows line ends": (f"```yaml\n{BLOCK}\n```".replace("\n", "\r\n"), PROGRAM),
    "old Mac line ends": (f"```yaml\n{BLOCK}\n```".replace("\n", "\r"), PROGRAM),
    "tabs": (f"```yaml\nimpl: |-\n{indented(LOOP, 4)}\n```".replace("    ", "\t"), LOOP),
    "non-breaking spaces": (f"```yaml\n{BLOCK}\n```".replace("  ", "\xa0\xa0"), PROGRAM),
    "zero-width characters": (f"\ufeff```yaml\n{BLOCK}\n```".replace("E0", "E\u200b0"), PROGRAM),
    "trailing spaces": (f"```yaml\n{BLOCK}\n```".replace("\n", "  \n"), PROGRAM),
    "first line less indented": (f"impl: |-\n  {indented(PROGRAM, 4).lstrip()}", PROGRAM),
    "first line more indented": (f"impl: |-\n    {indented(PROGRAM, 2).lstrip()}", PROGRAM),
    "first line not indented": (f"impl: |-\n{indented(PROGRAM, 4).lstrip()}", PROGRAM),
    "comment not indented": (
        f"impl: |-\n{indented(PROGRAM, 4).replace('    #', '#')}",
        PROGRAM,
    ),
    "call less indented than its statement": (
        "impl: |-\n    E1 = step.Map(\n  fn=fn_a).apply(E0)\n    return E1",
        "E1 = step.Map(\nfn=fn_a).apply(E0)\nreturn E1",
    ),
    "indented loop": (f"```yaml\nimpl: |-\n{indented(LOOP, 6)}\n```", LOOP),
    "call over several lines": (f"impl: |-\n{indented(CALL_OVER_LINES, 2)}", CALL_OVER_LINES),
    # Programs that are not complete come back for the checker to blame.
    "no return": (
        "```yaml\nimpl: |-\n  E1 = step.Copy().apply(E0)\n```",
        "E1 = step.Copy().apply(E0)",
    ),
    "syntax error": (
        f"```yaml\n{BLOCK.replace('(E1)', '(E1')}\n```",
        PROGRAM.replace("(E1)", "(E1"),
    ),
    "syntax error without a fence": (
        f"Here it is:\n{PROGRAM.replace('(fn=fn_scale)', '(fn=fn_scale b=1)')}",
        PROGRAM.replace("(fn=fn_scale)", "(fn=fn_scale b=1)"),
    ),
    "syntax error in a plain return": (
        "E1 = step.Map(fn=fn_a).apply(E0)\nreturn E1)",
        "E1 = step.Map(fn=fn_a).apply(E0)\nreturn E1)",
    ),
    "cut off": (
        "```yaml\nimpl: |-\n  E1 = step.Map(fn=fn_a).apply(E0)\n  E2 = step.Ac",
        "E1 = step.Map(fn=fn_a).apply(E0)\nE2 = step.Ac",
    ),
    # No program.
    "empty": ("", None),
    "prose": ("I cannot solve this: the shapes don't fit.\nPlease return to me later.", None),
    "prose in a fence": ("```\nI cannot solve this.\n```", None),
    "empty block": ("```yaml\nimpl: |-\n```", None),
    "words that parse": ("Done", None),
    "null character": ("return E0\0", "return E0"),
    "lone surrogate": ("return E0\ud800", None),
}


@pytest.mark.parametrize(("answer", "program"), CORPUS.values(), ids=CORPUS)
def test_the_program_is_read_out_of_the_answer(answer: str, program: str | None) -> None:
    assert extract_impl(answer) == program


@pytest.mark.parametrize("program", [PROGRAM, SHORT, LOOP, CALL_OVER_LINES])
def test_a_program_that_was_read_is_read_again_as_it_is(program: str) -> None:
    assert extract_impl(program) == program
    assert extract_impl(f"```yaml\nimpl: |-\n{indented(program)}\n```") == program


def test_an_answer_of_more_than_256_kib_is_not_read() -> None:
    comment = "# " + "x" * (256 * 1024 - len(SHORT) - 3)
    assert extract_impl(f"{comment}\n{SHORT}") == f"{comment}\n{SHORT}"
    assert extract_impl(f"{comment}x\n{SHORT}") is None


def test_nothing_is_executed() -> None:
    program = "E1 = exit()\nreturn E1"
    assert extract_impl(program) == program


FRAGMENTS = [
    *[
        "(",
        "[",
        "x = -",
        "not ",
        "x.",
        "x + ",
        "`",
        "lambda: ",
        "'''",
        "\\",
        "\t",
        "\0",
        'impl: "\\',
    ],
    *["```\n", "~~~ py\n", "impl: |-\n", "return\n", "for x in y:\n", "E1 = f(\n", "E1 = E0\n"],
    *[
        "<think>",
        "</think>",
        "def f():\n",
        "class A:\n",
        "# x\n",
        "\n",
        "    ",
        "Some prose.\n",
        "\ud800",
    ],
]


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_no_repetition_breaks_it(fragment: str) -> None:
    many = fragment * 5000
    for answer in (many, f"return E0\n{many}", f"E1 = {many}\nreturn E1"):
        program = extract_impl(answer)
        assert program is None or program.strip()


@settings(deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5)).map("".join))
def test_no_answer_breaks_it(answer: str) -> None:
    program = extract_impl(answer)
    assert program is None or program == program.strip("\n") != ""
