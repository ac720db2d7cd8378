from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsmtp.errors import InputError
from simsmtp.randomness.streams import LARGEST_UNIFORM, Purpose, Stream, Streams, uniform_of_word

Words4 = tuple[int, int, int, int]
MASK = 2**64 - 1
words64 = st.integers(0, MASK)
purposes = st.sampled_from(Purpose)


def philox4x64_10(counter: Words4, key: tuple[int, int]) -> Words4:
    """Philox4x64-10 as printed in the paper, on Python's own integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        low, high = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (high >> 64) ^ c1 ^ k0, high & MASK, (low >> 64) ^ c3 ^ k1, low & MASK
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return c0, c1, c2, c3


def defined(key: tuple[int, int], name: tuple[Purpose, int, int], index: int) -> float:
    """Return one number by the definition in the module's docstring."""
    purpose, entity, sub = name
    return uniform_of_word(philox4x64_10((index // 4 + 1, entity, purpose, sub), key)[index % 4])


# Known answers published with Random123 (kat_vectors): counter, key, result.
KNOWN = [
    (
        (0, 0, 0, 0),
        (0, 0),
        (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B),
    ),
    (
        (MASK, MASK, MASK, MASK),
        (MASK, MASK),
        (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0),
    ),
    (
        (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89),
        (0x452821E638D01377, 0xBE5466CF34E90C6C),
        (0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_the_independent_philox_gives_the_published_answers(
    counter: Words4, key: tuple[int, int], answer: Words4
) -> None:
    assert philox4x64_10(counter, key) == answer


def test_a_published_answer_comes_out_of_the_streams() -> None:
    counter, key, answer = KNOWN[2]
    words = Streams(*key)._words((counter[0] - 1, *counter[1:]), 4)
    assert tuple(words.tolist()) == answer


@given(
    st.tuples(words64, words64),
    st.tuples(purposes, words64, words64),
    st.integers(0, 2**62),
    st.integers(0, 9),
)
def test_streams_follow_the_definition(
    key: tuple[int, int], name: tuple[Purpose, int, int], start: int, count: int
) -> None:
    purpose, entity, sub = name
    numbers = Streams(*key).uniforms(purpose, entity, count, sub, start)
    assert numbers == [defined(key, name, start + i) for i in range(count)]


def test_the_table_of_purposes_is_fixed() -> None:
    names = "RECIPIENT_COUNT MESSAGE_BYTES MAILBOX DESTINATION ARRIVAL CONNECT_SERVICE EHLO_SERVICE"
    names += " MAIL_SERVICE RCPT_SERVICE DATA_SERVICE TEXT_SERVICE DATA_FAILURE DELAY_UP DELAY_DOWN"
    names += " PAUSE WAKE LOSS_UP LOSS_DOWN PEOPLE PERSON_MAILBOX PERSON_DESTINATION LOST_CONNECT LOST_TRANSACTION"
    assert {purpose.name: purpose.value for purpose in Purpose} == dict(zip(names.split(), range(1, 24), strict=True))


def test_first_numbers_never_change() -> None:
    assert Streams(1, 2).uniforms(Purpose.MAILBOX, 3, 2) == [0.5366454227071018, 0.5759228263363569]


@given(words64)
def test_a_uniform_number_lies_in_the_open_interval_and_follows_the_formula(word: int) -> None:
    assert 0 < uniform_of_word(word) < 1
    assert uniform_of_word(word) == min(((word >> 11) + 0.5) * 2**-53, LARGEST_UNIFORM)


@given(words64, words64)
def test_a_uniform_number_rises_with_its_word(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert uniform_of_word(low) <= uniform_of_word(high)


def test_the_extreme_words() -> None:
    assert uniform_of_word(0) == 2**-54
    assert uniform_of_word(MASK) == LARGEST_UNIFORM == math.nextafter(1, 0)


def test_vector_and_scalar_formulas_agree_on_many_words() -> None:
    streams = Streams(11, 0)
    words = streams._words((0, 5, Purpose.ARRIVAL, 0), 100_000).tolist()
    assert streams.uniforms(Purpose.ARRIVAL, 5, 100_000) == [uniform_of_word(word) for word in words]


def test_the_last_word_stays_below_one_in_the_vector_formula_too(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = Streams(0, 0)
    monkeypatch.setattr(streams, "_words", lambda _counter, count: np.full(count, MASK, dtype=np.uint64))
    assert streams.uniforms(Purpose.MAILBOX, 0, 3) == [LARGEST_UNIFORM] * 3


@given(st.lists(st.integers(0, 300), max_size=20))
def test_a_stream_does_not_depend_on_the_order_of_access(order: list[int]) -> None:
    stream = Streams(3, 1).stream(Purpose.RCPT_SERVICE, entity=8, sub=2)
    expected = Streams(3, 1).uniforms(Purpose.RCPT_SERVICE, 8, 301, sub=2)
    assert [stream.at(index) for index in order] == [expected[index] for index in order]


def test_streams_in_turn_do_not_disturb_each_other() -> None:
    streams = Streams(3, 1)
    several = [streams.stream(Purpose.MAILBOX, entity) for entity in range(5)]
    visits = [(entity, index) for entity in range(5) for index in range(100)]
    random.Random(0).shuffle(visits)  # noqa: S311
    seen = {visit: several[visit[0]].at(visit[1]) for visit in visits}
    for entity in range(5):
        alone = Streams(3, 1).uniforms(Purpose.MAILBOX, entity, 100)
        assert [seen[entity, index] for index in range(100)] == alone


def test_every_part_of_the_name_changes_the_numbers() -> None:
    streams = Streams(1, 1)
    first: list[Stream] = [
        streams.stream(Purpose.MAILBOX, 1, 1),
        streams.stream(Purpose.MAILBOX, 1, 2),
        streams.stream(Purpose.MAILBOX, 2, 1),
        streams.stream(Purpose.DESTINATION, 1, 1),
        Streams(2, 1).stream(Purpose.MAILBOX, 1, 1),
        Streams(1, 2).stream(Purpose.MAILBOX, 1, 1),
    ]
    numbers = [[stream.at(index) for index in range(8)] for stream in first]
    assert not any(set(one) & set(other) for one, other in itertools.combinations(numbers, 2))


def test_the_numbers_are_uniform() -> None:
    numbers = Streams(0, 0).uniforms(Purpose.DELAY_UP, 0, 100_000)
    tenths = [0] * 10
    for number in numbers:
        tenths[int(10 * number)] += 1
    chi_square = sum((seen - 10_000) ** 2 / 10_000 for seen in tenths)
    assert chi_square < 27.9  # 99.9 % of chi-square with 9 degrees of freedom
    assert abs(math.fsum(numbers) / 100_000 - 0.5) < 4 / math.sqrt(12 * 100_000)


def test_seeds_are_taken_modulo_two_to_the_64() -> None:
    large = 2**64 + 7
    assert Streams(large, 0).uniforms(Purpose.MAILBOX, 0, 4) == Streams(7, 0).uniforms(Purpose.MAILBOX, 0, 4)


@pytest.mark.parametrize(("seed", "replication", "key"), [(-1, 0, "seed"), (0, -1, "replication")])
def test_a_negative_seed_is_refused(seed: int, replication: int, key: str) -> None:
    with pytest.raises(InputError, match="must not be negative") as caught:
        Streams(seed, replication)
    assert caught.value.key == key
    assert caught.value.given == -1
