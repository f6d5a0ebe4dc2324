"""Hand an order of passes to `torch.distributed.pipelining`."""

from typing import Any

from torch.distributed.pipelining.schedules import _Action, _ComputationType, _PipelineScheduleRuntime

from evenly.train.pipeline.passes import BACKWARD, FORWARD, INPUT, WEIGHT, Order

KINDS = {
    FORWARD: _ComputationType.FORWARD,
    BACKWARD: _ComputationType.FULL_BACKWARD,
    INPUT: _ComputationType.BACKWARD_INPUT,
    WEIGHT: _ComputationType.BACKWARD_WEIGHT,
}


def actions(order: Order) -> dict[int, list[Any]]:
    """Return the actions of each rank; raise `ValueError` for a sharded vocabulary, which torch does not know."""
    if order.barriers:
        raise ValueError("torch has no actions for a sharded vocabulary; run the order with pipelines.sharded.Sharded")
    lists = order.check().lists()
    return {
        rank: [_Action(stage, KINDS[kind], batch) for kind, stage, batch in passes] for rank, passes in enumerate(lists)
    }


def runtime(order: Order, stages: list[Any], loss: Any, **settings: Any) -> Any:
    """Return a schedule of `torch.distributed.pipelining` that computes passes in this order.

    `stages` are the `PipelineStage`s of this rank; the result has the method `step` of every schedule of torch.
    """
    made = _PipelineScheduleRuntime(stages, order.micro, loss_fn=loss, **settings)
    made.pipeline_order = actions(order)
    made._prepare_schedule_with_comms(made.pipeline_order)
    return made
