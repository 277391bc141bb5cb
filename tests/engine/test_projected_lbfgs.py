import numpy as np
import pytest

from impasto.engine import pairs as module
from impasto.engine.errors import ResumeError
from impasto.engine.methods import Method
from impasto.engine.projected_lbfgs import projected_lbfgs
from impasto.engine.softness import Softness
from impasto.engine.stop import Stopped

SHAPE = (4, 5, 3)


class Recorded:
    """A walk on a function, in float64 inside, that keeps what it was asked and answered."""

    def __init__(self, function):
        self.function, self.canvases, self.losses, self.steps = function, [], [], []
        self.accepted, self.accepted_loss, self.states = None, np.inf, []

    def evaluate(self, canvas):
        self.check_that_the_accepted_one_is_untouched()
        self.canvases.append(canvas.copy())
        loss, gradient = self.function(canvas.astype(np.float64))
        self.losses.append(loss)
        return loss, gradient.astype(np.float32)

    def accept(self, canvas):
        assert np.array_equal(canvas, self.canvases[-1])
        assert self.losses[-1] <= self.accepted_loss * (1 + 1e-15)
        self.accepted, self.accepted_loss = canvas, self.losses[-1]
        self.accepted_copy = canvas.copy()

    def step_done(self, state):
        self.check_that_the_accepted_one_is_untouched()
        self.steps.append(self.accepted_loss)
        self.states.append(state)

    def check(self):
        pass

    def check_that_the_accepted_one_is_untouched(self):
        if self.accepted is not None:
            assert np.array_equal(self.accepted, self.accepted_copy)

    @property
    def best(self):
        return self.canvases[int(np.argmin(self.losses))]

    def descend(self, iterations, start=None, pairs=20, state=None):
        start = np.full(SHAPE, 0.5, np.float32) if start is None else start.copy()
        softness = Softness(start.shape)
        return projected_lbfgs(self, start, iterations, pairs=pairs, softness=softness, state=state)


def bowl(target, unit=1.0):
    """A quadratic whose curvature is a hundred times larger along some pixels than along others."""
    curvature = np.logspace(0, 2, target.size).reshape(target.shape)

    def function(x):
        away = x - target
        return unit * float(np.sum(curvature * away**2)), 2 * unit * curvature * away

    return Recorded(function)


def coupled(seed, shape=SHAPE, outside=1.0):
    """A convex quadratic in which every element acts on all others, its minimum partly outside."""
    random = np.random.default_rng(seed)
    size = int(np.prod(shape))
    basis, _ = np.linalg.qr(random.standard_normal((size, size)))
    matrix = basis * np.logspace(-2, 0, size) @ basis.T
    target = random.uniform(-outside, 1 + outside, size)

    def function(x):
        away = x.ravel() - target
        return float(away @ matrix @ away) / 2, (matrix @ away).reshape(shape)

    return Recorded(function)


def texture(seed, shape):
    """Like a style: squares of sums over neighbours, matched to those of a random picture."""
    wanted = np.random.default_rng(seed).uniform(0, 1, shape)

    def gram(x):
        rows = np.concatenate([np.roll(x, shift, axis) for axis in (0, 1) for shift in (0, 1, 2)])
        rows = rows.reshape(6, -1, 3).transpose(0, 2, 1).reshape(18, -1) - 0.5
        return rows, rows @ rows.T / rows.shape[1]

    _, target = gram(wanted)

    def function(x):
        rows, found = gram(x)
        slope = 4 * (found - target) @ rows / rows.shape[1]
        slope = slope.reshape(6, 3, -1).transpose(0, 2, 1).reshape(6, *shape)
        shifts = [(axis, shift) for axis in (0, 1) for shift in (0, 1, 2)]
        back = [np.roll(part, -k, axis) for part, (axis, k) in zip(slope, shifts, strict=True)]
        return float(np.sum((found - target) ** 2)), np.sum(back, 0)

    return Recorded(function)


def evaluations_to(share, losses):
    """The first one below that share of the first loss."""
    below = np.array(losses) < share * losses[0]
    assert below.any()
    return int(np.argmax(below))


def rosenbrock(x):
    """Its valley leads to (1, 1), which is moved to (0.8, 0.64) here."""
    a, b = (x / np.array([0.8, 0.64]).reshape(x.shape)).ravel()
    along = np.array([-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)])
    slope = along.reshape(x.shape) / np.array([0.8, 0.64]).reshape(x.shape)
    return float(100 * (b - a * a) ** 2 + (1 - a) ** 2), slope


