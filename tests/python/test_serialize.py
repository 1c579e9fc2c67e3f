"""Serialization: both codecs, in this process, in another one, and with the functions of the original."""

from __future__ import annotations

import collections
import enum
import functools
import random
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from camshaft import Reference, SerializationError, interactive, serialize
from camshaft.serialize import CODEC, PrePickled, p5

CODECS = [CODEC, None]
official_serialize = pytest.importorskip("ipyparallel.serialize")


def wire(buffers):
    """What a receiver sees: read-only memory."""
    return [memoryview(bytes(memoryview(buffer).cast("B"))) for buffer in buffers]


def space(**names):
    return {"__name__": "__main__", "__builtins__": __builtins__, **names}


def call(f, *args, codec=CODEC, names=None, **kwargs):
    """f(*args, **kwargs) there and back again."""
    function, there, named = serialize.unpack_call(
        wire(serialize.pack_call(f, args, kwargs, codec)), codec, names if names is not None else space()
    )
    return serialize.unpack_result(wire(serialize.pack_result(function(*there, **named), codec)), codec)


def random_value(rng, depth=0):
    """Something picklable, of any shape."""
    kinds = 9 if depth < 4 else 6
    kind = rng.randrange(kinds)
    size = rng.choice([0, 1, 3, 5, 70])
    if kind == 0:
        return rng.choice([None, True, -1, 2**70, 1.5, 2j, "text", ""])
    if kind == 1:
        return rng.randbytes(rng.choice([0, 1, 1023, 1024, 1025, 4095, 4096, 9000]))
    if kind == 2:
        return bytearray(rng.randbytes(rng.choice([0, 5, 5000])))
    if kind == 3:
        return frozenset(range(size))
    if kind == 4:
        return range(size)
    if kind == 5:
        return {rng.random() for _ in range(size)}
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(min(size, 5))] or [0] * 70
    if kind == 7:
        return tuple(random_value(rng, depth + 1) for _ in range(min(size, 5)))
    return {f"key{i}": random_value(rng, depth + 1) for i in range(min(size, 5))}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("seed", range(60))
def test_any_value_survives(codec, seed):
    value = random_value(random.Random(seed))
    other = random_value(random.Random(seed + 1000))
    assert serialize.unpack_result(wire(serialize.pack_result(value, codec)), codec) == value
    _, args, kwargs = serialize.unpack_call(
        wire(serialize.pack_call(len, (value, other), {"a": other, "b": value}, codec)), codec, space()
    )
    assert args == (value, other)
    assert kwargs == {"a": other, "b": value}


ARRAYS = [
    np.arange(10),
    np.arange(100_000.0).reshape(100, 1000),
    np.asfortranarray(np.arange(20_000.0).reshape(100, 200)),
    np.arange(100_000.0).reshape(100, 1000)[::2, ::3],
    np.array(3.5),
    np.zeros((0, 4)),
    np.zeros((4, 0)),
    np.array([None, "a", [1]], dtype=object),
    np.array([(1, 2.5)] * 500, dtype=[("a", "i4"), ("b", "f8")]),
    np.array(["ab", "c"] * 2000),
    np.arange(5000).astype(">i4"),
    np.array(["2026-11-20"] * 900, dtype="M8[D]"),
    np.ones(5000, dtype=bool),
]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays(codec, array):
    for back in (call(lambda a: a, array, codec=codec), call(lambda a: a, [array], codec=codec)[0]):
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert np.array_equal(back, array)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("data", [np.arange(100_000.0), b"x" * 100_000, memoryview(bytearray(100_000))])
def test_large_buffers_are_not_copied(codec, data):
    frames = serialize.pack_call(len, (data,), {}, codec)
    mine = np.frombuffer(data, dtype=np.uint8)
    assert any(
        np.shares_memory(np.frombuffer(f, dtype=np.uint8), mine) for f in frames if memoryview(f).nbytes >= 100_000
    )
    assert sum(memoryview(frame).nbytes for frame in frames) < mine.nbytes + 2000


def test_bytearrays_and_nested_buffers_go_out_of_band():
    data = bytearray(50_000)
    frames = serialize.pack_call(len, ([{"a": data}],), {}, CODEC)
    assert [memoryview(frame).nbytes for frame in frames[2:]] == [50_000]


