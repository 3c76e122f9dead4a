import pytest
import torch
from torch.backends import cudnn, mha, mkldnn

from taylorattr.program.isolate import unfused


def switches():
    backends = torch.backends.cuda
    return mha.get_fastpath_enabled(), mkldnn.enabled, cudnn.enabled, backends.flash_sdp_enabled()


def test_switches_are_off_inside_and_restored():
    before = switches()
    with unfused():
        assert switches() == (False, False, False, False)
    assert switches() == before


def test_switches_are_restored_after_an_exception():
    before = switches()
    with pytest.raises(KeyboardInterrupt), unfused():
        raise KeyboardInterrupt
    assert switches() == before


def test_a_switch_that_was_off_stays_off():
    mha.set_fastpath_enabled(False)
    try:
        with unfused():
            pass
        assert not mha.get_fastpath_enabled()
    finally:
        mha.set_fastpath_enabled(True)


def test_threads_that_overlap_leave_the_switches_as_they_were():
    before = switches()
    first, second = unfused(), unfused()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # in the order of entering, as threads may
    assert not mha.get_fastpath_enabled()
    second.__exit__(None, None, None)
    assert switches() == before
