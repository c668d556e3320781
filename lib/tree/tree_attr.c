/* The kernel's form of an ACL is the value of system.posix_acl_access or _default: a version (2),
 * then entries of tag, permission and id, all little-endian, ordered by tag. */
#include "lib/tree/tree_attr.h"

#include <archive.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"

static const char acl_access[] = "system.posix_acl_access";
static const char acl_default[] = "system.posix_acl_default";

enum { ACL_VERSION = 2, ACL_ENTRIES_MAX = 1024 };

struct acl_entry {
    uint16_t tag, perm;
    uint32_t id;
};

static const struct {
    uint16_t tag;
    int archive_tag;
} tags[] = {
    {0x01, ARCHIVE_ENTRY_ACL_USER_OBJ},  {0x02, ARCHIVE_ENTRY_ACL_USER},
    {0x04, ARCHIVE_ENTRY_ACL_GROUP_OBJ}, {0x08, ARCHIVE_ENTRY_ACL_GROUP},
    {0x10, ARCHIVE_ENTRY_ACL_MASK},      {0x20, ARCHIVE_ENTRY_ACL_OTHER},
};

static int archive_tag_of(uint16_t tag)
{
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (tags[i].tag == tag)
            return tags[i].archive_tag;
    return 0;
}

static uint16_t kernel_tag_of(int archive_tag)
{
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (tags[i].archive_tag == archive_tag)
            return tags[i].tag;
    return 0;
}

static void acl_to_entry(struct archive_entry *entry, int type, const uint8_t *value, size_t len)
{
    for (size_t at = 4; at + sizeof(struct acl_entry) <= len; at += sizeof(struct acl_entry)) {
        struct acl_entry a;
        memcpy(&a, value + at, sizeof(a));
        int tag = archive_tag_of(le16toh(a.tag));
        bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
        if (tag != 0)
            (void)archive_entry_acl_add_entry(entry, type, le16toh(a.perm) & 7, tag,
                                              named ? (int)le32toh(a.id) : -1, NULL);
    }
}

void tree_attr_to_entry(const struct tree_attrs *attrs, struct archive_entry *entry)
{
    for (size_t i = 0; i < attrs->count; i++) {
        const struct tree_attr *a = &attrs->items[i];
        if (strcmp(a->name, acl_access) == 0)
            acl_to_entry(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, a->value, a->len);
        else if (strcmp(a->name, acl_default) == 0)
            acl_to_entry(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, a->value, a->len);
        else
            archive_entry_xattr_add_entry(entry, a->name, a->value, a->len);
    }
}

static int compare_entries(const void *a, const void *b)
{
    const struct acl_entry *x = a, *y = b;
    uint32_t xi = le32toh(x->id), yi = le32toh(y->id);

    if (x->tag != y->tag)
        return le16toh(x->tag) < le16toh(y->tag) ? -1 : 1;
    return xi < yi ? -1 : xi > yi;
}

struct acl_value {
    uint32_t version;
    struct acl_entry entries[ACL_ENTRIES_MAX];
};

/* The entry's ACL of that type in the kernel's form. 0: it has none; 1: *ret_len bytes; -1: one that the
 * kernel has no form for. */
static int acl_from_entry(struct archive_entry *entry, int want, struct acl_value *value,
                          size_t *ret_len)
{
    int type, permset, tag, qualifier;
    const char *who;
    size_t count = 0;

    *value = (struct acl_value){.version = htole32(ACL_VERSION)};
    if (archive_entry_acl_reset(entry, want) == 0)
        return 0;
    while (archive_entry_acl_next(entry, want, &type, &permset, &tag, &qualifier, &who) ==
           ARCHIVE_OK) {
        uint16_t kernel_tag = kernel_tag_of(tag);
        bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
        if (kernel_tag == 0 || count == ACL_ENTRIES_MAX)
            return -1;
        value->entries[count++] = (struct acl_entry){
            .tag = htole16(kernel_tag),
            .perm = htole16((uint16_t)(permset & 7)),
            .id = htole32(named ? (uint32_t)qualifier : UINT32_MAX),
        };
    }
    qsort(value->entries, count, sizeof(value->entries[0]), compare_entries);
    *ret_len = sizeof(value->version) + count * sizeof(value->entries[0]);
    return 1;
}

static void apply_acl(int fd, struct archive_entry *entry, int want, const char *name,
                      struct strlist *lost)
{
    struct acl_value value;
    size_t len;
    int rc = acl_from_entry(entry, want, &value, &len);

    if (rc < 0 || (rc == 1 && io_setxattr(fd, name, &value, len) != 0))
        strlist_add(lost, name);
}

/* libarchive writes what is not plain ASCII in the name of an attribute as %HH, '%' itself
 * included, but in the records that other programs read too it never turns that back. */
static char *decode_name(const char *name)
{
    char *out = mem_alloc(strlen(name) + 1), *p = out;

    while (*name != '\0') {
        unsigned byte = 0;
        int used = 0;
        if (*name == '%' && sscanf(name, "%%%2x%n", &byte, &used) == 1 && used == 3 && byte != 0) {
            *p++ = (char)byte;
            name += used;
        } else {
            *p++ = *name++;
        }
    }
    *p = '\0';
    return out;
}

void tree_attr_apply(int fd, struct archive_entry *entry, bool privileged, struct strlist *lost)
{
    const char *encoded;
    const void *value;
    size_t len;

    (void)archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &encoded, &value, &len) == ARCHIVE_OK) {
        _cleanup_free_ char *name = decode_name(encoded);
        bool gives_rights = !str_starts(name, "user.");
        /* ACLs come in their own records; one hidden among the attributes would go unchecked */
        if (str_starts(name, "system.posix_acl") || (gives_rights && !privileged) ||
            io_setxattr(fd, name, value, len) != 0)
            strlist_add(lost, name);
    }
    apply_acl(fd, entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, acl_access, lost);
    apply_acl(fd, entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, acl_default, lost);
}

void tree_attr_clear(int fd)
{
    struct tree_attrs all = {0};

    if (tree_attrs_read(fd, &all, NULL) == 0)
        for (size_t i = 0; i < all.count; i++)
            (void)io_removexattr(fd, all.items[i].name); /* some are the system's own (labels) */
    tree_attrs_deinit(&all);
}

static int add_acl(struct archive_entry *entry, int want, const char *name, struct tree_attrs *ret,
                   struct err *e)
{
    struct acl_value value;
    size_t len;
    int rc = acl_from_entry(entry, want, &value, &len);

    if (rc < 0)
        return err_set(e, ERR_FORMAT, "an ACL of a kind that this system does not know");
    return rc == 1 ? tree_attrs_add(ret, name, &value, len, e) : 0;
}

int tree_attr_from_entry(struct archive_entry *entry, struct tree_attrs *ret, struct err *e)
{
    const char *encoded;
    const void *value;
    size_t len;

    tree_attrs_clear(ret);
    (void)archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &encoded, &value, &len) == ARCHIVE_OK) {
        _cleanup_free_ char *name = decode_name(encoded);
        if (!str_starts(name, "system.posix_acl") && /* ACLs come in their own records */
            tree_attrs_add(ret, name, value, len, e) < 0)
            return -1;
    }
    if (add_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, acl_access, ret, e) < 0 ||
        add_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, acl_default, ret, e) < 0)
        return -1;
    tree_attrs_finish(ret);
    return 0;
}
