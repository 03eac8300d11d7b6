/* cli: the words of the command line, text, tables, views */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "args.h"
#include "cli.h"
#include "osy/mem.h"
#include "table.h"
#include "text.h"
#include "view.h"

static struct osy_err err;
static struct cli_words words;

static int setup(void **state)
{
	(void)state;
	err = OSY_ERR_NONE;
	words = (struct cli_words){.command = NULL};
	return 0;
}

/* ---- Words ---- */
static enum osy_code parse(const char *line)
{
	static char copy[512];
	char *argv[32] = {(char *)(uintptr_t) "orgsync"}, *rest = copy, *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ")) && argc < 31)
		argv[argc++] = word;
	return cli_parse(cli_commands, argc, argv, &words, &err);
}

static void says(const char *part)
{
	if (!strstr(err.msg, part))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
}

static void words_in_any_order(void **state)
{
	static const char *const lines[] = {
		"run create --template t --source a --target=b -o json",
		"-o json run create --target b --source=a -t t",
		"run -ojson create -tt --source a --target b",
		"run create --output=json --template=t --source a --target b",
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(lines); i++) {
		assert_int_equal(parse(lines[i]), OSY_OK);
		assert_ptr_equal(words.command->run, cli_run_create);
		assert_string_equal(cli_value(&words, "template"), "t");
		assert_string_equal(cli_value(&words, "source"), "a");
		assert_string_equal(cli_value(&words, "target"), "b");
		assert_null(cli_value(&words, "name"));
		assert_int_equal(words.format, CLI_JSON);
	}
}

static void arguments_and_flags(void **state)
{
	(void)state;
	assert_int_equal(parse("run start --wait r1 -q"), OSY_OK);
	assert_string_equal(words.args[0], "r1");
	assert_non_null(cli_value(&words, "wait"));
	assert_true(words.quiet);
	assert_int_equal(parse("run start -- --odd"), OSY_OK);
	assert_string_equal(words.args[0], "--odd");
	assert_int_equal(parse("template apply -f -"), OSY_OK);
	assert_string_equal(cli_value(&words, "file"), "-");
	assert_int_equal(parse("run why r1 0015"), OSY_OK);
	assert_string_equal(words.args[1], "0015");
	assert_int_equal(parse("doctor"), OSY_OK);
	assert_int_equal(parse("help run create"), OSY_OK);
	assert_int_equal(parse("run errors r1 --message="), OSY_OK);
	assert_string_equal(cli_value(&words, "message"), "");
}

static void help_needs_nothing(void **state)
{
	(void)state;
	assert_int_equal(parse("--help"), OSY_OK);
	assert_true(words.help);
	assert_int_equal(parse("run --help"), OSY_OK);
	assert_string_equal(words.noun, "run");
	assert_int_equal(parse("run create -h"), OSY_OK);
	assert_ptr_equal(words.command->run, cli_run_create);
	assert_int_equal(parse("--version"), OSY_OK);
	assert_true(words.version);
}

static void wrong_words(void **state)
{
	static const struct {
		const char *line, *part;
	} wrong[] = {
		{"rnu list", "did you mean \"run\"?"},
		{"run strat x", "did you mean \"run start\"?"},
		{"run strat x", "replay"},
		{"run xyzzy", "there is no command \"run xyzzy\""},
		{"run", "needs a verb: create"},
		{"run start", "needs RUN"},
		{"run start a b", "\"b\" is one word too many"},
		{"run start a --wiat", "did you mean --wait?"},
		{"run start a --wait=yes", "takes no value"},
		{"--wait run start a", "before the command"},
		{"run create --source a --target b", "needs --template TEMPLATE"},
		{"run create --template", "--template needs a value"},
		{"run list -o yaml", "table, json or csv"},
		{"run list -x", "has no option -x"},
		{"run start ", "is empty"},
		{"doctor now", "one word too many"},
	};

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(wrong); i++) {
		assert_int_equal(parse(wrong[i].line), OSY_E_USAGE);
		says(wrong[i].part);
	}
}

