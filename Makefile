# massgen: everything is built from here, into build/.

VERSION =	0.1.0

PREFIX ?=	/usr/local
BINDIR ?=	$(PREFIX)/bin
LIBEXECDIR ?=	$(PREFIX)/libexec/massgen
DATADIR ?=	$(PREFIX)/share/massgen
MANDIR ?=	$(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
MAN =		massgen.1 massgen.yaml.5 massgen-status.5 massgen-ipc.7 \
		agent-worker.8 confine.8

CC ?=		cc
PKGS =		libbsd-overlay json-c yaml-0.1
WARNINGS =	-Wall -Wextra -Wshadow -Wstrict-prototypes \
		-Wmissing-prototypes -Wmissing-declarations -Wpointer-arith \
		-Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla \
		-Wswitch-enum -Wold-style-definition
CFLAGS ?=	-O2 -g
B ?=		build
ALL_CPPFLAGS =	-I. -D_GNU_SOURCE -DMASSGEN_VERSION='"$(VERSION)"' \
		-DMASSGEN_LIBEXECDIR='"$(LIBEXECDIR)"' \
		-DMASSGEN_DATADIR='"$(DATADIR)"' \
		$(shell pkg-config --cflags $(PKGS)) $(CPPFLAGS)
ALL_CFLAGS =	-std=gnu11 $(WARNINGS) -fno-common -fstack-protector-strong \
		-D_FORTIFY_SOURCE=2 $(CFLAGS)
ifeq ($(DEVELOPER),1)
ALL_CFLAGS +=	-Werror
endif
# Small, and loaded by every process of a run: what is linked in is there.
LIBS =		-l:libjson-c.a -l:libbsd.a -l:libmd.a
LIBYAML =	-l:libyaml.a

# make V=1 shows the commands.
ifndef V
SAY =		@printf '%8s %s\n'
SAY_CC =	$(SAY) CC $<;
SAY_LD =	$(SAY) LD $@;
SAY_AR =	$(SAY) AR $@;
endif

IPC_SRCS =	ipc/buf.c \
		ipc/chan.c \
		ipc/children.c \
		ipc/err.c \
		ipc/field.c \
		ipc/log.c \
		ipc/msg.c \
		ipc/pathname.c \
		ipc/pattern.c \
		ipc/spawn.c \
		ipc/tree.c \
		ipc/tree_copy.c \
		ipc/tree_links.c \
		ipc/trywrite.c \
		ipc/utf8.c \
		ipc/words.c \
		ipc/xmalloc.c

CONFIG_SRCS =	supervisor/config/agent.c \
		supervisor/config/check.c \
		supervisor/config/command_line.c \
		supervisor/config/context.c \
		supervisor/config/diag.c \
		supervisor/config/examples.c \
		supervisor/config/expand.c \
		supervisor/config/find.c \
		supervisor/config/load.c \
		supervisor/config/mcp_rules.c \
		supervisor/config/mcp_servers.c \
		supervisor/config/node.c \
		supervisor/config/preset.c \
		supervisor/config/price_load.c \
		supervisor/config/print.c \
		supervisor/config/program.c \
		supervisor/config/quick.c \
		supervisor/config/scalar.c \
		supervisor/config/schema.c \
		supervisor/config/script.c \
		supervisor/config/source.c \
		supervisor/config/suggest.c \
		supervisor/config/tools.c \
		supervisor/config/tree.c \
		supervisor/config/url.c \
		supervisor/config/yaml.c

SUPERVISOR_SRCS = supervisor/main.c \
		supervisor/options.c \
		supervisor/early.c \
		supervisor/environment.c \
		supervisor/run.c \
		supervisor/sandbox.c \
		supervisor/setup.c \
		supervisor/attempt.c \
		supervisor/planning.c \
		supervisor/question.c \
		supervisor/spend.c \
		supervisor/loop.c \
		supervisor/dispatch.c \
		supervisor/finalize.c \
		supervisor/life.c \
		supervisor/validate.c \
		supervisor/verdict.c \
		supervisor/workspace.c \
		supervisor/decide/account.c \
		supervisor/decide/event.c \
		supervisor/decide/exit.c \
		supervisor/decide/novelty.c \
		supervisor/decide/order.c \
		supervisor/decide/price.c \
		supervisor/decide/query.c \
		supervisor/decide/restart.c \
		supervisor/decide/session.c \
		supervisor/decide/vote.c \
		supervisor/nest/child.c \
		supervisor/nest/door.c \
		supervisor/nest/gc.c \
		supervisor/nest/identity.c \
		supervisor/nest/leftover.c \
		supervisor/nest/ledger.c \
		supervisor/nest/parent.c \
		supervisor/nest/wire.c \
		supervisor/process/sweep.c \
		supervisor/process/worker.c \
		supervisor/record/artifact.c \
		supervisor/record/atomic.c \
		supervisor/record/durable.c \
		supervisor/record/filelist.c \
		supervisor/record/journal.c \
		supervisor/record/manifest.c \
		supervisor/record/redact.c \
		supervisor/record/report.c \
		supervisor/record/report_events.c \
		supervisor/record/report_metadata.c \
		supervisor/record/report_snapshots.c \
		supervisor/record/report_table.c \
		supervisor/record/report_votes.c \
		supervisor/record/status.c \
		supervisor/record/votes.c \
		supervisor/view/automation.c \
		supervisor/view/json.c \
		supervisor/view/out.c \
		supervisor/view/terminal.c \
		$(CONFIG_SRCS)

NET_SRCS =	agent-worker/net/head.c \
		agent-worker/net/http.c \
		agent-worker/net/ratelimit.c \
		agent-worker/net/retry.c \
		agent-worker/net/sse.c \
		agent-worker/backend/backend.c \
		agent-worker/backend/calls.c \
		agent-worker/backend/chatcompletion.c \
		agent-worker/backend/claude.c \
		agent-worker/backend/claude_finish.c \
		agent-worker/backend/claude_reply.c \
		agent-worker/backend/error.c \
		agent-worker/backend/gemini.c \
		agent-worker/backend/gemini_reply.c \
		agent-worker/backend/gemini_request.c \
		agent-worker/backend/gemini_schema.c \
		agent-worker/backend/quirks.c \
		agent-worker/backend/responses.c \
		agent-worker/backend/responses_output.c \
		agent-worker/backend/responses_request.c \
		agent-worker/backend/scan.c \
		agent-worker/backend/stream.c \
		agent-worker/backend/think.c

MCP_SRCS =	agent-worker/mcp/breaker.c \
		agent-worker/mcp/content.c \
		agent-worker/mcp/family.c \
		agent-worker/mcp/headers.c \
		agent-worker/mcp/names.c \
		agent-worker/mcp/redirect.c \
		agent-worker/mcp/rpc.c \
		agent-worker/mcp/session.c \
		agent-worker/mcp/stdio.c \
		agent-worker/mcp/streamable.c

TOOL_SRCS =	$(MCP_SRCS) \
		agent-worker/tool/confined.c \
		agent-worker/tool/confined_env.c \
		agent-worker/tool/diff.c \
		agent-worker/tool/files.c \
		agent-worker/tool/files_compare.c \
		agent-worker/tool/files_copy.c \
		agent-worker/tool/files_delete.c \
		agent-worker/tool/files_edit.c \
		agent-worker/tool/files_list.c \
		agent-worker/tool/files_read.c \
		agent-worker/tool/files_search.c \
		agent-worker/tool/files_text.c \
		agent-worker/tool/files_walk.c \
		agent-worker/tool/files_write.c \
		agent-worker/tool/match.c \
		agent-worker/tool/pattern.c \
		agent-worker/tool/pattern_read.c \
		agent-worker/tool/plan.c \
		agent-worker/tool/plan_tools.c \
		agent-worker/tool/put.c \
		agent-worker/tool/shell.c \
		agent-worker/tool/shell_begin.c \
		agent-worker/tool/shell_child.c \
		agent-worker/tool/shell_docker.c \
		agent-worker/tool/shell_keep.c \
		agent-worker/tool/shell_result.c \
		agent-worker/tool/shell_rules.c \
		agent-worker/tool/snapshot.c \
		agent-worker/tool/tool.c \
		agent-worker/tool/walls.c \
		agent-worker/tool/walls_open.c \
		agent-worker/tool/walls_present.c \
		agent-worker/tool/work.c

WORKER_SRCS =	agent-worker/main.c \
		agent-worker/aside.c \
		agent-worker/bound.c \
		agent-worker/call.c \
		agent-worker/command/command.c \
		agent-worker/command/decision.c \
		agent-worker/command/output.c \
		agent-worker/command/pick.c \
		agent-worker/command/program.c \
		agent-worker/link.c \
		agent-worker/mock.c \
		agent-worker/mock_tools.c \
		agent-worker/prompt.c \
		agent-worker/prompt_places.c \
		agent-worker/turn.c \
		$(NET_SRCS) \
		$(TOOL_SRCS)

CONFINE_SRCS =	agent-worker/confine/main.c \
		agent-worker/confine/bwrap.c \
		agent-worker/confine/filter.c \
		agent-worker/confine/landlock.c \
		agent-worker/confine/level.c \
		agent-worker/confine/options.c \
		agent-worker/confine/order.c \
		agent-worker/confine/probe.c \
		agent-worker/confine/run.c \
		agent-worker/confine/watch.c

PROGRAMS =	$(B)/massgen $(B)/agent-worker $(B)/confine

all: $(PROGRAMS)

objs = $(patsubst %.c,$(B)/obj/%.o,$(1))

$(B)/libipc.a: $(call objs,$(IPC_SRCS))
	@rm -f $@
	$(SAY_AR) $(AR) rcs $@ $^

$(B)/massgen: $(call objs,$(SUPERVISOR_SRCS)) $(B)/libipc.a
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBYAML) $(LIBS)

