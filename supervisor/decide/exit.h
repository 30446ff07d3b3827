/* How a run can end, for who started it. */

#ifndef SUPERVISOR_DECIDE_EXIT_H
#define SUPERVISOR_DECIDE_EXIT_H

/* massgen(1), EXIT STATUS. */
enum exit_code {
	EXIT_OK,
	EXIT_CONFIG,
	EXIT_EXECUTION,
	EXIT_TIMEOUT,
	EXIT_INTERRUPTED
};

/* massgen-status(5), outcome.  The text is static. */
const char *exit_outcome(enum exit_code);

#endif
