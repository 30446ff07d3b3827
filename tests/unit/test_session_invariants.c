/*
 * What holds in every run, after each of its events, whatever happens: the
 * session, the vote and the restarts in many thousand random courses.
 *
 * MASSGEN_TEST_RUNS says how many, MASSGEN_TEST_SEED where to begin: run k
 * has the seed that it names plus k, so one run can be repeated alone.
 */

#include <unistd.h>

#include "ipc/buf.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/status.h"
#include "tests/test.h"
#include "tests/unit/session_account.h"
#include "tests/unit/session_moves.h"

#ifdef __SANITIZE_ADDRESS__
#define RUNS 20000
#else
#define RUNS 100000
#endif
#define SAMPLE     1000 /* of so many runs one goes through a journal */
#define STEPS_MAX  100000
#define FIRST_SEED UINT64_C(20251105)

static struct model model;
static struct json_object *lists[MODEL_AGENTS_MAX];
static uint64_t first_seed, seed;
static bool broken;     /* said once */
static int seen[SEENS]; /* in how many runs */

/* What the session was before the event. */
static struct {
	int percent;
	enum phase phase;
	bool reached[PHASES];
	int full; /* how often the percentage came to 100 */
} before;

static bool
holds(bool condition, const char *what, int line)
{
	if (condition || broken)
		return (condition);
	broken = true;
	printf("# line %d: %s: not so after event %zu (%s) of the run with "
	       "MASSGEN_TEST_SEED=%llu\n",
	    line, what, model.nevents,
	    event_name(model.events[model.nevents - 1].type),
	    (unsigned long long)seed);
	CHECK(false);
	return (false);
}
#define HOLDS(condition) holds((condition), #condition, __LINE__)

/* --- the winner --- */

/* Below 0: a is the better one, by the account alone. */
static int
compare(const struct model *m, size_t a, size_t b, const char **rule)
{
	const struct model_agent *x = &m->agents[a], *y = &m->agents[b];
	int64_t xt = m->answers[x->latest].at_ms;
	int64_t yt = m->answers[y->latest].at_ms;
	int xv = m->answers[x->latest].votes, yv = m->answers[y->latest].votes;

	*rule = "votes";
	if (xv != yv)
		return (xv > yv ? -1 : 1);
	*rule = "cost";
	if (x->cost < y->cost || x->cost > y->cost)
		return (x->cost < y->cost ? -1 : 1);
	*rule = "time";
	if (xt != yt)
		return (xt < yt ? -1 : 1);
	*rule = "id";
	return (strcmp(model_ids[a], model_ids[b]));
}

/* Whoever beats all others; each pair is looked at. */
static int
brute_force_winner(const struct model *m)
{
	const char *rule;
	size_t i, j;
	int winner = -1, found = 0;
	bool best;

	for (i = 0; i < m->nagents; i++) {
		best = m->agents[i].latest != -1;
		for (j = 0; j < m->nagents && best; j++)
			if (j != i && m->agents[j].latest != -1)
				best = compare(m, i, j, &rule) < 0;
		if (best) {
			winner = (int)i;
			found++;
		}
	}
	HOLDS(found <= 1);
	return (winner);
}

/* "...; tie with X broken by RULE": so it was. */
static void
check_tie(const struct model *m, size_t w, const char *tie)
{
	char loser[32], named[32];
	const char *rule;
	size_t i;

	if (!HOLDS(sscanf(tie, "; tie with %31s broken by %31s", loser,
		       named) == 2))
		return;
	for (i = 0; i < m->nagents; i++)
		if (strcmp(model_ids[i], loser) == 0)
			break;
	if (!HOLDS(i < m->nagents && i != w && m->agents[i].latest != -1))
		return;
	HOLDS(compare(m, w, i, &rule) < 0 && strcmp(rule, named) == 0);
	seen_now[SEEN_TIE_COST] |= strcmp(rule, "cost") == 0;
	seen_now[SEEN_TIE_TIME] |= strcmp(rule, "time") == 0;
	seen_now[SEEN_TIE_ID] |= strcmp(rule, "id") == 0;
}

