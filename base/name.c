/*
 * Only ASCII counts as a letter or digit, whatever the locale: the same name is accepted at every site.
 */
#include "base/name.h"

#include "base/limits.h"

#include <string.h>

static bool is_digit_or_lower(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool name_is_site(const char *name)
{
	size_t length = strnlen(name, NAME_SIZE);
	if (length == 0 || length >= NAME_SIZE)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool inner = i > 0 && (name[i] == '.' || name[i] == '_' || name[i] == '-');
		if (!is_digit_or_lower(lower(name[i])) && !inner)
			return false;
	}
	return true;
}

bool name_is_study(const char *name)
{
	size_t length = strnlen(name, NAME_SIZE);
	if (length == 0 || length >= NAME_SIZE)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_digit_or_lower(name[i]) && name[i] != '-')
			return false;
	return true;
}

bool name_is_federation(const char *name)
{
	return name_is_study(name);
}

int name_compare(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return (unsigned char)lower(*a) - (unsigned char)lower(*b);
}
