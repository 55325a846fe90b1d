"""What is wrong with a file of a user, in one line."""

from pydantic import ValidationError


def describe(error: Exception) -> str:
    """Return the problems that an exception stands for, the place before each."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}"
        for problem in error.errors()
    )
