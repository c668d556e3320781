#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/store/sftp_store.h"

int sftp_ask(struct sftp_link *l, struct sftp_frame *f, struct sftp_call *call, struct err *e)
{
    sftp_link_send(l, f, call);
    return sftp_link_wait(l, call, e);
}

uint32_t sftp_status(const struct sftp_call *call)
{
    struct sftp_reader r = {.at = call->body, .left = call->len};

    if (call->type != FXP_STATUS)
        return FX_OK;
    uint32_t status = sftp_read_u32(&r);
    return r.bad ? FX_FAILURE : status;
}

int sftp_ask_status(struct sftp_link *l, struct sftp_frame *f, uint32_t *ret_status, struct err *e)
{
    struct sftp_call call = {0};
    int rc = sftp_ask(l, f, &call, e);

    if (rc == 0) {
        *ret_status = sftp_status(&call);
        if (call.type != FXP_STATUS)
            rc = sftp_wrong_answer(sftp_link_place(l), "ask", e);
    }
    sftp_call_done(&call);
    return rc;
}

int sftp_wrong_answer(const char *place, const char *doing, struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "%s: %s: the server's answer is no SFTP", place, doing);
}

int sftp_error(const char *place, uint32_t status, const char *doing, const char *name,
               struct err *e)
{
    _cleanup_free_ char *shown = name == NULL ? mem_strdup("") : str_printable(name, strlen(name));
    const char *blank = name == NULL ? "" : " ";

    switch (status) {
    case FX_NO_SUCH_FILE:
        return err_sys(e, ERR_IO, ENOENT, "%s: %s%s%s", place, doing, blank, shown);
    case FX_PERMISSION_DENIED:
        return err_set(e, ERR_DENIED,
                       "%s: %s%s%s: the server denies it (the folder must belong to the user that "
                       "logs in, and its file system be writable: see chown(1) and mount(8) there)",
                       place, doing, blank, shown);
    case FX_OP_UNSUPPORTED:
        return err_set(e, ERR_REFUSED, "%s: %s%s%s: the server does not know how", place, doing,
                       blank, shown);
    default:
        return err_set(e, ERR_IO,
                       "%s: %s%s%s: the server failed, and SFTP does not say why, status %u (its "
                       "system log may; disk and quota may be full)",
                       place, doing, blank, shown, status);
    }
}

int sftp_take_handle(const char *place, const struct sftp_call *call, struct sftp_handle *ret,
                     uint32_t *ret_status, struct err *e)
{
    struct sftp_reader r = {.at = call->body, .left = call->len};
    size_t len;

    ret->len = 0;
    *ret_status = sftp_status(call);
    if (call->type == FXP_STATUS && *ret_status != FX_OK)
        return 1;
    const uint8_t *bytes = sftp_read_bytes(&r, &len);
    if (call->type != FXP_HANDLE || r.bad || len == 0 || len > SFTP_HANDLE_MAX)
        return sftp_wrong_answer(place, "open", e);
    memcpy(ret->bytes, bytes, len);
    ret->len = len;
    return 0;
}

int sftp_take_attrs(const char *place, const struct sftp_call *call, struct sftp_attrs *ret,
                    uint32_t *ret_status, struct err *e)
{
    struct sftp_reader r = {.at = call->body, .left = call->len};

    *ret_status = sftp_status(call);
    if (call->type == FXP_STATUS && *ret_status != FX_OK)
        return 1;
    sftp_read_attrs(&r, ret);
    if (call->type != FXP_ATTRS || r.bad || (ret->has & SFTP_ATTR_MODE) == 0)
        return sftp_wrong_answer(place, "stat", e);
    return 0;
}

int sftp_lstat(struct sftp_link *l, const char *path, struct sftp_attrs *ret, uint32_t *ret_status,
               struct err *e)
{
    struct sftp_call call = {0};
    int rc = sftp_ask(l, sftp_frame_new(FXP_LSTAT, "s", path), &call, e);

    if (rc == 0)
        rc = sftp_take_attrs(sftp_link_place(l), &call, ret, ret_status, e);
    sftp_call_done(&call);
    return rc;
}

void sftp_close_handle(struct sftp_link *l, struct sftp_handle *h)
{
    if (h->len > 0)
        sftp_link_forget(l, sftp_frame_new(FXP_CLOSE, "b", h->bytes, h->len));
    h->len = 0;
}

struct sftp_frame *sftp_frame_open(const char *path, uint32_t flags)
{
    return sftp_frame_new(FXP_OPEN, "suuu", path, flags, (uint32_t)SFTP_ATTR_MODE,
                          (uint32_t)OBJECT_MODE);
}

struct sftp_frame *sftp_frame_mkdir(const char *path)
{
    return sftp_frame_new(FXP_MKDIR, "suu", path, (uint32_t)SFTP_ATTR_MODE, (uint32_t)FOLDER_MODE);
}

bool sftp_is_regular(const struct sftp_attrs *a)
{
    return S_ISREG(a->mode);
}

bool sftp_is_folder(const struct sftp_attrs *a)
{
    return S_ISDIR(a->mode);
}