def test_a_function_is_one_buffer_whatever_it_holds(monkeypatch):
    data = np.arange(100_000.0)
    call = functools.partial(np.take, data)
    for f in (call, PrePickled(call)):
        buffers = serialize.pack_call(f, (7,))
        assert len(buffers) == 2
        unpacked, args, kwargs = serialize.unpack_call(wire(buffers), CODEC)
        assert unpacked(*args, **kwargs) == 7.0
        assert unpacked.args[0].flags.writeable
    monkeypatch.setattr(p5, "_LARGEST_BODY", 1000)  # but huge arrays are not copied
    buffers = serialize.pack_call(call, (7,))
    assert len(buffers) == 3
    assert np.shares_memory(np.frombuffer(buffers[2]), data)


def test_received_arrays_stand_on_the_buffers():
    buffers = wire(serialize.pack_result(np.arange(100_000.0)))
    array = serialize.unpack_result(buffers, CODEC)
    assert np.shares_memory(array, np.frombuffer(buffers[1], dtype=np.uint8))


@pytest.mark.parametrize("codec", CODECS)
def test_memoryviews_keep_their_form(codec):
    view = memoryview(np.arange(6.0).reshape(2, 3))
    back = call(lambda v: v, view, codec=codec)
    assert back.tobytes() == view.tobytes()
    if codec:
        assert back.tolist() == view.tolist()


def test_shared_references_stay_shared():
    inner = [1]
    a, b = call(lambda x, y: (x, y), inner, inner)
    assert a is b


@pytest.mark.parametrize("codec", CODECS)
def test_references_are_evaluated_by_the_receiver(codec):
    names = space(x=5, twice=lambda v: 2 * v)
    assert call(Reference("twice"), Reference("x + 1"), codec=codec, names=names) == 12
    assert call(lambda a, k: [a, k], [Reference("x")], k={"k": Reference("x")}, codec=codec, names=names) == [
        [5],
        {"k": 5},
    ]
    with pytest.raises(NameError):
        call(Reference("nope"), codec=codec)
    with pytest.raises(TypeError):
        Reference(3)


@pytest.mark.parametrize("codec", CODECS)
def test_prepickled_objects_are_frozen(codec):
    value = [1]
    ready = PrePickled(lambda x: x)
    assert call(ready, 3, codec=codec) == 3
    assert call(ready, PrePickled(value), codec=codec) == [1]
    assert call(ready, [PrePickled(value)], codec=codec) == [[1]]


# -- functions and classes by value: they must be of __main__, so another process is the judge -------------------------

