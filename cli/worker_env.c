#include "cli/worker_env.h"

#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

/* A secret is the variable's whole value, or a line of it, as credentials are. */
static bool is_value(const char *variable, const json_t *key)
{
    const char *value = strchr(variable, '='), *text = json_string_value(key);
    size_t len = text != NULL ? strlen(text) : 0;

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    for (const char *p = value; p != NULL && len > 0; p = strchr(p, '\n')) {
        p++;
        if (strncmp(p, text, len) == 0 && (p[len] == '\0' || p[len] == '\n' || p[len] == '\r'))
            return true;
    }
    return false;
}

static bool is_secret(const char *name)
{
    static const char *const names[] = {"key", "secret_key", "session_token", "private_key",
                                        "passphrase"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Wherever in the job: the secrets of a store. */
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
        if (is_secret(name) && is_value(variable, member))
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
