#include "cli/repository_places.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include "cli/bare_place.h"
#include "cli/place.h"
#include "lib/base/io.h"

#define MARKER "synbak-destination.json"

void repository_places_deinit(struct repository_places *p)
{
    free(p->items);
    bare_place_free(p->bare);
    json_decref(p->stores);
    *p = (struct repository_places){0};
}

void repository_places_of(const struct config *c, const char *name, struct repository_places *ret)
{
    ret->name = name;
    ret->items = mem_alloc(c->destination_count * sizeof(*ret->items));
    for (size_t i = 0; i < c->destination_count; i++)
        if (str_equal(c->destinations[i]->repository, name))
            ret->items[ret->count++] = c->destinations[i];
}

int repository_places_named(const struct config *c, const char *name, struct repository_places *ret,
                            struct err *e)
{
    const struct destination *d = config_destination(c, name);

    if (d == NULL)
        return err_set(e, ERR_USAGE, "the configuration has no destination \"%s\"", name);
    if (d->repository == NULL)
        return err_set(e, ERR_REFUSED,
                       "destination \"%s\" has the plain format: its one key is that of the "
                       "configuration",
                       name);
    repository_places_of(c, d->repository, ret);
    return 0;
}

void repository_places_list(const struct config *c, struct strlist *ret)
{
    for (size_t i = 0; i < c->destination_count; i++)
        if (c->destinations[i]->repository != NULL &&
            !strlist_contains(ret, c->destinations[i]->repository))
            strlist_add(ret, c->destinations[i]->repository);
}

static int find_only(const struct config *c, struct repository_places *ret, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist names = {0};

    repository_places_list(c, &names);
    if (names.count == 0)
        return err_set(e, ERR_REFUSED,
                       "the configuration has no destination with format = repository: only those "
                       "have more keys than one");
    if (names.count > 1) {
        _cleanup_json_ json_t *list = json_from_strings(&names);
        _cleanup_free_ char *joined = join_strings(list, ", ");
        return err_set(e, ERR_USAGE, "name one with --destination, there are %zu repositories: %s",
                       names.count, joined);
    }
    for (size_t i = 0; i < c->destination_count; i++)
        if (c->destinations[i]->repository != NULL && ret->items == NULL)
            repository_places_of(c, c->destinations[i]->repository, ret);
    return 0;
}

int repository_places_find(struct cli *c, struct repository_places *ret, struct err *e)
{
    const char *given = args_value(c->args, "--destination");

    if (given != NULL && bare_is_place(given)) {
        if (bare_place_parse(c, &ret->bare, e) < 0)
            return -1;
        ret->name = given;
        ret->items = mem_alloc(sizeof(*ret->items));
        ret->items[ret->count++] = ret->bare;
        return 0;
    }
    if (cli_load_config(c, e) < 0)
        return -1;
    return given != NULL ? repository_places_named(c->config, given, ret, e)
                         : find_only(c->config, ret, e);
}

int repository_places_open(struct cli *c, struct repository_places *p, struct err *e)
{
    if (p->stores != NULL)
        return 0;
    p->stores = json_array();
    for (size_t i = 0; i < p->count; i++) {
        json_t *store = NULL;
        int rc = p->bare != NULL ? place_store_of_bare(c, &store, e)
                                 : place_store_of(c, p->items[i], &store, e);
        if (rc < 0)
            return -1;
        (void)json_array_append_new(p->stores, store);
    }
    return 0;
}

char *repository_places_user(const struct repository_places *p)
{
    for (size_t i = 0; geteuid() == 0 && i < p->count; i++) {
        const struct destination *d = p->items[i];
        struct stat owner;
        if (d->type != DESTINATION_DIRECTORY)
            continue;
        _cleanup_free_ char *marker = mem_printf("%s/%s", d->path, MARKER);
        const struct passwd *user =
            io_stat(AT_FDCWD, marker, &owner, AT_SYMLINK_NOFOLLOW) == 0 && owner.st_uid != 0
                ? getpwuid(owner.st_uid)
                : NULL;
        if (user != NULL)
            return mem_strdup(user->pw_name);
    }
    return NULL;
}
