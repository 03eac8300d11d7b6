/*
 * Filters of SOQL, what stands behind WHERE, as far as they must be understood: to be put beside
 * other conditions, and to be read through a lookup.
 */
#ifndef OSY_SOQL_H
#define OSY_SOQL_H

#include "osy/str.h"

#define OSY_SOQL_NAME_MAX 255	 /* bytes */
#define OSY_SOQL_WHERE_MAX 20000 /* of a filter, as of one in a template */
#define OSY_SOQL_THROUGH_MAX \
	(OSY_SOQL_WHERE_MAX * (OSY_SOQL_NAME_MAX + 2)) /* what one can become */

/* Whether it holds a sub-query (a semi-join). */
bool osy_soql_has_query(const char *where);
/*
 * Appends it as one condition among others: in parentheses, but for one with a sub-query, which an
 * org takes at the top level alone.
 */
void osy_soql_nest(const char *where, struct osy_buf *out);
/*
 * Appends the filter of an object as one of its children, whose lookup has this relation:
 * "Industry = 'Energy'" becomes "Account.Industry = 'Energy'". Gives why it cannot be, NULL when it
 * was; out may have a part of it then. It takes OSY_SOQL_THROUGH_MAX at most.
 */
const char *osy_soql_through(
	const char *where, const char *object, const char *relation, struct osy_buf *out);

#endif
