/* power_loss.c — a file system of two layers: what is durable, and what is pending on each file and
 * folder. A sync moves the second into the first; a cut keeps a part of it. */
#include "tests/lib/power_loss.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "tests/lib/seam_state.h"

struct record {
    const struct seam_record *r;
    char *name, *name2; /* owned */
    const uint8_t *data;
};

struct power_loss {
    struct buf log;
    struct record *records;
    size_t count, start; /* start: first record behind the mark "start" */
};

struct entry {
    char *name; /* owned */
    struct node *node;
};

/* A change of a folder's names; a rename stands on both folders, and is done once. */
struct change {
    const struct record *record;
    struct node *dir, *from, *node;
    struct node *other; /* of an exchange: what came the other way */
    bool done;
};

enum node_kind { FOLDER, FILE_NODE, LINK };

struct node {
    uint64_t ino;
    enum node_kind kind;
    struct entry *entries; /* folder: durable names */
    size_t entry_count;
    struct change **changes; /* folder: pending */
    size_t change_count;
    struct buf data; /* file: durable bytes; link: target */
    const struct record **writes;
    size_t write_count;
    bool visited;
};

struct disk {
    struct node **nodes; /* owned; the newest of an inode number is the one that counts */
    size_t count;
    struct change **all; /* owned */
    size_t all_count;
    struct node *root;
    uint64_t random;
};

static void *grow(void *array, size_t count, size_t each)
{
    return (count & (count - 1)) == 0 ? mem_resize_array(array, count == 0 ? 1 : 2 * count, each)
                                      : array;
}

static struct node *node_find(const struct disk *d, uint64_t ino)
{
    for (size_t i = d->count; i-- > 0;)
        if (d->nodes[i]->ino == ino)
            return d->nodes[i];
    return NULL;
}

static struct node *node_new(struct disk *d, uint64_t ino, enum node_kind kind)
{
    struct node *n = mem_alloc(sizeof(*n));

    n->ino = ino;
    n->kind = kind;
    n->data = BUF_INIT(256 * 1024 * 1024);
    d->nodes = grow(d->nodes, d->count, sizeof(struct node *));
    d->nodes[d->count++] = n;
    return n;
}

static struct entry *entry_find(struct node *dir, const char *name)
{
    for (size_t i = 0; i < dir->entry_count; i++)
        if (strcmp(dir->entries[i].name, name) == 0)
            return &dir->entries[i];
    return NULL;
}

static void entry_set(struct node *dir, const char *name, struct node *node)
{
    struct entry *old = entry_find(dir, name);

    if (old != NULL) {
        old->node = node;
        return;
    }
    dir->entries = grow(dir->entries, dir->entry_count, sizeof(struct entry));
    dir->entries[dir->entry_count++] = (struct entry){mem_strdup(name), node};
}

static void entry_remove(struct node *dir, const char *name)
{
    struct entry *old = entry_find(dir, name);

    if (old == NULL)
        return;
    free(old->name);
    *old = dir->entries[--dir->entry_count];
}

static void changes_settle(struct node *dir, size_t keep);

static void settle_before(struct node *dir, const struct change *c)
{
    for (size_t i = 0; i < dir->change_count; i++)
        if (dir->changes[i] == c)
            changes_settle(dir, i);
}

static void change_do(struct change *c)
{
    const struct record *r = c->record;

    if (c->done)
        return;
    c->done = true;
    switch (r->r->kind) {
    case SEAM_RENAME:
        /* what came before it in either folder is in the same transaction */
        settle_before(c->from, c);
        settle_before(c->dir, c);
        if (r->r->exchange) {
            struct entry *other = entry_find(c->dir, r->name2);
            if (other != NULL)
                entry_set(c->from, r->name, other->node);
        } else {
            entry_remove(c->from, r->name);
        }
        entry_set(c->dir, r->name2, c->node);
        break;
    case SEAM_UNLINK:
        entry_remove(c->dir, r->name);
        break;
    default:
        entry_set(c->dir, r->name, c->node);
    }
}

