from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import call_key, text_key
from agent_perf.errors import ConfigError

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def key_of(*args: object, **kwargs: object) -> bytes:
    return call_key("f", args, kwargs)


@given(plain, plain)
def test_unequal_arguments_unequal_keys(one: object, other: object) -> None:
    """
    Calls that differ in an argument never share a key.
    """
    if one != other:
        assert key_of(one) != key_of(other)


@given(st.dictionaries(st.text(), plain, max_size=5), st.randoms())
def test_order_of_dicts_does_not_matter(arguments: dict[str, object], rnd: object) -> None:
    """
    Neither keyword arguments nor dicts are told apart by the order in which they were made.
    """
    shuffled = sorted(arguments.items(), key=lambda _: rnd.random())

    assert call_key("f", (arguments,), arguments) == call_key(
        "f", (dict(shuffled),), dict(shuffled)
    )


def test_arguments_that_print_alike_differ() -> None:
    """
    Keys made of str(args) take these for the same call; ours do not.
    """

    class Yes:
        cache_key = "yes"

        def __repr__(self) -> str:
            return "True"

    assert str((Yes(),)) == str((True,))
    assert key_of(Yes()) != key_of(True)
    assert 4 == len({key_of(1), key_of("1"), key_of(1.0), key_of(True)})
    assert key_of("a", b="c") != key_of("a", "c")


def test_keys_are_the_same_in_every_process() -> None:
    """
    Two processes with other hash seeds make the key that this one makes.
    """
    code = (
        "from agent_perf.components import text_key;"
        "print(text_key('f', ('question', {'a': {1, 2, 3}}), {'locale': 'en'}))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert {text_key("f", ("question", {"a": {1, 2, 3}}), {"locale": "en"})} == keys


def test_long_arguments_make_short_keys() -> None:
    """
    A prompt of 20 KB is told apart by its last character, in a key of 16 bytes.
    """
    prompt = "x" * 20_000

    assert 16 == len(key_of(prompt))
    assert key_of(prompt + "a") != key_of(prompt + "b")


def test_text_key_is_name_and_digest() -> None:
    """
    A text key begins with the function's name, so that a pattern can find its entries.
    """
    name, digest = text_key("shop.answer", ("q",), {}).split(":")

    assert "shop.answer" == name
    assert 32 == len(digest)


def test_objects_take_part_with_their_cache_key() -> None:
    """
    An object is told apart by its class and its cache_key, not by its address.
    """

    class Agent:
        def __init__(self, cache_key: str) -> None:
            self.cache_key = cache_key

    class Other(Agent):
        pass

    assert key_of(Agent("a")) == key_of(Agent("a"))
    assert 3 == len({key_of(Agent("a")), key_of(Agent("b")), key_of(Other("a"))})


def test_classes_take_part_with_their_names() -> None:
    """
    Two classes are two keys, whatever cache_key their objects have, and neither is a list.
    """

    class Agent:
        @property
        def cache_key(self) -> str:
            return "a"

    class Other(Agent):
        pass

    names = [[one.__module__, one.__qualname__] for one in (Agent, Other)]
    keys = [key_of(one) for one in (Agent, Other, *names, Agent(), [*names[0], "a"])]
    assert keys[0] == key_of(Agent)
    assert 6 == len(set(keys))


def test_dataclasses_are_told_apart_by_value() -> None:
    """
    A dataclass needs no cache_key.
    """

    @dataclass
    class Options:
        locale: str

    assert key_of(Options("en")) == key_of(Options("en"))
    assert key_of(Options("en")) != key_of(Options("fr"))


@pytest.mark.parametrize("argument", [object(), "\ud800", 2**70, [[]]])
def test_what_has_no_value_is_refused(argument: object) -> None:
    """
    An argument without a value to compare is an error that names the way out.
    """
    if argument == [[]]:
        argument = []
        argument.append(argument)

    with pytest.raises(ConfigError, match="pass key="):
        key_of(argument)
