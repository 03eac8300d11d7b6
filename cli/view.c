#include "view.h"

#include <stdlib.h>

#include "osy/mem.h"
#include "table.h"
#include "text.h"
#include "osy/banned.h"

#define LINE_BYTES (256u * 1024)
#define AROUND 10   /* lines that are no object */
#define NUMBERS 100 /* columns that the table takes without its bar */
#define LONGEST_BAR 24
#define LONGEST_NAME 26
#define NARROW 96 /* with less, columns stand closer and names are cut */
#define LONGEST_NARROW_NAME 18

static const struct {
	const char *key, *head;
	bool rare; /* a column of its own only where there are any */
} settled[] = {{"inserted", "INSERTED", false}, {"updated", "UPDATED", false},
	{"existing", "EXISTING", false}, {"skipped", "SKIPPED", false},
	{"deleted", "DELETED", true}, {"failed", "FAILED", false}};

static bool has_column(const struct osy_json *run, size_t i)
{
	return !settled[i].rare ||
	       osy_json_get_i64(osy_json_get(run, "totals"), settled[i].key, 0) > 0;
}

/* The totals of a run say little of how far a later pass is. */
static bool is_later_pass(const struct osy_json *run)
{
	return osy_json_get_i64(run, "pass", 1) > 1;
}

int64_t cli_run_done(const struct osy_json *run)
{
	const struct osy_json *totals = osy_json_get(run, "totals");
	int64_t done = 0;

	if (is_later_pass(run))
		return osy_json_get_i64(totals, "done", 0);
	for (size_t i = 0; i < OSY_COUNT(settled); i++)
		done += osy_json_get_i64(totals, settled[i].key, 0);
	return done;
}

int64_t cli_run_all(const struct osy_json *run)
{
	const struct osy_json *totals = osy_json_get(run, "totals");
	int64_t selected = osy_json_get_i64(totals, "selected", 0),
		scanned = osy_json_get_i64(totals, "scanned", 0);

	if (is_later_pass(run))
		return osy_json_get_i64(totals, "passRecords", 0);
	return scanned > selected ? scanned : selected;
}

/* ---- Parts ---- */
static bool is_scanning(const struct osy_json *run)
{
	return osy_str_is(osy_json_get_str(run, "state"), "Scan In Progress");
}

static void add_shown(struct osy_buf *out, const struct osy_json *run, const char *key)
{
	cli_show(osy_json_get_str(run, key), out);
}

static int64_t elapsed(const struct osy_json *run)
{
	struct osy_str text = osy_json_number(osy_json_get(run, "elapsedSeconds"));
	struct osy_err ignored = OSY_ERR_NONE;
	int64_t seconds = 0;

	if (text.p && memchr(text.p, '.', text.len))
		text.len = (size_t)((const char *)memchr(text.p, '.', text.len) - text.p);
	if (!text.p || osy_parse_i64(text, 0, INT64_MAX, &seconds, &ignored))
		return 0;
	return seconds;
}

static void add_rest(const struct cli_view *view, struct osy_buf *out)
{
	int64_t left = cli_run_all(view->run) - cli_run_done(view->run);

	if (view->rate > 0 && left > 0)
		cli_seconds((left + view->rate - 1) / view->rate, out);
	else
		osy_buf_addc(out, '-');
}

static void add_stage(const struct osy_json *run, struct osy_buf *out)
{
	int64_t stages = osy_json_get_i64(run, "stages", 0),
		open = osy_json_get_i64(run, "openStage", 0);

	if (stages > 0 && open > 0 && open <= stages)
		osy_buf_addf(out, ", stage %lld of %lld", (long long)open, (long long)stages);
	if (osy_json_get_i64(run, "pass", 1) > 1)
		osy_buf_addf(out, ", pass %lld", (long long)osy_json_get_i64(run, "pass", 1));
}

static void add_state(const struct osy_json *run, struct osy_buf *out)
{
	struct osy_str state = osy_json_get_str(run, "state"),
		       phase = osy_json_get_str(run, "phase"),
		       wanted = osy_json_get_str(run, "wanted");

	cli_show(state, out);
	if (phase.len && !osy_str_equal(phase, state)) {
		osy_buf_addz(out, " (");
		cli_show(phase, out);
		osy_buf_addc(out, ')');
	}
	if (wanted.len && osy_str_is(wanted, "abort"))
		osy_buf_addz(out, ", being aborted");
	add_stage(run, out);
}

/* A line of the view: cut to its width. */
static void end_line(const struct cli_view *view, struct osy_buf *line, struct osy_buf *out)
{
	cli_cut(osy_buf_str(line), view->width ? view->width : SIZE_MAX, out);
	osy_buf_addc(out, '\n');
	osy_buf_reset(line);
}