/* The first `keep` pending changes of a folder become durable. */
static void changes_settle(struct node *dir, size_t keep)
{
    for (size_t i = 0; i < keep; i++)
        change_do(dir->changes[i]);
}

static void change_push(struct node *dir, struct change *c)
{
    dir->changes = grow(dir->changes, dir->change_count, sizeof(struct change *));
    dir->changes[dir->change_count++] = c;
}

static void bytes_at(struct buf *b, uint64_t offset, const uint8_t *data, size_t len)
{
    size_t end = (size_t)offset + len;

    if (end > b->len) {
        if (buf_reserve(b, end - b->len, NULL) < 0)
            abort();
        memset(b->data + b->len, 0, end - b->len);
        b->len = end;
    }
    if (len > 0)
        memcpy(b->data + offset, data, len);
}

static void write_do(struct node *n, const struct record *w)
{
    if (w->r->kind == SEAM_WRITE) {
        bytes_at(&n->data, w->r->offset, w->data, w->r->data_len);
    } else if (w->r->offset < n->data.len) {
        n->data.len = (size_t)w->r->offset;
    } else {
        bytes_at(&n->data, w->r->offset, NULL, 0);
    }
}

static void node_sync(struct node *n)
{
    if (n->kind == FOLDER)
        changes_settle(n, n->change_count);
    for (size_t i = 0; i < n->write_count; i++)
        write_do(n, n->writes[i]);
    n->write_count = n->change_count = 0;
}

/* The name's node as programs saw it: what pending changes made of it. */
static struct node *node_at(struct node *dir, const char *name)
{
    for (size_t i = dir->change_count; i-- > 0;) {
        const struct change *c = dir->changes[i];
        if (c->record->r->kind == SEAM_RENAME && c->dir == dir &&
            strcmp(c->record->name2, name) == 0)
            return c->node;
        if (c->record->r->kind == SEAM_RENAME && c->from == dir &&
            strcmp(c->record->name, name) == 0)
            return c->other;
        if (c->record->r->kind != SEAM_RENAME && strcmp(c->record->name, name) == 0)
            return c->node;
    }
    struct entry *e = entry_find(dir, name);
    return e == NULL ? NULL : e->node;
}

static void change_add(struct disk *d, const struct record *r)
{
    struct node *dir = node_find(d, r->r->dir), *to = dir, *node = NULL;

    if (r->r->kind == SEAM_RENAME)
        to = node_find(d, r->r->dir2);
    if (dir == NULL || to == NULL)
        return; /* outside of what is watched */
    switch (r->r->kind) {
    case SEAM_CREATE:
        node = node_new(d, r->r->ino, FILE_NODE);
        break;
    case SEAM_MKDIR:
        node = node_new(d, r->r->ino, FOLDER);
        break;
    case SEAM_SYMLINK:
        node = node_new(d, r->r->ino, LINK);
        bytes_at(&node->data, 0, r->data, r->r->data_len);
        break;
    case SEAM_LINK:
        node = node_find(d, r->r->ino);
        break;
    case SEAM_RENAME:
        node = node_at(dir, r->name);
        break;
    default:
        break;
    }
    if (node == NULL && r->r->kind != SEAM_UNLINK)
        abort();
    struct change *c = mem_alloc(sizeof(*c));
    *c = (struct change){.record = r,
                         .dir = to,
                         .from = dir,
                         .node = node,
                         .other = r->r->exchange ? node_at(to, r->name2) : NULL};
    d->all = grow(d->all, d->all_count, sizeof(struct change *));
    d->all[d->all_count++] = c;
    change_push(to, c);
    if (dir != to)
        change_push(dir, c);
}