static void
check_reason(const struct model *m, size_t w, const char *reason)
{
	char head[80];
	const char *rule, *tail;
	size_t i, others = 0, close = 0;

	snprintf(head, sizeof(head), "votes=%d, cost=%.4f",
	    m->answers[m->agents[w].latest].votes, m->agents[w].cost);
	if (!HOLDS(strncmp(reason, head, strlen(head)) == 0))
		return;
	for (i = 0; i < m->nagents; i++)
		if (i != w && m->agents[i].latest != -1) {
			others++;
			(void)compare(m, w, i, &rule);
			close += strcmp(rule, "votes") != 0;
		}
	tail = reason + strlen(head);
	if (others == 0)
		HOLDS(strcmp(tail, "; the only agent with an answer") == 0);
	else if (close == 0)
		HOLDS(*tail == '\0');
	else
		check_tie(m, w, tail);
}

/* When it is chosen: what it costs to present comes later. */
static void
check_winner(const struct model *m)
{
	int w = brute_force_winner(m);

	if (w == -1) {
		seen_now[SEEN_ONE_BEFORE] = true;
		HOLDS(m->presenter != -1 && m->session->winner == m->presenter);
		return;
	}
	if (!HOLDS(m->session->winner == w))
		return;
	check_reason(m, (size_t)w, m->session->winner_reason);
	seen_now[SEEN_DEAD_WINNER] = m->agents[w].given_up;
}

/* --- after each event --- */

static void
check_progress(const struct session *s, const struct event *e)
{
	int i;

	if (e->type == EVENT_RESTART)
		before.phase = PHASE_GENERATION;
	HOLDS(s->percent >= before.percent && s->percent <= 100);
	HOLDS((s->percent == 100) == s->ended);
	HOLDS(s->phase >= before.phase);
	for (i = 0; i < PHASES; i++) {
		HOLDS(s->reached[i] || !before.reached[i]);
		HOLDS(!s->reached[i] || i <= (int)s->phase || s->attempt > 1);
		before.reached[i] = s->reached[i];
	}
	HOLDS(s->phase != PHASE_PRESENTATION || s->stopping != NULL);
	HOLDS(s->reached[PHASE_PRESENTATION] ==
	    (s->ended && s->final_path != NULL));
	before.full += s->percent == 100 && before.percent < 100;
	before.percent = s->percent;
	before.phase = s->phase;
}

static void
check_counts(const struct model *m, const struct session *s)
{
	size_t i, answered = 0, voted = 0, living_voted = 0, failed = 0;
	size_t living, late = 0;

	for (i = 0; i < m->nagents; i++) {
		const struct model_agent *a = &m->agents[i];

		answered += a->answers > 0;
		voted += a->vote != -1;
		living_voted += a->vote != -1 && !a->given_up;
		failed += a->given_up;
		late += s->ended && !a->given_up && a->answers == 0 &&
		    a->vote == -1 && s->winner != (int)i;
	}
	living = m->nagents - failed;
	HOLDS(s->nagents == m->nagents);
	HOLDS(session_answered(s) == answered);
	HOLDS(session_voted(s) == voted);
	HOLDS(session_failed(s) == failed + late);
	HOLDS(session_living(s) == living);
	HOLDS(session_agreed(s) ==
	    (living > 0 && m->nanswers > m->first_answer &&
		(m->direct || living_voted == living)));
}

static void
check_votes(const struct model *m, const struct session *s)
{
	size_t i, standing = 0, superseded = 0;

	HOLDS(s->nanswers == m->nanswers);
	for (i = 0; i < m->nanswers && !broken; i++) {
		const struct session_answer *a = &s->answers[i];

		HOLDS(a->agent == m->answers[i].agent);
		HOLDS(a->votes == m->answers[i].votes);
		HOLDS(a->votes_superseded == m->answers[i].superseded);
		HOLDS(a->votes == 0 || s->agents[a->agent].latest == (int)i);
		standing += (size_t)a->votes;
		superseded += (size_t)a->votes_superseded;
	}
	HOLDS(standing == session_voted(s));
	HOLDS(standing + superseded == (size_t)m->accepted_votes);
}

