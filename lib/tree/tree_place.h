/* tree_place.h — reach a path below an open folder without leaving it: through no symbolic link,
 * no "..", no magic link, whatever others do meanwhile. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "lib/base/err.h"

struct tree_place { /* remembers the folder of the last path: the next one mostly lies there too */
    int root;       /* borrowed */
    int fd;         /* of the remembered folder; -1: none, or it is the root */
    char *folder;   /* owned; NULL: none */
};
#define TREE_PLACE(root_fd) ((struct tree_place){.root = (root_fd), .fd = -1})
void tree_place_deinit(struct tree_place *p);

/* The folder that holds `path` (cleaned, not ""), borrowed until the next call, and the last part
 * of the path. create: folders that are missing are made, mode 0700. ERR_NOT_FOUND; ERR_FORMAT:
 * something on the way is not a folder. */
int must_check tree_place_open(struct tree_place *p, const char *path, bool create, int *ret_fd,
                               const char **ret_name, struct err *e);
void tree_place_forget(struct tree_place *p); /* after a folder was moved or removed */
/* True when `name` stands in the folder with exactly these bytes (not: another case of them). */
bool tree_place_has_exact(int fd, const char *name);
