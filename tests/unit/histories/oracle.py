"""Linearizability by its definition: every order is tried, which is slow and plainly right."""

from tests.histories.models import IMPOSSIBLE


def is_linearizable(operations, model, uncertainty=0):
    """Tell whether some order respects real time, answers, and what processes know of their own time."""

    def comes_before(one, other):
        if one.returned is None:
            return False
        if one.process == other.process and one.returned < other.call:
            return True
        return one.returned + uncertainty < other.call - uncertainty

    def can_go_on(left, state):
        if all(one.returned is None for one in left):
            return True  # what nobody was told about need not have happened
        for one in left:
            others = [other for other in left if other is not one]
            if not any(comes_before(other, one) for other in others):
                after = model.transition(one)(state)
                if after is not IMPOSSIBLE and can_go_on(others, after):
                    return True
        return False

    return can_go_on(list(operations), model.initial)


class Together:
    """A model's keys as one state, for an oracle that knows nothing of parts."""

    def __init__(self, model):
        self._model = model
        self.initial = ()

    def transition(self, operation):
        step = self._model.transition(operation)
        key = operation.input[1]

        def change(state):
            states = dict(state)
            after = step(states.get(key, self._model.initial))
            return after if after is IMPOSSIBLE else tuple(sorted({**states, key: after}.items()))

        return change
