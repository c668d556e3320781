#include "cli/worker_env.h"

#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

/* As a key is read out of a variable: without the ends of lines. */
static bool is_value(const char *variable, const json_t *key)
{
    const char *value = strchr(variable, '='), *text = json_string_value(key);

    if (value == NULL || text == NULL || text[0] == '\0')
        return false;
    size_t len = strlen(++value);
    while (len > 0 && (value[len - 1] == '\n' || value[len - 1] == '\r'))
        len--;
    return len == strlen(text) && memcmp(value, text, len) == 0;
}

/* Wherever in the job: a store's "key" and "old_keys". */
static bool holds_key(const char *variable, const json_t *value)
{
    const char *name;
    const json_t *member;
    size_t i;

    json_array_foreach(value, i, member) if (holds_key(variable, member)) return true;
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        const json_t *old = strcmp(name, "old_keys") == 0 ? member : NULL, *key;
        json_array_foreach(old, i, key) if (is_value(variable, key)) return true;
        if (strcmp(name, "key") == 0 && is_value(variable, member))
            return true;
        if (holds_key(variable, member))
            return true;
    }
    return false;
}

char **worker_env_make(const json_t *job)
{
    size_t count = 0, kept = 0;

    while (environ[count] != NULL)
        count++;
    char **env = mem_alloc((count + 1) * sizeof(*env));
    for (size_t i = 0; i < count; i++)
        if (!holds_key(environ[i], job))
            env[kept++] = environ[i];
    return env;
}
