/* s3_refusal.h — what an S3 service's refusals mean, and what to do about them. */
#pragma once

#include "lib/store/s3_request.h"

/* Fills *e. 1: trying again may help; -1: it will not. Does not block. */
int s3_refusal_explain(const struct s3_service *s, const struct s3_reply *r, struct err *e);
