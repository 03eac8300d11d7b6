/*
 * How a run looks while it goes on: the live view, and one line of progress. Pure.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "osy/json.h"

#define CLI_LAST_FAILURES 3

struct cli_view {
	const struct osy_json *run;
	int64_t rate;				 /* records a second just now; -1: not known yet */
	int64_t watched_s;			 /* for how long it has been watched */
	const char *notice;			 /* about the connection, or NULL */
	const char *failures[CLI_LAST_FAILURES]; /* that may be shown; NULL: none */
	size_t width, height;
	bool colour;
};

/* Records that are settled, and all there are to settle as far as is known; of a later pass its
 * own. */
int64_t cli_run_done(const struct osy_json *run);
int64_t cli_run_all(const struct osy_json *run);
/* Lines, each ended by a line feed, none wider than width, at most height of them. */
void cli_view_render(const struct cli_view *view, struct osy_buf *out);
/* One line without its end. */
void cli_view_line(const struct cli_view *view, struct osy_buf *out);

#endif
