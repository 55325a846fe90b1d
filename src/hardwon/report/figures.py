"""The charts of a report: what they show. How they are drawn is in `charts` and the template."""

from collections.abc import Iterator, Sequence

from hardwon.report import wording
from hardwon.report.charts import Caption, Chart, Point, Series, shares_chart, steps_chart
from hardwon.report.contents import Cost, PassAtK, RunReport


def learning_curves(run: RunReport) -> Iterator[Chart]:
    """Yield the learning curve by samples, and by whatever else samples cost."""
    if not run.iterations:
        return
    usage = run.cost.usage
    axes = [("samples", "samples")]
    if usage.tokens:
        axes.append(("tokens", "tokens, input and output"))
    elif usage.steps:
        axes.append(("steps", "steps of the proposer"))
    if usage.usd:
        axes.append(("usd", "US dollars"))
    for name, label in axes:
        points, spent, solved = [Point(0, 0, title="nothing sampled yet")], Cost(), 0
        for each in run.iterations:
            spent, solved = spent + each.cost, solved + len(each.solved)
            points.append(
                Point(
                    {
                        "samples": spent.samples,
                        "tokens": spent.usage.tokens,
                        "steps": spent.usage.steps,
                        "usd": spent.usage.usd,
                    }[name],
                    solved,
                    f"+{len(each.solved)}" if each.solved else "",
                    f"iteration {each.index}: {solved} of {len(run.tasks)} tasks solved",
                )
            )
        caption = Caption(
            f"curve-{name}",
            f"Tasks solved by {label}",
            f"The number of solved tasks rises from 0 to {solved} of {len(run.tasks)}"
            f" in {wording.counted(len(run.iterations), 'iteration')}.",
            label,
        )
        yield steps_chart(caption, Series("tasks solved", tuple(points)), len(run.tasks))


def pass_chart(estimates: Sequence[PassAtK]) -> Chart | None:
    """Return pass@k by k, one line per kind of sampling; None without estimates."""
    series = [
        Series(
            name,
            tuple(
                Point(
                    each.k,
                    each.value,
                    title=f"pass@{each.k} {name}: {wording.percent(each.value)}",
                    low=each.low,
                    high=each.high,
                )
                for each in estimates
                if each.sampling == name
            ),
        )
        for name in dict.fromkeys(each.sampling for each in estimates)
    ]
    if not series:
        return None
    ends = "; ".join(
        f"{each.name}: from {wording.percent(each.points[0].y)} at k = {each.points[0].x}"
        f" to {wording.percent(each.points[-1].y)} at k = {each.points[-1].x}"
        for each in series
    )
    caption = Caption("pass-at-k", "pass@k", ends, "k, samples that one may try")
    return shares_chart(caption, series)
