"""What the source must not contain, and how long and how deep it may be."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from statistics import median

import pytest

LONGEST = 40
DEEPEST = 3

# Functions that are longer than LONGEST lines without their docstring, each with the reason.
LONG: dict[str, str] = {}
# Where a public signature says Any, each with the reason.
ANY = {
    "models/processes/protocols.py Array": "NumPy's arrays and PyTensor's variables share no type",
}

FORBIDDEN_CALLS = {"breakpoint", "compile", "eval", "exec", "input", "__import__"}
FORBIDDEN_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
UNSAFE_YAML = {"full_load", "load", "load_all", "unsafe_load", "unsafe_load_all"}
UNSAFE_OPTIONS = {"allow_pickle", "shell"}

type Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCK = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.TryStar, ast.Match)


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, Function]]:
    """Yield every function with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        name = inside
        if isinstance(node, (*FUNCTION, ast.ClassDef)):
            name = f"{inside}.{node.name}".lstrip(".")
        if isinstance(node, FUNCTION):
            yield name, node
        yield from functions(node, name)


def every_function(trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, Function]]:
    """Yield every function of the library with its module and name."""
    for module, tree in trees.items():
        for name, node in functions(tree):
            yield f"{module} {name}", node


def length(node: Function) -> int:
    """Return the number of lines from the first decorator to the end, without the docstring."""
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    lines = (node.end_lineno or node.lineno) - first + 1
    if ast.get_docstring(node) is None:
        return lines
    text = node.body[0]
    return lines - ((text.end_lineno or text.lineno) - text.lineno + 1)


def depth(node: ast.AST) -> int:
    """Return how many blocks stand inside each other; an ``elif`` goes no deeper."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTION, ast.ClassDef)):
            continue
        chained = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        deepest = max(deepest, depth(child) + (isinstance(child, BLOCK) and not chained))
    return deepest


def called(node: ast.Call) -> str:
    """Return the dotted name of what is called, where it is one."""
    return ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""


def test_functions_are_short(trees: Mapping[str, ast.Module]) -> None:
    long = {name for name, node in every_function(trees) if length(node) > LONGEST}
    assert long == set(LONG)
    assert median(length(node) for _, node in every_function(trees)) <= 10


def test_functions_are_flat(trees: Mapping[str, ast.Module]) -> None:
    assert [name for name, node in every_function(trees) if depth(node) > DEEPEST] == []


def test_nothing_is_evaluated_and_nothing_is_pickled(trees: Mapping[str, ast.Module]) -> None:
    found = [f"{m}:{line} {what}" for m, tree in trees.items() for line, what in unsafe(tree)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "eval('1')",
        "import pickle",
        "from joblib import dump",
        "pd.read_pickle(path)",
        "yaml.load(text)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(line, shell=True)",
    ],
)
def test_what_is_unsafe_is_found(line: str) -> None:
    assert list(unsafe(ast.parse(line)))
    assert not list(unsafe(ast.parse("re.compile('x'); yaml.safe_load(text); np.load(path)")))


def unsafe(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield what runs text as code, or reads a format that can."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [getattr(node, "module", None) or "", *(a.name for a in node.names)]
            if {name.split(".")[0] for name in modules} & FORBIDDEN_MODULES:
                yield node.lineno, ast.unparse(node)
        if isinstance(node, ast.Call):
            name = called(node)
            module, _, verb = name.rpartition(".")
            options = {word.arg for word in node.keywords if ast.unparse(word.value) != "False"}
            if (
                name in FORBIDDEN_CALLS
                or verb in {"read_pickle", "to_pickle"}
                or (module == "yaml" and verb in UNSAFE_YAML)
                or options & UNSAFE_OPTIONS
            ):
                yield node.lineno, ast.unparse(node)


def test_the_library_does_not_print(trees: Mapping[str, ast.Module]) -> None:
    found = [
        f"{module}:{node.lineno}"
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and called(node) == "print")
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout", "sys.stderr"})
    ]
    assert found == []


def test_the_library_leaves_the_surroundings_alone(trees: Mapping[str, ast.Module]) -> None:
    touched = (
        "logging.basicConfig",
        "np.random.seed",
        "os.environ",
        "pd.set_option",
        "random.seed",
        "warnings.filterwarnings",
        "warnings.simplefilter",
    )
    found = [
        f"{module}:{statement.lineno} {name}"
        for module, tree in trees.items()
        for statement in tree.body
        if not isinstance(statement, (*FUNCTION, ast.ClassDef))
        for name in touched
        if name in ast.unparse(statement)
    ]
    assert found == []


def test_the_global_generator_is_not_used(trees: Mapping[str, ast.Module]) -> None:
    allowed = {"BitGenerator", "Generator", "PCG64", "Philox", "SeedSequence", "default_rng"}
    found = [
        f"{module}:{node.lineno} {ast.unparse(node)}"
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) in {"np.random", "numpy.random", "random"}
        and node.attr not in allowed
    ]
    assert found == []


def says_any(annotation: ast.AST | None) -> bool:
    """Return whether an annotation contains Any, quoted or not."""
    nodes = list(ast.walk(annotation)) if annotation else []
    words = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return any(isinstance(n, ast.Name) and n.id == "Any" for n in nodes) or any(
        "Any" in word.replace("[", " ").replace("]", " ").replace("|", " ").split()
        for word in words
    )


def annotations(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.AST | None]]:
    """Yield every annotation that a user of a module sees, with the name it belongs to."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, FUNCTION) and is_public(node.name):
            every = node.args
            listed = [*every.posonlyargs, *every.args, *every.kwonlyargs]
            rest = [part for part in (every.vararg, every.kwarg) if part]
            for part in (*listed, *rest):
                yield f"{inside}{node.name}", part.annotation
            yield f"{inside}{node.name}", node.returns
        elif isinstance(node, ast.ClassDef) and is_public(node.name):
            yield from annotations(node, f"{node.name}.")
        elif isinstance(node, ast.AnnAssign) and is_public(ast.unparse(node.target)):
            yield f"{inside}{ast.unparse(node.target)}", node.annotation
        elif isinstance(node, ast.TypeAlias) and is_public(node.name.id):
            yield node.name.id, node.value


