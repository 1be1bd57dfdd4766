/* The few string functions that the shim needs. */
#ifndef WEFT_SHIM_TEXT_H
#define WEFT_SHIM_TEXT_H

#include <stddef.h>
#include <stdint.h>

static inline size_t text_length(const char *text)
{
	size_t length = 0;
	while (text[length])
		length++;
	return length;
}

static inline int text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Appends `text` at `*at` below `end`, always leaving room for the final zero; answers 0 when it does not fit. */
static inline int text_append(char **at, const char *end, const char *text)
{
	while (*text) {
		if (*at + 1 >= end)
			return 0;
		*(*at)++ = *text++;
	}
	**at = 0;
	return 1;
}

static inline int text_append_number(char **at, const char *end, uint64_t number)
{
	char digits[24];
	char *first = digits + sizeof digits - 1;
	*first = 0;
	do {
		*--first = (char)('0' + number % 10u);
		number /= 10u;
	} while (number);
	return text_append(at, end, first);
}

/* Decimal digits only, below a day of milliseconds; `otherwise` for anything else. */
static inline uint64_t text_number(const char *text, uint64_t otherwise)
{
	uint64_t number = 0;
	if (!*text)
		return otherwise;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || number > 8640000u)
			return otherwise;
		number = number * 10u + (uint64_t)(*text - '0');
	}
	return number;
}

#endif
