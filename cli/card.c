#include "cli/card.h"

#include "cli/keys.h"

void card_print_place(const struct screen *s, const struct destination *d)
{
    _cleanup_free_ char *place = destination_place(d);
    _cleanup_free_ char *credentials = key_where(&d->credentials);
    _cleanup_free_ char *private_key = key_where(&d->private_key);

    say_line(s, PLAIN, "  place        %s%s", destination_is_remote(d) ? "" : "directory ", place);
    if (d->type == DESTINATION_S3) {
        say_line(s, PLAIN, "  endpoint     %s", d->endpoint);
        say_line(s, PLAIN, "  region       %s", d->region);
        say_line(s, PLAIN, "  credentials  %s", credentials);
    } else if (d->type == DESTINATION_SFTP && d->private_key.kind != SECRET_UNSET) {
        say_line(s, PLAIN, "  private key  %s", private_key);
    }
}

/* What --destination and the options beside it are on a machine that has no configuration. */
static char *recovery_options(const struct destination *d, const char *key)
{
    _cleanup_free_ char *bare = destination_place(d), *place = str_shell_quote(bare);

    if (d->type == DESTINATION_S3)
        return mem_printf("--destination %s --endpoint %s --region %s%s%s%s --credentials "
                          "file:CREDENTIALS --key %s",
                          place, d->endpoint, d->region,
                          d->style == S3_STYLE_VIRTUAL ? " --virtual-host" : "",
                          d->ca_file != NULL ? " --ca-file CERTIFICATES" : "",
                          d->insecure ? " --insecure" : "", key);
    if (d->type == DESTINATION_SFTP)
        return mem_printf("--destination %s%s%s --key %s", place,
                          d->private_key.kind != SECRET_UNSET ? " --private-key file:SSHKEY" : "",
                          d->passphrase.kind != SECRET_UNSET ? " --passphrase file:PASSPHRASE" : "",
                          key);
    return mem_printf("--destination PLACE --key %s", key);
}

void card_print_commands(const struct screen *s, const struct destination *d, const char *key,
                         const char *job)
{
    const bool in_file = str_equal(key, "file:KEY");
    _cleanup_free_ char *options = recovery_options(d, key);
    const char *what = in_file ? "key in a file KEY (one line, mode 0600)"
                               : "code of this card, which is asked for";

    if (d->type == DESTINATION_DIRECTORY)
        say_line(s, PLAIN,
                 "  To restore on a bare machine, with this folder mounted at PLACE and the");
    else if (d->type == DESTINATION_S3)
        say_line(s, PLAIN,
                 "  To restore on a bare machine, with the access key's id and the secret key as "
                 "the two lines of a file CREDENTIALS and the");
    else
        say_line(s, PLAIN,
                 "  To restore on a bare machine, with the private key in a file SSHKEY, the "
                 "server's key in ~/.ssh/known_hosts and the");
    say_line(s, PLAIN, "  %s%s%s:", what, d->ca_file != NULL ? "; CERTIFICATES is a copy of " : "",
             d->ca_file != NULL ? d->ca_file : "");
    say_line(s, PLAIN, "    synbakctl list %s", options);
    say_line(s, PLAIN, "    synbakctl restore %s %s --target DIR", job, options);
}
