#!/usr/bin/python3
"""The run directory: every promised file, saying what happened."""

import json
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "lib"))
import harness  # noqa: E402
import massgen  # noqa: E402
from massgen import agents_config, mock, run  # noqa: E402

STEP = re.compile(r"\d{8}_\d{6}_\d{6}")
THREE = agents_config(
    {
        "ann": mock(
            {"answer": "Ann says\n42", "delay_ms": 10},
            {"vote": "bob", "reason": "better", "delay_ms": 100},
        ),
        "bob": mock(
            {"answer": "Bob says 42, because", "delay_ms": 20},
            {"vote": "bob", "reason": "mine", "delay_ms": 100},
            {"present": "It is 42."},
        ),
        "cid": mock(
            {"answer": "Cid says 43", "delay_ms": 30},
            {"vote": "ann", "reason": "short", "delay_ms": 100},
        ),
    }
)


def steps(result, agent, name):
    """The files called name of the agent's steps, in order."""
    found = sorted(result.log_dir.glob(f"{agent}/*/{name}"))
    assert all(STEP.match(path.parent.name) for path in found), found
    return found


def test_name_is_a_time():
    result = run("--dry-run", "Q")
    assert re.fullmatch(r"log_\d{8}_\d{6}_\d{6}", result.log_dir.name)


def test_final_answer():
    result = run("--dry-run", "Q", config=THREE)
    assert result.winner == "bob", result
    final = result.log_dir / "final" / "bob"
    assert final.joinpath("answer.txt").read_text().strip() == "It is 42."
    assert final.joinpath("context.txt").is_file()
    assert [p.name for p in (result.log_dir / "final").iterdir()] == ["bob"]
    status = result.status["results"]
    path = result.log_dir / status["final_answer_path"]
    assert path == final / "answer.txt", status
    assert status["final_answer_preview"] == "It is 42.", status


def test_the_final_answer_is_written_before_the_rest():
    """What is left of a disk is for it first."""
    result = run("--dry-run", "Q", config=agents_config({
        "ann": mock({"answer": "42"}, {"vote": "ann"},
                    {"present": "It is 42.", "delay_ms": 50}),
    }))
    final = (result.log_dir / "final/ann/answer.txt").stat().st_mtime_ns
    copies = list(result.log_dir.glob("final_output/*/answer.txt"))
    assert copies and all(
        final <= copy.stat().st_mtime_ns for copy in copies), result


def test_every_promised_file_is_there():
    result = run("--dry-run", "Q", config=THREE)
    for name in (
        "status.json",
        "events.ndjson",
        "coordination_events.json",
        "coordination_table.txt",
        "vote.json",
        "snapshot_mappings.json",
        "execution_metadata.yaml",
        "massgen.log",
        "final_output/manifest.json",
    ):
        assert (result.log_dir / name).is_file(), name
        assert (result.log_dir / name).stat().st_size > 0, name
    for agent in ("ann", "bob", "cid"):
        assert (result.log_dir / "agent_outputs" / f"{agent}.txt").is_file()
        assert (result.log_dir / "final_output" / agent).is_dir()


def test_each_answer_has_its_step():
    result = run("--dry-run", "Q", config=THREE)
    (answer,) = steps(result, "ann", "answer.txt")
    assert answer.read_text() == "Ann says\n42"
    assert answer.with_name("context.txt").is_file()
    (answer,) = steps(result, "cid", "answer.txt")
    assert answer.read_text() == "Cid says 43"


def test_each_vote_has_its_step():
    result = run("--dry-run", "Q", config=THREE)
    (path,) = steps(result, "cid", "vote.json")
    vote = json.loads(path.read_text())
    assert vote["voter_id"] == "cid" and vote["voted_for"] == "ann", vote
    assert vote["voter_anon_id"] == "agent3", vote
    assert vote["voted_for_anon"] == "agent1", vote
    assert vote["reason"] == "short", vote
    assert vote["agent_mapping"]["agent2"] == "bob", vote
    assert vote["available_options"] == ["ann", "bob", "cid"], vote
    assert vote["timestamp"] == path.parent.name, vote
    assert abs(vote["unix_timestamp"] - time.time()) < 60, vote
    assert vote["vote_context"] == {
        "total_agents": 3,
        "agents_with_answers": 3,
        "current_task": "Q",
    }, vote


