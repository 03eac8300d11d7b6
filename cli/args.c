#include "args.h"

#include <stdio.h>

#include "osy/mem.h"
#include "osy/banned.h"

#define NAMES 64
#define LONGEST 48

const struct cli_option cli_common_options[] = {
	{"output", 'o', "FORMAT", false, "table, json or csv"},
	{"quiet", 'q', NULL, false, "ids alone"},
	{"yes", 'y', NULL, false, "do not ask"},
	{"help", 'h', NULL, false, "this help"},
	{"version", 0, NULL, false, "the version"},
	{NULL, 0, NULL, false, NULL},
};

/* ---- The nearest word ---- */
static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) that make a into b. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *now = rows[2];
	unsigned n = (unsigned)strlen(a), m = (unsigned)strlen(b);

	if (n > LONGEST || m > LONGEST)
		return LONGEST;
	for (unsigned j = 0; j <= m; j++)
		last[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		now[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1,
				last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		unsigned *spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

const char *cli_nearest(const char *word, const char *const *names, size_t count)
{
	unsigned len = (unsigned)strlen(word), best = len / 3 > 1 ? len / 3 + 1 : 2;
	const char *found = NULL;

	for (size_t i = 0; i < count; i++) {
		unsigned d = distance(word, names[i]);
		/* The beginning of a word stands for it. */
		if (len >= 2 && strncmp(word, names[i], len) == 0)
			d = 0;
		if (d < best && d < strlen(names[i])) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

/* ---- Which command ---- */
static void add_name(const char **names, size_t *count, const char *name)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(names[i], name) == 0)
			return;
	}
	if (*count < NAMES)
		names[(*count)++] = name;
}

static void join(const char *const *names, size_t count, struct osy_buf *out)
{
	for (size_t i = 0; i < count; i++)
		osy_buf_addf(out, "%s%s", i ? ", " : "", names[i]);
}

static enum osy_code unknown(const char *what, const char *before, const char *word,
	const char *const *names, size_t count, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf list = OSY_BUF(8 * 1024);
	const char *near = cli_nearest(word, names, count);

	join(names, count, &list);
	if (near)
		return osy_fail(err, OSY_E_USAGE,
			"there is no %s \"%s%.60s\"; did you mean \"%s%s\"? (there are: %s)", what,
			before, word, before, near, list.p);
	return osy_fail(err, OSY_E_USAGE, "there is no %s \"%s%.60s\"; there are: %s", what, before,
		word, list.p);
}

static enum osy_code find_noun(const struct cli_command *table, const char *word,
	struct cli_words *words, struct osy_err *err)
{
	const char *names[NAMES];
	size_t count = 0;

	for (const struct cli_command *c = table; c->noun; c++) {
		if (strcmp(c->noun, word) == 0) {
			words->noun = c->noun;
			if (!c->verb)
				words->command = c;
			return OSY_OK;
		}
		add_name(names, &count, c->noun);
	}
	return unknown("command", "", word, names, count, err);
}

static enum osy_code find_verb(const struct cli_command *table, const char *word,
	struct cli_words *words, struct osy_err *err)
{
	const char *names[NAMES];
	char before[64];
	size_t count = 0;

	for (const struct cli_command *c = table; c->noun; c++) {
		if (strcmp(c->noun, words->noun) != 0)
			continue;
		if (word && strcmp(c->verb, word) == 0) {
			words->command = c;
			return OSY_OK;
		}
		add_name(names, &count, c->verb);
	}
	if (word) {
		snprintf(before, sizeof(before), "%s ", words->noun);
		return unknown("command", before, word, names, count, err);
	}
	OSY_AUTO(osy_buf_done) struct osy_buf list = OSY_BUF(8 * 1024);
	join(names, count, &list);
	return osy_fail(err, OSY_E_USAGE, "\"%s\" needs a verb: %s", words->noun, list.p);
}

/* ---- Options ---- */
/* The words that are left. */
struct feed {
	char **words;
	int left;
	bool only_args; /* after "--" */
};

static bool named(const struct cli_option *option, const char *word, size_t len, bool letter)
{
	if (letter)
		return option->letter && len == 1 && option->letter == word[0];
	return strlen(option->name) == len && strncmp(option->name, word, len) == 0;
}

/* The option of that name; ret_index is its place in the command's list, -1 for a common one. */
static const struct cli_option *find_option(
	const struct cli_words *words, const char *word, size_t len, bool letter, int *ret_index)
{
	const struct cli_option *own = words->command ? words->command->options : NULL;

	for (int i = 0; own && own[i].name; i++) {
		if (named(&own[i], word, len, letter)) {
			*ret_index = i;
			return &own[i];
		}
	}
	*ret_index = -1;
	for (const struct cli_option *o = cli_common_options; o->name; o++) {
		if (named(o, word, len, letter))
			return o;
	}
	return NULL;
}

static enum osy_code unknown_option(
	const struct cli_words *words, const char *word, struct osy_err *err)
{
	const struct cli_option *own = words->command ? words->command->options : NULL;
	const char *names[NAMES], *bare = word + strspn(word, "-");
	size_t count = 0;
	char plain[LONGEST + 1];

	for (; own && own->name; own++)
		add_name(names, &count, own->name);
	for (own = cli_common_options; own->name; own++)
		add_name(names, &count, own->name);
	snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(bare, "="), bare);
	const char *near = cli_nearest(plain, names, count);
	if (!words->command)
		return osy_fail(err, OSY_E_USAGE,
			"there is no option %.60s before the command; write it after it, or see "
			"orgsync --help",
			word);
	return osy_fail(err, OSY_E_USAGE, "\"%s%s%s\" has no option %.60s; %s%s%ssee --help",
		words->noun, words->command->verb ? " " : "",
		words->command->verb ? words->command->verb : "", word,
		near ? "did you mean --" : "", near ? near : "", near ? "? " : "");
}

