/* tree_steps.h — the plan of a tree_swap: its steps, and their file. Private to tree_swap*.c. */
#pragma once

#include <sys/stat.h>

#include "lib/base/json.h"

enum tree_steps_state { STEPS_PLANNED, STEPS_DONE, STEPS_UNDONE };

struct tree_step {
    char *path;         /* owned, relative to both sides */
    uint64_t old_inode; /* present before the swap; 0: nothing */
    uint64_t new_inode; /* restored; 0: nothing */
};

struct tree_step_meta {
    uint32_t mode, uid, gid;
    int64_t mtime_s;
    int64_t mtime_ns;
    json_t *attributes; /* owned: those of tree_step_attr.c; NULL: they stay as they are */
};

struct tree_step_folder { /* entered, not exchanged */
    char *path;           /* owned; "" is the target */
    struct tree_step_meta old, new;
};

struct tree_steps {
    enum tree_steps_state state;
    struct tree_step *steps;
    size_t step_count, step_room;
    struct tree_step_folder *folders; /* outer before inner */
    size_t folder_count;
};

void tree_steps_deinit(struct tree_steps *p);
void tree_steps_add(struct tree_steps *p, const char *path, uint64_t old_inode, uint64_t new_inode);
/* Forget what was added since there were so many. */
void tree_steps_cut(struct tree_steps *p, size_t step_count, size_t folder_count);
bool tree_step_meta_equal(const struct tree_step_meta *a, const struct tree_step_meta *b);
/* The folder's two sides, open. */
int must_check tree_steps_add_folder(struct tree_steps *p, const char *path, int old, int new,
                                     struct err *e);
/* A folder's own user.* attributes and ACLs, as an object that JSON can hold (new reference). */
int must_check tree_step_attr_read(int fd, json_t **ret, struct err *e);
/* Exactly these, and none besides. NULL: nothing is done. After the mode, which ACLs depend on. */
int must_check tree_step_attr_apply(int fd, const json_t *attributes, struct err *e);
/* plan.json in the folder `staging`, durable. */
int must_check tree_steps_write(const struct tree_steps *p, int staging, struct err *e);
/* ERR_NOT_FOUND: there is none. */
int must_check tree_steps_read(int staging, struct tree_steps *ret, struct err *e);