# libcurl is loaded when the first model call is made: see net/http.c.
$(B)/agent-worker: $(call objs,$(WORKER_SRCS)) $(B)/libipc.a
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -ldl

# It starts twice for each command of an agent, the second time in its walls:
# whole by itself it starts sooner, and needs nothing there.
CONFINE_LDFLAGS =	-static-pie
$(B)/confine: $(call objs,$(CONFINE_SRCS)) $(B)/libipc.a
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(LDFLAGS) $(CONFINE_LDFLAGS) -o $@ $^ \
	    $(LIBS)

# TESTS: programs by the part of the house whose objects they link.
IPC_TESTS =	tests/unit/test_ipc_buf \
		tests/unit/test_ipc_chan \
		tests/unit/test_ipc_err \
		tests/unit/test_ipc_field \
		tests/unit/test_ipc_msg \
		tests/unit/test_ipc_spawn \
		tests/unit/test_ipc_utf8 \
		tests/unit/test_pathname \
		tests/unit/test_tree \
		tests/unit/test_tree_links

SUPERVISOR_TESTS = tests/bin/config-check \
		tests/bin/config-schema \
		tests/bin/replay \
		tests/unit/test_artifact \
		tests/unit/test_atomic \
		tests/unit/test_config \
		tests/unit/test_config_context \
		tests/unit/test_config_find \
		tests/unit/test_config_mcp \
		tests/unit/test_config_tools \
		tests/unit/test_config_url \
		tests/unit/test_config_yaml \
		tests/unit/test_event \
		tests/unit/test_journal \
		tests/unit/test_loop \
		tests/unit/test_ledger \
		tests/unit/test_manifest \
		tests/unit/test_novelty \
		tests/unit/test_order \
		tests/unit/test_out \
		tests/unit/test_price \
		tests/unit/test_redact \
		tests/unit/test_report \
		tests/unit/test_report_metadata \
		tests/unit/test_restart \
		tests/unit/test_session \
		tests/unit/test_session_children \
		tests/unit/test_session_invariants \
		tests/unit/test_session_run \
		tests/unit/test_session_verdict \
		tests/unit/test_status \
		tests/unit/test_vote \
		tests/unit/test_wire \
		tests/unit/test_worker \
		tests/unit/test_worker_orphans

