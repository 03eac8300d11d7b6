/*
 * Hooks: a run tells receivers (webhooks) of its points. Requests are signed as
 * https://www.standardwebhooks.com says (webhook-id, webhook-timestamp, webhook-signature), hold
 * counts and names, no value of a record, and are delivered at least once, each under one id.
 *
 * A receiver has a name (table hook): its URL and its secret are an admin's to give, a template
 * names it. A call is a row (table hook_call) that is there before the run goes on from its point;
 * one thread of each coordinator sends what is due. A row that is being sent is not due again
 * before its time-out is over, so a call that a dead coordinator has begun is sent again.
 *
 * hook_store.c  receivers
 * hook_call.c   what a run tells, and what it waits for (the run's thread)
 * hook_sign.c   what is sent, and what an answer means
 * hook_send.c   the thread that sends
 *
 * Hooks that change records are publish_hook.h's.
 */
#ifndef OSY_HOOK_H
#define OSY_HOOK_H

#include "drive_run.h"
#include "osy/http.h"
#include "osy/secret.h"

#define OSY_HOOK_REPLY_BYTES (64u * 1024) /* of an answer that nobody reads */

/* ---- Receivers ---- */
struct osy_hook {
	struct osy_secret url, secret;
};
void osy_hook_done(struct osy_hook *hook);
/* Letters, digits, dots, dashes and underscores; 63 at most. */
bool osy_hook_is_name(struct osy_str name);
/* https:// and a domain, or http:// on loopback when that is allowed; whsec_ and 24 to 64 bytes in
 * base64. */
enum osy_code osy_hook_check(
	const struct osy_hook *hook, bool allow_http, struct osy_err *err) OSY_CHECKED;
/* A new one, or another URL and secret for one of that name. */
enum osy_code osy_hook_put(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	const struct osy_hook *hook, struct osy_err *err) OSY_CHECKED;
/* ret must be zeroed. OSY_E_NOT_FOUND. */
enum osy_code osy_hook_get(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	struct osy_hook *ret, struct osy_err *err) OSY_CHECKED;
/* That all hooks which the template names are there. */
enum osy_code osy_hooks_are_there(
	struct osy_pg *pg, const char *template_name, struct osy_err *err) OSY_CHECKED;

/* ---- What is sent ---- */
/* "v1,<base64>" of id, moment and body. The secret must have been checked. */
void osy_hook_sign(const struct osy_secret *secret, const char *id, int64_t at_s,
	struct osy_str body, struct osy_buf *out);
struct osy_hook_request {
	const char *id;
	struct osy_str body; /* borrowed until done is called */
	unsigned timeout_ms;
	size_t max_reply_bytes;
};
/* Begins a request; ret may be NULL. */
enum osy_code osy_hook_start(struct osy_http *http, const struct osy_hook *hook,
	const struct osy_hook_request *asked, osy_http_done done, void *arg,
	struct osy_http_call **ret, struct osy_err *err) OSY_CHECKED;
enum osy_hook_verdict { OSY_HOOK_DELIVERED, OSY_HOOK_AGAIN, OSY_HOOK_REFUSED };
/* What a reply means; ret_note: a sentence, nothing when it is delivered. */
enum osy_hook_verdict osy_hook_judge(const struct osy_http_reply *reply, struct osy_buf *ret_note);

/* ---- What a run tells ---- */
enum osy_hook_point { OSY_HOOK_BEFORE_RUN, OSY_HOOK_AFTER_OBJECT, OSY_HOOK_AFTER_RUN };
/*
 * Makes the calls of a point, with the counts as they are now, unless they are there. stage: of
 * AFTER_OBJECT, the one that has settled. In the open transaction, when there is one.
 */
enum osy_code osy_hooks_tell(struct osy_drive *drive, enum osy_hook_point point, int stage,
	struct osy_err *err) OSY_CHECKED;
/*
 * Whether the run may go on: BEFORE_RUN waits for every answer, AFTER_OBJECT for those whose
 * onError is abort. One of those that failed makes the run want to be aborted.
 */
enum osy_code osy_hooks_answered(struct osy_drive *drive, enum osy_hook_point point, bool *ret,
	struct osy_err *err) OSY_CHECKED;
/* Tells BEFORE_RUN and waits; until the run may go on, is held, or is to be aborted. */
enum osy_code osy_hooks_before(struct osy_drive *drive, struct osy_err *err) OSY_CHECKED;

/* ---- The thread that sends ---- */
struct osy_hooks;
enum osy_code osy_hooks_new(const struct osy_settings *settings, struct osy_hooks **ret,
	struct osy_err *err) OSY_CHECKED;
/* Ends it; what is under way is due at once for another coordinator. Returns NULL. */
struct osy_hooks *osy_hooks_free(struct osy_hooks *hooks);

#endif
