"""envs/install chooses a Python, fetches one, or says in one line how to; programs are fakes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What macOS and Linux both have, and one of the tools for sha256.
TOOLS = ("bash", "sh", "env", "dirname", "sed", "cat", "grep", "tr", "mkdir", "cp", "chmod")
TOOLS += ("sha256sum",)
PYTHON = """#!/bin/sh
# A Python of version $version, with or without ensurepip.
case "$1 $2" in
  "-c import sys, venv, ensurepip"*)
    {ensurepip}
    minor=$(echo "$2" | sed 's/.*<= (3, \\([0-9]*\\)).*/\\1/')
    [ {minor} -ge 11 ] && [ {minor} -le "$minor" ] ;;
  "-c "*) echo 3.{minor} ;;
  "--version "*) echo "Python 3.{minor}.0" ;;
  "-m venv")
    mkdir -p "$4/bin"; cp "$0" "$4/bin/python"
    note='echo "$UV_FIND_LINKS; $UV_CACHE_DIR; $*"'
    printf '#!/bin/sh\\n%s >>"%s/uv.called"\\n' "$note" "$4" >"$4/bin/uv"
    chmod +x "$4/bin/uv" ;;
  "-m pip") ;;
esac
"""


class Machine:
    """A machine with the programs that a test gives it, and nothing else."""

    def __init__(self, folder: Path):
        self.bin, self.venv, self.envs = folder / "bin", folder / "venv", folder / "clone/envs"
        self.bin.mkdir()
        self.home = folder / "home"
        self.home.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.system("Linux", "x86_64")
        shutil.copytree(ROOT / "envs", self.envs)
        shutil.copy(ROOT / "pyproject.toml", self.envs.parent)

    def program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def system(self, name: str, machine: str) -> None:
        text = f"#!/bin/sh\ncase $1 in -s) echo {name} ;; -m) echo {machine} ;; esac\n"
        self.program("uname", text)

    def python(self, name: str, minor: int, ensurepip: bool = True) -> None:
        text = PYTHON.format(minor=minor, ensurepip=":" if ensurepip else "exit 1")
        self.program(name, text)

    def install(self, lock: str, **variables: str) -> subprocess.CompletedProcess:
        environment = {"PATH": str(self.bin), "HOME": str(self.home)} | variables
        return subprocess.run(
            [str(self.envs / "install"), lock, str(self.venv)],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    @property
    def version(self) -> str:
        done = subprocess.run([self.venv / "bin/python", "-c", ""], capture_output=True, text=True)
        return done.stdout.strip()


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


def one_line(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_python_3_11_comes_before_newer_ones(machine):
    machine.python("python3", 13)
    machine.python("python3.11", 11)
    assert machine.install("data").returncode == 0
    assert machine.version == "3.11"


@pytest.mark.parametrize("minor", [12, 13])
def test_a_newer_python_will_do(machine, minor):
    machine.python("python3", minor)
    done = machine.install("dev")
    assert done.returncode == 0, done.stderr
    assert machine.version == f"3.{minor}"


def test_python_3_14_is_for_the_locks_that_have_wheels_for_it(machine):
    machine.python("python3", 14)
    assert machine.install("data").returncode == 0
    shutil.rmtree(machine.venv)
    assert "no Python 3.11 to 3.13 " in one_line(machine.install("workflow"))


@pytest.mark.parametrize("minor", [None, 10])
def test_without_a_python_that_fits_one_line_says_how_to_get_one(machine, minor):
    if minor:
        machine.python("python3", minor)
    line = one_line(machine.install("dev"))
    assert all(way in line for way in ("uv", "apt install", "pyenv install"))


def test_a_python_without_ensurepip_does_not_fit(machine):
    """Debian's python3 without python3-venv."""
    machine.python("python3.11", 11, ensurepip=False)
    machine.python("python3.12", 12)
    assert machine.install("data").returncode == 0
    assert machine.version == "3.12"


def test_a_python_that_is_named_and_does_not_fit_is_an_error(machine):
    machine.python("python3.11", 11)
    machine.python("other", 10)
    assert "PYTHON=other is no Python 3.11" in one_line(machine.install("data", PYTHON="other"))


def test_a_named_python_replaces_the_one_that_is_there(machine):
    machine.python("python3.11", 11)
    machine.python("python3.12", 12)
    machine.install("data")
    assert "Setting up" not in machine.install("data").stdout
    assert "Setting up" in machine.install("data", PYTHON="python3.12").stdout
    assert machine.version == "3.12"
    assert "Setting up" not in machine.install("data", PYTHON="python3.12").stdout


