/* All commands: parsing, help and errors follow from this table. */
#include "cli.h"
#include "osy/banned.h"

#define END                                \
	{                                  \
		NULL, 0, NULL, false, NULL \
	}
#define LIMIT                                                                \
	{                                                                    \
		"limit", 0, "N", false, "at most so many rows (100); 0: all" \
	}
#define WAIT                                                       \
	{                                                          \
		"wait", 'w', NULL, false, "watch it until it ends" \
	}

static const struct cli_option org_add[] = {
	{"instance-url", 0, "URL", true, "the org's address, https://..."},
	{"auth", 0, "HOW", true,
		"jwt, client-credentials, refresh-token, password or access-token"},
	{"login-url", 0, "URL", false, "where to log in, when it is not the org's address"},
	{"client-id", 0, "ID", false, "the connected app's consumer key"},
	{"client-secret-file", 0, "FILE", false, "its secret; - is standard input"},
	{"username", 0, "USER", false, "for jwt and password"},
	{"private-key-file", 0, "FILE", false, "PEM key, for jwt"},
	{"refresh-token-file", 0, "FILE", false, "for refresh-token"},
	{"password-file", 0, "FILE", false, "password and security token, for password"},
	{"access-token-file", 0, "FILE", false, "for access-token"},
	END,
};
static const struct cli_option hook_add[] = {
	{"url", 0, "URL", false, "where it is called, https://..."},
	{"url-file", 0, "FILE", false,
		"the same, of a URL that holds a secret; - is standard input"},
	{"secret-file", 0, "FILE", true,
		"whsec_ and 24 to 64 bytes in base64, which sign the calls; - is standard input"},
	END,
};
static const struct cli_option template_apply[] = {
	{"file", 'f', "FILE", true, "the template, YAML or JSON; - is standard input"},
	END,
};
static const struct cli_option run_create[] = {
	{"template", 't', "TEMPLATE", true, "what to sync"},
	{"source", 0, "ORG", true, "where the records come from"},
	{"target", 0, "ORG", true, "where they go"},
	{"name", 0, "LABEL", false, "a label for people"},
	{"since", 0, "TIME", false,
		"with deltaSync: what has changed since, instead of since the last run"},
	END,
};
static const struct cli_option run_scan[] = {
	{"no-wait", 0, NULL, false, "return at once"},
	END,
};
static const struct cli_option run_check[] = {
	{"last", 0, NULL, false, "show what the last check found, without a new one"},
	END,
};
static const struct cli_option run_order[] = {
	{"set", 0, "A,B,C", false, "load the objects in this order; names all of them"},
	{"reset", 0, NULL, false, "go back to the computed order"},
	{"no-wait", 0, NULL, false, "do not wait until the run is planned anew"},
	END,
};
static const struct cli_option run_automation[] = {
	{"enable", 0, NULL, false, "switch on what the run could not bring back"},
	{"forget", 0, NULL, false, "leave it off: you have seen to it in the org"},
	END,
};
static const struct cli_option wait[] = {WAIT, END};
static const struct cli_option run_rollback[] = {
	{"dry-run", 0, NULL, false, "only say what would be deleted, restored and left"},
	{"force", 0, NULL, false, "undo what somebody has changed since, too"},
	WAIT,
	END,
};
static const struct cli_option run_list[] = {
	{"state", 0, "STATE", false, "only runs in this state, as \"Sync In Progress\""},
	{"template", 't', "TEMPLATE", false, "only runs of this template"},
	{"source", 0, "ORG", false, "only from this org"},
	{"target", 0, "ORG", false, "only into this org"},
	{"name", 0, "TEXT", false, "only with this text in the label"},
	{"by", 0, "TOKEN", false, "only those that this token has made"},
	{"since", 0, "TIME", false, "only those made since, as 2026-11-27T12:00:00Z"},
	{"until", 0, "TIME", false, "only those made before"},
	{"errors", 0, "true|false", false, "only those with errors, or without"},
	LIMIT,
	END,
};
static const struct cli_option run_errors[] = {
	{"object", 0, "OBJECT", false, "only of this object"},
	{"code", 0, "CODE", false, "only with this code, as FIELD_CUSTOM_VALIDATION_EXCEPTION"},
	{"message", 0, "TEXT", false, "only with this text in the message"},
	{"kind", 0, "KIND", false,
		"record, link, rollback, notice or all; default: all but notices"},
	{"summary", 0, NULL, false, "how many, by object and code"},
	{"csv", 0, "FILE", false, "write all of them to a CSV file; - is standard output"},
	LIMIT,
	END,
};
static const struct cli_option run_log[] = {
	{"level", 0, "LEVEL", false, "error, warn (and errors) or info (all, the default)"},
	{"text", 0, "TEXT", false, "only what has this text; case does not count"},
	LIMIT,
	END,
};
static const struct cli_option run_waiting[] = {
	{"object", 0, "OBJECT", false, "only records of this object"},
	{"parent", 0, "RECORD-ID", false, "only those that wait for this record of the source"},
	{"parents", 0, NULL, false, "how many wait for each parent"},
	{"csv", 0, "FILE", false, "write all of them to a CSV file; - is standard output"},
	LIMIT,
	END,
};
static const struct cli_option pair[] = {
	{"source", 0, "ORG", true, "the source org"},
	{"target", 0, "ORG", true, "the target org"},
	END,
};
static const struct cli_option schedule_add[] = {
	{"cron", 0, "EXPRESSION", true,
		"minute hour day month weekday, in UTC, as \"0 2 * * mon-fri\""},
	{"template", 't', "TEMPLATE", false, "start a run of it; with --source and --target"},
	{"source", 0, "ORG", false, "where its records come from"},
	{"target", 0, "ORG", false, "where they go"},
	{"clean", 0, "TABLE", false,
		"instead of a run: remove what is old of runs, audit, tokens or firings"},
	END,
};
static const struct cli_option token_create[] = {
	{"role", 0, "ROLE", true, "viewer, operator or admin"},
	{"rights", 0, "A,B,C", false,
		"only these of an operator's: template, order, preview, check, automation, start, "
		"abort, rollback, delete, schedule, idmap"},
	{"file", 'f', "FILE", false, "write the token to a new file of mode 600"},
	END,
};
static const struct cli_option limit[] = {LIMIT, END};

