/* folder.h — what stores made of files in folders have in common, here or far away. */
#pragma once

#include <stdint.h>

/* Below the root: what is being put, under names of its own. No object lies there. */
#define INCOMING_DIR ".synbak-incoming"

enum { OBJECT_MODE = 0600, FOLDER_MODE = 0700 };

/* A name in INCOMING_DIR that nobody else has. -1 and errno. */
int folder_temporary_name(char out[33]);
