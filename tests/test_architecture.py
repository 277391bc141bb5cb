"""The order of the house, read from the source itself."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A layer may import those to its right.
LAYERS = ["cli", "service", "cluster", "engine", "models", "export"]
# What any layer may import; they import nothing of ours but errors.
LEAVES = {"engine.errors", "engine.files", "engine.selection"}
FILES = [
    ROOT / "impasto" / "__init__.py",
    *(file for layer in LAYERS for file in sorted((ROOT / layer).rglob("*.py"))),
]
# Who may import what is not in every Python; every import must be inside a function.
LAZY = {
    "onnxruntime": {"engine.runtime"},
    "scipy": {"engine.lbfgs"},
    "PIL": {"engine.pillow", "cli.animation", "cli.sheets"},
    "onnx": {"export.encode"},
    "h5py": {"export.weights.h5_file"},
    "matplotlib": {"cli.plot"},
    "av": {"cli.video"},
    "fastapi": {"service.api"},
    "starlette": {"service.api"},
    "uvicorn": {"service.server"},
    "prometheus_client": {"service.metrics"},
    "dask": {"cluster.dask_client"},
    "distributed": {"cluster.dask_client"},
    "torch": {"cli.bench_torch", "export.weights.torchvision_source"},
    "torchvision": {"export.weights.torchvision_source"},
}
SILENT = [file for file in FILES if ROOT / "cli" not in file.parents]
EVERYONES = {"numpy"}


def module(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(file):
    """(imported module, whether the import of the file imports it), for each import statement."""
    package = list(file.relative_to(ROOT).parent.parts)
    found = []

    def visit(node, at_import):
        if isinstance(node, ast.Import):
            found.extend((alias.name, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            # The folders lie side by side inside the package, which is their root.
            base = [] if package == ["impasto"] else package[: len(package) - node.level + 1]
            base += node.module.split(".") if node.module else []
            base = base or ["impasto"]
            found.extend((".".join([*base, alias.name]), at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module, at_import))
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.body:
                visit(child, False)
            for child in node.orelse:
                visit(child, at_import)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                visit(child, at_import and not inside)

    visit(ast.parse(file.read_text(encoding="utf-8")), True)
    return found


def ours(name):
    return name.split(".")[0] in LAYERS


@pytest.mark.parametrize("file", FILES, ids=module)
def test_nothing_points_back(file):
    if file.parent.name == "impasto":
        return
    mine = LAYERS.index(file.relative_to(ROOT).parts[0])
    for name, _ in imports(file):
        leaf = any(name == leaf or name.startswith(f"{leaf}.") for leaf in LEAVES)
        if ours(name) and not leaf:
            theirs = LAYERS.index(name.split(".")[0])
            assert theirs >= mine, f"{module(file)} imports {name}"


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.parent.name == "engine"], ids=module
)
def test_the_engine_needs_nothing_that_makes_programs_until_it_makes_one(file):
    """A bundle runs without `export`."""
    needed = {name for name, at_import in imports(file) if at_import}
    assert not {name for name in needed if name.split(".")[0] == "export"}


@pytest.mark.parametrize("leaf", sorted(LEAVES))
def test_leaves_import_nothing_of_ours(leaf):
    file = ROOT / (leaf.replace(".", "/") + ".py")
    inside = {name for name, _ in imports(file) if ours(name)}
    assert all(name.startswith("engine.errors.") for name in inside)


@pytest.mark.parametrize("file", FILES, ids=module)
def test_heavy_packages_have_one_door_each_and_open_it_late(file):
    for name, at_import in imports(file):
        top = name.split(".")[0]
        if top in LAZY:
            assert module(file) in LAZY[top], f"{module(file)} imports {name}"
            assert not at_import, f"{module(file)} imports {name} when it is imported itself"


@pytest.mark.parametrize("file", SILENT, ids=module)
def test_only_the_command_line_has_typer_and_rich(file):
    assert not {name.split(".")[0] for name, _ in imports(file)} & {"typer", "rich", "click"}


@pytest.mark.parametrize("file", FILES, ids=module)
def test_nothing_is_imported_that_is_not_declared(file):
    known = {*sys.stdlib_module_names, *LAYERS, *LAZY, *EVERYONES, "impasto"}
    if file not in SILENT:
        known |= {"typer", "rich", "click"}
    assert {name.split(".")[0] for name, _ in imports(file)} <= known


def calls(tree):
    """The names of what is called, and whether it happens when the file is imported."""

    def visit(node, at_import):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), at_import
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
                if part is not None:
                    yield from visit(part, at_import)
            for child in node.body:
                yield from visit(child, False)
        elif isinstance(node, ast.Lambda):
            yield from visit(node.body, False)
        else:
            for child in ast.iter_child_nodes(node):
                yield from visit(child, at_import)

    return visit(tree, True)


@pytest.mark.parametrize("file", SILENT, ids=module)
def test_the_library_never_prints_exits_or_touches_the_process(file):
    forbidden = {
        "print",
        "input",
        "exit",
        "quit",
        "sys.exit",
        "os._exit",
        "os.chdir",
        "os.umask",
        "os.putenv",
        "signal.signal",
        "atexit.register",
        "logging.basicConfig",
        "warnings.simplefilter",
        "warnings.filterwarnings",
        "np.seterr",
        "np.random.seed",
        "random.seed",
        "socket.setdefaulttimeout",
        "locale.setlocale",
    }
    if module(file) in ("service.worker", "cluster.own_worker"):  # processes of our own
        forbidden.remove("signal.signal")
    assert not {name for name, _ in calls(ast.parse(file.read_text("utf-8")))} & forbidden


@pytest.mark.parametrize("file", SILENT, ids=module)
def test_the_library_never_assigns_to_the_environment(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
            targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
            assert not any("os.environ" in ast.unparse(target) for target in targets)


@pytest.mark.parametrize("file", FILES, ids=module)
def test_importing_a_module_has_no_effects(file):
    effects = {"mkdir", "makedirs", "open", "write_text", "write_bytes", "unlink", "urlopen", "run"}
    tree = ast.parse(file.read_text("utf-8"))
    for name, at_import in calls(tree):
        assert not (at_import and name.split(".")[-1] in effects), f"{module(file)} calls {name}"
    for node in tree.body:
        bare = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
        allowed = file not in SILENT or not bare
        assert allowed, f"{module(file)}: {ast.unparse(node)}"


@pytest.mark.parametrize("file", FILES, ids=module)
def test_files_are_small(file):
    assert len(file.read_text("utf-8").splitlines()) <= 320


@pytest.mark.parametrize("file", FILES, ids=module)
def test_every_module_says_what_it_is_and_what_it_offers(file):
    tree = ast.parse(file.read_text("utf-8"))
    assert ast.get_docstring(tree)
    # Rules offer nothing: importing them registers them.
    if file.parent.name in ("cli", "rules") or file.name == "__init__.py":
        return
    offered = next(
        (
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ),
        None,
    )
    assert offered is not None, f"{module(file)} has no __all__"
    public = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    } - {"main"}
    assert public <= set(offered)
    assert len(set(offered)) == len(offered)


def test_every_package_is_in_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    folders = {file.parent for file in FILES}
    names = {
        "impasto" if folder.name == "impasto" else f"impasto.{folder.relative_to(ROOT)}"
        for folder in folders
    }
    assert {name.replace("/", ".") for name in names} == set(project["packages"])
    for name, folder in project["package-dir"].items():
        assert (ROOT / folder).is_dir(), name
