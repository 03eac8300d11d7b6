/*
 * Functions that must not be used: naming one below this line is a compile error. Included last, by
 * .c files only (system headers that come later could not even declare them). What to use instead:
 * osy_buf, osy_parse_i64, osy_wall_text, osy_xstrndup.
 */
#ifndef OSY_BANNED_H
#define OSY_BANNED_H

/* macros of the fortified headers under clang, which may not be poisoned as such */
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok
#pragma GCC poison gmtime localtime asctime ctime
#pragma GCC poison atoi atol atoll strtol system gets

#endif
