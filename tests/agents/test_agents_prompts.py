"""What models are told, and in which order."""

import ast
import logging

import pytest
from jinja2 import UndefinedError
from scripted_model import shown

from hardwon.agents import Composer, estimated_tokens
from hardwon.agents.rendering import render
from hardwon.bench.catalog import Entry, catalog, load
from hardwon.ir import extract_impl, parse_task
from hardwon.languages import get_language
from hardwon.languages.manual import Explains
from hardwon.records import (
    Diagnostic,
    Difference,
    Message,
    Prompt,
    Speaker,
    Stage,
    StreamType,
    Verdict,
)
from support import DOUBLE, DOUBLED, RESIDUAL, ROWS, SUBTRACTED, SUMMED, read, toy_task

HARD, EASY = shown(RESIDUAL, SUBTRACTED, 0.1), shown(ROWS, SUMMED, 0.9)
TASK = read(DOUBLE)
SHOWS = pytest.mark.parametrize("script", [False, True], ids=["ir", "script"])


def texts(prompt: Prompt) -> list[str]:
    return [message.text for message in prompt.messages]


def speakers(prompt: Prompt) -> str:
    return "".join(message.speaker.value[0] for message in prompt.messages)


@SHOWS
def test_the_manual_comes_first_then_demonstrations_as_given_then_the_task(script: bool) -> None:
    prompt = Composer(script=script).proposal(TASK, (HARD, EASY))
    assert speakers(prompt) == "suauau"
    system, hard, answer, easy, _, task = texts(prompt)
    for text, name in ((hard, "tiny/residual"), (easy, "tiny/rows"), (task, "tiny/double")):
        assert name in text
        assert name not in system
    assert extract_impl(answer) == SUBTRACTED


@SHOWS
def test_all_but_the_task_is_marked_as_stable(script: bool) -> None:
    prompt = Composer(script=script).proposal(TASK, (HARD, EASY))
    assert [message.stable for message in prompt.messages] == [True] * 5 + [False]


@SHOWS
def test_prompts_of_different_tasks_begin_alike(script: bool) -> None:
    composer = Composer(script=script)
    one, other = composer.proposal(TASK, (HARD,)), composer.proposal(EASY.task, (HARD,))
    assert one.messages[:-1] == other.messages[:-1]
    assert one.messages[-1] != other.messages[-1]


@SHOWS
def test_the_manual_is_told_in_full(script: bool) -> None:
    pack = get_language("step")
    assert isinstance(pack, Explains)
    manual = pack.manual()
    system = texts(Composer(script=script).proposal(TASK, ()))[0]
    assert manual.introduction.strip() in system
    assert manual.law.strip() in system
    for card in (*manual.cards, *manual.patterns):
        assert f"\n## {card.title}\n\n{card.text.strip()}\n" in system
        assert card.example
        assert card.example.task.test_name in system
    assert system.count("\nAnswer:\n") == len(manual.cards) + len(manual.patterns)


def test_a_brief_prompt_has_a_sentence_per_primitive_and_no_example() -> None:
    pack = get_language("step")
    assert isinstance(pack, Explains)
    manual = pack.manual()
    brief, whole = (
        texts(Composer(brief=chosen).proposal(TASK, (HARD,))) for chosen in (True, False)
    )
    assert brief[1:] == whole[1:]
    assert manual.introduction.strip() in brief[0]
    assert manual.law.strip() not in brief[0]
    listed = [line for line in brief[0].splitlines() if line.startswith("- `")]
    for card in manual.cards:
        (line,) = [line for line in listed if f"step.{card.title}(" in line]
        assert line.endswith(".")
        assert line.removeprefix("- ") in " ".join(card.text.split())
    assert "\nAnswer:\n" not in brief[0]
    assert len(brief[0]) < len(whole[0]) / 4


def test_a_brief_prompt_that_is_too_long_loses_its_demonstrations() -> None:
    whole = Composer(brief=True).proposal(TASK, (HARD,))
    size = estimated_tokens(whole)
    assert Composer(brief=True, context=size).proposal(TASK, (HARD,)) == whole
    alone = Composer(brief=True, context=size - 1).proposal(TASK, (HARD,))
    assert speakers(alone) == "su"
    assert alone == Composer(brief=True).proposal(TASK, ())