/* ---- The objects ---- */
static void add_bar(struct cli_table *table, int64_t percent, size_t width)
{
	OSY_AUTO(osy_buf_done) struct osy_buf bar = OSY_BUF(256);
	size_t full = (size_t)(percent < 0 ? 0 : percent > 100 ? 100 : percent) * width / 100;

	osy_buf_addc(&bar, '[');
	for (size_t i = 0; i < width; i++)
		osy_buf_addc(&bar, i < full ? '=' : i == full && percent > 0 ? '>' : ' ');
	osy_buf_addc(&bar, ']');
	cli_table_add(table, osy_buf_str(&bar));
}

static void add_count(struct cli_table *table, const struct osy_json *object, const char *key)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64);

	cli_number(osy_json_get_i64(object, key, 0), &text);
	cli_table_add(table, osy_buf_str(&text));
}

static void add_object(const struct cli_view *view, struct cli_table *table,
	const struct osy_json *object, struct osy_str name, size_t bar)
{
	OSY_AUTO(osy_buf_done) struct osy_buf shown = OSY_BUF(LINE_BYTES);
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(LINE_BYTES);
	int64_t percent = osy_json_get_i64(object, "percent", 0);

	cli_show(name, &shown);
	cli_cut(osy_buf_str(&shown), table->gap == 1 ? LONGEST_NARROW_NAME : LONGEST_NAME, &text);
	cli_table_add(table, osy_buf_str(&text));
	osy_buf_reset(&text);
	if (osy_json_has(object, "stage"))
		cli_number(osy_json_get_i64(object, "stage", 0), &text);
	cli_table_add(table, osy_buf_str(&text));
	if (bar)
		add_bar(table, percent, bar);
	osy_buf_reset(&text);
	osy_buf_addf(&text, "%lld%%", (long long)percent);
	cli_table_add(table, osy_buf_str(&text));
	add_count(table, object, "scanned");
	for (size_t i = 0; i < OSY_COUNT(settled); i++) {
		if (has_column(view->run, i))
			add_count(table, object, settled[i].key);
	}
}

static bool moves(const struct osy_json *object)
{
	int64_t percent = osy_json_get_i64(object, "percent", 0);

	return percent > 0 && percent < 100;
}

/*
 * Which of the objects are shown when there is room for some only: first those that move, then
 * those with failures, then the others; the order stays.
 */
static size_t choose(const struct osy_json *objects, size_t room, bool *shown)
{
	size_t count = osy_json_count(objects), left = room;

	for (int turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < count && left; i++) {
			const struct osy_json *object = osy_json_at(objects, i);
			bool take = turn == 0	? moves(object)
				    : turn == 1 ? osy_json_get_i64(object, "failed", 0) > 0
						: true;
			if (take && !shown[i]) {
				shown[i] = true;
				left--;
			}
		}
	}
	return count > room ? count - room : 0;
}

static void fill_table(const struct cli_view *view, struct cli_table *table, size_t *ret_hidden)
{
	const struct osy_json *objects = osy_json_get(view->run, "objects");
	size_t count = osy_json_count(objects),
	       room = view->height > AROUND ? view->height - AROUND : 1,
	       bar = view->width >= NUMBERS + 6 ? view->width - NUMBERS : 0;
	OSY_AUTO_FREE bool *shown = osy_xcalloc(count + 1, sizeof(*shown));

	bar = bar > LONGEST_BAR ? LONGEST_BAR : bar;
	table->gap = view->width < NARROW ? 1 : 2;
	cli_table_column(table, "OBJECT", false);
	cli_table_column(table, "STAGE", true);
	if (bar)
		cli_table_column(table, "", false);
	cli_table_column(table, "", true);
	cli_table_column(table, "SCANNED", true);
	for (size_t i = 0; i < OSY_COUNT(settled); i++) {
		if (has_column(view->run, i))
			cli_table_column(table, settled[i].head, true);
	}
	*ret_hidden = choose(objects, room, shown);
	for (size_t i = 0; i < count; i++) {
		const struct osy_json *object = osy_json_at(objects, i);
		if (shown[i])
			add_object(view, table, object, osy_json_get_str(object, "name"), bar);
	}
	add_object(view, table, osy_json_get(view->run, "totals"), OSY_STR("total"), bar);
}

