/* Watching a run: asking for its state until it no longer moves. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "cmd_run.h"
#include "osy/clock.h"
#include "osy/mem.h"
#include "view.h"
#include "osy/banned.h"

#define LOOK_MS 300
#define CALL_MS 15000
#define GIVE_UP_MS 60000
#define LINE_MS 1000
#define IDLE_LINE_MS 10000
#define SAMPLES 32
#define RATE_OVER_MS 5000
#define FAILURE_PAGES 5
#define SCREEN_BYTES (4u * 1024 * 1024)

static volatile bool interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = true;
}

struct watcher {
	struct cli *cli;
	const struct cli_watch *what;
	struct osy_json *run; /* as it was last seen */
	char *path;
	bool terminal;
	unsigned drawn; /* lines on the terminal that are ours */
	struct {
		int64_t at_ms, done;
	} samples[SAMPLES];
	unsigned sample_count;
	int64_t began_at;
	int64_t answered_at; /* last good answer */
	bool lost;
	char *notice;
	char *failures[CLI_LAST_FAILURES];
	char *failure_cursor;
	int64_t failures_seen;
	/* the last line of progress */
	int64_t line_at;
	int64_t line_done;
	char *line_state;
};

/* ---- Rate ---- */
static void add_sample(struct watcher *w)
{
	int64_t now = osy_mono_ms(), done = cli_run_done(w->run);

	if (w->sample_count && done < w->samples[w->sample_count - 1].done)
		w->sample_count = 0; /* it began again */
	unsigned old = 0;
	while (old < w->sample_count &&
		(now - w->samples[old].at_ms > RATE_OVER_MS || w->sample_count - old == SAMPLES))
		old++;
	/* One that is older stays, so that there is always something to compare with. */
	if (old > 0 && w->sample_count - old < SAMPLES - 1)
		old--;
	memmove(w->samples, w->samples + old, (w->sample_count - old) * sizeof(w->samples[0]));
	w->sample_count -= old;
	w->samples[w->sample_count].at_ms = now;
	w->samples[w->sample_count++].done = done;
}

static int64_t rate_now(const struct watcher *w)
{
	if (w->sample_count < 2)
		return -1;
	int64_t ms = w->samples[w->sample_count - 1].at_ms - w->samples[0].at_ms,
		done = w->samples[w->sample_count - 1].done - w->samples[0].done;
	return ms >= 500 ? done * 1000 / ms : -1;
}

/* ---- Last failures ---- */
static void keep_failure(struct watcher *w, const struct osy_json *failure)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(1024 * 1024);
	static const char *const keys[] = {"object", "sourceId", "code", "message"};

	for (size_t i = 0; i < OSY_COUNT(keys); i++) {
		if (i)
			osy_buf_addc(&text, ' ');
		cli_show(osy_json_get_str(failure, keys[i]), &text);
	}
	free(w->failures[CLI_LAST_FAILURES - 1]);
	memmove(w->failures + 1, w->failures, (CLI_LAST_FAILURES - 1) * sizeof(w->failures[0]));
	w->failures[0] = osy_buf_take(&text, NULL);
}

/* The list is read on from the last whole page; it is for looks only, so errors do not matter. */
static void look_at_failures(struct watcher *w)
{
	const struct osy_json *totals = osy_json_get(w->run, "totals");
	int64_t failed =
		osy_json_get_i64(totals, "failed", 0) + osy_json_get_i64(totals, "linkFailed", 0);

	if (!w->terminal || failed == w->failures_seen)
		return;
	w->failures_seen = failed;
	for (int page = 0; page < FAILURE_PAGES; page++) {
		OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
		OSY_AUTO(osy_json_free_at) struct osy_json *doc = NULL;
		struct osy_err ignored = OSY_ERR_NONE;
		cli_path(&path, "/runs/{}/errors?limit=1000", w->what->run);
		cli_query(&path, "cursor", w->failure_cursor);
		struct cli_call call = {.method = "GET",
			.path = path.p,
			.stop = &interrupted,
			.timeout_ms = CALL_MS};
		if (cli_call(w->cli, &call, &doc, &ignored))
			return;
		const struct osy_json *items = osy_json_get(doc, "items");
		size_t count = osy_json_count(items),
		       from = count > CLI_LAST_FAILURES ? count - CLI_LAST_FAILURES : 0;
		for (size_t i = from; i < count; i++)
			keep_failure(w, osy_json_at(items, i));
		struct osy_str next = osy_json_get_str(doc, "next");
		if (!next.p)
			return;
		free(w->failure_cursor);
		w->failure_cursor = osy_xstrndup(next.p, next.len);
	}
}

/* ---- Showing ---- */
static struct cli_view view_of(const struct watcher *w)
{
	struct winsize size = {0};
	struct cli_view view = {.run = w->run,
		.rate = rate_now(w),
		.notice = w->notice,
		.height = 24,
		.watched_s = (osy_mono_ms() - w->began_at) / 1000};

