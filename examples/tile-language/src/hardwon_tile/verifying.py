"""What generated tests call."""

from hardwon.languages.protocol import Setting
from hardwon.records import Task
from hardwon_tile.machine import draw
from hardwon_tile.pack import language
from hardwon_tile.references import run_references
from hardwon_tile.simulator import Case, differences


def verify(solved: str, seed: int) -> list[str]:
    """Return what is wrong with the program in a task, which is given as JSON.

    It executes the task's references in this process, as any test executes its own code.
    """
    task = Task.model_validate_json(solved)
    impl = task.impl or ""
    errors = [error.message for error in language.read(task, impl, {}).errors]
    for setting in () if errors else language.settings(task, seed):
        inputs = draw(task, setting.sizes, setting.seed)
        results = run_references(task, setting.sizes, inputs)
        expected = {item.name: one for item, one in zip(task.outputs, results, strict=True)}
        case = Case(Setting(setting.sizes, setting.seed), inputs, expected)
        errors += [error.message for error in differences(task, impl, case)]
    return errors