static void add_table(const struct cli_view *view, struct osy_buf *out)
{
	OSY_AUTO(cli_table_done) struct cli_table table = {0};
	char *text = NULL;
	size_t len = 0, hidden = 0;
	FILE *file = open_memstream(&text, &len);

	OSY_ASSERT(file);
	fill_table(view, &table, &hidden);
	cli_table_print(&table, view->width, file);
	fclose(file);
	osy_buf_add(out, text, len);
	free(text);
	if (hidden)
		osy_buf_addf(out, "(%zu more object%s)\n", hidden, hidden == 1 ? "" : "s");
}

/* The run has ended, but what it has switched off in the target is not on again. */
static void add_restoring(const struct osy_json *run, struct osy_buf *out)
{
	struct osy_str note = osy_json_get_str(run, "automationNote");

	if (!osy_str_is(osy_json_get_str(run, "automation"), "restore") ||
		!osy_json_get_str(run, "endedAt").p)
		return;
	osy_buf_addz(out, ", automation is being switched on again");
	if (note.len) {
		osy_buf_addz(out, " (");
		cli_show(note, out);
		osy_buf_addc(out, ')');
	}
}

/* ---- All of it ---- */
static void add_head(const struct cli_view *view, struct osy_buf *line)
{
	const struct osy_json *run = view->run;

	osy_buf_addz(line, "Run ");
	add_shown(line, run, "id");
	osy_buf_addz(line, "  ");
	add_shown(line, run, "template");
	osy_buf_addz(line, ": ");
	add_shown(line, run, "source");
	osy_buf_addz(line, " to ");
	add_shown(line, run, "target");
	osy_buf_addz(line, "  ");
	add_state(run, line);
	add_restoring(run, line);
}

static void add_pace(const struct cli_view *view, struct osy_buf *line)
{
	if (view->rate >= 0)
		cli_number(view->rate, line);
	else
		osy_buf_addc(line, '-');
	osy_buf_addz(line, " records/s   elapsed ");
	cli_seconds(elapsed(view->run), line);
	osy_buf_addz(line, "   left ");
	add_rest(view, line);
	osy_buf_addz(line, "   API calls ");
	cli_number(osy_json_get_i64(view->run, "apiCalls", 0), line);
	int64_t links = osy_json_get_i64(osy_json_get(view->run, "totals"), "linkFailed", 0);
	if (links) {
		osy_buf_addz(line, "   links failed ");
		cli_number(links, line);
	}
}

void cli_view_render(const struct cli_view *view, struct osy_buf *out)
{
	OSY_AUTO(osy_buf_done) struct osy_buf line = OSY_BUF(LINE_BYTES);
	struct osy_str problem = osy_json_get_str(view->run, "problem");

	add_head(view, &line);
	if (is_scanning(view->run)) {
		osy_buf_addz(&line, "  ");
		cli_seconds(view->watched_s, &line);
	}
	end_line(view, &line, out);
	if (osy_json_count(osy_json_get(view->run, "objects"))) {
		add_table(view, out);
		add_pace(view, &line);
		end_line(view, &line, out);
	}
	if (problem.len) {
		osy_buf_addz(&line, "Problem: ");
		cli_show(problem, &line);
		end_line(view, &line, out);
	}
	for (size_t i = 0; i < CLI_LAST_FAILURES && view->failures[i]; i++) {
		osy_buf_addf(&line, "failed: %s", view->failures[i]);
		end_line(view, &line, out);
	}
	if (view->notice) {
		cli_show(osy_str(view->notice), &line);
		end_line(view, &line, out);
	}
}

void cli_view_line(const struct cli_view *view, struct osy_buf *out)
{
	const struct osy_json *totals = osy_json_get(view->run, "totals");
	int64_t failed = osy_json_get_i64(totals, "failed", 0);
	struct osy_str problem = osy_json_get_str(view->run, "problem");

	add_state(view->run, out);
	add_restoring(view->run, out);
	if (is_scanning(view->run)) {
		osy_buf_addz(out, ": ");
		cli_seconds(view->watched_s, out);
		return;
	}
	osy_buf_addf(out, ": %lld%%, ", (long long)osy_json_get_i64(totals, "percent", 0));
	cli_number(cli_run_done(view->run), out);
	osy_buf_addz(out, " of ");
	cli_number(cli_run_all(view->run), out);
	osy_buf_addz(out, " records");
	if (view->rate >= 0) {
		osy_buf_addz(out, ", ");
		cli_number(view->rate, out);
		osy_buf_addz(out, "/s, left ");
		add_rest(view, out);
	}
	if (failed) {
		osy_buf_addz(out, ", failed ");
		cli_number(failed, out);
	}
	if (problem.len) {
		osy_buf_addz(out, "; ");
		cli_show(problem, out);
	}
}
