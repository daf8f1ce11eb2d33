"""The boolean functions once more, in plain Python: what the package's own are held against."""

import pytest


@pytest.fixture(scope="session")
def by_hand():
    return {
        "copy": lambda bits: bits[0],
        "and": lambda bits: int(all(bits)),
        "or": lambda bits: int(any(bits)),
        "xor": lambda bits: int(bits[0] != bits[1]),
        "parity": lambda bits: sum(bits) % 2,
        "threshold": lambda bits: int(sum(bits) > len(bits) // 2),
        "xor_of_ands": lambda bits: sum(a and b for a, b in zip(bits[::2], bits[1::2], strict=True)) % 2,
    }
