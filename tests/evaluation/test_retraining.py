"""What is removed before a training, what is counted after it, and that an interrupted call goes on."""

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import CheckpointError, ModelError, OptionError, ShapeError
from taylorattr.evaluation import Retraining, difference, noisy_linear_imputation, retraining, road
from tests import digits
from tests.evaluation.maps import gradient


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def least_squares(x, y, seed):
    """A classifier in one solve, ridge on one-hot labels; the seed adds a little to its weights."""
    flat, answers = x.flatten(1).double(), nn.functional.one_hot(y, int(y.max()) + 1).double()
    flat = torch.cat([flat, torch.ones(len(flat), 1)], 1)
    weight = torch.linalg.solve(flat.T @ flat + 0.1 * torch.eye(flat.shape[1]), flat.T @ answers)
    net = nn.Sequential(nn.Flatten(), nn.Linear(flat.shape[1] - 1, answers.shape[1]))
    with torch.no_grad():
        net[1].weight.copy_(weight[:-1].T + 0.01 * torch.randn(weight[:-1].T.shape))
        net[1].bias.copy_(weight[-1])
    return net


def problem(count=120, seed=0):
    """Images of 2 channels whose class is the brightest of three pixels, all else noise."""
    x = 0.3 * numbers(count, 2, 3, 4, seed=seed)
    y = torch.arange(count) % 3
    x[torch.arange(count), :, 1, y] += 3
    return x, y


DATA, TEST = problem(), problem(60, seed=1)


def truth(x, target):
    """The pixels that decide."""
    maps = torch.zeros(len(x), 3, 4)
    maps[:, 1, :3] = 1
    return maps


def run(maps=truth, train=least_squares, **options):
    settings = {"shares": (0.25, 0.5), "trainings": 2} | options
    return retraining(least_squares(*DATA, 0), DATA, TEST, maps, train, **settings)


def test_what_is_removed_is_the_mean_of_the_training_set_and_what_is_kept_the_rest():
    calls = []

    def train(x, y, seed):
        calls.append((x, y, seed))
        return least_squares(x, y, seed)

    found = run(train=train)
    assert [seed for *_, seed in calls] == 6 * [0, 1] and all(torch.equal(y, DATA[1]) for _, y, _ in calls)
    first = calls[0][0]  # 3 of 12 pixels, those that decide
    mean = DATA[0].mean((0, 2, 3))
    assert torch.allclose(first[:, :, 1, :3], mean[:, None].expand(120, 2, 3))
    others = torch.ones(3, 4, dtype=torch.bool)
    others[1, :3] = False
    assert torch.equal(first[:, :, others], DATA[0][:, :, others])
    assert torch.equal(first, calls[1][0]) and ((calls[2][0] != DATA[0]).any(1).sum((1, 2)) == 6).all()
    assert found.orders == ("map", "random", "input") and found.mean("original") == 1

    calls.clear()
    run(train=train, keep=True, shares=(0.25,))
    kept = calls[0][0]
    assert torch.equal(kept[:, :, 1, :3], DATA[0][:, :, 1, :3])
    assert torch.allclose(kept[:, :, others], mean[:, None].expand(120, 2, 9))


def test_a_true_map_loses_the_class_and_keeps_it_and_a_false_one_the_other_way_round():
    """The designed problem has pixels that decide alone; nothing is demanded of maps of a real network."""
    roar, kar = run(), run(keep=True)
    assert (roar.accuracies() < 0.6).all() and (kar.accuracies() == 1).all()
    wrong = run(lambda x, c: 1 - truth(x, c))
    assert (wrong.accuracies() == 1).all()
    # the other way round in the measures too
    assert roar.mean("accuracy") < roar.mean("random") < wrong.mean("accuracy")
    assert difference(roar, wrong, "accuracy").excludes_zero
    assert roar.mean("input") < 0.9  # the brightest pixel is the one that decides
    assert "removed (ROAR)" in repr(roar) and "(KAR)" in repr(kar)