def scipy_minimum(function, shape):
    from scipy.optimize import minimize

    def flat(x):
        loss, gradient = function(x.reshape(shape))
        return loss, gradient.ravel()

    return minimize(
        flat,
        np.full(int(np.prod(shape)), 0.5),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, 1)] * int(np.prod(shape)),
        options={"ftol": 0, "gtol": 1e-10, "maxiter": 5000, "maxfun": 50000},
    )


def test_a_minimum_inside_is_found():
    target = np.random.default_rng(0).uniform(0.1, 0.9, SHAPE)
    objective = bowl(target)
    objective.descend(60)
    np.testing.assert_allclose(objective.best, target, atol=1e-4)


def test_a_minimum_outside_is_found_on_the_border():
    target = np.random.default_rng(0).uniform(-1, 2, SHAPE)
    objective = bowl(target)
    objective.descend(60)
    np.testing.assert_allclose(objective.best, np.clip(target, 0, 1), atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_the_minimum_of_a_coupled_quadratic_fulfils_the_conditions_of_a_minimum(seed):
    """Karush, Kuhn and Tucker's: no slope inside, and only one that points out at a bound."""
    objective = coupled(seed)
    objective.descend(300)
    x = objective.best.astype(np.float64)
    _, slope = objective.function(x)
    assert ((x == 0) | (x == 1)).mean() > 0.2
    inward = np.where(x == 0, np.minimum(slope, 0), np.where(x == 1, np.maximum(slope, 0), slope))
    assert np.abs(inward).max() < 1e-4
    best = scipy_minimum(objective.function, SHAPE)
    assert min(objective.losses) <= best.fun * (1 + 1e-5)
    np.testing.assert_allclose(x.ravel(), best.x, atol=1e-2)


def test_the_curved_valley_of_rosenbrock_is_followed_to_its_end():
    objective = Recorded(rosenbrock)
    objective.descend(200, np.array([0.1, 0.9], np.float32).reshape(1, 2, 1))
    np.testing.assert_allclose(objective.best.ravel(), [0.8, 0.64], atol=1e-3)


def test_a_start_on_the_border_leaves_it_where_that_is_downhill():
    target = np.random.default_rng(0).uniform(0.1, 0.9, SHAPE)
    target[0] = -1
    objective = bowl(target)
    objective.descend(80, np.zeros(SHAPE, np.float32))
    np.testing.assert_allclose(objective.best, np.clip(target, 0, 1), atol=1e-4)
    assert all((canvas[0] == 0).all() for canvas in objective.canvases)


def test_every_canvas_is_float32_within_the_box():
    objective = coupled(0, outside=5.0)
    objective.descend(50)
    for canvas in objective.canvases:
        assert (canvas.dtype, canvas.shape) == (np.float32, SHAPE)
        assert canvas.min() >= 0
        assert canvas.max() <= 1


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e-6, 1.0, 1e6, 1e12, 1e30])
def test_the_unit_of_the_loss_does_not_matter(unit):
    target = np.random.default_rng(0).uniform(0.1, 0.9, SHAPE)
    objective = bowl(target, unit)
    objective.descend(60)
    np.testing.assert_allclose(objective.best, target, atol=1e-3)


def test_each_step_goes_down_and_is_told():
    objective = texture(0, (16, 16, 3))
    random = np.random.default_rng(1).uniform(0, 1, (16, 16, 3)).astype(np.float32)
    assert objective.descend(40, random) == "iterations"
    assert len(objective.steps) == 40
    assert objective.steps == sorted(objective.steps, reverse=True)


def test_a_step_takes_hardly_more_than_one_evaluation():
    """After 40 steps the texture is the wanted one, but for the rounding of the canvas."""
    objective = texture(0, (16, 16, 3))
    random = np.random.default_rng(1).uniform(0, 1, (16, 16, 3)).astype(np.float32)
    objective.descend(40, random)
    assert min(objective.losses) < 1e-14 * objective.losses[0]
    assert len(objective.losses) <= 44


def test_textures_are_reached_in_no_more_evaluations_than_with_scipy():
    from impasto.engine.lbfgs import lbfgs

    shape = (24, 24, 3)
    ours, theirs = 0, 0
    for seed in range(6):
        start = np.random.default_rng(seed + 10).uniform(0, 1, shape).astype(np.float32)
        objectives = texture(seed, shape), texture(seed, shape)
        objectives[0].descend(40, start)
        lbfgs(objectives[1], start, 40)
        counts = [evaluations_to(1e-10, objective.losses) for objective in objectives]
        ours, theirs = ours + counts[0], theirs + counts[1]
    assert ours <= theirs


def test_a_flat_function_ends_the_line_search():
    flat = Recorded(lambda x: (3.0, np.zeros_like(x)))
    assert flat.descend(10) == "line search"
    assert len(flat.losses) == 1


