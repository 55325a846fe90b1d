"""Working backwards: bodies are solved for an argument, and what follows is looked up."""

from collections.abc import Callable, Iterator

import pytest
import torch
from search_tasks import CENTRED, double_precision, session

from hardwon.languages.step.synthesis.search import engine
from hardwon.languages.step.synthesis.search.inverses import inverse_of
from support import edited


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    with double_precision():
        yield


NAMES = {"D_value": 6, "torch": torch}
BODIES: dict[str, tuple[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]] = {
    "sum": ("return [input[0] + input[1]]", lambda a, b: a + b),
    "difference": ("return [input[0] - input[1]]", lambda a, b: a - b),
    "product": ("return [input[0] * input[1]]", lambda a, b: a * b),
    "quotient": ("return [input[0] / input[1]]", lambda a, b: a / b),
    "constants": ("return [-(3 * input[0] - input[1] / D_value) + 1e-5]",
                  lambda a, b: -(3 * a - b / 6) + 1e-5),
    "functions": ("return [torch.exp(input[0]) * torch.sqrt(input[1])]",
                  lambda a, b: a.exp() * b.sqrt()),
    "methods": ("return [input[0].log() + input[1].sigmoid()]",
                lambda a, b: a.log() + b.sigmoid()),
    "more dimensions": ("return [input[0] / input[1][..., None]]", lambda a, b: a / b),
}  # fmt: skip


@pytest.mark.parametrize("argument", [0, 1])
@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_solved_for_either_argument(body: str, argument: int) -> None:
    text, function = BODIES[body]
    generator = torch.Generator().manual_seed(0)
    arguments = [torch.rand(4, 5, generator=generator, dtype=torch.float64) + 0.1 for _ in "ab"]
    known = [None if at == argument else value for at, value in enumerate(arguments)]
    inverse = inverse_of(text, argument)
    assert inverse is not None
    solved = inverse(function(*arguments), known, NAMES)
    assert solved is not None
    torch.testing.assert_close(solved, arguments[argument])


@pytest.mark.parametrize(
    "text",
    [
        "return [input[0] * input[0]]",
        "x = input[0]\nreturn [x + 1]",
        "return [input[1] + 1]",
        "return input",
        "this is no Python",
    ],
)
def test_what_cannot_be_read_or_has_no_single_place_has_no_inverse(text: str) -> None:
    assert inverse_of(text, 0) is None


@pytest.mark.parametrize(
    "expression", ["torch.relu(input[0])", "input[0] @ input[1]", "input[0] + other"]
)
def test_what_is_not_understood_is_not_solved(expression: str) -> None:
    inverse = inverse_of(f"return [{expression}]", 0)
    assert inverse is not None
    assert inverse(torch.ones(1, 2), [None, torch.ones(1, 2)], NAMES) is None


def test_a_root_is_never_negative() -> None:
    inverse = inverse_of("return [torch.sqrt(input[0])]", 0)
    assert inverse is not None
    solved = inverse(torch.tensor([[2.0, -2.0]]), [None], NAMES)
    assert solved is not None
    assert solved[0, 0] == 4
    assert solved[0, 1].isnan()


def test_terms_that_would_absorb_any_result_are_no_solution() -> None:
    inverse = inverse_of("return [input[0] - input[1]]", 0)
    assert inverse is not None
    solved = inverse(torch.ones(1, 2), [None, torch.full((1, 2), 1e12)], NAMES)
    assert solved is not None
    assert solved.isnan().all()


LAST_STATEMENTS = edited(
    CENTRED,
    (
        "  - name: Square\n    apply: |\n      return [input[0] * input[0]]\n",
        "  - name: Square\n    apply: |\n      return [torch.exp(2 * input[0] + 1)]\n",
    ),
    ("** 2", "* 2 + 1"),
    ("        (x - x.mean(dim=-1, keepdim=True)) * 2 + 1",
     "        torch.exp((x - x.mean(dim=-1, keepdim=True)) * 2 + 1)"),
)  # fmt: skip


def steps(text: str) -> int:
    """Return after how many evaluations a search is over."""
    report = session(text).run(5_000)
    assert report.stopped == "solved"
    return report.steps


def test_a_program_is_found_sooner_than_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_BACKWARD", 4)
    backwards = steps(LAST_STATEMENTS)
    monkeypatch.setattr(engine, "_CHAINS", 0)
    assert backwards < steps(LAST_STATEMENTS)
