# massgen: everything is built from here, into build/.

VERSION =	0.1.0

PREFIX ?=	/usr/local
BINDIR ?=	$(PREFIX)/bin
LIBEXECDIR ?=	$(PREFIX)/libexec/massgen
DATADIR ?=	$(PREFIX)/share/massgen
MANDIR ?=	$(PREFIX)/share/man

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
LIBS =		-ljson-c -lbsd -lmd

IPC_SRCS =	ipc/buf.c \
		ipc/chan.c \
		ipc/field.c \
		ipc/log.c \
		ipc/msg.c \
		ipc/spawn.c \
		ipc/utf8.c \
		ipc/xmalloc.c

CONFIG_SRCS =	supervisor/config/agent.c \
		supervisor/config/check.c \
		supervisor/config/diag.c \
		supervisor/config/examples.c \
		supervisor/config/expand.c \
		supervisor/config/find.c \
		supervisor/config/load.c \
		supervisor/config/node.c \
		supervisor/config/preset.c \
		supervisor/config/print.c \
		supervisor/config/scalar.c \
		supervisor/config/schema.c \
		supervisor/config/script.c \
		supervisor/config/source.c \
		supervisor/config/suggest.c \
		supervisor/config/yaml.c

SUPERVISOR_SRCS = supervisor/main.c \
		supervisor/options.c \
		supervisor/early.c \
		supervisor/environment.c \
		supervisor/run.c \
		supervisor/setup.c \
		supervisor/loop.c \
		supervisor/dispatch.c \
		supervisor/finalize.c \
		supervisor/life.c \
		supervisor/verdict.c \
		supervisor/decide/event.c \
		supervisor/decide/novelty.c \
		supervisor/decide/order.c \
		supervisor/decide/query.c \
		supervisor/decide/restart.c \
		supervisor/decide/session.c \
		supervisor/decide/vote.c \
		supervisor/process/sweep.c \
		supervisor/process/worker.c \
		supervisor/record/artifact.c \
		supervisor/record/atomic.c \
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
		supervisor/view/automation.c \
		supervisor/view/json.c \
		supervisor/view/out.c \
		supervisor/view/terminal.c \
		$(CONFIG_SRCS)

NET_SRCS =	agent-worker/net/http.c \
		agent-worker/net/retry.c \
		agent-worker/net/sse.c \
		agent-worker/backend/backend.c \
		agent-worker/backend/calls.c \
		agent-worker/backend/chatcompletion.c \
		agent-worker/backend/error.c \
		agent-worker/backend/quirks.c \
		agent-worker/backend/stream.c \
		agent-worker/backend/think.c

WORKER_SRCS =	agent-worker/main.c \
		agent-worker/call.c \
		agent-worker/link.c \
		agent-worker/mock.c \
		agent-worker/prompt.c \
		agent-worker/turn.c \
		$(NET_SRCS)

PROGRAMS =	$(B)/massgen $(B)/agent-worker

all: $(PROGRAMS)

objs = $(patsubst %.c,$(B)/obj/%.o,$(1))

$(B)/libipc.a: $(call objs,$(IPC_SRCS))
	rm -f $@
	$(AR) rcs $@ $^

$(B)/massgen: $(call objs,$(SUPERVISOR_SRCS)) $(B)/libipc.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lyaml $(LIBS)

# libcurl is loaded when the first model call is made: see net/http.c.
$(B)/agent-worker: $(call objs,$(WORKER_SRCS)) $(B)/libipc.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -ldl

# TESTS: programs by the part of the house whose objects they link.
IPC_TESTS =	tests/unit/test_ipc_buf \
		tests/unit/test_ipc_chan \
		tests/unit/test_ipc_field \
		tests/unit/test_ipc_msg \
		tests/unit/test_ipc_spawn \
		tests/unit/test_ipc_utf8

SUPERVISOR_TESTS = tests/bin/config-check \
		tests/bin/config-schema \
		tests/unit/test_config \
		tests/unit/test_config_yaml

WORKER_TESTS =

TEST_TOOLS =	tests/bin/fake-worker

built = $(addprefix $(B)/,$(1))
supervisor_objs = $(filter-out %/main.o,$(call objs,$(SUPERVISOR_SRCS)))
worker_objs = $(filter-out %/main.o,$(call objs,$(WORKER_SRCS)))

$(call built,$(IPC_TESTS) $(TEST_TOOLS)): $(B)/%: $(B)/obj/%.o $(B)/libipc.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(call built,$(SUPERVISOR_TESTS)): $(B)/%: $(B)/obj/%.o $(supervisor_objs) \
    $(B)/libipc.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lyaml $(LIBS)

$(call built,$(WORKER_TESTS)): $(B)/%: $(B)/obj/%.o $(worker_objs) \
    $(B)/libipc.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -ldl

TEST_PROGRAMS =	$(IPC_TESTS) $(SUPERVISOR_TESTS) $(WORKER_TESTS) $(TEST_TOOLS)

check: all $(call built,$(TEST_PROGRAMS))
	@tests/run --build $(B)

-include $(patsubst %,$(B)/obj/%.d,$(TEST_PROGRAMS))

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(patsubst %.c,$(B)/obj/%.d,$(IPC_SRCS) $(SUPERVISOR_SRCS) $(WORKER_SRCS))

clean:
	rm -rf build

.PHONY: all check clean