static void
check_agent(const struct model *m, const struct session *s, size_t i)
{
	const struct session_agent *a = &s->agents[i];
	const struct model_agent *want = &m->agents[i];

	HOLDS(a->answers == want->answers && a->latest == want->latest);
	HOLDS(a->vote_stands == (want->vote != -1));
	HOLDS(!a->vote_stands || a->vote_answer == want->vote);
	HOLDS(a->times_restarted == want->restarted);
	HOLDS(a->failed == want->given_up && a->ended == want->given_up);
	HOLDS((a->pid != 0) == (want->process != PROCESS_DOWN));
	HOLDS(a->attempts <= want->attempts);
	HOLDS(a->usage.cost >= want->cost && a->usage.cost <= want->cost);
	HOLDS(a->usage.calls == want->calls);
	HOLDS(a->usage.input_tokens + a->usage.output_tokens == want->tokens);
	HOLDS(!session_owes_turn(s, (int)i) ||
	    (!a->ended && !a->busy && !a->vote_stands && !s->ended &&
		s->stopping == NULL));
	HOLDS(want->attempts <= m->max_restarts + 1);
}

static void
check_usage(const struct model *m, const struct session *s)
{
	double cost = 0;
	int64_t calls = 0, tokens = 0;
	size_t i;

	for (i = 0; i < m->nagents; i++) {
		cost += s->agents[i].usage.cost;
		calls += m->agents[i].calls;
		tokens += m->agents[i].tokens;
	}
	HOLDS(s->usage.cost >= cost && s->usage.cost <= cost);
	HOLDS(s->usage.calls == calls);
	HOLDS(s->usage.input_tokens + s->usage.output_tokens == tokens);
}

static void
check_event(struct model *m, const struct event *e)
{
	const struct session *s = m->session;
	int active;
	size_t i;

	account(m, e);
	check_progress(s, e);
	check_counts(m, s);
	check_votes(m, s);
	for (i = 0; i < m->nagents && !broken; i++)
		check_agent(m, s, i);
	check_usage(m, s);
	if (e->type == EVENT_WINNER)
		check_winner(m);
	active = session_active(s);
	HOLDS(active == -1 || s->agents[active].busy);
	HOLDS(e->type == EVENT_RUN_STARTED || m->nevents > 1);
}

/* Between the loop's turns the session and the run agree on who works. */
static void
check_turns(const struct model *m)
{
	size_t i;

	for (i = 0; i < m->nagents && m->stage == MODEL_COORDINATING; i++)
		HOLDS(m->session->agents[i].busy == m->agents[i].turn_open);
}

/* --- at the end --- */

/* What an agent is called in the end, and that its error says why. */
static enum agent_status
last_status(const struct session *s, size_t i)
{
	const struct session_agent *a = &s->agents[i];

	if (a->failed && strcmp(a->error_type, "timeout") == 0)
		return (AGENT_TIMEOUT);
	if (a->failed)
		return (AGENT_ERROR);
	if (a->vote_stands)
		return (AGENT_VOTED);
	if (s->winner == (int)i)
		return (AGENT_COMPLETED);
	if (a->answers > 0)
		return (AGENT_ANSWERED);
	return (strcmp(s->stopping, "time") == 0 ? AGENT_TIMEOUT : AGENT_ERROR);
}

static void
check_statuses(const struct model *m)
{
	const struct session *s = m->session;
	size_t i;

	HOLDS(s->ended && s->stopping != NULL && session_active(s) == -1);
	for (i = 0; i < m->nagents && !broken; i++) {
		const struct session_agent *a = &s->agents[i];

		HOLDS(a->pid == 0 && !a->busy);
		HOLDS(a->status == last_status(s, i));
		HOLDS(
		    (a->status != AGENT_ERROR && a->status != AGENT_TIMEOUT) ||
		    (a->error_type != NULL && a->error_message != NULL));
	}
}

/* From the limits of answers, attempts and refusals: no run is longer. */
static void
check_length(const struct model *m)
{
	int64_t n = (int64_t)m->nagents, answers = (int64_t)m->nanswers;
	int64_t starts = 0, votes = m->accepted_votes, turns;
	size_t i;

	for (i = 0; i < m->nagents; i++)
		starts += m->agents[i].attempts;
	HOLDS(answers <= n * MODEL_ANSWERS_MAX);
	HOLDS(votes <= n * (answers + 1 + m->again));
	turns = answers + votes + starts + 1;
	HOLDS((int64_t)m->nevents <= 1 + n + 4 * starts + answers + votes +
		turns * (1 + MODEL_REFUSALS + 1) + 2 * 40 + 5 + 5 * m->again);
}

/* --- replay --- */

static char *
status_of(const struct session *s)
{
	struct buf b = BUF_INITIALIZER;

	status_format(s, s->last_time, &b);
	return (buf_detach(&b));
}

static void
apply(void *arg, struct event *e)
{
	session_apply(arg, e);
}