def test_the_answer_of_a_task_is_never_shown_with_it() -> None:
    solved = TASK.model_copy(update={"impl": "return E0  # the secret"})
    for script in (False, True):
        assert "secret" not in "".join(texts(Composer(script=script).proposal(solved, ())))


def test_a_task_is_shown_as_structural_ir_that_can_be_read_back() -> None:
    shown_task = texts(Composer().proposal(TASK, ()))[-1]
    assert parse_task(shown_task.split("```yaml\n")[1].split("```")[0]) == TASK


@pytest.mark.parametrize("entry", catalog(), ids=lambda entry: entry.name)
def test_a_task_is_shown_as_a_script_that_python_can_parse(entry: Entry) -> None:
    task = load(entry.name)
    text = texts(Composer(script=True).proposal(task, ()))[-1]
    tree = ast.parse(text.split("```python\n")[1].rsplit("```", 1)[0])
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    names = [fn.func_name for fn in task.fns]
    assert [f.name for f in functions] == [*names, "program", "reference", "test_program"]
    arguments = [[argument.arg for argument in f.args.args] for f in functions]
    assert arguments[len(names)] == [item.name for item in task.inputs]
    results = functions[-2].body[-1]
    assert isinstance(results, ast.Return)
    assert results.value
    assert len([node for node in ast.walk(results.value) if isinstance(node, ast.Name)]) == sum(
        len(output.data_transform) for output in task.outputs
    )


def test_the_script_says_everything_that_structural_ir_says() -> None:
    task = read(
        ROWS.replace("init: [0]", "init: [-inf]").replace(
            "fns:\n",
            "parameters:\n"
            "  - {name: W, dtype: 'Buffer(fp32, [D])', dims: [K], data_gen: torch.ones}\n"
            "fns:\n",
            1,
        )
    )
    text = texts(Composer(script=True).proposal(task, ()))[-1]
    for part in (
        'E0 = stream(fp32, [N, M], data="torch.randn")',
        'W = weight(Buffer(fp32, [D]), [K], data="torch.ones")',
        '@specialised(takes=fp32, gives=fp32, init=[float("-inf")])\ndef fn_sum(input, state):\n'
        "    return [state[0] + input[0]]",
        "def program(E0):\n    ...  # to be filled in",
        "    # S0: stream(fp32, [M])\n    S0 = (input_data['E0'] ** 2).sum(dim=-1)\n    return S0",
    ):
        assert part in text


def test_task_text_is_no_template() -> None:
    text = DOUBLE.replace("return [input[0] * 2]", "return [input[0] * 2]  # {{ 7 * 7 }} <&> {% if")
    for script in (False, True):
        prompt = Composer(script=script).proposal(read(text), ())
        assert "# {{ 7 * 7 }} <&> {% if" in texts(prompt)[-1]


def test_a_template_without_its_values_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("proposer_task", question="x")


@pytest.mark.usefixtures("toy")
@SHOWS
def test_a_language_that_does_not_explain_itself_has_a_prompt_too(script: bool) -> None:
    prompt = Composer(script=script).proposal(toy_task(), (HARD,))
    assert speakers(prompt) == "su", "a demonstration in another language is of no use"
    assert "# Primitives" not in texts(prompt)[0]
    assert "E0 + 3" in texts(prompt)[1]
    assert Composer().guarding(toy_task(), "return E0") is None


@SHOWS
def test_a_bare_program_is_asked_for_and_shown_without_a_fence(script: bool) -> None:
    prompt = Composer(script=script, bare=True).proposal(TASK, (HARD,))
    system, _, answer, _ = texts(prompt)
    assert answer == SUBTRACTED
    assert "It looks like this:\n\nE1 = ...\nreturn E1\n" in system
    assert "\nAnswer:\n\n```" not in system


# Size


def test_the_estimate_counts_everything() -> None:
    def message(text: str) -> Message:
        return Message(speaker=Speaker.USER, text=text)

    assert estimated_tokens(Prompt(messages=(message("abc" * 10), message("\xe9" * 3)))) == 15


def test_the_easiest_demonstrations_are_left_out_first(caplog: pytest.LogCaptureFixture) -> None:
    whole = Composer().proposal(TASK, (HARD, EASY))
    fits = Composer(context=estimated_tokens(whole))
    assert fits.proposal(TASK, (HARD, EASY)) == whole
    assert not caplog.records
    tight = Composer(context=estimated_tokens(whole) - 1)
    assert tight.proposal(TASK, (HARD, EASY)) == Composer().proposal(TASK, (HARD,))


