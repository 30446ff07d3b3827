#!/usr/bin/python3
"""A command is held in its walls, and ended with everything it started."""

import ctypes
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import escapes  # noqa: E402
import harness  # noqa: E402
import processes  # noqa: E402
from escapes import CONFINE  # noqa: E402

MISBEHAVE = harness.BUILD / "tests/bin/misbehave"
PAGE = harness.ROOT / "man/confine.8"
LEVELS = ("bwrap", "landlock", "off")
WALLS = ("bwrap", "landlock")
LANDLOCK_CALL = 444  # the first of three
SECONDS = 20
PR_SET_CHILD_SUBREAPER = 36
libc = ctypes.CDLL(None)

# A sanitizer looks for leaks from outside of the process: not within walls.
os.environ["ASAN_OPTIONS"] = (
    os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")


def walls(level, *options, write=None):
    """The beginning of a command line: the build and the place we are in."""
    place = str(write or os.getcwd())
    return [CONFINE, "--level", level, "--read", harness.BUILD, "--write",
            place, "--chdir", place, *map(str, options), "--"]


class Ended:
    """A command that has ended: what it said, and what was said of it."""

    def __init__(self, argv, **more):
        reader, writer = os.pipe()
        split = argv.index("--")
        argv = [*argv[:split], "--report", str(writer), *argv[split:]]
        more.setdefault("stdin", subprocess.DEVNULL)
        fds = [writer, *more.pop("pass_fds", [])]
        done = subprocess.run(
            [str(word) for word in argv], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, pass_fds=fds,
            timeout=SECONDS, check=False, **more)
        os.close(writer)
        with os.fdopen(reader) as report:
            self.report = report.read()
        self.code, self.stdout, self.stderr = (
            done.returncode, done.stdout, done.stderr)

    @property
    def word(self):
        return self.report.rsplit(" orphans ", 1)[0]

    def __repr__(self):
        return f"{self.code} {self.report!r} {self.stdout!r} {self.stderr!r}"


def shell(level, script, *options, **more):
    return Ended([*walls(level, *options), "/bin/sh", "-c", script], **more)


def bwrap_works():
    if shutil.which("bwrap") is None:
        raise harness.Skip("bubblewrap is not installed")


# --- ways out ---


def listed_holes(head):
    """What the manual says is open, under that heading."""
    text = PAGE.read_text().split("\n.Sh WHAT IS LEFT OPEN\n", 1)[1]
    text = text.split("\n.Sh ", 1)[0].split(f"\n.Ss {head}\n", 1)[1]
    return re.findall(r"^\.It Cm ([a-z-]+)$", text.split("\n.Ss ")[0], re.M)


def probes_of(holes):
    return set().union(*(escapes.HOLES[hole] for hole in holes))


def attempt(level, *options, ahead=False):
    directory = pathlib.Path.cwd() / f"{level}{ahead}"
    os.environ["HOME"] = str(directory / "home")
    (directory / "home").mkdir(parents=True)
    return escapes.attempt(level, directory, *options, ahead=ahead)


def controlled():
    """Those probes that find their way open where nothing holds them."""
    result, _ = attempt(None)
    assert not {"broken", "late"} & set(result.values()), result
    return {name for name, word in result.items() if word == "open"}


def check_holes(level, holes, *options):
    if level == "bwrap":
        bwrap_works()
    known = controlled()
    assert len(known) >= 60, sorted(known)
    wanted = probes_of(holes) & known
    if os.geteuid() == 0:
        wanted -= escapes.CLOSED_TO_ROOT
    for ahead in (False, True):
        result, changed = attempt(level, *options, ahead=ahead)
        found = {name for name in known if result[name] != "closed"}
        assert found == wanted, (ahead, found - wanted, wanted - found)
        assert not changed, (ahead, changed)


def test_bwrap_leaves_open_what_is_listed():
    check_holes("bwrap", listed_holes("Level bwrap"))


def test_landlock_leaves_open_what_is_listed():
    check_holes("landlock", listed_holes("Level landlock"))


def test_a_network_opens_no_more_at_bwrap():
    holes = listed_holes("Level bwrap") + listed_holes("With --network")
    check_holes("bwrap", holes, "--network")


def test_a_network_opens_no_more_at_landlock():
    holes = listed_holes("Level landlock") + listed_holes("With --network")
    check_holes("landlock", holes, "--network")


def test_off_leaves_everything_but_descriptors():
    assert listed_holes("Level off") == ["everything"]
    known = controlled()
    result, _ = attempt("off")
    closed = {name for name in known if result[name] != "open"}
    assert closed == {"file-leaked-descriptor"}, closed


def test_every_hole_has_a_probe():
    heads = ("Level bwrap", "Level landlock", "With --network", "Level off")
    listed = set().union(*map(listed_holes, heads))
    assert listed == set(escapes.HOLES), listed ^ set(escapes.HOLES)
    assert probes_of(listed) <= set(escapes.names())


# --- a command that comes when the walls are there ---


def ahead(level, text, *options):
    """What becomes of a text that says what to run."""
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    try:
        argv = walls(level, "--command", reader, *options)
        argv.remove("--chdir")
        argv.remove(os.getcwd())
        return Ended(argv, pass_fds=[reader])
    finally:
        os.close(reader)


def test_a_command_that_comes_later():
    place = pathlib.Path("a place")
    place.mkdir()
    script = 'pwd; echo "$#" "$1" "$2" "$A" "$HOME"; exit 3'
    words = [place.absolute(), 6, "/bin/sh", "-c", script, "sh", "", "two\n",
             "A=b=c"]
    text = "".join(f"{word}\0" for word in words).encode()
    for level in LEVELS:
        if level == "bwrap":
            bwrap_works()
        ended = ahead(level, text)
        assert ended.stdout == f"{place.absolute()}\n2  two\n b=c \n", ended
        assert (ended.code, ended.report) == (3, "exit 3 orphans 0\n"), ended
        ended = ahead(level, text.replace(b"a place", b"nowhere"))
        assert (ended.code, ended.word) == (126, "not-run"), ended
        ended = ahead(level, text.replace(b"/bin/sh", b"/no/sh"))
        assert (ended.code, ended.word) == (127, "not-run"), ended


def test_a_command_that_does_not_come():
    whole = f"{os.getcwd()}\0002\0/bin/touch\0file\0".encode()
    for level in LEVELS:
        for text in (b"", whole[:-1], whole.replace(b"file\0", b""),
                     whole.replace(b"2", b"0"), whole.replace(b"2", b"x"),
                     whole.replace(b"2", b"-1"), b"\0"):
            ended = ahead(level, text)
            assert ended.code == 0 and not ended.report, (level, text, ended)
            assert not ended.stdout, ended
    assert not os.path.exists("file")
    assert Ended([*walls("off", "--command", "2"), "true"]).code == 64


def test_a_command_that_does_not_end():
    for level in LEVELS:
        reader, writer = os.pipe()
        argv = [str(word) for word in walls(level, "--command", reader)
                if word != "--"]
        with subprocess.Popen(argv, pass_fds=[reader]) as process:
            os.close(reader)
            with os.fdopen(writer, "wb", buffering=0) as stream:
                try:
                    for _ in range(100):
                        stream.write(b"x" * (1 << 20))
                except BrokenPipeError:
                    pass
                else:
                    raise AssertionError(f"{level}: 100 MiB were taken")
                assert process.wait(SECONDS) == 0, level


def test_walls_that_wait_end():
    for level in LEVELS:
        for end in (subprocess.Popen.terminate, None):
            reader, writer = os.pipe()
            with subprocess.Popen(
                    [str(word) for word in walls(level, "--command", reader)
                     if word != "--"], pass_fds=[reader]) as process:
                os.close(reader)
                if end is None:
                    os.close(writer)
                else:
                    end(process)
                    process.wait(SECONDS)
                    os.close(writer)
                process.wait(SECONDS)


# --- what is kept ---


def test_what_is_kept_stays():
    script = """
        echo changed >a/kept/file; echo changed >a/beside
        mv a b; mv a/kept a/gone; rm -r a/kept; echo new >a/new
        echo free >free/new && mv free/new free/newer
        ln free/newer other/newest"""
    for level in WALLS:
        place = pathlib.Path(level)
        (place / "a/kept").mkdir(parents=True)
        (place / "free").mkdir()
        (place / "other").mkdir()
        (place / "a/kept/file").write_text("kept\n")
        (place / "a/beside").write_text("old\n")
        kept = place.absolute() / "a/kept"
        Ended([*walls(level, "--keep", kept, write=place.absolute()),
               "/bin/sh", "-c", script])
        assert (place / "a/kept/file").read_text() == "kept\n", level
        assert (place / "a/beside").read_text() == "changed\n", level
        assert (place / "free/newer").read_text() == "free\n", level
        assert (place / "other/newest").exists(), level
        # only there rules cannot be taken back
        assert (place / "a/new").exists() == (level == "bwrap"), level


def test_all_that_is_kept_stays():
    names = ("a/one", "a/two", "a/b/three", "a/b/c/four", "a/b/c/four/five")
    script = """
        mv a x; mv a/b a/x; mv a/b/c a/b/x
        for name; do echo changed >"$name/file"; done
        echo changed >a/b/c/free"""
    for level in WALLS:
        place = pathlib.Path.cwd() / level
        for name in names:
            (place / name).mkdir(parents=True)
            (place / name / "file").write_text("kept\n")
        (place / "a/b/c/free").write_text("old\n")
        kept = [word for name in names for word in ("--keep", place / name)]
        # one that is written inside of another is no way round
        Ended([*walls(level, *kept, "--write", place / "a/b", write=place),
               "/bin/sh", "-c", script, "sh", *names])
        for name in names:
            assert (place / name / "file").read_text() == "kept\n", name
        assert (place / "a/b/c/free").read_text() == "changed\n", level


def test_names_that_are_links_are_the_same_files():
    real = pathlib.Path("real")
    for name in ("kept", "other"):
        (real / name).mkdir(parents=True)
    pathlib.Path("alias").symlink_to("real")
    alias = pathlib.Path.cwd() / "alias"
    for level in WALLS:
        done = Ended([
            CONFINE, "--level", level, "--write", alias, "--keep",
            alias / "kept", "--", "/bin/sh", "-c",
            f"echo 1 >{alias}/other/{level}; echo 2 >{alias}/kept/{level};"
            f"echo 3 >{real.absolute()}/kept/{level}"])
        assert (real / "other" / level).exists(), done
        assert not (real / "kept" / level).exists(), done


def test_what_does_not_exist_is_left_out():
    for level in LEVELS:
        done = Ended([CONFINE, "--level", level, "--read", "/nowhere",
                      "--write", "/nowhere/else", "--keep", "/not/here",
                      "--tmp", "/not/there", "--", "true"])
        assert (done.code, done.report) == (0, "exit 0 orphans 0\n"), done


def test_temporary_files_are_private():
    place = pathlib.Path.cwd() / "private"
    place.mkdir()
    for level in LEVELS:
        done = shell(level, 'echo x >"$TMPDIR/' + level + '"', "--tmp", place)
        assert done.code == 0, done
        assert (place / level).read_text() == "x\n"


# --- how it ends ---


def test_exit_statuses():
    for level in LEVELS:
        for code in (0, 1, 2, 64, 77, 126, 127, 128, 255):
            done = shell(level, f"exit {code}")
            assert (done.code, done.report) == (
                code, f"exit {code} orphans 0\n"), (level, code, done)
        for name in ("HUP", "INT", "KILL", "SEGV", "PIPE", "TERM", "USR1"):
            number = getattr(signal, f"SIG{name}")
            done = shell(level, f"kill -{name} $$")
            assert (done.code, done.report) == (
                128 + number, f"signal {number} orphans 0\n"), (level, done)


def test_what_cannot_be_run():
    pathlib.Path("text").write_text("no program")
    here = os.getcwd()
    for level in LEVELS:
        for code, argv in (
            (127, [*walls(level), "no-such-program"]),
            (127, [*walls(level), f"{here}/missing"]),
            (126, [*walls(level), f"{here}/text"]),
            (126, [CONFINE, "--level", level, "--chdir", f"{here}/none", "--",
                   "true"]),
        ):
            done = Ended(argv, env=os.environ | {"PATH": "/usr/bin:/bin"})
            assert (done.code, done.report) == (
                code, "not-run orphans 0\n"), (level, argv, done)
            assert done.stderr.startswith("confine: "), done


def test_wrong_options():
    for words in (
        [], ["--level", "strong", "--", "true"], ["--level"], ["--read", "a"],
        ["--read", "/a/../b", "--", "true"], ["--write", "/a/", "--", "true"],
        ["--memory", "-1", "--", "true"], ["--memory", "1k", "--", "true"],
        ["--report", "1", "--", "true"], ["--report", "77", "--", "true"],
        ["--unknown", "--", "true"], ["--probe", "--", "true"],
    ):
        done = subprocess.run([CONFINE, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        assert done.returncode == 64, (words, done)
        assert b"usage: confine" in done.stderr, (words, done)
        assert done.stdout == b""


def test_streams_are_the_callers():
    for level in LEVELS:
        done = shell(level, "cat; echo error >&2", stdin=None, input="in\n")
        assert (done.stdout, done.stderr) == ("in\n", "error\n"), done
        done = shell(level, "cat; (: </dev/tty) 2>/dev/null || echo none")
        assert done.stdout == "none\n", (level, done)


def test_what_programs_need_is_there():
    script = """
import os, signal, socket, subprocess, tempfile, threading
for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
    a, b = socket.socketpair(socket.AF_UNIX, kind)
    a.send(b"x")
    assert b.recv(1) == b"x"
os.mkfifo("fifo")
open("/dev/null", "w").write("x")
assert len(open("/dev/urandom", "rb").read(8)) == 8
subprocess.run(["sh", "-c", "exit 3"]).returncode == 3 or exit(1)
thread = threading.Thread(target=os.getpid)
thread.start()
thread.join()
os.kill(os.getpid(), 0)
with tempfile.TemporaryFile() as f:
    f.write(b"x")
fd = os.pidfd_open(os.getpid())
signal.pidfd_send_signal(fd, 0)
"""
    place = pathlib.Path.cwd() / "tmp"
    place.mkdir()
    for level in LEVELS:
        done = Ended([*walls(level, "--tmp", place), sys.executable, "-c",
                      script])
        assert done.code == 0, (level, done)
        pathlib.Path("fifo").unlink()


def test_no_other_descriptor_is_inherited():
    more = [os.dup2(0, number) for number in (3, 4, 50, 900)]
    for number in more:
        os.set_inheritable(number, True)
    for level in LEVELS:
        done = Ended([*walls(level), MISBEHAVE, "descriptors"], pass_fds=more)
        assert done.stdout == "0 1 2 \n", (level, done)


def test_whatever_was_ignored_or_blocked_before():
    def unkind():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {
            signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1})

    for level in LEVELS:
        done = shell(level, "kill -USR1 $$", preexec_fn=unkind)
        assert done.code == 128 + signal.SIGUSR1, (level, done)


# --- trees ---


class Tree:
    """Twelve processes that do not want to end, in their walls.

    Each of them, and whatever holds them, has the standard output open: its
    end of file says that nobody is left.
    """

    def __init__(self, level, *options, mode="tree", wrap=(), wait=True):
        self.marker = str(uuid.uuid4())
        argv = [*wrap, *walls(level, *options), MISBEHAVE, mode, "12"]
        self.process = subprocess.Popen(
            [str(word) for word in argv], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, env=os.environ | {"TREE": self.marker})
        self.out = self.process.stdout
        if wait:
            assert self.out.readline() == b"12\n", level

    def left(self, seconds):
        """Who is there when nobody should be."""
        if select.select([self.out], [], [], seconds)[0]:
            if self.out.read(1) == b"":
                self.out.close()
                return []
        return processes.find("TREE", self.marker) or ["an open output"]


def each_in_threads(function, todo, count=3):
    """Call it for each, some at a time; whatever they raise."""
    todo, failures = list(todo), []

    def work():
        while todo and not failures:
            try:
                function(todo.pop())
            except IndexError:
                return
            except BaseException as failure:  # noqa: B902
                failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def stop_one(level):
    tree = Tree(level, "--grace", "10")
    tree.process.terminate()
    code = tree.process.wait(SECONDS)
    left = tree.left(0)
    assert (code, left) == (128 + signal.SIGTERM, []), (level, code, left)


@harness.limit(120)
def test_no_survivors_at_bwrap():
    bwrap_works()
    each_in_threads(stop_one, ["bwrap"] * 100)


@harness.limit(120)
def test_no_survivors_at_landlock():
    each_in_threads(stop_one, ["landlock"] * 100)


@harness.limit(120)
def test_no_survivors_at_off():
    each_in_threads(stop_one, ["off"] * 100)


def test_what_the_main_process_leaves_is_ended_at_once():
    for level in LEVELS:
        tree = Tree(level, "--grace", "60000", mode="leave")
        assert tree.process.wait(SECONDS) == 4, level
        assert tree.left(0) == [], level


def test_the_grace_is_given():
    script = """
        trap 'echo ending; exit 5' TERM
        echo ready; while :; do sleep 0.01; done"""
    for level in LEVELS:
        argv = [*walls(level, "--grace", 10000), "/bin/sh", "-c", script]
        with subprocess.Popen([str(word) for word in argv], text=True,
                              stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == "ready\n"
            process.terminate()
            assert process.stdout.read() == "ending\n"
            assert process.wait(SECONDS) == 5, level


def test_it_ends_with_its_parent():
    for level in LEVELS:
        tree = Tree(level, "--grace", "10",
                    wrap=["/bin/sh", "-c", '"$@"; :', "sh"])
        tree.process.kill()
        tree.process.wait()
        left = tree.left(SECONDS)
        assert left == [], (level, left)


def test_bwrap_when_confine_is_killed():
    bwrap_works()

    def kill_one(delay):
        tree = Tree("bwrap", wait=delay is None)
        if delay is not None:
            time.sleep(delay)
        tree.process.kill()
        tree.process.wait()
        if delay is not None:
            while select.select([tree.out], [], [], 1)[0]:
                if tree.out.read1(16) == b"":
                    return
            raise AssertionError(processes.find("TREE", tree.marker))
        left = tree.left(1)
        assert left == [], left

    moments = [number / 1000 for number in range(0, 40)]
    each_in_threads(kill_one, [None] * 20 + moments)


def test_the_others_become_a_subreapers():
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    for level in ("landlock", "off"):
        tree = Tree(level)
        tree.process.kill()
        tree.process.wait()
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            mine = [p for p in processes.descendants(os.getpid())
                    if p.parent == os.getpid()]
            for process in mine:
                os.kill(process.pid, signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                break
        assert tree.left(0) == [], level


# --- limits ---

LIMITS = {
    "memory": (["memory", 64 << 20], ["--memory", 24 << 20]),
    "processes": (["processes", 60], ["--processes", 20]),
    "cpu": (["spread", 6], ["--cpu", 1]),
    "file-size": (["file", 4 << 20], ["--file-size", 1 << 20]),
}


def check_limit(cause):
    act, limit = LIMITS[cause]
    for level in LEVELS:
        done = Ended([*walls(level, *limit), MISBEHAVE, *map(str, act)])
        assert done.word == cause, (level, done)
        assert done.code >= 128, (level, done)


def test_limit_of_memory():
    check_limit("memory")


def test_limit_of_processes():
    check_limit("processes")


def test_limit_of_processor_time():
    check_limit("cpu")


def test_limits_that_the_kernel_keeps():
    for level in LEVELS:
        done = shell(level, "ulimit -t; ulimit -c", "--cpu", 7)
        assert done.stdout.startswith("7\n"), done
        assert done.stdout == "7\n0\n" or level == "off", done


def test_limit_of_files():
    check_limit("file-size")
    assert pathlib.Path("large").stat().st_size <= 1 << 20


def test_who_stays_below_the_limits_is_left_alone():
    limits = [word for _, limit in LIMITS.values() for word in limit]
    for level in LEVELS:
        done = Ended([*walls(level, *limits), MISBEHAVE, "chain", "100"])
        assert (done.code, done.word) == (0, "exit 0"), (level, done)


# --- levels ---


def probe(*words, wrap=(), **env):
    done = subprocess.run(
        [str(word) for word in (*wrap, CONFINE, "--probe", *words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | env, timeout=SECONDS, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_strongest_level_is_found():
    bwrap_works()
    assert probe() == (0, "bwrap\n", "")
    for level in LEVELS:
        assert probe("--level", level) == (0, f"{level}\n", "")


def test_a_level_that_does_not_work_is_not_taken():
    code, level, reason = probe(PATH="/nowhere")
    assert (code, level) == (0, "landlock\n"), reason
    code, level, reason = probe("--level", "bwrap", PATH="/nowhere")
    assert (code, level) == (77, "") and "not found" in reason, reason
    done = Ended([CONFINE, "--level", "bwrap", "--", "/bin/true"],
                 env={"PATH": "/nowhere"})
    assert (done.code, done.report) == (77, "walls orphans 0\n"), done


def test_a_bwrap_that_fails_is_no_level():
    false = pathlib.Path("bin/bwrap")
    false.parent.mkdir()
    false.symlink_to("/bin/false")
    path = f"{false.parent.absolute()}:/usr/bin:/bin"
    assert probe(PATH=path)[:2] == (0, "landlock\n")
    done = Ended([CONFINE, "--level", "bwrap", "--", "/bin/touch", "touched"],
                 env={"PATH": path})
    assert (done.code, done.report) == (77, "walls orphans 0\n"), done
    assert not pathlib.Path("touched").exists()


def test_a_bwrap_of_the_commands_own_is_not_run():
    bwrap_works()
    own = pathlib.Path.cwd() / "bin/bwrap"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\ntouch touched\n")
    own.chmod(0o755)
    done = Ended([*walls("bwrap"), "true"],
                 env=os.environ | {"PATH": f"{own.parent}:/usr/bin:/bin"})
    assert done.code == 0, done
    assert not pathlib.Path("touched").exists()


def test_without_landlock_there_is_no_such_level():
    without = [MISBEHAVE, "without", LANDLOCK_CALL]
    code, level, reason = probe("--level", "landlock", wrap=without)
    assert (code, level) == (77, ""), level
    assert "landlock: not in this kernel" in reason, reason
    code, level, _ = probe(wrap=without, PATH="/nowhere")
    assert (code, level) == (77, ""), level


def test_walls_within_walls():
    deep = '! cat "$1" 2>/dev/null && ! (echo x >"$1") 2>/dev/null && exit 5'
    secret = pathlib.Path("secret").absolute()
    secret.write_text("secret\n")
    place = pathlib.Path("place").absolute()
    place.mkdir()
    for level in WALLS:
        inner = walls("landlock", write=place)
        done = Ended([*walls(level, write=place), CONFINE, "--probe"])
        assert done.stdout == "landlock\n", (level, done)
        done = Ended([*walls(level, write=place), *inner, *inner, "/bin/sh",
                      "-c", deep, "sh", str(secret)])
        assert done.code == 5, (level, done)


def test_massgen_runs_within_walls():
    script = [str(harness.BUILD / "massgen"), "--automation", "--dry-run", "q"]
    for level in LEVELS:
        place = pathlib.Path(level).absolute()
        place.mkdir()
        done = Ended([*walls(level, write=place), *script],
                     env=os.environ | {"HOME": str(place)})
        assert done.code == 0, (level, done)
        assert done.stdout.startswith(f"LOG_DIR: {place}"), done


if __name__ == "__main__":
    harness.main()
