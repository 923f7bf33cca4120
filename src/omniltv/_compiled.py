"""Compiled functions, kept between processes if a folder can be written, else compiled again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature
from numba.core.types.misc import unliteral
from numba.extending import intrinsic
from numba.np import numpy_support

from omniltv._log import LOG

__all__ = ["CFunction", "call_c", "carray", "compiled", "compiled_c", "integers"]

type _OfNumba = Any  # Numba has no types

carray: Callable[..., Any] = numpy_support.carray
"""Return the array at a pointer in compiled code; Numba's type of it is that of Python code."""
_INSIDE: dict[str, Any] = {
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


def compiled(*, nogil: bool = False, inside: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function with Numba when it is first called.

    Args:
        nogil: Whether other threads run while the function does.
        inside: Whether only compiled functions call the function. It is then compiled with
            them, is not kept by itself, and cannot be called from Python.

    The machine code is kept beside the module, in the home folder, or in the folder that
    ``NUMBA_CACHE_DIR`` names. If none of them can be written, every process compiles again.

    Examples:
        >>> @compiled()
        ... def twice(x):
        ...     return 2 * x
        >>> twice(2)
        4
    """

    def decorate(function: Callable[..., Any]) -> _OfNumba:
        if inside:
            return _for_all_numbers(njit(**_INSIDE)(function))
        compiler = njit(nogil=nogil, error_model="numpy")(function)
        _keep(compiler, function)
        return compiler

    return decorate


def _for_all_numbers(dispatcher: _OfNumba) -> _OfNumba:
    """Return a function that is compiled once, and not for each constant it is called with."""
    given = dispatcher.get_call_template

    def of_types(args: _OfNumba, kws: _OfNumba) -> _OfNumba:
        named = {name: unliteral(kind) for name, kind in kws.items()}
        return given(tuple(map(unliteral, args)), named)

    dispatcher.get_call_template = of_types
    return dispatcher


def compiled_c(signature: object, *, purpose: str) -> Callable[[Callable[..., Any]], "CFunction"]:
    """Return a decorator that compiles a function to a C function when its address is asked.

    Args:
        signature: Its types, as Numba writes them.
        purpose: What it is for, in the line that says that it is compiled.

    Examples:
        >>> import ctypes
        >>> @compiled_c("int64(int64)", purpose="examples")
        ... def twice(x):
        ...     return 2 * x
        >>> ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(twice.address)(2)
        4
    """
    return partial(CFunction, signature, purpose)


def _call_c(_typing: _OfNumba, address: _OfNumba, arguments: _OfNumba) -> _OfNumba:
    """Call the C function at an address with a tuple of whole numbers, in compiled code.

    Unlike a compiled function, it is not compiled again with each function that calls it.
    """

    def generate(
        _context: _OfNumba, builder: _OfNumba, _signature: _OfNumba, values: _OfNumba
    ) -> _OfNumba:
        llvm: _OfNumba = cgutils  # `ir` is that of llvmlite
        ir = llvm.ir
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [word] * len(arguments))
        function = builder.inttoptr(values[0], kind.as_pointer())
        return builder.call(function, cgutils.unpack_tuple(builder, values[1]))

    return types.int64(address, arguments), generate


call_c: Callable[..., Any] = intrinsic(_call_c)


def _integers(_typing: _OfNumba, pointer: _OfNumba) -> _OfNumba:
    """Return a pointer to numbers as one to integers, in compiled code."""

    def generate(
        context: _OfNumba, builder: _OfNumba, signature: _OfNumba, values: _OfNumba
    ) -> _OfNumba:
        return builder.bitcast(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(pointer), generate


integers: Callable[..., Any] = intrinsic(_integers)


class CFunction:
    """A C function, compiled when its address is asked for the first time.

    Args:
        signature: Its types, as Numba writes them.
        purpose: What it is for.
        function: The function in Python.
    """

    def __init__(self, signature: object, purpose: str, function: Callable[..., Any]) -> None:
        self._given, self._purpose = (function, normalize_signature(signature)), purpose

    @cached_property
    def address(self) -> int:
        """The address of the function."""
        address: int = self._compiled.address
        return address

    @cached_property
    def _compiled(self) -> _OfNumba:
        compiler = _NotedCFunc(*self._given, {}, {"error_model": "numpy"})
        compiler.purpose = self._purpose
        _keep(compiler, self._given[0])
        compiler.compile()
        return compiler


class _NotedCFunc(CFunc):
    """A C function that says when it is not in the cache, and is compiled."""

    purpose = ""

    def _compile_uncached(self) -> _OfNumba:
        _say_compiling(self.purpose)
        return super()._compile_uncached()  # type: ignore[misc] # Numba has no types


@lru_cache
def _say_compiling(purpose: str) -> None:
    """Say once for each purpose that code is compiled; a warning is shown without a handler."""
    LOG.warning("code for %s is compiled, once on this machine; this takes 5 to 20 s", purpose)


def _keep(compiler: _OfNumba, function: Callable[..., Any]) -> None:
    """Keep the machine code of a function in a file, if a folder can be written."""
    try:
        compiler._cache = _ForgivingCache(function)  # noqa: SLF001 - enable_caching() has another
    except RuntimeError:
        _say_no_cache()


class _ForgivingCache(FunctionCache):  # type: ignore[misc]  # Numba has no types
    """Machine code in files; if they cannot be read or written, the function is compiled.

    Machine code contains that of the functions that it calls, so it is out of date if any file
    in the folder of its function is changed.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        sources = Path(function.__code__.co_filename).parent.glob("*.py")
        stamps = sorted((path.name, path.stat().st_mtime_ns) for path in sources)
        self._cache_file = IndexDataCacheFile(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=(self._impl.locator.get_source_stamp(), tuple(stamps)),
        )

    @contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a damaged file fails anywhere in unpickling
            LOG.info("compiled code cannot be read or written: %s", type(error).__name__)


@lru_cache(1)
def _say_no_cache() -> None:
    LOG.warning(_NO_CACHE)


_NO_CACHE = (
    "no folder for compiled code can be written, so every process compiles again (5 to 40 seconds "
    "at the first fit); set NUMBA_CACHE_DIR to a folder that can be written"
)