	for (size_t i = 0; i < CLI_LAST_FAILURES; i++)
		view.failures[i] = w->failures[i];
	if (w->terminal) {
		view.width = cli_terminal_width(STDERR_FILENO) - 1;
		if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row)
			view.height = size.ws_row;
	}
	return view;
}

static void clear_screen(struct watcher *w)
{
	if (w->drawn)
		fprintf(stderr, "\x1b[%uA\r\x1b[J", w->drawn);
	fflush(stderr);
	w->drawn = 0;
}

/* Over what was drawn before, in one write so that it does not flicker. */
static void draw(struct watcher *w)
{
	OSY_AUTO(osy_buf_done) struct osy_buf lines = OSY_BUF(SCREEN_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf screen = OSY_BUF(SCREEN_BYTES);
	struct cli_view view = view_of(w);
	unsigned count = 0;

	cli_view_render(&view, &lines);
	if (w->drawn)
		osy_buf_addf(&screen, "\x1b[%uA", w->drawn);
	for (const char *p = lines.p, *end; *p && count + 1 < view.height; p = end + 1) {
		end = strchrnul(p, '\n');
		osy_buf_addz(&screen, "\r");
		osy_buf_add(&screen, p, (size_t)(end - p));
		osy_buf_addz(&screen, "\x1b[K\n");
		count++;
		if (!*end)
			break;
	}
	osy_buf_addz(&screen, "\x1b[J");
	fwrite(screen.p, 1, screen.len, stderr);
	fflush(stderr);
	w->drawn = count;
}

static bool is_scanning(const struct osy_json *run)
{
	return osy_str_is(osy_json_get_str(run, "state"), "Scan In Progress");
}

/* Without a terminal: a line a second while something moves, and at each change of state. */
static void say_progress(struct watcher *w)
{
	OSY_AUTO(osy_buf_done) struct osy_buf state = OSY_BUF(64 * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf line = OSY_BUF(1024 * 1024);
	static const char *const keys[] = {"state", "phase", "wanted"};
	struct cli_view view = view_of(w);
	int64_t now = osy_mono_ms(), done = cli_run_done(w->run);

	for (size_t i = 0; i < OSY_COUNT(keys); i++) {
		osy_buf_add_str(&state, osy_json_get_str(w->run, keys[i]));
		osy_buf_addc(&state, '\n');
	}
	osy_buf_addf(&state, "%lld", (long long)osy_json_get_i64(w->run, "openStage", 0));
	bool changed = !w->line_state || strcmp(w->line_state, state.p) != 0,
	     due = now - w->line_at >= (done == w->line_done ? IDLE_LINE_MS : LINE_MS);
	/* A scan has nothing to show but its end, which its report or its problem tells. */
	if (is_scanning(w->run) ? !due : !changed && !due)
		return;
	cli_view_line(&view, &line);
	fprintf(stderr, "%s\n", line.p);
	free(w->line_state);
	w->line_state = osy_buf_take(&state, NULL);
	w->line_at = now;
	w->line_done = done;
}

static void show(struct watcher *w)
{
	if (w->cli->words.quiet || !w->run)
		return;
	if (w->terminal)
		draw(w);
	else
		say_progress(w);
}

/* ---- Looking ---- */
bool cli_run_moves(const struct osy_json *run)
{
	static const char *const moving[] = {
		"Scan In Progress", "Sync In Progress", "Paused", "Rollback", "Rollback Started"};
	struct osy_str state = osy_json_get_str(run, "state");

	for (size_t i = 0; i < OSY_COUNT(moving); i++) {
		if (osy_str_is(state, moving[i]))
			return true;
	}
	return osy_json_get_str(run, "wanted").p != NULL ||
	       osy_str_is(osy_json_get_str(run, "automation"), "restore");
}

/* No answer: says so once, and goes on trying for a minute. */
static enum osy_code bear(struct watcher *w, enum osy_code rc, struct osy_err *err)
{
	int64_t silent = osy_mono_ms() - w->answered_at;
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(4096);

	if (osy_code_class(rc) != OSY_RETRY || rc == OSY_E_SESSION || silent > GIVE_UP_MS)
		return rc;
	osy_buf_addf(&text, "trying again (%llds of %ds): %s", (long long)(silent / 1000),
		GIVE_UP_MS / 1000, err->msg);
	if (!w->terminal && !w->lost && !w->cli->words.quiet)
		cli_say("%s", text.p);
	w->lost = true;
	free(w->notice);
	w->notice = osy_buf_take(&text, NULL);
	*err = OSY_ERR_NONE;
	return OSY_OK;
}

static enum osy_code look(struct watcher *w, struct osy_err *err)
{
	struct osy_json *run = NULL;
	struct cli_call call = {
		.method = "GET", .path = w->path, .stop = &interrupted, .timeout_ms = CALL_MS};
	enum osy_code rc = cli_call(w->cli, &call, &run, err);

	if (interrupted) {
		osy_json_free(run);
		*err = OSY_ERR_NONE;
		return OSY_OK;
	}
	if (rc)
		return bear(w, rc, err);
	if (w->lost && !w->terminal && !w->cli->words.quiet)
		cli_say("the coordinator answers again");
	w->lost = false;
	free(w->notice);
	w->notice = NULL;
	w->answered_at = osy_mono_ms();
	osy_json_free(w->run);
	w->run = run;
	add_sample(w);
	look_at_failures(w);
	return OSY_OK;
}

static enum osy_code follow(struct watcher *w, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	while (!interrupted) {
		int64_t before = osy_mono_ms();
		rc = look(w, err);
		if (rc || interrupted || (w->run && !w->lost && !cli_run_moves(w->run)))
			break;
		show(w);
		/* A coordinator that is slow to answer is not asked more often for it. */
		int64_t took = osy_mono_ms() - before;
		poll(NULL, 0, (int)(took > LOOK_MS ? took : LOOK_MS));
	}
	return rc;
}

/* ---- The end ---- */
static enum osy_code conclude_rollback(
	struct watcher *w, struct osy_str problem, struct osy_err *err)
{
	const struct osy_json *done = osy_json_get(w->run, "rollback");
	int64_t left = osy_json_get_i64(done, "left", 0);

	if (problem.len && w->what->rollback)
		return osy_fail(err, OSY_E_STATE, "%.*s",
			(int)(problem.len < 500 ? problem.len : 500), problem.p);
	if (w->cli->words.format == CLI_JSON)
		cli_print_json(w->run);
	else
		cli_run_print_rollback(w->run);
	if (left)
		w->cli->exit_status = 1;
	return OSY_OK;
}

static enum osy_code conclude(struct watcher *w, struct osy_err *err)
{
	const struct osy_json *run = w->run, *totals = osy_json_get(run, "totals");
	struct osy_str state = osy_json_get_str(run, "state"),
		       problem = osy_json_get_str(run, "problem");
	bool synced = osy_str_is(state, "Synced"), aborted = osy_str_is(state, "Aborted"),
	     failed = osy_json_get_bool(run, "withErrors", false) ||
		      osy_json_get_i64(totals, "failed", 0) > 0 ||
		      osy_json_get_i64(totals, "linkFailed", 0) > 0;

	if (osy_str_is(state, "Not Started") && problem.len)
		return osy_fail(err, OSY_E_STATE, "%.*s",
			(int)(problem.len < 500 ? problem.len : 500), problem.p);
	if (w->what->scan)
		return osy_str_is(state, "Scanned")
			       ? OSY_OK
			       : osy_fail(err, OSY_E_STATE,
					 "run %s is in state '%.*s', not scanned", w->what->run,
					 (int)state.len, state.p);
	if (osy_str_is(state, "Rollback Completed") || w->what->rollback)
		return conclude_rollback(w, problem, err);
	if (!synced && !aborted)
		return osy_fail(err, OSY_E_STATE,
			"run %s is in state '%.*s' and does not move; `orgsync run start %s` "
			"starts it",
			w->what->run, (int)state.len, state.p, w->what->run);
	enum osy_code rc = cli_run_print_summary(w->cli, run, err);
	if (!rc && problem.len)
		cli_say("%.*s", (int)problem.len, problem.p);
	if (failed)
		w->cli->exit_status = 1;
	else if (aborted && !w->what->aborting)
		w->cli->exit_status = 5;
	return rc;
}

static void watcher_done(struct watcher *w)
{
	for (size_t i = 0; i < CLI_LAST_FAILURES; i++)
		free(w->failures[i]);
	free(w->failure_cursor);
	free(w->notice);
	free(w->line_state);
	free(w->path);
	osy_json_free(w->run);
}

static bool draws(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

enum osy_code cli_watch(struct cli *cli, const struct cli_watch *what, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(CLI_PATH_BYTES);
	OSY_AUTO(watcher_done)
	struct watcher w = {.cli = cli,
		.what = what,
		.terminal = draws(),
		.began_at = osy_mono_ms(),
		.answered_at = osy_mono_ms(),
		.line_at = osy_mono_ms()};
	struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
	struct sigaction before;

	cli_path(&path, "/runs/{}", what->run);
	w.path = osy_xstrdup(path.p);
	interrupted = false;
	sigaction(SIGINT, &action, &before);
	enum osy_code rc = follow(&w, err);
	sigaction(SIGINT, &before, NULL);
	if (interrupted) {
		cli_say("stopped watching; run %s goes on (orgsync run watch %s)", what->run,
			what->run);
		cli->exit_status = 130;
		return OSY_OK;
	}
	clear_screen(&w);
	return rc ? rc : conclude(&w, err);
}