def test_numbers_per_image_are_shares_of_trainings():
    found = run(trainings=3, shares=(0.3,))
    assert found.right.shape == (3, 1, 60) and found.trainings.shape == (3, 1, 3)
    assert set((found.right * 3).round(decimals=9).unique().tolist()) <= {0, 1, 2, 3}
    assert torch.allclose(found.accuracies("random"), found.trainings[1].mean(1))
    expected = found.trainings[1, 0].numpy().std(ddof=1) / 3**0.5
    assert float(found.standard_errors("random")) == pytest.approx(expected)
    assert run(trainings=1).standard_errors().isnan().all()


def test_an_interrupted_call_goes_on_and_ends_as_an_uninterrupted_one(tmp_path):
    whole, trained = run(), []

    def interrupted(x, y, seed):
        trained.append(seed)
        if len(trained) == 6:
            raise KeyboardInterrupt
        return least_squares(x, y, seed)

    with pytest.raises(KeyboardInterrupt):
        run(train=interrupted, checkpoint=tmp_path / "runs")
    found = run(train=interrupted, checkpoint=tmp_path / "runs")
    assert len(trained) == 6 + 7 and found.diagnostics["resumed"] == 5
    assert torch.equal(found.right, whole.right)
    again = run(train=interrupted, checkpoint=tmp_path / "runs")
    assert len(trained) == 13 and torch.equal(again.right, whole.right)

    with pytest.raises(CheckpointError, match="another computation"):
        run(lambda x, c: 1 - truth(x, c), train=interrupted, checkpoint=tmp_path / "runs")
    with pytest.raises(CheckpointError, match="another computation"):
        run(train=interrupted, checkpoint=tmp_path / "runs", keep=True)
    block = next((tmp_path / "runs").glob("*.block"))
    block.write_bytes(block.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="damaged"):
        run(train=interrupted, checkpoint=tmp_path / "runs")
    block.unlink()
    assert torch.equal(run(train=interrupted, checkpoint=tmp_path / "runs").right, whole.right)
    assert len(trained) == 14


def test_tables_pairs_of_maps_and_files(tmp_path):
    x, y = DATA[0][:, 0].flatten(1), DATA[1]
    x_test, y_test = TEST[0][:, 0].flatten(1), TEST[1]
    own = torch.zeros(12)
    own[4:7] = 1
    model = least_squares(x, y, 0)
    state, before = torch.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}
    found = retraining(
        model,
        (x, y),
        (x_test, y_test),
        (own.expand(120, -1), own.expand(60, -1)),
        least_squares,
        shares=(0.25,),
    )
    assert float(found.accuracies()) < 0.6 and found.method == "map"
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    loaded = Retraining.load(found.save(tmp_path / "found.json"))
    assert repr(loaded) == repr(found) and torch.equal(loaded.right, found.right)
    targets = []
    retraining(
        model,
        (x, y),
        (x_test, y_test),
        lambda rows, c: (targets.append(c), rows)[1],
        least_squares,
        shares=(0.25,),
        trainings=1,
    )
    assert torch.equal(targets[0], y) and torch.equal(targets[1], model(x_test).argmax(1))