WRITER = """
import collections, dataclasses, enum, functools, sys, typing, math, abc
from camshaft import serialize, interactive
codec = serialize.CODEC if sys.argv[1] == "p5" else None

def make_closure(n):
    def inner(k): return k * n
    return inner
def make_recursive():
    def fact(k): return 1 if k < 2 else k * fact(k - 1)
    return fact
def recursive(n): return 1 if n < 2 else n * recursive(n - 1)
def mutual():
    def even(n): return True if n == 0 else odd(n - 1)
    def odd(n): return False if n == 0 else even(n - 1)
    return even
def counter():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count
    return step
def defaults(a, b=2, *rest, c=3, **more): return (a, b, rest, c, more)
class Base:
    registry = {"k": 1}
    def __init__(self, x): self.x = x
    def size(self): return self.x
    def __eq__(self, other): return type(other) is type(self) and other.x == self.x
    __hash__ = None
class Child(Base):
    def __init__(self, x): super().__init__(x + 1)
    @property
    def double(self): return 2 * self.size()
    @classmethod
    def named(cls): return cls.__name__
    @staticmethod
    def three(): return 3
    @functools.cached_property
    def slow(self): return self.x * 100
class Slotted:
    __slots__ = ("a", "__b")
    def __init__(self): self.a = 1; self.__b = 2
    def total(self): return self.a + self.__b
class Abstract(abc.ABC):
    @abc.abstractmethod
    def f(self): ...
class Concrete(Abstract):
    def f(self): return "f"
@dataclasses.dataclass
class Point:
    x: int = 1
    tags: list = dataclasses.field(default_factory=list)
@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: int
class Color(enum.Enum):
    RED = 1
    BLUE = 2
    def shout(self): return self.name + "!"
class Flag(enum.IntFlag):
    A = 1
    B = 2
Named = collections.namedtuple("Named", "a b")
class Typed(typing.NamedTuple):
    a: int
    b: int = 3
@functools.lru_cache(maxsize=3)
def cached(n): return n + 1
async def coroutine(x): return x
def generator(n):
    for i in range(n): yield i
def documented():
    "the words"
documented.mark = 7

class Meta(type):
    def hello(cls): return "hello " + cls.__name__
class WithMeta(metaclass=Meta): pass

def run(coro):
    try: coro.send(None)
    except StopIteration as stop: return stop.value

cases = [
    (make_closure(3), (4,), {}, "12"),
    (make_recursive(), (5,), {}, "120"),
    (recursive, (5,), {}, "120"),
    (mutual(), (7,), {}, "False"),
    (counter(), (), {}, "1"),
    (defaults, (1,), {}, "(1, 2, (), 3, {})"),
    (defaults, (1, 5, 6), {"c": 7, "d": 8}, "(1, 5, (6,), 7, {'d': 8})"),
    (lambda x: x + known, (1,), {}, "101"),
    (functools.partial(lambda a, b: a - b, 9), (), {"b": 2}, "7"),
    (functools.partial(defaults, c=0), (1,), {}, "(1, 2, (), 0, {})"),
    (lambda c: (c.double, c.named(), c.three(), c.slow, c.registry), (Child(1),), {}, "(4, 'Child', 3, 200, {'k': 1})"),
    (Child, (4,), {}, None),
    (Child(3).size, (), {}, "4"),
    (lambda s: s.total(), (Slotted(),), {}, "3"),
    (lambda c: c.f(), (Concrete(),), {}, "'f'"),
    (lambda p: (p, p == type(p)(1), len(type(p)().tags)), (Point(),), {}, "(Point(x=1, tags=[]), True, 0)"),
    (lambda p: (p.x, hash(p) == hash(type(p)(4))), (Frozen(4),), {}, "(4, True)"),
    (lambda c: (c.shout(), c is type(c).RED, list(type(c))[1].value), (Color.RED,), {}, "('RED!', True, 2)"),
    (lambda f: int(f | type(f).A), (Flag.B,), {}, "3"),
    (lambda n: (n.a, n._replace(b=5)), (Named(1, 2),), {}, "(1, Named(a=1, b=5))"),
    (lambda n: (n.a, n.b, n._fields), (Typed(1),), {}, "(1, 3, ('a', 'b'))"),
    (cached, (1,), {}, "2"),
    (lambda c, r: r(c(5)), (coroutine, run), {}, "5"),
    (lambda g: list(g(3)), (generator,), {}, "[0, 1, 2]"),
    (lambda f: (f.__doc__, f.mark, f.__name__), (documented,), {}, "('the words', 7, 'documented')"),
    (lambda c: (c.hello(), type(c()).__name__), (WithMeta,), {}, "('hello WithMeta', 'WithMeta')"),
    ((lambda m: lambda x: m.floor(x))(math), (1.5,), {}, "1"),
    (math.sqrt, (4,), {}, "2.0"),
    (str.upper, ("a",), {}, "'A'"),
]
import pickle
pickle.dump(
    [([bytes(memoryview(b).cast("B")) for b in serialize.pack_call(f, a, k, codec)], want) for f, a, k, want in cases],
    sys.stdout.buffer)
"""

READERS = {
    # our own reader; for p5, the standard library alone; the original's reader for the original's layout
    "camshaft": """
        from camshaft import serialize
        def unpack(buffers):
            return serialize.unpack_call(buffers, serialize.CODEC if sys.argv[1] == "p5" else None)
    """,
    "stdlib": """
        sys.modules["camshaft"] = None
        def unpack(buffers):
            rest = iter(buffers[2:])
            return (pickle.loads(buffers[0], buffers=rest), *pickle.loads(buffers[1], buffers=rest))
    """,
    "ipyparallel": """
        from ipyparallel.serialize import unpack_apply_message
        sys.modules["camshaft"] = None
        def unpack(buffers):
            return unpack_apply_message(buffers, vars(sys.modules["__main__"]))
    """,
}

READ_ALL = """
known = 100
for index, (buffers, want) in enumerate(pickle.load(sys.stdin.buffer)):
    f, args, kwargs = unpack(buffers)
    got = repr(f(*args, **kwargs))
    assert want is None or got == want, (index, got, want)
print("all", index + 1)
"""