const struct cli_command cli_commands[] = {
	{"org", "add", "NAME", org_add, "adds an org, or replaces its credentials; logs in first",
		cli_org_add},
	{"org", "list", "", NULL, "all orgs", cli_org_list},
	{"org", "show", "NAME", NULL, "one org, without its secrets", cli_org_show},
	{"org", "test", "NAME", NULL, "logs in and asks who the org is", cli_org_test},
	{"org", "limits", "NAME", NULL, "the org's limits as it tells them", cli_org_limits},
	{"org", "disconnect", "NAME", NULL,
		"drops its credentials and keeps its runs; org add connects it again",
		cli_org_disconnect},
	{"org", "remove", "NAME", NULL, "removes an org that no run refers to", cli_org_remove},
	{"hook", "add", "NAME", hook_add,
		"adds a receiver of calls, or replaces its URL and secret", cli_hook_add},
	{"hook", "list", "", NULL, "all hooks", cli_hook_list},
	{"hook", "show", "NAME", NULL, "one hook, without its secret and the path of its URL",
		cli_hook_show},
	{"hook", "test", "NAME", NULL, "calls it once; exit 4 when it does not take the call",
		cli_hook_test},
	{"hook", "remove", "NAME", NULL, "removes a hook that has no call to answer",
		cli_hook_remove},
	{"template", "apply", "", template_apply, "checks and stores a template",
		cli_template_apply},
	{"template", "list", "", NULL, "all templates", cli_template_list},
	{"template", "show", "NAME", NULL, "the template's text", cli_template_show},
	{"template", "remove", "NAME", NULL, "removes it; runs keep their own copy",
		cli_template_remove},
	{"run", "create", "", run_create, "makes a run and prints its id", cli_run_create},
	{"run", "check", "RUN", run_check,
		"metadata mismatch, permissions, automation; exit 4 when something blocks",
		cli_run_check},
	{"run", "scan", "RUN", run_scan, "counts, order, missing parents, cost; nothing is written",
		cli_run_scan},
	{"run", "order", "RUN", run_order, "the order of the objects and why; or another one",
		cli_run_order},
	{"run", "automation", "RUN", run_automation,
		"the target's automation that it switches off, and back on; exit 4 when some is "
		"left off",
		cli_run_automation},
	{"run", "hooks", "RUN", limit, "the calls of its hooks: what was sent, answered, failed",
		cli_run_hooks},
	{"run", "start", "RUN", wait, "starts it; scans first when that was not done",
		cli_run_start},
	{"run", "watch", "RUN", NULL, "follows it until it ends; Ctrl-C leaves it running",
		cli_run_watch},
	{"run", "show", "RUN", NULL, "its state and counts", cli_run_show},
	{"run", "list", "", run_list, "runs, newest first", cli_run_list},
	{"run", "errors", "RUN", run_errors, "the records and lookups that failed", cli_run_errors},
	{"run", "log", "RUN", run_log, "what it went through, oldest first", cli_run_log},
	{"run", "waiting", "RUN", run_waiting, "the records of its template that wait for a parent",
		cli_run_waiting},
	{"run", "why", "RUN RECORD-ID", NULL, "what became of a source record, and why",
		cli_run_why},
	{"run", "abort", "RUN", wait, "takes no new batch; what is in flight is finished",
		cli_run_abort},
	{"run", "replay", "RUN", wait, "the whole journal again, into the same target",
		cli_run_replay},
	{"run", "rollback", "RUN", run_rollback,
		"deletes what it inserted and gives back what it changed", cli_run_rollback},
	{"run", "retry", "RUN", wait, "only the records that have failed, from the journal",
		cli_run_retry},
	{"run", "resync", "RUN", wait, "the records that have failed or were skipped; no new scan",
		cli_run_resync},
	{"run", "pause", "RUN", NULL, "takes no new batch until it is resumed", cli_run_pause},
	{"run", "resume", "RUN", wait, "goes on with a run that was paused", cli_run_resume},
	{"run", "delete", "RUN", NULL, "deletes the run, its journal and its errors",
		cli_run_delete},
	{"idmap", "get", "RECORD-ID", pair, "the target record of a source record", cli_idmap_get},
	{"idmap", "rebuild", "", pair, "fills Redis anew from Postgres", cli_idmap_rebuild},
	{"schedule", "add", "NAME", schedule_add,
		"runs a template, or cleans a table, at the times of a cron expression",
		cli_schedule_add},
	{"schedule", "list", "", NULL, "all schedules: when next, when last, what came of it",
		cli_schedule_list},
	{"schedule", "show", "NAME", NULL, "one schedule", cli_schedule_show},
	{"schedule", "history", "NAME", limit, "what came of its times, newest first",
		cli_schedule_history},
	{"schedule", "run", "NAME", NULL, "fires it now; its times stay as they are",
		cli_schedule_run},
	{"schedule", "pause", "NAME", NULL, "it fires no more until it is resumed",
		cli_schedule_pause},
	{"schedule", "resume", "NAME", NULL, "it fires again, from its next time on",
		cli_schedule_resume},
	{"schedule", "remove", "NAME", NULL, "removes it with its history; its runs stay",
		cli_schedule_remove},
	{"token", "list", "", NULL, "all tokens, without their secrets", cli_token_list},
	{"token", "create", "NAME", token_create, "makes a token and prints it, once",
		cli_token_create},
	{"token", "revoke", "ID", NULL, "revokes a token", cli_token_revoke},
	{"audit", NULL, "", limit, "who did what, newest first", cli_audit},
	{"init", NULL, "", NULL,
		"writes orgsync.yaml, with every setting, and a new secret.key into this folder",
		cli_init},
	{"doctor", NULL, "", NULL,
		"Kafka, Redis, Postgres, topics, processes, orgs: what is wrong, what to do",
		cli_doctor},
	{"help", NULL, "[COMMAND] [VERB]", NULL, "this help, or that of a command", cli_help},
	{NULL, NULL, NULL, NULL, NULL, NULL},
};