def test_bad_input_is_named():
    with pytest.raises(OptionError, match="shares="):
        run(shares=(0, 0.5))
    with pytest.raises(OptionError, match="trainings=0"):
        run(trainings=0)
    with pytest.raises(OptionError, match="could learn to see"):
        run(fill="uniform")
    with pytest.raises(OptionError, match="maps is a Tensor"):
        run(torch.ones(120, 3, 4))
    with pytest.raises(ShapeError, match="a number for every pixel"):
        run((torch.ones(120, 5), torch.ones(60, 5)))
    with pytest.raises(ShapeError, match="expected a pair"):
        retraining(least_squares(*DATA, 0), DATA[0], TEST, truth, least_squares)
    with pytest.raises(ShapeError, match=r"labels of test has shape \(3,\)"):
        retraining(least_squares(*DATA, 0), DATA, (TEST[0], TEST[1][:3]), truth, least_squares)
    with pytest.raises(OptionError, match="train gave a NoneType"):
        run(train=lambda x, y, seed: None)
    with pytest.raises(ModelError, match="raised ZeroDivisionError"):
        run(train=lambda x, y, seed: 1 // 0)


def imputed_slowly(image, hole, steps=20_000):
    """The fixed point of repeated averaging over neighbours."""
    image, (height, width) = image.copy(), hole.shape
    image[hole] = 0
    for _ in range(steps):
        new = image.copy()
        for r, c in zip(*np.nonzero(hole), strict=True):
            total = weight = 0.0
            for dr in (-1, 0, 1):
                for dc in (-1, 0, 1):
                    if (dr or dc) and 0 <= r + dr < height and 0 <= c + dc < width:
                        w = 1 / 6 if dr == 0 or dc == 0 else 1 / 12
                        total, weight = total + w * image[r + dr, c + dc], weight + w
            new[r, c] = total / weight
        done = np.abs(new - image).max() < 1e-14
        image = new
        if done:
            break
    return image


def test_imputed_pixels_are_the_means_of_their_neighbours():
    images = numbers(3, 2, 5, 6).double()
    removed = torch.rand(3, 5, 6, generator=torch.Generator().manual_seed(2)) < 0.6
    removed[2] = False
    found = noisy_linear_imputation(images, removed, noise=0)
    for i in range(3):
        for c in range(2):
            slow = imputed_slowly(images[i, c].numpy(), removed[i].numpy())
            assert np.allclose(found[i, c].numpy(), slow, rtol=0, atol=1e-11)
    # a mean of neighbours stays between them
    assert found.amax() <= images.amax() and torch.equal(found[2], images[2])
    flat = noisy_linear_imputation(torch.full_like(images, 0.7), removed, noise=0)
    assert torch.allclose(flat, torch.full_like(images, 0.7))


def test_noise_is_added_where_pixels_were_removed_only():
    images = numbers(40, 1, 6, 6).double()
    removed = torch.zeros(40, 6, 6, dtype=torch.bool)
    removed[:, 2:, :] = True
    calm, noisy = (noisy_linear_imputation(images, removed, noise=s) for s in (0, 0.2))
    gap = (noisy - calm)[:, 0]
    assert (gap[~removed] == 0).all()
    assert float(gap[removed].std()) == pytest.approx(0.2, abs=4 * 0.2 / (2 * 960) ** 0.5)
    with pytest.raises(OptionError, match="nothing is left"):
        noisy_linear_imputation(images, torch.ones_like(removed))
    with pytest.raises(OptionError, match="noise=-1"):
        noisy_linear_imputation(images, removed, noise=-1)
    with pytest.raises(ShapeError, match="bools"):
        noisy_linear_imputation(images, removed.long())


def test_road_reads_imputed_images_in_three_orders(tmp_path):
    net, x = digits.cnn(), digits.split()[1].images[:40]
    found = road(net, x, gradient(net), shares=(0.2, 0.5))
    c = net(x).argmax(1)
    order = gradient(net)(x, c)[:, 0].flatten(1).abs().argsort(1, descending=True)
    for t, count in enumerate((13, 32)):
        removed = torch.zeros(40, 64, dtype=torch.bool).scatter_(1, order[:, :count], True).reshape(40, 8, 8)
        changed = noisy_linear_imputation(x, removed, seed=2 + t)
        chances = net(changed).double().softmax(1).gather(1, c[:, None])[:, 0]
        # float32 networks in another batch
        assert torch.allclose(found.curve("morf", "probability")[:, t], chances, rtol=0, atol=1e-4)
    assert found.mean("gap") > 0.1 and found.mean("probability_gap") > 0.1
    flat = road(net, x, torch.ones(40, 8, 8), shares=(0.2, 0.5))
    assert (flat.measure("probability_gap") == 0).all()
    assert torch.equal(flat.measure("random"), found.measure("random"))
    labels = digits.split()[1].digits[:40]
    assert torch.equal(road(net, x, gradient(net), target=labels, shares=(0.2,)).target, labels)
    assert repr(ta.Result.load(found.save(tmp_path / "road.npz"))) == repr(found)


def test_road_names_bad_input():
    net, x = digits.cnn(), digits.split()[1].images[:3]
    with pytest.raises(OptionError, match="shares="):
        road(net, x, x, shares=(1.0,))
    with pytest.raises(ShapeError, match=r"expected images \(B, C, H, W\)"):
        road(net, x[:, 0], x)
    with pytest.raises(ta.errors.TargetError, match="one class per image"):
        road(net, x, x, target=lambda outputs: outputs[:, 0])
    with pytest.raises(OptionError, match="no 'right' of 'best'"):
        road(net, x, x, shares=(0.5,)).curve("best")