def test_a_corner_that_every_slope_points_out_of_ends_the_line_search():
    objective = Recorded(lambda x: (float(np.sum(x)), np.ones_like(x)))
    assert objective.descend(10, np.zeros(SHAPE, np.float32)) == "line search"
    assert len(objective.losses) == 1


def test_a_wrong_gradient_ends_the_line_search():
    uphill = Recorded(lambda x: (float(np.sum(x)), -np.ones_like(x)))
    assert uphill.descend(10) == "line search"
    assert uphill.steps == []


def test_after_a_failed_search_the_slope_alone_is_tried():
    """Twelve trials in the direction of the pairs fail; then the function is itself again."""
    target = np.random.default_rng(0).uniform(0.1, 0.9, SHAPE)
    inner = bowl(target).function
    objective = Recorded(inner)

    def function(x):
        loss, gradient = inner(x)
        return loss + 1e9 * (11 <= len(objective.canvases) <= 22), gradient

    objective.function = function
    assert objective.descend(60) == "iterations"
    np.testing.assert_allclose(objective.best, target, atol=1e-4)


def test_a_search_that_fails_without_pairs_too_is_the_end():
    inner = coupled(0).function
    objective = Recorded(inner)

    def function(x):
        loss, gradient = inner(x)
        return loss + 1e9 * (len(objective.losses) >= 10), gradient

    objective.function = function
    assert objective.descend(60) == "line search"
    assert len(objective.steps) == 9
    assert len(objective.losses) <= 10 + 12 + 12


@pytest.mark.parametrize("error", [KeyError("mine"), Stopped("time"), KeyboardInterrupt()])
def test_errors_of_the_function_come_out(error):
    objective = coupled(0)
    inner = objective.function

    def function(x):
        if len(objective.canvases) == 5:
            raise error
        return inner(x)

    objective.function = function
    with pytest.raises(type(error)):
        objective.descend(30)
    assert len(objective.losses) == 4


def test_two_runs_are_the_same_to_the_last_bit():
    runs = [coupled(3), coupled(3)]
    for run in runs:
        run.descend(40)
    assert runs[0].losses == runs[1].losses


@pytest.mark.parametrize("pairs", [1, 2, 5])
def test_a_full_history_forgets_the_oldest_pair(pairs):
    objective = coupled(1)
    objective.descend(400, pairs=pairs)
    best = scipy_minimum(objective.function, SHAPE)
    assert min(objective.losses) <= best.fun * (1 + 1e-3)


def test_products_are_those_of_the_pairs_as_they_are_stored(monkeypatch):
    """In parts of 7, each in its own unit: what is read again is within half a unit of it."""
    monkeypatch.setattr(module, "_PART", 7)
    random = np.random.default_rng(0)
    points = [random.uniform(0.1, 0.9, 60).astype(np.float32) for _ in range(4)]
    slopes = [np.float32(10.0**-k) * (point - 0.5) for k, point in enumerate(points)]
    known = module.Pairs(3, Softness(SHAPE), check=lambda: None)
    known.start(points[0], slopes[0].copy(), np.empty(60, np.float32))
    wanted = []
    for index in range(3):
        one, other = slice(index, index + 2), slice(index, index + 2)
        (x, to), (g, g_there) = points[one], slopes[other]
        known.learn(x, g.copy(), to, g_there)
        wanted += [to - x, g_there - g]
    units = np.repeat(known._units, 7, axis=1)[:, :60].astype(np.float64)
    stored = known._rows * units
    assert (np.abs(stored - wanted) <= 0.5 * units * (1 + 1e-3)).all()
    products = stored @ stored.T
    size = np.sqrt(np.outer(np.diag(products), np.diag(products)))
    np.testing.assert_allclose(known._products / size, products / size, atol=1e-6)
    np.testing.assert_allclose(known._slopes, stored @ slopes[3].astype(np.float64), rtol=1e-4)


def inverse_hessian(pairs, start):
    """Of all s and y, dense: Nocedal and Wright 2006, equation 6.17, from `start` on."""
    one = np.eye(len(start))
    found = start
    for s, y in pairs:
        away = one - np.outer(s, y) / (s @ y)
        found = away @ found @ away.T + np.outer(s, s) / (s @ y)
    return found


