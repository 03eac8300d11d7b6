/*
 * Orgs as Postgres holds them: a login with sealed secrets (table org). Sealing context:
 * "org:<name>".
 */
#ifndef OSY_ORG_STORE_H
#define OSY_ORG_STORE_H

#include "osy/pg.h"
#include "osy/sf_org.h"

/* Unseals the login of an org and makes a live org of it. pg and key are borrowed until it is
 * freed: a refresh token that the org puts in the place of the stored one is sealed and stored, and
 * one that another program has stored is taken. */
enum osy_code osy_org_store_open(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	struct osy_http *http, bool allow_http, struct osy_org **ret,
	struct osy_err *err) OSY_CHECKED;
/* Seals and inserts a login, or replaces the one of that name; identity may be NULL (not logged in
 * yet). */
enum osy_code osy_org_store_put(struct osy_pg *pg, const struct osy_secret *key, const char *name,
	const struct osy_org_login *login, const struct osy_org_identity *identity,
	struct osy_err *err) OSY_CHECKED;
/* Drops the credentials of an org and keeps its row: it is disconnected until it is put again.
 * OSY_E_NOT_FOUND, and OSY_E_STATE while a run under way needs it. */
enum osy_code osy_org_store_drop(
	struct osy_pg *pg, const char *name, struct osy_err *err) OSY_CHECKED;
/* The one sentence for an org that is disconnected: OSY_E_STATE. */
enum osy_code osy_org_store_apart(const char *name, struct osy_err *err);

#endif
