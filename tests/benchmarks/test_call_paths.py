"""What is counted when a public call is followed through the package."""

from benchmarks.call_paths import calls, footprint
from taylorattr.maths import multi_index
from taylorattr.maths.multi_index import count_up_to


def test_only_functions_of_the_package_count():
    assert footprint(lambda: sorted([3, 1, 2], key=lambda x: -x)) == (0, 0, 0)
    assert footprint(lambda: count_up_to(3, 2)) == (1, 1, 1)
    assert footprint(lambda: [count_up_to(3, 2) for _ in range(5)]) == (1, 1, 1)  # each once


def test_depth_is_that_of_the_deepest_nesting(monkeypatch):
    def inner():
        return 1

    def outer():
        return inner() + inner()

    for function in (inner, outer):  # as if they stood in the package
        code = function.__code__.replace(co_filename=multi_index.__file__)
        function.__code__ = code
    assert footprint(outer) == (1, 2, 2)


def test_an_exception_leaves_the_count_and_the_profiler_as_they_were():
    def refused():
        try:
            multi_index.count_up_to(-1, -1)
        except ValueError:
            pass
        return count_up_to(3, 2)

    assert footprint(refused)[2] == 1


def test_every_measured_call_runs_and_passes_the_package(tmp_path):
    measured = calls(tmp_path)
    files, functions, depth = footprint(measured["harsanyi"])
    assert 1 < depth <= functions and 1 < files < functions
    assert {"decompose", "reformulate lrp_epsilon", "report harsanyi"} <= set(measured)