/* Every row of the table can be parsed as it says, and has a help. */
static void the_table_is_whole(void **state)
{
	(void)state;
	for (const struct cli_command *c = cli_commands; c->noun; c++) {
		size_t options = 0;
		assert_non_null(c->args);
		assert_non_null(c->help);
		assert_non_null(c->run);
		for (const struct cli_option *o = c->options; o && o->name; o++) {
			options++;
			assert_non_null(o->help);
			assert_true(!o->required || o->value);
			for (const struct cli_option *common = cli_common_options; common->name;
				common++)
				assert_string_not_equal(o->name, common->name);
		}
		assert_true(options <= CLI_OPTIONS);
	}
}

static void nearest(void **state)
{
	static const char *const names[] = {"create", "scan", "start", "watch", "show"};

	(void)state;
	assert_string_equal(cli_nearest("strat", names, OSY_COUNT(names)), "start");
	assert_string_equal(cli_nearest("creat", names, OSY_COUNT(names)), "create");
	assert_string_equal(cli_nearest("wa", names, OSY_COUNT(names)), "watch");
	assert_string_equal(cli_nearest("shwo", names, OSY_COUNT(names)), "show");
	assert_null(cli_nearest("delete-everything", names, OSY_COUNT(names)));
	assert_null(cli_nearest("", names, OSY_COUNT(names)));
	assert_null(cli_nearest("zz", names, OSY_COUNT(names)));
}

/* ---- Text ---- */
static void width(void **state)
{
	(void)state;
	assert_int_equal(cli_width(osy_str("")), 0);
	assert_int_equal(cli_width(osy_str("abc")), 3);
	assert_int_equal(cli_width(osy_str("Ärger")), 5);
	assert_int_equal(cli_width(osy_str("日本")), 4);
	assert_int_equal(cli_width(osy_str("e\xcc\x81")), 1); /* a combining accent */
	assert_int_equal(cli_width(osy_str("\xf0\x9f\x98\x80")), 2);
	assert_int_equal(cli_width(osy_str("한글")), 4);
}

static void is_text(struct osy_buf *got, const char *want)
{
	assert_string_equal(got->p, want);
	osy_buf_reset(got);
}

static void what_may_be_shown(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4096);

	(void)state;
	cli_show(osy_str("a\x1b[31mb"), &out);
	is_text(&out, "a\xef\xbf\xbd[31mb");
	cli_show(osy_str("a\nb\tc\rd"), &out);
	is_text(&out, "a b c d");
	cli_show(osy_str("a\xc2\x9b"
			 "31mb"),
		&out); /* CSI as a C1 character */
	is_text(&out, "a\xef\xbf\xbd"
		      "31mb");
	cli_show(osy_str("a\xff\x80z"), &out);
	is_text(&out, "a\xef\xbf\xbd\xef\xbf\xbdz");
	cli_show(osy_str("\xe2\x80\xae"
			 "evil"),
		&out); /* right-to-left override */
	is_text(&out, "\xef\xbf\xbd"
		      "evil");
	cli_show((struct osy_str){"a\0b", 3}, &out);
	is_text(&out, "a\xef\xbf\xbd"
		      "b");
	cli_show(osy_str("Größe 日本"), &out);
	is_text(&out, "Größe 日本");
	cli_json_safe(osy_str("\"\x7f\xc2\x9b ü\""), &out);
	is_text(&out, "\"\\u007f\\u009b ü\"");
}

static void cut(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4096);

	(void)state;
	cli_cut(osy_str("abcdef"), 6, &out);
	is_text(&out, "abcdef");
	cli_cut(osy_str("abcdef"), 5, &out);
	is_text(&out, "abcd…");
	cli_cut(osy_str("日本語"), 5, &out);
	is_text(&out, "日本…");
	cli_cut(osy_str("日本語"), 4, &out);
	is_text(&out, "日…");
	cli_cut(osy_str("abc"), 1, &out);
	is_text(&out, "…");
	cli_cut(osy_str("abc"), 0, &out);
	is_text(&out, "");
}

static void csv(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4096);

	(void)state;
	cli_csv(osy_str("plain"), true, &out);
	is_text(&out, "plain");
	cli_csv(osy_str("a,b"), true, &out);
	is_text(&out, "\"a,b\"");
	cli_csv(osy_str("say \"x\"\n"), true, &out);
	is_text(&out, "\"say \"\"x\"\"\n\"");
	cli_csv(osy_str("=1+1"), true, &out);
	is_text(&out, "\"'=1+1\"");
	cli_csv(osy_str("-5"), false, &out);
	is_text(&out, "-5");
	cli_csv(osy_str(""), true, &out);
	is_text(&out, "");
}

