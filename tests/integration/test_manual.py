#!/usr/bin/python3
"""The manual says what the program does, and the program what it says."""

import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
from massgen import (  # noqa: E402
    agents_config,
    mock,
    plain,
    start,
    write_config,
)

MAN = harness.ROOT / "man"


def page(name):
    return (MAN / name).read_text()


def section(text, head):
    """The lines of a page's section."""
    return text.split(f"\n.Sh {head}\n", 1)[1].split("\n.Sh ", 1)[0]


def words(name):
    """A page's text on one line, without its macros."""
    return re.sub(r"\s+", " ", re.sub(r"(?m)^\.\w+ ?", "", page(name)))


def names_of_table(path):
    """The names in the first member of a C table's rows."""
    text = (harness.ROOT / path).read_text()
    return set(re.findall(r'\] = \{ "([a-z_]+)"', text))


def test_options_are_the_same_everywhere():
    shown = set(re.findall(r"--[a-z][a-z-]+", plain("--help").stdout))
    described = {
        "-" + flag
        for flag in re.findall(r"\bFl (-[a-z][a-z-]+)", page("massgen.1"))
    }
    script = (harness.ROOT / "completions/massgen.bash").read_text()
    listed = re.search(r'local options="([^"]*)"', script).group(1).split()
    assert described == shown, described ^ shown
    assert set(listed) == shown | {"-o"}, set(listed) ^ shown


def test_the_completion_knows_the_backends_that_run():
    script = (harness.ROOT / "completions/massgen.bash").read_text()
    listed = re.search(r'local backends="([^"]*)"', script).group(1).split()
    text = (harness.ROOT / "supervisor/config/preset.c").read_text()
    types = re.findall(r'^\t\{ "([a-z0-9_]+)", ([A-Z]+|"[a-z]+"),', text, re.M)
    runs = [name for name, wire in types if wire != "NULL"]
    assert listed == runs, listed


def test_every_backend_type_has_an_example():
    text = (harness.ROOT / "supervisor/config/preset.c").read_text()
    types = re.findall(r'^\t\{ "([a-z0-9_]+)", ([A-Z]+|"[a-z]+"),', text, re.M)
    runs = {name for name, wire in types if wire not in ("NULL", '"mock"')}
    shipped = {
        path.stem: path.read_text()
        for path in (harness.ROOT / "configs/providers").glob("*.yaml")
    }
    assert set(shipped) == runs, set(shipped) ^ runs
    for name, config in shipped.items():
        assert f"type: {name}\n" in config, name


def test_every_backend_type_is_in_the_manual():
    text = (harness.ROOT / "supervisor/config/preset.c").read_text()
    rows = re.findall(
        r'^\t\{ "([a-z0-9_]+)", ([A-Z]+|"[a-z]+"),[^{]*\{([^}]*)\}',
        text,
        re.M,
    )
    told = section(page("massgen.yaml.5"), "BACKEND TYPES")
    assert len(rows) > 20, rows
    for name, wire, variables in rows:
        assert re.search(rf"\b{name}\b", told), name
        if wire != "NULL":
            for variable in re.findall(r'"(\w+)"', variables):
                assert variable in told, variable


def test_no_agent_has_the_name_of_what_is_in_a_run_directory():
    told = section(page("massgen-status.5"), "RUN DIRECTORY")
    paths = re.findall(r"^\.It Pa ([^/\s]+)", told, re.M)
    names = {path.replace("_N", "_7") for path in paths}
    names -= {name for name in names if re.match("AGENT$|YYYY", name)}
    assert len(names) > 15, names
    config = write_config(agents_config({name: mock() for name in names}))
    errors = json.loads(plain("--validate", config, "--json").stdout)["errors"]
    refused = {error["message"].split("'")[3] for error in errors}
    assert refused == names, refused ^ names


def test_every_message_has_its_section():
    text = page("massgen-ipc.7")
    sections = set(re.findall(r"^\.Ss ([a-z]+)$", text, re.M))
    messages = names_of_table("ipc/msg.c")
    assert len(messages) > 15, messages
    assert messages <= sections, messages - sections


def test_every_member_of_a_message_is_in_its_section():
    table = (harness.ROOT / "ipc/msg.c").read_text()
    text = page("massgen-ipc.7")
    kinds = {
        "STR": {"string"},
        "INT": {"integer"},
        "REAL": {"number"},
        "BOOL": {"boolean"},
        "JSON": {"object", "array"},
    }
    rows = re.findall(r'\] = \{ "([a-z]+)", MSG_\w+,(.*?)\) \}', table, re.S)
    assert len(rows) > 15, rows
    for name, body in rows:
        if name == "reasoning":  # "members as of content"
            continue
        part = text.split(f"\n.Ss {name}\n", 1)[1]
        part = re.split(r"\n\.S[sh] ", part, maxsplit=1)[0]
        told = {
            member: (kind, bool(optional))
            for member, kind, optional in re.findall(
                r"^\.It Va (\w+) , No (\w+)(, optional)?", part, re.M
            )
        }
        members = re.findall(r"M\((\w+), FIELD_(\w+), (\w+)\)", body)
        assert set(told) == {m for m, _, _ in members}, (name, told)
        for member, kind, required in members:
            assert told[member][0] in kinds[kind], (name, member)
            assert told[member][1] == (required == "false"), (name, member)


