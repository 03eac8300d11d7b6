/*
 * Text for people: how wide it is on a terminal, what may be shown, numbers and times. Pure.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdint.h>

#include "osy/str.h"

/* Columns that well-formed, shown text takes on a terminal. */
size_t cli_width(struct osy_str text);
/*
 * Text from outside as it may be shown on one line: line ends and tabs become spaces, other control
 * characters and what turns the direction of text become U+FFFD, as do bytes that are no UTF-8.
 */
void cli_show(struct osy_str text, struct osy_buf *out);
/* The longest beginning that fits; cut text ends with an ellipsis. */
void cli_cut(struct osy_str text, size_t width, struct osy_buf *out);
/* A value of RFC 4180, quoted where it must be. An apostrophe goes before = + - @ when guard is
 * set, which a spreadsheet would take for a formula. */
void cli_csv(struct osy_str value, bool guard, struct osy_buf *out);
/* JSON text whose DEL and C1 characters are escaped: a terminal acts on them. */
void cli_json_safe(struct osy_str json, struct osy_buf *out);

void cli_number(int64_t n, struct osy_buf *out);	/* 1,234,567 */
void cli_seconds(int64_t seconds, struct osy_buf *out); /* 5s, 1:05, 2:03:04 */
/* "2026-11-24T17:03:05.123Z" as "2026-11-24 17:03:05Z"; anything else as it is. */
void cli_time(struct osy_str iso, struct osy_buf *out);

#endif
