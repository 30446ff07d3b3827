/*
 * What a model is told, in words.
 */

#ifndef AGENT_WORKER_PROMPT_H
#define AGENT_WORKER_PROMPT_H

#include "agent-worker/agent.h"

/* The tools' names. */
#define PROMPT_NEW_ANSWER "new_answer"
#define PROMPT_VOTE       "vote"
#define PROMPT_SUBMIT     "submit"
#define PROMPT_RESTART    "restart_orchestration"

/* All malloc'd.  The system message; the first user message of the turn. */
char *prompt_system(const struct agent *);
char *prompt_user(const struct agent *);

/* The user messages of the calls of aside.h. */
char *prompt_plan(const struct agent *);
char *prompt_classify(const struct agent *);
char *prompt_evaluate(const struct agent *, const char *answer);

/* An answer in a text; remark stands behind the agent's name. */
void prompt_add_answer(
    struct buf *, const char *name, const char *remark, const struct answer *);

/* What an agent with tools has to know of its files; see init.tools. */
void prompt_add_places(const struct agent *, struct buf *);

/* To a model that worked on while answers came. */
char *prompt_news(const char *news);

/* To a model that ended without a decision. */
extern const char prompt_decide[];

/* What was wrong with a program's text that ended without one. */
extern const char prompt_decide_in_text[];

/* The schemas of these tools; the caller puts them. */
struct json_object *prompt_new_answer_schema(void);
struct json_object *prompt_vote_schema(const struct agent *);
struct json_object *prompt_submit_schema(void);
struct json_object *prompt_restart_schema(void);

#endif
