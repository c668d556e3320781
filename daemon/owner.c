#include "daemon/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum { ID_BYTES = 16, ID_HEX = 2 * ID_BYTES };
static const char owner_file[] = "owner";

/* 1: this machine has no usable id */
static int read_machine_id(struct buf *out)
{
    uint8_t bytes[ID_BYTES];

    if (fs_read_file(AT_FDCWD, "/etc/machine-id", out, NULL) < 0 || out->len < ID_HEX)
        return 1;
    out->len = ID_HEX;
    out->data[ID_HEX] = '\0';
    return hex_decode((const char *)out->data, bytes, ID_BYTES) < 0 ? 1 : 0;
}

static int derive(const struct buf *machine, const char *state_dir, char ret[33], struct err *e)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    _cleanup_free_ char *real = realpath(state_dir, NULL);
    _cleanup_free_ char *what = mem_printf("synbak owner\n%s", real != NULL ? real : state_dir);

    if (HMAC(EVP_sha256(), machine->data, (int)machine->len, (const uint8_t *)what, strlen(what),
             mac, &len) == NULL)
        return err_set(e, ERR_INTERNAL, "HMAC-SHA-256 does not work here");
    hex_encode(mac, ID_BYTES, ret);
    return 0;
}

static int load_or_make(const char *state_dir, char ret[33], struct err *e)
{
    _cleanup_(fs_closep) int dir = -1;
    struct buf text = BUF_INIT(4096);
    uint8_t bytes[ID_BYTES];
    int rc = fs_open_dir(state_dir, &dir, e);

    if (rc == 0 && fs_read_file(dir, owner_file, &text, NULL) == 0) {
        if (text.len < ID_HEX || (text.data[ID_HEX] = '\0', false) ||
            hex_decode((const char *)text.data, bytes, ID_BYTES) < 0)
            rc = err_set(e, ERR_DAMAGED, "%s/%s is not 32 hex digits", state_dir, owner_file);
    } else if (rc == 0) {
        if (io_random(bytes, sizeof(bytes)) < 0)
            rc = err_sys(e, ERR_IO, errno, "random numbers");
        hex_encode(bytes, ID_BYTES, ret);
        if (rc == 0)
            rc = fs_replace_file(dir, owner_file, ret, ID_HEX, 0600, e);
    }
    if (rc == 0)
        hex_encode(bytes, ID_BYTES, ret);
    buf_deinit(&text);
    return rc;
}

int owner_load(const char *state_dir, char ret[33], struct err *e)
{
    struct buf machine = BUF_INIT(4096);
    int rc = read_machine_id(&machine);

    rc = rc == 0 ? derive(&machine, state_dir, ret, e) : load_or_make(state_dir, ret, e);
    buf_deinit(&machine);
    return rc;
}