static enum osy_code take_format(struct cli_words *words, const char *value, struct osy_err *err)
{
	static const char *const formats[] = {"table", "json", "csv"};

	for (size_t i = 0; i < OSY_COUNT(formats); i++) {
		if (strcmp(value, formats[i]) == 0) {
			words->format = (enum cli_format)i;
			return OSY_OK;
		}
	}
	return osy_fail(
		err, OSY_E_USAGE, "--output is \"%.60s\"; it must be table, json or csv", value);
}

static enum osy_code set(struct cli_words *words, const struct cli_option *option, int index,
	const char *value, struct osy_err *err)
{
	if (index >= 0)
		words->values[index] = value;
	else if (strcmp(option->name, "output") == 0)
		return take_format(words, value, err);
	else if (strcmp(option->name, "quiet") == 0)
		words->quiet = true;
	else if (strcmp(option->name, "yes") == 0)
		words->yes = true;
	else if (strcmp(option->name, "help") == 0)
		words->help = true;
	else
		words->version = true;
	return OSY_OK;
}

/* "--name", "--name=value", "-n", "-nvalue". */
static enum osy_code take_option(
	struct feed *feed, const char *word, struct cli_words *words, struct osy_err *err)
{
	bool letter = word[1] != '-';
	const char *name = word + (letter ? 1 : 2), *value = NULL;
	size_t len = letter ? 1 : strcspn(name, "=");
	int index = -1;
	const struct cli_option *option = find_option(words, name, len, letter, &index);

	if (!option)
		return unknown_option(words, word, err);
	if (name[len])
		value = name + len + (name[len] == '=');
	if (!option->value && value)
		return osy_fail(err, OSY_E_USAGE, "--%s takes no value", option->name);
	if (option->value && !value && feed->left > 0) {
		value = *feed->words++;
		feed->left--;
	}
	if (option->value && !value)
		return osy_fail(
			err, OSY_E_USAGE, "--%s needs a value: %s", option->name, option->value);
	return set(words, option, index, value ? value : "", err);
}

/* ---- All of it ---- */
static unsigned count_args(const char *args, bool required_only)
{
	unsigned n = 0;

	for (const char *p = args; *p; p += strspn(p, " ")) {
		n += !(required_only && *p == '[');
		p += strcspn(p, " ");
	}
	return n;
}

static enum osy_code take_word(const struct cli_command *table, const char *word,
	struct cli_words *words, struct osy_err *err)
{
	if (!words->noun)
		return find_noun(table, word, words, err);
	if (!words->command)
		return find_verb(table, word, words, err);
	if (words->arg_count == count_args(words->command->args, false))
		return osy_fail(err, OSY_E_USAGE,
			"\"%.60s\" is one word too many for \"%s%s%s%s%s\"", word, words->noun,
			words->command->verb ? " " : "",
			words->command->verb ? words->command->verb : "",
			*words->command->args ? " " : "", words->command->args);
	if (!*word)
		return osy_fail(err, OSY_E_USAGE, "an argument of \"%s %s\" is empty", words->noun,
			words->command->verb ? words->command->verb : "");
	words->args[words->arg_count++] = word;
	return OSY_OK;
}

static enum osy_code check_complete(
	const struct cli_command *table, struct cli_words *words, struct osy_err *err)
{
	const struct cli_command *command = words->command;

	if (!words->noun)
		return osy_fail(err, OSY_E_USAGE, "a command is missing; see orgsync --help");
	if (!command)
		return find_verb(table, NULL, words, err);
	const char *verb = command->verb ? command->verb : "";
	if (words->arg_count < count_args(command->args, true))
		return osy_fail(err, OSY_E_USAGE, "\"%s%s%s\" needs %s", words->noun,
			*verb ? " " : "", verb, command->args);
	for (int i = 0; command->options && command->options[i].name; i++) {
		const struct cli_option *option = &command->options[i];
		if (option->required && !words->values[i])
			return osy_fail(err, OSY_E_USAGE, "\"%s %s\" needs --%s %s", words->noun,
				verb, option->name, option->value);
	}
	return OSY_OK;
}

enum osy_code cli_parse(const struct cli_command *table, int argc, char **argv,
	struct cli_words *ret, struct osy_err *err)
{
	struct cli_words words = {.format = CLI_TABLE};
	struct feed feed = {argv + 1, argc > 0 ? argc - 1 : 0, false};
	enum osy_code rc = OSY_OK;

	while (!rc && feed.left > 0) {
		const char *word = *feed.words++;
		feed.left--;
		if (!feed.only_args && strcmp(word, "--") == 0)
			feed.only_args = true;
		else if (!feed.only_args && word[0] == '-' && word[1])
			rc = take_option(&feed, word, &words, err);
		else
			rc = take_word(table, word, &words, err);
	}
	if (!rc && !words.help && !words.version)
		rc = check_complete(table, &words, err);
	if (!rc)
		*ret = words;
	return rc;
}

const char *cli_value(const struct cli_words *words, const char *option)
{
	const struct cli_option *own = words->command->options;

	for (int i = 0; own && own[i].name; i++) {
		if (strcmp(own[i].name, option) == 0)
			return words->values[i];
	}
	OSY_BUG("no option --%s", option);
}