static void numbers_and_times(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4096);

	(void)state;
	cli_number(0, &out);
	is_text(&out, "0");
	cli_number(999, &out);
	is_text(&out, "999");
	cli_number(1234567, &out);
	is_text(&out, "1,234,567");
	cli_number(INT64_MIN, &out);
	is_text(&out, "-9,223,372,036,854,775,808");
	cli_seconds(5, &out);
	is_text(&out, "5s");
	cli_seconds(65, &out);
	is_text(&out, "1:05");
	cli_seconds(7384, &out);
	is_text(&out, "2:03:04");
	cli_time(osy_str("2026-11-24T17:03:05.123Z"), &out);
	is_text(&out, "2026-11-24 17:03:05Z");
	cli_time(osy_str("soon"), &out);
	is_text(&out, "soon");
}

/* ---- Tables ---- */
static void prints(const struct cli_table *table, size_t wide, const char *want)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	cli_table_print(table, wide, file);
	fclose(file);
	assert_string_equal(text, want);
	free(text);
}

static void table(void **state)
{
	OSY_AUTO(cli_table_done) struct cli_table t = {0};

	(void)state;
	cli_table_column(&t, "NAME", false);
	cli_table_column(&t, "COUNT", true);
	cli_table_column(&t, "TEXT", false);
	prints(&t, 0, "NAME  COUNT  TEXT\n");
	cli_table_add(&t, osy_str("日本語"));
	cli_table_add(&t, osy_str("1"));
	cli_table_add(&t, osy_str("a long text"));
	cli_table_add(&t, osy_str("a"));
	cli_table_add(&t, osy_str("1,234,567"));
	cli_table_add(&t, OSY_STR_NULL);
	prints(&t, 0,
		"NAME        COUNT  TEXT\n"
		"日本語          1  a long text\n"
		"a       1,234,567\n");
	prints(&t, 24,
		"NAME        COUNT  TEXT\n"
		"日本語          1  a lo…\n"
		"a       1,234,567\n");
}

/* ---- The view of a run ---- */
#define RUN                                                                                   \
	"{\"id\":\"r1\",\"template\":\"crm\",\"source\":\"src\",\"target\":\"dst\","          \
	"\"state\":\"Sync In Progress\",\"phase\":\"Sync In Progress\",\"wanted\":null,"      \
	"\"problem\":null,\"pass\":1,\"openStage\":2,\"stages\":3,\"elapsedSeconds\":61.5,"   \
	"\"apiCalls\":1200,\"objects\":["                                                     \
	"{\"name\":\"Account\",\"stage\":1,\"selected\":100,\"scanned\":100,\"inserted\":90," \
	"\"updated\":0,\"existing\":5,\"skipped\":0,\"failed\":5,\"percent\":100},"           \
	"{\"name\":\"Contact\",\"stage\":2,\"selected\":100,\"scanned\":80,\"inserted\":50,"  \
	"\"updated\":0,\"existing\":0,\"skipped\":0,\"failed\":0,\"percent\":50},"            \
	"{\"name\":\"Case\",\"stage\":3,\"selected\":100,\"scanned\":0,\"inserted\":0,"       \
	"\"updated\":0,\"existing\":0,\"skipped\":0,\"failed\":0,\"percent\":0}],"            \
	"\"totals\":{\"selected\":300,\"scanned\":180,\"inserted\":140,\"updated\":0,"        \
	"\"existing\":5,\"skipped\":0,\"failed\":5,\"linkFailed\":0,\"percent\":50}}"

static struct osy_json *example(void)
{
	struct osy_json *run = NULL;

	assert_int_equal(osy_json_parse(OSY_STR(RUN), "run", &run, &err), OSY_OK);
	return run;
}

static void progress_line(void **state)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *run = example();
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(64 * 1024);
	struct cli_view view = {.run = run, .rate = 10};

	(void)state;
	assert_int_equal(cli_run_done(run), 150);
	assert_int_equal(cli_run_all(run), 300);
	cli_view_line(&view, &out);
	is_text(&out, "Sync In Progress, stage 2 of 3: 50%, 150 of 300 records, 10/s, left 15s, "
		      "failed 5");
}

