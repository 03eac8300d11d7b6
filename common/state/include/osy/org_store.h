/*
 * Orgs as Postgres holds them: a login with sealed secrets (table org). Sealing context:
 * "org:<name>".
 */
#ifndef OSY_ORG_STORE_H
#define OSY_ORG_STORE_H

#include "osy/pg.h"
#include "osy/sf_org.h"

/* Reads and unseals the login of an org; ret must be zeroed, osy_org_login_done() in any case. */
enum osy_code osy_org_store_login(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	struct osy_org_login *ret, struct osy_err *err) OSY_CHECKED;
/* The same as a live org. */
enum osy_code osy_org_store_open(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	struct osy_http *http, bool allow_http, struct osy_org **ret,
	struct osy_err *err) OSY_CHECKED;
/* Seals and inserts a login, or replaces the one of that name; identity may be NULL (not logged in
 * yet). */
enum osy_code osy_org_store_put(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	const struct osy_org_login *login, const struct osy_org_identity *identity,
	struct osy_err *err) OSY_CHECKED;

#endif