static void
check_same(const struct session *s, const char *want)
{
	char *got = status_of(s);

	if (!HOLDS(strcmp(got, want) == 0))
		CHECK_STR(got, want);
	free(got);
}

static void
check_replay(const struct model *m, const char *want)
{
	struct session *s = session_new();
	size_t i;

	for (i = 0; i < m->nevents; i++) {
		struct event e = m->events[i];

		session_apply(s, &e);
	}
	check_same(s, want);
	session_free(s);
}

static void
check_journal(const struct model *m, const char *want)
{
	const char *tmp = getenv("TMPDIR");
	char *path = xasprintf("%s/invariants-%d.ndjson",
	    tmp == NULL ? "/tmp" : tmp, (int)getpid());
	struct session *s = session_new();
	struct buf line = BUF_INITIALIZER;
	struct journal j;
	char err[200] = "";
	size_t i;

	if (HOLDS(journal_create(&j, path) == 0)) {
		for (i = 0; i < m->nevents; i++) {
			struct event e = m->events[i];

			HOLDS(journal_append(&j, &e, &line) == 0);
		}
		journal_close(&j);
		HOLDS(journal_read(path, apply, s, err, sizeof(err)) ==
		    (int64_t)m->nevents);
		CHECK_STR(err, "");
		check_same(s, want);
	}
	unlink(path);
	free(path);
	buf_release(&line);
	session_free(s);
}

/* --- one run, and many --- */

static void
one_run(bool through_a_journal)
{
	struct model *m = &model;
	char *status;
	int i;

	memset(&before, 0, sizeof(before));
	memset(seen_now, 0, sizeof(seen_now));
	model_init(m, seed, lists, check_event);
	while (m->stage != MODEL_DONE && !broken && m->steps < STEPS_MAX) {
		model_step(m);
		check_turns(m);
	}
	HOLDS(m->stage == MODEL_DONE);
	HOLDS(before.full == 1);
	HOLDS(m->events[m->nevents - 1].type == EVENT_RUN_ENDED);
	HOLDS((m->session->winner == -1) == (m->nanswers == 0));
	check_statuses(m);
	check_length(m);
	status = status_of(m->session);
	check_replay(m, status);
	if (through_a_journal)
		check_journal(m, status);
	free(status);
	seen_now[SEEN_DIRECT] = m->direct;
	seen_now[SEEN_NO_WINNER] = m->session->winner == -1;
	seen_now[SEEN_NO_FINAL] =
	    m->nanswers > 0 && m->session->final_path == NULL;
	for (i = 0; i < SEENS; i++)
		seen[i] += seen_now[i];
	model_clear(m);
}

static uint64_t
number(const char *variable, uint64_t otherwise)
{
	const char *value = getenv(variable);

	return (value == NULL ? otherwise : strtoull(value, NULL, 10));
}

static void
make_lists(void)
{
	struct json_object *o;
	size_t n, i;

	for (n = 0; n < MODEL_AGENTS_MAX; n++) {
		lists[n] = json_object_new_array();
		for (i = 0; i <= n; i++) {
			o = json_object_new_object();
			json_object_object_add(
			    o, "id", json_object_new_string(model_ids[i]));
			json_object_object_add(
			    o, "model", json_object_new_string("mock-1"));
			json_object_array_add(lists[n], o);
		}
	}
}

TEST(what_holds_in_every_run)
{
	uint64_t runs = number("MASSGEN_TEST_RUNS", RUNS), k;
	size_t events = 0, longest = 0;
	int i;

	make_lists();
	first_seed = number("MASSGEN_TEST_SEED", FIRST_SEED);
	for (k = 0; k < runs && !broken; k++) {
		seed = first_seed + k;
		one_run(k % SAMPLE == 0);
		events += model.nevents;
		if (model.nevents > longest)
			longest = model.nevents;
	}
	printf("# %llu runs from seed %llu: %zu events, %zu in the longest\n",
	    (unsigned long long)k, (unsigned long long)first_seed, events,
	    longest);
	for (i = 0; i < SEENS && !broken; i++) {
		printf("# %6d with: %s\n", seen[i], seen_names[i]);
		if (runs >= RUNS)
			CHECK(seen[i] >= 20);
	}
	free(model.events);
	for (i = 0; i < MODEL_AGENTS_MAX; i++)
		json_object_put(lists[i]);
}