/* A retry: its own records, whatever the run has in all. */
static void later_pass_counts_its_own(void **state)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *run = NULL;

	(void)state;
	assert_int_equal(osy_json_parse(OSY_STR("{\"pass\":2,\"totals\":{\"selected\":300,"
						"\"scanned\":300,\"inserted\":290,\"failed\":10,"
						"\"done\":4,\"passRecords\":12}}"),
				 "run", &run, &err),
		OSY_OK);
	assert_int_equal(cli_run_done(run), 4);
	assert_int_equal(cli_run_all(run), 12);
}

static size_t lines_of(const struct osy_buf *text, size_t limit)
{
	size_t count = 0;

	for (const char *p = text->p, *end; *p; p = end + 1) {
		end = strchr(p, '\n');
		assert_non_null(end);
		assert_true(cli_width((struct osy_str){p, (size_t)(end - p)}) <= limit);
		count++;
	}
	return count;
}

static void view_fits(void **state)
{
	static const size_t widths[] = {20, 40, 79, 80, 100, 200};
	OSY_AUTO(osy_json_free_at) struct osy_json *run = example();
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(64 * 1024);

	(void)state;
	for (size_t i = 0; i < OSY_COUNT(widths); i++) {
		for (size_t height = 8; height < 30; height++) {
			struct cli_view view = {.run = run,
				.rate = -1,
				.width = widths[i],
				.height = height,
				.notice = "no answer",
				.failures = {"Account 001 X y", "b", "c"}};
			cli_view_render(&view, &out);
			assert_true(lines_of(&out, widths[i]) <= (height > 12 ? height : 12));
			osy_buf_reset(&out);
		}
	}
}

/* With little room the object that moves is the one that is shown. */
static void view_shows_what_moves(void **state)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *run = example();
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(64 * 1024);
	struct cli_view view = {.run = run, .rate = 0, .width = 120, .height = 10};

	(void)state;
	cli_view_render(&view, &out);
	assert_non_null(strstr(out.p, "Contact"));
	assert_null(strstr(out.p, "Account"));
	assert_non_null(strstr(out.p, "(2 more objects)"));
	assert_non_null(strstr(out.p, "total"));
}

static void what_moves(void **state)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *run = example();

	(void)state;
	assert_true(cli_run_moves(run));
	osy_json_put(run, "state", osy_json_new_str(OSY_STR("Scanned")));
	assert_false(cli_run_moves(run));
	osy_json_put(run, "wanted", osy_json_new_str(OSY_STR("start")));
	assert_true(cli_run_moves(run));
}

static void paths(void **state)
{
	OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4096);

	(void)state;
	cli_path(&out, "/runs/{}/why/{}", "a/b", "0 1");
	cli_query(&out, "x", NULL);
	cli_query(&out, "object", "Ä&");
	cli_query(&out, "code", "c");
	is_text(&out, "/runs/a%2Fb/why/0%201?object=%C3%84%26&code=c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(words_in_any_order, setup),
		cmocka_unit_test_setup(arguments_and_flags, setup),
		cmocka_unit_test_setup(help_needs_nothing, setup),
		cmocka_unit_test_setup(wrong_words, setup),
		cmocka_unit_test_setup(the_table_is_whole, setup),
		cmocka_unit_test_setup(nearest, setup),
		cmocka_unit_test_setup(width, setup),
		cmocka_unit_test_setup(what_may_be_shown, setup),
		cmocka_unit_test_setup(cut, setup),
		cmocka_unit_test_setup(csv, setup),
		cmocka_unit_test_setup(numbers_and_times, setup),
		cmocka_unit_test_setup(table, setup),
		cmocka_unit_test_setup(progress_line, setup),
		cmocka_unit_test_setup(later_pass_counts_its_own, setup),
		cmocka_unit_test_setup(view_fits, setup),
		cmocka_unit_test_setup(view_shows_what_moves, setup),
		cmocka_unit_test_setup(what_moves, setup),
		cmocka_unit_test_setup(paths, setup),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
