/* walk_tree HELPERS FOLDER — read a tree of which everything is known, as a backup of an unchanged one
 * does: what is left is the walk. Prints the number of files. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/tree/tree_read.h"

static int on_known(void *arg, const char *path, const struct stat *st, struct err *e)
{
    (void)arg;
    (void)path;
    (void)st;
    (void)e;
    return 1;
}

static int on_member(void *arg, const struct tree_member *m, struct err *e)
{
    (void)arg;
    (void)m;
    (void)e;
    return 0;
}

static int on_data(void *arg, const void *data, size_t len, struct err *e)
{
    (void)arg;
    (void)data;
    (void)len;
    return err_set(e, ERR_INTERNAL, "read what is known");
}

static int on_progress(void *arg, const char *path, uint64_t bytes, struct err *e)
{
    (void)arg;
    (void)path;
    (void)bytes;
    (void)e;
    return 0;
}

static void on_text(void *arg, const char *text)
{
    (void)arg;
    (void)fprintf(stderr, "%s\n", text);
}

int main(int argc, char **argv)
{
    const struct tree_visitor visitor = {.known = on_known,
                                         .member = on_member,
                                         .data = on_data,
                                         .progress = on_progress,
                                         .problem = on_text,
                                         .note = on_text};
    struct tree_rules *rules = NULL;
    struct tree_read_result result;
    struct err e = {0};

    if (argc != 3 || tree_rules_create(NULL, NULL, &rules, &e) < 0)
        return 2;
    const struct tree_read_spec spec = {.path = argv[2],
                                        .rules = rules,
                                        .attributes = true,
                                        .helpers = (unsigned)strtoul(argv[1], NULL, 10)};
    int rc = tree_read(&spec, &visitor, &result, &e);
    tree_rules_free(rules);
    if (rc < 0)
        (void)fprintf(stderr, "%s\n", e.text);
    else
        (void)printf("%" PRIu64 "\n", result.files);
    return rc < 0 ? 1 : 0;
}