static void apply(struct disk *d, const struct record *r)
{
    struct node *n;

    switch (r->r->kind) {
    case SEAM_ROOT:
        d->root = node_new(d, r->r->ino, FOLDER);
        break;
    case SEAM_WRITE:
    case SEAM_TRUNCATE:
        if ((n = node_find(d, r->r->ino)) != NULL) {
            n->writes = grow(n->writes, n->write_count, sizeof(struct record *));
            n->writes[n->write_count++] = r;
        }
        break;
    case SEAM_FSYNC:
        if ((n = node_find(d, r->r->ino)) != NULL)
            node_sync(n);
        break;
    case SEAM_SYNCFS:
        for (size_t i = 0; i < d->count; i++)
            node_sync(d->nodes[i]);
        break;
    case SEAM_MARK:
        break;
    default:
        change_add(d, r);
    }
}

static unsigned roll(struct disk *d, unsigned sides)
{
    d->random = d->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(d->random >> 33) % sides;
}

/* The last pending write reaches the disk up to a sector's end somewhere inside it. */
static void cut_last(struct disk *d, struct node *n, size_t sector)
{
    if (n->write_count == 0)
        return;
    for (size_t i = 0; i + 1 < n->write_count; i++)
        write_do(n, n->writes[i]);
    const struct record *w = n->writes[n->write_count - 1];
    if (w->r->kind == SEAM_WRITE) {
        size_t sectors = w->r->data_len / sector;
        bytes_at(&n->data, w->r->offset, w->data,
                 sector * (sectors == 0 ? 0 : roll(d, (unsigned)sectors + 1)));
    }
}

/* The length is right, but of the blocks only every other one, or a random half, is there. */
static void scatter(struct disk *d, struct node *n, size_t block, bool at_random)
{
    for (size_t i = 0; i < n->write_count; i++) {
        const struct record *w = n->writes[i];
        if (w->r->kind != SEAM_WRITE) {
            write_do(n, w);
            continue;
        }
        bytes_at(&n->data, w->r->offset + w->r->data_len, NULL, 0);
        for (size_t at = 0, k = 0; at < w->r->data_len; at += block, k++) {
            size_t len = w->r->data_len - at < block ? w->r->data_len - at : block;
            if (at_random ? roll(d, 2) : k % 2)
                bytes_at(&n->data, w->r->offset + at, w->data + at, len);
        }
    }
}

static void keep_data(struct disk *d, struct node *n, unsigned how)
{
    switch (how) {
    case 0:
        return;
    case 1:
        for (size_t i = 0; i < n->write_count; i++)
            write_do(n, n->writes[i]);
        return;
    case 2:
        cut_last(d, n, 512);
        return;
    case 3:
        cut_last(d, n, 4096);
        return;
    case 4:
        scatter(d, n, 512, false);
        return;
    default:
        scatter(d, n, 64, true);
    }
}

/* What the cut leaves of the pending changes. */
static void lose(struct disk *d, unsigned policy)
{
    static const struct {
        bool names;
        unsigned data;
    } fixed[POWER_LOSS_POLICIES] = {{false, 0}, {true, 0}, {true, 1}, {false, 1},
                                    {true, 2},  {true, 3}, {true, 4}};
    size_t nodes = d->count;

    for (size_t i = 0; i < nodes; i++) {
        struct node *n = d->nodes[i];
        bool mixed = policy >= POWER_LOSS_POLICIES;
        if (n->kind == FOLDER) {
            size_t keep = mixed                 ? roll(d, (unsigned)n->change_count + 1)
                          : fixed[policy].names ? n->change_count
                                                : 0;
            changes_settle(n, keep);
        } else if (n->kind == FILE_NODE) {
            keep_data(d, n, mixed ? roll(d, 6) : fixed[policy].data);
        }
    }
}

static void write_out(const char *path, const struct buf *data)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || fs_write_all(fd, data->data, data->len, NULL) < 0 || close(fd) != 0) {
        perror(path);
        abort();
    }
}