WORKER_TESTS =	tests/bench/parse-stream \
		tests/unit/test_bound \
		tests/unit/test_chatcompletion \
		tests/unit/test_chatrequest \
		tests/unit/test_claude \
		tests/unit/test_claude_request \
		tests/unit/test_command \
		tests/unit/test_diff \
		tests/unit/test_files \
		tests/unit/test_files_places \
		tests/unit/test_gemini \
		tests/unit/test_gemini_request \
		tests/unit/test_http \
		tests/unit/test_http_faults \
		tests/unit/test_match \
		tests/unit/test_mcp \
		tests/unit/test_pattern \
		tests/unit/test_plan \
		tests/unit/test_ratelimit \
		tests/unit/test_reply \
		tests/unit/test_responses \
		tests/unit/test_responses_request \
		tests/unit/test_retry \
		tests/unit/test_shell_keep \
		tests/unit/test_shell_rules \
		tests/unit/test_sse \
		tests/unit/test_walls

TEST_TOOLS =	tests/bench/copy-tree \
		tests/bench/flood-worker \
		tests/bin/fake-worker \
		tests/bin/misbehave

ESCAPE_SRCS =	tests/bin/escape/escape.c \
		tests/bin/escape/files.c \
		tests/bin/escape/kernel.c \
		tests/bin/escape/network.c \
		tests/bin/escape/processes.c \
		tests/bin/escape/victim.c

TEST_SHIMS =	tests/bin/clock-back.so

built = $(addprefix $(B)/,$(1))

# Archives, so that a test links only the modules that it calls.
$(B)/obj/libsupervisor.a: $(call objs,$(SUPERVISOR_SRCS))
	@rm -f $@
	$(SAY_AR) $(AR) rcs $@ $(filter-out %/main.o,$^)

$(B)/obj/libworker.a: $(call objs,$(WORKER_SRCS))
	@rm -f $@
	$(SAY_AR) $(AR) rcs $@ $(filter-out %/main.o,$^)

