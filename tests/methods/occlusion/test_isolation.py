import threading

import torch

from taylorattr.methods import attribute
from tests.autodiff.networks import cnn
from tests.autodiff.networks import points as normal

ASKED = (("occlusion_1", {}), ("occlusion_patch", {"window": 2}), ("shapley", {"samples": 6}))


def test_threads_share_a_model_and_leave_it_as_it_was():
    model, x = cnn(), normal(2, 1, 6, 6)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    alone = [attribute(name, model, x, target=0, **options).player_scores for name, options in ASKED]
    found: list = [None] * 3

    def work(number):
        found[number] = [attribute(name, model, x, target=0, **o).player_scores for name, o in ASKED]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(a, b) for scores in found for a, b in zip(scores, alone, strict=True))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters()) and not model._forward_hooks