def test_a_change_of_the_package_makes_only_the_environment_with_the_package_again(machine):
    machine.python("python3.11", 11)
    for lock, again in (("data", False), ("dev", True)):
        machine.install(lock)
        with open(machine.envs.parent / "pyproject.toml", "a", encoding="utf-8") as file:
            file.write("# changed\n")
        assert ("Setting up" in machine.install(lock).stdout) == again


def test_uv_fetches_a_python_where_none_is_there(machine, tmp_path):
    kept = tmp_path / "kept"
    machine.python("stored", 11)
    machine.program(
        "uv",
        f'#!/bin/sh\necho "$*" >>{kept}\n[ "$2" != find ] || echo {machine.bin}/stored\n',
    )
    done = machine.install("dev")
    assert done.returncode == 0, done.stderr
    assert machine.version == "3.11"
    assert "python install --quiet --no-config 3.11" in kept.read_text()


def test_uv_that_fetches_no_python_is_one_line(machine):
    machine.program("uv", "#!/bin/sh\nexit 2\n")
    assert "apt install" in one_line(machine.install("dev"))


def test_windows_is_shown_to_wsl(machine):
    machine.python("python3.11", 11)
    machine.system("MINGW64_NT-10.0", "x86_64")
    assert "WSL" in one_line(machine.install("dev"))


@pytest.mark.parametrize(
    ("system", "machine_type", "lock", "text"),
    [
        ("Darwin", "x86_64", "dev", "torch has no wheels"),
        ("Linux", "riscv64", "model-cpu", "torch has no wheels"),
        ("Darwin", "arm64", "model-cuda", "CUDA has no macOS"),
    ],
)
def test_a_platform_without_torch_is_one_line(machine, system, machine_type, lock, text):
    machine.python("python3.11", 11)
    machine.system(system, machine_type)
    assert text in one_line(machine.install(lock))
    assert machine.install("data").returncode == 0


def called(machine: Machine) -> str:
    return (machine.venv / "uv.called").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("system", "machine_type", "minor", "asked"),
    [
        ("Linux", "x86_64", 11, False),
        ("Linux", "x86_64", 12, True),
        ("Linux", "aarch64", 11, True),
        ("Darwin", "arm64", 11, False),
    ],
)
def test_pytorchs_index_is_asked_where_no_folder_has_the_wheel(
    machine, tmp_path, system, machine_type, minor, asked
):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl").touch()
    machine.system(system, machine_type)
    machine.python("python3", minor)
    done = machine.install("model-cpu", PIP_FIND_LINKS=str(wheels), TORCH_CPU_WHEELS="the-index")
    assert done.returncode == 0, done.stderr
    assert ("the-index" in called(machine)) == asked


def test_a_folder_of_wheels_may_have_a_blank_in_its_name(machine, tmp_path):
    wheels = tmp_path / "my wheels"
    wheels.mkdir()
    (wheels / "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl").touch()
    machine.python("python3", 11)
    done = machine.install("model-cpu", COLLECTIVESFT_WHEELS=str(wheels))
    assert done.returncode == 0, done.stderr
    assert called(machine).startswith(f"{wheels}; ")
    shutil.rmtree(machine.venv)
    machine.install("data", PIP_FIND_LINKS="here there")
    assert called(machine).startswith("here,there; ")


def test_caches_go_into_the_clone_where_the_home_cannot_be_written_to(machine):
    machine.python("python3", 11)
    assert machine.install("data", HOME="/proc/self/no-home").returncode == 0
    assert "/clone/envs/../.cache/uv;" in called(machine)
    shutil.rmtree(machine.venv)
    machine.install("data")
    assert "; ;" in called(machine)


def test_the_sha256_is_one_with_either_tool(tmp_path):
    """macOS has shasum, Linux has sha256sum."""
    for name, body in (("sha256sum", ""), ("shasum", '[ "$1 $2" = "-a 256" ] || exit 9; shift 2;')):
        tools = tmp_path / name
        tools.mkdir()
        (tools / "sh").symlink_to(shutil.which("sh"))
        text = f'#!/bin/sh\n{body} exec {shutil.which("sha256sum")} "$@"\n'
        (tools / name).write_text(text, encoding="utf-8")
        (tools / name).chmod(0o755)
        done = subprocess.run(
            [str(ROOT / "envs/sha256")], input="abc", env=os.environ | {"PATH": str(tools)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert done.stdout == f"{want}\n"