$(call built,$(IPC_TESTS) $(TEST_TOOLS)): $(B)/%: $(B)/obj/%.o $(B)/libipc.a
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(call built,$(SUPERVISOR_TESTS)): $(B)/%: $(B)/obj/%.o \
    $(B)/obj/libsupervisor.a $(B)/libipc.a
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBYAML) $(LIBS)

$(call built,$(WORKER_TESTS)): $(B)/%: $(B)/obj/%.o \
    $(B)/obj/libworker.a $(B)/libipc.a
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -ldl

$(B)/tests/bin/try-escape: $(call objs,$(ESCAPE_SRCS))
	@mkdir -p $(@D)
	$(SAY_LD) $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lrt

# Preloaded into programs that may carry a sanitizer: it has none itself.
$(call built,$(TEST_SHIMS)): $(B)/%.so: %.c
	@mkdir -p $(@D)
	$(SAY_CC) $(CC) $(ALL_CPPFLAGS) $(filter-out -fsanitize=%,$(ALL_CFLAGS)) \
	    -fPIC -shared -o $@ $<

TEST_PROGRAMS =	$(IPC_TESTS) $(SUPERVISOR_TESTS) $(WORKER_TESTS) $(TEST_TOOLS) \
		tests/bin/try-escape

check:
	.ci/deps test
	@$(MAKE) --no-print-directory check-built

check-built: all $(call built,$(TEST_PROGRAMS) $(TEST_SHIMS)) \
    tests/node_modules
	@tests/run --build $(B)

# The servers and types that this project did not write.
tests/node_modules: tests/package.json tests/package-lock.json
	cd tests && npm ci --ignore-scripts --no-audit --no-fund \
	    --loglevel=error
	@touch $@

-include $(patsubst %,$(B)/obj/%.d,$(TEST_PROGRAMS))

# Where things are installed is compiled in: another PREFIX, other objects.
PLACES =	$(LIBEXECDIR) $(DATADIR)
$(B)/obj/places: FORCE
	@mkdir -p $(@D)
	@echo '$(PLACES)' | cmp -s - $@ || echo '$(PLACES)' >$@

$(B)/obj/supervisor/environment.o $(B)/obj/supervisor/config/examples.o: \
    $(B)/obj/places

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(SAY_CC) $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(patsubst %.c,$(B)/obj/%.d,$(IPC_SRCS) $(SUPERVISOR_SRCS) $(WORKER_SRCS) \
    $(CONFINE_SRCS) $(ESCAPE_SRCS))

# The same tests with the sanitizers built in; any report fails its test.
SANITIZE =	-fsanitize=address,undefined -fno-sanitize-recover=all \
		-fno-omit-frame-pointer
check-asan:
	.ci/deps test
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 \
	UBSAN_OPTIONS=print_stacktrace=1 \
	$(MAKE) B=build/asan CFLAGS='-O1 -g $(SANITIZE)' \
	    CONFINE_LDFLAGS=-Wl,--as-needed check-built

# Memory errors, leaks and lost descriptors of the unit tests and dry runs.
check-valgrind: all $(call built,$(TEST_PROGRAMS))
	.ci/deps lint
	tests/valgrind --build $(B)

lint:
	.ci/deps lint
	.ci/lint

bench: all $(call built,$(TEST_PROGRAMS))
	.ci/deps test
	tests/bench/run --build $(B)

# From nothing to an answer: what a newcomer runs first.
demo:
	.ci/deps build
	$(MAKE) all
	tests/demo $(B)

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBEXECDIR) \
	    $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 \
	    $(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8 \
	    $(DESTDIR)$(COMPLETIONDIR)
	install $(B)/massgen $(DESTDIR)$(BINDIR)/massgen
	install $(B)/agent-worker $(DESTDIR)$(LIBEXECDIR)/agent-worker
	install $(B)/confine $(DESTDIR)$(LIBEXECDIR)/confine
	for page in $(MAN); do \
		sed -e 's,/usr/local/libexec/massgen,$(LIBEXECDIR),' \
		    -e 's,/usr/local/share/massgen,$(DATADIR),' man/$$page | \
		    install -m 644 /dev/stdin \
		    $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page || exit 1; \
	done
	cd configs && find . -type f | while read -r f; do \
		install -D -m 644 "$$f" \
		    "$(DESTDIR)$(DATADIR)/configs/$$f" || exit 1; \
	done
	install -m 644 completions/massgen.bash \
	    $(DESTDIR)$(COMPLETIONDIR)/massgen

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/massgen $(DESTDIR)$(COMPLETIONDIR)/massgen
	rm -rf $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(DATADIR)
	for page in $(MAN); do \
		rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; \
	done

clean:
	rm -rf build

.PHONY: FORCE all bench check check-asan check-built check-valgrind clean demo \
    install lint uninstall