static void note_inode(FILE *map, const struct node *n, const char *path)
{
    struct stat st;

    if (map != NULL && lstat(path, &st) == 0)
        (void)fprintf(map, "%llu %llu\n", (unsigned long long)n->ino,
                      (unsigned long long)st.st_ino);
}

static void materialise(struct node *dir, const char *path, FILE *map)
{
    if (mkdir(path, 0700) != 0 || dir->visited) {
        perror(path);
        abort();
    }
    dir->visited = true;
    for (size_t i = 0; i < dir->entry_count; i++) {
        struct node *n = dir->entries[i].node;
        _cleanup_free_ char *below = mem_printf("%s/%s", path, dir->entries[i].name);
        if (n->kind == FOLDER)
            materialise(n, below, map);
        else if (n->kind == FILE_NODE)
            write_out(below, &n->data);
        else if (symlink((char *)n->data.data, below) != 0)
            abort();
        note_inode(map, n, below);
    }
}

static void disk_deinit(struct disk *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct node *n = d->nodes[i];
        for (size_t k = 0; k < n->entry_count; k++)
            free(n->entries[k].name);
        free(n->entries);
        free(n->changes);
        free(n->writes);
        buf_deinit(&n->data);
        free(n);
    }
    for (size_t i = 0; i < d->all_count; i++)
        free(d->all[i]);
    free(d->all);
    free(d->nodes);
}

void power_loss_build(const struct power_loss *p, size_t cut, unsigned policy, const char *target)
{
    power_loss_build_mapped(p, cut, policy, target, NULL);
}

void power_loss_build_mapped(const struct power_loss *p, size_t cut, unsigned policy,
                             const char *target, FILE *map)
{
    struct disk d = {.random = 0x9e3779b97f4a7c15u * (policy + 1) + cut};

    for (size_t i = 0; i < p->start + cut; i++)
        apply(&d, &p->records[i]);
    lose(&d, policy);
    materialise(d.root, target, map);
    disk_deinit(&d);
}

size_t power_loss_cuts(const struct power_loss *p)
{
    return p->count - p->start;
}

bool power_loss_has_mark(const struct power_loss *p, size_t cut, const char *text)
{
    for (size_t i = p->start; i < p->start + cut; i++)
        if (p->records[i].r->kind == SEAM_MARK && strcmp(p->records[i].name, text) == 0)
            return true;
    return false;
}

static struct record record_at(struct power_loss *p, size_t *at)
{
    const uint8_t *base = p->log.data + *at;
    struct record r = {.r = mem_copy(base, sizeof(struct seam_record))};

    if (r.r->magic != SEAM_MAGIC)
        abort();
    base += sizeof(struct seam_record);
    r.name = mem_strndup((const char *)base, r.r->name_len);
    r.name2 = mem_strndup((const char *)base + r.r->name_len, r.r->name2_len);
    r.data = base + r.r->name_len + r.r->name2_len;
    *at += sizeof(struct seam_record) + r.r->name_len + r.r->name2_len + r.r->data_len;
    return r;
}

struct power_loss *power_loss_load(const char *log)
{
    struct power_loss *p = mem_alloc(sizeof(*p));
    struct err e;
    size_t at = 0;

    p->log = BUF_INIT(1024 * 1024 * 1024);
    if (fs_read_file(AT_FDCWD, log, &p->log, &e) < 0) {
        (void)fprintf(stderr, "%s\n", e.text);
        abort();
    }
    while (at + sizeof(struct seam_record) <= p->log.len) {
        p->records = grow(p->records, p->count, sizeof(struct record));
        p->records[p->count++] = record_at(p, &at);
        const struct record *last = &p->records[p->count - 1];
        if (p->start == 0 && last->r->kind == SEAM_MARK && strcmp(last->name, "start") == 0)
            p->start = p->count;
    }
    return p;
}

void power_loss_free(struct power_loss *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free((void *)p->records[i].r);
        free(p->records[i].name);
        free(p->records[i].name2);
    }
    free(p->records);
    buf_deinit(&p->log);
    free(p);
}
