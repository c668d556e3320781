/* tree_staging.c — the staging folder of a swap, as all who work with it see it. */
#include "lib/tree/tree_staging.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/tree/tree_swap.h"

char *tree_staging_name(const char *run)
{
    return mem_printf("%s%s", TREE_STAGING_PREFIX, run);
}

int tree_staging_open_sub(int fd, const char *name)
{
    return io_open(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

/* Making and removing the staging folder is no change of the target that anyone should see. */
void tree_staging_set_time(int target, struct timespec mtime)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime};

    (void)io_utimens(target, NULL, times, 0); /* not the owner: then it shows */
}

void tree_staging_set_planned_time(int target, const struct tree_steps *p, bool forward)
{
    for (size_t i = 0; i < p->folder_count; i++) {
        const struct tree_step_meta *m = forward ? &p->folders[i].new : &p->folders[i].old;
        if (p->folders[i].path[0] == '\0')
            tree_staging_set_time(target, (struct timespec){.tv_sec = (time_t)m->mtime_s,
                                                            .tv_nsec = (long)m->mtime_ns});
    }
}

int tree_staging_remove(int target, const char *name, struct err *e)
{
    if (fs_remove_tree(target, name, e) < 0)
        return -1;
    return fs_sync_dir(target, ".", e);
}