def test_what_is_left_out_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    tight = Composer(context=estimated_tokens(Composer().proposal(TASK, (HARD,))))
    with caplog.at_level(logging.WARNING):
        tight.proposal(TASK, (HARD, EASY))
        tight.proposal(TASK, (HARD, EASY))
    (record,) = caplog.records
    assert "of 2 demonstrations, the 1 hardest are shown" in record.getMessage()


def test_nobody_need_hear_of_what_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    Composer(context=1, silent=True).proposal(TASK, (HARD,))
    assert caplog.text == ""


def test_without_demonstrations_the_worked_examples_go() -> None:
    bare = Composer().proposal(TASK, ())
    brief = Composer(context=estimated_tokens(bare) - 1).proposal(TASK, (HARD, EASY))
    assert speakers(brief) == "su"
    assert brief.messages[-1] == bare.messages[-1]
    assert "## RepeatRef" in texts(brief)[0]
    assert "Example task" not in texts(brief)[0]
    assert estimated_tokens(brief) < estimated_tokens(bare) / 2


# Guardian and repairer


def test_a_guardian_sees_rewrites_for_zero_one_and_two_reuses() -> None:
    prompt = Composer().guarding(TASK, DOUBLED)
    assert prompt
    assert speakers(prompt) == "suauauau"
    zero, one, two = texts(prompt)[2:7:2]
    assert zero == "unchanged"
    assert [text.count("step.Copy()") for text in (one, two)] == [1, 2]
    assert extract_impl(texts(prompt)[-1]) == DOUBLED
    assert "E0" in texts(prompt)[-1].split("\n")[0]
    assert [message.stable for message in prompt.messages] == [True] * 7 + [False]


WRONG = Verdict(
    correct=False,
    stage=Stage.TYPES,
    affine=True,
    functional=None,
    errors=(
        Diagnostic(stage=Stage.TYPES, line=2, message="fn_sum takes fp32", rule="types agree"),
        Diagnostic(
            stage=Stage.FUNCTIONAL,
            line=None,
            message="S0: 5 of 5 values differ",
            difference=Difference(
                output="S0", component=0, sizes={"M": 5, "N": 7}, seed=1, values="ties",
                differing=5, total=5, place=(0,), expected="1", got="2", largest="1.5",
            ),
        ),
    ),
    streams=(StreamType(name="E1", line=1, dtype="fp32", shape="[N, M]"),),
)  # fmt: skip


def test_a_repairer_goes_on_from_the_proposers_prompt() -> None:
    composer = Composer()
    begun = composer.proposal(EASY.task, (HARD,))
    prompt = composer.repair(EASY.task, (HARD,), SUMMED, WRONG)
    assert prompt.messages[:-2] == begun.messages
    assert speakers(prompt) == speakers(begun) + "au"
    assert extract_impl(texts(prompt)[-2]) == SUMMED


def test_a_repairer_hears_all_that_the_judge_says() -> None:
    asked = texts(Composer().repair(EASY.task, (), SUMMED, WRONG))[-1]
    first, second = SUMMED.split("\n")
    for part in (
        f"  1  {first}\n  2  {second}\n",
        "- line 2, types: fn_sum takes fp32\n  Rule: types agree.\n",
        "- functional: S0: 5 of 5 values differ\n",
        "sizes M = 5, N = 7 and ties values; the largest difference is 1.5",
        "- E1 (line 1): fp32 [N, M]\n",
    ):
        assert part in asked


def test_a_repairer_says_so_if_there_was_no_program() -> None:
    prompt = Composer().repair(TASK, (), None, WRONG)
    assert speakers(prompt) == "suau"
    assert "no program that could be read" in texts(prompt)[-1]


def test_many_errors_are_cut_short() -> None:
    many = WRONG.model_copy(update={"errors": WRONG.errors[:1] * 20})
    asked = texts(Composer().repair(TASK, (), DOUBLED, many))[-1]
    assert asked.count("fn_sum takes fp32") == 8
    assert "and 12 more" in asked


def test_no_prompt_holds_what_cannot_be_sent() -> None:
    prompt = Composer().repair(TASK, (), "E1 = \ud800", WRONG)
    assert "E1 = ?" in prompt.messages[-2].text
    for message in prompt.messages:
        message.text.encode()
