"""What a digest of a user's model sees besides what checkpoints need; those are in test_checkpoint."""

from taylorattr.effects.fingerprint import state_digest


def test_a_function_of_a_library_counts_by_what_it_carries():
    """As a wrapper does that a library made of the user's function: its code is known, its content is not."""

    def wrapper(carried):
        def call(x):
            return carried(x)

        call.__module__ = "networkx"
        return call

    def doubled(x):
        return 2 * x

    def tripled(x):
        return 3 * x

    assert state_digest(wrapper(doubled)) == state_digest(wrapper(doubled))
    assert state_digest(wrapper(doubled)) != state_digest(wrapper(tripled))