@pytest.mark.parametrize("gain", [30, 0])
def test_the_direction_is_that_of_the_dense_inverse_hessian(gain):
    """From 2 s'y / y'Sy times S on, where S = 1 + B'B; with one element held at its bound."""
    shape = (30, 3, 3)
    random = np.random.default_rng(0)
    softness = Softness(shape, gain)
    basis = [softness.of(row) for row in np.eye(270, dtype=np.float32)]
    soft = np.eye(270) + np.array(basis, np.float64) @ np.array(basis, np.float64).T
    hilly = random.normal(size=(270, 270))
    hilly = hilly @ hilly.T / 270 + np.eye(270)
    points = random.uniform(0.3, 0.7, (4, 270)).astype(np.float32)
    points[-1, 7] = 0
    slopes = ((points - 0.5) @ hilly).astype(np.float32)
    slopes[-1, 7] = 1
    known = module.Pairs(3, softness, check=lambda: None)
    known.start(points[0], slopes[0], np.empty(270, np.float32))
    pairs = []
    for index in range(3):
        (x, to), (g, g_there) = points[index : index + 2], slopes[index : index + 2]
        known.learn(x, g.copy(), to, g_there)
        pairs.append((to.astype(np.float64) - x, g_there.astype(np.float64) - g))
    s, y = pairs[-1]
    free = slopes[-1] * (np.arange(270) != 7)
    wanted = -inverse_hessian(pairs, 2 * (s @ y) / (y @ soft @ y) * soft) @ free
    wanted[7] = 0
    there = np.empty(270, np.float32)
    promised = known.step(points[-1], slopes[-1], 1e-3, there)
    found = (there - points[-1]) / 1e-3
    assert np.linalg.norm(found - wanted) < 1e-3 * np.linalg.norm(wanted)
    assert promised == pytest.approx(1e-3 * float(wanted @ free), rel=1e-3)


def test_parts_of_a_canvas_are_seen_as_one(monkeypatch):
    """60 elements in parts of 7, the last of which is smaller."""
    whole, parted = coupled(2), coupled(2)
    whole.descend(10)
    monkeypatch.setattr(module, "_PART", 7)
    parted.descend(10)
    np.testing.assert_allclose(parted.losses, whole.losses, rtol=1e-2)


@pytest.mark.parametrize("steps", [2, 9])
def test_what_a_step_tells_is_enough_to_go_on_from_there(steps):
    """With a history that is not full yet, and with one that is."""
    whole, first, second = coupled(3), coupled(3), coupled(3)
    whole.descend(20, pairs=5)
    first.descend(steps, pairs=5)
    state = {name: array.copy() for name, array in first.states[-1]().items()}
    second.descend(20 - steps, first.accepted, pairs=5, state=state)
    losses = [*first.losses, *second.losses[1:]]
    assert second.losses[0] == first.accepted_loss
    np.testing.assert_allclose(losses, whole.losses, rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"pairs": np.zeros((4, 60), np.float64)},
        {"pairs": np.zeros((4, 59), np.float32)},
        {"pairs": np.zeros((44, 60), np.float32)},
        {"slots": np.array([2])},
        {"slots": np.array([-1])},
        {"products": np.zeros((3, 3))},
    ],
    ids=str,
)
def test_the_state_of_another_work_is_refused(change):
    objective = coupled(3)
    objective.descend(2)
    with pytest.raises(ResumeError, match="does not fit"):
        coupled(3).descend(2, state={**objective.states[-1](), **change})


def test_a_stop_is_noticed_between_the_parts_of_a_step(monkeypatch):
    monkeypatch.setattr(module, "_PART", 7)
    objective = coupled(0)
    told = []

    def check():
        told.append(len(objective.losses))
        if len(objective.losses) == 3 and told.count(3) == 4:
            raise Stopped("time")

    objective.check = check
    with pytest.raises(Stopped):
        objective.descend(30)
    assert len(objective.losses) == 3
    objective.check_that_the_accepted_one_is_untouched()


METHODS = [Method("lbfgs", pairs) for pairs in (3, 5, 20, 40)]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_memory_is_what_the_method_tells(method, peak_of):
    shape = (256, 256, 3)
    target = np.random.default_rng(0).uniform(-0.2, 1.2, shape).astype(np.float32)

    class Bowl(Recorded):
        def evaluate(self, canvas):
            away = canvas - target
            # Every third trial is refused.
            self.losses.append(float(np.vdot(away, away)))
            return self.losses[-1] + (len(self.losses) % 3 == 0) * 1e9, away

        def accept(self, canvas):
            pass

        def step_done(self, state):
            pass

    def descend():
        start = np.full(shape, 0.5, np.float32)
        bowl = Bowl(None)
        projected_lbfgs(bowl, start, 45, pairs=method.pairs, softness=Softness(shape))

    peak, told = peak_of(descend), method.bytes(target.size, 45)
    assert 0.75 * told <= peak <= told
