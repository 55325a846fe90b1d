"""Writes a program as text; `parse` reads it back to the same value."""

from hardwon.languages.step import syntax as s

INDENT = "    "


def print_program(program: s.Program) -> str:
    """Return the program's text, without a final newline."""
    lines = [line for statement in program.statements for line in _statement(statement)]
    lines += [f"# {comment}" for comment in program.closing_comments]
    return "\n".join(lines)


def _statement(statement: s.Statement) -> list[str]:
    lines = [f"# {comment}" for comment in statement.comments]
    match statement:
        case s.Assign(targets=targets, value=value):
            lines.append(" = ".join([*map(_target, targets), expression_text(value, bare=True)]))
        case s.Return(value=value):
            lines.append(f"return {expression_text(value, bare=True)}")
        case s.Evaluate(value=value):
            lines.append(expression_text(value))
        case s.For(target=target, iterable=iterable, body=body):
            lines.append(f"for {_target(target)} in {expression_text(iterable)}:")
            inner = [line for part in body for line in _statement(part)] or ["pass"]
            lines += [INDENT + line for line in inner]
    return lines


def _target(target: s.Target, nested: bool = False) -> str:
    match target:
        case s.Name(id=name):
            return name
        case s.Targets(items=items):
            text = ", ".join(_target(item, nested=True) for item in items)
            text += "," if len(items) == 1 else ""
            return f"({text})" if nested else text


def expression_text(expression: s.Expression, bare: bool = False) -> str:
    """Return an expression's text. `bare` leaves out a tuple's brackets where they may be."""
    match expression:
        case s.Name(id=name):
            return name
        case s.Integer(value=value):
            return str(value)
        case s.Product(left=left, right=right):
            right_text = expression_text(right)
            if isinstance(right, s.Product):
                right_text = f"({right_text})"
            return f"{expression_text(left)} * {right_text}"
        case s.Sequence(items=items):
            text = ", ".join(map(expression_text, items))
            return text if bare and len(items) > 1 else f"[{text}]"
        case s.Index(sequence=sequence, at=at):
            return f"{_postfix(sequence)}[{at}]"
        case s.Comprehension(element=element, loops=loops):
            tail = "".join(
                f" for {_target(target)} in {expression_text(over)}" for target, over in loops
            )
            return f"[{expression_text(element)}{tail}]"
        case s.ZipLists(lists=lists):
            return f"zip({', '.join(map(expression_text, lists))})"
        case s.Operator(primitive=primitive, arguments=given):
            text = ", ".join(f"{name}={expression_text(value)}" for name, value in given)
            return f"step.{primitive}({text})"
        case s.Apply(receiver=receiver, arguments=arguments):
            return f"{_postfix(receiver)}.apply({', '.join(map(_argument, arguments))})"


def _argument(expression: s.Expression) -> str:
    """Return an argument of `.apply`; streams that go together are written as a tuple."""
    match expression:
        case s.Sequence(items=items) if len(items) > 1:
            return f"({', '.join(map(expression_text, items))})"
        case _:
            return expression_text(expression)


def _postfix(expression: s.Expression) -> str:
    text = expression_text(expression)
    return f"({text})" if isinstance(expression, s.Product | s.Integer) else text
