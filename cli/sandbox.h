/* sandbox.h — what synbakd.service must be allowed for a configuration (systemd.exec(5)). */
#pragma once

#include "lib/config/config.h"

/* The drop-in's text; owned. */
char *sandbox_drop_in(const struct config *c);
/* Below /home, /root or /run/user, which ProtectHome= hides. */
bool sandbox_is_home(const char *path);
/* Below a folder that PrivateTmp= replaces. */
bool sandbox_is_hidden(const char *path);
/* `path` is `folder` or lies in it. */
bool path_inside(const char *path, const char *folder);