def test_a_vote_is_told_alike_in_its_step_and_in_the_report():
    result = run("--dry-run", "Q", config=THREE)
    report = result.json("vote.json")
    told = report["votes"] + report["votes_superseded"]
    paths = list(result.log_dir.glob("*/*/vote.json"))
    assert len(paths) == len(told) == 3, told
    for path in paths:
        vote = json.loads(path.read_text())
        (same,) = (v for v in told if v["iteration"] == vote["iteration"])
        # a clock is read once for each
        assert abs(same.pop("unix_timestamp") - vote.pop("unix_timestamp")) < 5
        assert vote == same, (vote, same)


def test_vote_json_tells_the_whole_vote():
    result = run("--dry-run", "Q", config=THREE)
    text = (result.log_dir / "vote.json").read_text()
    json.loads(text)
    for word in ("ann", "bob", "cid", "better", "mine", "short"):
        assert word in text, text


def test_manifest_lists_what_is_there():
    result = run("--dry-run", "Q", config=THREE)
    listed = massgen.assert_manifest(result)
    assert listed, result.manifest
    paths = {str(pathlib.PurePath(path)) for path in listed}
    for agent in ("ann", "bob", "cid"):
        own = [p for p in paths if p.startswith(f"final_output/{agent}/")]
        assert own, (agent, paths)
        texts = [(result.log_dir / p).read_text() for p in own]
        assert any(agent.capitalize() in text for text in texts), texts
    assert any(p.startswith("final/bob/") for p in paths), paths
    assert result.manifest["winner"] == "bob", result.manifest
    path = result.log_dir / result.status["results"]["manifest"]
    assert path == result.log_dir / "final_output/manifest.json"