def python(program, *args, **options):
    """Run a program with the source tree on its path; its output."""
    root = str(Path(__file__).resolve().parents[2] / "python")
    program = f"import sys, pickle; sys.path.insert(0, {root!r})\n" + program
    done = subprocess.run(
        [sys.executable, "-c", program, *args], capture_output=True, timeout=60, check=False, **options
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize(
    ("codec", "reader"), [("p5", "camshaft"), ("p5", "stdlib"), ("official", "camshaft"), ("official", "ipyparallel")]
)
def test_functions_and_classes_by_value(codec, reader):
    written = python(WRITER, codec)
    output = python(textwrap.dedent(READERS[reader]) + READ_ALL, codec, input=written)
    assert output.startswith(b"all 29")


def test_a_class_that_comes_back_is_the_same_class():
    program = """
from camshaft import serialize
import subprocess
class Mine:
    def __init__(self, x): self.x = x
buffers = serialize.pack_call(lambda m: [m, type(m)(m.x + 1)], (Mine(1),))
reader = '''
import sys, pickle; sys.path[:0] = %r
from camshaft import serialize
f, args, kwargs = serialize.unpack_call(pickle.load(sys.stdin.buffer), serialize.CODEC)
pickle.dump([bytes(b) for b in serialize.pack_result(f(*args))], sys.stdout.buffer)
''' % (sys.path,)
done = subprocess.run([sys.executable, "-c", reader], input=pickle.dumps(buffers), capture_output=True, check=True)
one, two = serialize.unpack_result(pickle.loads(done.stdout), serialize.CODEC)
assert type(one) is Mine and type(two) is Mine and (one.x, two.x) == (1, 2)
print("same")
"""
    assert python(program) == b"same\n"


def test_a_redefined_recursive_function_replaces_the_old_one():
    program = """
from camshaft import serialize
def send(): return [bytes(b) for b in serialize.pack_call(f, (3,))]
def f(n): return 0 if n == 0 else 1 + f(n - 1)
first = send()
def f(n): return 0 if n == 0 else 10 + f(n - 1)
second = send()
there = {"__name__": "__main__", "__builtins__": __builtins__}
def run(buffers):
    g, args, _ = serialize.unpack_call(buffers, serialize.CODEC, there)
    return g(*args)
assert run(first) == 3
assert run(second) == 30
there["f"] = lambda n: 1000  # the user's own on the engine stays
assert run(first) == 1001
print("ok")
"""
    assert python(program) == b"ok\n"


# -- the original's functions, both ways ------------------------------------------------------------------------------


def make_scaler(factor):
    def scale(x, plus=1):
        return x * factor + plus

    return scale


@interactive
def uses_a_global(x):
    return x + known  # noqa: F821


class Color(enum.Enum):
    RED = 1


OFFICIAL_ARGS = [
    (1, "a", None),
    ([1, b"b" * 5000, [b"c" * 3000]], {"k": b"v" * 2000, "a": 1}),
    (np.arange(1000.0), [np.arange(10), np.arange(5000)], {"m": np.ones((3, 4))}),
    (np.array(2.0), np.zeros((0, 3)), np.array([None, 1], dtype=object)),
    (np.array([(1, 2.5)] * 300, dtype=[("a", "i4"), ("b", "f8")]),),
    (memoryview(b"m" * 3000), bytearray(b"y" * 3000)),
    (set(range(3)), set(range(100)), list(range(100)), (1, (2, (3,)))),
    (functools.partial(max, 3), collections.OrderedDict(a=1)),
]


def same(one, other):
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other) and one.dtype == other.dtype
    if isinstance(one, memoryview):
        return bytes(one) == bytes(other)
    if isinstance(one, functools.partial):
        return one() == other() if one.args[1:] else (one.func, one.args) == (other.func, other.args)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


@pytest.mark.parametrize("args", OFFICIAL_ARGS)
def test_official_messages_are_read(args):
    buffers = wire(official_serialize.pack_apply_message(make_scaler(3), args, {"named": args[0]}))
    f, there, kwargs = serialize.unpack_call(buffers, None, space())
    assert f(5) == 16
    assert same(args, there)
    assert same(args[0], kwargs["named"])
    assert same(list(args), serialize.unpack_result(wire(official_serialize.serialize_object(list(args))), None))


@pytest.mark.parametrize("args", OFFICIAL_ARGS)
def test_official_readers_read_us(args):
    buffers = wire(serialize.pack_call(make_scaler(3), args, {"named": args[0]}, None))
    f, there, kwargs = official_serialize.unpack_apply_message(buffers, space())
    assert f(5) == 16
    assert same(args, there)
    assert same(args[0], kwargs["named"])
    for value in (args[0], list(args)):
        back, rest = official_serialize.deserialize_object(wire(serialize.pack_result(value, None)))
        assert same(value, back)
        assert rest == []


def test_official_functions_find_globals_and_references_are_read():
    reference = official_serialize.Reference("known * 2")
    ours = wire(official_serialize.pack_apply_message(uses_a_global, [reference], {}))
    f, args, _ = serialize.unpack_call(ours, None, space(known=5))
    assert f(*args) == 15
    f, _, _ = serialize.unpack_call(
        wire(official_serialize.pack_apply_message(reference, [], {})), None, space(known=5)
    )
    assert f == 10


