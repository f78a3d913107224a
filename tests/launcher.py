"""New processes of the program in which libraries are loaded already.

To load them takes longer than to learn from a few images, or to answer a request. They are loaded
once, when first asked for, in a process that does nothing with them and serves all of pytest's
workers. It is forked for each process asked for, which runs ``python -m mnist_classifier`` from its
first line on and ends as Python ends, but does not take the libraries down. What such a process has
from it are the libraries and the seed of hashes. Tests of these start Python themselves.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

MODULE = ("-m", "mnist_classifier")
PROGRAM = [sys.executable, *MODULE]
FOLDER = "MNIST_LAUNCHERS"  # the variable that names where launchers listen
LIBRARIES = {
    "learning": (
        *("jinja2", "keras", "matplotlib.backends.backend_svg", "matplotlib.figure"),
        *("rich.progress", "scipy.optimize", "scipy.stats", "sklearn.metrics"),
        *("sklearn.model_selection", "tf2onnx"),
    ),
    "serving": ("fastapi", "numpy", "uvicorn"),
}


class Process:
    """A process that a launcher forked, to be used like `subprocess.Popen`."""

    def __init__(self, pid, ending, stdout, stderr):
        self.pid = pid
        self.stdout = stdout
        self.returncode = None
        self._ending = ending
        self._stderr = stderr

    def wait(self, timeout=None):
        if self.returncode is None:
            self._ending.settimeout(timeout)
            try:
                self.returncode = int(self._ending.recv(100))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(PROGRAM, timeout) from None
            self._ending.close()
        return self.returncode

    def poll(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def communicate(self, timeout=None):
        with contextlib.ExitStack() as opened:
            written = errors = None
            if self.stdout:
                read = []
                reader = threading.Thread(target=lambda: read.append(self.stdout.read()))
                reader.daemon = True
                reader.start()
                reader.join(timeout)
                if reader.is_alive():
                    raise subprocess.TimeoutExpired(PROGRAM, timeout)
                (written,) = read
                opened.enter_context(self.stdout)
            self.wait(timeout)
            if self._stderr:
                opened.enter_context(self._stderr).seek(0)
                errors = self._stderr.read()
            return written, errors

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class Launcher:
    """Starts processes of the program with some libraries loaded."""

    def __init__(self, libraries):
        self._path = Path(os.environ[FOLDER]) / libraries

    def start(self, *arguments, program=MODULE, stdout=None, stderr=None, cwd=None, **variables):
        """Start a program with arguments, and environment variables besides those of the tests.

        The program is named as to Python: by ``-m`` and a module, ``-c`` and code, or a file.

        Its standard output and error are kept as text where no other file is given; with
        ``subprocess.STDOUT`` both are one.
        """
        arguments = [*program, *map(str, arguments)]
        environment = {**os.environ, **variables}
        if sys.platform != "linux":  # elsewhere a fork of so much is not sure to run
            streams = {"stdout": stdout or subprocess.PIPE, "stderr": stderr or subprocess.PIPE}
            command = [sys.executable, *arguments]
            return subprocess.Popen(command, **streams, cwd=cwd, env=environment, text=True)
        asked = {"arguments": arguments, "environment": environment, "cwd": str(cwd or Path.cwd())}
        out = errors = None
        with contextlib.ExitStack() as opened:
            nowhere = opened.enter_context(Path(os.devnull).open())
            if stdout is None:
                read, write = os.pipe()
                out, stdout = os.fdopen(read), opened.enter_context(os.fdopen(write, "wb"))
            if stderr is None:
                stderr = errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 — `Process` has it
            elif stderr == subprocess.STDOUT:
                stderr = stdout
            ending, other = socket.socketpair()
            files = [nowhere, stdout, stderr, opened.enter_context(other)]
            server = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            server.connect(str(self._path))
            socket.send_fds(server, [json.dumps(asked).encode()], [file.fileno() for file in files])
        if not (pid := ending.recv(100)):
            raise RuntimeError(self._path.with_suffix(".log").read_text())
        return Process(int(pid), ending, out, errors)

    def run(self, *arguments, **options):
        """Start a process and wait for its end."""
        process = self.start(*arguments, **options)
        written = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, *written)


@contextlib.contextmanager
def launchers():
    """Let `Launcher` work inside, in this process and in all that it starts."""
    with contextlib.ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory())
        for name in LIBRARIES if sys.platform == "linux" else ():
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(str(Path(folder, name)))
                listener.listen()
                server = subprocess.Popen(
                    [sys.executable, "-m", "tests.launcher", name, str(listener.fileno())],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=opened.enter_context(Path(folder, f"{name}.log").open("w")),
                    pass_fds=[listener.fileno()],
                    cwd=Path(__file__).parent.parent,
                )
            opened.callback(server.communicate)
        os.environ[FOLDER] = folder
        opened.callback(os.environ.pop, FOLDER)
        yield


def _forked(listener, libraries):
    """Load the libraries once asked; return, in each process that is forked, Python's arguments.

    The end of standard input ends this process.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()
    while True:
        if 0 in select.select([0, listener], [], [])[0]:
            os._exit(0)
        for name in libraries:
            importlib.import_module(name)
        gc.freeze()  # or a second of each process's end is spent on them
        connection, _ = listener.accept()
        with connection:
            message, files, _, _ = socket.recv_fds(connection, 1 << 20, 4)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # those that have ended
                pass
        if os.fork() == 0:
            break
        for file in files:
            os.close(file)
    listener.close()
    _keep_libraries()
    gc.enable()
    *streams, ending = files
    _fork_watched(socket.socket(fileno=ending))
    asked = json.loads(message)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["cwd"])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    _open_streams(os.environ.get("PYTHONIOENCODING"))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return asked["arguments"]


def _keep_libraries():
    """Let the end of this process not take down what is loaded, which takes half a second."""
    own = {*sys.stdlib_module_names, "__main__"}
    libraries = {n: module for n, module in sys.modules.items() if n.split(".")[0] not in own}
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(libraries))
    atexit.register(lambda: [sys.modules.pop(name, None) for name in libraries])


def _fork_watched(ending):
    """Return in a new process; this one tells its number, then its exit code, and ends too."""
    if pid := os.fork():
        ending.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        ending.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    ending.close()


def _open_streams(encoding):
    """Open standard input, output and error as Python does when it begins."""
    sys.stdin = os.fdopen(0, "r", -1, encoding, closefd=False)
    sys.stdout = os.fdopen(1, "w", -1, encoding, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding, "backslashreplace", closefd=False)


if __name__ == "__main__":
    sys.argv = _forked(socket.socket(fileno=int(sys.argv[2])), LIBRARIES[sys.argv[1]])
    if sys.argv[0] == "-m":
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    elif sys.argv[0] == "-c":
        exec(sys.argv.pop(1), {"__name__": "__main__"})
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