def test_no_file_of_the_consolidation_is_unlisted():
    result = run("--dry-run", "Q", config=THREE)
    listed = set(massgen.assert_manifest(result))
    there = {
        str(path.relative_to(result.log_dir))
        for path in (result.log_dir / "final_output").rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert there <= listed, there - listed


def test_journal_checksums_chain():
    result = run("--dry-run", "Q", config=THREE)
    crc = 0
    data = (result.log_dir / "events.ndjson").read_bytes()
    for line in data.splitlines(keepends=True):
        body, _, tail = line.rpartition(b',"c":"')
        crc = massgen.crc32c(body, crc)
        assert tail == f'{crc:08x}"}}\n'.encode(), line


def test_journal_tells_the_course():
    result = run("--dry-run", "Q", config=THREE)
    types = [event["type"] for event in result.events]
    assert types[0] == "run_started" and types[-1] == "run_ended", types
    assert types.count("answer") == 3, types
    assert types.count("run_ended") == 1, types
    assert types.index("winner") > types.index("vote"), types
    final = types.index("final_answer")
    assert types.index("winner") < final < types.index("run_ended"), types


def test_coordination_events_have_their_envelope():
    result = run("--dry-run", "The question", config=THREE)
    record = result.json("coordination_events.json")
    meta = record["session_metadata"]
    assert meta["user_prompt"] == "The question", meta
    assert meta["agent_ids"] == ["ann", "bob", "cid"], meta
    assert meta["final_winner"] == "bob", meta
    assert meta["start_time"] <= meta["end_time"], meta
    kinds = [event["event_type"] for event in record["events"]]
    assert kinds.count("new_answer") == 3, kinds
    assert "vote_cast" in kinds and "final_agent_selected" in kinds, kinds
    for event in record["events"]:
        assert {"timestamp", "event_type", "agent_id", "details"} <= set(
            event
        ), event


def test_snapshot_mappings_lead_to_files():
    result = run("--dry-run", "Q", config=THREE)
    mappings = result.json("snapshot_mappings.json")
    assert {"agent1.1", "agent2.1", "agent3.1"} <= set(mappings), mappings
    kinds = set()
    for label, entry in mappings.items():
        kinds.add(entry["type"])
        assert entry["label"] == label, entry
        assert (result.log_dir / entry["path"]).is_file(), entry
    assert {"answer", "vote", "final_answer"} <= kinds, kinds
    assert mappings["agent2.1"]["agent_id"] == "bob", mappings
    assert "agent2.final" in mappings, mappings


def test_table_shows_everybody():
    result = run("--dry-run", "The question", config=THREE)
    table = (result.log_dir / "coordination_table.txt").read_text()
    for word in ("ann", "bob", "cid", "The question", "agent1.1"):
        assert word in table, table
    assert "\x1b" not in table, table


def test_metadata_holds_the_question_and_the_configuration():
    result = run("--dry-run", "The question", config=THREE)
    text = (result.log_dir / "execution_metadata.yaml").read_text()
    for word in ("query:", "The question", "config_path:", "cid"):
        assert word in text, text


def test_metadata_holds_the_command_line():
    result = run(
        *("--dry-run", "--max-cost", "2", "--agent-timeout", "1.5"),
        *("-o", "out.txt", "Q"),
        config=THREE,
    )
    text = (result.log_dir / "execution_metadata.yaml").read_text()
    args = text[text.index("cli_args:") :]
    for line in (
        '\n  config: config.yaml\n',
        '\n  automation: true\n',
        '\n  dry_run: true\n',
        '\n  json: false\n',
        '\n  question_file: null\n',
        '\n  output: out.txt\n',
        '\n  agent_timeout: 1.5\n',
        '\n  max_cost: 2.0\n',
        '\n  orchestrator_timeout: null\n',
    ):
        assert line in args, args


def test_outputs_hold_what_was_streamed():
    stream = {"chunks": 10, "bytes": 100, "interval_ms": 1}
    config = agents_config({"a": mock({"answer": "AAA", "stream": stream})})
    result = run("Q", config=config)
    text = (result.log_dir / "agent_outputs/a.txt").read_text()
    assert len(text) >= 1000, text


def test_log_has_the_workers_stderr():
    config = agents_config(
        {"a": {"system_message": "stderr_flood", "backend": {"type": "mock"}}}
    )
    result = run("Q", config=config, worker=harness.FAKE_WORKER)
    assert result.code == 0, result
    log = (result.log_dir / "massgen.log").read_text()
    assert "eeeeeeee" in log
    assert len(log) < 20_000_000, len(log)
    assert re.search(r"^\d\d:\d\d:\d\d \| [A-Z]+ +\| ", log), log[:200]


def test_no_answer_no_final():
    config = agents_config({"a": mock({"error": "no", "permanent": True})})
    result = run("Q", config=config)
    assert result.code == 2, result
    assert not list(result.log_dir.glob("final/*/answer.txt"))
    assert (result.log_dir / "final_output/manifest.json").is_file()
    for name in ("coordination_events.json", "coordination_table.txt"):
        assert (result.log_dir / name).is_file(), name


def test_final_has_a_workspace_and_the_context():
    result = run("--dry-run", "The question", config=THREE)
    final = result.log_dir / "final" / "bob"
    assert "The question" in (final / "context.txt").read_text()
    assert (final / "workspace").is_dir()


def test_output_file_has_the_answer():
    result = run("--dry-run", "-o", "out.txt", "Q", config=THREE)
    assert pathlib.Path("out.txt").read_bytes() == result.answer


def test_output_file_is_replaced():
    pathlib.Path("out.txt").write_text("old and long" * 100)
    result = run("--dry-run", "-o", "out.txt", "Q", config=THREE)
    assert pathlib.Path("out.txt").read_bytes() == result.answer


def test_nothing_is_written_elsewhere():
    before = {str(path) for path in pathlib.Path().rglob("*")}
    result = run("--dry-run", "--log-root", "logs", "Q")
    after = {str(path) for path in pathlib.Path().rglob("*")}
    new = {p for p in after - before if not p.startswith("logs")}
    assert not new, new
    assert len(list(pathlib.Path("logs").iterdir())) == 1, result


if __name__ == "__main__":
    harness.main()