def test_every_event_is_in_the_journals_section():
    text = section(page("massgen-status.5"), "JOURNAL")
    told = set()
    for line in re.findall(r"^\.It ([a-z_ ,]+)$", text, re.M):
        told |= set(line.split(" , "))
    events = names_of_table("supervisor/decide/event.c")
    assert events == told, events ^ told


def members_of(value, agents=False):
    """All member names in a status, but for ids and labels."""
    names = set()
    for key, inner in value.items():
        if key in ("votes", "votes_superseded"):
            names.add(key)
        elif isinstance(inner, dict):
            names |= members_of(inner, key == "agents")
            names |= set() if agents else {key}
        elif not agents:
            names.add(key)
    return names


def test_every_member_of_the_files_is_described():
    result = start("Q", flags=("--automation", "--dry-run")).wait()
    text = page("massgen-status.5")
    described = set(
        re.findall(r"\b[a-z0-9_]+\b", " ".join(
            re.findall(r"^\.(?:It )?Va (.*)$", text, re.M)
        ))
    )  # fmt: skip
    described |= set(re.findall(r"^\.Ss ([a-z]+)$", text, re.M))
    for status in (result.status, result.manifest):
        missing = members_of(status) - described
        assert not missing, missing
    events = set().union(*result.events)
    assert not events - described, events - described
    log_dir = result.log_dir
    for path in log_dir.iterdir():
        assert path.name.split(".")[0] in text or path.is_dir(), path


def test_the_exit_codes_and_the_environment_are_told():
    text = words("massgen.1")
    for code in range(5):
        assert re.search(rf"EXIT STATUS.* {code} [A-Z]", text), code
    sources = (harness.ROOT / "supervisor").rglob("*.c")
    for path in sources:
        for name in re.findall(r'getenv\("(\w+)"\)', path.read_text()):
            assert name in text, (path, name)


def test_the_limits_of_the_protocol_are_those_of_the_code():
    text = words("massgen-ipc.7")
    worker = (harness.ROOT / "supervisor/process/worker.c").read_text()
    life = (harness.ROOT / "supervisor/life.c").read_text()
    message = (harness.ROOT / "ipc/msg.h").read_text()

    def number(name, source):
        found = re.search(rf"#define {name}\s+\D*(\d+)", source)
        return int(found.group(1))

    assert f"{number('MSG_LINE_MAX', message)} MiB, its newline" in text
    assert f"{number('MSG_DEPTH_MAX', message)} levels" in text
    assert f"describes version {number('MSG_VERSION', message)}." in text
    assert f"within {number('HELLO_MS', worker) // 1000} seconds" in text
    assert f"every {number('SILENCE_MS', life) // 1000} seconds" in text
    assert f"has {number('CLOSING_MS', worker)} milliseconds" in text
    assert f"{number('TERMED_MS', worker) / 1000} seconds later" in text
    assert f"may be {number('SAID_MAX', worker)} MiB in all" in text
    assert f"{number('QUEUE_MAX', worker)} MiB of messages" in text
    assert f"{number('ERR_BYTES_MAX', worker)} MiB are taken" in text


def test_the_worker_in_the_manual_takes_part():
    code = page("massgen-ipc.7").split("#!/usr/bin/python3\n", 1)[1]
    code = code.split("\n.Ed", 1)[0].replace("\\(aq", "'")
    parrot = pathlib.Path("parrot").resolve()
    parrot.write_text("#!/usr/bin/python3\n" + code)
    parrot.chmod(0o755)
    agents = [
        {
            "id": name,
            "backend": {
                "type": "vllm",
                "model": "m",
                "base_url": "http://127.0.0.1:1",
            },
        }
        for name in ("polly", "jack")
    ]
    result = start("Hello", config={"agents": agents}, worker=parrot).wait()
    assert result.code == 0, result
    assert result.answer in (b"agent1: Hello", b"agent2: Hello"), result
    votes = [e for e in result.events if e["type"] == "vote"]
    assert {e["agent"] for e in votes} == {"polly", "jack"}, votes


def test_the_examples_of_the_readme_exist():
    readme = harness.ROOT / "README.md"
    listed = plain("--list-examples").stdout.split()
    for text in (readme.read_text(), page("massgen.1")):
        for name in re.findall(r"@examples/([a-z_/]+)", text):
            assert name in listed or name in ("name", "configs/"), name


def test_the_configuration_in_the_readme_can_be_used():
    text = (harness.ROOT / "README.md").read_text()
    pathlib.Path("team.yaml").write_text(
        re.search(r"```yaml\n(.*?)```", text, re.S).group(1)
    )
    result = plain("--validate", "team.yaml")
    assert result.code == 0 and "0 errors" in result.stdout, result


def test_the_readme_names_every_folder_of_the_source():
    text = (harness.ROOT / "README.md").read_text()
    for top in ("ipc", "supervisor", "agent-worker"):
        for path in (harness.ROOT / top).rglob("*.c"):
            folder = path.parent.relative_to(harness.ROOT)
            assert f"`{folder}/`" in text, folder


if __name__ == "__main__":
    harness.main()