def is_public(name: str) -> bool:
    """Return whether a name is meant for others; ``__call__`` and its like are."""
    return not name.startswith("_") or name.endswith("__")


def test_no_public_signature_says_any(trees: Mapping[str, ast.Module]) -> None:
    found = {
        f"{module} {name}"
        for module, tree in trees.items()
        if not any(part.startswith("_") for part in PurePosixPath(module).with_suffix("").parts)
        or module.endswith("__init__.py")
        for name, annotation in annotations(tree)
        if says_any(annotation)
    }
    assert found == set(ANY)


def test_no_public_function_swallows_keywords(trees: Mapping[str, ast.Module]) -> None:
    found = [
        name
        for name, node in every_function(trees)
        if node.args.kwarg is not None and is_public(node.name)
    ]
    assert found == []


def test_modules_have_names_that_say_something(trees: Mapping[str, ast.Module]) -> None:
    empty = {"base", "common", "core", "helpers", "misc", "util", "utils"}
    stems = {PurePosixPath(module).stem.lstrip("_") for module in trees}
    assert not stems & empty


def test_every_module_says_what_it_is_for(trees: Mapping[str, ast.Module]) -> None:
    silent = [m for m, tree in trees.items() if not (ast.get_docstring(tree) or "").strip()]
    assert silent == []


def test_every_public_module_says_what_is_public(trees: Mapping[str, ast.Module]) -> None:
    without = [
        module
        for module, tree in trees.items()
        if is_public(PurePosixPath(module).stem)
        and not any(ast.unparse(statement).startswith("__all__ =") for statement in tree.body)
    ]
    assert without == []


def test_kinds_of_models_are_told_apart_in_one_module(trees: Mapping[str, ast.Module]) -> None:
    kinds = {"PurchaseModel", "SpendModel", "ChannelModel"}
    found = {
        module
        for module, tree in trees.items()
        if module.startswith("models/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "isinstance"
        and kinds & {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    }
    assert found == set()