def test_official_partials_and_helpers_are_read():
    from ipyparallel import util

    big = functools.partial(make_scaler(2), np.arange(5000.0), plus=np.arange(5000.0))
    f, _, _ = serialize.unpack_call(wire(official_serialize.pack_apply_message(big, [], {})), None, space())
    assert np.array_equal(f(), np.arange(5000.0) * 3)
    names = vars(sys.modules["__main__"])
    f, _, kwargs = serialize.unpack_call(
        wire(official_serialize.pack_apply_message(util._push, [], {"pushed_by_test": 3})), None
    )
    try:
        f(**kwargs)
        assert names["pushed_by_test"] == 3
        f, args, _ = serialize.unpack_call(
            wire(official_serialize.pack_apply_message(util._pull, ["pushed_by_test"], {})), None
        )
        assert f(*args) == 3
    finally:
        names.pop("pushed_by_test", None)


def test_official_dependencies_are_checked():
    import ipyparallel

    @ipyparallel.depend(interactive(lambda limit: limit > 3), 2)
    def refused():
        return 1

    with pytest.raises(Exception) as caught:  # noqa: PT011
        serialize.unpack_call(wire(official_serialize.pack_apply_message(refused, [], {})), None, space())
    assert type(caught.value).__name__ == "UnmetDependency"

    there = space()
    needs = ipyparallel.require("math", helper=lambda v: v + 1)(interactive(lambda v: math.floor(helper(v))))  # noqa: F821
    f, args, _ = serialize.unpack_call(wire(official_serialize.pack_apply_message(needs, [1.5], {})), None, there)
    assert f(*args) == 2


def test_we_never_import_the_original():
    buffers = official_serialize.pack_apply_message(make_scaler(3), [np.arange(5000)], {})
    program = """
from camshaft import serialize
f = serialize.unpack_result(pickle.load(sys.stdin.buffer), None)
serialize.pack_call(len, (b"x" * 5000,), {}, None)
print([name for name in sys.modules if name.startswith("ipyparallel")])
"""
    import pickle

    assert len(buffers) > 2
    assert python(program, input=pickle.dumps(official_serialize.serialize_object(b"x" * 5000))) == b"[]\n"


# -- what cannot be sent ----------------------------------------------------------------------------------------------


class Holder:
    def __init__(self, inner):
        self.inner = inner


def two(a, x):
    return a, x


LOCK = threading.Lock()
CAPTURED = (lambda guard: lambda: guard)(LOCK)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("f", "args", "kwargs", "where"),
    [
        (two, (1, {"lock": Holder(LOCK)}), {}, "argument 2 (x['lock'].inner)"),
        (two, (LOCK, 1), {}, "argument 1 (a)"),
        (two, (1,), {"x": [0, (LOCK,)]}, "argument 'x' (x[1][0])"),
        (print, (1, LOCK), {}, "argument 2 (args[1])"),
        (CAPTURED, (), {}, "function <lambda> (variable 'guard' of <lambda>)"),
        (functools.partial(two, LOCK), (1,), {}, "function partial(two) (partial(two).args[0])"),
    ],
)
def test_the_unpicklable_member_is_named(codec, f, args, kwargs, where):
    with pytest.raises(SerializationError) as caught:
        serialize.pack_call(f, args, kwargs, codec)
    assert str(caught.value) == f"cannot send {where}: cannot pickle '_thread.lock' object"
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("codec", CODECS)
def test_unpicklable_results(codec):
    with pytest.raises(SerializationError, match=r"^cannot send the result: cannot pickle 'generator' object$"):
        serialize.pack_result((i for i in []), codec)
    with pytest.raises(SerializationError, match=r"^cannot send the result \(result\['a'\]\): cannot pickle"):
        serialize.pack_result({"a": LOCK}, codec)


def test_wrong_codecs():
    with pytest.raises(SerializationError, match=r"Python 2\.7"):
        serialize.unpack_call([b"", b""], "p5/2.7")
    with pytest.raises(SerializationError, match="unknown codec"):
        serialize.unpack_result([b""], "p9/1")


@pytest.mark.parametrize("codec", CODECS)
def test_truncated_messages(codec):
    whole = wire(serialize.pack_call(len, (np.arange(10_000.0),), {}, codec))
    for count in range(len(whole)):
        with pytest.raises(Exception):  # noqa: B017, PT011
            serialize.unpack_call(whole[:count], codec, space())
