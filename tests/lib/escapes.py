"""What is known of the ways out of confine, and how they are tried."""

import contextlib
import os
import pathlib
import pty
import shutil
import subprocess

import harness

CONFINE = harness.BUILD / "confine"
ESCAPE = harness.BUILD / "tests/bin/try-escape"
LEAKED_FD = 99

# The probes that each name in the manual's lists stands for.
HOLES = {
    "everything": set(),
    "attributes": {"file-chmod", "file-chown", "file-utimes",
                   "file-setxattr", "read-chmod", "read-fchmod",
                   "read-utimes"},
    "names": {"file-stat", "file-chdir", "file-readlink"},
    "watching": {"file-inotify"},
    "processes": {"process-cmdline", "process-status", "process-pidfd-open",
                  "process-getsid"},
    "priorities": {"process-nice", "process-affinity", "process-scheduler",
                   "process-io-priority"},
    "programs": {"program-memfd"},
    "standard-descriptors": {"file-stdin-again"},
    "fifos": {"fifo-write"},
    "network": {"net-tcp", "net-tcp-fast-open", "net-mptcp", "net-udp",
                "net-netlink"},
}
CLOSED_TO_ROOT = HOLES["priorities"]


def names():
    """Every probe."""
    done = subprocess.run([ESCAPE, "list"], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split()


@contextlib.contextmanager
def victim(directory):
    """Somebody outside; what is to be known of it, as variables."""
    with subprocess.Popen([ESCAPE, "victim", directory],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          start_new_session=True, text=True) as process:
        facts = {}
        for line in process.stdout:
            if line == "\n":
                break
            name, value = line.rstrip("\n").split("=", 1)
            facts[name] = value
        yield facts
        process.stdin.close()


def make_files(directory, probes):
    """Directories as a run has them, and a file or two for each probe."""
    made = {"OUT": directory / "out", "WS": directory / "ws",
            "KEEP": directory / "ws/way/kept", "TMP": directory / "tmp",
            "READ": directory / "read"}
    for path in made.values():
        path.mkdir(parents=True)
    (made["WS"] / "sub").mkdir()
    for name in probes:
        (made["OUT"] / f"{name}.f").write_text("secret\n")
        (made["OUT"] / f"{name}.d").mkdir()
        (made["KEEP"] / f"{name}.f").write_text("kept\n")
    (made["OUT"] / "link").symlink_to("nowhere")
    shutil.copy("/bin/true", made["OUT"] / "program")
    (made["READ"] / "file").write_text("secret\n")
    made |= {"READ_FILE": made["READ"] / "file", "MINE": made["WS"] / "sub", "KEEP_WAY": directory / "ws/way",
             "OUT_LINK": made["OUT"] / "link",
             "OUT_PROGRAM": made["OUT"] / "program",
             "HOME_FILE": pathlib.Path(os.environ["HOME"]) / ".secret"}
    made["HOME_FILE"].write_text("secret\n")
    return {name: str(path) for name, path in made.items()}


def machine():
    """What the machine has that a probe may look for."""
    links = [path for path in pathlib.Path("/sys/class/net").iterdir()
             if path.name != "lo" and (path / "ifindex").exists()]
    index = int((links[0] / "ifindex").read_text()) if links else 0
    groups = [path.parent for path in
              pathlib.Path("/sys/fs/cgroup").glob("**/cgroup.procs")]
    return {"INTERFACE": str(index),
            "CGROUP": str(groups[0] if groups else "/sys/fs/cgroup")}


def arguments(level, facts):
    """How confine is called; level None is without it."""
    if level is None:
        return []
    return [CONFINE, "--level", level, "--read", facts["READ"],
            "--read", harness.BUILD, "--write", facts["WS"],
            "--keep", facts["KEEP"], "--tmp", facts["TMP"],
            "--chdir", facts["WS"]]


def tree(directory):
    """Everything below it that a probe could have changed."""
    found = {}
    for path in sorted(pathlib.Path(directory).rglob("*")):
        sb = path.lstat()
        found[str(path.relative_to(directory))] = (
            sb.st_mode & 0o170000, sb.st_size, sb.st_ino,
            path.read_bytes() if path.is_file() else None)
    return found


def order(directory, argv, env):
    """A descriptor that says what to run, for walls made before."""
    reader, writer = os.pipe()
    words = [directory, len(argv), *argv, *(f"{k}={env[k]}" for k in env)]
    os.write(writer, "".join(f"{word}\0" for word in words).encode())
    os.close(writer)
    return reader


def attempt(level, directory, *options, ahead=False):
    """Try every way: {probe: "open", "closed" or "none"}, files changed.

    ahead: what is tried is said when the walls are there.
    """
    probes = names()
    facts = make_files(directory, probes)
    with victim(facts["READ"]) as found:
        facts |= found | machine()
        watched = {name: tree(facts[name]) for name in ("OUT", "KEEP", "READ")}
        master, slave = pty.openpty()
        with open(facts["OUT"] + "/file-stdin-again.f", "rb") as source:
            leaked = os.open(facts["OUT"] + "/file-leaked-descriptor.f",
                             os.O_WRONLY)
            os.dup2(leaked, LEAKED_FD)
            command = arguments(level, facts)
            command += [*options, "--"] if command else []
            command += [ESCAPE, "run"]
            env = os.environ | facts | {"TTY": os.ttyname(slave)}
            fds = [LEAKED_FD]
            if ahead:
                env["TMPDIR"] = "/tmp" if level == "bwrap" else facts["TMP"]
                fds.append(order(facts["WS"], command[-2:], env))
                command[-3:] = ["--command", str(fds[-1])]
            done = subprocess.run(
                command, stdin=source, stdout=subprocess.PIPE, stderr=slave,
                pass_fds=fds, env=env, timeout=50)
            for fd in fds[1:]:
                os.close(fd)
        said = b""
        os.set_blocking(master, False)
        with contextlib.suppress(OSError):
            said = os.read(master, 4096)
        for fd in (master, slave, leaked, LEAKED_FD):
            os.close(fd)
        changed = [name for name in watched
                   if watched[name] != tree(facts[name])]
    assert done.returncode == 0, (done.returncode, said)
    result = dict(line.split() for line in done.stdout.decode().splitlines())
    assert list(result) == probes, set(probes) ^ set(result)
    return result, changed
